"""The objects of Clusternet that actions write, as far as manifests constrain them.

The rest of their fields is handed on as it is. Texts may hold placeholders, which are rendered before an object is
written.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from compiler.model.base import Int32, Model, OpenObject, PassedThrough, Switch


class OverridePolicy(StrEnum):
    """When Clusternet applies overrides."""

    APPLY_NOW = "ApplyNow"
    APPLY_LATER = "ApplyLater"


class OverrideType(StrEnum):
    """How the value of an override is written."""

    HELM = "Helm"
    JSON_PATCH = "JSONPatch"
    MERGE_PATCH = "MergePatch"
    FIELD_JSON_PATCH = "FieldJSONPatch"
    FIELD_MERGE_PATCH = "FieldMergePatch"


class FieldFormat(StrEnum):
    """What the text in an overridden field is."""

    YAML = "YAML"
    JSON = "JSON"


class SchedulingStrategy(StrEnum):
    """How Clusternet spreads the feeds of a Subscription."""

    REPLICATION = "Replication"
    DIVIDING = "Dividing"


class PreemptionPolicy(StrEnum):
    """Whether a Subscription may push out those of lower priority."""

    PREEMPT_LOWER_PRIORITY = "PreemptLowerPriority"
    PREEMPT_NEVER = "PreemptNever"


class SelectorRequirement(Model):
    """One expression of a label selector."""

    key: str
    """Label key."""
    operator: str
    """`In`, `NotIn`, `Exists` or `DoesNotExist`."""
    values: list[str] = Field(default_factory=list)
    """Values for `In` and `NotIn`."""


class LabelSelector(Model):
    """A label selector; all of its parts must match, an empty one matches everything."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    """Labels that must have exactly these values."""
    match_expressions: list[SelectorRequirement] = Field(default_factory=list)
    """Expressions that must hold."""


class Feed(PassedThrough):
    """An object of the parent cluster that is distributed or overridden."""

    api_version: str
    """API version of the object."""
    kind: str
    """Kind of the object."""
    namespace: str | None = None
    """Namespace of the object; absent for a cluster-scoped one."""
    name: str
    """Name of the object."""


class Override(PassedThrough):
    """One override of a Localization or Globalization."""

    name: str | None = None
    """Name of the override, for people."""
    type: OverrideType
    """How `value` is written."""
    value: str
    """The override itself."""
    override_chart: Switch | None = None
    """Whether a Helm override is for the chart itself, not for its values."""
    field_path: str | None = None
    """JSON pointer to the text field whose content is patched (`FieldJSONPatch`, `FieldMergePatch`)."""
    field_format: FieldFormat | None = None
    """What the text in that field is."""


class GlobalizationSpec(PassedThrough):
    """Spec of a Clusternet Globalization."""

    override_policy: OverridePolicy = OverridePolicy.APPLY_LATER
    """When the overrides are applied; Clusternet's default is `ApplyLater`."""
    cluster_affinity: LabelSelector | None = None
    """Clusters that the overrides are for; absent means all."""
    overrides: list[Override] = Field(default_factory=list)
    """The overrides, applied in this order."""
    priority: Int32 = Field(default=500, ge=0, le=1000)
    """Among several, the higher priority is applied later and so wins: 0 to 1000, Clusternet's default is 500."""
    feed: Feed | None = None
    """The object that is overridden. Required unless the operation is Patch or Delete."""


class LocalizationSpec(PassedThrough):
    """Spec of a Clusternet Localization."""

    override_policy: OverridePolicy = OverridePolicy.APPLY_LATER
    """When the overrides are applied; Clusternet's default is `ApplyLater`."""
    overrides: list[Override] = Field(default_factory=list)
    """The overrides, applied in this order."""
    priority: Int32 = Field(default=500, ge=0, le=1000)
    """Among several, the higher priority is applied later and so wins: 0 to 1000, Clusternet's default is 500."""
    feed: Feed | None = None
    """The object that is overridden. Required unless the operation is Patch or Delete."""


class ChartPullSecret(PassedThrough):
    """The Secret that holds the credentials for a chart repository."""

    name: str | None = None
    """Name of the Secret."""
    namespace: str | None = None
    """Namespace of the Secret."""


