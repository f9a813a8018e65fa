"""The manifest of a KubernetesResource action: YAML text → objects, in the order in which they are written. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runner.spec import SpecError

Object = dict[str, Any]

_BEFORE_OTHERS = (
    "Namespace",
    "PriorityClass",
    "StorageClass",
    "IngressClass",
    "CustomResourceDefinition",
    "ResourceQuota",
    "LimitRange",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "ClusterRole",
    "Role",
    "ClusterRoleBinding",
    "RoleBinding",
    "Secret",
    "ConfigMap",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Service",
    "Endpoints",
    "EndpointSlice",
)
_WORKLOADS = ("DaemonSet", "Pod", "ReplicationController", "ReplicaSet", "Deployment", "StatefulSet", "Job", "CronJob")
_AFTER_OTHERS = (
    "HorizontalPodAutoscaler",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
)
_OTHERS = len(_BEFORE_OTHERS) + len(_WORKLOADS)
_PLACES = {
    **{kind: place for place, kind in enumerate((*_BEFORE_OTHERS, *_WORKLOADS))},
    **{kind: _OTHERS + 1 + place for place, kind in enumerate(_AFTER_OTHERS)},
}
_LIST = "List"


class ManifestError(SpecError):
    """A manifest holds something that cannot be sent to an API server; the message says in which document and line."""


def documents(text: str) -> list[Object]:
    """Read the objects of a manifest, in listed order; the items of a `List` stand in its place.

    Raises:
        ManifestError: the text is no YAML, or one of its documents is no object with a name, or one object stands in
            it twice, or there is none.
    """
    from runner.yamltext import YamlError, trees

    found: list[Object] = []
    places: dict[tuple[str, str, str, str], str] = {}
    try:
        read = trees(text)
    except YamlError as error:
        raise ManifestError(f"the manifest, {_place(error.number + 1, error.line)}: {error}") from error
    for number, tree in enumerate(read, 1):
        place = _place(number, tree.line)
        for value, item in _expanded(tree.value):
            _check(value, f"{place}{item}")
            identity = _identity(value)
            if identity in places:
                name = f"{value['kind']} {value['metadata']['name']}"
                raise ManifestError(f"the manifest, {place}{item}: {name} stands already in {places[identity]}")
            places[identity] = f"{place}{item}"
            found.append(value)
    if not found:
        raise ManifestError("the manifest holds no object")
    return found


def in_kind_order(objects: Sequence[Object], *, deleting: bool = False) -> list[Object]:
    """Sort objects so that what others need comes first, or when deleting last; equal kinds keep the listed order.

    Custom resources come behind the workloads, which their controllers often are.
    """
    in_order = sorted(objects, key=lambda value: _PLACES.get(value["kind"], _OTHERS))
    return in_order[::-1] if deleting else in_order


def _place(number: int, line: int) -> str:
    return f"document {number}, line {line}"


def _expanded(value: Any) -> Iterator[tuple[Any, str]]:
    """The objects of a document, each with what has to be added to its place."""
    items = value.get("items") if isinstance(value, dict) else None
    if not isinstance(items, list) or not str(value.get("kind")).endswith(_LIST):
        yield value, ""
        return
    for index, item in enumerate(items):
        for inner, deeper in _expanded(item):
            yield inner, f", items[{index}]{deeper}"


def _check(value: Any, place: str) -> None:
    if not isinstance(value, dict):
        raise ManifestError(f"the manifest, {place}: not an object with apiVersion, kind and metadata.name")
    metadata = value.get("metadata")
    members = metadata if isinstance(metadata, dict) else {}
    name = members.get("name")
    required = (("apiVersion", value.get("apiVersion")), ("kind", value.get("kind")), ("metadata.name", name))
    missing = [field for field, member in required if not isinstance(member, str) or not member]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ManifestError(f"the manifest, {place}: {' and '.join(missing)} {verb} required, as text")
    if not isinstance(members.get("namespace"), str | None):
        raise ManifestError(f"the manifest, {place}: metadata.namespace should be text; quote it")


def _identity(value: Object) -> tuple[str, str, str, str]:
    """What an object is, whichever version of its kind it is written in."""
    group = value["apiVersion"].rpartition("/")[0]
    return group, value["kind"], value["metadata"].get("namespace") or "", value["metadata"]["name"]
