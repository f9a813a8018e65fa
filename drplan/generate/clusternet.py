"""How Clusternet is told what to bring where: Manifests in the hub, feeds that name them, Subscriptions over feeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.manifests import to_yaml
from compiler.model.clusternet import SchedulingStrategy
from compiler.model.names import label_value
from compiler.model.phases import Operation
from compiler.rules.metadata import is_object_name
from drplan.generate.chart import Resource
from drplan.generate.literal import literal, literal_value

Object = dict[str, Any]

API_VERSION = "apps.clusternet.io/v1alpha1"
KIND_MANIFEST = "Manifest"
KIND_HELM_CHART = "HelmChart"
RESERVED_NAMESPACE = "clusternet-reserved"
"""Namespace of the hub in which Clusternet keeps what it distributes."""

LABEL_CREATED_BY = "clusternet.io/created-by"
CREATED_BY = "clusternet-hub"
LABEL_GROUP = "apps.clusternet.io/config.group"
LABEL_VERSION = "apps.clusternet.io/config.version"
LABEL_KIND = "apps.clusternet.io/config.kind"
LABEL_NAME = "apps.clusternet.io/config.name"
LABEL_NAMESPACE = "apps.clusternet.io/config.namespace"


def feed(resource: Resource) -> Object:
    """Name an object of the hub that is distributed."""
    where = {"namespace": resource.namespace} if resource.namespace else {}
    return {"apiVersion": resource.api_version, "kind": resource.kind, **where, "name": resource.name}


def manifest(resource: Resource) -> Object:
    """Keep an object of a chart in the hub, as Clusternet would if it were applied there."""
    value = resource.document.value
    metadata = {name: member for name, member in value["metadata"].items() if name != "namespace"}
    if resource.namespace:
        metadata = {"name": resource.name, "namespace": resource.namespace, **metadata}
    return manifest_of(literal_value({**value, "metadata": metadata}), plural=resource.plural)


def has_manifest(resource: Resource) -> bool:
    """Whether a Manifest can be called after an object, and be labelled with its name."""
    full_name = _full_name(resource.plural, resource.namespace, resource.name)
    return is_object_name(full_name) and label_value(resource.name) == resource.name


def manifest_of(template: Object, *, plural: str) -> Object:
    """Keep an object in the hub; its texts are taken as they are, placeholders and all."""
    return {**_identity(template, plural), "template": template}


def _identity(template: Mapping[str, Any], plural: str) -> Object:
    metadata = template["metadata"]
    group, _, version = template["apiVersion"].rpartition("/")
    name, namespace = metadata["name"], metadata.get("namespace", "")
    labels = {
        LABEL_CREATED_BY: CREATED_BY,
        LABEL_GROUP: group,
        LABEL_VERSION: version,
        LABEL_KIND: template["kind"],
        LABEL_NAME: name,
        LABEL_NAMESPACE: namespace,
    }
    place = {"name": _full_name(plural, namespace, name), "namespace": RESERVED_NAMESPACE, "labels": labels}
    return {"apiVersion": API_VERSION, "kind": KIND_MANIFEST, "metadata": place}


def _full_name(plural: str, namespace: str, name: str) -> str:
    return ".".join(part for part in (plural, namespace, name) if part)


def without_content(written: Mapping[str, Any]) -> Object:
    """Name a Manifest that is deleted."""
    metadata = {name: written["metadata"][name] for name in ("name", "namespace")}
    return {"apiVersion": written["apiVersion"], "kind": written["kind"], "metadata": metadata}


def resource_block(operation: Operation, objects: Iterable[Object]) -> Object:
    """Block of a KubernetesResource action."""
    return {"operation": operation, "manifest": to_yaml(objects)}


def subscription_block(
    operation: Operation, name: str, *, namespace: str, feeds: Iterable[Object] = (), clusters: Mapping[str, str]
) -> Object:
    """Block of a Subscription action; clusters are chosen by labels, none means all of them."""
    block = {"operation": operation, "name": name, "namespace": namespace}
    if operation is Operation.DELETE:
        return block
    affinity = {"matchLabels": {literal(key): literal(value) for key, value in clusters.items()}} if clusters else {}
    spec = {
        "schedulingStrategy": SchedulingStrategy.REPLICATION,
        "subscribers": [{"clusterAffinity": affinity}],
        "feeds": list(feeds),
    }
    return {**block, "spec": spec}
