"""What Events tell of an execution's life, from how it was and how it is now."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.model.phases import ConditionReason, FenceState, HaltScope, Phase
from support.graphs import graph, stage, use
from support.trees import NOW, Argo, failed, folded, record
from support.trees import execution as execution_of
from syncer import telling
from syncer.decide.fence import Fence, Halt
from syncer.fold import refused
from syncer.kube.events import Happening

EXECUTION = execution_of()
REVERT: dict[str, Any] = {**EXECUTION, "spec": {**EXECUTION["spec"], "operationType": "Revert"}}
PLAN: dict[str, Any] = {"metadata": {"name": "pay", "namespace": "dr", "uid": "p"}, "spec": {"stages": []}}


def said(happenings: list[Happening]) -> list[tuple[str, str]]:
    return [(each.reason, each.note) for each in happenings]


def told(before: dict[str, Any], after: dict[str, Any], *, of: dict[str, Any] = EXECUTION) -> list[tuple[str, str]]:
    return said(telling.of_status(of, before, after))


def reasons(before: dict[str, Any], after: dict[str, Any], *, of: dict[str, Any] = EXECUTION) -> list[str]:
    return [reason for reason, _ in told(before, after, of=of)]


def action(name: str, phase: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "phase": phase, **fields}


def status(phase: str, *actions: dict[str, Any], inner: str = "", **fields: Any) -> dict[str, Any]:
    """A status with one stage and one workflow use, both in the phase `inner`."""
    inner = inner or phase
    times = {} if inner in ("Pending", "Skipped") else {"startTime": "2025-11-24T08:50:00Z", "duration": "5s"}
    workflow = {"workflowRef": {"name": "mysql", "namespace": "dr"}, "phase": inner, "actionStatuses": list(actions)}
    stages = [{"name": "db", "phase": inner, "parallel": False, **times, "workflowExecutions": [{**workflow, **times}]}]
    begun = {} if phase == "Pending" else {"startTime": "2025-11-24T08:50:00Z"}
    return {"phase": phase, "stageStatuses": stages, **begun, **fields}


def condition(kind: str, state: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": state, "reason": reason, "message": message}]}


PENDING = status("Pending", action("promote", "Pending"))
RUNNING = status("Running", action("promote", "Running"))
DONE = status("Succeeded", action("promote", "Succeeded"), message="All stages completed successfully")


def test_an_execution_tells_when_it_and_its_parts_begin() -> None:
    assert told({}, PENDING) == []
    assert told(PENDING, RUNNING) == [
        ("ExecutionStarted", "Started executing plan pay (operation=Execute)"),
        ("StageStarted", "Started executing stage db (mode=sequential)"),
        ("WorkflowStarted", "Started executing workflow mysql"),
    ]


def test_an_execution_tells_when_it_and_its_parts_have_succeeded() -> None:
    assert told(RUNNING, DONE) == [
        ("WorkflowSucceeded", "Workflow mysql succeeded (duration=5s)"),
        ("StageSucceeded", "Stage db succeeded (duration=5s)"),
        ("ExecutionSucceeded", "Execution succeeded: All stages completed successfully"),
    ]


def test_the_same_again_tells_nothing() -> None:
    for each in (PENDING, RUNNING, DONE):
        assert told(each, each) == []


def test_what_began_and_ended_between_two_looks_tells_both() -> None:
    assert reasons(PENDING, DONE) == [
        "ExecutionStarted",
        "StageStarted",
        "WorkflowStarted",
        "WorkflowSucceeded",
        "StageSucceeded",
        "ExecutionSucceeded",
    ]


@pytest.mark.parametrize("phase", ["Failed", "Unknown"])
def test_a_failure_is_told_from_the_action_up_with_warnings(phase: str) -> None:
    after = status(phase, action("promote", phase, message="no primary"), message="Stage db failed")
    after["stageStatuses"][0] |= {"message": "workflow dr/mysql failed"}
    found = telling.of_status(EXECUTION, RUNNING, after)

    assert said(found) == [
        ("ActionFailed", "Action promote failed: no primary"),
        ("WorkflowFailed", f"Workflow mysql failed: {phase}"),
        ("StageFailed", "Stage db failed: workflow dr/mysql failed"),
        ("ExecutionFailed", "Execution failed: Stage db failed"),
    ]
    assert {each.type for each in found} == {"Warning"}
    assert {each.type for each in telling.of_status(EXECUTION, RUNNING, DONE)} == {"Normal"}


def test_a_retry_of_an_action_is_told_with_its_number() -> None:
    once = status("Running", action("promote", "Running", retryCount=1))
    twice = status("Running", action("promote", "Running", retryCount=2))

    assert told(RUNNING, twice) == [("ActionRetrying", "Action promote retrying (attempt=2)")]
    assert told(once, once) == []


def test_a_revert_has_words_of_its_own() -> None:
    failure = status("Failed", action("promote", "Failed"), message="Failed to revert stage db")

    assert told(PENDING, RUNNING, of=REVERT)[0] == ("RevertStarted", "Started reverting plan pay")
    assert told(RUNNING, DONE, of=REVERT)[-1] == ("RevertSucceeded", "Revert succeeded")
    assert told(RUNNING, failure, of=REVERT)[-1] == ("RevertFailed", "Revert failed: Failed to revert stage db")


def test_a_stage_of_which_nothing_ran_tells_nothing() -> None:
    skipped = status("Succeeded", action("promote", "Skipped"), inner="Skipped")

    assert reasons(PENDING, skipped) == ["ExecutionStarted", "ExecutionSucceeded"]


def test_an_end_by_cancel_says_who_wanted_it() -> None:
    by_user = status("Cancelled", message="x", **condition("Succeeded", "False", "Cancelled"))
    in_argo = status("Cancelled", message="Stopped in Argo", **condition("Succeeded", "False", "StoppedInArgo"))

    assert told(RUNNING, by_user) == [("ExecutionCancelled", "Execution canceled by user")]
    assert told(RUNNING, in_argo) == [("ExecutionCancelled", "Execution canceled: Stopped in Argo")]


@pytest.mark.parametrize(
    ("reason", "phase", "event", "note"),
    [
        ("RestoredCopy", "Cancelled", "RestoredCopy", "why"),
        ("NameReused", "Failed", "NameReused", "why"),
        ("ForeignRun", "Unknown", "ForeignRun", "why"),
        ("PlanBusy", "Cancelled", "ExecutionCancelled", "Execution canceled: why"),
        ("PlanNotFound", "Failed", "ExecutionFailed", "Execution failed: why"),
    ],
)
def test_one_that_is_refused_tells_why_and_not_that_it_began(reason: str, phase: str, event: str, note: str) -> None:
    after = refused({}, phase=Phase(phase), reason=ConditionReason(reason), message="why", now=NOW)

    assert told({}, after) == [(event, note)]


def test_pause_and_resume_are_told_whoever_did_it() -> None:
    paused = {**RUNNING, **condition("Paused", "True", "SuspendedInArgo")}
    resumed = {**RUNNING, **condition("Paused", "False", "Resumed")}

    assert told(RUNNING, paused) == [("Paused", "Execution is paused (SuspendedInArgo): nothing else starts")]
    assert told(paused, paused) == []
    assert told(paused, resumed) == [("Resumed", "Execution goes on")]
    assert told(paused, {**DONE, **condition("Paused", "False", "Resumed")})[-1][0] == "ExecutionSucceeded"
    assert "Resumed" not in reasons(paused, {**DONE, **condition("Paused", "False", "Resumed")})


@pytest.mark.parametrize(
    ("kind", "state", "reason"),
    [
        ("Succeeded", "False", "WorkflowLost"),
        ("Stalled", "True", "WorkflowConflict"),
        ("Stalled", "True", "RunnerSilent"),
    ],
)
def test_trouble_is_told_once(kind: str, state: str, reason: str) -> None:
    after = {**RUNNING, **condition(kind, state, reason, "what is wrong")}

    assert told(RUNNING, after) == [(reason, "what is wrong")]
    assert told(after, after) == []


def test_a_further_run_of_one_that_had_ended_tells_that_it_begins_and_only_what_is_new() -> None:
    recorded = {key: value for key, value in DONE.items() if key != "stageStatuses"} | {"phase": "Failed"}

    assert reasons(recorded, RUNNING) == ["ExecutionStarted"]
    assert reasons(recorded, PENDING) == []
    assert reasons(RUNNING, DONE)[-1] == "ExecutionSucceeded"


def test_statuses_that_were_folded_tell_the_failure_of_a_run() -> None:
    plan = graph(stage(use("check", "promote")), stage(use("deploy"), name="app"))
    before = folded(plan, None, []).status
    argo = Argo()
    argo.lane("s1.w1", {"a1": "Succeeded", "a2": failed(2, "boom")}, pod="Failed").omitted("s2")
    records = [record("s1.w1.a1", "Succeeded"), record("s1.w1.a2", "Failed", message="no primary")]
    after = folded(plan, argo.workflow("Failed"), records).status

    assert reasons(before, after) == [
        "ExecutionStarted",
        "StageStarted",
        "WorkflowStarted",
        "ActionFailed",
        "WorkflowFailed",
        "StageFailed",
        "ExecutionFailed",
    ]
    assert ("ActionFailed", "Action promote failed: no primary") in told(before, after)


def test_halts_and_a_drain_are_told_from_the_fence() -> None:
    fence = Fence(workflow="w")
    halted = fence.halt([Halt(HaltScope.STAGE, "s1", "s1.w1.a1 Failed: boom", "t")])
    further = halted.halt([Halt(HaltScope.PLAN, "", "s1.w1.a1 Failed: boom", "t")])
    draining = further.drain(time="t")

    assert said(telling.of_fence(EXECUTION, None, fence)) == []
    assert said(telling.of_fence(EXECUTION, fence, halted)) == [
        ("Halted", "No further action of stage s1 starts: s1.w1.a1 Failed: boom")
    ]
    assert said(telling.of_fence(EXECUTION, halted, further)) == [
        ("Halted", "No further action of the plan starts: s1.w1.a1 Failed: boom")
    ]
    assert [reason for reason, _ in said(telling.of_fence(EXECUTION, further, draining))] == ["Draining"]
    assert said(telling.of_fence(EXECUTION, draining, draining.close())) == []
    assert draining.state is FenceState.DRAINING


def test_a_plan_tells_who_holds_it_and_what_is_recorded() -> None:
    entry = {"name": "pay-1", "uid": "u1", "operationType": "Execute", "phase": "Pending"}
    claimed = {"currentExecution": {"name": "pay-1", "uid": "u1"}, "executionHistory": [entry]}
    recorded = {"executionHistory": [{**entry, "phase": "Failed"}]}

    assert said(telling.of_plan(PLAN, {}, claimed)) == [("ExecutionClaimed", "Execution pay-1 holds the plan")]
    assert said(telling.of_plan(PLAN, claimed, claimed)) == []
    assert said(telling.of_plan(PLAN, claimed, recorded)) == [
        ("ExecutionRecorded", "Execution pay-1 (Execute) is recorded as Failed")
    ]


def test_an_event_is_about_its_object() -> None:
    (of_plan,) = telling.of_plan(PLAN, {}, {"currentExecution": {"name": "pay-1"}})
    of_execution = telling.of_status(REVERT, PENDING, RUNNING)[0]

    assert (of_plan.regarding.kind, of_plan.regarding.namespace, of_plan.regarding.uid) == ("DRPlan", "dr", "p")
    assert (of_execution.regarding.kind, of_execution.regarding.name) == (
        "DRPlanExecution",
        REVERT["metadata"]["name"],
    )
    assert of_execution.action == "Revert"
