"""Where the API server keeps objects of a kind: resources, their paths, and how an object is named among its like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from compiler.model.names import (
    ARGO_API_VERSION,
    GROUP,
    KIND_ARGO_TEMPLATE,
    KIND_ARGO_WORKFLOW,
    KIND_EXECUTION,
    KIND_PLAN,
    KIND_RECORD,
    KIND_WORKFLOW,
    VERSION,
)


class Key(NamedTuple):
    """An object among those of its kind.

    Attributes:
        namespace: its namespace; empty for a kind without namespaces.
        name: its name.
    """

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Resource:
    """A kind as the API server serves it.

    Attributes:
        group: API group; empty for the core group.
        version: API version.
        plural: its name in paths.
        kind: its name in objects.
        namespaced: whether its objects lie in namespaces.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """Group and version as objects write them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, key: Key, *, subresource: str = "") -> str:
        """Path of an object, or of a part of it such as `status`."""
        return "/".join(filter(None, (self.collection(key.namespace), quote(key.name, safe=""), subresource)))

    def collection(self, namespace: str = "") -> str:
        """Path of all objects, or of those in a namespace."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{root}{within}/{self.plural}"


PLANS = Resource(GROUP, VERSION, "drplans", KIND_PLAN)
WORKFLOWS = Resource(GROUP, VERSION, "drworkflows", KIND_WORKFLOW)
EXECUTIONS = Resource(GROUP, VERSION, "drplanexecutions", KIND_EXECUTION)
RECORDS = Resource(GROUP, VERSION, "dractionrecords", KIND_RECORD)

_ARGO_GROUP, _ARGO_VERSION = ARGO_API_VERSION.split("/")
ARGO_WORKFLOWS = Resource(_ARGO_GROUP, _ARGO_VERSION, "workflows", KIND_ARGO_WORKFLOW)
ARGO_TEMPLATES = Resource(_ARGO_GROUP, _ARGO_VERSION, "workflowtemplates", KIND_ARGO_TEMPLATE)

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")

EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
VALIDATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
MUTATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
