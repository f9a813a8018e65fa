"""`drplan generate`: what it refuses, what it never writes, and how it runs helm and helmfile."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.command import Called, drplan

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "stringData": {"password": "hunter2"}}
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
HOOK = "helm.sh/hook"
WORKFLOW = "DRWorkflow"


def generate(folder: Path, *objects: dict[str, Any], options: tuple[str, ...] = ()) -> Called:
    """Generate the plan of a release with these objects."""
    path = folder / "rendered.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    return drplan("generate", "--name", "web", "-f", path, *options)


def built(folder: Path, *releases: dict[str, Any], options: tuple[str, ...] = (), **state: Any) -> Called:
    """Generate the plan of a release of a helmfile."""
    path = folder / "built.yaml"
    path.write_text(yaml.safe_dump({**state, "releases": list(releases)}))
    return drplan("generate", "--built", path, *options)


def hooked(name: str, hooks: str, *, kind: str = "Job", **annotations: str) -> dict[str, Any]:
    """A hook."""
    version = "batch/v1" if kind == "Job" else "v1"
    noted = {HOOK: hooks, **{f"{HOOK}-{key.replace('_', '-')}": text for key, text in annotations.items()}}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "annotations": noted}}


def actions(called: Called) -> dict[str, dict[str, Any]]:
    """The actions of all workflows, by name."""
    assert called.code == 0, called.err
    workflows = [document for document in called.documents if document["kind"] == WORKFLOW]
    listed = [action for workflow in workflows for action in workflow["spec"]["actions"]]
    names = [action["name"] for action in listed]
    assert len(set(names)) == len(names)
    return {action["name"]: action for action in listed}


def chart(name: str = "web", **fields: Any) -> dict[str, Any]:
    """A release of a helmfile."""
    return {"name": name, "namespace": "shop", "chart": "oci://registry.example/charts/web", **fields}


def program(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be the only program there is."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_content_of_a_secret_is_in_no_plan(tmp_path: Path) -> None:
    called = generate(tmp_path, SECRET, CONFIG)
    assert called.code == 0
    assert "hunter2" not in called.out
    assert "Secret login: a Secret is in no plan" in called.err
    feeds = actions(called)["create-subscription"]["subscription"]["spec"]["feeds"]
    assert [feed["kind"] for feed in feeds] == ["Secret", "ConfigMap"]


def test_secrets_go_to_a_file_that_only_their_owner_can_read(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text("older")
    file.chmod(0o644)
    called = generate(tmp_path, SECRET, CONFIG, options=("--secrets", str(file)))
    assert called.code == 0
    assert "hunter2" not in called.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (written,) = yaml.safe_load_all(file.read_text())
    assert written["metadata"]["name"] == "secrets.default.login"
    assert written["template"]["stringData"] == {"password": "hunter2"}


def test_hooks_run_by_weight_and_then_by_name(tmp_path: Path) -> None:
    hooks = [
        hooked("late", "pre-install", weight="5"),
        hooked("b", "pre-install"),
        hooked("a", "pre-install"),
        hooked("early", "pre-install", weight="-1"),
    ]
    listed = list(actions(generate(tmp_path, CONFIG, *hooks)))
    assert listed[1:6] == [*(f"{name}-pre-install" for name in ("early", "a", "b", "late")), "create-subscription"]


def test_hooks_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    hooks = [hooked("migrate", "pre-install"), hooked("migrate", "pre-install", kind="ConfigMap")]
    made = actions(generate(tmp_path, *hooks))
    names = {action["subscription"]["name"] for action in made.values() if action["type"] == "Subscription"}
    assert names == {"migrate-job-sub", "migrate-configmap-sub"}


def test_an_object_keeps_its_namespace_and_one_of_the_cluster_has_none(tmp_path: Path) -> None:
    there = {**CONFIG, "metadata": {"name": "there", "namespace": "elsewhere"}}
    classes = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "web"}}
    made = actions(generate(tmp_path, CONFIG, there, classes, options=("-n", "shop")))
    feeds = made["create-subscription"]["subscription"]["spec"]["feeds"]
    assert [feed.get("namespace") for feed in feeds] == ["shop", "elsewhere", None]


def test_definitions_of_kinds_come_first_are_waited_for_and_stay(tmp_path: Path) -> None:
    spec = {"group": "example.com", "scope": "Cluster", "names": {"kind": "Shop", "plural": "shops"}}
    name = {"name": "shops.example.com"}
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": name}
    shop = {"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"name": "main"}}
    made = actions(generate(tmp_path, shop, {**definition, "spec": spec}, options=("--no-wait",)))
    assert list(made)[:3] == ["publish-objects", "create-crds-subscription", "create-subscription"]
    assert made["create-crds-subscription"]["waitReady"] is True
    assert "waitReady" not in made["create-subscription"]
    away = [action for action in made.values() if action["when"] == 'mode == "delete"']
    assert not any(name["name"] in yaml.safe_dump(action) for action in away)
    assert made["create-subscription"]["subscription"]["spec"]["feeds"] == [
        {"apiVersion": "example.com/v1", "kind": "Shop", "name": "main"}
    ]


def test_a_release_of_tests_alone_is_refused(tmp_path: Path) -> None:
    called = generate(tmp_path, hooked("smoke", "test"))
    assert (called.code, called.out) == (1, "")
    assert "rendered.yaml:1:1" not in called.err
    assert "there is nothing to make" in called.err


def test_what_stands_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    called = generate(tmp_path, CONFIG, CONFIG)
    assert called.code == 1
    place = tmp_path / "rendered.yaml"
    assert called.err.startswith(f"{place}:8:1: ConfigMap settings stands already at {place}:1:1;")


def test_an_object_without_a_name_is_refused_with_its_place(tmp_path: Path) -> None:
    called = generate(tmp_path, {**CONFIG, "metadata": {"generateName": "x-"}})
    assert called.code == 1
    assert "rendered.yaml:5:1: metadata.name is required" in called.err


def test_text_that_nothing_can_escape_is_refused_unless_it_is_not_copied(tmp_path: Path) -> None:
    config = {**CONFIG, "data": {"page": "{{ .params.site }}"}}
    called = generate(tmp_path, config)
    assert called.code == 1
    assert '"{{ .params.site }}" would be a parameter of the plan' in called.err
    assert generate(tmp_path, config, options=("--feeds-only",)).code == 0


def test_a_name_that_no_plan_can_have_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump(CONFIG))
    called = drplan("generate", "--name", "Web", "-f", tmp_path / "rendered.yaml", "--output-dir", tmp_path / "out")
    assert called.code == 1
    assert 'DRPlan Web: metadata.name "Web" is not valid' in called.err
    assert not (tmp_path / "out").exists()


def test_applying_the_folder_of_a_plan_starts_nothing(tmp_path: Path) -> None:
    assert generate(tmp_path, CONFIG, options=("--output-dir", str(tmp_path / "out"))).code == 0
    kinds = {yaml.safe_load(path.read_text())["kind"] for path in (tmp_path / "out").glob("*.yaml")}
    assert kinds == {"DRPlan", WORKFLOW}


@pytest.mark.parametrize("key", ["set", "setString", "jsonPatches"])
def test_what_would_deploy_something_else_is_refused(tmp_path: Path, key: str) -> None:
    called = built(tmp_path, chart(**{key: [{"name": "a", "value": "b"}]}))
    assert called.code == 1
    assert f"release web: {key} changes what is deployed" in called.err


def test_a_failed_hook_before_keeps_the_release_from_being_touched(tmp_path: Path) -> None:
    hooks = [{"events": ["preapply", "presync", "postsync"], "command": "true"}]
    called = built(tmp_path, chart(hooks=hooks), options=("--hook-image", "tools:1"))
    stages = called.documents[0]["spec"]["stages"]
    policies = [(stage["name"], stage.get("dependsOn"), stage.get("dependsOnPolicy")) for stage in stages]
    assert policies == [
        ("preapply", None, None),
        ("presync", ["preapply"], "Succeeded"),
        ("execute", ["presync"], "Succeeded"),
        ("postsync", ["execute"], "Finished"),
    ]


def test_hooks_without_an_image_are_refused(tmp_path: Path) -> None:
    called = built(tmp_path, chart(hooks=[{"events": ["presync"], "command": "true"}]))
    assert called.code == 1
    assert "--hook-image" in called.err


def test_text_that_only_helmfile_can_fill_in_is_refused_with_its_place(tmp_path: Path) -> None:
    hooks = [{"events": ["presync"], "command": "echo", "args": ["{{ .Values.site }}"]}]
    called = built(tmp_path, chart(hooks=hooks), options=("--hook-image", "tools:1"))
    assert called.code == 1
    assert f"{tmp_path / 'built.yaml'}:5:7: release web: {{{{ .Values.site }}}} is known only when" in called.err


def test_several_releases_are_named_and_one_can_be_chosen(tmp_path: Path) -> None:
    called = built(tmp_path, chart("web"), chart("db"))
    assert called.code == 1
    assert "expected exactly 1 release without --name, got 2; there are: db, web" in called.err
    chosen = built(tmp_path, chart("web"), chart("db"), options=("--name", "db"))
    assert chosen.documents[0]["metadata"] == {"name": "db", "namespace": "shop"}


def test_a_chart_that_is_in_no_repository_needs_one(tmp_path: Path) -> None:
    release = chart(chart="./charts/web-1.2.3.tgz")
    called = built(tmp_path, release)
    assert called.code == 1
    assert "--chart-repo" in called.err
    made = actions(built(tmp_path, release, options=("--chart-repo", "https://charts.example")))
    spec = made["apply-helmchart"]["helmChart"]["spec"]
    assert (spec["repo"], spec["chart"]) == ("https://charts.example", "web")


@pytest.mark.parametrize(("option", "name"), [("--chart", "helm"), ("--helmfile", "helmfile")])
def test_a_program_that_is_not_there_is_said_with_another_way(
    option: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    called = drplan("generate", "--name", "web", option, "anything")
    assert called.code == 4
    assert called.err.startswith(f"cannot run {name}: it is not on PATH; install it, or ")


def test_a_chart_is_rendered_by_helm_with_the_definitions_and_the_options_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump_all([CONFIG, hooked("smoke", "test")]))
    program(tmp_path, "helm", f'echo "$@" > {tmp_path}/asked; cat {tmp_path}/rendered.yaml', monkeypatch)
    called = drplan("generate", "--name", "web", "-n", "shop", "--chart", "./web", "--", "--set", "a=b")
    assert "create-subscription" in actions(called)
    asked = "template web ./web --namespace shop --include-crds --set a=b"
    assert (tmp_path / "asked").read_text() == f"{asked}\n"
    assert f"<helm {asked}>:12:5: warning: Job smoke: a test" in called.err


def test_a_helmfile_is_resolved_by_helmfile_with_the_options_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "built.yaml").write_text(yaml.safe_dump({"releases": [chart()]}))
    program(tmp_path, "helmfile", f'echo "$@" > {tmp_path}/asked; cat {tmp_path}/built.yaml', monkeypatch)
    called = drplan("generate", "--helmfile", "helmfile.yaml", "--", "--selector", "name=web")
    assert called.documents[0]["metadata"] == {"name": "web", "namespace": "shop"}
    assert (tmp_path / "asked").read_text() == "--file helmfile.yaml --selector name=web build --embed-values\n"


def test_what_a_program_refuses_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "helm", "echo 'Error: no chart' >&2; exit 1", monkeypatch)
    called = drplan("generate", "--name", "web", "--chart", "nowhere")
    assert called.code == 1
    assert "ended with exit code 1:\nError: no chart" in called.err


def test_options_behind_two_dashes_are_for_the_program_alone() -> None:
    called = drplan("generate", "--name", "web", "-f", "x.yaml", "--", "--set", "a=b")
    assert called.code == 1
    assert "-f runs nothing that could take --set a=b" in called.err


@pytest.mark.parametrize("sources", [(), ("-f", "a", "--chart", "b")])
def test_exactly_one_source_is_needed(sources: tuple[str, ...]) -> None:
    called = drplan("generate", "--name", "web", *sources)
    assert called.code == 1
    assert "give one of -f, --chart, --helmfile, --built" in called.err
