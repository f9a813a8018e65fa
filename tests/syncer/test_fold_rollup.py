"""Roll-up: what the phases of the members make of the phase of the whole, against a naive oracle, exhaustively."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from compiler.model.phases import Phase, Reason
from syncer.fold import rollup
from syncer.fold.rollup import Member, member_of

MEMBERS = [
    *(member_of(phase, "") for phase in Phase if phase is not Phase.SKIPPED),
    member_of(Phase.SKIPPED, Reason.CONDITION_NOT_MET),
    member_of(Phase.SKIPPED, Reason.NOTHING_TO_UNDO),
    member_of(Phase.SKIPPED, Reason.UPSTREAM_FAILED),
    member_of(Phase.FAILED, Reason.NOT_UNDOABLE),
]
COMBINATIONS = [found for length in range(1, 5) for found in combinations_with_replacement(MEMBERS, length)]


def naive(members: tuple[Member, ...]) -> str:
    """The rules as they are written down, one sentence after the other."""
    phases = [member.phase.value for member in members]
    if "Pending" in phases or "Running" in phases:
        begun = [member for member in members if member.begun]
        return "Running" if begun else "Pending"
    if "Failed" in phases:
        return "Failed"
    if "Unknown" in phases:
        return "Unknown"
    kept_from_running = [member for member in members if member.phase == "Skipped" and not member.unmet]
    if "Cancelled" in phases or ("Succeeded" in phases and kept_from_running):
        return "Cancelled"
    return "Succeeded" if "Succeeded" in phases else "Skipped"


def test_a_workflow_is_what_its_actions_are_for_every_combination_of_up_to_four():
    for members in COMBINATIONS:
        assert rollup.of_workflow(members) == naive(members), members


def test_a_stage_is_what_its_workflows_are_and_succeeded_when_all_were_left_out_on_purpose():
    for members in COMBINATIONS:
        expected = naive(members)
        if expected == "Skipped" and all(member.unmet for member in members):
            expected = "Succeeded"
        assert rollup.of_stage(members) == expected, members


def test_an_execution_is_what_its_stages_are_and_never_skipped():
    for members in COMBINATIONS:
        expected = naive(members)
        assert rollup.of_execution(members) == ("Cancelled" if expected == "Skipped" else expected), members


def test_a_revert_with_an_unknown_outcome_is_failed():
    for members in COMBINATIONS:
        expected = rollup.of_execution(members)
        assert rollup.of_revert(members) == (Phase.FAILED if expected is Phase.UNKNOWN else expected), members


def test_the_order_of_the_members_does_not_matter():
    for members in COMBINATIONS:
        assert rollup.of_workflow(members) == rollup.of_workflow(members[::-1])


@pytest.mark.parametrize(
    ("phase", "reason", "begun"),
    [
        (Phase.PENDING, "", False),
        (Phase.RUNNING, "", True),
        (Phase.SUCCEEDED, "", True),
        (Phase.FAILED, Reason.NOTHING_DONE, True),
        (Phase.FAILED, Reason.NOT_UNDOABLE, False),
        (Phase.CANCELLED, "", True),
        (Phase.SKIPPED, Reason.HALTED, False),
    ],
)
def test_what_was_decided_or_skipped_has_not_begun(phase, reason, begun):
    assert member_of(phase, reason).begun is begun
