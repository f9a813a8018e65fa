"""What can go wrong with each request of an action on objects: its outcome, its record, its words, and what is left.

Each fault meets a write of an object, forward and when it is undone.
"""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import NamedTuple

import pytest

from support import rights
from support.api_actions import KEY, ActionBench, Done, action, assert_succeeded, config, content, deployment, resource
from support.api_admin import Object, until
from support.api_faults import Fault, answer, asks, drop, hold, meanwhile
from support.api_runner import Room, Run, at_once
from support.rbac_audit import REFUSED

pytestmark = pytest.mark.bed

OPERATIONS = ("Create", "Apply", "Patch", "Delete")
WRITES = {"Create": "POST", "Apply": "PATCH", "Patch": "PATCH", "Delete": "DELETE"}
UNDOING = {"Create": "DELETE", "Apply": "PATCH", "Patch": "PATCH", "Delete": "POST"}
HOLD = ["drplan.local/hold"]
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}


class Mishap(NamedTuple):
    """Something that happens to a request, and what the record says about it.

    Attributes:
        name: what it is called.
        fault: what is done with the request.
        times: with how many of them.
        noted: what the record says of a try; empty when it counts for none.
    """

    name: str
    fault: Fault
    times: int = 1
    noted: str = ""


PASSING = (
    Mishap("timeout", answer(408), noted="status 408"),
    Mishap("early", answer(425), noted="status 425"),
    Mishap("busy", answer(429, retry_after=1), noted="status 429"),
    Mishap("broken", answer(500), times=2, noted="status 500"),
    Mishap("gateway", answer(502), noted="status 502"),
    Mishap("away", answer(503, retry_after=1), noted="status 503"),
    Mishap("late", answer(504), noted="status 504"),
    Mishap("cut-before", drop(forwarded=False), noted="Connection aborted"),
    Mishap("cut-after", drop(), noted="Connection aborted"),
    Mishap("rights-unknown", answer(403)),
    Mishap("conflict", answer(409)),
    Mishap("conflicts", answer(409), times=4),
)


@pytest.fixture
def bench(room: Room) -> ActionBench:
    """A room in which actions may change objects of some kinds."""
    return ActionBench(room).granted()


def there(bench: ActionBench, operation: str, name: str = "settings") -> Object | None:
    """Make what is there before an operation."""
    if operation != "Create":
        bench.create(config(name, a="1", b="1"))
    return content(bench.get("ConfigMap", name))


def wanted(operation: str) -> Object | None:
    return {"Create": {"a": "2"}, "Delete": None}.get(operation, {"a": "2", "b": "1"})


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_passes_is_tried_again_and_noted_and_a_conflict_is_no_try(bench: ActionBench, operation: str) -> None:
    def suffer(mishap: Mishap, forward_run: Run, back_run: Run) -> None:
        name = mishap.name
        before = there(bench, operation, name)
        proxy = bench.room.proxy()
        proxy.fault(asks(WRITES[operation], "/configmaps"), mishap.fault, times=mishap.times)
        forward = bench.forward(resource(operation, config(name, a="2")), forward_run, port=proxy.port)
        assert_succeeded(forward)
        assert bench.data(name) == wanted(operation), name
        check_tries(mishap, forward)

        proxy = bench.room.proxy()
        proxy.fault(asks(UNDOING[operation], "/configmaps"), mishap.fault, times=mishap.times)
        back = bench.revert(forward, back_run, port=proxy.port)
        assert_succeeded(back)
        assert content(bench.get("ConfigMap", name)) == before, name
        assert "nothing to do" not in back.message, name
        check_tries(mishap, back)

    runs = [(bench.run(), bench.run()) for _ in PASSING]
    at_once(*(partial(suffer, mishap, *pair) for mishap, pair in zip(PASSING, runs, strict=True)))


