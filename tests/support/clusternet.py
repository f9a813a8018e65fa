"""Clusternet's kinds, and objects as its own controllers would write them: a test writes these as data.

The schemas come from the models by which the manifests of actions are read, with the defaults that Clusternet's own
definitions write.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import PydanticUndefined

from compiler.crds.structural import Schema, structural_schema
from compiler.model.base import PRESERVE_UNKNOWN, Model
from compiler.model.clusternet import GlobalizationSpec, HelmChartSpec, LocalizationSpec, SubscriptionSpec

Object = dict[str, Any]

APPS = "apps.clusternet.io/v1alpha1"
CLUSTERS = "clusters.clusternet.io/v1beta1"
UID_LABEL = "apps.clusternet.io/subs.uid"
ID_LABEL = "clusters.clusternet.io/cluster-id"
DEPLOYER = "child-cluster-deployer"

_OPEN: Schema = {"type": "object", PRESERVE_UNKNOWN: True}


class Kind(NamedTuple):
    """A kind of Clusternet.

    Attributes:
        api_version: its group and version.
        name: its name.
        plural: its plural.
        spec: model of its spec; None for one that is open.
        required: fields that Clusternet requires in the spec.
        namespaced: whether its objects lie in namespaces.
        status: whether its status is written apart from the rest.
    """

    api_version: str
    name: str
    plural: str
    spec: type[Model] | None = None
    required: Sequence[str] = ()
    namespaced: bool = True
    status: bool = False


KINDS = (
    Kind(APPS, "Subscription", "subscriptions", SubscriptionSpec, ("feeds", "subscribers"), status=True),
    Kind(APPS, "Localization", "localizations", LocalizationSpec),
    Kind(APPS, "Globalization", "globalizations", GlobalizationSpec, namespaced=False),
    Kind(APPS, "HelmChart", "helmcharts", HelmChartSpec, ("repo", "chart", "targetNamespace"), status=True),
    Kind(APPS, "Description", "descriptions", status=True),
    Kind(APPS, "Manifest", "manifests"),
    Kind(CLUSTERS, "ManagedCluster", "managedclusters", status=True),
)


def definition(kind: Kind) -> Object:
    """The CustomResourceDefinition of a kind."""
    group, version = kind.api_version.split("/")
    # A Manifest has its content at the top, in `template`.
    schema = {**_OPEN, "properties": {"spec": _spec(kind), "status": _OPEN}}
    served: Object = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if kind.status:
        served["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {"kind": kind.name, "listKind": f"{kind.name}List", "plural": kind.plural},
            "versions": [served],
        },
    }


def _spec(kind: Kind) -> Schema:
    if kind.spec is None:
        return _OPEN
    schema = structural_schema(kind.spec)
    for field in kind.spec.model_fields.values():
        if field.default is not PydanticUndefined and field.default is not None and field.alias:
            schema["properties"][field.alias]["default"] = field.default
    return {**schema, "required": list(kind.required)} if kind.required else schema


def subscription(name: str, *feeds: Object, clusters: Mapping[str, str], **spec: Any) -> Object:
    """A Subscription of feeds for the clusters that have these labels."""
    subscribers = [{"clusterAffinity": {"matchLabels": dict(clusters)}}]
    return {
        "apiVersion": APPS,
        "kind": "Subscription",
        "metadata": {"name": name},
        "spec": {"feeds": list(feeds), "subscribers": subscribers, **spec},
    }


def feed(kind: str, namespace: str, name: str, *, api_version: str = "v1") -> Object:
    """A feed of a Subscription."""
    return {"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name}


def managed_cluster(
    name: str, cluster_id: str, labels: Mapping[str, str], *, taints: Sequence[Mapping[str, str]] = ()
) -> Object:
    """A ManagedCluster as the registration of a child cluster makes it."""
    return {
        "apiVersion": CLUSTERS,
        "kind": "ManagedCluster",
        "metadata": {"name": name, "labels": {ID_LABEL: cluster_id, **labels}},
        "spec": {"clusterId": cluster_id, "syncMode": "Dual", **({"taints": list(taints)} if taints else {})},
    }


def deployer(token: str, *, key: str = "token") -> Object:
    """The Secret with the credentials for a child cluster, in the namespace of its ManagedCluster."""
    data = {key: base64.b64encode(token.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": DEPLOYER}, "data": data}


def description(name: str, subscription_uid: str, *, charts: Sequence[tuple[str, str]] = ()) -> Object:
    """What Clusternet makes of a Subscription for one cluster, in the namespace of its ManagedCluster."""
    spec: Object = {"deployer": "Generic"}
    if charts:
        spec = {"deployer": "Helm", "charts": [{"namespace": namespace, "name": name} for namespace, name in charts]}
    return {
        "apiVersion": APPS,
        "kind": "Description",
        "metadata": {"name": name, "labels": {UID_LABEL: subscription_uid}},
        "spec": spec,
    }


def manifest(name: str, template: Object) -> Object:
    """A Manifest, in which Clusternet's hub keeps an object that is to be distributed."""
    return {"apiVersion": APPS, "kind": "Manifest", "metadata": {"name": name}, "template": template}
