"""What a whole run came to: cancel, stop, a lost Workflow, and whether Argo agrees that all is well."""

from __future__ import annotations

import pytest

from compiler.model.phases import FenceState, PlanFailurePolicy
from support.graphs import graph, stage, use
from support.trees import Argo, execution, failed, folded, opened, record
from syncer.decide.fence import Fence

PLAN = graph(stage(use("a")), stage(use("b"), name="app"))
EARLY, LATE = "2025-11-24T08:51:00Z", "2025-11-24T08:54:00Z"
STOPPED = "Stopped with strategy 'Stop'"
FIRST_DONE = [record("s1.w1.a1", "Succeeded")]


def drained(at=LATE, **annotations):
    return execution(fence=opened().drain(time=at), cancel="true", **annotations)


def stopped_workflow(*, shutdown="Stop", **fields):
    argo = Argo().lane("s1.w1", {"a1": "Succeeded"}).phantom("s2.w1")
    return argo.workflow("Failed", f"Stopped with strategy '{shutdown}'", shutdown=shutdown, **fields)


class TestCancel:
    def test_a_cancelled_run_of_which_something_did_not_run_is_cancelled(self):
        tree = folded(PLAN, stopped_workflow(), FIRST_DONE, execution=drained())
        assert tree.phases("s1", "s2", "") == ["Succeeded", "Skipped", "Cancelled"]
        assert tree.reason("s2.w1.a1") == "CancelledByUser"
        assert tree.message("s2.w1.a1") == "not run: canceled by user"
        assert tree.message() == "Execution canceled by user"
        assert tree.condition("Succeeded") == ("False", "Cancelled")
        assert tree.condition("Complete") == ("True", "Cancelled")

    def test_completion_wins_when_everything_had_ended(self):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded"}).lane("s2.w1", {"a1": "Succeeded"})
        records = [*FIRST_DONE, record("s2.w1.a1", "Succeeded")]
        assert folded(PLAN, argo.workflow("Succeeded"), records, execution=drained()).phase("") == "Succeeded"

    def test_completion_wins_although_our_own_stop_made_the_workflow_failed(self):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded"}).lane("s2.w1", {"a1": "Succeeded"})
        records = [*FIRST_DONE, record("s2.w1.a1", "Succeeded")]
        workflow = argo.workflow("Failed", STOPPED, shutdown="Stop")
        assert folded(PLAN, workflow, records, execution=drained()).phase("") == "Succeeded"

    @pytest.mark.parametrize(("cancelled_at", "phase"), [(EARLY, "Cancelled"), (LATE, "Failed")])
    def test_a_failure_before_the_cancel_makes_it_failed_one_after_it_does_not(self, cancelled_at, phase):
        argo = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed").phantom("s2.w1")
        failure = record("s1.w1.a1", "Failed", completionTime="2025-11-24T08:52:30Z")
        workflow = argo.workflow("Failed", STOPPED, shutdown="Stop")
        tree = folded(PLAN, workflow, [failure], execution=drained(cancelled_at))
        assert tree.phase("") == phase
        assert tree.phase("s1") == "Failed"

    def test_a_cancel_of_unknown_time_comes_after_any_failure(self):
        workflow = Argo().lane("s1.w1", {}, pod="Failed").workflow("Failed", STOPPED, shutdown="Stop")
        records = [record("s1.w1.a1", "Failed")]
        assert folded(PLAN, workflow, records, execution=execution(fence=opened(), cancel="true")).phase("") == "Failed"

    def test_an_action_that_the_cancel_left_unknown_does_not_make_the_run_failed(self):
        argo = Argo().lane("s1.w1", {"a1": failed(143)}, pod="Failed", retry="Running").phantom("s2.w1")
        workflow = argo.workflow("Failed", "Stopped with strategy 'Terminate'", shutdown="Terminate")
        closed = execution(fence=opened().close(time=EARLY), cancel="force")
        tree = folded(PLAN, workflow, [record("s1.w1.a1", "Started", sent=True)], execution=closed)
        assert tree.phases("s1.w1.a1", "s1", "s2", "") == ["Unknown", "Unknown", "Skipped", "Cancelled"]

    def test_while_it_drains_it_is_running_and_says_so(self):
        argo = Argo().lane("s1.w1", {"a1": "Running"}, pod="Running")
        tree = folded(PLAN, argo.workflow(suspend=True), [record("s1.w1.a1", "Started")], execution=drained())
        assert tree.phases("s1", "s2", "") == ["Running", "Pending", "Running"]
        assert tree.condition("Reconciling") == ("True", "Draining")
        assert tree.condition("Paused") is None

    def test_a_workflow_deleted_while_it_waited_for_its_lock_leaves_a_cancelled_run(self):
        closed = execution(fence=opened().drain(time=EARLY).close(), cancel="true")
        tree = folded(PLAN, None, execution=closed)
        assert tree.phases("s1.w1.a1", "s2.w1.a1", "") == ["Skipped", "Skipped", "Cancelled"]
        assert tree.reason("s1.w1.a1") == "CancelledByUser"

    def test_any_other_value_of_the_annotation_cancels_nothing(self):
        tree = folded(PLAN, Argo().workflow(), execution=execution(fence=opened(), cancel="no"))
        assert tree.condition("Reconciling") == ("True", "Progressing")


