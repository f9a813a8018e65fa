"""A hub and its child clusters, all of them real API servers, and what Clusternet's controllers would write there.

near = world.cluster("near", {"zone": "a"})
far = world.cluster("far", {"zone": "b"}, child=1)
...                                         # a runner creates Subscription web of both
world.bind(room.namespace, "web", near, far)
near.put({"apiVersion": "apps/v1", "kind": "Deployment", …}, status={…})
far.proxy.fault(asks("GET"), answer(503), times=3)
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from runner.vocabulary import RUNNER_SERVICE_ACCOUNT
from support.api_admin import Administrator, Object, path_of, until
from support.api_proxy import Certificate, Proxy, Upstream
from support.clusternet import DEPLOYER, KINDS, definition, deployer, description, managed_cluster
from support.clusternet_sockets import USER, Sockets, holds, put
from support.rbac_audit import REFUSED
from support.rights import GROUP as _RIGHTS_GROUP
from support.rights import Rule, await_rules, rule

_DEFINITION = "CustomResourceDefinition"
_ACCOUNT = "clusternet-app-deployer"
_RIGHTS = "/apis/rbac.authorization.k8s.io/v1"
_WRITING = ("create", "delete", "get", "patch")
_WRITTEN = ("subscriptions", "localizations", "helmcharts", "globalizations")


class Hub:
    """Clusternet's hub with its kinds and its sockets, and the API servers that play the parts of child clusters."""

    def __init__(self, administrator: Administrator, children: Sequence[Administrator], certificate: Certificate):
        self.administrator = administrator
        self.children = children
        self.sockets = Sockets(administrator.bed)
        self._certificate = certificate
        self._tokens: list[str] = []

    def __enter__(self) -> Hub:
        self.sockets.__enter__()
        for kind in KINDS:
            put(self.administrator, path_of(_DEFINITION, ""), definition(kind))
        for kind in KINDS:
            name = definition(kind)["metadata"]["name"]
            until(lambda name=name: self._established(name), name)
        self.sockets.register(self.administrator)
        self._tokens = [_deployer_of(child) for child in self.children]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sockets.__exit__(kind, error, trace)

    def proxy(self, child: int) -> Proxy:
        """A new way to a child cluster, which a test can disturb."""
        bed = self.children[child].bed
        return Proxy(Upstream(bed.state.port, bed.authority.ca), self._certificate)

    def token(self, child: int) -> str:
        """What Clusternet's hub keeps in the deployer's Secret of a child cluster."""
        return self._tokens[child]

    def _established(self, name: str) -> bool:
        return holds(self.administrator.get(_DEFINITION, "", name), "Established")


