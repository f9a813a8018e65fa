"""Actions: the steps of a workflow, with one configuration block for each of the seven types.

Texts in a block may hold placeholders such as `$(params.region)` and `$(outputs.check.json.ip)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from compiler.model.base import Flag, Int32, Integer, Model, OpenObject, Switch, unwritten
from compiler.model.clusternet import GlobalizationSpec, HelmChartSpec, LocalizationSpec, SubscriptionSpec
from compiler.model.phases import ActionType, ClusterExecutionMode, DependsOnPolicy, HttpMethod, Operation

ObjectOperation = Literal[Operation.CREATE, Operation.APPLY, Operation.PATCH, Operation.DELETE]
"""The operations of every resource type but Subscription, which can also replace."""


def _read_cluster_mode(value: Any) -> Any:
    return ClusterExecutionMode.GLOBAL if value == "" else value


ClusterMode = Annotated[
    ClusterExecutionMode,
    BeforeValidator(_read_cluster_mode),
    WithJsonSchema({"type": "string", "enum": ["", *(mode.value for mode in ClusterExecutionMode)]}),
    Field(json_schema_extra=unwritten),
]
"""A cluster execution mode as stored: the empty text is `Global`."""


class HttpAction(Model):
    """A call of an HTTP API."""

    url: str
    """Address that is called."""
    method: HttpMethod = HttpMethod.GET
    """Method of the call."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of the call; placeholders are rendered in the values."""
    body: str | None = None
    """Body of the call."""
    success_codes: list[Integer] = Field(default_factory=list)
    """Status codes that mean success; empty means any from 200 to 299."""
    insecure_skip_verify: Flag = False
    """Whether the certificate of the server is not checked."""
    idempotent: Flag = False
    """Whether the call may be made again when its outcome is not known. GET, HEAD, OPTIONS, PUT and DELETE always may;
    a POST or PATCH that may have been sent is not sent again without this, and the action is Unknown."""


class JobTemplate(Model):
    """What the Job is made from."""

    spec: OpenObject
    """The `spec` of a `batch/v1` Job, so that the pod's is at `spec.template.spec`. Placeholders are rendered in all of
    its texts. Without `activeDeadlineSeconds`, a Job that is waited for gets the action's timeout."""


class JobAction(Model):
    """A Job that is created and, unless `waitReady` is false, waited for."""

    namespace: str | None = None
    """Namespace of the Job; absent means `default`."""
    template: JobTemplate
    """What the Job is made from."""
    ttl_seconds_after_finished: Int32 | None = None
    """Seconds after which a finished Job is deleted; overrides the one in the template. A Job that is waited for stays
    60 seconds at least, so that its end is seen."""


class LocalizationAction(Model):
    """A Clusternet Localization: overrides for one cluster."""

    operation: ObjectOperation = Operation.CREATE
    """What is done to the object. Create fails when it exists; Apply is server-side apply; Patch merges `spec` into the
    existing one; Delete is content when there is none."""
    name: str
    """Name of the Localization."""
    namespace: str
    """Namespace of the ManagedCluster that the overrides are for."""
    spec: LocalizationSpec | None = None
    """Spec of the object. Required unless the operation is Delete."""


class GlobalizationAction(Model):
    """A Clusternet Globalization: overrides for many clusters. The object has no namespace."""

    operation: ObjectOperation = Operation.CREATE
    """What is done to the object. Create fails when it exists; Apply is server-side apply; Patch merges `spec` into the
    existing one; Delete is content when there is none."""
    name: str
    """Name of the Globalization."""
    spec: GlobalizationSpec | None = None
    """Spec of the object. Required unless the operation is Delete."""


class HelmChartAction(Model):
    """A Clusternet HelmChart."""

    operation: ObjectOperation = Operation.CREATE
    """What is done to the object. Create fails when it exists; Apply is server-side apply; Patch merges `spec` into the
    existing one; Delete is content when there is none."""
    name: str
    """Name of the HelmChart."""
    namespace: str
    """Namespace of the HelmChart."""
    spec: HelmChartSpec | None = None
    """Spec of the object. Required unless the operation is Delete."""


class SubscriptionAction(Model):
    """A Clusternet Subscription: distributes objects to clusters."""

    operation: Operation = Operation.CREATE
    """What is done to the object. Create fails when it exists; Apply is server-side apply; Patch merges `spec` into the
    existing one; Replace deletes an existing object, waits until it is gone and creates it;
    Delete is content when there is none."""
    name: str
    """Name of the Subscription."""
    namespace: str | None = None
    """Namespace of the Subscription; absent means `default`."""
    spec: SubscriptionSpec | None = None
    """Spec of the object. Required unless the operation is Delete."""


class KubernetesResourceAction(Model):
    """Any Kubernetes objects."""

    operation: ObjectOperation = Operation.CREATE
    """What is done to each object. Create fails when it exists; Apply is server-side apply; Patch merges the manifest
    into the existing object; Delete is content when there is none."""
    manifest: str
    """The objects as YAML text: one or more documents, each with `apiVersion`, `kind` and `metadata.name`. Placeholders
    are rendered before it is parsed. What others need, such as a Namespace, is written first, and deleted last."""


