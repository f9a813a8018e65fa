"""The life of an execution, a write at a time: every row of how it starts and ends, and whatever comes between."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from compiler.model.phases import ConditionReason, FenceState, HaltScope, OperationType, Phase
from support.graphs import graph, stage, use
from support.lives import READY, after, annotated, kinds, lived_until_rest, running, seen
from support.trees import NOW, WORKFLOW, Argo, by_key, execution, failed, record
from syncer.decide.fence import Fence
from syncer.decide.lifecycle import next_step
from syncer.decide.outcome import Refuse
from syncer.decide.steps import (
    DRAIN_LIMIT,
    ChangeWorkflow,
    CreateWorkflow,
    Mark,
    Own,
    Release,
    Reopen,
    Rest,
    SetFence,
    ShowTarget,
    WritePlan,
    WriteRecord,
)
from syncer.nodes import read_workflow

CANCEL = "dr.bkbcs.tencent.com/cancel"
PAUSE = "dr.bkbcs.tencent.com/pause"
RETRY = "dr.bkbcs.tencent.com/retry"
RETRIED = "dr.bkbcs.tencent.com/retried"
START = ["Mark", "WritePlan", "Keep", "Show", "SetFence", "CreateWorkflow"]


def acting():
    return Argo().lane("s1.w1", {"a1": "Running"}, pod="Running")


def succeeded():
    return Argo().lane("s1.w1", {"a1": "Succeeded"}).lane("s2.w1", {"a1": "Succeeded"})


DONE = by_key([record("s1.w1.a1", "Succeeded"), record("s2.w1.a1", "Succeeded")])


def phase(found):
    return found.status["phase"]


def condition(found, kind):
    return next(each for each in found.status["conditions"] if each["type"] == kind)


class TestStart:
    def test_it_is_marked_claims_its_plan_keeps_its_snapshot_shows_its_tree_and_opens_its_fence(self):
        lived, taken = lived_until_rest(seen())
        assert kinds(taken) == START
        assert phase(lived) == "Pending"
        assert lived.status["workflowRef"] == {"name": WORKFLOW}
        assert lived.status["snapshotRef"]["hash"] == "h"
        assert len(lived.status["stageStatuses"]) == 2
        assert Fence.of(lived.execution) == Fence(WORKFLOW)
        assert lived.plan["status"]["currentExecution"]["uid"] == "x-1"

    def test_then_the_fence_is_bound_to_the_workflow_and_it_runs(self):
        lived, _ = lived_until_rest(seen())
        lived, taken = lived_until_rest(replace(lived, workflow=read_workflow(acting().workflow())))
        assert kinds(taken) == ["SetFence", "Show", "Rest"]
        assert Fence.of(lived.execution).workflow_uid == "wf-1"
        assert phase(lived) == "Running"

    def test_a_plan_of_which_nothing_runs_ends_without_a_workflow(self):
        nothing = graph(stage(use(), name="none"))
        lived, taken = lived_until_rest(seen(graph=nothing, empty=True))
        assert "CreateWorkflow" not in kinds(taken)
        assert phase(lived) == "Succeeded"
        assert condition(lived, "Recorded")["status"] == "True"

    @pytest.mark.parametrize(
        ("fields", "reason", "ends"),
        [
            ({"plan": None}, "PlanNotFound", "Failed"),
            ({"plan": {**READY, "status": {"phase": "Invalid"}}}, "PlanNotReady", "Failed"),
            ({"plan": {**READY, "spec": {"suspend": True}}}, "PlanSuspended", "Failed"),
            ({"graph": None, "refusal": Refuse(ConditionReason.PLAN_TOO_LARGE, "too large")}, "PlanTooLarge", "Failed"),
        ],
    )
    def test_what_cannot_run_is_refused_and_nothing_else_is_written(self, fields, reason, ends):
        lived, taken = lived_until_rest(seen(**fields))
        assert kinds(taken) == ["Show", "Rest"]
        assert phase(lived) == ends
        assert condition(lived, "Accepted")["reason"] == reason

    def test_one_that_finds_its_plan_held_waits_and_is_then_cancelled(self):
        held = {**READY, "status": {"phase": "Ready", "currentExecution": {"name": "pay-0", "uid": "x-0"}}}
        other = {"metadata": {"name": "pay-0", "uid": "x-0"}, "status": {"phase": "Running"}}
        created = NOW - timedelta(minutes=11)
        waits, taken = lived_until_rest(seen(plan=held, holder=other, now=created))
        assert kinds(taken) == ["Show", "Rest"]
        assert phase(waits) == "Pending"
        given_up, _ = lived_until_rest(replace(waits, now=NOW))
        assert (phase(given_up), condition(given_up, "Accepted")["reason"]) == ("Cancelled", "PlanBusy")

    def test_one_that_is_cancelled_before_it_starts_is_in_the_history_and_never_held_the_plan(self):
        lived, taken = lived_until_rest(annotated(seen(), **{CANCEL: "true"}))
        assert kinds(taken) == ["Show", "WritePlan", "Rest"]
        assert lived.plan["status"]["executionHistory"][0]["phase"] == "Cancelled"
        assert "currentExecution" not in lived.plan["status"]

    @pytest.mark.parametrize("steps", range(1, 6))
    def test_one_that_is_cancelled_between_any_two_steps_ends_and_lets_go_of_the_plan(self, steps):
        lived = seen()
        for _ in range(steps):
            lived = after(lived, next_step(lived))
        lived, taken = lived_until_rest(annotated(lived, **{CANCEL: "true"}))
        assert "CreateWorkflow" not in kinds(taken)
        assert phase(lived) == "Cancelled"
        assert "currentExecution" not in lived.plan["status"]
        assert [entry["phase"] for entry in lived.plan["status"]["executionHistory"]] == ["Cancelled"]


class TestRun:
    def test_a_failure_is_halted_before_it_is_shown(self):
        lived = running(acting().workflow())
        lived = replace(lived, records=by_key([record("s1.w1.a1", "Failed", "HTTPStatus", "500")]))
        step = next_step(lived)
        assert isinstance(step, SetFence)
        assert {halt.scope for halt in step.fence.halts} >= {HaltScope.PLAN}
        _, taken = lived_until_rest(lived)
        assert kinds(taken)[:2] == ["SetFence", "Show"]

    def test_a_cancel_drains_the_fence_and_then_suspends_the_workflow(self):
        lived = annotated(running(acting().workflow()), **{CANCEL: "true"})
        lived = replace(lived, records=by_key([record("s1.w1.a1", "Started")]))
        first = next_step(lived)
        assert isinstance(first, SetFence)
        assert first.fence.state is FenceState.DRAINING
        assert next_step(after(lived, first)) == ChangeWorkflow({"suspend": True})

    def test_one_that_waits_for_its_mutex_is_cancelled_by_deleting_its_workflow(self):
        waits = running(Argo().workflow("Pending", "Waiting for dr/Mutex/pay lock. Lock status: 0/1", root=None))
        lived, taken = lived_until_rest(annotated(waits, **{CANCEL: "true"}))
        assert taken[-1] == ChangeWorkflow(delete=True)
        ended, _ = lived_until_rest(replace(lived, workflow=None))
        assert phase(ended) == "Cancelled"

    def test_a_resume_lets_the_workflow_go_and_then_opens_the_fence(self):
        paused = annotated(running(acting().workflow()), **{PAUSE: "true"})
        paused, taken = lived_until_rest(paused)
        assert taken[-1] == ChangeWorkflow({"suspend": True})
        suspended = replace(annotated(paused, **{PAUSE: ""}), workflow=read_workflow(acting().workflow(suspend=True)))
        assert next_step(suspended) == ChangeWorkflow({"suspend": None})
        step = next_step(replace(suspended, workflow=read_workflow(acting().workflow())))
        assert isinstance(step, SetFence)
        assert step.fence.state is FenceState.OPEN

    def test_a_forced_cancel_closes_the_fence_terminates_and_waits_for_the_pods(self):
        lived = annotated(running(acting().workflow(), pods=True), **{CANCEL: "force"})
        closed = after(lived, next_step(lived))
        assert Fence.of(closed.execution).state is FenceState.CLOSED
        step = next_step(closed)
        assert step == ChangeWorkflow({"suspend": None, "shutdown": "Terminate"}, delete_pods=True)
        stopped = read_workflow(acting().workflow("Failed", "Stopped with strategy 'Terminate'", shutdown="Terminate"))
        assert next_step(replace(closed, workflow=stopped)) == ChangeWorkflow(delete_pods=True)
        ended, _ = lived_until_rest(replace(closed, workflow=stopped, pods=False))
        assert phase(ended) == "Cancelled"

    def test_a_fence_that_was_lost_is_written_again(self):
        lived = running(acting().workflow())
        metadata = {**lived.metadata, "annotations": {}}
        step = next_step(replace(lived, execution={**lived.execution, "metadata": metadata}))
        assert step == SetFence(Fence(WORKFLOW))


class TestEnd:
    def end(self, **fields):
        lived = running(acting().workflow())
        return lived_until_rest(replace(lived, workflow=read_workflow(succeeded().workflow("Succeeded")), **fields))

    def test_the_fence_closes_the_status_ends_the_plan_is_free_and_then_it_is_recorded(self):
        lived, taken = self.end(records=DONE)
        assert kinds(taken) == ["SetFence", "Show", "WritePlan", "Own", "Show", "Rest"]
        assert phase(lived) == "Succeeded"
        status = lived.plan["status"]
        assert (status["phase"], status["lastExecutionRef"]) == ("Executed", "pay-execute-1")
        assert "currentExecution" not in status
        assert condition(lived, "Recorded")["reason"] == "Recorded"

    def test_records_that_are_open_are_ended_first(self):
        records = {**DONE, **by_key([record("s2.w1.a1", "Started", sent=True)])}
        workflow = Argo().lane("s1.w1", {"a1": "Succeeded"}).lane("s2.w1", {"a1": failed(143)}, pod="Failed")
        lived = replace(running(acting().workflow()), records=records)
        lived, taken = lived_until_rest(replace(lived, workflow=read_workflow(workflow.workflow("Failed"))))
        assert [step.record["state"]["phase"] for step in taken if isinstance(step, WriteRecord)] == ["Unknown"]
        assert kinds(taken).index("WriteRecord") < kinds(taken).index("Show")
        assert phase(lived) == "Unknown"

    def test_without_its_workflow_open_records_wait_for_their_lease(self):
        started = by_key(
            [record("s1.w1.a1", "Started", sent=True, holder={"id": "h", "renewTime": "2025-11-24T09:00:00Z"})]
        )
        lost = replace(running(acting().workflow()), workflow=None, records=started)
        waits, taken = lived_until_rest(lost)
        assert isinstance(taken[-1], Rest)
        assert taken[-1].seconds
        assert not waits.phase.terminal
        ended, _ = lived_until_rest(replace(waits, now=NOW + timedelta(hours=1)))
        assert phase(ended) == "Failed"
        assert condition(ended, "Succeeded")["reason"] == "WorkflowLost"
        assert ended.records["s1.w1.a1"]["state"]["phase"] == "Unknown"

    def test_nothing_more_is_written_when_it_is_looked_at_again_later(self):
        lived, _ = self.end(records=DONE)
        assert next_step(replace(lived, now=NOW + timedelta(days=3))) == Rest()
        assert next_step(replace(lived, workflow=None, now=NOW + timedelta(days=3))) == Rest()

    def test_a_plan_that_is_gone_is_said_to_be(self):
        lived, _ = self.end(records=DONE, plan=None)
        assert condition(lived, "Recorded")["reason"] == "PlanGone"


class TestRetry:
    def failed(self, **fields):
        lived = running(acting().workflow())
        records = by_key([record("s1.w1.a1", "Failed", "HTTPStatus", "500")])
        workflow = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed").workflow("Failed")
        lived, _ = lived_until_rest(replace(lived, workflow=read_workflow(workflow), records=records))
        return annotated(replace(lived, next_workflow="pay-x-1a2b3c4d-e2", **fields), **{RETRY: "1"})

    def test_the_plan_is_claimed_and_the_fence_opens_for_the_next_epoch(self):
        lived = self.failed()
        claim = next_step(lived)
        assert isinstance(claim, WritePlan)
        lived = after(lived, claim)
        assert next_step(lived) == Reopen()
        step = next_step(after(lived, Reopen()))
        assert isinstance(step, SetFence)
        assert (step.fence.generation, step.fence.workflow) == ((2, 1), "pay-x-1a2b3c4d-e2")
        assert step.annotations == {RETRIED: "1", CANCEL: None, PAUSE: None}

    def test_what_comes_next_is_the_workflow_of_that_epoch(self):
        lived = after(self.failed(), Reopen())
        lived = after(lived, next_step(lived))
        step = next_step(lived)
        lived = annotated(after(lived, step), **{RETRIED: "1"})
        lived = replace(lived, workflow=None, workflow_name="pay-x-1a2b3c4d-e2")
        assert not lived.lost
        assert next_step(lived) == CreateWorkflow()

    def test_a_plan_that_was_claimed_for_a_retry_that_is_not_wanted_any_more_is_free_again(self):
        failed = self.failed()
        lived = after(failed, next_step(failed))
        lived, _ = lived_until_rest(annotated(lived, **{RETRY: None}))
        assert lived.plan["status"] == failed.plan["status"]

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"records": {}}, "is missing: what it did would be done again"),
            ({"plan": {**READY, "status": {"currentExecution": {"name": "pay-9", "uid": "x-9"}}}}, "held by execution"),
        ],
    )
    def test_a_refusal_is_noted_so_that_it_is_told_once(self, fields, why):
        lived = self.failed(**fields)
        step = next_step(lived)
        assert isinstance(step, Mark)
        assert why in step.refused
        assert next_step(annotated(lived, **step.annotations)) in (Rest(), Own())

    def test_one_that_succeeded_is_not_retried(self):
        ended, _ = TestEnd().end(records=DONE)
        step = next_step(annotated(ended, **{RETRY: "1"}))
        assert isinstance(step, Mark)
        assert "only one that is Failed, Cancelled or Unknown is retried" in step.refused


class TestAdoption:
    def adopted(self, **fields):
        own = execution()
        own["spec"]["adoptWorkflow"] = {"name": WORKFLOW, "uid": "wf-1"}
        workflow = read_workflow(acting().workflow())
        return seen(execution=own, workflow=workflow, unlabelled=True, **fields)

    def test_it_gets_a_fence_and_then_its_workflow_and_records_say_whose_they_are(self):
        lived, taken = lived_until_rest(self.adopted())
        assert kinds(taken) == ["Mark", "WritePlan", "Keep", "Show", "SetFence", "Adopt"]
        lived, taken = lived_until_rest(replace(lived, unlabelled=False))
        assert kinds(taken)[0] == "SetFence"
        assert Fence.of(lived.execution).workflow_uid == "wf-1"
        assert phase(lived) == "Running"

    def test_no_workflow_is_made_when_it_is_gone(self):
        lived, _ = lived_until_rest(self.adopted())
        lived, taken = lived_until_rest(replace(lived, workflow=None, unlabelled=False))
        assert "CreateWorkflow" not in kinds(taken)
        assert phase(lived) == "Failed"


class TestArgoRetry:
    def reopened(self, **plan_status):
        ended, _ = TestEnd().end(records=DONE)
        plan = {**ended.plan, "status": {**ended.plan["status"], **plan_status}}
        return replace(ended, plan=plan, workflow=read_workflow(acting().workflow(labels={"final": "true"})))

    def test_the_plan_is_claimed_again_and_the_fence_opens_for_one_more_run(self):
        lived, taken = lived_until_rest(self.reopened())
        assert kinds(taken)[:3] == ["WritePlan", "Reopen", "SetFence"]
        assert Fence.of(lived.execution).generation == (1, 2)
        assert lived.status["runs"] == 2
        assert not lived.phase.terminal

    def test_when_the_plan_is_taken_the_workflow_is_terminated(self):
        step = next_step(self.reopened(currentExecution={"name": "pay-9", "uid": "x-9"}))
        assert isinstance(step, ChangeWorkflow)
        assert step.spec == {"suspend": None, "shutdown": "Terminate"}
        assert "held by execution pay-9" in step.refused

    def test_a_plan_that_was_claimed_for_a_run_that_is_over_before_it_began_is_free_again(self):
        ended, _ = TestEnd().end(records=DONE)
        lived = self.reopened()
        lived = replace(after(lived, next_step(lived)), workflow=ended.workflow)
        assert "currentExecution" in lived.plan["status"]
        lived, taken = lived_until_rest(lived)
        assert kinds(taken) == ["WritePlan", "Rest"]
        assert lived.plan["status"] == ended.plan["status"]


class TestDeletion:
    def deleted(self, lived, *, ago=timedelta()):
        metadata = {**lived.metadata, "deletionTimestamp": (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")}
        return replace(lived, execution={**lived.execution, "metadata": metadata})

    def test_one_that_runs_is_drained(self):
        step = next_step(self.deleted(running(acting().workflow())))
        assert isinstance(step, SetFence)
        assert step.fence.state is FenceState.DRAINING

    def test_and_by_force_when_that_takes_too_long(self):
        step = next_step(self.deleted(running(acting().workflow()), ago=DRAIN_LIMIT))
        assert isinstance(step, SetFence)
        assert step.fence.state is FenceState.CLOSED

    def test_its_end_is_in_the_history_before_it_goes(self):
        workflow = acting().workflow("Failed", "Stopped with strategy 'Stop'", shutdown="Stop")
        lived = replace(self.deleted(running(acting().workflow())), workflow=read_workflow(workflow))
        lived, taken = lived_until_rest(lived)
        assert kinds(taken)[-1] == "Release"
        assert phase(lived) == "Cancelled"
        assert lived.plan["status"]["executionHistory"][0]["phase"] == "Cancelled"
        assert "currentExecution" not in lived.plan["status"]

    def test_one_that_has_ended_long_ago_goes_at_once(self):
        ended, _ = TestEnd().end(records=DONE)
        assert next_step(self.deleted(ended)) == Release()

    def test_one_that_never_began_goes_too(self):
        marked = after(seen(), next_step(seen()))
        refused, _ = lived_until_rest(replace(marked, plan=None))
        assert phase(refused) == "Failed"
        assert next_step(self.deleted(refused)) == Release()

    def test_one_that_was_refused_before_it_was_marked_holds_nothing_back(self):
        refused, _ = lived_until_rest(seen(plan=None))
        assert next_step(self.deleted(refused)) == Rest()


class TestRevert:
    def revert(self):
        undoing = graph(stage(use("a")), operation=OperationType.REVERT)
        own = execution()
        own["spec"] |= {"operationType": "Revert", "revertExecutionRef": "pay-0"}
        return undoing, own

    def test_its_target_and_its_records_say_that_they_were_undone(self):
        undoing, own = self.revert()
        (action,) = undoing.actions()
        undoing = replace(
            undoing,
            stages=tuple(
                replace(
                    each,
                    workflows=tuple(
                        replace(one, actions=tuple(replace(act, undo="r-1") for act in one.actions))
                        for one in each.workflows
                    ),
                )
                for each in undoing.stages
            ),
        )
        done = {
            "metadata": {"name": "pay-0", "namespace": "dr", "uid": "x-0"},
            "spec": {"planRef": "pay", "operationType": "Execute"},
            "status": {
                "phase": "Succeeded",
                "stageStatuses": [{}],
                "conditions": [{"type": "Recorded", "status": "True"}],
            },
        }
        target_record = {**record(action.key, "Succeeded"), "metadata": {"name": "r-1"}}
        lived, _ = lived_until_rest(seen(execution=own, graph=undoing, target=done, undone={"r-1": target_record}))
        workflow = read_workflow(Argo().lane("s1.w1", {"a1": "Succeeded"}).workflow("Succeeded"))
        records = by_key([record(action.key, "Succeeded")])
        lived, taken = lived_until_rest(replace(lived, workflow=workflow, records=records))
        assert lived.phase is Phase.SUCCEEDED
        assert lived.undone["r-1"]["state"]["undoneBy"]["name"] == "pay-execute-1"
        assert [step.status["revertedBy"]["phase"] for step in taken if isinstance(step, ShowTarget)] == ["Succeeded"]
        assert lived.plan["status"]["phase"] == "Ready"


def test_no_step_depends_on_what_is_remembered():
    lived = seen()
    for _ in START:
        step = next_step(lived)
        assert next_step(replace(lived)) == step
        lived = after(lived, step)
    assert isinstance(next_step(lived), CreateWorkflow)
    assert isinstance(next_step(replace(lived, plan=None)), CreateWorkflow), "from here on it is brought to an end"
