"""`drplan retry`: whether an execution may go on in a new epoch, and what of its graph is left to do.

A workflow use that Succeeded as a whole is left out; what depended on it inherits its edges. Any other is compiled
whole and replays what Succeeded from its records.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from compiler.graph import build
from compiler.graph.snapshot import Snapshot
from compiler.graph.tree import Graph, Stage
from compiler.model.phases import ConditionReason, Phase, RecordPhase
from syncer.decide.outcome import Refuse, Start
from syncer.decide.start import is_entry_of
from syncer.links import relink
from syncer.records import Records, generation_of, state_of

RETRYABLE = frozenset({Phase.FAILED, Phase.CANCELLED, Phase.UNKNOWN})
"""Phases of an execution that can go on."""


def may_retry(execution: Mapping[str, Any], plan: Mapping[str, Any] | None) -> Start | Refuse:
    """Decide whether an execution may be retried.

    Args:
        execution: the execution.
        plan: its plan, for the history; None when it is gone.
    """
    name = execution["metadata"].get("name")
    status = execution.get("status") or {}
    phase = Phase.read(status.get("phase"))
    if phase not in RETRYABLE:
        advice = "it goes on by itself" if not phase.terminal else "start a new one"
        return _refuse(
            f"execution {name} is {phase}, only one that is Failed, Cancelled or Unknown is retried; {advice}"
        )
    if not status.get("stageStatuses"):
        return _refuse(f"execution {name} never started; start a new one")
    superseded = superseded_by(execution, plan)
    return _refuse(superseded) if superseded else Start()


def superseded_by(execution: Mapping[str, Any], plan: Mapping[str, Any] | None) -> str:
    """Why an execution that has ended must not go on, however that is asked for; empty when it may."""
    name = execution["metadata"].get("name")
    by = (execution.get("status") or {}).get("revertedBy")
    if by:
        return f"execution {name} was reverted by {by.get('name')}, so what it had done may be undone; start a new one"
    newer = _newer(execution, plan)
    if newer:
        return f"execution {name} is not the newest of its plan: {newer} came after it; start a new one"
    return ""


def _newer(execution: Mapping[str, Any], plan: Mapping[str, Any] | None) -> str:
    """Name of an execution that ran after this one; empty when there is none."""
    history: Sequence[Mapping[str, Any]] = ((plan or {}).get("status") or {}).get("executionHistory") or ()
    for entry in history:
        if is_entry_of(entry, execution):
            return ""
        if entry.get("startTime"):
            return str(entry.get("name"))
    return ""


def _refuse(message: str) -> Refuse:
    return Refuse(ConditionReason.TARGET_INVALID, message)


def graph_of(snapshot: Snapshot, records: Records, epoch: int) -> Graph:
    """The graph of an epoch: what had wholly Succeeded before it began is not run again."""
    graph = build(snapshot)
    if epoch == 1:
        return graph
    earlier = {key: record for key, record in records.items() if generation_of(state_of(record))[0] < epoch}
    return with_done(graph, uses_left_out(graph, earlier))


def uses_left_out(graph: Graph, records: Records) -> frozenset[str]:
    """Keys of the workflow uses of which every action that runs has Succeeded."""
    return frozenset(
        use.key
        for _, use in graph.workflows()
        if any(action.live for action in use.actions)
        and all(_has_succeeded(records, action.key) for action in use.actions if action.live)
    )


def _has_succeeded(records: Records, key: str) -> bool:
    return bool(state_of(records.get(key) or {}).get("phase") == RecordPhase.SUCCEEDED)


def with_done(graph: Graph, keys: Collection[str]) -> Graph:
    """The graph without the workflow uses of these keys: they stay in the tree, and edges lead past them."""
    return replace(graph, stages=relink([_with_done(stage, keys) for stage in graph.stages]))


def _with_done(stage: Stage, keys: Collection[str]) -> Stage:
    uses = [replace(use, done=True) if use.key in keys else use for use in stage.workflows]
    return replace(stage, workflows=relink(uses))
