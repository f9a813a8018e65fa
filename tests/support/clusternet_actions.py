"""Actions of type Subscription in tests, and what is in child clusters when they are ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from support.api_actions import action
from support.api_admin import Object

POD: Object = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "main", "image": "drplan.local/none"}]},
}
ROLLED_OUT = {
    "observedGeneration": 1,
    "replicas": 2,
    "updatedReplicas": 2,
    "readyReplicas": 2,
    "availableReplicas": 2,
}
COMPLETE = {
    "startTime": "2026-01-01T00:00:00Z",
    "completionTime": "2026-01-01T00:00:01Z",
    "succeeded": 1,
    "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:01Z"}
        for kind in ("SuccessCriteriaMet", "Complete")
    ],
}


def subscription(
    operation: str,
    namespace: str,
    *feeds: Mapping[str, str],
    clusters: Mapping[str, str] | None = None,
    name: str = "web",
    per_cluster: bool = False,
    cleanup: Sequence[str] = (),
    wait: bool = False,
    spec: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Object:
    """Make the spec of an action.

    Args:
        operation: its operation.
        namespace: namespace of its Subscription.
        feeds: what it distributes.
        clusters: labels of the clusters that get it; None leaves the subscribers out.
        name: name of its Subscription.
        per_cluster: whether it acts once a cluster.
        cleanup: which of `beforeCreate`, `onSuccess` and `onFailure` are set.
        wait: its `waitReady`.
        spec: more fields of the Subscription's spec.
        changes: top-level fields of the runner's spec.
    """
    given: Object = {**(spec or {})}
    if feeds:
        given["feeds"] = [dict(feed) for feed in feeds]
    if clusters is not None:
        given["subscribers"] = [{"clusterAffinity": {"matchLabels": dict(clusters)}}]
    block: Object = {"name": name, "namespace": namespace, **({"spec": given} if given else {})}
    options: Object = {"clusterExecutionMode": "PerCluster"} if per_cluster else {}
    if cleanup:
        options["hookCleanup"] = dict.fromkeys(cleanup, True)
    return action("Subscription", "subscription", operation, block, **{**options, "waitReady": wait, **changes})


def deployment(name: str = "web", *, replicas: int = 2) -> Object:
    """A Deployment as Clusternet makes it in a child cluster."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": POD}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def job(name: str) -> Object:
    """A Job, likewise."""
    template = {"spec": {**POD["spec"], "restartPolicy": "Never"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}}
