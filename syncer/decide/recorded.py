"""Condition `Recorded`: nothing is left to do for an execution that has ended. No fold finds that out; it is said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from compiler.model.phases import ConditionReason, ConditionStatus, ConditionType
from syncer.fold import conditions
from syncer.fold.conditions import Wanted

Status = Mapping[str, Any]


def is_recorded(execution: Mapping[str, Any]) -> bool:
    """Whether nothing is left to do for an execution that has ended."""
    found = (execution.get("status") or {}).get("conditions") or ()
    return any(each["type"] == ConditionType.RECORDED and each["status"] == ConditionStatus.TRUE for each in found)


def without_recorded(status: Status) -> dict[str, Any]:
    """A status that says nothing about whether its end is recorded."""
    kept = [each for each in status.get("conditions") or () if each["type"] != ConditionType.RECORDED]
    return {**status, "conditions": kept}


def as_recorded(status: Status, *, plan_gone: bool, generation: int | None, now: datetime) -> dict[str, Any]:
    """A status that says that its end is recorded.

    Args:
        status: the final status.
        plan_gone: whether there is no plan whose history could tell of it.
        generation: generation of the execution.
        now: the time.
    """
    reason = ConditionReason.PLAN_GONE if plan_gone else ConditionReason.RECORDED
    wanted = [Wanted(ConditionType.RECORDED, ConditionStatus.TRUE, reason)]
    made = conditions.write(wanted, status.get("conditions") or (), generation=generation, now=now)
    rest = without_recorded(status)
    return {**rest, "conditions": [*rest["conditions"], *made]}
