"""What the life of an execution in the cluster is decided from, and the steps that it is made of.

Each step but `Rest` is one write. `syncer.decide.lifecycle` decides which is next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from compiler.graph.tree import Graph
from compiler.model.phases import ConditionReason, FenceState, Phase
from syncer.decide.fence import Fence
from syncer.decide.outcome import Refuse
from syncer.fold.stalls import Stall
from syncer.nodes import Workflow
from syncer.records import Records

Object = Mapping[str, Any]

DRAIN_LIMIT = timedelta(minutes=5)
"""How long the actions of an execution that is deleted may take to end before they are ended by force."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a decision is made from.

    Attributes:
        execution: the execution.
        plan: its plan; None when there is none.
        holder: the execution that `status.currentExecution` of the plan names; None when it does not exist.
        target: the execution that a Revert undoes; None when it does not exist.
        graph: the decided graph of this epoch; None as long as nothing could be compiled.
        refusal: why nothing could be compiled.
        workflow_name: name of the Workflow of this epoch.
        next_workflow: name of the Workflow of the next epoch, where a retry is asked for.
        identity: what the first status says and no fold can find out: `snapshotRef`, `resolvedParams`, `epoch`.
        damage: what is wrong with the snapshot of one that has begun; empty when it could be read.
        kept: whether snapshot and specs are kept.
        workflow: the Workflow of this epoch; None when it does not exist, for certain.
        empty: whether there is nothing to run, and hence no Workflow to be made.
        records: its records by action key.
        unlabelled: whether Workflow or records of an adopted run do not say yet whose they are.
        undone: records of the target by name.
        pods: whether pods of the Workflow still exist.
        doomed: whether all of them were deleted, and only have to end.
        idle: whether no pod of the Workflow runs, for certain; False where nobody has asked.
        stall: what keeps the Workflow from being seen, or from being made; None when nothing does.
        vanishing: whether the namespace goes, and with it all that belongs to the execution.
        drain_limit: how long its actions may take to end when it is deleted.
        now: the time.
    """

    execution: Object
    plan: Object | None
    now: datetime
    holder: Object | None = None
    target: Object | None = None
    graph: Graph | None = None
    refusal: Refuse | None = None
    workflow_name: str = ""
    next_workflow: str = ""
    identity: Object = field(default_factory=dict)
    damage: str = ""
    kept: bool = False
    workflow: Workflow | None = None
    empty: bool = False
    records: Records = field(default_factory=dict)
    unlabelled: bool = False
    undone: Mapping[str, Object] = field(default_factory=dict)
    pods: bool = False
    doomed: bool = False
    idle: bool = False
    stall: Stall | None = None
    vanishing: bool = False
    drain_limit: timedelta = DRAIN_LIMIT

    @property
    def status(self) -> Object:
        """Status of the execution."""
        return self.execution.get("status") or {}

    @property
    def phase(self) -> Phase:
        """Phase of the execution."""
        return Phase.read(self.status.get("phase"))

    @property
    def metadata(self) -> Object:
        """Metadata of the execution."""
        found: Object = self.execution["metadata"]
        return found

    @property
    def generation(self) -> int | None:
        """Generation of the execution."""
        return self.metadata.get("generation")

    @property
    def epoch(self) -> int:
        """Epoch of the execution: the fence says it first, the status follows."""
        fence = Fence.of(self.execution)
        return fence.epoch if fence is not None else int(self.status.get("epoch") or 1)

    @property
    def runs_again(self) -> bool:
        """Whether its fence was opened for another epoch or run since its status was final."""
        fence = Fence.of(self.execution)
        shown = int(self.status.get("epoch") or 1), int(self.status.get("runs") or 1)
        return fence is not None and fence.generation > shown

    @property
    def adopted(self) -> bool:
        """Whether it stands for a Workflow that was there before it."""
        return bool((self.execution.get("spec") or {}).get("adoptWorkflow"))

    @property
    def lost(self) -> bool:
        """Whether the Workflow that the execution is bound to is gone; that of an epoch that begins is yet to come."""
        if self.workflow is not None or self.stall is not None or self._never_ran:
            return False
        fence = Fence.of(self.execution)
        if fence is not None and fence.workflow_uid:
            return True
        bound = self.adopted or bool((self.status.get("workflowRef") or {}).get("uid"))
        return bound and self.epoch == int(self.status.get("epoch") or 1)

    @property
    def _never_ran(self) -> bool:
        """Whether it was cancelled before anything began: a Workflow that waits for its mutex is deleted then."""
        fence = Fence.of(self.execution)
        cancelled = fence is not None and fence.state is FenceState.CLOSED and fence.cancelled_at is not None
        return cancelled and not self.records

    @property
    def in_the_way(self) -> bool:
        """Whether a Workflow of somebody else has the name that its own needs."""
        return self.stall is not None and self.stall.reason is ConditionReason.WORKFLOW_CONFLICT

    @property
    def shown(self) -> bool:
        """Whether its tree was shown, so that it has begun: from here on it is brought to an end, not refused."""
        return bool((self.status.get("workflowRef") or {}).get("name"))

    @property
    def over(self) -> bool:
        """Whether its Workflow will not go on."""
        return self.lost or (self.workflow is not None and self.workflow.complete)


@dataclass(frozen=True, slots=True)
class Mark:
    """Patch metadata of the execution.

    Attributes:
        labels: labels to set.
        annotations: annotations to set.
        finalizer: whether the finalizer is to be there.
        refused: why what an annotation asked for is not done; empty when nothing is refused.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    finalizer: bool = True
    refused: str = ""


