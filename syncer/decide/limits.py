"""Which finished executions go: by their own `ttlSecondsAfterFinished`, or as too many for their plan. Pure.

None goes that somebody still needs: one that runs or whose end is not in the history of its plan, the target of a
Revert that runs, and, whatever the limit, the newest Execute that is still in effect, because without it there is no
way back. What the older controller left is not ours to delete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from compiler.model.phases import ConditionStatus, ConditionType, OperationType, Phase
from syncer.decide.recorded import is_recorded
from syncer.decide.start import is_entry_of
from syncer.times import parse_time

Object = Mapping[str, Any]


def to_delete(executions: Sequence[Object], plan: Object | None, now: datetime) -> list[Object]:
    """The executions of a plan that go now.

    Args:
        executions: all executions of the plan.
        plan: the plan; None when it is gone, and with it its limit.
        now: the time.
    """
    deletable = _deletable(executions, plan)
    gone = [each for each in deletable if (due := _expiry(each)) is not None and due <= now]
    limit = ((plan or {}).get("spec") or {}).get("executionsHistoryLimit")
    if limit is None:
        return gone
    order = _Order(plan)
    stays = _in_effect(executions, order)
    expired = {_uid(each) for each in gone}
    finished = sorted(filter(_has_ended, executions), key=order, reverse=True)
    kept = [each for each in finished if _uid(each) not in expired]
    too_many = {_uid(each) for each in kept[limit:] if stays is None or _uid(each) != _uid(stays)}
    return [*gone, *(each for each in deletable if _uid(each) in too_many)]


def next_expiry(executions: Sequence[Object], plan: Object | None, now: datetime) -> float | None:
    """Seconds until the next execution expires; None when none will."""
    due = [time for each in _deletable(executions, plan) if (time := _expiry(each)) is not None and time > now]
    return (min(due) - now).total_seconds() if due else None


def _deletable(executions: Sequence[Object], plan: Object | None) -> list[Object]:
    targets = {
        each["spec"].get("revertExecutionRef")
        for each in executions
        if each["spec"].get("operationType") == OperationType.REVERT and not _has_ended(each)
    }
    return [
        each
        for each in executions
        if _has_ended(each)
        and _is_settled(each, plan)
        and each["metadata"]["name"] not in targets
        and not each["metadata"].get("deletionTimestamp")
    ]


def _is_settled(execution: Object, plan: Object | None) -> bool:
    """Whether nothing is left to write down about an execution that has ended."""
    status = execution.get("status") or {}
    if is_recorded(execution):
        return True
    if status.get("workflowRef") or not _is_ours(status):
        return False
    before = (plan or {}).get("status") or {}
    if (before.get("currentExecution") or {}).get("uid") == _uid(execution):
        return False
    # It never began. Only one that was cancelled before it could has an entry in the history.
    listed = any(is_entry_of(entry, execution) for entry in before.get("executionHistory") or ())
    return plan is None or listed or _phase(execution) is not Phase.CANCELLED


def _is_ours(status: Object) -> bool:
    """Whether this controller ended it: the older one wrote no conditions."""
    return any(
        each.get("type") == ConditionType.COMPLETE and each.get("status") == ConditionStatus.TRUE
        for each in status.get("conditions") or ()
    )


def _in_effect(executions: Iterable[Object], order: _Order) -> Object | None:
    """The newest Execute that began and was not reverted."""
    found = (
        each
        for each in executions
        if each["spec"].get("operationType") == OperationType.EXECUTE
        and _has_ended(each)
        and each["status"].get("startTime")
        and (each["status"].get("revertedBy") or {}).get("phase") != Phase.SUCCEEDED
    )
    return max(found, key=order, default=None)


def _expiry(execution: Object) -> datetime | None:
    seconds = execution["spec"].get("ttlSecondsAfterFinished")
    ended = parse_time(execution["status"].get("completionTime"))
    return None if seconds is None or ended is None else ended + timedelta(seconds=seconds)


class _Order:
    """When executions ended, as a key to sort by; those of one second are in the order of the history of their plan."""

    def __init__(self, plan: Object | None) -> None:
        history = ((plan or {}).get("status") or {}).get("executionHistory") or ()
        self._places = {str(entry.get("uid")): -place for place, entry in enumerate(history)}
        self._last = -len(history)

    def __call__(self, execution: Object) -> tuple[str, int, str]:
        ended = (execution.get("status") or {}).get("completionTime")
        created = execution["metadata"].get("creationTimestamp") or ""
        return ended or created, self._places.get(_uid(execution), self._last), created


def _has_ended(execution: Object) -> bool:
    return _phase(execution).terminal


def _phase(execution: Object) -> Phase:
    try:
        return Phase.read((execution.get("status") or {}).get("phase"))
    except ValueError:
        return Phase.UNKNOWN


def _uid(execution: Object) -> str:
    return str(execution["metadata"].get("uid"))
