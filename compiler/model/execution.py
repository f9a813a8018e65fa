"""DRPlanExecution: one run of a plan, or the undoing of one, with the tree of everything that happened."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from compiler.model.base import Count, Flag, Int32, Int64, Integer, Model, ObjectMeta, Switch, Time, cel
from compiler.model.conditions import CONDITIONS, Condition, RevertedBy, StoredPhase, UidReference
from compiler.model.names import API_VERSION, KIND_EXECUTION
from compiler.model.parameters import Parameter, SecretKeyRef
from compiler.model.phases import ActionType, DetailLevel, Mode, OperationType, ParameterSource
from compiler.model.plan import WorkflowReference

SPEC_IMMUTABLE = "cannot modify spec after creation"
"""Message of the rule that nothing in the spec of an execution may change."""


class AdoptedWorkflow(Model):
    """An Argo Workflow that was started without an execution."""

    name: str
    """Name of the Argo Workflow."""
    uid: str
    """Uid of the Argo Workflow."""


class DRPlanExecutionSpec(Model):
    """What an execution does; nothing of it may change after creation."""

    model_config = ConfigDict(json_schema_extra=cel(("self == oldSelf", SPEC_IMMUTABLE)))

    plan_ref: str
    """Name of the DRPlan, in the same namespace."""
    operation_type: OperationType
    """`Execute` runs the plan; `Revert` undoes what the execution in `revertExecutionRef` did."""
    mode: Mode | None = None
    """What the run is for: the conditions (`when`) of actions compare it without case, and `$(mode)` is it in lower
    case. Required when the plan has conditions on the mode. Ignored by a Revert, whose mode is `rollback`."""
    revert_execution_ref: str | None = None
    """Name of the execution to undo, in the same namespace: an Execute of the same plan that is Succeeded, Failed or
    Cancelled and not reverted yet. Required for a Revert."""
    params: list[Parameter] = Field(default_factory=list)
    """Parameters for this run; they override all others. In a Revert they override those of the target."""
    force: Flag = False
    """Whether a Revert may undo an execution that is not the newest of its plan."""
    reason: str | None = None
    """Why it is run, for the history: a ticket, a drill, an incident."""
    ttl_seconds_after_finished: Int32 | None = Field(default=None, ge=0)
    """Seconds after its end at which the execution is deleted; absent means never."""
    adopt_workflow: AdoptedWorkflow | None = None
    """The Argo Workflow that this execution stands for, when that was submitted first. Written by the syncer."""


class ObjectReference(Model):
    """A reference to a Kubernetes object."""

    api_version: str | None = None
    """API version of the object."""
    kind: str | None = None
    """Kind of the object."""
    namespace: str | None = None
    """Namespace of the object; absent for a cluster-scoped one."""
    name: str | None = None
    """Name of the object."""
    uid: str | None = None
    """Uid of the object."""
    resource_version: str | None = None
    """Version of the object that is meant."""
    field_path: str | None = None
    """Part of the object that is meant."""


class HttpResponse(Model):
    """Answer to an HTTP action."""

    status_code: Integer | None = None
    """Status code of the answer."""
    body: str | None = None
    """Start of the body of the answer."""


class ActionOutputs(Model):
    """What an action made or got."""

    job_ref: ObjectReference | None = None
    """The Job."""
    localization_ref: ObjectReference | None = None
    """The Localization."""
    globalization_ref: ObjectReference | None = None
    """The Globalization."""
    helm_chart_ref: ObjectReference | None = None
    """The HelmChart."""
    subscription_ref: ObjectReference | None = None
    """The Subscription, in cluster execution mode Global."""
    subscription_refs: list[ObjectReference] = Field(default_factory=list)
    """The child Subscriptions, in cluster execution mode PerCluster."""
    resource_ref: ObjectReference | None = None
    """The object of a KubernetesResource action."""
    http_response: HttpResponse | None = None
    """The answer to an HTTP action."""


class ClusterActionStatus(Model):
    """What an action in cluster execution mode PerCluster came to in one cluster."""

    cluster: str
    """The ManagedCluster, as `namespace/name`."""
    cluster_id: str = Field(alias="clusterID")
    """Identity of the cluster: `spec.clusterId` of the ManagedCluster."""
    phase: StoredPhase
    """Phase of the action in this cluster."""
    start_time: Time | None = None
    """When it began in this cluster."""
    completion_time: Time | None = None
    """When it ended in this cluster."""
    message: str | None = None
    """What happened."""


class ActionStatus(Model):
    """What became of an action."""

    name: str
    """Name of the action."""
    key: str | None = None
    """Its place in the plan as it was when the execution started, for example `s1.w2.a3`: third action of the second
    workflow of the first stage."""
    type: ActionType | None = None
    """Type of the action."""
    phase: StoredPhase
    """Skipped means that it never began, Cancelled that it began and was stopped from outside, Unknown that it may have
    happened."""
    reason: str | None = None
    """Why it is in this phase, as one CamelCase word for programs."""
    start_time: Time | None = None
    """When it began."""
    completion_time: Time | None = None
    """When it ended."""
    duration: str | None = None
    """How long it took, as a Go duration such as `1m30.25s`."""
    retry_count: Int32 | None = None
    """How many times it was tried again."""
    message: str | None = None
    """What happened; for an action that did not run, the cause."""
    outputs: ActionOutputs | None = None
    """What it made or got."""
    cluster_statuses: list[ClusterActionStatus] = Field(default_factory=list)
    """What it came to in each cluster, in cluster execution mode PerCluster."""


class WorkflowExecutionStatus(Model):
    """What became of one use of a workflow."""

    workflow_ref: WorkflowReference
    """The DRWorkflow."""
    phase: StoredPhase
    """Phase of the workflow."""
    start_time: Time | None = None
    """When its first action began."""
    completion_time: Time | None = None
    """When its last action ended."""
    duration: str | None = None
    """How long it took, as a Go duration such as `1m30.25s`."""
    progress: str | None = None
    """How many of its actions have ended, as `ended/all`."""
    current_action: str | None = None
    """Name of the action that runs."""
    message: str | None = None
    """What happened; for a workflow that did not run, the cause."""
    action_statuses: list[ActionStatus] = Field(default_factory=list)
    """Its actions, all of them unless `status.detail` says otherwise."""


class StageStatus(Model):
    """What became of a stage."""

    name: str
    """Name of the stage."""
    phase: StoredPhase
    """Phase of the stage."""
    parallel: Switch | None = None
    """Whether its workflows run at the same time."""
    depends_on: list[str] = Field(default_factory=list)
    """Names of the stages that it waited for."""
    start_time: Time | None = None
    """When its first action began."""
    completion_time: Time | None = None
    """When its last action ended."""
    duration: str | None = None
    """How long it took, as a Go duration such as `1m30.25s`."""
    message: str | None = None
    """What happened; for a stage that did not run, the cause."""
    workflow_executions: list[WorkflowExecutionStatus] = Field(default_factory=list)
    """Its workflows, one entry a use."""


class ExecutionSummary(Model):
    """Counts of stages, workflows and actions by phase; a count of zero is left out."""

    total_stages: Count = 0
    """All stages."""
    completed_stages: Count = 0
    """Stages that Succeeded."""
    succeeded_stages: Count = 0
    """Stages that Succeeded."""
    running_stages: Count = 0
    """Stages that run."""
    pending_stages: Count = 0
    """Stages that have not begun."""
    failed_stages: Count = 0
    """Stages that Failed."""
    skipped_stages: Count = 0
    """Stages that never began."""
    cancelled_stages: Count = 0
    """Stages that were stopped from outside."""
    unknown_stages: Count = 0
    """Stages with an action whose outcome is not known."""
    total_workflows: Count = 0
    """All uses of workflows."""
    completed_workflows: Count = 0
    """Workflows that Succeeded."""
    succeeded_workflows: Count = 0
    """Workflows that Succeeded."""
    running_workflows: Count = 0
    """Workflows that run."""
    pending_workflows: Count = 0
    """Workflows that have not begun."""
    failed_workflows: Count = 0
    """Workflows that Failed."""
    skipped_workflows: Count = 0
    """Workflows that never began."""
    cancelled_workflows: Count = 0
    """Workflows that were stopped from outside."""
    unknown_workflows: Count = 0
    """Workflows with an action whose outcome is not known."""
    total_actions: Count = 0
    """All actions."""
    succeeded_actions: Count = 0
    """Actions that Succeeded."""
    failed_actions: Count = 0
    """Actions that Failed."""
    skipped_actions: Count = 0
    """Actions that never began."""
    running_actions: Count = 0
    """Actions that run."""
    pending_actions: Count = 0
    """Actions that have not begun."""


class PlanRevision(Model):
    """The plan as it was when the execution started."""

    name: str
    """Name of the DRPlan."""
    uid: str | None = None
    """Uid of the DRPlan."""
    generation: Int64 | None = None
    """Its `metadata.generation`."""


class SnapshotReference(Model):
    """Where the plan and its workflows are kept as they were when the execution started."""

    name: str
    """Common start of the names of the ConfigMaps that hold it."""
    chunks: Int32 | None = None
    """How many ConfigMaps hold it."""
    hash: str | None = None
    """SHA-256 of the content."""


class ResolvedParameter(Model):
    """A parameter with the value that the execution uses."""

    name: str
    """Name of the parameter."""
    value: str | None = None
    """The value; absent when it comes from a Secret."""
    secret_key_ref: SecretKeyRef | None = None
    """The Secret that the value comes from."""
    source: ParameterSource | None = None
    """What gave the value."""


class StatusDetail(Model):
    """How much of the tree the status holds. The whole truth is in the DRActionRecords."""

    level: DetailLevel
    """`Full`: everything. `Compact`: without outputs, times and messages of actions that Succeeded or were Skipped.
    `Summary`: actions only of workflows in which one did not succeed."""
    records: Int32 | None = None
    """How many DRActionRecords the execution has."""


class DRPlanExecutionStatus(Model):
    """What is known about an execution."""

    phase: StoredPhase | None = None
    """Phase of the execution. Unknown means that an action may or may not have happened."""
    conditions: Annotated[list[Condition], Field(json_schema_extra=CONDITIONS)] = Field(default_factory=list)
    """`Complete` says whether it has ended, `Succeeded` whether it ended well, `Recorded` whether the plan's history
    has it; further ones say why it does not start or go on."""
    observed_generation: Int64 | None = None
    """The `metadata.generation` that this status is about."""
    start_time: Time | None = None
    """When it started."""
    completion_time: Time | None = None
    """When it ended, whatever it came to."""
    duration: str | None = None
    """How long it took, as a Go duration such as `1m30.25s`."""
    progress: str | None = None
    """How many actions have ended, as `ended/all`."""
    message: str | None = None
    """What happened, in one sentence."""
    summary: ExecutionSummary | None = None
    """Counts of stages, workflows and actions by phase."""
    stage_statuses: list[StageStatus] = Field(default_factory=list)
    """The stages with their workflows and actions, complete from the start."""
    epoch: Int32 | None = None
    """1 for the first run, one more for every `drplan retry`: each has an Argo Workflow of its own."""
    runs: Int32 | None = None
    """How many times the Argo Workflow of this epoch was begun: one more for every `argo retry`."""
    workflow_ref: UidReference | None = None
    """The Argo Workflow of this epoch."""
    plan_ref: PlanRevision | None = None
    """The plan as it was when the execution started."""
    snapshot_ref: SnapshotReference | None = None
    """Where the plan and its workflows are kept as they were then."""
    resolved_params: list[ResolvedParameter] = Field(default_factory=list)
    """The parameters with the values that the execution uses."""
    detail: StatusDetail | None = None
    """How much of the tree this status holds."""
    reverted_by: RevertedBy | None = None
    """The revert that undid this execution, or tried to."""


class DRPlanExecution(Model):
    """One run of a plan, or the undoing of an earlier run. Its status holds every stage, workflow and action."""

    api_version: str = API_VERSION
    """Version of the API that the object is written for."""
    kind: str = KIND_EXECUTION
    """Kind of the object."""
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    """Metadata of the object."""
    spec: DRPlanExecutionSpec
    """What is run; nothing of it may change after creation."""
    status: DRPlanExecutionStatus | None = None
    """What became of it; written by the syncer."""
