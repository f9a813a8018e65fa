"""The life of executions at the real API server: each row of what can happen to one, and a syncer that dies at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api_admin import Administrator, until
from support.api_proxy import Certificate
from support.api_syncer import SyncerBench, condition
from support.plans import http, stage, workflow

pytestmark = pytest.mark.bed

BOTH = {"s1.w1.a1": "Succeeded", "s2.w1.a1": "Succeeded"}


@pytest.fixture
def bench(administrator: Administrator, certificate: Certificate, tmp_path: Path) -> Iterator[SyncerBench]:
    """A namespace with a plan of two stages."""
    with SyncerBench(administrator, certificate, tmp_path) as made:
        undo = http("undo", method="PUT")
        action = http("act", method="PUT", rollback={"type": "HTTP", "http": undo["http"]})
        made.plan(stage("db", "one"), stage("app", "two"), workflows=[workflow("one", action), workflow("two", action)])
        yield made


def test_an_execution_runs_to_its_end_and_is_recorded(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    shown = bench.until_phase("pay-1", "Running")
    assert [each["name"] for each in shown["stageStatuses"]] == ["db", "app"]
    assert bench.plan_status()["currentExecution"]["name"] == "pay-1"
    assert run.fence["state"] == "Open"
    ended = bench.run_to_end("pay-1", BOTH)
    assert ended["phase"] == "Succeeded"
    assert condition(ended, "Recorded") == ("True", "Recorded")
    assert run.fence["state"] == "Closed"
    assert bench.history() == [("pay-1", "Execute", "Succeeded")]
    assert "currentExecution" not in bench.plan_status()
    assert bench.plan_status()["lastExecutionRef"] == "pay-1"


def test_what_cannot_run_is_refused_with_its_reason(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("lost", plan="none")
    bench.execute("again", operationType="Revert", revertExecutionRef="none")
    bench.execute("wrong", params=[{"name": "no-such", "value": "x"}])
    for name, reason in (("lost", "PlanNotFound"), ("again", "TargetInvalid"), ("wrong", "InvalidParameters")):
        status = bench.until_phase(name, "Failed")
        assert condition(status, "Accepted") == ("False", reason)
        assert condition(status, "Complete") == ("True", "Failed")
    assert bench.workflows() == []
    assert bench.history() == []


def test_of_two_executions_at_once_one_runs_and_the_other_waits_and_then_runs(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    bench.execute("pay-2")
    until(lambda: {bench.status(name).get("phase") for name in ("pay-1", "pay-2")} == {"Running", "Pending"}, "one")
    first, second = sorted(("pay-1", "pay-2"), key=lambda name: bench.status(name)["phase"], reverse=True)
    assert "plan pay already has a running execution" in bench.status(second)["message"]
    assert len(bench.workflows()) == 1
    bench.run_to_end(first, BOTH)
    bench.run_to_end(second, BOTH)
    assert bench.history() == [(second, "Execute", "Succeeded"), (first, "Execute", "Succeeded")]


def test_a_failure_halts_what_comes_after_it_and_is_shown(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.record("s1.w1.a1", "Failed", reason="HTTPStatus", message="500")
    until(lambda: {each["scope"] for each in run.fence["halts"]} >= {"plan"}, "the plan to be halted")
    until(lambda: bench.status("pay-1")["stageStatuses"][0]["phase"] == "Failed", "the failure to be shown")
    run.argo("Failed", {"s1.w1.a1": "Failed"})
    assert bench.until_phase("pay-1", "Failed")["summary"]["failedActions"] == 1


def test_a_cancel_lets_what_acts_finish_and_then_stops(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.record("s1.w1.a1", "Started", holder={"id": "h", "pod": "p", "attempt": 1})
    run.argo("Running", {"s1.w1.a1": "Running"})
    bench.annotate("pay-1", cancel="true")
    until(lambda: run.fence["state"] == "Draining" and run.spec.get("suspend"), "the run to drain")
    assert "shutdown" not in run.spec
    run.record("s1.w1.a1", "Succeeded")
    run.argo("Running", {"s1.w1.a1": "Succeeded"})
    until(lambda: run.spec.get("shutdown") == "Stop", "the Workflow to be stopped")
    assert "suspend" not in run.spec
    run.argo("Failed", {"s1.w1.a1": "Succeeded"}, "Stopped with strategy 'Stop'")
    status = bench.until_phase("pay-1", "Cancelled")
    assert [stage["phase"] for stage in status["stageStatuses"]] == ["Succeeded", "Skipped"]
    assert bench.history() == [("pay-1", "Execute", "Cancelled")]


def test_a_pause_suspends_and_its_end_resumes(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.argo("Running")
    bench.annotate("pay-1", pause="true")
    until(lambda: run.fence["state"] == "Paused" and run.spec.get("suspend"), "the run to pause")
    until(lambda: condition(bench.status("pay-1"), "Paused") == ("True", "PausedByUser"), "the pause to be shown")
    bench.annotate("pay-1", pause=None)
    until(lambda: run.fence["state"] == "Open" and "suspend" not in run.spec, "the run to go on")
    bench.run_to_end("pay-1", BOTH)


def test_a_forced_cancel_terminates_and_waits_for_the_pods(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.argo("Running", {"s1.w1.a1": "Running"})
    run.record("s1.w1.a1", "Started", sent=True, holder={"id": "h", "pod": "p", "attempt": 1})
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "lane",
            "labels": {"workflows.argoproj.io/workflow": run.name},
            "finalizers": ["tests.drplan.local/lives"],
        },
        "spec": {
            "schedulerName": "nobody",
            "serviceAccountName": "drplan-runner",
            "containers": [{"name": "main", "image": "drplan.local/none"}],
        },
    }
    bench.administrator.create(pod, namespace=bench.namespace)
    bench.annotate("pay-1", cancel="force")
    until(lambda: run.spec.get("shutdown") == "Terminate", "the Workflow to be terminated")
    assert run.fence["state"] == "Closed"
    find = bench.administrator.get
    until(lambda: (find("Pod", bench.namespace, "lane") or {})["metadata"].get("deletionTimestamp"), "the pod to end")
    run.argo("Failed", {"s1.w1.a1": "Failed"}, "Stopped with strategy 'Terminate'")
    until(lambda: bench.status("pay-1")["phase"] == "Running", "it to wait for the pod")
    bench.administrator.merge("Pod", bench.namespace, "lane", {"metadata": {"finalizers": []}})
    bench.until_phase("pay-1", "Cancelled")
    assert run.record_state("s1.w1.a1")["phase"] == "Unknown"
    assert bench.history() == [("pay-1", "Execute", "Cancelled")]


def test_a_running_one_that_is_deleted_drains_is_written_down_and_goes_with_all_that_is_its(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.argo("Running", {"s1.w1.a1": "Running"})
    run.record("s1.w1.a1", "Succeeded")
    bench.delete("pay-1")
    until(lambda: run.spec.get("suspend"), "the run to drain")
    run.argo("Running", {"s1.w1.a1": "Succeeded"})
    until(lambda: run.spec.get("shutdown") == "Stop", "the Workflow to be stopped")
    run.argo("Failed", {"s1.w1.a1": "Succeeded"}, "Stopped with strategy 'Stop'")
    until(lambda: not bench.exists("pay-1"), "the execution to go")
    assert bench.history() == [("pay-1", "Execute", "Cancelled")]
    assert "currentExecution" not in bench.plan_status()
    assert bench.workflows() == []
    kept = [each["metadata"]["name"] for each in bench.administrator.list("ConfigMap", bench.namespace)]
    assert not [name for name in kept if name.startswith("drx-")]
    assert bench.administrator.list("DRActionRecord", bench.namespace) == []


def test_one_whose_finalizer_is_torn_off_is_cancelled_in_the_history_and_the_plan_is_free(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.argo("Running")
    bench.tear_off_finalizers("pay-1")
    bench.delete("pay-1")
    until(lambda: run.spec.get("shutdown") == "Terminate", "its Workflow to be terminated")
    assert bench.plan_status()["currentExecution"]["name"] == "pay-1"
    run.argo("Failed", {}, "Stopped with strategy 'Terminate'")
    until(lambda: "currentExecution" not in bench.plan_status(), "the plan to be free")
    assert bench.history() == [("pay-1", "Execute", "Cancelled")]
    bench.execute("pay-2")
    bench.run_to_end("pay-2", BOTH)


def test_one_that_vanishes_while_nobody_looks_is_found_by_the_next_syncer(bench: SyncerBench) -> None:
    first = bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    assert first.stop() == 0
    bench.tear_off_finalizers("pay-1")
    bench.delete("pay-1")
    run.delete()
    bench.start()
    until(lambda: "currentExecution" not in bench.plan_status(), "the plan to be free")
    assert bench.history() == [("pay-1", "Execute", "Cancelled")]


def test_a_workflow_that_is_deleted_by_hand_fails_its_execution_when_nobody_acts_any_more(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.record("s1.w1.a1", "Succeeded")
    run.delete()
    status = bench.until_phase("pay-1", "Failed")
    assert condition(status, "Succeeded") == ("False", "WorkflowLost")
    assert bench.workflows() == []
    assert bench.history() == [("pay-1", "Execute", "Failed")]


def test_execute_revert_execute_revert_leaves_a_history_of_four(bench: SyncerBench) -> None:
    bench.start()
    for number in (1, 2):
        bench.execute(f"pay-{number}")
        bench.run_to_end(f"pay-{number}", BOTH)
        bench.revert(f"undo-{number}", f"pay-{number}")
        done = bench.run_to_end(f"undo-{number}", BOTH)
        assert done["message"].startswith("Plan reverted successfully: 2 stage(s) rolled back")
        assert bench.status(f"pay-{number}")["revertedBy"]["name"] == f"undo-{number}"
        assert bench.plan_status()["lastExecutionRef"] == f"undo-{number}"
    assert bench.history() == [
        ("undo-2", "Revert", "Succeeded"),
        ("pay-2", "Execute", "Succeeded"),
        ("undo-1", "Revert", "Succeeded"),
        ("pay-1", "Execute", "Succeeded"),
    ]
    bench.revert("undo-3", "pay-1")
    assert condition(bench.until_phase("undo-3", "Failed"), "Accepted") == ("False", "TargetInvalid")


def test_one_that_waits_for_its_mutex_is_cancelled_by_deleting_its_workflow(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.argo("Pending", {}, "Waiting for dr/Mutex/drplan-pay lock. Lock status: 0/1")
    bench.annotate("pay-1", cancel="true")
    bench.until_phase("pay-1", "Cancelled")
    assert bench.workflows() == []
    assert bench.history() == [("pay-1", "Execute", "Cancelled")]


def test_what_was_suspended_or_stopped_in_argo_is_shown_as_that(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.argo("Running", {"s1.w1.a1": "Running"})
    run.record("s1.w1.a1", "Succeeded")
    run.change({"suspend": True})
    until(lambda: condition(bench.status("pay-1"), "Paused") == ("True", "SuspendedInArgo"), "the pause to be shown")
    run.change({"suspend": None})
    until(lambda: condition(bench.status("pay-1"), "Paused") in (None, ("False", "Resumed")), "its end to be shown")
    run.change({"shutdown": "Stop"})
    run.argo("Failed", {"s1.w1.a1": "Succeeded"}, "Stopped with strategy 'Stop'")
    assert condition(bench.until_phase("pay-1", "Cancelled"), "Succeeded") == ("False", "StoppedInArgo")


def test_a_copy_of_its_workflow_is_terminated_and_the_run_goes_on(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    copy = run.copy("copy")
    until(lambda: copy.spec.get("shutdown") == "Terminate", "the copy to be terminated")
    assert "shutdown" not in run.spec
    bench.run_to_end("pay-1", BOTH)
    until(lambda: "WorkflowNotBound" in bench.events("pay-1"), "an event about it")


def test_a_failed_one_that_is_retried_goes_on_in_a_new_workflow(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    bench.run_to_end("pay-1", {"s1.w1.a1": "Succeeded", "s2.w1.a1": "Failed"})
    bench.annotate("pay-1", retry="1")
    until(lambda: bench.status("pay-1")["epoch"] == 2, "the second epoch")
    again = bench.bound("pay-1")
    assert again.name.endswith("-e2")
    assert bench.plan_status()["currentExecution"]["name"] == "pay-1"
    assert bench.until_phase("pay-1", "Running")["stageStatuses"][0]["phase"] == "Succeeded"
    again.record("s2.w1.a1", "Succeeded", epoch=2)
    again.argo("Succeeded", {"s2.w1.a1": "Succeeded"})
    bench.until_phase("pay-1", "Succeeded")
    assert bench.history() == [("pay-1", "Execute", "Succeeded")]
    bench.annotate("pay-1", retry="2")
    until(lambda: "RetryRefused" in bench.events("pay-1"), "the refusal of a further one")
    assert bench.status("pay-1")["phase"] == "Succeeded"


def test_a_workflow_that_argo_retries_is_opened_for_one_more_run(bench: SyncerBench) -> None:
    bench.start()
    bench.execute("pay-1")
    bench.run_to_end("pay-1", {"s1.w1.a1": "Failed"})
    run = bench.bound("pay-1")
    run.argo("Running", {"s1.w1.a1": "Running"})
    until(lambda: (run.fence["state"], run.fence["run"]) == ("Open", 2), "the fence to open again")
    bench.until_phase("pay-1", "Running")
    assert bench.plan_status()["currentExecution"]["name"] == "pay-1"
    for key in BOTH:
        run.record(key, "Succeeded", run=2)
    run.argo("Succeeded", BOTH)
    assert bench.until_phase("pay-1", "Succeeded")["runs"] == 2
    assert bench.history() == [("pay-1", "Execute", "Succeeded")]


def test_a_workflow_that_was_submitted_without_an_execution_is_adopted(bench: SyncerBench) -> None:
    bench.start()
    run = bench.submit("pay")
    run.record_without_execution("s1.w1.a1", "Succeeded")
    bench.bound(run.name)
    found = run.get()
    assert found is not None
    assert found["metadata"]["labels"]["dr.bkbcs.tencent.com/execution"] == run.name
    record = bench.administrator.list("DRActionRecord", bench.namespace)[0]
    assert record["spec"]["execution"]["name"] == run.name
    run.record("s2.w1.a1", "Succeeded")
    run.argo("Succeeded", BOTH)
    status = bench.until_phase(run.name, "Succeeded")
    assert [stage["phase"] for stage in status["stageStatuses"]] == ["Succeeded", "Succeeded"]
    assert bench.history() == [(run.name, "Execute", "Succeeded")]
