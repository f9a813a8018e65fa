"""DRWorkflow: a reusable list of actions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from compiler.model.actions import Action
from compiler.model.base import Int32, Int64, Model, ObjectMeta
from compiler.model.conditions import CONDITIONS, Condition
from compiler.model.names import API_VERSION, KIND_WORKFLOW
from compiler.model.parameters import Parameter
from compiler.model.phases import ExecutorType, WorkflowFailurePolicy, WorkflowPhase


class TtlStrategy(Model):
    """How long a finished Argo Workflow stays."""

    seconds_after_completion: Int32 | None = None
    """Seconds after any end."""
    seconds_after_success: Int32 | None = None
    """Seconds after success."""
    seconds_after_failure: Int32 | None = None
    """Seconds after failure."""


class ArgoOptions(Model):
    """Options of the Argo executor in older manifests."""

    namespace: str | None = None
    """Not used: an Argo Workflow lives in the namespace of its execution."""
    service_account_name: str | None = None
    """Not used: set `spec.serviceAccountName` of the plan."""
    ttl_strategy: TtlStrategy | None = None
    """Not used: set `spec.ttlSecondsAfterFinished` of the execution."""


class ExecutorConfig(Model):
    """Choice of an engine in older manifests; every workflow runs on Argo Workflows."""

    type: ExecutorType = ExecutorType.NATIVE
    """Not used: both values mean Argo Workflows."""
    argo_options: ArgoOptions | None = None
    """Not used."""


class DRWorkflowSpec(Model):
    """What a workflow does."""

    description: str | None = None
    """What the workflow is for; free text."""
    executor: ExecutorConfig | None = None
    """Accepted for older manifests and not used: every workflow runs on Argo Workflows."""
    parameters: list[Parameter] = Field(default_factory=list)
    """Parameters that the actions use, with their types and defaults."""
    actions: list[Action] = Field(min_length=1)
    """The actions, at least one, in the order in which they run unless one of them has `dependsOn`."""
    failure_policy: WorkflowFailurePolicy = WorkflowFailurePolicy.FAIL_FAST
    """What a failed action does to the others: with `FailFast` those that have not begun are Skipped, with `Continue`
    they run."""


class DRWorkflowStatus(Model):
    """What is known about a workflow."""

    phase: WorkflowPhase | None = None
    """`Ready` when the workflow may be used, `Invalid` when it breaks a rule."""
    conditions: Annotated[list[Condition], Field(json_schema_extra=CONDITIONS)] = Field(default_factory=list)
    """`Ready` says which rule is broken."""
    observed_generation: Int64 | None = None
    """The `metadata.generation` that this status is about."""


class DRWorkflow(Model):
    """A reusable list of actions, each with a way back. Plans use it in their stages, any number of times."""

    api_version: str = API_VERSION
    """Version of the API that the object is written for."""
    kind: str = KIND_WORKFLOW
    """Kind of the object."""
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    """Metadata of the object."""
    spec: DRWorkflowSpec
    """What the workflow does."""
    status: DRWorkflowStatus | None = None
    """What is known about it; written by the syncer."""
