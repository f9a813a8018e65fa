"""Records that should be there and are not: what is lost would be done again, or never undone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from compiler.model.phases import Phase

_BEGUN = frozenset({Phase.FAILED, Phase.UNKNOWN, Phase.CANCELLED})


def without_record(status: Mapping[str, Any], keys: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """The actions of a status that have begun and have no record.

    Args:
        status: status of an execution.
        keys: keys of the actions that have a record.
    """
    for stage in status.get("stageStatuses") or ():
        for use in stage.get("workflowExecutions") or ():
            for action in use.get("actionStatuses") or ():
                if action.get("key") and action["key"] not in keys and _has_begun(action):
                    yield action


def told(action: Mapping[str, Any]) -> str:
    """Say of one that its record is missing."""
    return f"the record of action {action['key']} {action.get('name')}, which is {action['phase']}, is missing"


def _has_begun(action: Mapping[str, Any]) -> bool:
    """Whether an action must have a record: one that did not act has no time at which it began."""
    phase = Phase.read(action.get("phase"))
    return phase is Phase.SUCCEEDED or (phase in _BEGUN and bool(action.get("startTime")))
