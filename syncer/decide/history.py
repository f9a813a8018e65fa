"""What a plan remembers of its executions: who holds it, the last ten of them, and which was undone by which.

Each function takes `status` of a DRPlan and returns what it should be; the caller writes it with a compare-and-swap.
Doing the same twice changes nothing, and a late repetition for an old execution takes nothing from a newer one. Entries
that the older controller wrote, without uid, are found by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from compiler.model.names import ANNOTATION_REQUESTED_BY
from compiler.model.phases import OperationType, Phase, PlanPhase
from syncer.decide.start import is_entry_of
from syncer.times import duration_text, format_time

LENGTH = 10
"""Most entries of a history."""

MESSAGE_LIMIT = 1024

VANISHED = "the DRPlanExecution is gone"

Status = Mapping[str, Any]


def claim(
    status: Status | None, execution: Mapping[str, Any], *, now: datetime, target: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Give the plan to an execution and open its entry; one that has ended and runs again opens the one it has.

    Args:
        status: status of the plan.
        execution: the execution.
        now: the time.
        target: the execution that a Revert undoes.
    """
    claimed = dict(status or {})
    metadata = execution["metadata"]
    claimed["currentExecution"] = _reference(execution)
    history = _history(claimed)
    index = _find(history, execution)
    if index is None:
        history.insert(0, _entry(execution, Phase.PENDING, start=format_time(now), target=target))
    elif _has_ended(history[index]):
        reopened = {name: value for name, value in history[index].items() if name not in _OF_THE_END}
        history[index] = {**reopened, "phase": Phase.PENDING.value}
    if index is not None and not history[index].get("uid") and metadata.get("uid"):
        history[index] = {**history[index], "uid": metadata["uid"]}
    claimed["executionHistory"] = history[:LENGTH]
    return claimed


