"""Failure policies: what runners and Argo leave behind under each of them, and the phases that this makes.

In every row action `a` of workflow `first` fails with `boom`; `first` also has `b`, `second` has `c` and `d`, and the
later stage has `e`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from compiler.model.phases import (
    DependsOnPolicy,
    PlanFailurePolicy,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)
from support.graphs import SKIPPED, action, graph, stage, use
from support.trees import Argo, failed, folded, record

STOP, CONTINUE = PlanFailurePolicy.STOP, PlanFailurePolicy.CONTINUE
FAIL_FAST = StageFailurePolicy.FAIL_FAST
B, C, D, E = "s1.w1.a2", "s1.w2.a1", "s1.w2.a2", "s2.w1.a1"

BOOM = record("s1.w1.a1", "Failed", "HTTPStatus", "boom")
UPSTREAM = record(B, "Skipped", "UpstreamFailed", "not run: s1.w1.a1 Failed")
RAN = [record(C, "Succeeded"), record(D, "Succeeded")]
HALTED = [record(C, "Succeeded"), record(D, "Skipped", "Halted", "not run: s1.w1.a1 Failed: boom")]
WORKFLOW_MESSAGE = "action a failed: boom"
STAGE_MESSAGE = f"workflow dr/first failed: {WORKFLOW_MESSAGE}"


@dataclass(frozen=True)
class Row:
    """What is left behind, and what it makes."""

    workflow: str
    stage: StageFailurePolicy | PlanFailurePolicy
    parallel: bool
    plan: PlanFailurePolicy
    left: list
    omitted: tuple[str, ...]
    phases: str
    stage_message: str
    message: str

    def __str__(self) -> str:
        kind = "parallel" if self.parallel else "sequential"
        return f"{self.workflow} workflow, {kind} {self.stage} stage, {self.plan} plan"


ROWS = [
    Row(
        "FailFast",
        STOP,
        False,
        STOP,
        [UPSTREAM],
        ("s1.w2", "s2"),
        "F S, S S, S",
        STAGE_MESSAGE,
        f"Stage db failed: {STAGE_MESSAGE}",
    ),
    Row(
        "FailFast",
        STOP,
        True,
        STOP,
        [UPSTREAM, *RAN],
        ("s2",),
        "F S, + +, S",
        STAGE_MESSAGE,
        f"Stage db failed: {STAGE_MESSAGE}",
    ),
    Row(
        "FailFast",
        FAIL_FAST,
        False,
        STOP,
        [UPSTREAM],
        ("s1.w2", "s2"),
        "F S, S S, S",
        STAGE_MESSAGE,
        f"Stage db failed: {STAGE_MESSAGE}",
    ),
    Row(
        "FailFast",
        FAIL_FAST,
        True,
        STOP,
        [UPSTREAM, *HALTED],
        ("s2",),
        "F S, + S, S",
        STAGE_MESSAGE,
        f"Stage db failed: {STAGE_MESSAGE}",
    ),
    Row(
        "FailFast",
        CONTINUE,
        False,
        STOP,
        [UPSTREAM, *RAN],
        ("s2",),
        "F S, + +, S",
        STAGE_MESSAGE,
        f"Stage db failed: {STAGE_MESSAGE}",
    ),
    Row(
        "FailFast",
        CONTINUE,
        True,
        STOP,
        [UPSTREAM, *RAN],
        ("s2",),
        "F S, + +, S",
        STAGE_MESSAGE,
        f"Stage db failed: {STAGE_MESSAGE}",
    ),
    Row(
        "FailFast",
        STOP,
        False,
        CONTINUE,
        [UPSTREAM, record(E, "Succeeded")],
        ("s1.w2",),
        "F S, S S, +",
        STAGE_MESSAGE,
        "One or more stages failed",
    ),
    Row(
        "FailFast",
        CONTINUE,
        True,
        CONTINUE,
        [UPSTREAM, *RAN, record(E, "Succeeded")],
        (),
        "F S, + +, +",
        STAGE_MESSAGE,
        "One or more stages failed",
    ),
    Row(
        "Continue",
        STOP,
        False,
        STOP,
        [record(B, "Succeeded")],
        ("s1.w2", "s2"),
        "F +, S S, S",
        "workflow dr/first failed",
        "Stage db failed: workflow dr/first failed",
    ),
    Row(
        "Continue",
        STOP,
        True,
        STOP,
        [record(B, "Succeeded"), *RAN],
        ("s2",),
        "F +, + +, S",
        "One or more workflows failed",
        "Stage db failed",
    ),
    Row(
        "Continue",
        FAIL_FAST,
        True,
        STOP,
        [record(B, "Succeeded"), *HALTED],
        ("s2",),
        "F +, + S, S",
        "One or more workflows failed",
        "Stage db failed",
    ),
    Row(
        "Continue",
        CONTINUE,
        False,
        CONTINUE,
        [record(B, "Succeeded"), *RAN, record(E, "Succeeded")],
        (),
        "F +, + +, +",
        "workflow dr/first failed",
        "One or more stages failed",
    ),
    Row(
        "Continue",
        CONTINUE,
        True,
        CONTINUE,
        [record(B, "Succeeded"), *RAN, record(E, "Succeeded")],
        (),
        "F +, + +, +",
        "One or more workflows failed",
        "One or more stages failed",
    ),
]
SHORT = {"F": "Failed", "S": "Skipped", "+": "Succeeded"}


def fold_row(row, bad=BOOM):
    policy = WorkflowFailurePolicy(row.workflow)
    plan = graph(
        stage(
            use("a", "b", name="first", policy=policy),
            use("c", "d", name="second", policy=policy),
            name="db",
            policy=StageFailurePolicy(row.stage),
            parallel=row.parallel,
        ),
        stage(use("e", name="third"), name="app"),
        policy=row.plan,
    )
    argo = Argo().lane("s1.w1", {}, pod="Failed")
    for key in row.omitted:
        argo.omitted(key)
    return folded(plan, argo.workflow("Failed"), [bad, *row.left])


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_policy_gives_exactly_its_phases(row):
    tree = fold_row(row)
    expected = [SHORT[letter] for letter in row.phases.replace(",", "").split()]
    assert tree.phases() == expected
    assert tree.phase("s1.w1") == tree.phase("s1") == tree.phase("") == "Failed"
    assert tree.condition("Succeeded") == ("False", "StageFailed")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_messages_lead_from_the_execution_to_the_action(row):
    tree = fold_row(row)
    failed_fast = row.workflow == "FailFast"
    assert tree.message("s1.w1") == (WORKFLOW_MESSAGE if failed_fast else "One or more actions failed")
    assert tree.message("s1") == row.stage_message
    assert tree.message() == row.message


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_did_not_run_names_the_failure(row):
    tree = fold_row(row)
    skipped = [key for key in (B, C, D, E) if tree.phase(key) == "Skipped"]
    assert all("s1.w1.a1 Failed" in tree.message(key) for key in skipped)
    assert all(tree.reason(key) in ("UpstreamFailed", "Halted") for key in skipped)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_unknown_counts_as_failed_for_the_others_and_is_shown_as_unknown(row):
    unknown = record("s1.w1.a1", "Unknown", "OutcomeUnknown", "sent, no answer")
    tree = fold_row(row, unknown)
    assert tree.phase("s1.w1") == tree.phase("s1") == tree.phase("") == "Unknown"
    assert tree.condition("Succeeded") == ("False", "OutcomeUnknown")
    assert tree.condition("Complete") == ("True", "Unknown")
    chain = "workflow dr/first: outcome of action a is unknown: sent, no answer"
    assert tree.message() == f"Outcome of stage db is unknown: {chain}"


def test_a_halted_sibling_that_had_begun_is_cancelled_and_one_that_had_not_is_skipped():
    plan = graph(
        stage(
            use("a", name="first"),
            use("b", "c", name="second"),
            use("d", name="third"),
            parallel=True,
            policy=FAIL_FAST,
        )
    )
    halted = {"reason": "Halted", "message": "not run: s1.w1.a1 Failed: boom"}
    records = [
        BOOM,
        record("s1.w2.a1", "Succeeded"),
        record("s1.w2.a2", "Skipped", **halted),
        record("s1.w3.a1", "Skipped", **halted),
    ]
    tree = folded(plan, Argo().lane("s1.w1", {}, pod="Failed").workflow("Failed"), records)
    assert tree.phases("s1.w1", "s1.w2", "s1.w3", "s1") == ["Failed", "Cancelled", "Skipped", "Failed"]
    assert tree.message("s1.w2") == "action c not run: s1.w1.a1 Failed: boom"
    assert tree.message("s1.w3") == "not run: s1.w1.a1 Failed: boom"


def test_in_a_plan_that_is_a_graph_an_independent_stage_that_had_begun_goes_on_and_another_does_not_begin():
    plan = graph(
        stage(use("a"), name="one", after=[]),
        stage(use("b"), name="two", after=[]),
        stage(use("c"), name="three", after=[]),
        stage(use("d"), name="four", after=["s2"]),
    )
    halted = {"reason": "Halted", "message": "not run: s1.w1.a1 Failed: boom"}
    records = [BOOM, record("s2.w1.a1", "Succeeded"), record("s3.w1.a1", "Skipped", **halted)]
    records.append(record("s4.w1.a1", "Skipped", **halted))
    argo = Argo().lane("s1.w1", {"a1": failed(2, "boom")}, pod="Failed").lane("s2.w1", {"a1": "Succeeded"})
    tree = folded(plan, argo.workflow("Failed"), records)
    assert tree.phases("s1", "s2", "s3", "s4", "") == ["Failed", "Succeeded", "Skipped", "Skipped", "Failed"]


def test_under_a_plan_that_continues_a_stage_that_needs_success_is_skipped_and_another_runs():
    plan = graph(
        stage(use("a"), name="one", after=[]),
        stage(use("b"), name="two", after=["s1"], needs=DependsOnPolicy.SUCCEEDED),
        stage(use("c"), name="three", after=["s1"]),
        policy=CONTINUE,
    )
    argo = Argo().lane("s1.w1", {}, pod="Failed").omitted("s2")
    tree = folded(plan, argo.workflow("Failed"), [BOOM, record("s3.w1.a1", "Succeeded")])
    assert tree.phases("s1", "s2", "s3", "") == ["Failed", "Skipped", "Succeeded", "Failed"]
    assert tree.message("s2.w1.a1") == "not run: s1.w1.a1 Failed"


class TestLeftOutOnPurpose:
    """What a condition leaves out takes nothing away from the rest."""

    def test_a_workflow_without_anything_to_do_is_skipped_and_its_stage_succeeded(self):
        plan = graph(stage(use(action("a", decided=SKIPPED))), stage(use("b"), name="app"))
        tree = folded(plan, Argo().lane("s2.w1", {"a1": "Succeeded"}).workflow("Succeeded"))
        assert tree.phases("s1.w1.a1", "s1.w1", "s1", "s2", "") == [
            "Skipped",
            "Skipped",
            "Succeeded",
            "Succeeded",
            "Succeeded",
        ]
        assert tree.message("s1.w1") == "All actions were skipped"
        assert tree.message("s1") == "All workflows skipped"
        assert tree.message() == "All stages completed successfully"
        assert tree.condition("Succeeded") == ("True", "AllStagesSucceeded")

    def test_beside_an_action_that_succeeded_the_workflow_succeeded(self):
        plan = graph(stage(use(action("a", decided=SKIPPED), "b")))
        tree = folded(plan, Argo().lane("s1.w1", {"a2": "Succeeded"}).workflow("Succeeded"))
        assert tree.phases("s1.w1", "s1", "") == ["Succeeded"] * 3
        assert tree.message("s1.w1") == "All actions completed successfully"
        assert tree["s1.w1"]["progress"] == "2/2 actions completed"

    def test_a_plan_of_which_nothing_is_left_succeeded_without_a_workflow(self):
        tree = folded(graph(stage(use(action("a", decided=SKIPPED)))))
        assert tree.phases("s1", "") == ["Succeeded", "Succeeded"]

    def test_before_anything_has_begun_it_is_pending_although_a_stage_has_nothing_to_do(self):
        plan = graph(stage(use(action("a", decided=SKIPPED))), stage(use("b"), name="app"))
        tree = folded(plan)
        assert tree.phases("s1", "s2", "") == ["Succeeded", "Pending", "Pending"]
