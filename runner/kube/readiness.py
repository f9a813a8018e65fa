"""Whether an object is ready: does what it is for, as its status tells and as `kubectl` and GitOps tools judge. Pure.

A status that was written for an earlier generation says nothing about this one. Kinds that are not known here are
judged by their conditions; one without any is ready when it exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

_APPS = "apps"


class Ready(NamedTuple):
    """The object does what it is for."""

    reason: str = ""


class Waiting(NamedTuple):
    """The object is not ready yet, or not any more."""

    reason: str


class Failed(NamedTuple):
    """The object says that it will not become ready by itself."""

    reason: str


Readiness = Ready | Waiting | Failed
"""Use `isinstance`: as tuples the three compare by their reason only."""


def readiness(obj: Mapping[str, Any]) -> Readiness:
    """Judge an object by its status."""
    metadata, status = obj.get("metadata") or {}, obj.get("status") or {}
    if metadata.get("deletionTimestamp"):
        finalizers = metadata.get("finalizers") or ()
        return Waiting("being deleted" + (f", held by finalizers {', '.join(finalizers)}" if finalizers else ""))
    observed, generation = status.get("observedGeneration"), metadata.get("generation")
    if observed is not None and generation is not None and observed < generation:
        return Waiting(f"generation {observed} of {generation} is observed")
    judge = _JUDGES.get((str(obj.get("apiVersion")).rpartition("/")[0], str(obj.get("kind"))), _by_conditions)
    return judge(obj.get("spec") or {}, status, metadata)


def _condition(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for condition in status.get("conditions") or ():
        if condition.get("type") == name:
            found: Mapping[str, Any] = condition
            return found
    return {}


def _is(condition: Mapping[str, Any], value: str = "True") -> bool:
    return condition.get("status") == value


def _said(condition: Mapping[str, Any], otherwise: str) -> str:
    """What a condition says, in the words of whoever set it."""
    return ": ".join(text for text in (condition.get("reason"), condition.get("message")) if text) or otherwise


def _unobserved(status: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Tell whether a controller that says what it has seen has seen nothing yet."""
    return status.get("observedGeneration") is None and metadata.get("generation") is not None


def _counted(number: int, wanted: int, what: str) -> str:
    noun = "replica" if wanted == 1 else "replicas"
    return f"{number} of {wanted} {noun} {'is' if wanted == 1 else 'are'} {what}"


def _short(counts: Iterable[tuple[str, int]], wanted: int) -> Waiting | None:
    """Say which count is short of what is wanted, the first one that is."""
    for what, number in counts:
        if number < wanted:
            return Waiting(_counted(number, wanted, what))
    return None


def _number(holder: Mapping[str, Any], name: str, default: int = 0) -> int:
    value = holder.get(name)
    return default if value is None else int(value)


