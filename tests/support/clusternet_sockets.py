"""The way from Clusternet's hub to its child clusters: an aggregated API of a real hub, and what answers behind it.

    GET /apis/proxies.clusternet.io/v1alpha1/sockets/<cluster id>/proxy/direct/api/v1/namespaces

The hub's API server decides who may ask, and tells in headers who asks and with which token; here that token is put in
the place where a child's API server looks for it, and the request goes on unchanged. Nothing of Kubernetes is imitated.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from bed.client import Bed
from support.api_admin import AGENT, Administrator, until
from support.api_proxy import Proxy

GROUP = "proxies.clusternet.io"
VERSION = "v1alpha1"
NAMESPACE = "clusternet-system"
SERVICE = "clusternet-hub"
ROOT = f"/apis/{GROUP}/{VERSION}"
USER = "clusternet"
TOKEN_HEADER = "X-Remote-Extra-Clusternet-Token"

APPLY = "application/apply-patch+yaml"

_APIS = "/apis/apiregistration.k8s.io/v1/apiservices"
_RIGHTS = "/apis/rbac.authorization.k8s.io/v1"
_SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
_NOT_OURS = ("connection", "content-length", "host", "te", "transfer-encoding", "upgrade")
_SECONDS = 60.0
_RESOURCES = {
    "apiVersion": "v1",
    "kind": "APIResourceList",
    "groupVersion": f"{GROUP}/{VERSION}",
    "resources": [
        {"name": name, "singularName": "", "namespaced": False, "kind": "Socket", "verbs": ["get"]}
        for name in ("sockets", "sockets/proxy")
    ],
}


class Sockets:
    """The sockets of a hub.

    Attributes:
        children: the API server of each child cluster, by cluster id, behind a proxy with which a test can disturb it.
    """

    def __init__(self, hub: Bed) -> None:
        self.children: dict[str, Proxy] = {}
        self._server = _Server(hub, self)
        self.address, self.port = self._server.server_address[:2]

    def __enter__(self) -> Sockets:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def register(self, administrator: Administrator) -> None:
        """Make them an API of the hub, and wait until it is served."""
        for path, value in self._objects():
            put(administrator, path, value)
        name = f"{VERSION}.{GROUP}"
        until(lambda: holds(administrator.ask("GET", f"{_APIS}/{name}"), "Available"), f"API {name}")

    def _objects(self) -> list[tuple[str, dict[str, Any]]]:
        port = {"name": "https", "port": 443, "protocol": "TCP"}
        return [
            ("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
            (
                f"/api/v1/namespaces/{NAMESPACE}/services",
                {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE}, "spec": {"ports": [port]}},
            ),
            (
                _SLICES.format(NAMESPACE),
                {
                    "apiVersion": "discovery.k8s.io/v1",
                    "kind": "EndpointSlice",
                    "metadata": {"name": SERVICE, "labels": {"kubernetes.io/service-name": SERVICE}},
                    "addressType": "IPv4",
                    "ports": [{**port, "port": self.port}],
                    "endpoints": [{"addresses": [self.address], "conditions": {"ready": True}}],
                },
            ),
            (
                _APIS,
                {
                    "apiVersion": "apiregistration.k8s.io/v1",
                    "kind": "APIService",
                    "metadata": {"name": f"{VERSION}.{GROUP}"},
                    "spec": {
                        "group": GROUP,
                        "version": VERSION,
                        "groupPriorityMinimum": 1000,
                        "versionPriority": 100,
                        "insecureSkipTLSVerify": True,
                        "service": {"namespace": NAMESPACE, "name": SERVICE},
                    },
                },
            ),
            *_everyone_impersonated_may_ask(),
        ]


def put(administrator: Administrator, path: str, value: Mapping[str, Any]) -> None:
    """Make an object of a list be like this, whether or not it exists: a bed may outlive a session of tests."""
    query = f"?fieldManager={AGENT}&force=true"
    administrator.ask("PATCH", f"{path}/{value['metadata']['name']}{query}", value, content_type=APPLY)


def _everyone_impersonated_may_ask() -> list[tuple[str, dict[str, Any]]]:
    """The user that all who ask speak for; who may speak for it is another right."""
    name = f"{GROUP}:sockets"
    rule = {"apiGroups": [GROUP], "resources": ["sockets", "sockets/proxy"], "verbs": ["*"]}
    group = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": USER}],
    }
    return [(f"{_RIGHTS}/clusterroles", role), (f"{_RIGHTS}/clusterrolebindings", binding)]


def holds(value: Mapping[str, Any] | None, condition: str) -> bool:
    """Whether an object says in its status that a condition is true."""
    conditions = ((value or {}).get("status") or {}).get("conditions") or ()
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Bed, sockets: Sockets) -> None:
        listener = hub.listen()
        super().__init__(listener.getsockname(), _Conversation, bind_and_activate=False)
        self.socket.close()
        authority = hub.authority
        # Whose request it is stands in headers, so nobody but the hub's API server may speak here.
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.ca))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(authority.certificate("apiserver"), authority.key("apiserver"))
        self.socket = context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
        self.sockets = sockets

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a connection that breaks is no error of a test."""


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.partition("?")[0] == ROOT:
            self._answer(HTTPStatus.OK, json.dumps(_RESOURCES).encode())
            return
        cluster, separator, rest = self.path.removeprefix(f"{ROOT}/sockets/").partition("/proxy/direct/")
        child = self.server.sockets.children.get(cluster)
        if not separator or child is None:
            self._answer(HTTPStatus.NOT_FOUND, f"no cluster id is {cluster}".encode())
            return
        self._forward(child, f"/{rest}", body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def _forward(self, child: Proxy, path: str, body: bytes) -> None:
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _NOT_OURS and not name.lower().startswith("x-remote-")
        }
        if token := self.headers.get(TOKEN_HEADER):
            headers["Authorization"] = f"Bearer {token}"
        context = ssl.create_default_context(cafile=str(child.authority))
        connection = http.client.HTTPSConnection("127.0.0.1", child.port, timeout=_SECONDS, context=context)
        try:
            connection.request(self.command, path, body or None, headers)
            response = connection.getresponse()
            self._answer(response.status, response.read(), response.getheader("Content-Type") or "")
        except (OSError, http.client.HTTPException) as error:
            self._answer(HTTPStatus.BAD_GATEWAY, f"the child cluster does not answer: {error}".encode())
        finally:
            connection.close()

    def _answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