class TestStoppedInArgo:
    def test_a_run_that_was_stopped_by_hand_is_cancelled_and_says_by_what(self):
        tree = folded(PLAN, stopped_workflow(), FIRST_DONE)
        assert tree.phases("s1", "s2", "") == ["Succeeded", "Skipped", "Cancelled"]
        assert tree.condition("Succeeded") == ("False", "StoppedInArgo")
        assert tree.message() == f"Stopped in Argo: {STOPPED}"
        assert tree.message("s2.w1.a1") == "not run: stopped in Argo"

    def test_unless_something_had_failed_before(self):
        argo = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed").phantom("s2.w1")
        tree = folded(
            PLAN, argo.workflow("Failed", STOPPED, shutdown="Stop"), [record("s1.w1.a1", "Failed", message="boom")]
        )
        assert (tree.phase(""), tree.condition("Succeeded")) == ("Failed", ("False", "StageFailed"))

    def test_a_failure_in_the_second_of_the_stop_came_before_it(self):
        workflow = Argo().lane("s1.w1", {}, pod="Failed").workflow("Failed", STOPPED, shutdown="Stop")
        failure = record("s1.w1.a1", "Failed", completionTime="2025-11-24T08:55:00.400Z")
        assert folded(PLAN, workflow, [failure]).condition("Succeeded") == ("False", "StageFailed")

    def test_what_the_stop_itself_left_unknown_is_no_failure_before_it(self):
        argo = Argo().lane("s1.w1", {"a1": failed(143)}, pod="Failed", retry="Running").phantom("s2.w1")
        workflow = argo.workflow("Failed", STOPPED, shutdown="Stop")
        ended = record("s1.w1.a1", "Unknown", "OutcomeUnknown", completionTime="2025-11-24T08:56:00Z")
        for known in (record("s1.w1.a1", "Started", sent=True), ended):
            assert folded(PLAN, workflow, [known]).condition("Succeeded") == ("False", "StoppedInArgo")

    def test_what_is_unknown_since_the_second_of_the_stop_was_left_so_by_it(self):
        workflow = Argo().lane("s1.w1", {}, pod="Failed").phantom("s2.w1").workflow("Failed", STOPPED, shutdown="Stop")
        during = record("s1.w1.a1", "Unknown", "OutcomeUnknown", completionTime="2025-11-24T08:55:00.400Z")
        assert folded(PLAN, workflow, [during]).condition("Succeeded") == ("False", "StoppedInArgo")
        before = record("s1.w1.a1", "Unknown", "OutcomeUnknown", completionTime="2025-11-24T08:54:59.900Z")
        assert folded(PLAN, workflow, [before]).condition("Succeeded") == ("False", "OutcomeUnknown")

    def test_a_terminated_workflow_that_waited_for_its_lock_is_not_green_although_argo_says_so(self):
        argo = Argo().node("s-1-x", "DAG", "Failed", "workflow shutdown with strategy: Terminate")
        workflow = argo.workflow("Succeeded", root="Failed", shutdown="Terminate")
        tree = folded(PLAN, workflow)
        assert tree.phases("s1", "s2", "") == ["Skipped", "Skipped", "Cancelled"]
        assert tree.condition("Succeeded") == ("False", "StoppedInArgo")

    def test_a_stop_that_came_too_late_changes_nothing(self):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded"}).lane("s2.w1", {"a1": "Succeeded"})
        assert folded(PLAN, argo.workflow("Succeeded", shutdown="Stop")).phase("") == "Succeeded"


