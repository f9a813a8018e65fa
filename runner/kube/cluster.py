"""Objects at an API server: one request each, and its answer as an object. Nothing is decided or tried again here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from runner import vocabulary as words
from runner.kube import answers
from runner.kube.answers import Missing, Passing
from runner.kube.discovery import Kinds
from runner.kube.objects import Object, Ref, ref_of
from runner.records import Unreachable
from runner.records.requests import JSON, Request
from runner.redaction import Redactor
from runner.server import Sender
from runner.vocabulary import Propagation

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_LONGEST_CALL = 20.0
"""A pod that is told to stop has 30 s, and the call in flight is let to its end."""
_SHORTEST_CALL = 1.0
"""What a server that is well answers in, though the action is out of time in a moment."""


class Cluster:
    """The objects of an API server. Safe to be used from several threads.

    Args:
        server: the API server.
        remaining: seconds that are left of the action's time: an answer is not waited for much longer.

    Attributes:
        kinds: its kinds.
        redactor: what keeps the contents of Secrets out of errors: the server may quote what it does not like.
    """

    def __init__(self, server: Sender, *, remaining: Callable[[], float] = lambda: _LONGEST_CALL) -> None:
        self._server = server
        self._remaining = remaining
        self.redactor = Redactor(())
        self.kinds = Kinds(lambda path, about: self._send(Request("GET", path), about))

    def get(self, ref: Ref) -> Object | None:
        """Read an object, whatever its uid; None when it does not exist, or its kind is known and not served yet.

        Raises:
            NotServed: its kind is not known.
            KubeError: see there.
        """
        path = self._path(ref)
        try:
            return self._send(Request("GET", path), f"read {ref.shown}", ref)
        except (Missing, answers.NotServed):
            return None

    def list(
        self, api_version: str, kind: str, namespace: str = "", *, selector: str = "", limit: int = 0
    ) -> list[Object]:
        """Read the objects of a kind, in a namespace or in all, that have labels (`a=b,c!=d`)."""
        resource = self.kinds.resource(api_version, kind)
        asked = {"labelSelector": selector, "limit": str(limit) if limit else ""}
        items: list[Object] = []
        while True:
            query = urlencode({name: value for name, value in asked.items() if value})
            answer = self._send(Request("GET", f"{resource.path(namespace)}?{query}"), f"list {resource.plural}")
            # Items of a list say neither kind nor version.
            items += [{"apiVersion": api_version, "kind": kind, **item} for item in answer.get("items") or ()]
            asked["continue"] = (answer.get("metadata") or {}).get("continue") or ""
            if limit or not asked["continue"]:
                return items

    def create(self, obj: Mapping[str, Any]) -> Object:
        """Create an object and return it as stored.

        Raises:
            Exists: there is one of this name.
            KubeError: see there.
        """
        ref = ref_of(obj)
        resource = self.kinds.resource(ref.api_version, ref.kind)
        return self._send(_writing("POST", resource.path(ref.namespace), obj), f"create {ref.shown}", ref)

    def apply(self, obj: Mapping[str, Any], *, only: Ref | None = None) -> Object:
        """Apply an object on the server's side, in our name, against whoever else has its fields.

        Args:
            obj: what is wanted of it.
            only: it must be this object in this version; otherwise whatever is there, or nothing.

        Raises:
            Conflicting: it is another one, or there is none.
            KubeError: see there.
        """
        ref = ref_of(obj)
        if only is not None:
            wanted = {"uid": only.uid, "resourceVersion": only.resource_version}
            obj = {**obj, "metadata": {**obj["metadata"], **wanted}}
        request = _writing("PATCH", self._path(ref), obj, content_type=_APPLY, force="true")
        return self._send(request, f"apply {ref.shown}", ref)

    def patch(self, ref: Ref, patch: Mapping[str, Any]) -> Object:
        """Change an object by a merge patch; with a `resource_version` in the ref, only that version.

        Raises:
            Missing: there is none.
            Conflicting: it is of another version.
            KubeError: see there.
        """
        if ref.resource_version:
            metadata = {**(patch.get("metadata") or {}), "resourceVersion": ref.resource_version}
            patch = {**patch, "metadata": metadata}
        return self._send(_writing("PATCH", self._path(ref), patch, content_type=_MERGE), f"patch {ref.shown}", ref)

    def delete(self, ref: Ref, *, propagation: Propagation = Propagation.BACKGROUND) -> None:
        """Delete an object; with a uid in the ref, only that one. Its finalizers may keep it for a while.

        Raises:
            Missing: there is none.
            Conflicting: it is another one.
            KubeError: see there.
        """
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation.value}
        if ref.uid:
            options["preconditions"] = {"uid": ref.uid}
        self._send(Request("DELETE", self._path(ref), JSON, json.dumps(options)), f"delete {ref.shown}", ref)

    def _path(self, ref: Ref) -> str:
        return self.kinds.resource(ref.api_version, ref.kind).path(ref.namespace, ref.name)

    def _send(self, request: Request, about: str, ref: Ref | None = None) -> Object:
        resource = self.kinds.resource(ref.api_version, ref.kind).plural if ref else ""
        try:
            answer = self._server.send(request, read=max(min(self._remaining(), _LONGEST_CALL), _SHORTEST_CALL))
        except Unreachable as error:
            raise Passing(f"{about}: {error}") from error
        return answers.read(answer, about, resource=resource, redact=lambda text: self.redactor.text(text))


def _writing(method: str, path: str, obj: Mapping[str, Any], *, content_type: str = JSON, **options: str) -> Request:
    query = urlencode({"fieldManager": words.FIELD_MANAGER, **options})
    return Request(method, f"{path}?{query}", JSON, json.dumps(obj), content_type)
