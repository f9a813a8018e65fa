"""Records in the API server. It asks and reads, and decides nothing; what is asked is in `runner.records.requests`.

Retries are the frame's, because only it knows how long a step may take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.records import Object, Unreachable, requests
from runner.records.requests import Request
from runner.server import Server


class ApiRecords:
    """The store in a cluster.

    Args:
        server: the API server.
        namespace: namespace of the run.
        own_pod: name of the pod that this runs in.
    """

    in_cluster = True

    def __init__(self, server: Server, namespace: str, *, own_pod: str) -> None:
        self._server = server
        self._namespace = namespace
        self._own_pod = own_pod

    def execution(self, name: str) -> Mapping[str, Any] | None:
        """Read `metadata` of an execution."""
        return _metadata(self._send(requests.execution(self._namespace, name)))

    def workflow(self, name: str) -> Mapping[str, Any] | None:
        """Read `metadata` of an Argo Workflow."""
        return _metadata(self._send(requests.workflow(self._namespace, name)))

    def get(self, name: str) -> Object | None:
        """Read a record."""
        return self._send(requests.get_record(self._namespace, name))

    def create(self, record: Object) -> Object:
        """Create a record."""
        return _stored(self._send(requests.create_record(self._namespace, record)))

    def replace(self, record: Object) -> Object:
        """Replace a record."""
        return _stored(self._send(requests.replace_record(self._namespace, record)))

    def begun(self, execution_uid: str, stage: str) -> bool:
        """Whether a stage has a record that is not Skipped."""
        answer = self._send(requests.begun_records(self._namespace, execution_uid, stage))
        return bool((answer or {}).get("items"))

    def pod_gone(self, pod: str) -> bool:
        """Whether a pod has ended. One of our own name that is not us was replaced by us."""
        return pod == self._own_pod or requests.has_ended(self._send(requests.pod(self._namespace, pod)))

    def _send(self, request: Request) -> Object | None:
        answer = self._server.send(request)
        return requests.read_answer(request, answer.status, answer.body, retry_after=answer.retry_after)


def _metadata(answer: Object | None) -> Mapping[str, Any] | None:
    return None if answer is None else answer.get("metadata") or {}


def _stored(answer: Object | None) -> Object:
    if answer is None:
        raise Unreachable("the API server confirmed a write without its object")
    return answer
