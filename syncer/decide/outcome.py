"""Answers of the decisions about starting: a go, a wait, or a refusal that says how the execution ends and why."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.model.phases import ConditionReason, Phase


@dataclass(frozen=True, slots=True)
class Start:
    """It may go on."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet; ask again.

    Attributes:
        reason: reason of the condition that says so.
        message: what it waits for.
        seconds: how long to wait before asking again, at most.
    """

    reason: ConditionReason
    message: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """It will never start.

    Attributes:
        reason: reason of the condition Accepted, or of Complete for one that was cancelled.
        message: what is wrong, and what to do.
        phase: phase that the execution ends in.
    """

    reason: ConditionReason
    message: str
    phase: Phase = Phase.FAILED
