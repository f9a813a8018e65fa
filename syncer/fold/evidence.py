"""Everything that is known of a run, gathered once: records, fence, the Workflow and the places of its nodes.

Derived answers live here (is it over, who stopped it and when), so that the rules for actions and for the whole read
like the rules they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from compiler.model.names import ANNOTATION_CANCEL, CANCEL_FORCE, CANCEL_GRACEFUL
from compiler.model.phases import FenceState
from syncer.decide.fence import Fence, FenceError
from syncer.fold.places import Places, find_places
from syncer.nodes import ArgoPhase, Unreadable, Workflow, read_nodes, read_workflow
from syncer.records import Records
from syncer.times import parse_time

LEASE = timedelta(seconds=60)
"""How long a runner that does not renew its hold on a record still counts as alive."""

_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Evidence:
    """What is known of a run.

    Attributes:
        records: records by action key.
        now: time of the fold.
        fence: fence of the execution, if it has one that can be read.
        fenced: whether it has a fence at all, readable or not.
        workflow: the Argo Workflow, if there is one that can be read.
        places: places of its nodes.
        unreadable: what is wrong with the Workflow or its nodes; empty when nothing is.
        cancel_requested: whether a user asked for a cancel.
        lost: whether the Workflow was deleted before it ended.
    """

    records: Records
    now: datetime
    fence: Fence | None = None
    fenced: bool = False
    workflow: Workflow | None = None
    places: Places = field(default_factory=Places)
    unreadable: str = ""
    cancel_requested: bool = False
    lost: bool = False

    @property
    def complete(self) -> bool:
        """Whether Argo has declared the Workflow finished, so that nothing will act any more."""
        return self.workflow is not None and self.workflow.complete

    @property
    def over(self) -> bool:
        """Whether nothing new will begin: the Workflow is finished or gone, or was deleted before it began."""
        if self.workflow is None and self.fence is not None and self.fence.state is FenceState.CLOSED:
            return True
        return self.complete or self.lost

    @property
    def recorded(self) -> bool:
        """Whether actions are recorded, so that one without a record has not begun."""
        return self.fenced or bool(self.records)

    @property
    def generation(self) -> tuple[int, int] | None:
        """Epoch and run of the fence."""
        return self.fence.generation if self.fence else None

    @property
    def draining(self) -> bool:
        """Whether the fence says that the run is cancelled."""
        return self.fence is not None and (
            self.fence.state is FenceState.DRAINING or self.fence.cancelled_at is not None
        )

    @property
    def cancelled(self) -> bool:
        """Whether a user cancelled the run."""
        return self.cancel_requested or self.draining

    @property
    def stopped(self) -> bool:
        """Whether the Workflow ended because somebody stopped it."""
        return self.workflow is not None and self.complete and self.workflow.stopped

    @property
    def stopped_at(self) -> datetime | None:
        """When the run was cancelled or stopped, or the second of that; None when it was not, or that is not known."""
        if self.cancelled:
            return parse_time(self.fence.cancelled_at) if self.fence else None
        return parse_time(self.workflow.status.finished_at) if self.stopped and self.workflow else None

    @property
    def stopped_by(self) -> datetime | None:
        """The same at the latest: Argo tells the second alone."""
        at = self.stopped_at
        return at if at is None or self.cancelled else at + _SECOND

    @property
    def green(self) -> bool:
        """Whether Argo agrees that all went well: a phase alone may be false, so its root node is asked, too."""
        if self.workflow is None or self.workflow.status.phase != ArgoPhase.SUCCEEDED:
            return False
        if self.unreadable:
            return True
        return self.places.root is not None and self.places.root.phase == ArgoPhase.SUCCEEDED

    def lease_expired(self, state: Mapping[str, Any]) -> bool:
        """Whether the holder of a record has given it up or has not renewed it for a lease."""
        holder = state.get("holder") or {}
        renewed = parse_time(holder.get("renewTime") or state.get("startTime"))
        return bool(holder.get("released")) or renewed is None or self.now - renewed > LEASE


def gather(
    execution: Mapping[str, Any],
    workflow: Mapping[str, Any] | Workflow | bytes | None,
    records: Records,
    *,
    now: datetime,
    lost: bool = False,
) -> Evidence:
    """Gather what is known of a run.

    Args:
        execution: the DRPlanExecution.
        workflow: its Argo Workflow, if it exists.
        records: its records by action key.
        now: the time.
        lost: whether the Workflow that it is bound to was deleted.
    """
    annotations = (execution.get("metadata") or {}).get("annotations") or {}
    cancel = annotations.get(ANNOTATION_CANCEL) in (CANCEL_GRACEFUL, CANCEL_FORCE)
    evidence = Evidence(records, now, cancel_requested=cancel, lost=lost)
    try:
        evidence.fence = Fence.of(execution)
        evidence.fenced = evidence.fence is not None
    except FenceError as problem:
        evidence.fenced, evidence.unreadable = True, str(problem)
    if workflow is not None:
        _read(evidence, workflow)
    return evidence


def _read(evidence: Evidence, workflow: Mapping[str, Any] | Workflow | bytes) -> None:
    read = read_workflow(workflow)
    if isinstance(read, Unreadable):
        evidence.unreadable = read.problem
        return
    evidence.workflow = read
    nodes = read_nodes(read)
    if isinstance(nodes, Unreadable):
        evidence.unreadable = nodes.problem
        return
    evidence.places = find_places(nodes, read.metadata.name)
