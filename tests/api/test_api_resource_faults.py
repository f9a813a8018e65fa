"""Actions on objects when runners die, answers get lost, others are quicker or rights are missing; and their waits."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from runner import vocabulary as words
from support import rights
from support.api_actions import KEY, ActionBench, Done, assert_succeeded, config, content, deployment, resource, secret
from support.api_admin import until
from support.api_faults import Victim, answer, asks, drop, hold, kill, meanwhile
from support.api_runner import Room
from support.runner_bench import Bench, BenchLane

pytestmark = pytest.mark.bed


@pytest.fixture
def bench(room: Room) -> ActionBench:
    """A room in which actions may change objects of some kinds."""
    return ActionBench(room).granted()


@pytest.mark.parametrize("forwarded", [False, True])
@pytest.mark.parametrize("operation", ["Create", "Apply", "Patch", "Delete"])
def test_an_action_whose_runner_died_at_its_write_is_gone_on_with(
    bench: ActionBench, operation: str, forwarded: bool
) -> None:
    if operation in ("Patch", "Delete"):
        bench.create(config(a="1", b="1"))
    before = content(bench.get("ConfigMap", "settings"))
    proxy = bench.room.proxy()
    run, victim = bench.run(), Victim()
    method = {"Create": "POST", "Delete": "DELETE"}.get(operation, "PATCH")
    proxy.fault(asks(method, "/configmaps"), kill(victim, forwarded=forwarded))
    bench.start(resource(operation, config(a="2")), run, port=proxy.port, victim=victim).wait(30)
    forward = bench.forward(resource(operation, config(a="2")), run, pod="pod-2")
    assert_succeeded(forward)
    wanted = {"Patch": {"a": "2", "b": "1"}, "Delete": None}.get(operation, {"a": "2"})
    assert bench.data() == wanted
    assert_succeeded(bench.revert(forward))
    assert content(bench.get("ConfigMap", "settings")) == before


@pytest.mark.parametrize("forwarded", [False, True])
@pytest.mark.parametrize("operation", ["Create", "Patch", "Delete"])
def test_a_revert_whose_runner_died_at_its_write_is_gone_on_with(
    bench: ActionBench, operation: str, forwarded: bool
) -> None:
    if operation in ("Patch", "Delete"):
        bench.create(config(a="1", b="1"))
    before = content(bench.get("ConfigMap", "settings"))
    forward = bench.forward(resource(operation, config(a="2")))
    proxy = bench.room.proxy()
    run, victim = bench.run(), Victim()
    method = {"Create": "DELETE", "Delete": "POST"}.get(operation, "PATCH")
    proxy.fault(asks(method, "/configmaps"), kill(victim, forwarded=forwarded))
    flags = ("--direction=revert", f"--undo={forward.run.record_name(KEY)}")
    bench.start(forward.spec, run, *flags, port=proxy.port, victim=victim).wait(30)
    assert_succeeded(bench.revert(forward, run, pod="pod-2"))
    assert content(bench.get("ConfigMap", "settings")) == before


@pytest.mark.parametrize("operation", ["Create", "Apply", "Patch", "Delete"])
def test_a_write_whose_answer_was_lost_is_made_sure_of(bench: ActionBench, operation: str) -> None:
    if operation in ("Patch", "Delete"):
        bench.create(config(a="1"))
    before = content(bench.get("ConfigMap", "settings"))
    proxy = bench.room.proxy()
    method = {"Create": "POST", "Delete": "DELETE"}.get(operation, "PATCH")
    proxy.fault(asks(method, "/configmaps"), drop())
    forward = bench.forward(resource(operation, config(a="2")), port=proxy.port)
    assert_succeeded(forward)
    assert forward.state["retryCount"] == 1
    assert len(forward.state["attempts"]) == 2
    assert bench.data() == (None if operation == "Delete" else {"a": "2"})
    assert_succeeded(bench.revert(forward))
    assert content(bench.get("ConfigMap", "settings")) == before


@pytest.mark.parametrize("operation", ["Apply", "Patch"])
def test_what_somebody_changes_just_before_the_write_is_recorded_and_comes_back(
    bench: ActionBench, operation: str
) -> None:
    bench.create(config(a="1"))
    proxy = bench.room.proxy()
    others = lambda: bench.change("ConfigMap", "settings", {"data": {"a": "theirs"}})  # noqa: E731
    proxy.fault(asks("PATCH", "/configmaps"), meanwhile(others, forwarded=False))
    forward = bench.forward(resource(operation, config(a="2")), port=proxy.port)
    assert_succeeded(forward)
    assert bench.data() == {"a": "2"}
    assert_succeeded(bench.revert(forward))
    assert bench.data() == {"a": "theirs"}


def test_what_somebody_makes_anew_just_before_it_is_deleted_is_recorded_and_comes_back(bench: ActionBench) -> None:
    bench.create(config(a="1"))
    proxy = bench.room.proxy()

    def anew() -> None:
        bench.delete("ConfigMap", "settings")
        bench.create(config(a="theirs"))

    proxy.fault(asks("DELETE", "/configmaps"), meanwhile(anew, forwarded=False))
    forward = bench.forward(resource("Delete", config()), port=proxy.port)
    assert_succeeded(forward)
    assert bench.get("ConfigMap", "settings") is None
    assert_succeeded(bench.revert(forward))
    assert bench.data() == {"a": "theirs"}


@pytest.mark.parametrize("operation", ["Create", "Apply"])
def test_what_somebody_creates_just_before_us_is_never_taken_for_ours(bench: ActionBench, operation: str) -> None:
    proxy = bench.room.proxy()
    method = "POST" if operation == "Create" else "PATCH"
    others = lambda: bench.create(config(b="theirs"))  # noqa: E731
    proxy.fault(asks(method, "/configmaps"), meanwhile(others, forwarded=False))
    forward = bench.forward(resource(operation, config(a="1")), port=proxy.port)
    assert forward.phase == ("Failed" if operation == "Create" else "Succeeded")
    bench.revert(forward)
    assert (bench.data() or {}).get("b") == "theirs"


def test_a_manifest_whose_runner_died_half_way_is_gone_on_with_and_undone_whole(bench: ActionBench) -> None:
    bench.create(config("a", x="1"))
    bench.create(config("b", x="1"))
    proxy = bench.room.proxy()
    run, victim = bench.run(), Victim()
    what = resource("Apply", config("a", x="2"), config("b", x="2"), config("c", x="2"))
    proxy.fault(asks("PATCH", "/configmaps/b"), kill(victim, forwarded=False))
    bench.start(what, run, port=proxy.port, victim=victim).wait(30)
    # Somebody changes what was written already: it is not what was there before our change.
    bench.change("ConfigMap", "a", {"data": {"y": "theirs"}})
    forward = bench.forward(what, run, pod="pod-2")
    assert_succeeded(forward)
    assert [bench.data(name) for name in "abc"] == [{"x": "2", "y": "theirs"}, {"x": "2"}, {"x": "2"}]
    assert_succeeded(bench.revert(forward))
    assert [bench.data(name) for name in "ab"] == [{"x": "1"}, {"x": "1"}]
    assert bench.get("ConfigMap", "c") is None


def test_a_runner_that_is_told_to_stop_ends_between_two_objects_and_the_next_goes_on(bench: ActionBench) -> None:
    proxy = bench.room.proxy()
    run = bench.run()
    what = resource("Create", config("a", x="1"), config("b", x="1"))
    began = threading.Event()
    proxy.fault(asks("POST", "/configmaps"), hold(began))
    process = bench.start(what, run, port=proxy.port)
    proxy.wait_for(1, "POST", "/configmaps")
    process.stop()
    began.set()
    assert process.wait(30) == 143
    state = run.state(KEY)
    assert state["holder"]["released"] is True
    assert [entry["ref"]["name"] for entry in state["after"]] == ["a"]
    assert bench.get("ConfigMap", "b") is None
    forward = bench.forward(what, run, pod="pod-2")
    assert_succeeded(forward)
    assert [bench.data(name) for name in "ab"] == [{"x": "1"}, {"x": "1"}]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_come_again_is_asked_again(bench: ActionBench, status: int) -> None:
    proxy = bench.room.proxy()
    proxy.fault(asks("POST", "/configmaps"), answer(status, retry_after=1))
    forward = bench.forward(resource("Create", config(a="1")), port=proxy.port)
    assert_succeeded(forward)
    assert "retry 1 of 2 in 1 s" in forward.output
    assert bench.data() == {"a": "1"}


def test_a_token_that_is_not_taken_once_may_just_have_been_replaced(bench: ActionBench) -> None:
    proxy = bench.room.proxy()
    proxy.fault(asks("POST", "/configmaps"), answer(401))
    none = {"limit": 0, "interval": 0.05, "multiplier": 2.0}
    assert_succeeded(bench.forward(resource("Create", config(a="1"), retry=none), port=proxy.port))


def test_a_token_that_is_never_taken_is_a_matter_of_rights(bench: ActionBench) -> None:
    proxy = bench.room.proxy()
    proxy.fault(asks("POST", "/configmaps"), answer(401), times=9)
    none = {"limit": 0, "interval": 0.05, "multiplier": 2.0}
    forward = bench.forward(resource("Create", config(a="1"), retry=none), port=proxy.port)
    assert (forward.code, forward.reason) == (4, "Forbidden")
    assert proxy.count("POST", "/configmaps") == 2


def test_an_object_that_is_being_deleted_is_waited_for_and_created_again(bench: ActionBench) -> None:
    held = config(a="1")
    held["metadata"]["finalizers"] = ["drplan.local/hold"]
    bench.create(held)
    forward = bench.forward(resource("Delete", config()))
    run = bench.run()
    flags = ("--direction=revert", f"--undo={forward.run.record_name(KEY)}")
    process = bench.start(forward.spec, run, *flags)
    until(lambda: "finalizers drplan.local/hold hold it" in process.output, "a word about the finalizer")
    bench.change("ConfigMap", "settings", {"metadata": {"finalizers": None}})
    assert process.wait(30) == 0
    assert bench.data() == {"a": "1"}


def test_a_run_by_hand_labels_what_it_makes_with_its_workflow_and_can_be_repeated(bench: ActionBench) -> None:
    run = bench.room.break_glass()
    forward = bench.forward(resource("Create", config(a="1")), run)
    assert_succeeded(forward)
    labels = (bench.get("ConfigMap", "settings") or {})["metadata"]["labels"]
    assert labels[words.LABEL_EXECUTION_UID] == run.workflow_uid
    assert_succeeded(bench.revert(forward))
    assert bench.get("ConfigMap", "settings") is None


def test_a_hook_and_a_custom_rollback_of_a_revert_are_done_not_undone(bench: ActionBench) -> None:
    run = bench.run()
    custom = resource("Create", config("custom", a="1"), rollback=True)
    process = bench.start(custom, run, "--direction=revert", "--undo=pay-none-0123456789")
    assert process.wait(30) == 0
    assert run.state(KEY)["message"] == "Rolled back: executed custom rollback action"
    hook = run.pod("pod-2").start("s1.w1.h1", bench.placed(resource("Create", config("hook"))), "--direction=revert")
    assert hook.wait(30) == 0
    assert [bench.get("ConfigMap", name) is not None for name in ("custom", "hook")] == [True, True]


def test_on_one_machine_an_action_changes_the_cluster_that_the_environment_names(
    bench: ActionBench, tmp_path: Path
) -> None:
    local = Bench(tmp_path)
    local.open_fence()
    environment = {
        words.ENV_API_HOST: "127.0.0.1",
        words.ENV_API_PORT: str(bench.room.port),
        words.ENV_SERVICE_ACCOUNT: str(bench.room.account),
    }
    bench.grant_secrets_role()
    before = bench.create(secret(token="correct horse battery"))
    what = bench.placed(resource("Patch", secret(token="staple of the new side")))
    runner = _lane(local, bench).start(KEY, what, environment=environment)
    assert runner.wait() == 0, runner.output
    record = local.record(KEY)
    assert "horse" not in json.dumps(record)
    flags = ("--direction=revert", f"--undo={record['metadata']['name']}")
    local.open_fence(workflow="pay-r-1-e1")
    back = _lane(local, bench, "lane-2", workflow="pay-r-1-e1").start("s2.w1.a1", what, *flags, environment=environment)
    assert back.wait() == 0, back.output
    assert content(bench.get("Secret", "password")) == content(before)


def _lane(local: Bench, bench: ActionBench, name: str = "lane-1", **options: str) -> BenchLane:
    """Make a lane of a plan in the bench's namespace."""
    lane = local.lane(name, **options)
    about = local.folder / f"about-{name}" / words.ABOUT_RUN
    about.write_text(json.dumps({**json.loads(about.read_text()), "namespace": bench.room.namespace}))
    return lane