class RetryPolicy(Model):
    """How often a transient error is tried again: connection refused or reset, time-outs, 408, 425, 429 and 5xx."""

    limit: Int32 = 3
    """Most attempts after the first; 0 means none."""
    interval: str = "5s"
    """Pause before the second attempt, as a Go duration such as `500ms` or `1m30s`."""
    backoff_multiplier: str = "2.0"
    """What every further pause is longer by: a decimal number of at least 1, as text. No pause exceeds 5 minutes."""


class HookCleanupPolicy(Model):
    """When the Subscription of a hook is deleted; the deletion is waited for."""

    before_create: Flag = False
    """Whether one that is left from an earlier run is deleted first."""
    on_success: Flag = False
    """Whether it is deleted after it succeeded."""
    on_failure: Flag = False
    """Whether it is deleted after it failed."""


Block = (
    HttpAction
    | JobAction
    | LocalizationAction
    | GlobalizationAction
    | HelmChartAction
    | SubscriptionAction
    | KubernetesResourceAction
)
"""The configuration of an action, by its type."""


BLOCK_ATTRIBUTES: Mapping[ActionType, str] = {
    ActionType.HTTP: "http",
    ActionType.JOB: "job",
    ActionType.LOCALIZATION: "localization",
    ActionType.GLOBALIZATION: "globalization",
    ActionType.HELM_CHART: "helm_chart",
    ActionType.SUBSCRIPTION: "subscription",
    ActionType.KUBERNETES_RESOURCE: "resource",
}
"""Attribute of an action that holds the block of a type."""


class Action(Model):
    """One step of a workflow."""

    name: str = Field(min_length=1)
    """Name of the action, unique in its workflow; `dependsOn` and `$(outputs.<name>.…)` refer to it."""
    type: ActionType
    """What the action does; the block of the same name configures it, other blocks are ignored."""
    http: HttpAction | None = None
    """Configuration of type HTTP."""
    job: JobAction | None = None
    """Configuration of type Job."""
    localization: LocalizationAction | None = None
    """Configuration of type Localization."""
    globalization: GlobalizationAction | None = None
    """Configuration of type Globalization."""
    helm_chart: HelmChartAction | None = None
    """Configuration of type HelmChart."""
    subscription: SubscriptionAction | None = None
    """Configuration of type Subscription."""
    resource: KubernetesResourceAction | None = None
    """Configuration of type KubernetesResource."""
    timeout: str | None = None
    """Longest time that the action may take from its turn on, with all retries and waiting, as a Go duration such as
    `90s` or `1h30m`. Absent means `5m`; for a Job its `activeDeadlineSeconds`, or `1h` when it has none."""
    wait_ready: Switch | None = None
    """Whether the action ends only when what it made is ready: a workload has its replicas, a Job is complete, the
    feeds of a Subscription are ready in every cluster. Absent means true for a Job and false for all others."""
    retry_policy: RetryPolicy = Field(default_factory=RetryPolicy)
    """How transient errors are retried; absent means 3 times, after 5, 10 and 20 seconds."""
    rollback: OpenObject | None = None
    """What a revert does instead of undoing the action: an action of any type, without `when`, `dependsOn` and
    `rollback`. Without one, a created object is deleted, a changed one gets its fields
    back, and a deleted one is created again; an HTTP call has no way back."""
    depends_on: list[str] = Field(default_factory=list)
    """Names of actions of the same workflow that this one waits for. When no action has any, the actions run in listed
    order; as soon as one has, independent actions run at the same time."""
    depends_on_policy: DependsOnPolicy = DependsOnPolicy.FINISHED
    """What those must have come to: any end, or success. It matters only under failure policy Continue."""
    when: str | None = None
    """Condition for the action to run, over `mode`, `operation` and `params.<name>`, with `==`, `!=`, `&&`, `||`, `!`
    and parentheses: `mode == install && params.tier != "test"`. Decided before anything runs; not met, the action is
    Skipped."""
    hook_type: str | None = None
    """`pre-rollback` or `post-rollback` makes the action a hook of a revert, which never runs forward; any other text
    is only a note."""
    cluster_execution_mode: ClusterMode = ClusterExecutionMode.GLOBAL
    """`PerCluster` makes a Subscription with `waitReady` act once for every matched cluster, each with a child
    Subscription and a status of its own; without `waitReady` it acts once, as with `Global`, or empty."""
    hook_cleanup: HookCleanupPolicy | None = None
    """When the Subscription of a hook is deleted; absent means never. It changes nothing for other types."""

    @property
    def block(self) -> Block | None:
        """The configuration that the action's type asks for; None when it is missing."""
        block: Block | None = getattr(self, BLOCK_ATTRIBUTES[self.type])
        return block

    def read_rollback(self) -> Action | None:
        """Read the custom rollback as an action; it need not repeat the name and type of the action that it undoes.

        Raises:
            pydantic.ValidationError: it is no action.
        """
        if self.rollback is None:
            return None
        given = {name: value for name, value in self.rollback.items() if value is not None}
        return Action.read({"name": self.name, "type": self.type, **given})
