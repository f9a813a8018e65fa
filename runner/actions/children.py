"""The Subscriptions that one action makes, a cluster each, of the one that its block describes. Pure.

A child's name tells its parent and its cluster, and ends with a hash of both: names are cut, and two clusters in
different namespaces may have the same name. By that name it is found again, in any later run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from runner.actions.clusters import LABEL_CLUSTER_ID, SUBSCRIPTIONS, ManagedCluster
from runner.kube.objects import Object, Ref, read_reference
from runner.vocabulary import Direction

KIND = "Subscription"
_REPLICATION = "Replication"
_OF_SCHEDULING = ("dividingScheduling", "schedulingBySubGroup")
_NAME_LIMIT = 63
"""Clusternet writes names of Subscriptions into labels."""
_HASH_SHOWN = 10


class Child(NamedTuple):
    """A Subscription for one cluster.

    Attributes:
        ref: which Subscription it is.
        cluster: the cluster, as `namespace/name`.
        cluster_id: its cluster id.
    """

    ref: Ref
    cluster: str
    cluster_id: str


def child_name(parent: str, cluster: str) -> str:
    """Name of the Subscription for a cluster, which is given as `namespace/name`."""
    digest = hashlib.sha256(f"{parent}/{cluster}".encode()).hexdigest()[:_HASH_SHOWN]
    stem = f"{parent}--{cluster.rpartition('/')[2]}"[: _NAME_LIMIT - _HASH_SHOWN - 1].rstrip("-.")
    return f"{stem}-{digest}"


def child_of(parent: Ref, cluster: ManagedCluster) -> Child:
    """The Subscription for a cluster."""
    return Child(_ref(parent, cluster.binding), cluster.binding, cluster.id)


def manifest(child: Child, spec: Mapping[str, Any]) -> Object:
    """The object of a child: the spec of its parent, for the one cluster."""
    only = {"key": LABEL_CLUSTER_ID, "operator": "In", "values": [child.cluster_id]}
    kept = {name: value for name, value in spec.items() if name not in _OF_SCHEDULING}
    return {
        **identity(child.ref),
        "spec": {
            **kept,
            "schedulingStrategy": _REPLICATION,
            "subscribers": [{"clusterAffinity": {"matchExpressions": [only]}}],
        },
    }


def identity(ref: Ref) -> Object:
    """As much of a Subscription as says which one it is."""
    return {
        "apiVersion": SUBSCRIPTIONS,
        "kind": KIND,
        "metadata": {"namespace": ref.namespace, "name": ref.name},
    }


def recorded(parent: Ref, records: Sequence[Mapping[str, Any]]) -> list[Child]:
    """The children of a Subscription that earlier actions recorded and that no revert has undone, sorted."""
    found: dict[str, Child] = {}
    for record in records:
        if record["spec"]["direction"] == Direction.FORWARD and not record["state"].get("undoneBy"):
            found.update({child.ref.name: child for child in made_by(parent, record)})
    return [found[name] for name in sorted(found)]


def made_by(parent: Ref, record: Mapping[str, Any]) -> list[Child]:
    """The children that one action recorded, in the order of its clusters; which objects they were is left open."""
    state = record["state"]
    meant = {ref.identity for ref in _meant(state)}
    named = (
        Child(_ref(parent, entry["cluster"]), entry["cluster"], entry["clusterID"])
        for entry in state.get("clusters") or ()
    )
    return [child for child in named if child.ref.identity in meant]


def uids(records: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The uids of all objects that actions have made, and reverts have made again."""
    return frozenset(ref.uid for record in records for ref in _made(record["state"]))


def _meant(state: Mapping[str, Any]) -> list[Ref]:
    """What an action was to change, whether it came to that or not."""
    return [*(read_reference(entry["ref"]) for entry in state.get("before") or ()), *_made(state)]


def _made(state: Mapping[str, Any]) -> list[Ref]:
    after = [entry["ref"] for entry in state.get("after") or ()]
    return [read_reference(each) for each in (*after, *((state.get("outputs") or {}).get("subscriptionRefs") or ()))]


def _ref(parent: Ref, cluster: str) -> Ref:
    return Ref(SUBSCRIPTIONS, KIND, parent.namespace, child_name(parent.name, cluster))