class Cluster:
    """A child cluster: its ManagedCluster in the hub, and its own API server.

    Attributes:
        namespace: namespace of its ManagedCluster.
        name: name of its ManagedCluster.
        id: its cluster id.
        proxy: in front of its API server.
        administrator: its API server.
    """

    def __init__(self, hub: Hub, namespace: str, name: str, *, child: int, proxy: Proxy) -> None:
        self.hub = hub
        self.namespace = namespace
        self.name = name
        # Who may not look into the clusters of a namespace is refused them by their ids.
        self.id = str(uuid.uuid4()) + (REFUSED if REFUSED in namespace else "")
        self.proxy = proxy
        self.administrator = hub.children[child]

    @property
    def binding(self) -> str:
        """How a Subscription names it."""
        return f"{self.namespace}/{self.name}"

    def put(self, value: Mapping[str, Any], *, namespace: str, status: Mapping[str, Any] | None = None) -> Object:
        """Create an object there, as Clusternet would, with the status that its controller would write."""
        if self.administrator.get("Namespace", "", namespace) is None:
            self.administrator.create(_namespace(namespace))
        made = self.administrator.create(value, namespace=namespace)
        return self.report(value["kind"], namespace, value["metadata"]["name"], status) if status else made

    def take(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object there, as Clusternet does when it is not to be distributed any more."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        self.administrator.ask("DELETE", path_of(kind, namespace, name), options)

    def report(self, kind: str, namespace: str, name: str, status: Mapping[str, Any]) -> Object:
        """Write the status of an object there, as its controller would."""
        return self.administrator.merge(kind, namespace, name, {"status": dict(status)}, part="/status")

    def trust(self, *, token_key: str = "token") -> None:
        """Keep the credentials for it in the hub, as its agent does when it registers."""
        secret = deployer(self.hub.token(self.hub.children.index(self.administrator)), key=token_key)
        self.hub.administrator.create(secret, namespace=self.namespace)

    def describe(self, uid: str, *, phase: str, reason: str = "", charts: Sequence[tuple[str, str]] = ()) -> Object:
        """Make the Description of a Subscription for this cluster, or let the one that there is say something else."""
        name = f"{uid[:8]}-{'helm' if charts else 'generic'}"
        administrator = self.hub.administrator
        if administrator.get("Description", self.namespace, name) is None:
            administrator.create(description(name, uid, charts=charts), namespace=self.namespace)
        status = {"status": {"phase": phase, "reason": reason}}
        return administrator.merge("Description", self.namespace, name, status, part="/status")


class World:
    """What one test has of it: child clusters of its own; they are gone with the test."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub = hub
        self._name = name
        self._stack = ExitStack()
        self._clusters: list[Cluster] = []

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        for cluster in self._clusters:
            del self.hub.sockets.children[cluster.id]
            self.hub.administrator.delete("ManagedCluster", cluster.namespace, cluster.name)

    def cluster(
        self,
        name: str,
        labels: Mapping[str, str],
        *,
        namespace: str = "",
        child: int = 0,
        token_key: str = "token",
        taints: Sequence[Mapping[str, str]] = (),
    ) -> Cluster:
        """Register a child cluster.

        Args:
            name: name of its ManagedCluster.
            labels: its labels, by which Subscriptions choose it.
            namespace: what the name of its namespace ends with; its name when nothing else is said.
            child: which of the API servers it is.
            token_key: key of the token in the deployer's Secret; none means that there is no such Secret.
            taints: its taints.
        """
        proxy = self._stack.enter_context(self.hub.proxy(child))
        cluster = Cluster(self.hub, f"{self._name}-{namespace or name}", name, child=child, proxy=proxy)
        self.hub.sockets.children[cluster.id] = proxy
        administrator = self.hub.administrator
        administrator.create(_namespace(cluster.namespace))
        # Every test's clusters are seen by all: a label of its own keeps them apart.
        own = {**labels, "test": self._name}
        administrator.create(managed_cluster(name, cluster.id, own, taints=taints), namespace=cluster.namespace)
        if token_key:
            cluster.trust(token_key=token_key)
        self._clusters.append(cluster)
        return cluster

    @property
    def labels(self) -> dict[str, str]:
        """What all of its clusters have, and no others."""
        return {"test": self._name}

    def bind(self, namespace: str, name: str, *clusters: Cluster) -> None:
        """Write what Clusternet's scheduler decides for a Subscription, once that is there."""
        administrator = self.hub.administrator
        until(lambda: administrator.get("Subscription", namespace, name), f"Subscription {name}")
        status = {"status": {"bindingClusters": [cluster.binding for cluster in clusters]}}
        administrator.merge("Subscription", namespace, name, status, part="/status")

    def allow(self, namespace: str, *, children: bool = True) -> None:
        """Give a runner the rights that a platform gives where actions are for Clusternet.

        Args:
            namespace: namespace of its service account.
            children: whether it may look into child clusters.
        """
        apps = "apps.clusternet.io"
        rules: list[Rule] = [
            *(rule(f"{kind}.{apps}", *_WRITING) for kind in _WRITTEN),
            rule(f"descriptions.{apps}", "list"),
            rule(f"manifests.{apps}", "get"),
            rule("managedclusters.clusters.clusternet.io", "list"),
            {**rule("secrets", "get"), "resourceNames": [DEPLOYER]},
        ]
        if children:
            rules.append({**rule("users", "impersonate"), "resourceNames": [USER]})
            rules.append(rule("userextras/clusternet-token.authentication.k8s.io", "impersonate"))
        subject = {"kind": "ServiceAccount", "namespace": namespace, "name": RUNNER_SERVICE_ACCOUNT}
        _grant(self.hub.administrator, f"{namespace}-clusternet", rules, subject)
        await_rules(self.hub.administrator, rules, to=namespace, namespace="")


def _deployer_of(child: Administrator) -> str:
    """Make the account that deploys in a child cluster, and return a token of it."""
    namespace = "clusternet-system"
    put(child, path_of("Namespace", ""), _namespace(namespace))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _ACCOUNT}}
    put(child, path_of("ServiceAccount", namespace), account)
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    _grant(child, _ACCOUNT, rules, {"kind": "ServiceAccount", "namespace": namespace, "name": _ACCOUNT})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = path_of("ServiceAccount", namespace, _ACCOUNT) + "/token"
    return str(child.ask("POST", path, request)["status"]["token"])


def _grant(administrator: Administrator, name: str, rules: Sequence[Rule], subject: Object) -> None:
    role = {
        "apiVersion": f"{_RIGHTS_GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": list(rules),
    }
    binding = {
        "apiVersion": f"{_RIGHTS_GROUP}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _RIGHTS_GROUP, "kind": "ClusterRole", "name": name},
        "subjects": [subject],
    }
    put(administrator, f"{_RIGHTS}/clusterroles", role)
    put(administrator, f"{_RIGHTS}/clusterrolebindings", binding)


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
