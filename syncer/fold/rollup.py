"""What the phases of the members make of the phase of the whole: the same small rules at every level.

Skipped means that a member never began, Cancelled that it began and was stopped from outside. A member that was left
out on purpose (`unmet`) takes nothing away from the success of the others; one that was kept from running does.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from compiler.model.phases import Phase, Reason

UNMET_REASONS = frozenset({Reason.CONDITION_NOT_MET, Reason.NOTHING_TO_UNDO})
"""Reasons of a Skipped action that was left out on purpose."""

BEGUN_PHASES = frozenset({Phase.RUNNING, Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED, Phase.UNKNOWN})
"""Phases of what has begun."""

_FINAL = frozenset(phase for phase in Phase if phase.terminal)


class Member(NamedTuple):
    """A member as its whole sees it.

    Attributes:
        phase: its phase.
        unmet: whether it was left out on purpose.
        begun: whether anything of it has begun.
    """

    phase: Phase
    unmet: bool = False
    begun: bool = False


def member_of(phase: Phase, reason: str) -> Member:
    """An action as its workflow sees it: one decided not to run has not begun, even when it counts as failed."""
    return Member(phase, is_unmet(phase, reason), phase in BEGUN_PHASES and reason != Reason.NOT_UNDOABLE)


def is_unmet(phase: Phase, reason: str) -> bool:
    """Whether an action, or a workflow, was left out on purpose."""
    return phase == Phase.SKIPPED and reason in UNMET_REASONS


def of_workflow(actions: Collection[Member]) -> Phase:
    """Phase of a workflow use with these actions."""
    return _open(actions) or _ended(actions) or Phase.SKIPPED


@lru_cache(maxsize=4096)
def member_of_actions(kinds: frozenset[tuple[Phase, str]]) -> Member:
    """A workflow use as its stage sees it, from the phases and reasons that its actions have."""
    actions = [member_of(phase, reason) for phase, reason in kinds]
    phase = of_workflow(actions)
    unmet = phase is Phase.SKIPPED and all(action.unmet for action in actions)
    return Member(phase, unmet, any(action.begun for action in actions))


def of_stage(workflows: Collection[Member]) -> Phase:
    """Phase of a stage with these workflow uses: when all were left out on purpose, there was nothing to do."""
    phase = of_workflow(workflows)
    if phase is Phase.SKIPPED and all(member.unmet for member in workflows):
        return Phase.SUCCEEDED
    return phase


def of_execution(stages: Collection[Member]) -> Phase:
    """Phase of an execution with these stages, when nobody cancelled it; an execution is never Skipped."""
    phase = of_workflow(stages)
    return Phase.CANCELLED if phase is Phase.SKIPPED else phase


def of_revert(stages: Collection[Member]) -> Phase:
    """Phase of a Revert, when nobody cancelled it: one that could not undo something is Failed, never green."""
    phase = of_execution(stages)
    return Phase.FAILED if phase is Phase.UNKNOWN else phase


def _open(members: Collection[Member]) -> Phase | None:
    if all(member.phase in _FINAL for member in members):
        return None
    return Phase.RUNNING if any(member.begun for member in members) else Phase.PENDING


def _ended(members: Collection[Member]) -> Phase | None:
    phases = {member.phase for member in members}
    for phase in (Phase.FAILED, Phase.UNKNOWN, Phase.CANCELLED):
        if phase in phases:
            return phase
    if Phase.SUCCEEDED not in phases:
        return None
    kept_from_running = any(member.phase == Phase.SKIPPED and not member.unmet for member in members)
    return Phase.CANCELLED if kept_from_running else Phase.SUCCEEDED
