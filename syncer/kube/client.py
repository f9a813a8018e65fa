"""What can be asked of an API server, one method a verb. Answers stay bytes until somebody says what to read them as.

Own, on the official client's session, because the official one's answers are validated models or plain dicts of whole
objects, and reading those costs more than all the rest that is done with them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from syncer.kube.errors import Unreadable
from syncer.kube.resources import Key, Resource
from syncer.kube.transport import JSON, Request, Transport, connect

T = TypeVar("T")
Object = dict[str, Any]

PAGE = 500
"""Most objects of one answer to a list. Ask for less when they are large: a page is in memory as a whole."""

SECONDS = 30.0
"""How long a request may take unless its caller says otherwise."""

IMPERSONATE = "Impersonate-User"
"""Header that names in whose name a request is made."""

_MERGE_PATCH = "application/merge-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Metadata(msgspec.Struct, rename="camel", gc=False):
    """What every object says about itself."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""

    @property
    def key(self) -> Key:
        """Its name among its like."""
        return Key(self.namespace, self.name)


class Head(msgspec.Struct, gc=False):
    """An object of which only its metadata are read."""

    metadata: Metadata


class _Kind(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool = False


class _Kinds(msgspec.Struct):
    resources: list[_Kind] | None = None


class _ListMetadata(msgspec.Struct, rename={"resource_version": "resourceVersion", "more": "continue"}):
    resource_version: str = ""
    more: str | None = None


class _List(msgspec.Struct):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


@dataclass(frozen=True)
class Selection:
    """Objects of a kind.

    Attributes:
        resource: the kind.
        namespace: only those of a namespace.
        labels: label selector.
        fields: field selector.
        metadata_only: leave out all but their metadata, and save the server and us the rest.
    """

    resource: Resource
    namespace: str = ""
    labels: str = ""
    fields: str = ""
    metadata_only: bool = False

    @property
    def path(self) -> str:
        """Where they are."""
        return self.resource.collection(self.namespace)

    @property
    def query(self) -> dict[str, str]:
        """Which of those that are there."""
        selectors = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: text for name, text in selectors.items() if text}


@dataclass(frozen=True)
class Page:
    """Some of the objects of a list.

    Attributes:
        items: the objects as they came. Each of them keeps all of the page in memory: copy what is to stay.
        resource_version: where a watch goes on from when all pages are read.
    """

    items: list[msgspec.Raw]
    resource_version: str


@dataclass(frozen=True)
class Reply:
    """An answer that is an object.

    Attributes:
        request: what was asked.
        body: the object as it came.
    """

    request: Request
    body: bytes

    def decode(self, into: type[T]) -> T:
        """Read it as a type, best a `msgspec.Struct` with the fields that matter.

        Raises:
            Unreadable: it is none.
        """
        try:
            return msgspec.json.decode(self.body, type=into)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            message = f"the answer is not what was asked for: {error}; is this an API server?"
            raise Unreadable(str(self.request), message=message) from error

    @property
    def object(self) -> Object:
        """The whole object."""
        return self.decode(Object)

    @property
    def metadata(self) -> Metadata:
        """Its metadata."""
        return self.decode(Head).metadata


