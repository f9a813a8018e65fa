"""Records in the API server, with the service account of the pod. It sends and reads, and decides nothing.

Small on purpose: a client library would cost every action half a second. Retries are the frame's, because only it
knows how long a step may take.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from runner.records import Object, Unreachable, requests
from runner.records.requests import Request
from runner.spec import SpecError

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

_CONNECT = 5.0
_READ = 15.0
_PER_THREAD = 2


class ApiRecords:
    """The store in a cluster.

    Args:
        namespace: namespace of the run.
        own_pod: name of the pod that this runs in.
        server: `https://host:port` of the API server.
        account: folder with `token` and `ca.crt`.
    """

    def __init__(self, namespace: str, *, own_pod: str, server: str, account: str = SERVICE_ACCOUNT) -> None:
        self._namespace = namespace
        self._own_pod = own_pod
        self._account = account
        self._pool = urllib3.connection_from_url(
            server,
            maxsize=_PER_THREAD,
            timeout=urllib3.Timeout(connect=_CONNECT, read=_READ),
            retries=False,
            ca_certs=os.path.join(account, "ca.crt"),
        )

    @classmethod
    def in_cluster(cls, namespace: str, *, own_pod: str, environment: Mapping[str, str]) -> ApiRecords:
        """Make the store of a pod, whose environment says where the API server is.

        Raises:
            SpecError: this is no pod.
        """
        host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
        if not host or not os.path.exists(os.path.join(SERVICE_ACCOUNT, "token")):
            raise SpecError("this is no pod with a service account; outside a cluster give --state=DIR")
        return cls(namespace, own_pod=own_pod, server=f"https://{f'[{host}]' if ':' in host else host}:{port}")

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
        headers = {"Accept": request.accept, "Authorization": f"Bearer {self._token()}", "User-Agent": "drplan-runner"}
        if request.body is not None:
            headers["Content-Type"] = requests.JSON
        try:
            answer = self._pool.request(request.method, request.path, body=request.body, headers=headers)
        except (HTTPError, OSError) as error:
            raise Unreachable(f"{request.method} {request.path.partition('?')[0]}: {error}") from error
        return requests.read_answer(request, answer.status, answer.data)

    def _token(self) -> str:
        # Read again for every request: the kubelet replaces it while we run.
        try:
            with open(os.path.join(self._account, "token"), encoding="ascii") as file:
                return file.read().strip()
        except OSError as error:
            raise Unreachable(f"cannot read the service account's token: {error}") from error


def _metadata(answer: Object | None) -> Mapping[str, Any] | None:
    return None if answer is None else answer.get("metadata") or {}


def _stored(answer: Object | None) -> Object:
    if answer is None:
        raise Unreachable("the API server confirmed a write without its object")
    return answer
