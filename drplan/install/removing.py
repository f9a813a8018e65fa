"""Removes an installation from a cluster: asks, says what it does, and does what `removal` decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from compiler.model.names import APP_NAME, GROUP, LABEL_APP_NAME
from drplan.cluster.server import asking
from drplan.errors import InputProblem, OutOfReach
from drplan.install.removal import (
    Identity,
    installed,
    is_held,
    is_live,
    is_ours,
    refusal,
    told,
    without_finalizer,
)
from drplan.install.render import KIND_DEPLOYMENT, KIND_NAMESPACE
from drplan.install.settings import Settings
from syncer.kube.client import Client, Selection
from syncer.kube.errors import Conflict, NotFound
from syncer.kube.resources import EXECUTIONS, LEASES, PODS, Key, Resource
from syncer.settings import LEASE, OLDER_LEASE

Object = dict[str, Any]

_PODS = f"{LABEL_APP_NAME}={APP_NAME},app.kubernetes.io/component=syncer"
_POD_NAME = "drplan-syncer-"
"""What the names of the syncer's pods begin with, and so the holders of its Leases."""
_OTHER_PODS = "app.kubernetes.io/component!=syncer"
_PAGE = 50
_POLL_SECONDS = 0.5
_WAIT_SECONDS = 90.0
_DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)