def test_an_api_server_that_never_answers_a_write_fails_the_action(bench: ActionBench) -> None:
    proxy = bench.room.proxy()
    proxy.fault(asks("POST", "/configmaps"), drop(forwarded=False), times=9)
    forward = bench.forward(resource("Create", config(a="1")), port=proxy.port)
    assert (forward.code, forward.reason) == (2, "Unreachable")
    assert forward.message.startswith("action failed after 2 retries: create ConfigMap")
    assert forward.state["retryCount"] == 2


def test_a_right_that_is_missing_is_named_with_what_grants_it(refusing: ActionBench) -> None:
    bench = refusing
    forward = bench.forward(resource("Create", config(a="1")))
    assert (forward.code, forward.reason) == (4, "Forbidden")
    namespace = bench.room.namespace
    assert forward.message == (
        f"not allowed: create configmaps in namespace {namespace} (service account drplan-runner); "
        "grant it: drplan rbac -f PLAN prints the Role"
    )


def test_a_namespace_that_is_going_fails_at_once(refusing: ActionBench) -> None:
    bench = refusing
    name = f"{bench.room.namespace}-more-refused"
    bench.administrator.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    rights.grant(
        bench.administrator, rights.rule("configmaps", "get", "create"), to=bench.room.namespace, namespace=name
    )
    bench.administrator.delete("Namespace", "", name)
    obj = config(a="1")
    obj["metadata"]["namespace"] = name
    forward = bench.forward(resource("Create", obj))
    assert (forward.code, forward.reason) == (2, "Refused")
    assert "because it is being terminated" in forward.message
    assert "attempts" not in forward.state


