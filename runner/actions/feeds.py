"""Whether what a Subscription distributes has arrived in a child cluster and is ready there.

A failure that Clusternet reports may be one of before our change, or one that it is about to mend: who waits decides
how long it has to last (`runner.actions.waiting`). Whatever cannot be read now is waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.actions import helm_chart
from runner.actions.clusters import SUBSCRIPTIONS, ManagedCluster
from runner.actions.sockets import Child, NoWay
from runner.actions.waiting import Denied, Verdict
from runner.kube.answers import KubeError, NotAllowed
from runner.kube.cluster import Cluster
from runner.kube.objects import Ref
from runner.kube.readiness import Failed, Readiness, Ready, Waiting, readiness

KIND_DESCRIPTION = "Description"
KIND_CHART = "HelmChart"
KIND_MANIFEST = "Manifest"
LABEL_SUBSCRIPTION_UID = "apps.clusternet.io/subs.uid"
ANNOTATION_OWNER = "apps.clusternet.io/owned-by-description"
"""On what Clusternet makes in a child cluster: `namespace.name` of its Description."""

DELETED = "it was deleted by somebody else while it was waited for"

_GROUP = SUBSCRIPTIONS.partition("/")[0]
_SUCCESS, _FAILURE = "Success", "Failure"
_NO_REASON = "description deployment failed"


class Watch:
    """What one Subscription distributes to one child cluster.

    Args:
        hub: the objects of the hub.
        child: the child cluster.
        cluster: the same, as the hub knows it.
        ref: the Subscription.
        feeds: what it distributes.
    """

    def __init__(self, hub: Cluster, child: Child, *, cluster: ManagedCluster, ref: Ref, feeds: Sequence[Ref]) -> None:
        self._hub = hub
        self._child = child
        self._cluster = cluster
        self._ref = ref
        self._feeds = feeds

    def look(self) -> Verdict:
        """Look once."""
        try:
            subscription = self._hub.get(self._ref)
            if subscription is None or subscription["metadata"]["uid"] != self._ref.uid:
                return Failed(DELETED)
            descriptions = self._hub.list(
                SUBSCRIPTIONS,
                KIND_DESCRIPTION,
                self._cluster.namespace,
                selector=f"{LABEL_SUBSCRIPTION_UID}={self._ref.uid}",
            )
            failed = failure(descriptions)
            return failed or next(filter(_not_ready, (self._feed(each, descriptions) for each in self._feeds)), Ready())
        except NotAllowed as error:
            return Denied(str(error))
        except (KubeError, NoWay) as error:
            return Waiting(str(error))

    def _feed(self, feed: Ref, descriptions: Sequence[Mapping[str, Any]]) -> Readiness:
        if feed.group_kind == (_GROUP, KIND_CHART):
            return chart(feed, descriptions) or self._undescribed(feed)
        if feed.group_kind == (_GROUP, KIND_MANIFEST):
            found = self._hub.get(feed)
            if found is None:
                return Waiting(f"{feed.shown} is not in the hub")
            feed = template(found)
        obj = self._child.get(feed)
        if obj is None:
            return Waiting(f"{feed.shown} is not there yet")
        if not _ours(obj, descriptions):
            return Waiting(f"{feed.shown} is still that of another Subscription")
        return _about(feed, readiness(obj))

    def _undescribed(self, feed: Ref) -> Waiting:
        """Say why there is nothing yet to tell of a chart: mostly because it was not found."""
        try:
            live = self._hub.get(feed)
        except KubeError:
            live = {}
        if live is None:
            return Waiting(f"{feed.shown} is not in the hub")
        verdict = helm_chart.found(live)
        why = f": {verdict.reason}" if live and isinstance(verdict, Waiting) else ""
        return Waiting(f"{feed.shown} has no {KIND_DESCRIPTION} yet{why}")


def read(spec: Mapping[str, Any]) -> list[Ref]:
    """The feeds in the spec of a Subscription."""
    return [_feed(each) for each in spec.get("feeds") or ()]


def _feed(value: Mapping[str, Any]) -> Ref:
    return Ref(value["apiVersion"], value["kind"], value.get("namespace") or "", value["name"])


def template(manifest: Mapping[str, Any]) -> Ref:
    """Which object a Manifest distributes.

    Raises:
        NoWay: it does not say.
    """
    value = manifest.get("template") or {}
    metadata = value.get("metadata") or {}
    if not (value.get("apiVersion") and value.get("kind") and metadata.get("name")):
        raise NoWay(f"{KIND_MANIFEST} {manifest['metadata']['name']} has no template with apiVersion, kind and name")
    return _feed({**value, "namespace": metadata.get("namespace"), "name": metadata["name"]})


def failure(descriptions: Iterable[Mapping[str, Any]]) -> Failed | None:
    """What Clusternet could not do, as its Descriptions tell; None when it could all."""
    for each in descriptions:
        status = each.get("status") or {}
        if status.get("phase") == _FAILURE:
            return Failed(f"description {_place(each)} failed: {status.get('reason') or _NO_REASON}")
    return None


def chart(feed: Ref, descriptions: Iterable[Mapping[str, Any]]) -> Readiness | None:
    """Whether a chart is installed: a child cluster does not know its kind, its Description tells; None without one."""
    for each in descriptions:
        charts = (each.get("spec") or {}).get("charts") or ()
        if any((one.get("namespace"), one.get("name")) == (feed.namespace, feed.name) for one in charts):
            phase = (each.get("status") or {}).get("phase") or "Pending"
            return Ready() if phase == _SUCCESS else Waiting(f"{feed.shown} is {phase}")
    return None


def _ours(obj: Mapping[str, Any], descriptions: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an object is not known to be that of another Subscription, perhaps of an earlier run."""
    owner = (obj["metadata"].get("annotations") or {}).get(ANNOTATION_OWNER)
    return owner is None or owner in {_place(each, ".") for each in descriptions}


def _place(obj: Mapping[str, Any], separator: str = "/") -> str:
    return f"{obj['metadata']['namespace']}{separator}{obj['metadata']['name']}"


def _about(feed: Ref, verdict: Readiness) -> Readiness:
    return verdict if isinstance(verdict, Ready) else verdict._replace(reason=f"{feed.shown}: {verdict.reason}")


def _not_ready(verdict: Readiness) -> bool:
    return not isinstance(verdict, Ready)
