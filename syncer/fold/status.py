"""The status of a DRPlanExecution, whole: folded from scratch each time, never patched together.

Only what cannot be folded is carried over from the status before: who and what the run is (plan, snapshot, resolved
parameters), when it started, and what later happened to it (`revertedBy`, `Recorded`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from compiler.graph.tree import Graph
from compiler.model.names import LABEL_EPOCH
from compiler.model.phases import ConditionReason, Phase
from syncer.fold import conditions
from syncer.fold.evidence import Evidence, gather
from syncer.fold.render import add_times, render, summarize
from syncer.fold.stalls import Stall, stall_of
from syncer.fold.tree import StageResult, grow
from syncer.fold.verdict import Verdict, judge
from syncer.nodes import Workflow
from syncer.records import Records
from syncer.times import earliest, format_time, latest

_CARRIED = ("planRef", "snapshotRef", "resolvedParams", "revertedBy")
"""Fields that no fold can find out."""

_SHOWN = ("startTime", "summary", "stageStatuses")
"""What another controller has shown of an execution that it began: it is all that anybody knows of it."""


def fold(
    graph: Graph,
    *,
    execution: Mapping[str, Any],
    workflow: Mapping[str, Any] | Workflow | bytes | None,
    records: Records,
    previous: Mapping[str, Any] | None = None,
    now: datetime,
    lost: bool = False,
    stall: Stall | None = None,
) -> dict[str, Any]:
    """Fold what is known of a run into the status of its execution.

    Args:
        graph: the decided graph of the run.
        execution: the DRPlanExecution; its fence and its cancel annotation are read.
        workflow: the Argo Workflow of this epoch, as bytes, dict or read already; None when there is none (any more).
        records: DRActionRecords by action key; of each only `spec` and `state` are read.
        previous: the status before.
        now: the time, for what changes now.
        lost: whether the Workflow was deleted before it ended.
        stall: what stalls the run and cannot be seen in the rest.

    Returns:
        The whole status, as it is stored.
    """
    before = dict(previous or {})
    evidence = gather(execution, workflow, records, now=now, lost=lost)
    if stall is not None and stall.reason is ConditionReason.NODES_UNREADABLE:
        evidence.unreadable = stall.message
    if evidence.workflow is None and not lost and _has_ended(before, evidence):
        return before
    stages = grow(graph, evidence)
    verdict = judge(graph, evidence, stages)
    generation = (execution.get("metadata") or {}).get("generation")
    status: dict[str, Any] = {"phase": verdict.phase.value, **_seen(generation)}
    _add_identity(status, before, graph, evidence)
    _add_span(status, before, evidence, stages, verdict)
    _add_tree(status, stages, revert=graph.revert, records=len(records))
    if verdict.message:
        status["message"] = verdict.message
    earlier = before.get("conditions") or ()
    found = stall or stall_of(evidence)
    wanted = conditions.of_run(evidence, verdict, earlier, revert=graph.revert, stall=found)
    written = conditions.write(wanted, earlier, generation=generation, now=now)
    shown = {condition["type"] for condition in written}
    kept = [each for each in conditions.kept(verdict, earlier) if each["type"] not in shown]
    status["conditions"] = written + kept
    return status


def refused(
    previous: Mapping[str, Any] | None,
    *,
    phase: Phase,
    reason: ConditionReason,
    message: str,
    now: datetime,
    generation: int | None = None,
) -> dict[str, Any]:
    """Status of an execution that ended before it could start."""
    before = previous or {}
    status = {name: before[name] for name in (*_CARRIED, *_SHOWN) if name in before}
    status |= _seen(generation)
    status |= {"phase": phase.value, "message": message, "completionTime": format_time(now)}
    wanted = conditions.of_refusal(phase, reason, message)
    status["conditions"] = conditions.write(wanted, before.get("conditions") or (), generation=generation, now=now)
    return status


def waiting(
    previous: Mapping[str, Any] | None, *, message: str, now: datetime, generation: int | None = None
) -> dict[str, Any]:
    """Status of an execution that waits for its plan."""
    before = previous or {}
    status = {name: before[name] for name in _CARRIED if name in before}
    status |= _seen(generation)
    status |= {"phase": Phase.PENDING.value, "message": message}
    wanted = conditions.of_waiting(message)
    status["conditions"] = conditions.write(wanted, before.get("conditions") or (), generation=generation, now=now)
    return status


def _seen(generation: int | None) -> dict[str, Any]:
    """Which generation of the execution a status is about, where that is known."""
    return {} if generation is None else {"observedGeneration": generation}


def _has_ended(before: Mapping[str, Any], evidence: Evidence) -> bool:
    """Whether the status is final for this epoch and run: a Workflow that is cleaned up later takes nothing back."""
    try:
        ended = Phase.read(before.get("phase")).terminal
    except ValueError:
        return False
    return ended and evidence.generation in (None, _generation_of(before))


def _generation_of(status: Mapping[str, Any]) -> tuple[int, int]:
    return status.get("epoch") or 1, status.get("runs") or 1


def _add_identity(status: dict[str, Any], before: Mapping[str, Any], graph: Graph, evidence: Evidence) -> None:
    status["epoch"], status["runs"] = evidence.generation or (_epoch(before, evidence), before.get("runs") or 1)
    workflow = evidence.workflow
    if workflow is not None:
        status["workflowRef"] = {"name": workflow.metadata.name, "uid": workflow.metadata.uid}
    elif evidence.fence is not None and status["epoch"] != (before.get("epoch") or 1):
        status["workflowRef"] = {"name": evidence.fence.workflow}
    elif "workflowRef" in before:
        status["workflowRef"] = before["workflowRef"]
    status["planRef"] = {"name": graph.plan}
    status |= {name: before[name] for name in _CARRIED if before.get(name)}


def _epoch(before: Mapping[str, Any], evidence: Evidence) -> int:
    labels = (evidence.workflow.metadata.labels if evidence.workflow is not None else None) or {}
    label = labels.get(LABEL_EPOCH, "")
    return int(label) if label.isdecimal() else before.get("epoch") or 1


def _add_span(
    status: dict[str, Any],
    before: Mapping[str, Any],
    evidence: Evidence,
    stages: Sequence[StageResult],
    verdict: Verdict,
) -> None:
    """Add when it started and ended; what has ended keeps its end."""
    argo = evidence.workflow.status if evidence.workflow is not None else None
    start = before.get("startTime")
    if not start and (argo is not None or verdict.phase is not Phase.PENDING):
        start = earliest([argo.started_at if argo is not None else None, *(stage.start for stage in stages)])
    end = None
    if verdict.phase.terminal:
        known = before.get("completionTime") if _has_ended(before, evidence) else None
        finished = argo.finished_at if argo is not None and evidence.complete else None
        end = known or latest([finished, *(stage.end for stage in stages)]) or format_time(evidence.now)
        start = start or end
    add_times(status, start, end)


def _add_tree(status: dict[str, Any], stages: Sequence[StageResult], *, revert: bool, records: int) -> None:
    level, tree = render(stages, revert=revert)
    summary = summarize(stages)
    total = summary.get("totalActions", 0)
    status["progress"] = f"{total - summary.get('pendingActions', 0) - summary.get('runningActions', 0)}/{total}"
    status["summary"] = summary
    status["stageStatuses"] = tree
    status["detail"] = {"level": level.value, "records": records}
