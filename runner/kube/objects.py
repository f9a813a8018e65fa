"""What is true of every Kubernetes object: which one it is, what it is called, what of it is the server's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from runner import vocabulary as words

Object = dict[str, Any]

SECRET = ("", "Secret")
JOB = ("batch", "Job")
DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")

_OF_THE_SERVER = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)
_OF_THE_JOB_CONTROLLER = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
_FIELDS = {
    "apiVersion": "api_version",
    "kind": "kind",
    "namespace": "namespace",
    "name": "name",
    "uid": "uid",
    "resourceVersion": "resource_version",
}


class Ref(NamedTuple):
    """Which object is meant.

    Attributes:
        api_version: `v1`, `apps/v1`.
        kind: its kind.
        namespace: its namespace, empty for a cluster-scoped one.
        name: its name.
        uid: its uid, empty when any object of this name is meant.
        resource_version: its version, likewise.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""

    @property
    def group_kind(self) -> tuple[str, str]:
        """API group and kind: what it is, in whatever version."""
        return self.api_version.rpartition("/")[0], self.kind

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What tells it from all objects that exist at the same time."""
        return (*self.group_kind, self.namespace, self.name)

    @property
    def place(self) -> str:
        """`namespace/name`, or the name alone."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def shown(self) -> str:
        """Say which object it is: `ConfigMap dr/settings`."""
        return f"{self.kind} {self.place}"


def ref_of(obj: Mapping[str, Any]) -> Ref:
    """Which object this is."""
    metadata = obj["metadata"]
    return Ref(
        api_version=obj["apiVersion"],
        kind=obj["kind"],
        namespace=metadata.get("namespace") or "",
        name=metadata["name"],
        uid=metadata.get("uid") or "",
        resource_version=metadata.get("resourceVersion") or "",
    )


def object_reference(ref: Ref, *, version: bool = False) -> dict[str, str]:
    """Write an ObjectReference, for the status; with its version, for an entry of a record."""
    values = {name: str(getattr(ref, field)) for name, field in _FIELDS.items()}
    if not version:
        del values["resourceVersion"]
    return {name: value for name, value in values.items() if value}


def read_reference(reference: Mapping[str, Any]) -> Ref:
    """Read an ObjectReference."""
    return Ref(**{field: str(reference.get(name) or "") for name, field in _FIELDS.items()})


def labelled(obj: Mapping[str, Any], labels: Mapping[str, str]) -> Object:
    """Return an object with labels. Ours replace its own of the same name; of others it keeps its own."""
    metadata = obj["metadata"]
    ours = {name: value for name, value in labels.items() if name.startswith(words.PREFIX)}
    return {**obj, "metadata": {**metadata, "labels": {**labels, **(metadata.get("labels") or {}), **ours}}}


def sendable(obj: Mapping[str, Any]) -> Object:
    """Return an object without what only the server may set, as a manifest that was read from a cluster has it."""
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _OF_THE_SERVER}
    return {**obj, "metadata": metadata}


def bare(obj: Mapping[str, Any]) -> Object:
    """Return an object without what the server and its controllers say about it: what a record keeps of it."""
    return {name: value for name, value in sendable(obj).items() if name != "status"}


def recreatable(obj: Mapping[str, Any], owners: Iterable[str]) -> Object:
    """Return what is sent to create an object again that existed once.

    Args:
        obj: the object as it was.
        owners: uids of those of its owners that still exist: one that does not would have it collected at once.
    """
    made = bare(obj)
    alive = set(owners)
    references = [owner for owner in owner_references(obj) if owner["uid"] in alive]
    made["metadata"].pop("ownerReferences", None)
    if references:
        made["metadata"]["ownerReferences"] = references
    return _fresh_job(made) if ref_of(made).group_kind == JOB else made


def owner_references(obj: Mapping[str, Any]) -> list[Object]:
    """Owners of an object, as they stand in it."""
    return list(obj["metadata"].get("ownerReferences") or ())


def _fresh_job(job: Object) -> Object:
    """Leave out what the server generates for every Job anew, and refuses when it is given."""
    spec = dict(job.get("spec") or {})
    if spec.get("manualSelector"):
        return job
    spec.pop("selector", None)
    template = dict(spec.get("template") or {})
    metadata = dict(template.get("metadata") or {})
    labels = {
        name: value for name, value in (metadata.get("labels") or {}).items() if name not in _OF_THE_JOB_CONTROLLER
    }
    return {**job, "spec": {**spec, "template": {**template, "metadata": {**metadata, "labels": labels}}}}


def secret_values(obj: Mapping[str, Any]) -> list[str]:
    """Everything in a Secret that is confidential, as it is stored and as it is meant."""
    from base64 import b64decode

    stored = [value for value in (obj.get("data") or {}).values() if isinstance(value, str)]
    values = [*stored, *(value for value in (obj.get("stringData") or {}).values() if isinstance(value, str))]
    for value in stored:
        try:
            values.append(b64decode(value, validate=True).decode(errors="replace"))
        except ValueError:
            continue  # then the server will refuse it
    return [value for value in values if value.strip()]


def finalizers(obj: Mapping[str, Any]) -> list[str]:
    """What has to be done before an object that is being deleted is gone."""
    return list(obj["metadata"].get("finalizers") or ())


def being_deleted(obj: Mapping[str, Any]) -> bool:
    """Whether its deletion was accepted."""
    return bool(obj["metadata"].get("deletionTimestamp"))
