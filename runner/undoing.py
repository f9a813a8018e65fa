"""Noting on the record of an action that it was undone, so that it is not undone twice."""

from __future__ import annotations

from runner import record as records_of
from runner.about import Run
from runner.console import now
from runner.patience import Patience
from runner.records import Conflict, Records, RecordsError


def mark_undone(records: Records, name: str, *, by: Run, ask: Patience) -> str:
    """Set `undoneBy` on the forward record, if it is not set.

    Args:
        records: the store.
        name: name of the forward record.
        by: the run that undid it.
        ask: patience with the store.

    Returns:
        What went wrong, empty when nothing did. A replay of the undoing tries again.
    """
    while True:
        try:
            return _mark(records, name, by=by, ask=ask)
        except Conflict:
            continue
        except RecordsError as error:
            return f"record {name} could not be marked as undone: {error}"


def _mark(records: Records, name: str, *, by: Run, ask: Patience) -> str:
    record = ask(lambda: records.get(name))
    if record is None:
        return f"record {name} of the action that was undone does not exist"
    if not record["state"].get("undoneBy"):
        undone = {"name": by.execution, "uid": by.uid, "time": now()}
        marked = records_of.with_state(record, {**record["state"], "undoneBy": undone})
        ask(lambda: records.replace(marked))
    return ""