def finish(status: Status | None, execution: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Write the end of an execution down and let go of the plan, if it is this execution that holds it.

    Args:
        status: status of the plan.
        execution: the execution, with its final status.
        now: the time, for an execution without an end.
    """
    finished = dict(status or {})
    ended = execution.get("status") or {}
    phase = Phase.read(ended.get("phase"))
    history = _history(finished)
    index = _find(history, execution)
    holds = is_holder(finished, execution)
    if index is None and holds:
        history.insert(0, _entry(execution, phase, start=ended.get("startTime"), target=None))
        index = 0
    if index is not None:
        was_open = not _has_ended(history[index])
        history[index] = _with_end(history[index], ended, phase, now)
        if holds or (index == 0 and was_open):
            _add_newest(finished, history[index], phase)
        _mark_reverted(history, history[index])
    finished["executionHistory"] = history[:LENGTH]
    if holds:
        finished.pop("currentExecution", None)
    return finished


def record_unstarted(status: Status | None, execution: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Write down an execution that was cancelled before it started: it never held the plan and never ran.

    Args:
        status: status of the plan.
        execution: the execution, with its final status.
        now: the time.
    """
    written = dict(status or {})
    ended = execution.get("status") or {}
    phase = Phase.read(ended.get("phase"))
    history = _history(written)
    index = _find(history, execution)
    if index is None:
        entry = _entry(execution, phase, start=None, target=None)
        history.insert(0, _with_end(entry, ended, phase, now))
    elif not _has_ended(history[index]):
        history[index] = _with_end(history[index], ended, phase, now)
    written["executionHistory"] = history[:LENGTH]
    if is_holder(written, execution):
        written.pop("currentExecution", None)
    return written


def forget(status: Status | None, held: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Let go of a plan whose execution vanished, and write that execution down as Cancelled.

    Args:
        status: status of the plan.
        held: name and uid of the execution; one that the older controller began has no uid.
        now: the time.
    """
    freed = dict(status or {})
    end = {"phase": Phase.CANCELLED.value, "message": VANISHED, "completionTime": format_time(now)}
    freed["executionHistory"] = [
        _with_end(entry, end, Phase.CANCELLED, now) if _is_same(entry, held) and not _has_ended(entry) else entry
        for entry in _history(freed)
    ]
    if _is_same(freed.get("currentExecution") or {}, held):
        del freed["currentExecution"]
    return freed


def is_holder(status: Status, execution: Mapping[str, Any]) -> bool:
    """Whether an execution holds the plan: this very object, not one of its name."""
    held = status.get("currentExecution") or {}
    if held.get("uid"):
        return bool(held["uid"] == execution["metadata"].get("uid"))
    return bool(held) and held.get("name") == execution["metadata"].get("name")


def reverted_by(execution: Mapping[str, Any]) -> dict[str, Any]:
    """What the target of a finished Revert says about it, in its own status and in its entry."""
    status = execution.get("status") or {}
    by = {
        "name": execution["metadata"].get("name"),
        "uid": execution["metadata"].get("uid"),
        "phase": status.get("phase"),
        "time": status.get("completionTime"),
    }
    return {name: value for name, value in by.items() if value}


_OF_THE_END = frozenset({"completionTime", "duration", "message"})


def with_revert(status: Status | None, by: Mapping[str, Any]) -> dict[str, Any] | None:
    """Status of the target of a Revert as it should be; None when it says so, or of another one that succeeded.

    Args:
        status: status of the target.
        by: what `reverted_by` says of the Revert.
    """
    known = (status or {}).get("revertedBy") or {}
    if known == by or (known.get("phase") == Phase.SUCCEEDED and known.get("uid") != by.get("uid")):
        return None
    return {**(status or {}), "revertedBy": dict(by)}


def _entry(
    execution: Mapping[str, Any], phase: Phase, *, start: str | None, target: Mapping[str, Any] | None
) -> dict[str, Any]:
    metadata, spec = execution["metadata"], execution.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    entry = {
        **_reference(execution),
        "operationType": spec.get("operationType"),
        "mode": spec.get("mode"),
        "phase": phase.value,
        "reason": spec.get("reason"),
        "requestedBy": annotations.get(ANNOTATION_REQUESTED_BY),
        "startTime": start,
    }
    if spec.get("operationType") == OperationType.REVERT:
        uid = ((target or {}).get("metadata") or {}).get("uid")
        entry["revertOf"] = {"name": spec.get("revertExecutionRef"), **({"uid": uid} if uid else {})}
    return {name: value for name, value in entry.items() if value}


def _is_same(reference: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    if reference.get("uid") or held.get("uid"):
        return bool(reference.get("uid") == held.get("uid"))
    return bool(reference.get("name") == held.get("name"))


def _reference(execution: Mapping[str, Any]) -> dict[str, Any]:
    metadata = execution["metadata"]
    reference = {"name": metadata.get("name"), "namespace": metadata.get("namespace"), "uid": metadata.get("uid")}
    return {name: value for name, value in reference.items() if value}


def _history(status: Status) -> list[dict[str, Any]]:
    return [dict(entry) for entry in status.get("executionHistory") or ()]


def _find(history: list[dict[str, Any]], execution: Mapping[str, Any]) -> int | None:
    """Place of an execution's entry; an old one without uid is it only while it is open."""
    for index, entry in enumerate(history):
        if is_entry_of(entry, execution) and (entry.get("uid") or not _has_ended(entry)):
            return index
    return None


def _has_ended(entry: Mapping[str, Any]) -> bool:
    try:
        return Phase.read(entry.get("phase")).terminal
    except ValueError:
        return False


def _with_end(entry: Mapping[str, Any], ended: Mapping[str, Any], phase: Phase, now: datetime) -> dict[str, Any]:
    if _has_ended(entry) and Phase.read(entry.get("phase")) is phase and entry.get("completionTime"):
        return dict(entry)
    completed = ended.get("completionTime") or format_time(now)
    start = entry.get("startTime")
    written = {
        **entry,
        "phase": phase.value,
        "completionTime": completed,
        "duration": ended.get("duration") or duration_text(start, completed),
        "message": (ended.get("message") or "")[:MESSAGE_LIMIT],
    }
    return {name: value for name, value in written.items() if value}


def _add_newest(status: dict[str, Any], entry: Mapping[str, Any], phase: Phase) -> None:
    """Point at the newest operation; a success of it decides the phase of a plan that is valid."""
    status["lastExecutionRef"] = entry["name"]
    status["lastExecutionTime"] = entry["completionTime"]
    if phase is not Phase.SUCCEEDED or status.get("phase") == PlanPhase.INVALID:
        return
    reverted = entry.get("operationType") == OperationType.REVERT
    status["phase"] = (PlanPhase.READY if reverted else PlanPhase.EXECUTED).value


def _mark_reverted(history: list[dict[str, Any]], entry: Mapping[str, Any]) -> None:
    of = entry.get("revertOf")
    if not of:
        return
    by = {"name": entry["name"], "uid": entry.get("uid"), "phase": entry["phase"], "time": entry["completionTime"]}
    for each in history:
        same = each["uid"] == of["uid"] if each.get("uid") and of.get("uid") else each.get("name") == of.get("name")
        if same and each.get("operationType") == OperationType.EXECUTE and not _is_settled(each, by):
            each["revertedBy"] = {name: value for name, value in by.items() if value}


def _is_settled(entry: Mapping[str, Any], by: Mapping[str, Any]) -> bool:
    """Whether an entry was reverted successfully by another execution, which stands."""
    known = entry.get("revertedBy") or {}
    return known.get("phase") == Phase.SUCCEEDED and known.get("uid") != by.get("uid")