def test_a_deletion_that_a_finalizer_holds_is_waited_for_and_the_timeout_names_it(bench: ActionBench) -> None:
    held = config(a="1")
    held["metadata"]["finalizers"] = ["drplan.local/hold"]
    bench.create(held)
    forward = bench.forward(resource("Delete", config(), waitReady=True, timeout=2.0))
    assert (forward.code, forward.reason) == (3, "TimedOut")
    assert "until ConfigMap" in forward.message
    assert "finalizers drplan.local/hold hold it" in forward.message
    bench.change("ConfigMap", "settings", {"metadata": {"finalizers": None}})


def test_without_waiting_a_deletion_that_is_accepted_is_success_and_says_what_holds_it(bench: ActionBench) -> None:
    held = config(a="1")
    held["metadata"]["finalizers"] = ["drplan.local/hold"]
    bench.create(held)
    forward = bench.forward(resource("Delete", config()))
    assert_succeeded(forward)
    assert "deletion accepted, finalizers drplan.local/hold hold it" in forward.message
    bench.change("ConfigMap", "settings", {"metadata": {"finalizers": None}})
    until(lambda: bench.get("ConfigMap", "settings") is None, "the config map to be gone")
    assert_succeeded(bench.revert(forward))
    assert bench.data() == {"a": "1"}


