"""Cancel, pause and resume: what an annotation of a user asks for, one step further each time it is looked at.

A graceful cancel drains: what acts finishes, nothing else starts, and only then is the Workflow stopped. A forced one
ends it now. If everything had ended by itself when the fence closed, completion wins and the run counts as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from compiler.graph.tree import Graph
from compiler.model.names import ANNOTATION_CANCEL, ANNOTATION_PAUSE, ANNOTATION_TRUE, CANCEL_FORCE, CANCEL_GRACEFUL
from compiler.model.phases import FenceState
from syncer.decide.fence import Fence
from syncer.fold.evidence import Evidence, gather
from syncer.fold.tree import settle
from syncer.nodes import Workflow
from syncer.records import Records, is_started, state_of
from syncer.times import format_time


class Shutdown(StrEnum):
    """`spec.shutdown` of an Argo Workflow."""

    STOP = "Stop"
    TERMINATE = "Terminate"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next about cancel and pause, in this order.

    Attributes:
        fence: the fence as it should be.
        spec: merge patch for the spec of the Workflow; None when there is nothing to change.
        delete_workflow: whether to delete the Workflow, which waits for its lock and ignores a stop.
        delete_pods: whether to delete its pods and wait until they are gone.
    """

    fence: Fence
    spec: Mapping[str, Any] | None = None
    delete_workflow: bool = False
    delete_pods: bool = False


def next_step(
    graph: Graph,
    *,
    execution: Mapping[str, Any],
    fence: Fence,
    workflow: Mapping[str, Any] | Workflow | bytes | None,
    records: Records,
    now: datetime,
    idle: bool = False,
) -> Step:
    """Decide the next step of a cancel, a pause or a resume.

    Args:
        graph: the graph of the run.
        execution: the DRPlanExecution with its annotations.
        fence: the fence as it is.
        workflow: its Argo Workflow; None before it is created or when it is gone.
        records: its records by action key.
        now: the time.
        idle: whether no pod of the Workflow runs, for certain, since the fence says that it drains.
    """
    evidence = gather(execution, workflow, records, now=now)
    annotations = (execution.get("metadata") or {}).get("annotations") or {}
    cancel = annotations.get(ANNOTATION_CANCEL)
    if cancel == CANCEL_FORCE:
        return _force(graph, fence, evidence)
    if cancel == CANCEL_GRACEFUL or fence.state is FenceState.DRAINING:
        return _drain(graph, fence, evidence, idle=idle)
    return _pause(fence, evidence, wanted=annotations.get(ANNOTATION_PAUSE) == ANNOTATION_TRUE)


def all_ended(graph: Graph, evidence: Evidence) -> bool:
    """Whether every action has ended, so that there is nothing left to cancel."""
    return all(outcome.phase.terminal for outcomes in settle(graph, evidence).values() for outcome in outcomes)


def is_drained(evidence: Evidence, *, idle: bool = False) -> bool:
    """Whether nothing acts any more, and nothing new can: the Workflow is suspended, and no pod of it runs.

    Args:
        evidence: what is known of the run, whose fence drains.
        idle: whether no pod runs, for certain; else those that have not begun count, for Argo tells of them later.
    """
    workflow = evidence.workflow
    if workflow is None or not workflow.spec.suspend or evidence.unreadable:
        return False
    if any(is_started(state_of(record)) for record in evidence.records.values()):
        return False
    if idle:
        return True
    pods = (lane.pod for use in evidence.places.uses.values() for lane in use.lanes.values())
    return all(pod is None or pod.ended for pod in pods)


def _force(graph: Graph, fence: Fence, evidence: Evidence) -> Step:
    workflow = evidence.workflow
    if workflow is not None and workflow.complete:
        # Argo calls a stopped Workflow finished while its processes still run.
        return Step(fence, delete_pods=workflow.stopped)
    if workflow is not None and all_ended(graph, evidence):
        return Step(fence, _let_go(workflow))
    closed = fence.close(time=format_time(evidence.now))
    if workflow is None:
        return Step(closed)
    if workflow.waits_for_lock:
        return Step(closed, delete_workflow=True)
    return Step(closed, _stop(workflow, Shutdown.TERMINATE), delete_pods=True)


def _drain(graph: Graph, fence: Fence, evidence: Evidence, *, idle: bool) -> Step:
    workflow = evidence.workflow
    if workflow is not None and workflow.complete:
        return Step(fence)
    draining = fence.drain(time=format_time(evidence.now))
    if workflow is None:
        return Step(draining)
    if workflow.waits_for_lock:
        return Step(draining.close(), delete_workflow=True)
    if not is_drained(evidence, idle=idle):
        return Step(draining, None if workflow.spec.suspend or workflow.spec.shutdown else {"suspend": True})
    if all_ended(graph, evidence):
        return Step(draining, _let_go(workflow))
    return Step(draining, _stop(workflow, Shutdown.STOP))


def _pause(fence: Fence, evidence: Evidence, *, wanted: bool) -> Step:
    workflow = evidence.workflow
    live = workflow is not None and not workflow.complete
    if wanted and fence.state in (FenceState.OPEN, FenceState.PAUSED):
        suspended = workflow is not None and bool(workflow.spec.suspend)
        return Step(fence.pause(), {"suspend": True} if live and not suspended else None)
    if not wanted and fence.state is FenceState.PAUSED:
        return Step(fence.resume(), _let_go(workflow) if live and workflow is not None else None)
    return Step(fence)


def _let_go(workflow: Workflow) -> Mapping[str, Any] | None:
    return {"suspend": None} if workflow.spec.suspend else None


def _stop(workflow: Workflow, shutdown: Shutdown) -> Mapping[str, Any] | None:
    """One patch for both: Argo ignores a shutdown for as long as the Workflow is suspended."""
    if workflow.spec.shutdown == shutdown and not workflow.spec.suspend:
        return None
    return {"suspend": None, "shutdown": shutdown.value}
