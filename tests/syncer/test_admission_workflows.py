"""DRWorkflows at admission: every rule in the words that users know, and when a workflow may go."""

from __future__ import annotations

from typing import Any

import pytest

from support.admission import create, delete, refusal, update
from support.plans import http, localization, plan, stage, workflow

UNDONE = {"http": {"url": "http://site.example/undo"}}
SUBSCRIBER = {"clusterAffinity": {"matchLabels": {"a": "b"}}}
FEED = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
POD = {"containers": [{"name": "a", "image": "b"}], "restartPolicy": "Never"}
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
BY_ITSELF = "no custom rollback defined, will use automatic rollback (delete resource)"

Object = dict[str, Any]


def act(kind: str, block: str, config: Object | None, **fields: Any) -> Object:
    return {"name": "a", "type": kind, **({} if config is None else {block: config}), **fields}


def blocks() -> list[tuple[Object, str]]:
    """Actions whose block lacks something, and what."""
    named, placed = {"name": "x"}, {"name": "x", "namespace": "y"}
    cases: list[tuple[str, str, Object | None, str]] = [
        ("HTTP", "http", None, "HTTP configuration is required"),
        ("HTTP", "http", {}, "HTTP.URL is required"),
        ("Job", "job", None, "Job configuration is required"),
        ("Subscription", "subscription", None, "Subscription configuration is required"),
        ("Subscription", "subscription", {"operation": "Delete"}, "Subscription.Name is required"),
        ("Subscription", "subscription", named, "Subscription.Spec is required when operation=Create"),
        (
            "Subscription",
            "subscription",
            {**named, "spec": {"subscribers": [SUBSCRIBER]}},
            "Subscription.Spec.Feeds is required (at least one feed)",
        ),
        (
            "Subscription",
            "subscription",
            {**named, "spec": {"feeds": [FEED]}},
            "Subscription.Spec.Subscribers is required (at least one subscriber)",
        ),
        ("KubernetesResource", "resource", None, "KubernetesResource configuration is required"),
        ("KubernetesResource", "resource", {}, "KubernetesResource.Manifest is required"),
    ]
    for word, block, whole in (
        ("Localization", "localization", placed),
        ("Globalization", "globalization", named),
        ("HelmChart", "helmChart", placed),
    ):
        cases.append((word, block, None, f"{word} configuration is required"))
        cases.append((word, block, {**whole, "name": "", "operation": "Delete"}, f"{word}.Name is required"))
        if "namespace" in whole:
            cases.append((word, block, {**named, "operation": "Delete"}, f"{word}.Namespace is required"))
        for operation in ("Create", "Apply", "Patch"):
            message = f"{word}.Spec is required when operation={operation}"
            cases.append((word, block, {**whole, "operation": operation}, message))
    for word, block, whole in (("Localization", "localization", placed), ("Globalization", "globalization", named)):
        message = f"{word}.Spec.Feed (apiVersion, kind, name) is required when operation=Apply"
        cases.append((word, block, {**whole, "operation": "Apply", "spec": {"overridePolicy": "ApplyNow"}}, message))
    chart = {"repo": "https://charts.example", "chart": "c", "targetNamespace": "t"}
    for field, shown in (("repo", "Repo"), ("chart", "Chart"), ("targetNamespace", "TargetNamespace")):
        spec = {name: text for name, text in chart.items() if name != field}
        message = f"HelmChart.Spec.{shown} is required when operation=Create"
        cases.append(("HelmChart", "helmChart", {**placed, "spec": spec}, message))
    return [(act(kind, block, config), message) for kind, block, config, message in cases]


@pytest.mark.parametrize(("action", "message"), blocks())
def test_an_action_that_lacks_something_is_refused(action: Object, message: str) -> None:
    found = create(workflow("mysql", action))

    assert not found.allowed
    assert found.message == refusal(f"action[0] 'a': {message}")


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (workflow("mysql"), ["at least one action is required"]),
        (workflow("mysql", http("a"), http("a")), ["action[1]: duplicate action name 'a'"]),
        (workflow("mysql", http("")), ["action[0]: name is required"]),
        (workflow("mysql", act("Magic", "magic", None)), ["action[0] 'a': unsupported action type 'Magic'"]),
        (workflow("mysql", http("a"), parameters=[{}]), ["parameter[0]: name is required"]),
        (
            workflow("mysql", http("a"), parameters=[{"name": "x"}, {"name": "x"}]),
            ["parameter[1]: duplicate parameter name 'x'"],
        ),
        (
            workflow("mysql", http("a", dependsOn=["b"]), http("b", dependsOn=["a"])),
            ["cycle detected in action dependsOn graph (2 actions in cycle): [a b a]"],
        ),
        (
            workflow("mysql", http("a", timeout="soon")),
            ["action[0] 'a': invalid timeout: \"soon\" is not a duration; write for example 30s, 5m or 1h30m"],
        ),
    ],
)
def test_a_workflow_that_breaks_a_rule_is_refused_whether_it_is_new_or_changed(
    manifest: Object, errors: list[str]
) -> None:
    created, changed = create(manifest), update(workflow("mysql", http("z")), manifest)

    assert not created.allowed
    assert created.message == refusal(*errors)
    assert changed == created


@pytest.mark.parametrize(
    "action",
    [
        act("Job", "job", {"template": {"spec": {"template": {"spec": POD}}}}),
        {**localization("a"), "name": "a"},
        act("Globalization", "globalization", {"operation": "Create", "name": "x", "spec": {"feed": FEED}}),
        act("KubernetesResource", "resource", {"operation": "Create", "manifest": CONFIG_MAP}),
        act("KubernetesResource", "resource", {"operation": "Apply", "manifest": CONFIG_MAP}),
    ],
)
def test_what_a_revert_will_delete_is_a_warning(action: Object) -> None:
    found = create(workflow("mysql", action))

    assert found.allowed
    assert found.warnings == (f"action[0] 'a': {BY_ITSELF}",)


def test_a_patch_needs_no_custom_rollback_because_what_it_changes_is_recorded() -> None:
    found = create(workflow("mysql", localization("a", operation="Patch")))

    assert (found.allowed, found.warnings) == (True, ())


def test_with_a_custom_rollback_there_is_nothing_to_warn_of() -> None:
    assert create(workflow("mysql", http("a", rollback=UNDONE))).warnings == ()


def test_a_workflow_that_no_plan_uses_goes() -> None:
    assert delete(workflow("mysql", http("a")), plan(stage("db", "redis"))).allowed


def test_a_workflow_that_plans_use_stays_and_names_them_from_whatever_namespace() -> None:
    near, far = plan(stage("db", "mysql")), plan(stage("db", {"workflowRef": {"name": "mysql", "namespace": "dr"}}))
    far["metadata"] = {"name": "buy", "namespace": "shop"}

    found = delete(workflow("mysql", http("a")), near, far)

    assert not found.allowed
    assert found.message == "cannot delete DRWorkflow dr/mysql: referenced by DRPlan(s): [dr/pay shop/buy]"
    assert found.warnings == ("Workflow is referenced by 2 plan(s)",)


def test_a_workflow_of_the_same_name_in_another_namespace_is_another_one() -> None:
    assert delete(workflow("mysql", http("a"), namespace="lib"), plan(stage("db", "mysql"))).allowed