class TestArgoDisagrees:
    def all_succeeded(self, phase, **fields):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded"}).lane("s2.w1", {"a1": "Succeeded"})
        return folded(PLAN, argo.workflow(phase, **fields))

    def test_green_needs_a_succeeded_workflow_and_a_succeeded_root_node(self):
        assert self.all_succeeded("Succeeded").phase("") == "Succeeded"

    @pytest.mark.parametrize(
        ("phase", "fields", "message"),
        [
            ("Failed", {}, "The Argo Workflow is Failed"),
            ("Error", {"message": "too large"}, "The Argo Workflow is Error: too large"),
            ("Succeeded", {"root": "Failed"}, "The Argo Workflow is Succeeded with a root node Failed"),
            ("Succeeded", {"root": None}, "The Argo Workflow is Succeeded without a root node"),
        ],
    )
    def test_anything_else_is_failed_with_the_reason_that_argo_gives(self, phase, fields, message):
        tree = self.all_succeeded(phase, **fields)
        assert tree.phases("s1", "s2", "") == ["Succeeded", "Succeeded", "Failed"]
        assert tree.condition("Succeeded") == ("False", "WorkflowError")
        assert tree.message() == message

    def test_a_workflow_that_argo_refused_is_failed(self):
        tree = folded(PLAN, Argo().workflow("Failed", "invalid spec: templates.plan: nosuch", root=None))
        assert tree.phases("s1", "s2", "") == ["Skipped", "Skipped", "Failed"]
        assert tree.condition("Succeeded") == ("False", "WorkflowError")
        assert "invalid spec" in tree.message("s1.w1.a1")

    def test_a_workflow_that_grew_too_large_is_failed_not_cancelled(self):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded"})
        tree = folded(PLAN, argo.workflow("Error", "workflow is longer than maximum allowed size"), FIRST_DONE)
        assert (tree.phase(""), tree.condition("Succeeded")) == ("Failed", ("False", "WorkflowError"))

    def test_a_failure_of_ours_is_named_rather_than_argos(self):
        argo = Argo().lane("s1.w1", {"a1": failed(2, "boom")}, pod="Failed").omitted("s2")
        assert folded(PLAN, argo.workflow("Error", "whatever")).message().endswith("action a failed: boom")

    def test_as_long_as_the_workflow_goes_on_the_run_does(self):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded"}).lane("s2.w1", {"a1": "Succeeded"})
        tree = folded(PLAN, argo.workflow("Running"))
        assert tree.phases("s1", "s2", "") == ["Succeeded", "Succeeded", "Running"]
        assert tree.condition("Complete") == ("False", "InProgress")


class TestCutShort:
    def test_a_lane_that_was_lost_before_it_did_anything_leaves_a_cancelled_run(self):
        argo = Argo().lane("s1.w1", {"a1": failed(143)}, pod="Failed").omitted("s2")
        tree = folded(PLAN, argo.workflow("Failed"), [record("s1.w1.a1", "Started")])
        assert tree.phases("s1", "s2", "") == ["Cancelled", "Skipped", "Cancelled"]
        assert tree.message("s2.w1.a1") == "not run: s1.w1.a1 Cancelled"
        assert tree.condition("Succeeded") == ("False", "Cancelled")
        assert tree.message().startswith("Stage db did not run to its end: workflow dr/mysql: action a was stopped")