class Client:
    """An API server. Raises nothing but `ApiError`.

    Args:
        transport: the way to it.
        manager: who is said to own the fields that are written (`fieldManager`).
        user: in whose name all is asked; empty for our own.
    """

    def __init__(self, transport: Transport, *, manager: str, user: str = "") -> None:
        self._transport = transport
        self._manager = manager
        self._managed = {"fieldManager": manager}
        self._headers = {IMPERSONATE: user} if user else {}

    @classmethod
    async def connect(cls, *, agent: str, kubeconfig: str | None = None, context: str | None = None) -> Client:
        """Find the API server as kubectl does; nothing is asked yet.

        Args:
            agent: what the server is told asks, and owns the fields that are written.
            kubeconfig: files, separated as in KUBECONFIG.
            context: another context than the kubeconfig's current one.

        Raises:
            Unreachable: there is no configuration that can be used.
        """
        return cls(await connect(agent=agent, kubeconfig=kubeconfig, context=context), manager=agent)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._transport.close()

    def as_service_account(self, account: Key) -> Client:
        """The same way to the server, with the rights of a service account, if we may impersonate it.

        The server adds its groups to the name.
        """
        user = f"system:serviceaccount:{account.namespace}:{account.name}"
        return Client(self._transport, manager=self._manager, user=user)

    async def resource(self, api_version: str, kind: str) -> Resource | None:
        """How the server serves a kind; None when its group has no such kind.

        Raises:
            NotFound: there is no such group, or it has no such version.
        """
        group, _, version = api_version.rpartition("/")
        path = (
            f"/apis/{quote(group, safe='')}/{quote(version, safe='')}" if group else f"/api/{quote(version, safe='')}"
        )
        found = (await self._ask(Request("GET", path), seconds=SECONDS)).decode(_Kinds)
        # Parts of objects, such as `deployments/scale`, are listed as well.
        served = (each for each in found.resources or () if each.kind == kind and "/" not in each.name)
        return next((Resource(group, version, each.name, kind, each.namespaced) for each in served), None)

    async def get(
        self, resource: Resource, key: Key, *, metadata_only: bool = False, seconds: float = SECONDS
    ) -> Reply:
        """Read an object as it is now."""
        request = Request("GET", resource.path(key), accept=_METADATA if metadata_only else JSON)
        return await self._ask(request, seconds=seconds)

    async def list(self, selection: Selection, *, page: int = PAGE, seconds: float = SECONDS) -> AsyncIterator[Page]:
        """List objects as they are now.

        Args:
            selection: which.
            page: most objects of a page.
            seconds: how long a page may take.

        Raises:
            Gone: it took so long that the server has forgotten the next page: list anew.
        """
        query = selection.query | {"limit": str(page)}
        accept = _METADATA_LIST if selection.metadata_only else JSON
        while True:
            reply = await self._ask(Request("GET", selection.path, query=query, accept=accept), seconds=seconds)
            read = reply.decode(_List)
            yield Page(read.items or [], read.metadata.resource_version)
            if not read.metadata.more:
                return
            query = query | {"continue": read.metadata.more}

    def watch(
        self, selection: Selection, *, resource_version: str, seconds: int, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Watch objects: yields events, one a line, among them bookmarks about every minute.

        Args:
            selection: which.
            resource_version: version after which to begin.
            seconds: how long the server is asked to go on; it may end earlier.
            silence: seconds without anything from the server after which it counts as dead.
        """
        query = selection.query | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
        }
        accept = _METADATA if selection.metadata_only else JSON
        request = self._named(Request("GET", selection.path, query=query, accept=accept))
        return self._transport.stream(request, silence=silence)

    async def create(self, resource: Resource, namespace: str, value: Object, *, dry_run: bool = False) -> Reply:
        """Create an object; with `dry_run` the server only says what would come of it."""
        path, query = resource.collection(namespace), self._managed | ({"dryRun": "All"} if dry_run else {})
        return await self._ask(Request("POST", path, query=query, body=_typed(resource, value)))

    async def replace(self, resource: Resource, key: Key, value: Object, *, seconds: float = SECONDS) -> Reply:
        """Replace an object, unless it has changed since the one whose `resourceVersion` this has."""
        path = resource.path(key)
        request = Request("PUT", path, query=self._managed, body=_typed(resource, value))
        return await self._ask(request, seconds=seconds)

    async def merge_patch(
        self,
        resource: Resource,
        key: Key,
        patch: Object,
        *,
        subresource: str = "",
        resource_version: str = "",
        metadata_only: bool = False,
    ) -> Reply:
        """Change an object by a merge patch.

        Args:
            resource: its kind.
            key: its name.
            patch: what changes.
            subresource: the part that changes, such as `status`.
            resource_version: the version that it must still be, else `Conflict`.
            metadata_only: be answered with its metadata alone: cheaper for a large object.
        """
        if resource_version:
            patch = patch | {"metadata": {**patch.get("metadata", {}), "resourceVersion": resource_version}}
        request = Request(
            "PATCH",
            resource.path(key, subresource=subresource),
            query=self._managed,
            body=patch,
            content_type=_MERGE_PATCH,
            accept=_METADATA if metadata_only else JSON,
        )
        return await self._ask(request)

    async def apply(
        self, resource: Resource, key: Key, value: Object, *, subresource: str = "", force: bool = True
    ) -> Reply:
        """Have the fields of an object that are ours be these, creating it if need be (server-side apply)."""
        request = Request(
            "PATCH",
            resource.path(key, subresource=subresource),
            query=self._managed | {"force": str(force).lower()},
            body=_typed(resource, value | {"metadata": {**value.get("metadata", {}), "name": key.name}}),
            content_type=_APPLY_PATCH,
        )
        return await self._ask(request)

    async def delete(
        self,
        resource: Resource,
        key: Key,
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: str = "Background",
        grace_seconds: int | None = None,
    ) -> None:
        """Delete an object.

        Args:
            resource: its kind.
            key: its name.
            uid: what it must be, else `Conflict`.
            resource_version: the version that it must still be, else `Conflict`.
            propagation: what becomes of the objects that it owns: `Background`, `Foreground` or `Orphan`.
            grace_seconds: how long a pod has to end.
        """
        meant = {"uid": uid, "resourceVersion": resource_version}
        options: Object = {
            "propagationPolicy": propagation,
            "preconditions": {name: text for name, text in meant.items() if text},
        }
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        await self._ask(Request("DELETE", resource.path(key), body=options))

    async def _ask(self, request: Request, *, seconds: float = SECONDS) -> Reply:
        return Reply(request, await self._transport.ask(self._named(request), seconds=seconds))

    def _named(self, request: Request) -> Request:
        """A request that says in whose name it is made."""
        return replace(request, headers=self._headers) if self._headers else request


def _typed(resource: Resource, value: Object) -> Object:
    return {"apiVersion": resource.api_version, "kind": resource.kind, **value}