def check_tries(mishap: Mishap, done: Done) -> None:
    tries = done.state.get("attempts", [])
    if mishap.noted:
        assert done.state["retryCount"] == mishap.times, mishap.name
        assert len(tries) == mishap.times + 1, mishap.name
        assert all(mishap.noted in one["message"] for one in tries[:-1]), tries
    else:
        assert (done.state.get("retryCount", 0), tries) == (0, []), mishap.name


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_never_passes_fails_the_action_in_time_and_nothing_is_changed(bench: ActionBench, operation: str) -> None:
    def suffer(name: str, fault: Fault, told: tuple[int, str, str], forward_run: Run, back_run: Run) -> None:
        before = there(bench, operation, name)
        proxy = bench.room.proxy()
        proxy.fault(asks(WRITES[operation], "/configmaps"), fault, times=math.inf)
        what = resource(operation, config(name, a="2"), timeout=3.0)
        forward = bench.forward(what, forward_run, port=proxy.port)
        code, reason, text = told
        assert (forward.code, forward.phase, forward.reason) == (code, "Failed", reason), forward.output
        assert forward.message.startswith(text.format(shown=f"ConfigMap {bench.room.namespace}/{name}")), text
        assert content(bench.get("ConfigMap", name)) == before
        assert_succeeded(bench.revert(forward, back_run))
        assert content(bench.get("ConfigMap", name)) == before

    verb = operation.lower()
    cases = [
        ("broken", answer(500), (2, "Unreachable", f"action failed after 2 retries: {verb} {{shown}}: status 500")),
        ("cut", drop(forwarded=False), (2, "Unreachable", f"action failed after 2 retries: {verb} {{shown}}: ")),
        ("conflict", answer(409), (3, "TimedOut", f"timed out after 3 s: {verb} {{shown}}")),
        ("late", answer(503, retry_after=60), (3, "TimedOut", f"timed out after 3 s: {verb} {{shown}}: status 503")),
    ]
    runs = [(bench.run(), bench.run()) for _ in cases]
    at_once(*(partial(suffer, *case, *pair) for case, pair in zip(cases, runs, strict=True)))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_server_that_is_silent_is_waited_for_as_long_as_the_action_has_time(
    bench: ActionBench, operation: str
) -> None:
    before = there(bench, operation)
    proxy, over = bench.room.proxy(), threading.Event()
    proxy.fault(asks(WRITES[operation], "/configmaps"), hold(over), times=math.inf)
    run = bench.run()
    try:
        process = bench.start(resource(operation, config(a="2"), timeout=2.0), run, port=proxy.port)
        # Less than the longest call, and more than any load of the machine.
        assert process.wait(18) == 3
    finally:
        over.set()
    state = run.state(KEY)
    assert (state["phase"], state["reason"]) == ("Failed", "TimedOut")
    assert state["message"].startswith(f"timed out after 2 s: {operation.lower()} ConfigMap {bench.room.namespace}/")
    # What was asked for arrives after all.
    until(lambda: all(asked.status for asked in proxy.asked if asked.method == WRITES[operation]), "the answer")
    assert bench.data() == wanted(operation)
    back = bench.revert(Done(run, resource(operation, config(a="2"), timeout=2.0), 3, process.output))
    if operation in ("Create", "Delete"):
        assert_succeeded(back)
        assert content(bench.get("ConfigMap", "settings")) == before
    else:
        # Nobody has noted what was made of it: that is said, and not taken for undone.
        assert (back.phase, back.reason) == ("Failed", "NotUndoable")
        assert bench.data() == wanted(operation)


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        ({**config("b"), "metadata": {"name": "Not_A_Name"}}, "a lowercase RFC 1123 subdomain"),
        ({**config("b"), "data": {"a b": "1"}}, "a valid config key must consist of"),
        ({**deployment(), "spec": {"replicas": -1}}, "spec.replicas: Invalid value: -1"),
    ],
    ids=["name", "key", "number"],
)
@pytest.mark.parametrize("operation", ["Create", "Apply"])
def test_what_the_server_finds_invalid_is_told_in_its_words_at_once_and_what_came_before_it_can_be_undone(
    bench: ActionBench, operation: str, obj: Object, text: str
) -> None:
    run = bench.run()
    forward = bench.forward(resource(operation, config("a", x="1"), obj), run)
    assert (forward.code, forward.phase, forward.reason) == (2, "Failed", "Refused")
    assert text in forward.message
    assert f"{operation.lower()} {obj['kind']}" in forward.message
    assert "attempts" not in forward.state
    assert forward.state["outputs"]["resourceRef"]["name"] == "a"
    assert [entry["ref"]["name"] for entry in forward.state["before"]] == ["a"]
    assert_succeeded(bench.revert(forward))
    assert bench.administrator.list("ConfigMap", bench.room.namespace) == []


