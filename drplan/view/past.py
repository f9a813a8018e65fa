"""The executions of a plan, newest first: those that its history names, and those that are kept besides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drplan.view.recorded import age_of

Object = Mapping[str, Any]

_STATUS = ("phase", "message", "startTime", "completionTime", "duration", "revertedBy")


def past(plan: str, stored: Object | None, executions: Iterable[Object]) -> list[dict[str, Any]]:
    """Join the history of a plan with the executions that are kept.

    Args:
        plan: name of the plan.
        stored: the DRPlan; None when there is none.
        executions: DRPlanExecutions, of any plan.

    Returns:
        DRPlanExecutions, newest first; of one that is gone what the history knows of it.
    """
    entries = ((stored or {}).get("status") or {}).get("executionHistory") or ()
    kept = {_identity(each["metadata"]): each for each in executions if each["spec"].get("planRef") == plan}
    found = [_joined(kept.pop(_identity(each), None), each, plan) for each in entries]
    for other in sorted(kept.values(), key=age_of):
        older = (index for index, each in enumerate(found) if age_of(each) < age_of(other))
        found.insert(next(older, len(found)), dict(other))
    return found


def _identity(named: Object) -> tuple[str, str]:
    return named.get("name") or "", named.get("uid") or ""


def _joined(execution: Object | None, entry: Object, plan: str) -> dict[str, Any]:
    """An execution with what the history knows of it and its own status may not."""
    if execution is None:
        return _from_entry(entry, plan)
    status = {name: entry[name] for name in _STATUS if entry.get(name)} | (execution.get("status") or {})
    return {**execution, "status": status}


def _from_entry(entry: Object, plan: str) -> dict[str, Any]:
    spec = {
        "planRef": plan,
        "operationType": entry.get("operationType"),
        "mode": entry.get("mode"),
        "revertExecutionRef": (entry.get("revertOf") or {}).get("name"),
        "reason": entry.get("reason"),
    }
    return {
        "metadata": {name: entry[name] for name in ("name", "namespace", "uid") if entry.get(name)},
        "spec": {name: value for name, value in spec.items() if value},
        "status": {name: entry[name] for name in _STATUS if entry.get(name)},
    }


def entry(execution: Object) -> dict[str, Any]:
    """An execution as an entry of a history."""
    metadata, spec, status = execution["metadata"], execution["spec"], execution.get("status") or {}
    target = spec.get("revertExecutionRef")
    written = {
        **{name: metadata.get(name) for name in ("name", "namespace", "uid")},
        **{name: spec.get(name) for name in ("operationType", "mode", "reason")},
        **{name: status.get(name) for name in _STATUS},
        "revertOf": {"name": target} if target else None,
    }
    return {name: value for name, value in written.items() if value}