class HelmChartSpec(PassedThrough):
    """Spec of a Clusternet HelmChart.

    `repo`, `chart` and `targetNamespace` are required unless the operation is Patch or Delete.
    """

    repo: str | None = Field(default=None, pattern=r"^((http|https|oci)?://|\$\(|\{\{)")
    """Address of the chart repository: `http://…`, `https://…` or `oci://…`, or a placeholder for one."""
    chart: str | None = None
    """Name of the chart in the repository."""
    version: str | None = None
    """Version of the chart; absent means the latest one."""
    target_namespace: str | None = None
    """Namespace in the child clusters that the chart is installed in."""
    chart_pull_secret: ChartPullSecret | None = None
    """Credentials for the repository."""
    create_namespace: Switch = True
    """Whether the target namespace is created when it is missing; Clusternet's default is true."""
    timeout_seconds: Int32 = 300
    """Seconds that a single Kubernetes operation of Helm may take; Clusternet's default is 300."""
    wait: Switch | None = None
    """Whether Helm waits until all resources are ready."""
    wait_for_job: Switch | None = None
    """Whether Helm also waits for Jobs; with `wait` only."""
    atomic: Switch | None = None
    """Whether a failed installation is removed again."""
    upgrade_atomic: Switch | None = None
    """Whether a failed upgrade is rolled back."""
    disable_hooks: Switch | None = None
    """Whether the hooks of the chart are left out."""
    force: Switch | None = None
    """Whether resources are replaced where they cannot be updated."""
    plain_http: Switch | None = Field(default=None, alias="plainHTTP")
    """Whether an OCI registry is called without TLS."""
    replace: Switch | None = None
    """Whether the name of a deleted release may be used again."""
    replace_crds: Switch | None = Field(default=None, alias="replaceCRDs")
    """Whether existing CRDs are replaced by those of the chart."""
    skip_crds: Switch | None = Field(default=None, alias="skipCRDs")
    """Whether the CRDs of the chart are left out."""


class SubGroupStrategy(PassedThrough):
    """How many clusters of a subscriber are used."""

    min_clusters: Int32 | None = Field(default=None, ge=0)
    """Least number of clusters."""


class Subscriber(PassedThrough):
    """A group of clusters that gets the feeds."""

    cluster_affinity: LabelSelector
    """Clusters of the group, by the labels of their ManagedClusters."""
    weight: Int32 | None = Field(default=None, ge=0)
    """Share of the replicas, with `Dividing` and static weights."""
    sub_group_strategy: SubGroupStrategy | None = None
    """How many clusters of the group are used."""


class DynamicDividing(PassedThrough):
    """How replicas are divided by what the clusters have free."""

    strategy: str = "Spread"
    """`Spread` or `Binpack`; Clusternet's default is `Spread`."""


class DividingScheduling(PassedThrough):
    """How replicas are divided among clusters."""

    type: str = "Static"
    """`Static` (by weight) or `Dynamic` (by what is free); Clusternet's default is `Static`."""
    dynamic_dividing: DynamicDividing | None = None
    """Options of `Dynamic`."""


class SubscriptionSpec(PassedThrough):
    """Spec of a Clusternet Subscription."""

    feeds: list[Feed] = Field(default_factory=list)
    """The objects that are distributed. At least one unless the operation is Patch or Delete."""
    subscribers: list[Subscriber] = Field(default_factory=list)
    """The clusters that get them. At least one unless the operation is Patch or Delete."""
    scheduling_strategy: SchedulingStrategy = SchedulingStrategy.REPLICATION
    """Whether every cluster gets all replicas or a share of them; Clusternet's default is `Replication`."""
    scheduler_name: str = "default"
    """Scheduler that picks the clusters; Clusternet's default is `default`."""
    scheduling_by_sub_group: Switch | None = None
    """Whether subscribers are scheduled one after the other as groups."""
    dividing_scheduling: DividingScheduling | None = None
    """Options of `Dividing`."""
    priority: Int32 | None = None
    """Priority among Subscriptions."""
    preemption_policy: PreemptionPolicy = PreemptionPolicy.PREEMPT_LOWER_PRIORITY
    """Whether it may push out Subscriptions of lower priority; Clusternet's default is `PreemptLowerPriority`."""
    cluster_tolerations: list[OpenObject] = Field(default_factory=list)
    """Tolerations for taints of clusters."""