class TestLostWorkflow:
    def test_terminal_records_stand_and_the_rest_is_skipped(self):
        tree = folded(PLAN, None, FIRST_DONE, lost=True)
        assert tree.phases("s1", "s2", "") == ["Succeeded", "Skipped", "Failed"]
        assert tree.reason("s2.w1.a1") == "WorkflowDeleted"
        assert tree.condition("Succeeded") == ("False", "WorkflowLost")

    def test_an_open_record_is_waited_for_as_long_as_its_holder_renews_it(self):
        alive = {"id": "h", "renewTime": "2025-11-24T08:59:30Z"}
        tree = folded(PLAN, None, [record("s1.w1.a1", "Started", holder=alive)], lost=True)
        assert tree.phases("s1.w1.a1", "") == ["Running", "Running"]

    @pytest.mark.parametrize(
        "holder",
        [{"renewTime": "2025-11-24T08:58:00Z"}, {"renewTime": "2025-11-24T08:59:59Z", "released": True}, {}],
        ids=["lease expired", "released", "no holder"],
    )
    def test_then_it_is_unknown(self, holder):
        tree = folded(PLAN, None, [record("s1.w1.a1", "Started", holder=holder)], lost=True)
        assert tree.phases("s1.w1.a1", "s2", "") == ["Unknown", "Skipped", "Failed"]
        assert tree.condition("Succeeded") == ("False", "WorkflowLost")

    def test_a_run_that_had_ended_when_its_workflow_went_is_what_it_came_to(self):
        records = [*FIRST_DONE, record("s2.w1.a1", "Succeeded")]
        assert folded(PLAN, None, records, lost=True).phase("") == "Succeeded"


class TestOpenRuns:
    def test_without_a_workflow_nothing_has_begun(self):
        tree = folded(PLAN, None)
        assert tree.phase("") == "Pending"
        assert tree.condition("Running") == ("Unknown", "Progressing")
        assert "startTime" not in tree.status

    def test_with_a_workflow_it_is_running(self):
        tree = folded(PLAN, Argo().workflow())
        assert tree.phases("s1", "") == ["Pending", "Running"]
        assert tree.condition("Running") == ("True", "Running")
        assert tree.status["startTime"] == "2025-11-24T08:50:00Z"

    def test_a_workflow_that_waits_for_its_lock_is_pending(self):
        message = "Waiting for dr/Mutex/drplan-dr-pay lock. Lock status: 0/1"
        tree = folded(PLAN, Argo().workflow("Pending", message, root=None))
        assert (tree.phase(""), tree.message()) == ("Pending", message)
        assert tree.condition("Running") == ("False", "WaitingForLock")

    @pytest.mark.parametrize(
        ("state", "suspend", "reason"),
        [
            (FenceState.PAUSED, True, "PausedByUser"),
            (FenceState.PAUSED, None, "PausedByUser"),
            (FenceState.OPEN, True, "SuspendedInArgo"),
        ],
    )
    def test_a_paused_run_says_who_paused_it(self, state, suspend, reason):
        fence = Fence("pay-x-1a2b3c4d-e1", state=state)
        tree = folded(PLAN, Argo().workflow(suspend=suspend), execution=execution(fence=fence))
        assert tree.condition("Paused") == ("True", reason)
        assert tree.condition("Running") == ("False", "Paused")

    def test_a_resumed_run_keeps_the_condition_and_says_resumed(self):
        paused = folded(PLAN, Argo().workflow(suspend=True))
        tree = folded(PLAN, Argo().workflow(), previous=paused.status)
        assert tree.condition("Paused") == ("False", "Resumed")
        assert tree.condition("Running") == ("True", "Running")


def test_under_plan_policy_continue_the_message_names_no_stage():
    plan = graph(stage(use("a")), stage(use("b"), name="app"), policy=PlanFailurePolicy.CONTINUE)
    tree = folded(plan, Argo().workflow("Failed"), [record("s1.w1.a1", "Failed"), record("s2.w1.a1", "Succeeded")])
    assert tree.message() == "One or more stages failed"


def test_the_message_names_the_stage_that_failed_first():
    plan = graph(stage(use("a"), name="one", after=[]), stage(use("b"), name="two", after=[]))
    records = [
        record("s1.w1.a1", "Failed", message="late", completionTime="2025-11-24T08:53:00Z"),
        record("s2.w1.a1", "Failed", message="early", completionTime="2025-11-24T08:52:00Z"),
    ]
    message = "Stage two failed: workflow dr/mysql failed: action b failed: early"
    assert folded(plan, Argo().workflow("Failed"), records).message() == message
