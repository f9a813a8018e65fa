"""When an object is ready, what it waits for, and when it has given up: statuses as real clusters write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.kube.readiness import Failed, Ready, Waiting, readiness

Object = dict[str, Any]


def deployment(status: Object, *, replicas: int | None = 3, generation: int = 2, **spec: Any) -> Object:
    wanted = {} if replicas is None else {"replicas": replicas}
    metadata = {"name": "web", "generation": generation}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": wanted | spec,
        "status": status,
    }


def rolled_out(**changes: Any) -> Object:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 3)
    return {"observedGeneration": 2, **counts, **changes}


def workload(kind: str, spec: Object, status: Object) -> Object:
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"generation": 1}, "spec": spec, "status": status}


def stateful(spec: Object | None = None, **status: Any) -> Object:
    full = {"observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3, "updatedReplicas": 3}
    revisions = {"currentRevision": "db-1", "updateRevision": "db-1"}
    return workload("StatefulSet", {"replicas": 3, **(spec or {})}, {**full, **revisions, **status})


def daemon(spec: Object | None = None, **status: Any) -> Object:
    names = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberReady")
    counts = dict.fromkeys((*names, "numberAvailable"), 2)
    return workload("DaemonSet", spec or {}, {"observedGeneration": 1, **counts, **status})


def thing(kind: str, status: Object, *, api_version: str = "v1", spec: Object | None = None) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec or {}, "status": status}


def job(status: Object, **spec: Any) -> Object:
    return thing("Job", status, api_version="batch/v1", spec=spec)


def conditions(**states: str) -> Object:
    listed = [{"type": name, "status": state, "reason": "Why", "message": "so"} for name, state in states.items()]
    return {"conditions": listed}


NEVER_STARTED = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}, "name": "web"}
STARTING = {"state": {"waiting": {"reason": "ContainerCreating"}}, "name": "web", "ready": False}
DEADLINE = [
    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "rs has timed out"}
]
QUOTA = [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]


@pytest.mark.parametrize(
    "obj",
    [
        deployment(rolled_out()),
        deployment({"observedGeneration": 2}, replicas=0),
        deployment(rolled_out(replicas=1, updatedReplicas=1, readyReplicas=1, availableReplicas=1), replicas=None),
        workload("ReplicaSet", {"replicas": 2}, {"observedGeneration": 1, "replicas": 2, "availableReplicas": 2}),
        stateful(),
        stateful({"replicas": 0}, replicas=0, readyReplicas=0, availableReplicas=0, updatedReplicas=0),
        stateful({"updateStrategy": {"rollingUpdate": {"partition": 2}}}, updatedReplicas=1, updateRevision="db-2"),
        stateful({"updateStrategy": {"rollingUpdate": {"partition": 9}}}, updatedReplicas=0, updateRevision="db-2"),
        stateful({"updateStrategy": {"type": "OnDelete"}}, updatedReplicas=0, updateRevision="db-2"),
        stateful(availableReplicas=None),
        daemon(),
        daemon(updatedNumberScheduled=0, spec={"updateStrategy": {"type": "OnDelete"}}),
        workload("DaemonSet", {}, {"observedGeneration": 1, "desiredNumberScheduled": 0}),
        job({**conditions(SuccessCriteriaMet="True", Complete="True"), "succeeded": 1}),
        thing("Pod", {"phase": "Succeeded", **conditions(Ready="False")}),
        thing("Pod", {"phase": "Running", **conditions(Ready="True")}),
        thing("PersistentVolumeClaim", {"phase": "Bound"}),
        thing("Service", {"loadBalancer": {}}, spec={"type": "ClusterIP"}),
        thing("Service", {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}, spec={"type": "LoadBalancer"}),
        thing("Namespace", {"phase": "Active"}),
        thing("CustomResourceDefinition", conditions(Established="True"), api_version="apiextensions.k8s.io/v1"),
        thing("PodDisruptionBudget", {"currentHealthy": 2, "desiredHealthy": 1}, api_version="policy/v1"),
        thing("APIService", conditions(Available="True"), api_version="apiregistration.k8s.io/v1"),
        thing("ConfigMap", {}),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {}},
        thing("Widget", {**conditions(Ready="True"), "observedGeneration": 1}, api_version="x.io/v1"),
        thing("Widget", conditions(Available="True", Reconciling="False", Stalled="False"), api_version="x.io/v1"),
        thing("Widget", conditions(Other="False"), api_version="x.io/v1"),
    ],
)
def test_these_are_ready(obj: Object) -> None:
    assert isinstance(readiness(obj), Ready), readiness(obj)


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (deployment({}), "not observed yet"),
        (deployment(rolled_out(observedGeneration=1)), "generation 1 of 2 is observed"),
        (deployment(rolled_out(availableReplicas=2)), "2 of 3 replicas are available"),
        (deployment(rolled_out(updatedReplicas=1)), "1 of 3 replicas are updated"),
        (deployment(rolled_out(replicas=4)), "1 old replica has to end"),
        (deployment(rolled_out(replicas=5)), "2 old replicas have to end"),
        (deployment(rolled_out(readyReplicas=None)), "0 of 3 replicas are ready"),
        (deployment({"observedGeneration": 2}, replicas=None), "0 of 1 replica is updated"),
        (deployment(rolled_out(updatedReplicas=0), paused=True), "0 of 3 replicas are updated; paused"),
        (
            deployment(rolled_out(availableReplicas=0, conditions=QUOTA)),
            "0 of 3 replicas are available; FailedCreate: exceeded quota",
        ),
        (workload("ReplicaSet", {"replicas": 2}, {}), "not observed yet"),
        (
            workload("ReplicaSet", {"replicas": 2}, {"observedGeneration": 1, "conditions": QUOTA}),
            "FailedCreate: exceeded quota",
        ),
        (
            workload("ReplicaSet", {"replicas": 2}, {"observedGeneration": 1, "replicas": 3, "availableReplicas": 3}),
            "1 of 3 replicas have to end",
        ),
        (stateful(replicas=1), "1 of 3 replicas are created"),
        (stateful(readyReplicas=2), "2 of 3 replicas are ready"),
        (stateful(availableReplicas=2), "2 of 3 replicas are available"),
        (stateful({"replicas": 2}), "1 of 3 replicas have to end"),
        (stateful(updatedReplicas=1, updateRevision="db-2"), "1 of 3 replicas are updated"),
        (
            stateful({"updateStrategy": {"rollingUpdate": {"partition": 1}}}, updatedReplicas=1),
            "1 of 2 replicas are updated",
        ),
        (stateful(observedGeneration=None), "not observed yet"),
        (daemon(updatedNumberScheduled=1), "1 of 2 replicas are updated"),
        (daemon(numberAvailable=1), "1 of 2 replicas are available"),
        (daemon(currentNumberScheduled=0), "0 of 2 replicas are scheduled"),
        (workload("DaemonSet", {}, {}), "not observed yet"),
        (job({"active": 1}), "0 of 1 pod succeeded, 1 active"),
        (job({"active": 1, "succeeded": 1, "failed": 2}, completions=3), "1 of 3 pods succeeded, 1 active, 2 failed"),
        (job({}, suspend=True), "the Job is suspended"),
        (thing("Pod", {}), "the pod is Pending, 0 of 0 containers are ready"),
        (thing("Pod", {"phase": "Pending", **conditions(PodScheduled="False")}), "Why: so"),
        (
            thing("Pod", {"phase": "Pending", "containerStatuses": [STARTING]}),
            "the pod is Pending, 0 of 1 containers are ready",
        ),
        (
            thing("Pod", {"phase": "Pending", "containerStatuses": [NEVER_STARTED]}),
            "container web waits: ImagePullBackOff: no such image",
        ),
        (
            thing("PersistentVolumeClaim", {"phase": "Pending"}),
            "the claim is Pending, not Bound; with volumeBindingMode WaitForFirstConsumer it waits for a pod",
        ),
        (thing("Service", {"loadBalancer": {}}, spec={"type": "LoadBalancer"}), "the load balancer has no address yet"),
        (thing("Namespace", {"phase": "Terminating"}), "the namespace is Terminating, not Active"),
        (thing("CustomResourceDefinition", {}, api_version="apiextensions.k8s.io/v1"), "not established yet"),
        (
            thing("PodDisruptionBudget", {"currentHealthy": 0, "desiredHealthy": 1}, api_version="policy/v1"),
            "0 of 1 pod is healthy",
        ),
        (thing("APIService", conditions(Available="False"), api_version="apiregistration.k8s.io/v1"), "Why: so"),
        (thing("Widget", conditions(Ready="Unknown"), api_version="x.io/v1"), "Why: so"),
        (thing("Widget", conditions(Reconciling="True", Ready="True"), api_version="x.io/v1"), "Why: so"),
        (
            thing("Widget", {"conditions": [{"type": "Ready", "status": "False"}]}, api_version="x.io/v1"),
            "Ready is False",
        ),
    ],
)
def test_these_are_waited_for_and_say_what_for(obj: Object, reason: str) -> None:
    judged = readiness(obj)
    assert isinstance(judged, Waiting)
    assert judged.reason == reason


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (deployment(rolled_out(updatedReplicas=1, conditions=DEADLINE)), "ProgressDeadlineExceeded: rs has timed out"),
        (job({**conditions(Failed="True"), "failed": 7}), "Why: so"),
        (job(conditions(FailureTarget="True")), "Why: so"),
        (thing("Pod", {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}), "Evicted: low on memory"),
        (thing("PersistentVolumeClaim", {"phase": "Lost"}), "the volume of the claim is lost"),
        (
            thing("CustomResourceDefinition", conditions(NamesAccepted="False"), api_version="apiextensions.k8s.io/v1"),
            "Why: so",
        ),
        (thing("Widget", conditions(Stalled="True", Ready="True"), api_version="x.io/v1"), "Why: so"),
    ],
)
def test_these_have_given_up(obj: Object, reason: str) -> None:
    judged = readiness(obj)
    assert isinstance(judged, Failed)
    assert judged.reason == reason


def test_a_failure_of_an_earlier_generation_does_not_count() -> None:
    assert isinstance(readiness(deployment(rolled_out(observedGeneration=1, conditions=DEADLINE))), Waiting)


def test_a_condition_of_an_earlier_generation_does_not_count() -> None:
    ready = {"type": "Ready", "status": "True", "observedGeneration": 1}
    obj = thing("Widget", {"conditions": [ready]}, api_version="x.io/v1") | {"metadata": {"generation": 2}}
    assert readiness(obj) == Waiting("condition Ready is of generation 1 of 2")


def test_what_is_being_deleted_is_never_ready_and_says_what_holds_it() -> None:
    held = deployment(rolled_out())
    held["metadata"] |= {"deletionTimestamp": "2026-11-23T10:00:00Z", "finalizers": ["a.io/x", "b.io/y"]}
    assert readiness(held) == Waiting("being deleted, held by finalizers a.io/x, b.io/y")


def test_a_kind_of_the_same_name_in_another_group_is_judged_by_its_conditions() -> None:
    foreign = deployment({}) | {"apiVersion": "x.io/v1"}
    assert isinstance(readiness(foreign), Ready)


counts = st.none() | st.integers(0, 4)


@given(
    wanted=st.integers(0, 4),
    status=st.fixed_dictionaries(
        dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), counts)
    ),
)
def test_a_deployment_is_ready_only_with_all_of_its_replicas_new_and_available(wanted: int, status: Object) -> None:
    judged = readiness(deployment({**status, "observedGeneration": 2}, replicas=wanted))
    numbers = {name: value or 0 for name, value in status.items()}
    whole = numbers["replicas"] <= numbers["updatedReplicas"] and all(
        numbers[name] >= wanted for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    assert isinstance(judged, Ready) is whole
