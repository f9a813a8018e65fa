"""Halts: what each failure policy keeps from starting, the moment a record says Failed or Unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.model.phases import (
    FenceState,
    HaltScope,
    OperationType,
    PlanFailurePolicy,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)
from support.graphs import SKIPPED, action, graph, stage, use
from support.trees import NOW, by_key, opened, record
from syncer.decide.fence import Halt
from syncer.decide.halts import halts

BOOM = record("s1.w1.a1", "Failed", "HTTPStatus", "status 500")
CAUSE = "s1.w1.a1 Failed: status 500"


def plan(workflow="FailFast", of_stage="Stop", of_plan="Stop", *, parallel=True, **fields):
    policy = WorkflowFailurePolicy(workflow)
    return graph(
        stage(
            use("a", "b", policy=policy),
            use("c", "d", policy=policy),
            use(action("e", decided=SKIPPED)),
            parallel=parallel,
            policy=StageFailurePolicy(of_stage),
            after=[],
        ),
        stage(use("f"), name="two", after=[]),
        stage(use("g"), name="three", after=[]),
        policy=PlanFailurePolicy(of_plan),
        **fields,
    )


def scopes(of, records=(BOOM,), **arguments):
    arguments = {"fence": opened(), "begun": (), "cancelled": False, "now": NOW, **arguments}
    return [(halt.scope.value, halt.key) for halt in halts(of, records=by_key(records), **arguments)]


WORKFLOW, STAGE, PLAN = ("workflow", "s1.w1"), ("stage", "s1"), ("plan", "")
SIBLING = ("workflow", "s1.w2")


@pytest.mark.parametrize("phase", ["Failed", "Unknown"])
@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (plan("FailFast", "Stop", "Stop"), [WORKFLOW, PLAN]),
        (plan("FailFast", "Stop", "Continue"), [WORKFLOW]),
        (plan("FailFast", "FailFast", "Stop"), [WORKFLOW, STAGE, PLAN]),
        (plan("FailFast", "FailFast", "Continue"), [WORKFLOW, STAGE]),
        (plan("FailFast", "FailFast", "Stop", parallel=False), [WORKFLOW, PLAN]),
        (plan("FailFast", "Continue", "Stop"), [WORKFLOW, PLAN]),
        (plan("FailFast", "Continue", "Continue"), [WORKFLOW]),
        (plan("Continue", "Stop", "Stop"), [PLAN]),
        (plan("Continue", "Stop", "Continue"), []),
        (plan("Continue", "FailFast", "Stop"), [SIBLING, PLAN]),
        (plan("Continue", "FailFast", "Continue"), [SIBLING]),
        (plan("Continue", "Continue", "Continue"), []),
    ],
)
def test_each_combination_of_policies_halts_exactly_its_scopes(of, expected, phase):
    failure = replace_phase(BOOM, phase)
    assert scopes(of, [failure]) == expected


def replace_phase(known, phase):
    return {**known, "state": {**known["state"], "phase": phase}}


@pytest.mark.parametrize("phase", ["Started", "Succeeded", "Skipped", "Cancelled"])
def test_nothing_else_halts_anything(phase):
    assert scopes(plan(of_stage="FailFast"), [replace_phase(BOOM, phase)]) == []


def test_a_revert_has_no_halts():
    assert scopes(plan(of_stage="FailFast", operation=OperationType.REVERT)) == []


@pytest.mark.parametrize("state", [FenceState.DRAINING, FenceState.CLOSED])
def test_when_nothing_starts_anyway_there_are_none(state):
    assert scopes(plan(), fence=opened(state=state)) == []
    assert scopes(plan(), cancelled=True) == []


def test_a_paused_run_is_halted_all_the_same():
    assert scopes(plan(), fence=opened(state=FenceState.PAUSED)) == [WORKFLOW, PLAN]


class TestCause:
    def halt(self, *records, **arguments):
        arguments = {"fence": opened(), "begun": (), "cancelled": False, "now": NOW, **arguments}
        return halts(plan(), records=by_key(records), **arguments)[0]

    def test_it_names_the_action_its_phase_and_its_message(self):
        assert self.halt(BOOM) == Halt(HaltScope.WORKFLOW, "s1.w1", CAUSE, "2025-11-24T09:00:00Z")

    def test_a_long_message_is_cut_and_a_message_of_several_lines_is_one(self):
        cause = self.halt(record("s1.w1.a1", "Failed", message="first\n  second " + "x" * 300)).cause
        assert cause.startswith("s1.w1.a1 Failed: first second xxx")
        assert len(cause.removeprefix("s1.w1.a1 Failed: ")) == 120

    def test_of_two_failures_in_a_workflow_the_first_in_time_is_named(self):
        late = record("s1.w1.a1", "Failed", message="late", completionTime="2025-11-24T08:59:00Z")
        early = record("s1.w1.a2", "Unknown", message="early", completionTime="2025-11-24T08:51:00Z")
        assert self.halt(late, early).cause == "s1.w1.a2 Unknown: early"


class TestOnlyNewOnes:
    def test_what_the_fence_has_is_not_said_again(self):
        fence = opened()
        first = halts(plan(), records=by_key([BOOM]), fence=fence, begun=(), cancelled=False, now=NOW)
        assert scopes(plan(), fence=fence.halt(first)) == []

    def test_another_failure_adds_only_what_is_missing(self):
        fence = opened(halts=halts(plan(), records=by_key([BOOM]), fence=opened(), begun=(), cancelled=False, now=NOW))
        assert scopes(plan(), [BOOM, record("s1.w2.a1", "Failed")], fence=fence) == [SIBLING]

    def test_a_failure_of_an_earlier_run_halts_nothing(self):
        assert scopes(plan(), fence=opened(run=2)) == []
        assert scopes(plan(), fence=opened(epoch=2)) == []
        again = {**BOOM, "state": {**BOOM["state"], "run": 2}}
        assert scopes(plan(), [again], fence=opened(run=2)) == [WORKFLOW, PLAN]


class TestBegun:
    def begun(self, records=(BOOM,), nodes=(), fence=None):
        found = halts(plan(), records=by_key(records), fence=fence or opened(), begun=nodes, cancelled=False, now=NOW)
        return next(halt.begun for halt in found if halt.scope is HaltScope.PLAN)

    def test_stages_with_a_record_or_a_started_node_have_begun(self):
        assert self.begun() == ("s1",)
        assert self.begun([BOOM, record("s3.w1.a1", "Started")]) == ("s1", "s3")
        assert self.begun(nodes=["s2"]) == ("s1", "s2")

    def test_a_skipped_record_begins_no_stage(self):
        assert self.begun([BOOM, record("s2.w1.a1", "Skipped", "Halted")]) == ("s1",)

    def test_a_record_of_an_earlier_run_begins_no_stage_unless_it_succeeded(self):
        fence = opened(run=2)
        again = {**BOOM, "state": {**BOOM["state"], "run": 2}}
        records = [again, record("s2.w1.a1", "Failed"), record("s3.w1.a1", "Succeeded")]
        assert self.begun(records, fence=fence) == ("s1", "s3")


def test_uses_that_are_done_or_left_out_are_not_halted():
    of = plan("Continue", "FailFast", "Continue")
    first, second, third = of.stages[0].workflows
    done = replace(
        of, stages=(replace(of.stages[0], workflows=(first, replace(second, done=True), third)), *of.stages[1:])
    )
    assert scopes(done) == []
