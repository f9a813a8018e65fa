"""What an older controller left: read, shown, and left alone; what it was in the middle of ends and lets go.

All is there before the syncer starts, with the statuses that the older controller wrote: no conditions, no uids, no
completion time of what ended by itself, plans held by a name alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from compiler.model.names import FINALIZER_EXECUTION
from support.api_admin import Administrator, Object, until
from support.api_proxy import Certificate
from support.api_syncer import SyncerBench, condition
from support.plans import execution, http, stage, workflow

pytestmark = pytest.mark.bed

START, END = "2025-03-01T08:00:00Z", "2025-03-01T08:01:30Z"
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "ValidationSucceeded",
    "message": "Plan is valid and ready to execute",
    "lastTransitionTime": "2025-03-01T07:00:00Z",
    "observedGeneration": 1,
}


def action(name: str, phase: str, message: str = "", **fields: Any) -> Object:
    times = {} if phase in ("Pending", "Skipped") else {"startTime": START}
    if phase in ("Succeeded", "Failed"):
        times["completionTime"] = END
    return {"name": name, "phase": phase, "message": message or phase.lower(), **times, **fields}


def status(phase: str, message: str, *actions: Object, stage_phase: str = "") -> Object:
    """Status of an execution of one stage, as the older controller wrote it."""
    ended = stage_phase or phase
    use = {
        "workflowRef": {"name": "one", "namespace": "older"},
        "phase": ended,
        "startTime": START,
        "progress": f"{len(actions)}/{len(actions)} actions completed",
        "message": "All actions completed successfully",
        "actionStatuses": list(actions),
    }
    shown = {"name": "db", "phase": ended, "parallel": False, "startTime": START, "workflowExecutions": [use]}
    if ended not in ("Running", "Pending"):
        for each in (use, shown):
            each |= {"completionTime": END, "duration": "1m30s"}
    summary = {"totalStages": 1, "totalWorkflows": 1}
    return {"phase": phase, "startTime": START, "message": message, "summary": summary, "stageStatuses": [shown]}


CALLED = {"httpResponse": {"statusCode": 200, "body": "ok"}}
SUCCEEDED = status("Succeeded", "All stages completed successfully", action("act", "Succeeded", outputs=CALLED))
FAILED = status("Failed", "Stage db failed: action act failed: 500", action("act", "Failed", "500"))
CANCELED = {
    **status("Canceled", "Execution canceled by user", action("act", "Running"), stage_phase="Skipped"),
    "completionTime": END,
}
NEVER = {"phase": "Failed", "message": "plan many is not ready (phase=Invalid)", "completionTime": END}
REVERTED = status("Succeeded", "Plan reverted successfully: 1 stage(s) rolled back", action("act", "Succeeded"))
RUNNING = status("Running", "", action("act", "Succeeded", outputs=CALLED), action("next", "Running"))

FINISHED = {"ok": SUCCEEDED, "bad": FAILED, "stopped": CANCELED, "never": NEVER, "undo": REVERTED}


def entry(name: str, phase: str, operation: str = "Execute") -> Object:
    return {"name": name, "namespace": "", "operationType": operation, "phase": phase, "startTime": START}


@pytest.fixture(scope="module")
def bench(
    administrator: Administrator, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SyncerBench]:
    """A namespace in which an older controller worked."""
    with SyncerBench(administrator, certificate, tmp_path_factory.mktemp("syncer")) as made:
        made.plan(stage("db", "one"), name="many", workflows=[workflow("one", http("act", method="PUT"))])
        for name in ("held", "ghost", "stale", "dropped"):
            made.plan(stage("db", "one"), name=name, workflows=[])
        show(made, "DRWorkflow", "one", {"phase": "Ready", "observedGeneration": 1})
        for name, shown in FINISHED.items():
            revert = {"operationType": "Revert", "revertExecutionRef": "ok"} if name == "undo" else {}
            put(made, name, "many", shown, **revert)
        put(made, "running", "held", RUNNING)
        put(made, "leaving", "dropped", RUNNING)
        put(made, "done", "stale", SUCCEEDED)
        history = [entry("undo", "Succeeded", "Revert"), entry("ok", "Succeeded")]
        plan_status(made, "many", "Ready", history, lastExecutionRef="undo")
        held = {"held": "running", "dropped": "leaving", "stale": "done", "ghost": "nobody"}
        for plan, name in held.items():
            plan_status(made, plan, "Ready", [entry(name, "Pending")], currentExecution={"name": name})
        made.delete("leaving")
        yield made


@pytest.fixture(scope="module", autouse=True)
def before(bench: SyncerBench) -> dict[str, Object]:
    """The finished executions as they were before the syncer started."""
    found = {name: bench.execution(name) for name in (*FINISHED, "done")}
    bench.start()
    return found


def put(bench: SyncerBench, name: str, plan: str, shown: Object, **spec: Any) -> None:
    """Create an execution with the finalizer and the status that it was left with."""
    made = execution(name, plan=plan, **spec)
    made["metadata"] = {"name": name, "finalizers": [FINALIZER_EXECUTION]}
    bench.administrator.create(made, namespace=bench.namespace)
    value = copy.deepcopy(shown)
    for each in value.get("stageStatuses", ()):
        each["workflowExecutions"][0]["workflowRef"]["namespace"] = bench.namespace
    show(bench, "DRPlanExecution", name, value)


def show(bench: SyncerBench, kind: str, name: str, value: Object) -> None:
    bench.administrator.merge(kind, bench.namespace, name, {"status": value}, part="/status")


def plan_status(bench: SyncerBench, name: str, phase: str, history: list[Object], **fields: Any) -> None:
    if "currentExecution" in fields:
        fields["currentExecution"]["namespace"] = bench.namespace
    entries = [{**each, "namespace": bench.namespace} for each in history]
    status = {"phase": phase, "observedGeneration": 1, "conditions": [READY], "executionHistory": entries, **fields}
    show(bench, "DRPlan", name, status)


def test_what_has_ended_is_left_as_it_is_while_new_ones_run(bench: SyncerBench, before: dict[str, Object]) -> None:
    bench.execute("new", plan="many")
    bench.run_to_end("new", {"s1.w1.a1": "Succeeded"})
    assert {name: bench.execution(name) for name in before} == before
    assert bench.history("many") == [
        ("new", "Execute", "Succeeded"),
        ("undo", "Revert", "Succeeded"),
        ("ok", "Execute", "Succeeded"),
    ]
    older = bench.plan_status("many")["executionHistory"][1]
    assert older == {**entry("undo", "Succeeded", "Revert"), "namespace": bench.namespace}


def test_what_was_under_way_is_unknown_keeps_what_was_shown_and_lets_go_of_its_plan(bench: SyncerBench) -> None:
    shown = bench.until_phase("running", "Unknown", seconds=30)
    assert condition(shown, "Accepted") == ("False", "ForeignRun")
    assert condition(shown, "Succeeded") == ("False", "OutcomeUnknown")
    assert "begun by another controller" in shown["message"]
    expected = copy.deepcopy(RUNNING["stageStatuses"])
    expected[0]["workflowExecutions"][0]["workflowRef"]["namespace"] = bench.namespace
    assert (shown["stageStatuses"], shown["summary"], shown["startTime"]) == (expected, RUNNING["summary"], START)
    until(lambda: "currentExecution" not in bench.plan_status("held"), "the plan to be free")
    assert bench.history("held") == [("running", "Execute", "Unknown")]
    assert bench.workflows() == [each for each in bench.workflows() if "held" not in each["metadata"]["name"]]


def test_one_under_way_that_is_deleted_goes_as_unknown(bench: SyncerBench) -> None:
    until(lambda: not bench.exists("leaving"), "it to go")
    assert bench.history("dropped") == [("leaving", "Execute", "Unknown")]
    assert "currentExecution" not in bench.plan_status("dropped")


def test_a_plan_that_is_held_by_one_that_has_ended_or_is_gone_is_freed(
    bench: SyncerBench, before: dict[str, Object]
) -> None:
    for plan, ended in (("stale", ("done", "Execute", "Succeeded")), ("ghost", ("nobody", "Execute", "Cancelled"))):
        until(lambda plan=plan: "currentExecution" not in bench.plan_status(plan), f"plan {plan} to be free")
        assert bench.history(plan) == [ended]
        assert condition(bench.plan_status(plan), "Executing") == ("False", "Idle")
    assert bench.execution("done") == before["done"]


def test_a_revert_of_an_older_execution_is_refused_with_what_to_do(bench: SyncerBench) -> None:
    until(lambda: "currentExecution" not in bench.plan_status("stale"), "the plan to be free")
    bench.revert("undo-done", "done", plan="stale")
    shown = bench.until_phase("undo-done", "Failed")
    assert condition(shown, "Accepted") == ("False", "TargetInvalid")
    assert shown["message"] == (
        "execution done cannot be reverted: there is no snapshot of what it ran; undo by hand what it did"
    )
    assert bench.workflows() == [each for each in bench.workflows() if "-r-" not in each["metadata"]["name"]]


def test_older_executions_are_deleted_like_any_other(bench: SyncerBench) -> None:
    for name in ("bad", "stopped", "never"):
        bench.delete(name)
        until(lambda name=name: not bench.exists(name), f"{name} to go")
