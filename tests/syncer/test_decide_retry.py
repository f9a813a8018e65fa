"""`drplan retry`: whether an execution may go on, and what of it is left to do."""

from __future__ import annotations

import pytest

from compiler.model.phases import ConditionReason
from support.graphs import SKIPPED, action, graph, stage, use
from support.trees import Argo, by_key, execution, folded, opened, record
from syncer.decide.outcome import Refuse, Start
from syncer.decide.retry import may_retry, uses_left_out, with_done

TREE = [{"name": "db", "phase": "Failed"}]


def ended(phase="Failed", **status):
    return {**execution(), "status": {"phase": phase, "stageStatuses": TREE, **status}}


def plan(*entries):
    return {"metadata": {"name": "pay"}, "status": {"executionHistory": list(entries)}}


OWN = {"name": "pay-execute-1", "uid": "x-1", "startTime": "t"}
NEWER = {"name": "pay-execute-2", "uid": "x-2", "startTime": "t"}


@pytest.mark.parametrize("phase", ["Failed", "Cancelled", "Canceled", "Unknown"])
def test_the_newest_execution_that_did_not_succeed_may_be_retried(phase):
    assert may_retry(ended(phase), plan(OWN)) == Start()


@pytest.mark.parametrize(
    ("asked", "of", "message"),
    [
        (ended("Succeeded"), plan(OWN), "execution pay-execute-1 is Succeeded, only one that is Failed"),
        (ended("Running"), plan(OWN), "execution pay-execute-1 is Running, only one that is Failed"),
        (ended(""), plan(OWN), "execution pay-execute-1 is Pending, only one that is Failed"),
        (ended(stageStatuses=[]), plan(OWN), "execution pay-execute-1 never started"),
        (
            ended(revertedBy={"name": "pay-revert-1", "phase": "Failed"}),
            plan(OWN),
            "execution pay-execute-1 was reverted by pay-revert-1",
        ),
        (ended(), plan(NEWER, OWN), "execution pay-execute-1 is not the newest of its plan: pay-execute-2"),
        (ended(), plan(NEWER), "execution pay-execute-1 is not the newest of its plan: pay-execute-2"),
    ],
)
def test_any_other_is_refused_with_what_to_do(asked, of, message):
    answer = may_retry(asked, of)
    assert isinstance(answer, Refuse)
    assert answer.reason is ConditionReason.TARGET_INVALID
    assert answer.message.startswith(message)
    assert "start a new one" in answer.message or "goes on by itself" in answer.message


def test_a_newer_execution_that_never_started_is_in_nobodys_way():
    assert may_retry(ended(), plan({"name": "e", "uid": "x-3"}, OWN)) == Start()


def test_without_a_plan_the_execution_is_its_newest():
    assert may_retry(ended(), None) == Start()
    assert may_retry(ended(), plan()) == Start()


PLAN = graph(
    stage(use("a"), use("b", action("c", decided=SKIPPED)), use("d"), name="one"),
    stage(use("e"), name="two"),
    stage(use("f"), name="three"),
)


def succeeded(*keys):
    return by_key(record(key, "Succeeded") for key in keys)


def edges(of):
    return {
        **{each.key: each.after for each in of.stages},
        **{each.key: each.after for _, each in of.workflows()},
    }


class TestLeftOut:
    def test_a_use_all_of_whose_actions_succeeded_is_left_out(self):
        assert uses_left_out(PLAN, succeeded("s1.w1.a1", "s1.w2.a1")) == {"s1.w1", "s1.w2"}

    @pytest.mark.parametrize("phase", ["Started", "Failed", "Skipped", "Cancelled", "Unknown"])
    def test_any_other_is_compiled_whole(self, phase):
        two = graph(stage(use("a", "b")))
        records = {**succeeded("s1.w1.a1"), "s1.w1.a2": record("s1.w1.a2", phase)}
        assert uses_left_out(two, records) == frozenset()
        assert uses_left_out(two, succeeded("s1.w1.a1")) == frozenset()

    def test_a_use_of_which_nothing_runs_is_not_in_the_workflow_anyway(self):
        assert uses_left_out(graph(stage(use(action("a", decided=SKIPPED)))), {}) == frozenset()


class TestWithDone:
    def test_edges_inside_a_stage_lead_past_what_is_done(self):
        found = edges(with_done(PLAN, {"s1.w2"}))
        assert (found["s1.w1"], found["s1.w2"], found["s1.w3"]) == ((), (), ("s1.w1",))

    def test_edges_between_stages_lead_past_a_stage_that_is_done(self):
        found = edges(with_done(PLAN, {"s2.w1"}))
        assert (found["s2"], found["s3"]) == ((), ("s1",))

    def test_a_stage_of_which_something_is_left_keeps_its_edges(self):
        found = edges(with_done(PLAN, {"s1.w1"}))
        assert (found["s2"], found["s3"]) == (("s1",), ("s2",))

    def test_with_nothing_done_the_graph_is_the_same(self):
        assert with_done(PLAN, ()) == PLAN

    def test_the_tree_stays_complete(self):
        of = with_done(PLAN, {"s1.w1", "s1.w2", "s1.w3", "s2.w1"})
        fence = opened(epoch=2)
        records = [record(key, "Succeeded") for key in ("s1.w1.a1", "s1.w2.a1", "s1.w3.a1", "s2.w1.a1")]
        tree = folded(of, Argo().workflow(), records, execution=execution(fence=fence))
        assert tree.phases("s1", "s2", "s3", "") == ["Succeeded", "Succeeded", "Pending", "Running"]
        assert not of.stages[0].live
        assert of.stages[2].after == ()