def _deployment(spec: Mapping[str, Any], status: Mapping[str, Any], metadata: Mapping[str, Any]) -> Readiness:
    if _unobserved(status, metadata):
        return Waiting("not observed yet")
    progressing = _condition(status, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Failed(_said(progressing, "the progress deadline is exceeded"))
    waiting = _rollout(_number(spec, "replicas", 1), status)
    if waiting is None:
        return Ready()
    failure = _condition(status, "ReplicaFailure")
    hints = ("paused" if spec.get("paused") else "", _said(failure, "") if _is(failure) else "")
    return Waiting("; ".join((waiting.reason, *filter(None, hints))))


def _rollout(wanted: int, status: Mapping[str, Any]) -> Waiting | None:
    updated, replicas = _number(status, "updatedReplicas"), _number(status, "replicas")
    short = _short((("updated", updated),), wanted)
    if short:
        return short
    if replicas > updated:
        old = replicas - updated
        return Waiting(f"{old} old {'replica has' if old == 1 else 'replicas have'} to end")
    counts = (("available", _number(status, "availableReplicas")), ("ready", _number(status, "readyReplicas")))
    return _short(counts, wanted)


def _replica_set(spec: Mapping[str, Any], status: Mapping[str, Any], metadata: Mapping[str, Any]) -> Readiness:
    if _unobserved(status, metadata):
        return Waiting("not observed yet")
    failure = _condition(status, "ReplicaFailure")
    if _is(failure):
        return Waiting(_said(failure, "its pods cannot be created"))
    wanted, replicas = _number(spec, "replicas", 1), _number(status, "replicas")
    if replicas > wanted:
        return Waiting(f"{replicas - wanted} of {replicas} replicas have to end")
    return _short((("available", _number(status, "availableReplicas")),), wanted) or Ready()


def _stateful_set(spec: Mapping[str, Any], status: Mapping[str, Any], metadata: Mapping[str, Any]) -> Readiness:
    if _unobserved(status, metadata):
        return Waiting("not observed yet")
    wanted, replicas = _number(spec, "replicas", 1), _number(status, "replicas")
    counts = (("created", replicas), ("ready", _number(status, "readyReplicas")))
    # Servers that do not know the field count no replica as available, forever.
    available = status.get("availableReplicas")
    short = _short((*counts, *((("available", int(available)),) if available is not None else ())), wanted)
    if short:
        return short
    if replicas > wanted:
        return Waiting(f"{replicas - wanted} of {replicas} replicas have to end")
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return Ready("pods of an earlier revision stay until they are deleted")
    partition = _number(strategy.get("rollingUpdate") or {}, "partition")
    updated = _number(status, "updatedReplicas")
    if partition:
        return _short((("updated", updated),), max(0, wanted - partition)) or Ready()
    if status.get("updateRevision") != status.get("currentRevision"):
        return Waiting(_counted(updated, wanted, "updated"))
    return Ready()


def _daemon_set(spec: Mapping[str, Any], status: Mapping[str, Any], metadata: Mapping[str, Any]) -> Readiness:
    if _unobserved(status, metadata):
        return Waiting("not observed yet")
    wanted = _number(status, "desiredNumberScheduled")
    if not wanted:
        return Ready("no node has to run it")
    updated = ("updated", _number(status, "updatedNumberScheduled"))
    on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
    counts = (("available", _number(status, "numberAvailable")), ("ready", _number(status, "numberReady")))
    scheduled = ("scheduled", _number(status, "currentNumberScheduled"))
    return _short((scheduled, *(() if on_delete else (updated,)), *counts), wanted) or Ready()


def _job(spec: Mapping[str, Any], status: Mapping[str, Any], _: Mapping[str, Any]) -> Readiness:
    failed = next((c for c in (_condition(status, "Failed"), _condition(status, "FailureTarget")) if _is(c)), None)
    if failed is not None:
        return Failed(_said(failed, "the Job failed"))
    if _is(_condition(status, "Complete")):
        return Ready()
    if _is(_condition(status, "Suspended")) or spec.get("suspend"):
        return Waiting("the Job is suspended")
    wanted = _number(spec, "completions", 1)
    done, active = _number(status, "succeeded"), _number(status, "active")
    text = f"{done} of {wanted} {'pod' if wanted == 1 else 'pods'} succeeded, {active} active"
    bad = _number(status, "failed")
    return Waiting(text + (f", {bad} failed" if bad else ""))


def _pod(_spec: Mapping[str, Any], status: Mapping[str, Any], _: Mapping[str, Any]) -> Readiness:
    phase = status.get("phase") or "Pending"
    if phase == "Succeeded":
        return Ready()
    if phase == "Failed":
        return Failed(_said(status, "the pod failed"))
    if phase == "Running" and _is(_condition(status, "Ready")):
        return Ready()
    stuck = _stuck_container(status)
    if stuck:
        return Waiting(stuck)
    scheduled = _condition(status, "PodScheduled")
    if _is(scheduled, "False"):
        return Waiting(_said(scheduled, "not scheduled to a node yet"))
    containers = status.get("containerStatuses") or ()
    ready = sum(1 for container in containers if container.get("ready"))
    return Waiting(f"the pod is {phase}, {ready} of {len(containers)} containers are ready")


def _stuck_container(status: Mapping[str, Any]) -> str:
    for name in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(name) or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                return f"container {container.get('name')} waits: {_said(waiting, '')}"
    return ""


def _volume_claim(_spec: Mapping[str, Any], status: Mapping[str, Any], _: Mapping[str, Any]) -> Readiness:
    phase = status.get("phase") or "Pending"
    if phase == "Bound":
        return Ready()
    if phase == "Lost":
        return Failed("the volume of the claim is lost")
    # The claim does not tell which of the two it is: that stands in its StorageClass.
    return Waiting(f"the claim is {phase}, not Bound; with volumeBindingMode WaitForFirstConsumer it waits for a pod")


def _service(spec: Mapping[str, Any], status: Mapping[str, Any], _: Mapping[str, Any]) -> Readiness:
    if spec.get("type") != "LoadBalancer" or (status.get("loadBalancer") or {}).get("ingress"):
        return Ready()
    return Waiting("the load balancer has no address yet")


def _definition(_spec: Mapping[str, Any], status: Mapping[str, Any], _: Mapping[str, Any]) -> Readiness:
    names = _condition(status, "NamesAccepted")
    if _is(names, "False"):
        return Failed(_said(names, "its names are not accepted"))
    established = _condition(status, "Established")
    return Ready() if _is(established) else Waiting(_said(established, "not established yet"))


def _disruption_budget(_spec: Mapping[str, Any], status: Mapping[str, Any], metadata: Mapping[str, Any]) -> Readiness:
    if _unobserved(status, metadata):
        return Waiting("not observed yet")
    healthy, wanted = _number(status, "currentHealthy"), _number(status, "desiredHealthy")
    if healthy < wanted:
        return Waiting(f"{healthy} of {wanted} {'pod is' if wanted == 1 else 'pods are'} healthy")
    return Ready()


def _api_service(_spec: Mapping[str, Any], status: Mapping[str, Any], _: Mapping[str, Any]) -> Readiness:
    available = _condition(status, "Available")
    return Ready() if _is(available) else Waiting(_said(available, "not available yet"))


def _namespace(_spec: Mapping[str, Any], status: Mapping[str, Any], _: Mapping[str, Any]) -> Readiness:
    phase = status.get("phase") or "Pending"
    return Ready() if phase == "Active" else Waiting(f"the namespace is {phase}, not Active")


def _by_conditions(_spec: Mapping[str, Any], status: Mapping[str, Any], metadata: Mapping[str, Any]) -> Readiness:
    """Judge a kind that is not known here."""
    stalled = _condition(status, "Stalled")
    if _is(stalled):
        return Failed(_said(stalled, "stalled"))
    reconciling = _condition(status, "Reconciling")
    if _is(reconciling):
        return Waiting(_said(reconciling, "reconciling"))
    for name in ("Ready", "Available"):
        condition = _condition(status, name)
        generation = metadata.get("generation") or 0
        if _number(condition, "observedGeneration", generation) < generation:
            return Waiting(f"condition {name} is of generation {condition['observedGeneration']} of {generation}")
        if condition:
            return Ready() if _is(condition) else Waiting(_said(condition, f"{name} is {condition.get('status')}"))
    return Ready()


_Judge = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], Readiness]
_JUDGES: dict[tuple[str, str], _Judge] = {
    (_APPS, "Deployment"): _deployment,
    (_APPS, "ReplicaSet"): _replica_set,
    ("", "ReplicationController"): _replica_set,
    (_APPS, "StatefulSet"): _stateful_set,
    (_APPS, "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _volume_claim,
    ("", "Service"): _service,
    ("", "Namespace"): _namespace,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("policy", "PodDisruptionBudget"): _disruption_budget,
    ("apiregistration.k8s.io", "APIService"): _api_service,
}
