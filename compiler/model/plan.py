"""DRPlan: stages of workflows, in order, and what is known about their runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from compiler.model.base import Flag, Int32, Int64, Model, ObjectMeta, Switch, Time
from compiler.model.conditions import CONDITIONS, Condition, RevertedBy, StoredPhaseText, UidReference
from compiler.model.names import API_VERSION, KIND_PLAN
from compiler.model.parameters import Parameter
from compiler.model.phases import DependsOnPolicy, Mode, PlanFailurePolicy, PlanPhase, StageFailurePolicy


class WorkflowReference(Model):
    """A reference to a DRWorkflow."""

    name: str
    """Name of the DRWorkflow."""
    namespace: str | None = None
    """Namespace of the DRWorkflow; absent means that of the plan."""


class StageWorkflow(Model):
    """One use of a workflow in a stage."""

    workflow_ref: WorkflowReference
    """The workflow that is used. The same one may be used any number of times."""
    params: list[Parameter] = Field(default_factory=list)
    """Parameters for this use; they override `globalParams`."""


class Stage(Model):
    """Workflows that belong together in the order of a plan."""

    name: str = Field(min_length=1)
    """Name of the stage, unique in its plan; `dependsOn` refers to it."""
    description: str | None = None
    """What the stage is for; free text."""
    depends_on: list[str] = Field(default_factory=list)
    """Names of stages that this one waits for. When no stage has any, the stages run in listed order; as soon as one
    has, independent stages run at the same time."""
    depends_on_policy: DependsOnPolicy = DependsOnPolicy.FINISHED
    """What those must have come to: any end, or success. It matters only under plan policy Continue; without
    `dependsOn` it is about the stage before."""
    parallel: Switch = False
    """Whether all workflows of the stage run at the same time; otherwise they run in listed order."""
    workflows: list[StageWorkflow] = Field(min_length=1)
    """The workflows of the stage, at least one."""
    failure_policy: StageFailurePolicy | None = None
    """What a failed workflow does to the others of the stage. `Stop`: those that have not begun are Skipped, parallel
    ones run to their end. `FailFast`: parallel ones finish the action they are in and begin no other. `Continue`: the
    others run. Absent means the plan's policy."""


class DRPlanSpec(Model):
    """What a plan does."""

    description: str | None = None
    """What the plan is for; free text."""
    stages: list[Stage] = Field(min_length=1)
    """The stages, at least one, in the order in which they run unless one of them has `dependsOn`."""
    global_params: list[Parameter] = Field(default_factory=list)
    """Parameters for every workflow of the plan; they override the defaults that workflows declare."""
    failure_policy: PlanFailurePolicy = PlanFailurePolicy.STOP
    """What a failed stage does to the plan: with `Stop` no stage that has not begun begins, with `Continue` the others
    run, dependants too."""
    suspend: Flag = False
    """Whether new executions of the plan are refused; a running one goes on."""
    service_account_name: str | None = None
    """Service account of the same namespace that the actions run as; absent means `drplan-runner`."""
    executions_history_limit: Int32 | None = Field(default=None, ge=0)
    """How many finished executions of the plan are kept as objects; older ones are deleted. The newest Execute that was
    not reverted stays whatever the limit, because it is the way back. Absent means all."""


class CurrentExecution(Model):
    """The execution that holds the plan."""

    name: str
    """Name of the DRPlanExecution."""
    namespace: str | None = None
    """Namespace of the DRPlanExecution: that of the plan."""
    uid: str | None = None
    """Uid of the DRPlanExecution; the hold ends only for this very object."""


class ExecutionRecord(Model):
    """One execution in the history of a plan."""

    name: str
    """Name of the DRPlanExecution."""
    namespace: str
    """Namespace of the DRPlanExecution."""
    uid: str | None = None
    """Uid of the DRPlanExecution."""
    operation_type: str
    """`Execute` or `Revert`."""
    mode: Mode | None = None
    """Mode that the execution ran in."""
    phase: StoredPhaseText | None = None
    """Phase of the execution."""
    message: str | None = None
    """Message of the execution."""
    reason: str | None = None
    """Why somebody asked for it: `spec.reason` of the execution."""
    requested_by: str | None = None
    """User who created the execution."""
    start_time: Time | None = None
    """When it started."""
    completion_time: Time | None = None
    """When it ended."""
    duration: str | None = None
    """How long it took, as a Go duration such as `1m30.25s`."""
    revert_of: UidReference | None = None
    """The execution that it undid; of a Revert only."""
    reverted_by: RevertedBy | None = None
    """The revert that undid it; of an Execute only."""


class DRPlanStatus(Model):
    """What is known about a plan and its executions."""

    phase: PlanPhase | None = None
    """`Ready` when the plan may be executed, `Executed` when its last operation was a successful Execute, `Invalid`
    when it breaks a rule."""
    conditions: Annotated[list[Condition], Field(json_schema_extra=CONDITIONS)] = Field(default_factory=list)
    """`Ready` says whether the plan may be executed, `Executing` whether an execution holds it."""
    observed_generation: Int64 | None = None
    """The `metadata.generation` that this status is about."""
    current_execution: CurrentExecution | None = None
    """The execution that runs now; a second one is refused."""
    last_execution_ref: str | None = None
    """Name of the newest execution, of either operation and whatever it came to."""
    last_execution_time: Time | None = None
    """When the newest execution ended."""
    execution_history: list[ExecutionRecord] = Field(default_factory=list, max_length=10)
    """The last ten executions, newest first."""
    last_processed_trigger: str | None = None
    """Not used; kept for stored objects."""


class DRPlan(Model):
    """Stages of workflows that move a system to safety, each action with a way back. A DRPlanExecution runs it."""

    api_version: str = API_VERSION
    """Version of the API that the object is written for."""
    kind: str = KIND_PLAN
    """Kind of the object."""
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    """Metadata of the object."""
    spec: DRPlanSpec
    """What the plan does."""
    status: DRPlanStatus | None = None
    """What is known about it; written by the syncer."""