def test_a_field_that_cannot_be_changed_fails_its_patch_and_leaves_the_object(bench: ActionBench) -> None:
    before = content(bench.create(deployment()))
    patch = {**deployment(), "spec": {"selector": {"matchLabels": {"app": "other"}}}}
    forward = bench.forward(resource("Patch", patch))
    assert (forward.code, forward.reason) == (2, "Refused")
    assert "field is immutable" in forward.message
    assert "before" not in forward.state
    back = bench.revert(forward)
    assert back.message == "Rolled back: nothing had been changed"
    assert content(bench.get("Deployment", "web")) == before


@pytest.mark.parametrize("operation", ["Apply", "Patch"])
def test_an_object_that_somebody_deletes_just_before_the_write_is_made_anew_or_missed(
    bench: ActionBench, operation: str
) -> None:
    bench.create(config(a="1", b="1"))
    proxy = bench.room.proxy()
    gone = meanwhile(lambda: bench.delete("ConfigMap", "settings"), forwarded=False)
    proxy.fault(asks("PATCH", "/configmaps"), gone)
    forward = bench.forward(resource(operation, config(a="2")), port=proxy.port)
    if operation == "Apply":
        assert_succeeded(forward)
        assert bench.data() == {"a": "2"}
        assert [entry["existed"] for entry in forward.state["before"]] == [False]
    else:
        assert (forward.code, forward.reason) == (2, "NotFound")
        assert "it does not exist, and Patch changes what exists" in forward.message
        assert "before" not in forward.state
    assert_succeeded(bench.revert(forward))
    assert bench.get("ConfigMap", "settings") is None


def test_an_object_that_is_going_is_in_the_way_of_a_create_and_not_ready_for_an_apply(bench: ActionBench) -> None:
    held = config(a="1")
    held["metadata"]["finalizers"] = HOLD
    bench.create(held)
    bench.delete("ConfigMap", "settings")
    create = bench.forward(resource("Create", config(a="2")))
    assert (create.code, create.reason) == (2, "Conflict")
    assert "it already exists and was not made by this action" in create.message
    apply = bench.forward(resource("Apply", config(a="2"), waitReady=True, timeout=2.0))
    assert (apply.code, apply.reason) == (3, "TimedOut")
    assert apply.message.endswith(
        f"ConfigMap {bench.room.namespace}/settings: being deleted, held by finalizers {HOLD[0]}"
    )
    bench.change("ConfigMap", "settings", {"metadata": {"finalizers": None}})


def test_what_we_made_and_somebody_holds_is_undone_with_a_word_about_who_holds_it(bench: ActionBench) -> None:
    forward = bench.forward(resource("Create", config(a="1"), timeout=2.0))
    bench.change("ConfigMap", "settings", {"metadata": {"finalizers": HOLD}})
    back = bench.revert(forward)
    assert_succeeded(back)
    assert f"settings deletion accepted, finalizers {HOLD[0]} hold it" in back.message
    assert (bench.get("ConfigMap", "settings") or {})["metadata"]["deletionTimestamp"]
    bench.change("ConfigMap", "settings", {"metadata": {"finalizers": None}})


