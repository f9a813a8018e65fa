"""Actions of type Job in tests, and Jobs as a controller would leave them where none runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from runner.naming import job_name
from runner.vocabulary import RUNNER_SERVICE_ACCOUNT
from support import runner_bench
from support.api_admin import Administrator, Object, path_of, until
from support.api_runner import Run

POD: Mapping[str, Any] = {
    "restartPolicy": "Never",
    "terminationGracePeriodSeconds": 0,
    "containers": [{"name": "main", "image": "drplan.local/none"}],
}

_NO_ACCOUNT = {"serviceAccountName": RUNNER_SERVICE_ACCOUNT, "automountServiceAccountToken": False}


def spec(
    namespace: str | None,
    *,
    name: str = "sync",
    wait: bool = True,
    ttl: int | None = None,
    pod: Mapping[str, Any] = POD,
    job: Mapping[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Make the spec of a Job action.

    Args:
        namespace: its `namespace`; None leaves it out.
        name: name of the action.
        wait: its `waitReady`.
        ttl: its `ttlSecondsAfterFinished`.
        pod: spec of the pods.
        job: more fields of the Job's spec.
        changes: top-level fields of the runner's spec.
    """
    block: dict[str, Any] = {"template": {"spec": {**(job or {}), "template": {"spec": dict(pod)}}}}
    if namespace is not None:
        block["namespace"] = namespace
    if ttl is not None:
        block["ttlSecondsAfterFinished"] = ttl
    made = runner_bench.spec(method="GET")
    del made["http"]
    return {**made, "name": name, "type": "Job", "operation": "Create", "waitReady": wait, "job": block, **changes}


class Jobs:
    """The Job of one action of a run, asked and changed as administrator."""

    def __init__(self, run: Run, key: str, *, action: str = "sync", namespace: str = "") -> None:
        self.administrator: Administrator = run.room.administrator
        self.namespace = namespace or run.room.namespace
        self.name = job_name(action, run.uid or run.workflow_uid, key)

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"Job {self.namespace}/{self.name}"

    def get(self) -> Object | None:
        """Read it; None when there is none."""
        return self.administrator.get("Job", self.namespace, self.name)

    def made(self) -> Object:
        """Wait until it exists, and read it."""
        until(self.get, f"{self.shown} to be created")
        found = self.get()
        assert found is not None
        return found

    def completes(self) -> None:
        """Let it be complete."""
        at, wanted = _now(), self.made()["spec"]["completions"]
        ended = {"startTime": at, "completionTime": at, "active": 0, "succeeded": wanted}
        self.says({**ended, "conditions": [_condition("SuccessCriteriaMet", at), _condition("Complete", at)]})

    def fails(self, reason: str, message: str) -> None:
        """Let it have failed."""
        at = _now()
        why = {"reason": reason, "message": message}
        conditions = [{**_condition(kind, at), **why} for kind in ("FailureTarget", "Failed")]
        self.says({"startTime": at, "failed": 1, "conditions": conditions})

    def says(self, status: Mapping[str, Any]) -> None:
        """Let its status be this."""
        self.administrator.merge("Job", self.namespace, self.name, {"status": status}, part="/status")

    def pod(self, name: str, status: Mapping[str, Any]) -> None:
        """Create a pod of it that has this status."""
        job = self.made()
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": self.name, "uid": job["metadata"]["uid"]}
        value = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"job-name": self.name}, "ownerReferences": [owner]},
            "spec": {**POD, "schedulerName": "nobody", **_NO_ACCOUNT},
        }
        self.administrator.create(value, namespace=self.namespace)
        self.administrator.merge("Pod", self.namespace, name, {"status": status}, part="/status")

    def vanishes(self) -> None:
        """Delete it at once."""
        path = f"{path_of('Job', self.namespace, self.name)}?propagationPolicy=Background"
        self.administrator.ask("DELETE", path)

    def pods_end(self) -> None:
        """Wait until it is being deleted with its pods, and let these be gone, so that it is gone as well."""
        until(self._waits_for_pods, f"{self.shown} to be deleted with its pods")
        self.administrator.merge("Job", self.namespace, self.name, {"metadata": {"finalizers": []}})

    def _waits_for_pods(self) -> bool:
        found = self.get() or {"metadata": {}}
        return "foregroundDeletion" in found["metadata"].get("finalizers", ())


def _condition(kind: str, at: str) -> Object:
    return {"type": kind, "status": "True", "lastTransitionTime": at, "lastProbeTime": at}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
