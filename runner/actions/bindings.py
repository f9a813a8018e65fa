"""Waiting until it is clear to which clusters a Subscription is bound."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from runner.actions import clusters as of_clusters
from runner.actions.clusters import CLUSTERS, KIND_CLUSTER, ManagedCluster
from runner.actions.feeds import DELETED
from runner.actions.waiting import Denied, Verdict
from runner.kube.answers import KubeError, NotAllowed
from runner.kube.cluster import Cluster
from runner.kube.objects import Object, Ref
from runner.kube.readiness import Failed, Ready, Waiting
from runner.kube.selecting import SelectorError

SETTLED = 10.0
"""Seconds after which bindings that are not all that could be are taken for all there will be: a cluster may be
tainted or gone, and Clusternet may choose some of many."""


class Bound:
    """A Subscription, ready when its bindings are worth a look.

    Attributes:
        subscription: the Subscription as it was when it was found to be bound.
        clusters: the clusters that it was bound to.

    Args:
        hub: the objects of the hub.
        ref: the Subscription that was made.
    """

    def __init__(self, hub: Cluster, ref: Ref) -> None:
        self.subscription: Object = {}
        self.clusters: list[ManagedCluster] = []
        self._hub = hub
        self._ref = ref
        self._bound: Sequence[str] = ()
        self._bound_since = 0.0

    def look(self) -> Verdict:
        """Look once."""
        try:
            subscription = self._hub.get(self._ref)
            if subscription is None or subscription["metadata"]["uid"] != self._ref.uid:
                return Failed(DELETED)
            known = {each.binding: each for each in map(of_clusters.read, self._hub.list(CLUSTERS, KIND_CLUSTER))}
            bound = sorted((subscription.get("status") or {}).get("bindingClusters") or ())
            lacking = self._lacking(subscription["spec"], bound, known)
        except NotAllowed as error:
            return Denied(str(error))
        except (KubeError, SelectorError) as error:
            return Waiting(str(error))
        if lacking:
            return Waiting(lacking)
        self.subscription, self.clusters = subscription, [known[binding] for binding in bound]
        return Ready()

    def _lacking(self, spec: Mapping[str, Any], bound: Sequence[str], known: Mapping[str, ManagedCluster]) -> str:
        """What is to be waited for before the bindings are worth a look; empty when they are."""
        at = time.monotonic()
        if bound != self._bound:
            self._bound, self._bound_since = bound, at
        if not bound:
            return "status.bindingClusters is empty"
        clusters = list(known.values())
        if of_clusters.whole(spec, bound, clusters):
            return ""
        if gone := [binding for binding in bound if binding not in known]:
            return f"bound to {gone[0]}, which has no {KIND_CLUSTER}"
        if lacking := of_clusters.enough(spec, bound, clusters):
            return lacking
        return "" if at - self._bound_since >= SETTLED else f"bound to {', '.join(bound)}, which may not be all yet"


class Scheduled:
    """A Subscription that distributes nothing: it is ready in a cluster as soon as it is bound to it.

    Args:
        hub: the objects of the hub.
        ref: the Subscription.
        cluster: the cluster, as `namespace/name`.
    """

    def __init__(self, hub: Cluster, ref: Ref, cluster: str) -> None:
        self._hub = hub
        self._ref = ref
        self._cluster = cluster

    def look(self) -> Verdict:
        """Look once."""
        try:
            subscription = self._hub.get(self._ref) or {}
        except NotAllowed as error:
            return Denied(str(error))
        except KubeError as error:
            return Waiting(str(error))
        bound = (subscription.get("status") or {}).get("bindingClusters") or ()
        return Ready() if self._cluster in bound else Waiting("the Subscription is not bound to the cluster yet")
