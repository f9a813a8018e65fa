"""Child clusters as Clusternet's hub knows them: which of them a Subscription is for, and whether it is bound. Pure.

A cluster is called `namespace/name` of its ManagedCluster, everywhere: two in different namespaces may have one name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from runner.kube.selecting import matches

SUBSCRIPTIONS = "apps.clusternet.io/v1alpha1"
CLUSTERS = "clusters.clusternet.io/v1beta1"
KIND_CLUSTER = "ManagedCluster"
LABEL_CLUSTER_ID = "clusters.clusternet.io/cluster-id"

_SHOWN = 5


class ManagedCluster(NamedTuple):
    """A child cluster.

    Attributes:
        namespace: namespace of its ManagedCluster: what Clusternet keeps for it lies there.
        name: name of its ManagedCluster.
        id: its cluster id; empty while it has none.
        labels: labels of its ManagedCluster.
    """

    namespace: str
    name: str
    id: str
    labels: Mapping[str, str]

    @property
    def binding(self) -> str:
        """`namespace/name`: what it is called."""
        return f"{self.namespace}/{self.name}"


def read(obj: Mapping[str, Any]) -> ManagedCluster:
    """Read a ManagedCluster."""
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    known = str((obj.get("spec") or {}).get("clusterId") or labels.get(LABEL_CLUSTER_ID) or "")
    return ManagedCluster(metadata["namespace"], metadata["name"], known, labels)


def matching(spec: Mapping[str, Any], clusters: Iterable[ManagedCluster]) -> list[ManagedCluster]:
    """The clusters that the spec of a Subscription is for, sorted.

    Raises:
        SelectorError: a selector of it is wrong.
    """
    affinities = [subscriber.get("clusterAffinity") for subscriber in spec.get("subscribers") or ()]
    found = [cluster for cluster in clusters if any(matches(each, cluster.labels) for each in affinities)]
    return sorted(found, key=lambda cluster: cluster.binding)


def no_match(spec: Mapping[str, Any], clusters: Sequence[ManagedCluster]) -> str:
    """Say that a Subscription is for no cluster: what it asks for, and what clusters there are."""
    asked = " or ".join(_selector(each.get("clusterAffinity")) for each in spec.get("subscribers") or ()) or "nothing"
    known = [f"{cluster.binding} ({_labels(cluster.labels)})" for cluster in clusters]
    there = "; ".join(known[:_SHOWN]) + ("; …" if len(known) > _SHOWN else "")
    return (
        f"no {KIND_CLUSTER} matches the Subscription's subscribers ({asked}); "
        f"{f'there are {len(known)}: {there}' if known else 'there is none at all'}"
    )


def whole(spec: Mapping[str, Any], bound: Collection[str], clusters: Sequence[ManagedCluster]) -> bool:
    """Whether a Subscription is bound to just the clusters that it is for.

    Clusternet may bind it to less for a while, or for good: a cluster is tainted, or a part of a group is enough.
    """
    return bool(bound) and set(bound) == {cluster.binding for cluster in matching(spec, clusters)}


def enough(spec: Mapping[str, Any], bound: Collection[str], clusters: Sequence[ManagedCluster]) -> str:
    """Say what a Subscription's bindings lack of what Clusternet will give it at least; empty when they do not.

    Every subscriber for which there are clusters gets one, and `minClusters` of them when it says so.
    """
    for subscriber in spec.get("subscribers") or ():
        affinity = subscriber.get("clusterAffinity")
        its = [cluster.binding for cluster in clusters if matches(affinity, cluster.labels)]
        least = (subscriber.get("subGroupStrategy") or {}).get("minClusters") or 0
        wanted = min(len(its), max(int(least), 1))
        have = len(set(its) & set(bound))
        if have < wanted:
            return f"bound to {have} of at least {wanted} clusters that match {_selector(affinity)}"
    return ""


def _selector(selector: Mapping[str, Any] | None) -> str:
    if selector is None:
        return "no selector"
    parts = [f"{name}={value}" for name, value in sorted((selector.get("matchLabels") or {}).items())]
    for each in selector.get("matchExpressions") or ():
        values = each.get("values") or ()
        parts.append(f"{each.get('key')} {each.get('operator')}" + (f" [{', '.join(values)}]" if values else ""))
    return ", ".join(parts) or "every cluster"


def _labels(labels: Mapping[str, str]) -> str:
    shown = [f"{name}={value}" for name, value in sorted(labels.items()) if name != LABEL_CLUSTER_ID]
    return ", ".join(shown) or "no labels"
