"""As much of a Kubernetes client as bringing up a bed takes, so that a bed needs nothing but Python's own library."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlencode

from bed.certificates import ADMIN, Authority
from bed.problems import BedProblem

FIELD_MANAGER = "drplan-bed"
REQUEST_SECONDS = 60.0
"""As long as the API server takes at most; the schemas of Argo's kinds take seconds on a busy machine."""

Object = dict[str, Any]

PLURALS = {
    "ConfigMap": "configmaps",
    "CustomResourceDefinition": "customresourcedefinitions",
    "EndpointSlice": "endpointslices",
    "Namespace": "namespaces",
    "Service": "services",
}
"""The resource of a kind, for the kinds that a bed makes."""


class Kube:
    """The API server of a bed, asked as administrator."""

    def __init__(self, port: int, authority: Authority) -> None:
        self._port = port
        self._authority = authority

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        try:
            return self._request("GET", "/readyz")[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> Object | None:
        """The object at a path; None when there is none, or nobody answers."""
        try:
            status, body = self._request("GET", path)
        except (OSError, http.client.HTTPException):
            return None
        return json.loads(body) if status == http.HTTPStatus.OK else None

    def apply(self, value: Object) -> None:
        """Apply an object on the server's side.

        Raises:
            BedProblem: the API server refused it, or does not answer.
        """
        path, text = _path(value), json.dumps(value, separators=(",", ":")).encode()
        query = urlencode({"fieldManager": FIELD_MANAGER, "force": "true"})
        try:
            status, body = self._request("PATCH", f"{path}?{query}", text, "application/apply-patch+yaml")
        except (OSError, http.client.HTTPException) as error:
            raise BedProblem(f"the API server does not answer for {path}: {error}") from None
        if status not in (http.HTTPStatus.OK, http.HTTPStatus.CREATED):
            raise BedProblem(f"the API server refused {path}: {status} {body.decode(errors='replace')}")

    def _request(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=REQUEST_SECONDS, context=self._context()
        )
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._authority.ca))
        context.load_cert_chain(self._authority.certificate(ADMIN), self._authority.key(ADMIN))
        return context


def _path(value: Object) -> str:
    version, metadata = value["apiVersion"], value["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{namespace}/{PLURALS[value['kind']]}/{metadata['name']}"
