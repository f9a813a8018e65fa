"""Manifests of several objects, of kinds of all sorts, of Secrets and of large ones, on a real API server."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from runner import vocabulary as words
from support.api_actions import KEY, ActionBench, Done, assert_succeeded, config, content, deployment, resource, secret
from support.api_faults import Victim, asks, kill
from support.api_runner import Room

pytestmark = pytest.mark.bed


@pytest.fixture
def bench(room: Room) -> ActionBench:
    """A room in which actions may change objects of some kinds."""
    return ActionBench(room).granted()


def test_objects_are_created_in_an_order_that_works_and_undone_in_reverse(bench: ActionBench) -> None:
    proxy = bench.room.proxy()
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    forward = bench.forward(resource("Apply", deployment(), service, config(a="1")), port=proxy.port)
    assert_succeeded(forward)
    assert _written(proxy.asked, "PATCH") == ["settings", "web", "web"]
    names = ["ConfigMap", "Service", "Deployment"]
    assert [entry["ref"]["kind"] for entry in forward.state["before"]] == names
    assert "3 resources Apply successfully: ConfigMap" in forward.message
    back = bench.revert(forward)
    assert_succeeded(back)
    assert [bench.get(kind, "settings" if kind == "ConfigMap" else "web") for kind in ("ConfigMap", "Deployment")] == [
        None,
        None,
    ]
    assert [entry["ref"]["kind"] for entry in back.state["before"]] == names[::-1]


def _written(asked: Any, method: str) -> list[str]:
    ours = [one.path for one in asked if one.method == method and "dractionrecords" not in one.path]
    return [path.rpartition("/")[2] for path in ours]


def test_everything_that_is_changed_is_recorded_before_the_first_of_it_is(bench: ActionBench) -> None:
    for name in "ab":
        bench.create(config(name, x="1"))
    proxy = bench.room.proxy()
    run, victim = bench.run(), Victim()
    proxy.fault(asks("PATCH", "/configmaps"), kill(victim, forwarded=False))
    process = bench.start(
        resource("Apply", config("a", x="2"), config("b", x="2")), run, port=proxy.port, victim=victim
    )
    process.wait(30)
    state = run.state(KEY)
    assert (state["phase"], state["sent"]) == ("Started", True)
    assert [entry["ref"]["name"] for entry in state["before"]] == ["a", "b"]
    assert [bench.data(name) for name in "ab"] == [{"x": "1"}, {"x": "1"}]


def test_a_definition_and_its_object_come_in_one_manifest(bench: ActionBench) -> None:
    bench.grant_everywhere("customresourcedefinitions.apiextensions.k8s.io")
    group = f"g{bench.room.namespace[-6:]}.drplan.local"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }
    gadget = {"apiVersion": f"{group}/v1", "kind": "Gadget", "metadata": {"name": "one"}, "spec": {"size": 3}}
    rule = {"apiGroups": [group], "resources": ["gadgets"], "verbs": ["get", "create", "patch", "delete"]}
    bench.change("Role", f"drplan-runner-actions-{bench.room.namespace}", {"rules": [rule]})
    forward = bench.forward(resource("Create", gadget, definition))
    assert_succeeded(forward)
    path = f"/apis/{group}/v1/namespaces/{bench.room.namespace}/gadgets/one"
    assert bench.administrator.ask("GET", path)["spec"] == {"size": 3}
    assert_succeeded(bench.revert(forward))
    assert bench.administrator.get("CustomResourceDefinition", "", f"gadgets.{group}") is None


def test_an_object_without_a_namespace_is_created_and_deleted_whatever_namespace_its_manifest_says(
    bench: ActionBench,
) -> None:
    bench.grant_everywhere("namespaces")
    name = f"{bench.room.namespace}-more"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "namespace": "nonsense"}}
    forward = bench.forward(resource("Create", namespace))
    assert_succeeded(forward)
    assert forward.message == f"Resource Namespace {name} Create successfully"
    assert bench.administrator.get("Namespace", "", name) is not None
    # No controller of namespaces runs here, so its finalizer holds it for good.
    back = bench.revert(forward, environment={})
    assert_succeeded(back)
    left = bench.administrator.get("Namespace", "", name)
    assert left is None or left["metadata"]["deletionTimestamp"]


def test_a_kind_that_nobody_defines_fails_and_says_so(bench: ActionBench) -> None:
    gadget = {"apiVersion": "nobody.drplan.local/v1", "kind": "Gadget", "metadata": {"name": "one"}}
    forward = bench.forward(resource("Apply", gadget, timeout=3.0))
    assert forward.phase == "Failed"
    assert "there is no kind Gadget in apiVersion nobody.drplan.local/v1" in forward.message


def test_a_manifest_that_names_an_object_twice_fails_before_anything_is_done(bench: ActionBench) -> None:
    forward = bench.forward(resource("Apply", config(a="1"), config(a="2")))
    assert (forward.code, forward.reason) == (4, "InvalidSpec")
    assert bench.get("ConfigMap", "settings") is None


def test_a_secret_is_created_and_deleted_again_without_the_role_for_secrets(bench: ActionBench) -> None:
    forward = bench.forward(resource("Create", secret(token="correct horse battery")))
    assert_succeeded(forward)
    assert "object" not in forward.state["values"]
    _nothing_of(forward, "correct horse battery")
    back = bench.revert(forward)
    assert_succeeded(back)
    assert bench.get("Secret", "password") is None


@pytest.mark.parametrize("operation", ["Apply", "Patch", "Delete"])
def test_a_secret_is_changed_and_restored_and_none_of_it_is_in_the_record(bench: ActionBench, operation: str) -> None:
    bench.grant_secrets_role()
    before = bench.create(secret(token="correct horse battery", other="stays"))
    forward = bench.forward(resource(operation, secret(token="staple of the new side")))
    assert_succeeded(forward)
    kept = bench.get("Secret", forward.state["before"][0]["secretRef"]["name"])
    assert kept is not None
    assert kept["metadata"]["ownerReferences"][0]["name"] == forward.run.record_name(KEY)
    for value in ("correct horse battery", "staple of the new side"):
        _nothing_of(forward, value)
    back = bench.revert(forward)
    assert_succeeded(back)
    assert content(bench.get("Secret", "password")) == content(before)
    _nothing_of(back, "correct horse battery")


def test_without_the_role_for_secrets_one_that_exists_is_not_changed(refusing: ActionBench) -> None:
    bench = refusing
    before = bench.create(secret(token="correct horse battery"))
    forward = bench.forward(resource("Patch", secret(token="staple of the new side")))
    assert (forward.code, forward.phase, forward.reason) == (4, "Failed", "Forbidden")
    assert words.RUNNER_SECRETS_ROLE in forward.message
    assert content(bench.get("Secret", "password")) == content(before)
    _nothing_of(forward, "correct horse battery")


def test_what_the_server_quotes_of_a_secret_is_not_repeated(bench: ActionBench) -> None:
    broken = secret()
    broken["data"] = {"token": "staple-of-the-new-side!"}
    forward = bench.forward(resource("Create", broken))
    assert forward.phase == "Failed"
    _nothing_of(forward, "staple-of-the-new-side")


def _nothing_of(done: Done, value: str) -> None:
    encoded = base64.b64encode(value.encode()).decode()
    for text in (json.dumps(done.run.record(KEY)), done.output):
        assert value not in text
        assert encoded not in text


def test_what_is_too_large_to_be_kept_is_not_changed(bench: ActionBench) -> None:
    noise = base64.b64encode(random.Random(1).randbytes(450 * 1024)).decode()
    before = bench.create(config(a=noise))
    forward = bench.forward(resource("Patch", config(b="2")))
    assert (forward.code, forward.reason) == (2, "PreImageTooLarge")
    assert not forward.state.get("before")
    assert content(bench.get("ConfigMap", "settings")) == content(before)


def test_a_change_whose_result_is_too_large_to_be_kept_is_undone_only_while_nobody_touches_it(
    bench: ActionBench,
) -> None:
    noise = random.Random(1)
    most, rest = (base64.b64encode(noise.randbytes(size * 1024)).decode() for size in (280, 45))
    for name in "ab":
        bench.create(config(name, a=most))
    first = bench.forward(resource("Patch", config("a", b=rest)))
    second = bench.forward(resource("Patch", config("b", b=rest)))
    assert_succeeded(first)
    assert "gz" not in first.state["after"][0]
    assert_succeeded(bench.revert(first))
    assert bench.data("a") == {"a": most}
    bench.change("ConfigMap", "b", {"data": {"c": "theirs"}})
    back = bench.revert(second)
    assert (back.phase, back.reason) == ("Failed", "NotUndoable")
    assert bench.data("b") == {"a": most, "b": rest, "c": "theirs"}