def test_an_action_that_waits_ends_when_its_object_is_ready(bench: ActionBench) -> None:
    run = bench.run()
    process = bench.start(resource("Apply", deployment(2), waitReady=True), run)
    until(lambda: bench.get("Deployment", "web"), "the deployment")
    half = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 1, "availableReplicas": 1}
    bench.change("Deployment", "web", {"status": half}, part="/status")
    until(lambda: "waiting until it is ready" in process.output, "a word about waiting")
    assert process.running
    bench.change("Deployment", "web", {"status": {**half, "readyReplicas": 2, "availableReplicas": 2}}, part="/status")
    assert process.wait(30) == 0
    state = run.state(KEY)
    assert state["phase"] == "Succeeded"
    assert state["values"]["object"]["status"]["availableReplicas"] == 2


def test_an_object_that_will_not_become_ready_fails_the_action_and_is_named_in_its_outputs(bench: ActionBench) -> None:
    run = bench.run()
    process = bench.start(resource("Create", deployment(2), waitReady=True), run)
    until(lambda: bench.get("Deployment", "web"), "the deployment")
    stuck = {
        "observedGeneration": 1,
        "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "no pods"}
        ],
    }
    bench.change("Deployment", "web", {"status": stuck}, part="/status")
    assert process.wait(30) == 2
    forward = Done(run, resource("Create", deployment(2), waitReady=True), 2, process.output)
    assert forward.reason == "NotReady"
    assert forward.state["outputs"]["resourceRef"]["name"] == "web"
    assert_succeeded(bench.revert(forward))
    assert bench.get("Deployment", "web") is None


def test_an_object_that_is_deleted_while_it_is_waited_for_fails_the_action(bench: ActionBench) -> None:
    run = bench.run()
    process = bench.start(resource("Create", deployment(2), waitReady=True), run)
    until(lambda: "waiting until it is ready" in process.output, "a word about waiting")
    bench.delete("Deployment", "web")
    assert process.wait(30) == 2
    assert run.state(KEY)["reason"] == "Conflict"


def test_an_api_server_that_is_away_for_a_moment_does_not_end_a_wait(bench: ActionBench) -> None:
    proxy = bench.room.proxy()
    run = bench.run()
    process = bench.start(resource("Create", deployment(2), waitReady=True), run, port=proxy.port)
    until(lambda: "waiting until it is ready" in process.output, "a word about waiting")
    proxy.fault(asks("GET", "/deployments"), drop(), times=4)
    already = proxy.count("GET", "/deployments")
    proxy.wait_for(already + 4, "GET", "/deployments")
    ready = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
    bench.change("Deployment", "web", {"status": ready}, part="/status")
    assert process.wait(30) == 0
