"""Cancel, pause and resume: one step at a time, until nothing acts any more."""

from __future__ import annotations

import pytest

from compiler.model.phases import FenceState
from support.graphs import graph, stage, use
from support.trees import NOW, Argo, by_key, execution, opened, record
from syncer.decide.cancel import Step, next_step

PLAN = graph(stage(use("a")), stage(use("b"), name="app"))
LOCK = "Waiting for dr/Mutex/drplan-dr-pay lock. Lock status: 0/1"
STARTED = record("s1.w1.a1", "Started")
DONE = record("s1.w1.a1", "Succeeded")


def step(workflow, *records, fence=None, **annotations):
    fence = fence or opened()
    asked = execution(fence=fence, **annotations)
    return next_step(PLAN, execution=asked, fence=fence, workflow=workflow, records=by_key(records), now=NOW)


def acting(**spec):
    return Argo().lane("s1.w1", {"a1": "Running"}, pod="Running").workflow(**spec)


def at_rest(**spec):
    return Argo().lane("s1.w1", {"a1": "Succeeded"}).workflow(**spec)


DRAINING = opened().drain(time="2025-11-24T09:00:00Z")


class TestGraceful:
    def test_first_the_fence_drains_and_the_workflow_is_suspended(self):
        assert step(acting(), STARTED, cancel="true") == Step(DRAINING, {"suspend": True})

    def test_what_acts_is_waited_for(self):
        assert step(acting(suspend=True), STARTED, fence=DRAINING, cancel="true") == Step(DRAINING)
        assert step(at_rest(suspend=True), STARTED, fence=DRAINING, cancel="true") == Step(DRAINING)

    def test_then_the_workflow_is_stopped_in_one_patch(self):
        found = step(at_rest(suspend=True), DONE, fence=DRAINING, cancel="true")
        assert found == Step(DRAINING, {"suspend": None, "shutdown": "Stop"})

    def test_completion_wins_when_everything_has_ended(self):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded"}).lane("s2.w1", {"a1": "Succeeded"})
        found = step(argo.workflow(suspend=True), DONE, record("s2.w1.a1", "Failed"), fence=DRAINING, cancel="true")
        assert found == Step(DRAINING, {"suspend": None})

    def test_a_workflow_that_waits_for_its_lock_is_deleted(self):
        found = step(Argo().workflow("Pending", LOCK, root=None), cancel="true")
        assert found.delete_workflow
        assert found.fence.state is FenceState.CLOSED
        assert found.fence.cancelled_at == "2025-11-24T09:00:00Z"

    @pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Error"])
    def test_after_the_end_there_is_nothing_to_cancel(self, phase):
        assert step(Argo().workflow(phase), DONE, cancel="true") == Step(opened())

    def test_before_the_workflow_exists_the_fence_alone_drains(self):
        assert step(None, cancel="true") == Step(DRAINING)

    def test_a_paused_run_drains_without_being_suspended_again(self):
        paused = opened().pause()
        assert step(acting(suspend=True), STARTED, fence=paused, cancel="true").spec is None
        assert step(acting(suspend=True), STARTED, fence=paused, cancel="true").fence.state is FenceState.DRAINING

    def test_a_drain_goes_on_although_the_annotation_is_gone(self):
        found = step(at_rest(suspend=True), DONE, fence=DRAINING)
        assert found.spec == {"suspend": None, "shutdown": "Stop"}

    def test_once_stopped_there_is_nothing_left_to_patch(self):
        assert step(acting(shutdown="Stop"), fence=DRAINING, cancel="true").spec is None

    def test_nodes_that_cannot_be_read_are_never_taken_for_drained(self):
        unreadable = {"metadata": {"name": "wf"}, "spec": {"suspend": True}, "status": {"compressedNodes": "%"}}
        assert step(unreadable, DONE, fence=DRAINING, cancel="true") == Step(DRAINING)


class TestForced:
    CLOSED = opened().close(time="2025-11-24T09:00:00Z")

    def test_it_ends_now(self):
        found = step(acting(), STARTED, cancel="force")
        assert found == Step(self.CLOSED, {"suspend": None, "shutdown": "Terminate"}, delete_pods=True)

    def test_a_terminated_workflow_is_finished_before_its_pods_are(self):
        workflow = Argo().workflow("Failed", "Stopped with strategy 'Terminate'", shutdown="Terminate")
        assert step(workflow, STARTED, fence=self.CLOSED, cancel="force") == Step(self.CLOSED, delete_pods=True)

    def test_it_overtakes_a_graceful_one(self):
        found = step(acting(suspend=True), STARTED, fence=DRAINING, cancel="force")
        assert found.fence.state is FenceState.CLOSED
        assert found.spec == {"suspend": None, "shutdown": "Terminate"}

    def test_a_terminated_workflow_is_not_patched_again_but_its_pods_are_seen_off(self):
        found = step(acting(shutdown="Terminate"), STARTED, fence=self.CLOSED, cancel="force")
        assert found == Step(self.CLOSED, delete_pods=True)

    def test_completion_wins_when_everything_has_ended(self):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded"}).lane("s2.w1", {"a1": "Succeeded"})
        found = step(argo.workflow(), DONE, record("s2.w1.a1", "Succeeded"), cancel="force")
        assert found == Step(opened())

    def test_a_workflow_that_waits_for_its_lock_is_deleted(self):
        found = step(Argo().workflow("Pending", LOCK, root=None), cancel="force")
        assert found == Step(self.CLOSED, delete_workflow=True)

    def test_after_the_end_there_is_nothing_to_cancel(self):
        assert step(Argo().workflow("Failed"), cancel="force") == Step(opened())


class TestPause:
    PAUSED = opened().pause()

    def test_it_pauses_fence_and_workflow(self):
        assert step(acting(), STARTED, pause="true") == Step(self.PAUSED, {"suspend": True})

    def test_a_paused_run_stays_paused_without_another_patch(self):
        assert step(acting(suspend=True), STARTED, fence=self.PAUSED, pause="true") == Step(self.PAUSED)

    def test_without_the_annotation_it_goes_on(self):
        assert step(acting(suspend=True), STARTED, fence=self.PAUSED) == Step(opened(), {"suspend": None})

    def test_a_workflow_that_somebody_else_suspended_is_left_alone(self):
        assert step(acting(suspend=True), STARTED) == Step(opened())

    def test_only_true_pauses(self):
        assert step(acting(), STARTED, pause="yes") == Step(opened())

    def test_a_finished_workflow_is_not_suspended(self):
        assert step(Argo().workflow("Succeeded"), pause="true").spec is None

    def test_a_closed_fence_is_not_opened_by_a_resume(self):
        closed = self.PAUSED.close()
        assert step(acting(), fence=closed) == Step(closed)
        assert step(acting(), fence=closed, pause="true") == Step(closed)

    def test_a_cancel_wins_over_a_pause(self):
        found = step(acting(), STARTED, pause="true", cancel="true")
        assert found.fence.state is FenceState.DRAINING
