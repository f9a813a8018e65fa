"""Conditions of a DRPlanExecution: what programs and `kubectl wait` look at.

A condition keeps its time for as long as its status stays, so each fold starts from the conditions before it. One that
is not decided yet is Unknown; `Stalled` is there only while something is stalled. `Recorded`, which no fold can find
out, is kept as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compiler.model.phases import ConditionReason, ConditionStatus, ConditionType, FenceState, Phase
from syncer.fold.evidence import Evidence
from syncer.fold.stalls import Stall
from syncer.fold.verdict import Verdict
from syncer.times import format_time

_COMPLETE_REASONS = {
    Phase.SUCCEEDED: ConditionReason.SUCCEEDED,
    Phase.FAILED: ConditionReason.FAILED,
    Phase.CANCELLED: ConditionReason.CANCELLED,
    Phase.UNKNOWN: ConditionReason.UNKNOWN,
}

_STALLED = frozenset({Phase.FAILED, Phase.UNKNOWN})
"""Ends that others are told of as a failure: nothing goes on before somebody looks."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A condition as it should be now, without its time."""

    type: ConditionType
    status: ConditionStatus
    reason: ConditionReason
    message: str = ""


def of_run(
    evidence: Evidence,
    verdict: Verdict,
    previous: Iterable[Mapping[str, Any]],
    *,
    revert: bool,
    stall: Stall | None = None,
) -> list[Wanted]:
    """Conditions that follow from a run, and from what stalls it."""
    before = {condition.get("type"): condition for condition in previous}
    return [
        Wanted(ConditionType.ACCEPTED, ConditionStatus.TRUE, ConditionReason.ACCEPTED),
        _running(evidence, verdict, revert=revert),
        *_paused(evidence, verdict, before),
        _reconciling(evidence, verdict),
        _complete(verdict),
        _succeeded(verdict),
        *_stalled(verdict, stall),
    ]


def of_refusal(phase: Phase, reason: ConditionReason, message: str) -> list[Wanted]:
    """Conditions of an execution that was refused and never ran."""
    succeeded = reason if reason in (ConditionReason.CANCELLED, ConditionReason.COMPILE_FAILED) else _REFUSED[phase]
    wanted = of_end(phase, succeeded, message)
    if reason is not ConditionReason.CANCELLED:
        wanted.insert(0, Wanted(ConditionType.ACCEPTED, ConditionStatus.FALSE, reason, message))
    return wanted


def of_end(phase: Phase, reason: ConditionReason, message: str) -> list[Wanted]:
    """Conditions of an execution that has not succeeded, whether it ever ran or not.

    Args:
        phase: how it ended.
        reason: why it has not succeeded.
        message: the same for people.
    """
    wanted = [
        Wanted(ConditionType.RUNNING, ConditionStatus.FALSE, ConditionReason.FINISHED),
        Wanted(ConditionType.RECONCILING, ConditionStatus.FALSE, ConditionReason.FINISHED),
        Wanted(ConditionType.COMPLETE, ConditionStatus.TRUE, _COMPLETE_REASONS[phase], message),
        Wanted(ConditionType.SUCCEEDED, ConditionStatus.FALSE, reason, message),
    ]
    if phase in _STALLED:
        wanted.append(Wanted(ConditionType.STALLED, ConditionStatus.TRUE, ConditionReason.FAILED, message))
    return wanted


_REFUSED = {
    Phase.FAILED: ConditionReason.COMPILE_FAILED,
    Phase.CANCELLED: ConditionReason.CANCELLED,
    Phase.UNKNOWN: ConditionReason.OUTCOME_UNKNOWN,
}


def of_waiting(message: str) -> list[Wanted]:
    """Conditions of an execution that waits for its plan."""
    return [
        Wanted(ConditionType.RUNNING, ConditionStatus.FALSE, ConditionReason.WAITING_FOR_PLAN, message),
        Wanted(ConditionType.RECONCILING, ConditionStatus.TRUE, ConditionReason.PROGRESSING, message),
        Wanted(ConditionType.COMPLETE, ConditionStatus.FALSE, ConditionReason.IN_PROGRESS),
    ]


