"""What a Revert leaves on the records of its target: that an action was undone, or may have been.

Whatever was undone is not undone twice. An undo whose outcome is not known, and that cannot be repeated safely, is kept
as an attempt: a later Revert leaves it out unless it is forced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.graph.tree import Graph
from compiler.model.phases import RecordPhase
from syncer.records import Record, Records, state_of

UNDONE_BY, UNDO_ATTEMPT = "undoneBy", "undoAttempt"


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
        if target is None or state_of(target).get(UNDONE_BY):
            continue
        state = state_of(records.get(action.key) or {})
        marked = dict(state_of(target))
        if state.get("phase") == RecordPhase.SUCCEEDED:
            marked.pop(UNDO_ATTEMPT, None)
            marked[UNDONE_BY] = {**by, "time": state.get("completionTime")}
        elif state.get("phase") == RecordPhase.UNKNOWN and not action.spec.get("idempotent"):
            marked[UNDO_ATTEMPT] = {**by, "phase": RecordPhase.UNKNOWN.value}
        if marked != state_of(target):
            yield {**target, "state": marked}
