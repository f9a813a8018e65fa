"""Reading what is in a child cluster: through the sockets of Clusternet's hub, with the token of its deployer.

The hub's API server is asked in the name of our service account, which speaks for the user `clusternet`; the child's
token travels in a header that only this user may have.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from runner.actions.clusters import ManagedCluster
from runner.kube.answers import KubeError, NotAllowed, Passing
from runner.kube.cluster import Cluster
from runner.kube.engine import Engine
from runner.kube.objects import Ref
from runner.records.requests import Request
from runner.redaction import Redactor
from runner.server import Answer, Server

DEPLOYER = "child-cluster-deployer"
_TOKENS = ("token", "child-cluster-token")
_SOCKET = "/apis/proxies.clusternet.io/v1alpha1/sockets/{}/proxy/direct"
_USER = {"Impersonate-User": "clusternet"}
_TOKEN_HEADER = "Impersonate-Extra-Clusternet-Token"
_IMPERSONATE = "impersonate"
_LONGEST_CALL = 10.0


class NoWay(Exception):
    """The child cluster cannot be asked, at least not now; the text says why."""


class Socket:
    """The API server of a child cluster, as far as reading objects needs one."""

    def __init__(self, server: Server, cluster_id: str, token: str) -> None:
        self._server = server
        self._path = _SOCKET.format(quote(cluster_id, safe=""))
        self._extra = {**_USER, _TOKEN_HEADER: token}

    def send(self, request: Request, *, read: float | None = None) -> Answer:
        """Send a request once and return the answer, whatever its status."""
        seconds = _LONGEST_CALL if read is None else min(read, _LONGEST_CALL)
        return self._server.send(request._replace(path=self._path + request.path), read=seconds, extra=self._extra)


class Child:
    """A child cluster. Its credentials and its kinds are looked up once, as long as it takes them.

    Args:
        server: the hub's API server.
        hub: the objects of the hub, where the credentials are.
        cluster: which child cluster this is.
    """

    def __init__(self, server: Server, hub: Cluster, cluster: ManagedCluster) -> None:
        self._server = server
        self._hub = hub
        self._cluster = cluster
        self._objects: Cluster | None = None

    def get(self, ref: Ref) -> dict[str, Any] | None:
        """Read an object there; None when it does not exist.

        Raises:
            NoWay: it cannot be read, at least not now.
            NotAllowed: the hub does not let us; somebody has to grant that.
        """
        self._objects = self._objects or self._opened()
        try:
            return self._objects.get(ref)
        except KubeError as error:
            if isinstance(error, NotAllowed) and _IMPERSONATE in str(error):
                raise
            if isinstance(error, Passing) and error.unauthorized:
                self._objects = None
            raise NoWay(str(error)) from error

    def _opened(self) -> Cluster:
        token = self._token()
        opened = Cluster(Socket(self._server, self._cluster.id, token))
        opened.redactor = Redactor([token])
        return opened

    def _token(self) -> str:
        if not self._cluster.id:
            raise NoWay(f"ManagedCluster {self._cluster.binding} has no cluster id yet")
        place = Ref("v1", "Secret", self._cluster.namespace, DEPLOYER)
        try:
            data = (self._hub.get(place) or {}).get("data") or {}
        except NotAllowed:
            raise
        except KubeError as error:
            raise NoWay(str(error)) from error
        for name in _TOKENS:
            try:
                token = base64.b64decode(data.get(name) or "", validate=True).decode().strip()
            except (binascii.Error, UnicodeDecodeError):
                continue
            if token:
                return token
        raise NoWay(f"{place.shown} has no token ({' or '.join(_TOKENS)}) for the cluster")


def ways(engine: Engine) -> Callable[[ManagedCluster], Child]:
    """What makes the way of an action to a child cluster."""
    return lambda cluster: Child(engine.acting.server, engine.cluster, cluster)