class Removing:
    """The removal of one installation.

    Args:
        client: the API server.
        settings: which installation: its namespaces.
        force: whether finalizers are taken off live executions as well.
        with_plans: whether our kinds go, and with them every plan, execution and record.
        dry_run: only say what would be done.
        say: tells what is done.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        *,
        force: bool,
        with_plans: bool,
        dry_run: bool,
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._settings = settings
        self._force = force
        self._with_plans = with_plans
        self._dry_run = dry_run
        self._say = say
        self._resources: dict[tuple[str, str], Resource | None] = {}

    async def run(self) -> None:
        """Remove it.

        Raises:
            InputProblem: an execution is live; nothing, or nothing but what asks the syncer and the syncer, is gone.
            OutOfReach: the API server does not do what it is asked.
        """
        self._refuse_live(await self._held())
        everything = installed(self._settings)
        first = [each for each in everything if _stops(each)]
        for each in first:
            await self._delete(each)
        await self._until("the syncer's pods are gone", self._without_pods)
        # Nobody puts a finalizer on any more: what is held now is all there is.
        held = await self._held()
        self._refuse_live(held)
        for execution in held:
            await self._let_go(execution)
        for each in everything:
            if each not in first and each[1] != KIND_NAMESPACE:
                await self._delete(each)
        await self._delete_leases()
        if self._with_plans:
            await self._delete_definitions()
        await self._delete_namespace(everything[-1])

    def _refuse_live(self, held: list[Object]) -> None:
        live = [each for each in held if is_live(each)]
        if live and not self._force:
            raise InputProblem(refusal(live))

    async def _held(self) -> list[Object]:
        """Executions of all namespaces that our finalizer keeps."""
        import msgspec

        with asking(f"{EXECUTIONS.kind}s"):
            try:
                found = [
                    msgspec.json.decode(raw, type=Object)
                    async for page in self._client.list(Selection(EXECUTIONS), page=_PAGE)
                    for raw in page.items
                ]
            except NotFound:
                return []
        return [each for each in found if is_held(each)]

    async def _let_go(self, execution: Object) -> None:
        """Take our finalizer off an execution, unless it has changed since it was looked at."""
        if not self._dry_run:
            metadata = execution["metadata"]
            key = Key(metadata["namespace"], metadata["name"])
            with asking(f"{EXECUTIONS.kind} {key}"):
                try:
                    await self._client.merge_patch(
                        EXECUTIONS, key, without_finalizer(execution), resource_version=metadata["resourceVersion"]
                    )
                except NotFound:
                    return
        self._tell(told(execution))

    async def _delete(self, found: Identity) -> None:
        """Delete an object, if it is there and ours."""
        api_version, kind, namespace, name = found
        resource = await self._resource(api_version, kind)
        if resource is None:
            return
        key = Key(namespace, name)
        value = await self._get(resource, key)
        if value is None:
            return
        if not is_ours(value):
            self._tell(f"{kind} {key} has no label {LABEL_APP_NAME}={APP_NAME} and is left alone")
            return
        await self._delete_as_seen(resource, key, value)

    async def _delete_as_seen(self, resource: Resource, key: Key, value: Object) -> None:
        if not self._dry_run:
            with asking(f"{resource.kind} {key}"):
                try:
                    await self._client.delete(resource, key, uid=value["metadata"]["uid"])
                except (Conflict, NotFound):
                    return
        self._tell(f"{resource.kind} {key} deleted")

    async def _delete_leases(self) -> None:
        """Delete the Leases that the syncer made; the older controller's only if that does not hold it."""
        for name in (LEASE, OLDER_LEASE):
            key = Key(self._settings.namespace, name)
            lease = await self._get(LEASES, key)
            # A syncer that lost its rights before it ended could not let go.
            holder = ((lease or {}).get("spec") or {}).get("holderIdentity") or _POD_NAME
            if lease is not None and holder.startswith(_POD_NAME):
                await self._delete_as_seen(LEASES, key, lease)

    async def _delete_definitions(self) -> None:
        """Delete our kinds, and with them all their objects, and wait until they are gone."""
        names = [f"{plural}.{GROUP}" for plural in ("drplanexecutions", "drplans", "drworkflows", "dractionrecords")]
        for name in names:
            found = await self._get(_DEFINITIONS, Key("", name))
            if found is not None:
                await self._delete_as_seen(_DEFINITIONS, Key("", name), found)

        async def gone() -> bool:
            return all([await self._get(_DEFINITIONS, Key("", name)) is None for name in names])

        await self._until("our kinds are gone", gone)

    async def _delete_namespace(self, found: Identity) -> None:
        """Delete the namespace, if it was made for us and nothing else runs in it, and wait until it is gone."""
        api_version, kind, _, name = found
        resource = await self._resource(api_version, kind)
        assert resource is not None, "every cluster has namespaces"
        key = Key("", name)
        value = await self._get(resource, key)
        if value is None or not is_ours(value):
            return
        if await self._pods(labels=_OTHER_PODS):
            self._tell(f"{kind} {name} is kept: others have pods in it")
            return
        if not self._with_plans and await self._objects(EXECUTIONS):
            self._tell(f"{kind} {name} is kept: there are executions in it")
            return
        await self._delete_as_seen(resource, key, value)

        async def gone() -> bool:
            return await self._get(resource, key) is None

        await self._until(f"namespace {name} is gone", gone)

    async def _without_pods(self) -> bool:
        return not await self._pods(labels=_PODS)

    async def _pods(self, *, labels: str) -> bool:
        return await self._objects(PODS, labels=labels)

    async def _objects(self, resource: Resource, *, labels: str = "") -> bool:
        """Whether there are such objects in the syncer's namespace."""
        namespace = self._settings.namespace
        with asking(f"{resource.kind}s in namespace {namespace}"):
            try:
                selection = Selection(resource, namespace, labels=labels, metadata_only=True)
                return any([bool(page.items) async for page in self._client.list(selection)])
            except NotFound:
                return False

    async def _get(self, resource: Resource, key: Key) -> Object | None:
        with asking(f"{resource.kind} {key}"):
            try:
                return (await self._client.get(resource, key, metadata_only=resource != LEASES)).object
            except NotFound:
                return None

    async def _resource(self, api_version: str, kind: str) -> Resource | None:
        """How a kind is served; None when it is not."""
        if (api_version, kind) not in self._resources:
            with asking(f"kinds of {api_version}"):
                try:
                    found = await self._client.resource(api_version, kind)
                except NotFound:
                    found = None
            self._resources[api_version, kind] = found
        return self._resources[api_version, kind]

    async def _until(self, what: str, holds: Callable[[], Any]) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not (self._dry_run or await holds()):
            if time.monotonic() > deadline:
                raise OutOfReach(f"waited {_WAIT_SECONDS:.0f} s in vain until {what}; look at it, then try again")
            await asyncio.sleep(_POLL_SECONDS)

    def _tell(self, text: str) -> None:
        self._say(f"{text} (dry run)" if self._dry_run else text)


def _stops(found: Identity) -> bool:
    """Whether an object goes before finalizers are looked at: what asks the syncer, and the syncer."""
    _, kind, _, _ = found
    return kind == KIND_DEPLOYMENT or kind.endswith("WebhookConfiguration")