def kept(verdict: Verdict, previous: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Conditions that were not folded and still hold: `Recorded`, until another run begins."""
    if not verdict.phase.terminal:
        return []
    return [dict(condition) for condition in previous if condition.get("type") == ConditionType.RECORDED]


def write(
    wanted: Sequence[Wanted],
    previous: Iterable[Mapping[str, Any]],
    *,
    generation: int | None,
    now: datetime,
) -> list[dict[str, Any]]:
    """Write conditions, each with the time at which its status last changed."""
    before = {condition.get("type"): condition for condition in previous}
    return [_write(each, before.get(each.type), generation, format_time(now)) for each in wanted]


def _write(wanted: Wanted, before: Mapping[str, Any] | None, generation: int | None, now: str) -> dict[str, Any]:
    changed = before is None or before.get("status") != wanted.status or not before.get("lastTransitionTime")
    condition: dict[str, Any] = {
        "type": wanted.type.value,
        "status": wanted.status.value,
        "reason": wanted.reason.value,
        "message": wanted.message,
        "lastTransitionTime": now if before is None or changed else before["lastTransitionTime"],
    }
    if generation is not None:
        condition["observedGeneration"] = generation
    return condition


def _running(evidence: Evidence, verdict: Verdict, *, revert: bool) -> Wanted:
    kind = ConditionType.RUNNING
    if verdict.phase.terminal:
        return Wanted(kind, ConditionStatus.FALSE, ConditionReason.FINISHED)
    if _pause(evidence) is not None:
        return Wanted(kind, ConditionStatus.FALSE, ConditionReason.PAUSED)
    if verdict.phase is Phase.RUNNING:
        reason = ConditionReason.REVERTING if revert else ConditionReason.RUNNING
        return Wanted(kind, ConditionStatus.TRUE, reason)
    if evidence.workflow is not None and evidence.workflow.waits_for_lock:
        return Wanted(kind, ConditionStatus.FALSE, ConditionReason.WAITING_FOR_LOCK, verdict.message)
    return Wanted(kind, ConditionStatus.UNKNOWN, ConditionReason.PROGRESSING)


def _pause(evidence: Evidence) -> ConditionReason | None:
    """Why the run is paused; None when it is not (a drain suspends the Workflow, too)."""
    state = evidence.fence.state if evidence.fence is not None else FenceState.OPEN
    if state is FenceState.PAUSED:
        return ConditionReason.PAUSED_BY_USER
    if state is not FenceState.OPEN or evidence.workflow is None or evidence.complete:
        return None
    return ConditionReason.SUSPENDED_IN_ARGO if evidence.workflow.spec.suspend else None


def _paused(evidence: Evidence, verdict: Verdict, before: Mapping[Any, Mapping[str, Any]]) -> list[Wanted]:
    reason = None if verdict.phase.terminal else _pause(evidence)
    if reason is not None:
        return [Wanted(ConditionType.PAUSED, ConditionStatus.TRUE, reason)]
    if ConditionType.PAUSED in before:
        return [Wanted(ConditionType.PAUSED, ConditionStatus.FALSE, ConditionReason.RESUMED)]
    return []


def _reconciling(evidence: Evidence, verdict: Verdict) -> Wanted:
    kind = ConditionType.RECONCILING
    if verdict.phase.terminal:
        return Wanted(kind, ConditionStatus.FALSE, ConditionReason.FINISHED)
    reason = ConditionReason.DRAINING if evidence.cancelled else ConditionReason.PROGRESSING
    return Wanted(kind, ConditionStatus.TRUE, reason)


def _complete(verdict: Verdict) -> Wanted:
    if not verdict.phase.terminal:
        return Wanted(ConditionType.COMPLETE, ConditionStatus.FALSE, ConditionReason.IN_PROGRESS)
    reason = _COMPLETE_REASONS[verdict.phase]
    return Wanted(ConditionType.COMPLETE, ConditionStatus.TRUE, reason, verdict.message)


def _succeeded(verdict: Verdict) -> Wanted:
    kind = ConditionType.SUCCEEDED
    if not verdict.phase.terminal:
        return Wanted(kind, ConditionStatus.UNKNOWN, ConditionReason.IN_PROGRESS)
    succeeded = verdict.phase is Phase.SUCCEEDED
    status = ConditionStatus.TRUE if succeeded else ConditionStatus.FALSE
    return Wanted(kind, status, verdict.reason, verdict.message)


def _stalled(verdict: Verdict, stall: Stall | None) -> list[Wanted]:
    kind = ConditionType.STALLED
    if verdict.phase in _STALLED:
        return [Wanted(kind, ConditionStatus.TRUE, ConditionReason.FAILED, verdict.message)]
    if stall is not None and not verdict.phase.terminal:
        return [Wanted(kind, ConditionStatus.TRUE, stall.reason, stall.message)]
    return []
