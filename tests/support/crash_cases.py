"""The table of actions whose runners are killed at every write: one row a type and operation, and what is there before.

Every action lies in a namespace of its own, which a row is told; nothing of it can be in the way of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from runner.actions.children import child_name
from support import clusternet, jobs
from support.api_actions import action, config, deployment, resource, secret
from support.api_admin import Object
from support.clusternet_actions import subscription

APPS = "apps.clusternet.io"
CLUSTERS = ("near", "far")
FEED = {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"}
_OVERRIDE = {"name": "two", "type": "MergePatch", "value": '{"spec":{"replicas":2}}'}
_CHART = {"repo": "https://charts.example.com/stable", "chart": "web", "version": "1.0.0", "targetNamespace": "shop"}
_SPECS: Mapping[str, tuple[Object, Object]] = {
    "Localization": ({"feed": FEED, "priority": 600}, {"feed": FEED, "overrides": [_OVERRIDE], "priority": 700}),
    "Globalization": ({"feed": FEED, "priority": 600}, {"feed": FEED, "overrides": [_OVERRIDE], "priority": 700}),
    "HelmChart": (_CHART, {**_CHART, "version": "2.0.0"}),
}
_BLOCKS = {"Localization": "localization", "Globalization": "globalization", "HelmChart": "helmChart"}
_PLURALS = {"Localization": "localizations", "Globalization": "globalizations", "HelmChart": "helmcharts"}


class Case(NamedTuple):
    """An action that runners are killed at.

    Attributes:
        name: what it is called.
        make: its spec, in a namespace.
        before: what is in that namespace before it acts.
        rights: resources that it takes rights on.
        wide: the same for resources that lie in no namespace.
        lists: resources that it lists in all namespaces.
        secrets: whether it takes the Role for Secrets.
        at_once: whether it writes several objects at the same time, so that the order of its writes is not given.
    """

    name: str
    make: Callable[[str], Object]
    before: Callable[[str], Sequence[Object]] = lambda _: ()
    rights: Sequence[str] = ()
    wide: Sequence[str] = ()
    lists: Sequence[str] = ()
    secrets: bool = False
    at_once: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def type(self) -> str:
        """What is changed, whatever the operation."""
        return self.name.partition("-")[0]


def _existing(operation: str, objects: Sequence[Object], _namespace: str) -> Sequence[Object]:
    """What is there before an operation that is about objects that exist, or may."""
    return () if operation == "Create" else objects


def _resources() -> Iterator[Case]:
    """Manifests of one object, of several, and with a Secret among them."""
    old = [config("a", x="1", y="1"), deployment(2)]
    new = {
        "Create": [config("a", x="2"), deployment(3), config("b", x="2")],
        "Apply": [config("a", x="2"), deployment(3), config("b", x="2")],
        "Patch": [config("a", x="2", z="2"), deployment(3)],
        "Delete": [config("a"), deployment()],
    }
    for operation, objects in new.items():
        yield Case(
            f"resource-{operation}",
            partial(_manifest, operation, [config("a", x="2")]),
            partial(_existing, operation, [config("a", x="1", y="1")]),
            rights=["configmaps"],
        )
        yield Case(
            f"resources-{operation}",
            partial(_manifest, operation, objects),
            partial(_existing, operation, old),
            rights=["configmaps", "deployments.apps"],
        )
        yield Case(
            f"secret-{operation}",
            partial(_manifest, operation, [secret(token="new")]),
            partial(_existing, operation, [secret(token="old", user="old")]),
            rights=["secrets"],
            secrets=True,
        )


def _manifest(operation: str, objects: Sequence[Object], _namespace: str) -> Object:
    return resource(operation, *objects)


def _jobs() -> Iterator[Case]:
    yield Case("job-Create", partial(jobs.spec, wait=False), rights=["jobs.batch"])
    yield Case("job-Create-waits", partial(jobs.spec, wait=True), rights=["jobs.batch"])


def _clusternet() -> Iterator[Case]:
    for kind, (old, new) in _SPECS.items():
        everywhere = kind == "Globalization"
        rights = [f"{_PLURALS[kind]}.{APPS}"]
        for operation in ("Create", "Apply", "Patch", "Delete"):
            yield Case(
                f"{kind}-{operation}",
                partial(_action, kind, operation, new),
                partial(_made, kind, operation, old),
                rights=[] if everywhere else rights,
                wide=rights if everywhere else [],
            )


def _action(kind: str, operation: str, spec: Object, namespace: str) -> Object:
    place = {"name": namespace} if kind == "Globalization" else {"name": "web", "namespace": namespace}
    given = {} if operation == "Delete" else {"spec": spec}
    return action(kind, _BLOCKS[kind], operation, {**place, **given})


def _made(kind: str, operation: str, spec: Object, namespace: str) -> Sequence[Object]:
    name = namespace if kind == "Globalization" else "web"
    made = {"apiVersion": clusternet.APPS, "kind": kind, "metadata": {"name": name}, "spec": spec}
    return _existing(operation, [made], namespace)


def _subscriptions() -> Iterator[Case]:
    rights = [f"subscriptions.{APPS}"]
    for operation in ("Create", "Apply", "Patch", "Replace", "Delete"):
        yield Case(
            f"Subscription-{operation}", partial(_global, operation), partial(_parents, operation), rights=rights
        )
    for operation in ("Create", "Apply", "Patch", "Delete"):
        yield Case(
            f"PerCluster-{operation}",
            partial(_per_cluster, operation),
            partial(_children, operation),
            rights=rights,
            lists=["managedclusters.clusters.clusternet.io"],
            at_once=True,
        )


def _global(operation: str, namespace: str) -> Object:
    given: Mapping[str, Any] = {"clusters": {"zone": "b"}, "spec": {"schedulingStrategy": "Replication"}}
    return subscription(operation, namespace, *(() if operation == "Delete" else (FEED,)), **given)


def _parents(operation: str, namespace: str) -> Sequence[Object]:
    return () if operation == "Create" else [clusternet.subscription("web", FEED, clusters={"zone": "a"})]


def _per_cluster(operation: str, namespace: str) -> Object:
    changed = {"schedulerName": "other"}
    return subscription(operation, namespace, FEED, clusters={"test": namespace}, per_cluster=True, spec=changed)


def _children(operation: str, namespace: str) -> Sequence[Object]:
    """The clusters that there are, and what an earlier plan has made for them."""
    known = [clusternet.managed_cluster(name, f"id-{name}", {"test": namespace}) for name in CLUSTERS]
    if operation == "Create":
        return known
    names = [child_name("web", f"{namespace}/{name}") for name in CLUSTERS]
    return [*known, *(clusternet.subscription(name, FEED, clusters={"zone": "a"}) for name in names)]


CASES: Sequence[Case] = (*_resources(), *_jobs(), *_clusternet(), *_subscriptions())
