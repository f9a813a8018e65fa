"""What the life of an execution in the cluster is decided from, and the steps that it is made of.

Each step but `Rest` is one write. `syncer.decide.lifecycle` decides which is next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from compiler.graph.tree import Graph
from compiler.model.phases import Phase
from syncer.decide.fence import Fence
from syncer.decide.outcome import Refuse
from syncer.nodes import Workflow
from syncer.records import Records

Object = Mapping[str, Any]


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
        identity: what the first status says and no fold can find out: `snapshotRef`, `resolvedParams`, `epoch`.
        kept: whether snapshot and specs are kept.
        workflow: the Workflow of this epoch; None when it does not exist, for certain.
        empty: whether there is nothing to run, and hence no Workflow to be made.
        records: its records by action key.
        undone: records of the target by name.
        pods: whether pods of the Workflow still exist.
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
    identity: Object = field(default_factory=dict)
    kept: bool = False
    workflow: Workflow | None = None
    empty: bool = False
    records: Records = field(default_factory=dict)
    undone: Mapping[str, Object] = field(default_factory=dict)
    pods: bool = False

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
    def lost(self) -> bool:
        """Whether the Workflow that the execution is bound to is gone."""
        return self.workflow is None and bool((self.status.get("workflowRef") or {}).get("uid"))

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
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    finalizer: bool = True


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
    """Write the fence, if the execution is still as it was seen."""

    fence: Fence


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
    """

    spec: Object | None = None
    delete: bool = False
    delete_pods: bool = False


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """Write a record, if it is still as it was seen."""

    record: Object


@dataclass(frozen=True, slots=True)
class ShowTarget:
    """Write the status of the target of a Revert."""

    status: Object


@dataclass(frozen=True, slots=True)
class Own:
    """Let Workflow, records and ConfigMaps belong to the execution, and label the Workflow as final."""


@dataclass(frozen=True, slots=True)
class Release:
    """Remove what belongs to a deleted execution, then its finalizer."""


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
    | ShowTarget
    | Own
    | Release
    | Rest
)