def test_a_namespace_that_is_going_takes_back_nothing_that_was_deleted_in_it(refusing: ActionBench) -> None:
    bench = refusing
    name = f"{bench.room.namespace}-more{REFUSED}"
    bench.administrator.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    every = rights.rule("configmaps", "get", "create", "patch", "delete")
    rights.grant(bench.administrator, every, to=bench.room.namespace, namespace=name)
    obj = config(a="1")
    bench.administrator.create(obj, namespace=name)
    obj["metadata"]["namespace"] = name
    forward = bench.forward(resource("Delete", obj))
    assert_succeeded(forward)
    bench.administrator.delete("Namespace", "", name)
    back = bench.revert(forward)
    assert (back.code, back.reason) == (2, "Refused")
    assert "because it is being terminated" in back.message
    assert "attempts" not in back.state


@pytest.mark.parametrize(
    ("spec", "verb", "resource_of"),
    [
        (resource("Apply", deployment()), "patch", "deployments.apps"),
        (resource("Patch", deployment()), "patch", "deployments.apps"),
        (resource("Delete", deployment()), "delete", "deployments.apps"),
        (resource("Apply", SERVICE), "get", "services"),
        (action("Job", "job", "Create", {"template": {"spec": {}}}), "get", "jobs.batch"),
    ],
    ids=["apply", "patch", "delete", "get", "job"],
)
def test_a_right_that_is_missing_is_named_and_nothing_is_changed(
    refusing: ActionBench, spec: Object, verb: str, resource_of: str
) -> None:
    bench = refusing
    namespace = bench.room.namespace
    if spec["type"] == "Job":
        spec = {**spec, "job": {**spec["job"], "namespace": namespace}}
    reading = rights.rule("deployments.apps", "get", "create")
    rights.grant(bench.administrator, reading, to=namespace, namespace=namespace, name="reading")
    before = content(bench.create(deployment()))
    forward = bench.forward(spec)
    assert (forward.code, forward.phase, forward.reason) == (4, "Failed", "Forbidden")
    assert forward.message == (
        f"not allowed: {verb} {resource_of} in namespace {namespace} (service account drplan-runner); "
        "grant it: drplan rbac -f PLAN prints the Role"
    )
    assert "attempts" not in forward.state
    assert "before" not in forward.state
    assert content(bench.get("Deployment", "web")) == before


def test_an_api_server_that_is_restarted_in_the_middle_of_a_manifest_is_waited_for(bench: ActionBench) -> None:
    bed = bench.administrator.bed
    for name in "abc":
        bench.create(config(name, x="1"))
    proxy, reached, again = bench.room.proxy(), threading.Event(), threading.Event()
    proxy.fault(asks("PATCH", "/configmaps/b"), Fault(before=lambda: (reached.set(), again.wait(60))))
    what = resource("Apply", *(config(name, x="2") for name in "abcd"), timeout=90.0)
    what["retry"] = {"limit": 60, "interval": 0.5, "multiplier": 1.0}
    run = bench.run()
    process = bench.start(what, run, port=proxy.port)
    assert reached.wait(30)
    bed.stop("kube-apiserver")
    already = len(proxy.asked)
    try:
        again.set()
        proxy.wait_for(already + 3)
    finally:
        # Before it is ready it knows no Roles, and is not to be asked: so a load balancer does.
        proxy.refuse()
        bed.start_again("kube-apiserver")
        bed.wait("the API server is ready", bed.kube.ready)
        proxy.accept()
    assert process.wait(90) == 0, process.output
    forward = Done(run, what, 0, process.output)
    assert_succeeded(forward)
    assert [bench.data(name) for name in "abcd"] == [{"x": "2"}] * 4
    assert forward.state["retryCount"] >= 1
    assert [entry["ref"]["name"] for entry in forward.state["after"]] == list("abcd")
    assert_succeeded(bench.revert(forward))
    assert [bench.data(name) for name in "abcd"] == [{"x": "1"}] * 3 + [None]
