"""A revert: what could not be undone makes it failed, and the messages are those of a way back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.graph.tree import Decided
from compiler.model.phases import DependsOnPolicy, OperationType, Phase, PlanFailurePolicy, Reason
from compiler.model.phases import WorkflowFailurePolicy as Policy
from support.graphs import action, graph, stage, use
from support.trees import Argo, execution, folded, opened, record

NOTHING = Decided(Phase.SKIPPED, Reason.NOTHING_TO_UNDO, "No rollback defined for HTTP action")
WAS_SKIPPED = Decided(Phase.SKIPPED, Reason.NOTHING_TO_UNDO, "Original action phase was Skipped, skipped rollback")
IMPOSSIBLE = Decided(Phase.FAILED, Reason.NOT_UNDOABLE, "what existed before Patch was not recorded")


def undoing(*names, **fields):
    drafts = [name if not isinstance(name, str) else action(name, needs=DependsOnPolicy.SUCCEEDED) for name in names]
    return use(*drafts, policy=Policy.CONTINUE, **fields)


def revert(*stages, without_way_back=0):
    plan = graph(*stages, policy=PlanFailurePolicy.CONTINUE, operation=OperationType.REVERT)
    return replace(plan, without_way_back=without_way_back)


def done(*keys):
    return [record(key, "Succeeded", message="Rolled back: deleted Job dr/x") for key in keys]


TWO_STAGES = revert(
    stage(undoing("drop", "sync", name="mysql"), name="db"), stage(undoing("web", name="portal"), name="app")
)
ALL = ("s1.w1.a1", "s1.w1.a2", "s2.w1.a1")


def finished(plan, records, phase="Succeeded", **fields):
    return folded(plan, Argo().workflow(phase), records, **fields)


class TestSucceeded:
    def test_a_revert_that_undid_everything_counts_stages_and_actions(self):
        tree = finished(TWO_STAGES, done(*ALL))
        assert tree.phases("s1", "s2", "") == ["Succeeded"] * 3
        assert tree.message() == "Plan reverted successfully: 2 stage(s) rolled back, 3 action(s) rolled back"
        assert tree.message("s1") == "Stage reverted successfully: 1 workflow(s) rolled back"
        assert tree.message("s1.w1") == "Workflow reverted successfully"
        assert tree["s1.w1"]["progress"] == "2/2 actions rolled back"
        assert tree.condition("Succeeded") == ("True", "Reverted")

    def test_actions_without_a_way_back_are_counted_at_the_end_of_the_message(self):
        plan = revert(stage(undoing("drop", action("call", decided=NOTHING))), without_way_back=1)
        tree = finished(plan, done("s1.w1.a1"))
        assert tree.phase("") == "Succeeded"
        assert tree.message() == (
            "Plan reverted successfully: 1 stage(s) rolled back, 1 action(s) rolled back, "
            "1 action(s) without a way back"
        )
        assert tree["s1.w1"]["progress"] == "1/1 actions rolled back"

    def test_a_stage_with_nothing_to_undo_is_counted_as_skipped(self):
        plan = revert(stage(undoing("drop")), stage(undoing(action("web", decided=WAS_SKIPPED)), name="app"))
        tree = finished(plan, done("s1.w1.a1"))
        assert tree.message() == (
            "Plan reverted successfully: 1 stage(s) rolled back, 1 action(s) rolled back, 1 stage(s) skipped"
        )
        assert (tree.phase("s2"), tree.message("s2")) == ("Succeeded", "All workflows skipped")
        assert (tree.phase("s2.w1"), tree.message("s2.w1")) == ("Skipped", "Nothing to undo")

    def test_with_nothing_to_undo_at_all_it_succeeded_with_nothing_to_do(self):
        plan = revert(stage(undoing(action("call", decided=NOTHING))), without_way_back=1)
        tree = folded(plan)
        assert tree.phase("") == "Succeeded"
        assert tree.condition("Succeeded") == ("True", "NothingToDo")
        assert tree.message() == "Nothing to undo, 1 action(s) without a way back"

    def test_while_it_runs_it_says_that_it_reverts(self):
        tree = folded(TWO_STAGES, Argo().workflow(), done("s1.w1.a1"))
        assert tree.condition("Running") == ("True", "Reverting")
        assert tree["s1.w1"]["progress"] == "1/2 actions rolled back"


class TestFailed:
    def test_a_failed_undo_is_named_from_the_execution_down(self):
        argo = Argo().lane("s1.w1", {}, pod="Failed").omitted("s2")
        records = [*done("s1.w1.a1"), record("s1.w1.a2", "Failed", message="Failed to delete Job: forbidden")]
        tree = folded(TWO_STAGES, argo.workflow("Failed"), records)
        assert tree.phases("s1", "s2", "") == ["Failed", "Skipped", "Failed"]
        assert tree.message() == (
            "Failed to revert stage db: failed to revert workflow dr/mysql: "
            "failed to rollback action sync: Failed to delete Job: forbidden"
        )
        assert tree.message("s1") == "Failed to revert workflow dr/mysql"
        assert tree.message("s1.w1") == "Failed to rollback action sync"
        assert tree.message("s2.w1.a1") == "not run: s1.w1.a2 Failed"
        assert tree.condition("Succeeded") == ("False", "RevertIncomplete")

    def test_an_unknown_undo_makes_the_revert_failed_and_stays_unknown_below(self):
        records = [*done("s1.w1.a1", "s2.w1.a1"), record("s1.w1.a2", "Unknown", message="sent, no answer")]
        tree = finished(TWO_STAGES, records, "Failed")
        assert tree.phases("s1.w1.a2", "s1.w1", "s1", "") == ["Unknown", "Unknown", "Unknown", "Failed"]
        assert tree.condition("Succeeded") == ("False", "RevertIncomplete")
        assert "failed to rollback action sync: sent, no answer" in tree.message()

    def test_what_has_no_way_back_is_listed_failed_and_the_others_are_undone_around_it(self):
        plan = revert(stage(undoing("drop", action("patch", decided=IMPOSSIBLE), "sync")))
        tree = finished(plan, done("s1.w1.a1", "s1.w1.a3"))
        assert tree.phases() == ["Succeeded", "Failed", "Succeeded"]
        assert tree.phase("") == "Failed"
        assert tree.reason("s1.w1.a2") == "NotUndoable"
        assert tree.condition("Succeeded") == ("False", "RevertIncomplete")

    def test_what_has_no_way_back_is_never_the_cause_of_something_that_did_not_run(self):
        plan = revert(stage(undoing(action("patch", decided=IMPOSSIBLE), "drop")), stage(undoing("web"), name="app"))
        argo = Argo().lane("s1.w1", {}, pod="Failed").omitted("s2")
        tree = folded(plan, argo.workflow("Failed"), [record("s1.w1.a2", "Failed", message="no")])
        assert tree.message("s2.w1.a1") == "not run: s1.w1.a2 Failed"

    def test_before_it_has_begun_it_is_pending_although_something_has_no_way_back(self):
        plan = revert(stage(undoing(action("patch", decided=IMPOSSIBLE))), stage(undoing("web"), name="app"))
        assert folded(plan).phases("s1", "s2", "") == ["Failed", "Pending", "Pending"]

    def test_a_cancel_of_a_revert_that_is_incomplete_anyway_is_failed(self):
        plan = revert(stage(undoing(action("patch", decided=IMPOSSIBLE))), stage(undoing("web"), name="app"))
        workflow = Argo().phantom("s2.w1").workflow("Failed", "Stopped with strategy 'Stop'", shutdown="Stop")
        cancelled = execution(fence=opened().drain(time="2025-11-24T08:50:30Z"), cancel="true")
        assert folded(plan, workflow, execution=cancelled).phase("") == "Failed"

    def test_a_cancelled_revert_is_cancelled(self):
        workflow = Argo().phantom("s2.w1").workflow("Failed", "Stopped with strategy 'Stop'", shutdown="Stop")
        cancelled = execution(fence=opened().drain(time="2025-11-24T08:50:30Z"), cancel="true")
        tree = folded(TWO_STAGES, workflow, done("s1.w1.a1", "s1.w1.a2"), execution=cancelled)
        assert (tree.phase(""), tree.message()) == ("Cancelled", "Execution canceled by user")


class TestHooks:
    PLAN = revert(
        stage(undoing(action("before", hook=True), "drop", "sync", action("after", hook=True), name="mysql"), name="db")
    )

    @pytest.mark.parametrize(
        ("hook", "name", "message"),
        [("h1", "before", "Pre-rollback hook failed"), ("h4", "after", "Post-rollback hook failed")],
    )
    def test_a_failed_hook_is_named_as_one(self, hook, name, message):
        keys = ["s1.w1.h1", "s1.w1.a2", "s1.w1.a3", "s1.w1.h4"]
        failure = record(f"s1.w1.{hook}", "Failed", message="status 500")
        before = done(*keys[: keys.index(f"s1.w1.{hook}")])
        after = [record(key, "Skipped", "UpstreamFailed") for key in keys[len(before) + 1 :]]
        tree = finished(self.PLAN, [*before, failure, *after], "Failed")
        assert tree.phases("s1.w1", "s1", "") == ["Failed"] * 3
        assert tree.message("s1.w1") == message
        assert tree.message() == (
            f"Failed to revert stage db: failed to revert workflow dr/mysql: rollback hook {name} failed: status 500"
        )

    def test_hooks_count_as_actions_that_were_rolled_back(self):
        tree = finished(self.PLAN, done("s1.w1.h1", "s1.w1.a2", "s1.w1.a3", "s1.w1.h4"))
        assert tree.message().endswith("1 stage(s) rolled back, 4 action(s) rolled back")

    def test_containers_of_hooks_are_found_by_their_letter(self):
        states = {"h1": "Succeeded", "a2": "Succeeded", "a3": "Succeeded", "h4": "Succeeded"}
        tree = folded(self.PLAN, Argo().lane("s1.w1", states, pod="Running").workflow())
        assert tree.phases() == ["Succeeded"] * 4
