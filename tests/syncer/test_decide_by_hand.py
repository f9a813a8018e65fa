"""What an execution does about what was done by hand: to its Workflow, to others of its name, to its namespace."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from compiler.model.names import ANNOTATION_CANCEL, ANNOTATION_SNAPSHOT_HASH, LABEL_EPOCH, LABEL_EXECUTION_UID
from compiler.model.phases import ConditionReason, FenceState
from support.lives import PLAN, annotated, kinds, lived_until_rest, running, seen
from support.trees import NOW, WORKFLOW, Argo, by_key, execution, failed, opened, record
from syncer.decide.binding import own_workflow
from syncer.decide.cancel import next_step as next_cancel_step
from syncer.decide.fence import Fence
from syncer.decide.lifecycle import LAST_CHANCE, next_step
from syncer.decide.steps import ChangeWorkflow, CreateWorkflow, Release, Rest, SetFence
from syncer.fold.stalls import Stall
from syncer.nodes import read_workflow

OURS = {LABEL_EXECUTION_UID: "x-1", LABEL_EPOCH: "1"}
TERMINATE = {"suspend": None, "shutdown": "Terminate"}
IN_THE_WAY = Stall(ConditionReason.WORKFLOW_CONFLICT, "another Workflow has the name; delete it")


def workflow(phase="Running", *, uid="wf-1", labels=None, snapshot="h", **spec):
    made = Argo().lane("s1.w1", {"a1": "Running"}, pod="Running").workflow(phase, labels=labels, **spec)
    made["metadata"] |= {"uid": uid, "annotations": {ANNOTATION_SNAPSHOT_HASH: snapshot}}
    return read_workflow(made)


def shown(*, fence=None, uid="", **annotations):
    reference = {"name": WORKFLOW, "uid": uid} if uid else {"name": WORKFLOW}
    status = {"workflowRef": reference, "snapshotRef": {"name": "s", "chunks": 1, "hash": "h"}}
    return {**execution(fence=fence, **annotations), "status": status}


def condition(lived, kind):
    return next((each for each in lived.status["conditions"] if each["type"] == kind), None)


class TestWhoseAWorkflowIs:
    def test_one_that_was_made_for_this_epoch_of_this_execution_is_its_own(self):
        found = workflow(labels=OURS)
        assert own_workflow(found, shown(fence=Fence(WORKFLOW))) == (found, "")

    @pytest.mark.parametrize(
        ("labels", "snapshot", "problem"),
        [
            ({}, "h", "belongs to something else"),
            ({**OURS, LABEL_EXECUTION_UID: "x-0"}, "h", "belongs to something else"),
            ({**OURS, LABEL_EPOCH: "2"}, "h", "was made for another epoch than 1"),
            (OURS, "other", "was made from other manifests"),
        ],
    )
    def test_any_other_of_its_name_is_in_the_way(self, labels, snapshot, problem):
        own, text = own_workflow(workflow(labels=labels, snapshot=snapshot), shown(fence=Fence(WORKFLOW)))
        assert own is None
        assert problem in text
        assert text.endswith("delete it, and the execution goes on")

    def test_once_it_is_bound_only_the_uid_counts(self):
        edited = workflow(labels={}, snapshot="")
        assert own_workflow(edited, shown(fence=opened())) == (edited, "")
        assert own_workflow(workflow(uid="wf-2", labels=OURS), shown(fence=opened())) == (None, "")

    def test_without_its_fence_an_execution_knows_its_workflow_from_its_status(self):
        assert own_workflow(workflow(uid="wf-2", labels=OURS), shown(uid="wf-1")) == (None, "")
        found = workflow(labels={})
        assert own_workflow(found, shown(uid="wf-1")) == (found, "")

    def test_one_that_was_adopted_is_the_one_that_was_submitted_and_what_a_retry_makes_is_its_own(self):
        adopted = shown(fence=Fence(WORKFLOW))
        adopted["spec"]["adoptWorkflow"] = {"name": WORKFLOW, "uid": "wf-1"}
        found = workflow(labels={})
        assert own_workflow(found, adopted) == (found, "")
        assert own_workflow(workflow(uid="wf-2", labels=OURS), adopted) == (None, "")
        again = shown(fence=Fence(WORKFLOW, epoch=2))
        again["spec"]["adoptWorkflow"] = {"name": "pay", "uid": "wf-1"}
        found = workflow(uid="wf-2", labels={**OURS, LABEL_EPOCH: "2"})
        assert own_workflow(found, again) == (found, "")

    def test_where_there_is_none_there_is_none(self):
        assert own_workflow(None, shown()) == (None, "")


class TestAWorkflowInTheWay:
    def waits(self):
        lived, taken = lived_until_rest(seen())
        assert taken[-1] == CreateWorkflow()
        return lived

    def test_the_execution_says_so_until_it_is_gone_and_then_makes_its_own(self):
        lived, taken = lived_until_rest(replace(self.waits(), stall=IN_THE_WAY))
        assert kinds(taken) == ["Show", "Rest"]
        assert condition(lived, "Stalled")["reason"] == "WorkflowConflict"
        assert condition(lived, "Stalled")["message"] == IN_THE_WAY.message
        assert not lived.lost
        assert next_step(replace(lived, stall=None)) == CreateWorkflow()

    def test_a_cancel_ends_it_all_the_same(self):
        lived = annotated(replace(self.waits(), stall=IN_THE_WAY), **{ANNOTATION_CANCEL: "true"})
        lived, _ = lived_until_rest(lived)
        assert lived.status["phase"] == "Cancelled"
        assert condition(lived, "Stalled") is None
        assert "currentExecution" not in lived.plan["status"]


class TestAWorkflowThatCannotBeRead:
    UNREADABLE = Stall(ConditionReason.NODES_UNREADABLE, "the Argo Workflow cannot be read")

    def test_nothing_is_done_but_to_say_so(self):
        lived = running(Argo().workflow())
        lived, taken = lived_until_rest(replace(lived, workflow=None, stall=self.UNREADABLE))
        assert kinds(taken) == ["Show", "Rest"]
        assert lived.status["phase"] == "Running"
        assert condition(lived, "Stalled")["reason"] == "NodesUnreadable"
        lived, _ = lived_until_rest(replace(lived, workflow=workflow(), stall=None))
        assert condition(lived, "Stalled") is None

    def test_a_cancel_waits_too_for_nobody_knows_what_still_runs(self):
        lived = replace(running(Argo().workflow()), workflow=None, stall=self.UNREADABLE)
        _, taken = lived_until_rest(annotated(lived, **{ANNOTATION_CANCEL: "true"}))
        assert kinds(taken) == ["Show", "Rest"]


class TestAWorkflowThatWasReplaced:
    def test_the_execution_is_lost_and_never_bound_to_the_new_one(self):
        lived = running(Argo().workflow())
        own, problem = own_workflow(workflow(uid="wf-2", labels=OURS), lived.execution)
        assert (own, problem) == (None, "")
        lived, _ = lived_until_rest(replace(lived, workflow=own))
        assert condition(lived, "Succeeded")["reason"] == "WorkflowLost"
        assert Fence.of(lived.execution).workflow_uid == "wf-1"

    def test_also_when_that_happens_before_its_status_says_what_it_is_bound_to(self):
        lived, _ = lived_until_rest(seen())
        lived = annotated(lived, **{"dr.bkbcs.tencent.com/fence": opened().dump()})
        assert lived.lost
        lived, taken = lived_until_rest(lived)
        assert "CreateWorkflow" not in kinds(taken)
        assert condition(lived, "Succeeded")["reason"] == "WorkflowLost"


class TestArgoRetry:
    def reopened(self, status=None, **spec):
        lived = running(Argo().workflow())
        ended = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed").workflow("Failed")
        records = by_key([record("s1.w1.a1", "Failed", "HTTPStatus", "500")])
        lived, _ = lived_until_rest(replace(lived, workflow=read_workflow(ended), records=records))
        execution = {**lived.execution, "status": {**lived.status, **(status or {})}}
        return replace(lived, execution=execution, workflow=workflow(labels={"final": "true"}, **spec))

    def test_what_was_reverted_never_goes_on(self):
        step = next_step(self.reopened({"revertedBy": {"name": "undo", "phase": "Succeeded"}}))
        assert isinstance(step, ChangeWorkflow)
        assert step.spec == TERMINATE
        assert "was reverted by undo" in step.refused

    def test_nor_does_one_that_is_not_the_newest_of_its_plan(self):
        lived = self.reopened()
        newer = {"name": "pay-2", "uid": "x-2", "phase": "Succeeded", "startTime": "2025-11-24T08:59:00Z"}
        history = [newer, *lived.plan["status"]["executionHistory"]]
        plan = {**lived.plan, "status": {**lived.plan["status"], "executionHistory": history}}
        step = next_step(replace(lived, plan=plan))
        assert isinstance(step, ChangeWorkflow)
        assert "pay-2 came after it" in step.refused

    def test_it_is_terminated_once_and_then_waited_for(self):
        lived = self.reopened({"revertedBy": {"name": "undo"}}, shutdown="Terminate")
        step = next_step(lived)
        assert isinstance(step, Rest)
        assert step.seconds

    def test_one_that_comes_to_nothing_ends_as_it_had_and_the_plan_is_free(self):
        lived, _ = lived_until_rest(self.reopened())
        assert lived.status["phase"] == "Running"
        ended = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed").workflow("Failed")
        lived, _ = lived_until_rest(replace(lived, workflow=read_workflow(ended)))
        assert (lived.status["phase"], lived.status["runs"]) == ("Failed", 2)
        assert "currentExecution" not in lived.plan["status"]
        assert [entry["phase"] for entry in lived.plan["status"]["executionHistory"]] == ["Failed"]


class TestPodsThatDoNotBegin:
    def drained(self, *, idle, records=()):
        argo = Argo().lane("s1.w1", {}, pod="Pending", retry="Running").workflow(suspend=True)
        step = next_cancel_step(
            PLAN,
            execution=execution(cancel="true"),
            fence=opened().drain(time="2025-11-24T08:59:00Z"),
            workflow=argo,
            records=by_key(records),
            now=NOW,
            idle=idle,
        )
        return step.spec

    def test_a_cancel_does_not_wait_for_a_pod_that_finds_no_node(self):
        assert self.drained(idle=True) == {"suspend": None, "shutdown": "Stop"}

    def test_but_for_one_that_may_have_begun_and_for_what_is_under_way(self):
        assert self.drained(idle=False) is None
        assert self.drained(idle=True, records=[record("s1.w1.a1", "Started")]) is None


class TestPodsThatWereDeleted:
    def forced(self, **fields):
        lived = annotated(running(Argo().workflow(), pods=True), **{ANNOTATION_CANCEL: "force"})
        lived = annotated(lived, **{"dr.bkbcs.tencent.com/fence": opened().close(time="2025-11-24T08:59:00Z").dump()})
        stopped = workflow("Failed", shutdown="Terminate")
        return next_step(replace(lived, workflow=stopped, **fields))

    def test_they_are_deleted_once_and_then_waited_for(self):
        assert self.forced() == ChangeWorkflow(delete_pods=True)
        waits = self.forced(doomed=True)
        assert isinstance(waits, Rest)
        assert waits.seconds
        assert not isinstance(self.forced(pods=False), Rest)


class TestANamespaceThatGoes:
    def deleted(self, lived, *, ago, **fields):
        metadata = {**lived.metadata, "deletionTimestamp": (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")}
        return replace(lived, execution={**lived.execution, "metadata": metadata}, **fields)

    def test_an_end_that_can_still_be_written_is_written(self):
        lived = self.deleted(running(Argo().workflow()), ago=timedelta(), vanishing=True, plan=None, workflow=None)
        lived, taken = lived_until_rest(lived)
        assert taken[-1] == Release()
        assert condition(lived, "Recorded")["reason"] == "PlanGone"

    def test_whoever_may_still_act_is_waited_for_but_not_for_long(self):
        acts = by_key([record("s1.w1.a1", "Started", holder={"id": "h", "renewTime": NOW.isoformat()})])
        lived = replace(running(Argo().workflow()), plan=None, workflow=None, records=acts, vanishing=True)
        waits, taken = lived_until_rest(self.deleted(lived, ago=LAST_CHANCE / 2))
        assert isinstance(taken[-1], Rest)
        assert taken[-1].seconds
        assert next_step(self.deleted(waits, ago=LAST_CHANCE)) == Release(unrecorded=True)

    def test_while_the_namespace_stays_an_execution_is_never_given_up(self):
        lived = self.deleted(running(Argo().workflow()), ago=LAST_CHANCE * 60)
        assert not isinstance(next_step(lived), Release)

    def test_it_is_drained_like_any_other_before(self):
        step = next_step(self.deleted(running(Argo().workflow()), ago=timedelta(), vanishing=True))
        assert isinstance(step, SetFence)
        assert step.fence.state is FenceState.DRAINING
