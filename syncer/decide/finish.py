"""The end of a run: which records are still open and how they end, now that nobody will act on them any more.

The fold shows an open record of a finished Workflow as it will end; here it is ended that way, so that the record, from
which a revert is made, says the same as the status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compiler.graph.tree import Graph
from compiler.model.names import LABEL_RESULT, label_value
from compiler.model.phases import RecordPhase
from syncer.fold.evidence import gather
from syncer.fold.tree import settle
from syncer.nodes import Workflow
from syncer.records import Record, Records, is_started, state_of
from syncer.times import format_time


@dataclass(frozen=True, slots=True)
class Ending:
    """How a record that is still open ends.

    Attributes:
        key: key of the action.
        phase: terminal phase of the record.
        reason: why.
        message: why, for people.
    """

    key: str
    phase: RecordPhase
    reason: str
    message: str

    def apply(self, record: Record, *, now: datetime) -> dict[str, Any]:
        """Return the record with this end, labels included; `now` is when it ended, unless that is known."""
        state = dict(state_of(record))
        state |= {"phase": self.phase.value, "reason": self.reason, "message": self.message}
        state.setdefault("completionTime", format_time(now))
        if state.get("holder"):
            state["holder"] = {**state["holder"], "released": True}
        metadata = dict(record.get("metadata") or {})
        metadata["labels"] = {**(metadata.get("labels") or {}), LABEL_RESULT: label_value(self.phase.value)}
        return {**record, "metadata": metadata, "state": state}


def endings(
    graph: Graph,
    *,
    execution: Mapping[str, Any],
    workflow: Mapping[str, Any] | Workflow | bytes | None,
    records: Records,
    now: datetime,
    lost: bool = False,
) -> tuple[Ending, ...]:
    """How each record ends that is still open although nobody will act on it any more.

    Args:
        graph: the graph of the run.
        execution: the DRPlanExecution.
        workflow: its Argo Workflow.
        records: its records by action key.
        now: the time.
        lost: whether the Workflow was deleted before it ended; a holder that may live still is waited for then.
    """
    started = {key for key, record in records.items() if is_started(state_of(record))}
    if not started:
        return ()
    outcomes = settle(graph, gather(execution, workflow, records, now=now, lost=lost))
    return tuple(
        Ending(action.key, RecordPhase(outcome.phase.value), outcome.reason, outcome.message)
        for _, use in graph.workflows()
        for action, outcome in zip(use.actions, outcomes[use.key], strict=True)
        if action.key in started and outcome.phase.terminal
    )


def open_records(records: Records) -> tuple[str, ...]:
    """Keys of the actions that have begun and not ended; a run is not finished while there are any."""
    return tuple(sorted(key for key, record in records.items() if is_started(state_of(record))))