@dataclass(frozen=True, slots=True)
class WritePlan:
    """Write the status of the plan, if it is still as it was seen."""

    status: Object


@dataclass(frozen=True, slots=True)
class Keep:
    """Write snapshot and specs."""


@dataclass(frozen=True, slots=True)
class Show:
    """Write the status of the execution."""

    status: Object


@dataclass(frozen=True, slots=True)
class SetFence:
    """Write the fence, if the execution is still as it was seen.

    Attributes:
        fence: the fence.
        annotations: annotations that change with it; None removes one.
    """

    fence: Fence
    annotations: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreateWorkflow:
    """Create the Workflow."""


@dataclass(frozen=True, slots=True)
class ChangeWorkflow:
    """Change the Workflow.

    Attributes:
        spec: merge patch for its spec.
        delete: whether to delete it.
        delete_pods: whether to delete its pods and wait until they are gone.
        refused: why it may not run again; empty when nothing is refused.
    """

    spec: Object | None = None
    delete: bool = False
    delete_pods: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """Write a record, if it is still as it was seen."""

    record: Object


@dataclass(frozen=True, slots=True)
class MarkUndone:
    """Write records of the target of a Revert, each if it is still as it was seen."""

    records: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class ShowTarget:
    """Write the status of the target of a Revert."""

    status: Object


@dataclass(frozen=True, slots=True)
class Adopt:
    """Let Workflow and records say that they are the execution's."""


@dataclass(frozen=True, slots=True)
class Own:
    """Let Workflow, records and ConfigMaps belong to the execution, and label Workflow and records as final."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """Take the label back that says of records that they are final: the execution goes on."""


@dataclass(frozen=True, slots=True)
class Release:
    """Remove what belongs to a deleted execution, then its finalizer.

    Attributes:
        unrecorded: whether its end is not known, and in no history.
    """

    unrecorded: bool = False


@dataclass(frozen=True, slots=True)
class Rest:
    """There is nothing to do until something changes.

    Attributes:
        seconds: when to look again all the same; None when never.
    """

    seconds: float | None = None


Step = (
    Mark
    | WritePlan
    | Keep
    | Show
    | SetFence
    | CreateWorkflow
    | ChangeWorkflow
    | WriteRecord
    | MarkUndone
    | ShowTarget
    | Adopt
    | Own
    | Reopen
    | Release
    | Rest
)
