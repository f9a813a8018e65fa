"""What a Revert leaves on the records of its target: that an action was undone, or may have been.

Whatever was undone is not undone twice. An undo whose outcome is not known, and that cannot be repeated safely, is kept
as an attempt: a later Revert leaves it out unless it is forced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.graph.tree import Action, Graph
from compiler.model.phases import RecordPhase
from syncer.records import Record, Records, state_of

_UNDONE_BY, _UNDO_ATTEMPT = "undoneBy", "undoAttempt"


def marks(
    graph: Graph, *, records: Records, undone: Mapping[str, Record], by: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """The records of the target as they should be, for each that does not say so yet.

    Args:
        graph: the graph of the Revert.
        records: records of the Revert by action key.
        undone: records of the target by name.
        by: name and uid of the Revert.
    """
    for action in graph.actions():
        target = undone.get(action.undo or "")
        marked = None if target is None else mark(target, action, records.get(action.key), by=by)
        if marked is not None:
            yield marked


def mark(target: Record, action: Action, record: Record | None, *, by: Mapping[str, str]) -> dict[str, Any] | None:
    """The record of an action of the target as it should be; None when it says so already.

    Args:
        target: the record.
        action: the action that undoes it.
        record: the record of that.
        by: name and uid of the Revert.
    """
    before, state = state_of(target), state_of(record or {})
    if before.get(_UNDONE_BY):
        return None
    if state.get("phase") == RecordPhase.SUCCEEDED:
        kept = {name: value for name, value in before.items() if name != _UNDO_ATTEMPT}
        return {**target, "state": {**kept, _UNDONE_BY: {**by, "time": state.get("completionTime")}}}
    if state.get("phase") == RecordPhase.UNKNOWN and not action.spec.get("idempotent"):
        attempt = {**by, "phase": RecordPhase.UNKNOWN.value}
        return None if before.get(_UNDO_ATTEMPT) == attempt else {**target, "state": {**before, _UNDO_ATTEMPT: attempt}}
    return None
