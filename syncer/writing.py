"""Writes of the syncer: each needs the lead, says which version it was decided for, and is in view once it is done.

A write that was decided for an older version than there is raises `Conflict`; whoever decided looks again. What was
written is taken into the caches from the answer, so that the next decision starts from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compiler.model.names import LABEL_FINAL
from syncer.kube.client import Client
from syncer.kube.errors import NotFound
from syncer.kube.informer import Informer
from syncer.kube.resources import ARGO_WORKFLOWS, EXECUTIONS, PLANS, RECORDS, WORKFLOWS, Key, Resource
from syncer.observed import Observed

Object = dict[str, Any]
_STATUS = "status"


class Writer:
    """Writes objects, most of which are in view.

    Args:
        client: the API server.
        observed: the caches.
        check: raises when this process may not write.
    """

    def __init__(self, client: Client, observed: Observed, *, check: Callable[[], None]) -> None:
        self.client = client
        self._check = check
        self._reopened = observed.reopened
        self._informers: Mapping[Resource, Informer[Any]] = {
            PLANS: observed.plans,
            WORKFLOWS: observed.workflows,
            EXECUTIONS: observed.executions,
            RECORDS: observed.records,
            ARGO_WORKFLOWS: observed.runs,
        }

    async def status(self, resource: Resource, seen: Mapping[str, Any], status: Mapping[str, Any]) -> int:
        """Make the status of an object be this, if the object is as it was seen; returns the bytes of the object."""
        patch = {_STATUS: merge_patch(seen.get(_STATUS) or {}, status)}
        return await self._patch(resource, seen, patch, subresource=_STATUS)

    async def metadata(self, resource: Resource, seen: Mapping[str, Any], patch: Object) -> None:
        """Merge a patch into the metadata of an object, if the object is as it was seen."""
        await self._patch(resource, seen, {"metadata": patch})

    async def change(self, resource: Resource, seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        """Make an object be as wanted, if it is as it was seen; what is the same in both is not touched."""
        await self._patch(resource, seen, merge_patch(seen, wanted))

    async def create(self, resource: Resource, namespace: str, value: Object) -> None:
        """Create an object."""
        self._check()
        reply = await self.client.create(resource, namespace, value)
        if resource in self._informers:
            self._informers[resource].wrote(reply.body)

    async def patch_run(
        self, namespace: str, name: str, *, uid: str, patch: Object, resource_version: str = ""
    ) -> None:
        """Merge a patch into an Argo Workflow, which Argo may be changing meanwhile, if it is still that one.

        Args:
            namespace: its namespace.
            name: its name.
            uid: what it must be.
            patch: what changes.
            resource_version: the version that it must still be; empty where Argo's own changes do not matter.
        """
        self._check()
        metadata = {**patch.get("metadata", {}), "uid": uid}
        reply = await self.client.merge_patch(
            ARGO_WORKFLOWS, Key(namespace, name), {**patch, "metadata": metadata}, resource_version=resource_version
        )
        for informer in (self._informers[ARGO_WORKFLOWS], self._reopened):
            informer.wrote(reply.body)

    async def touch(self, resource: Resource, key: Key, patch: Object) -> bool:
        """Merge a patch into the metadata of an object that need not exist; tells whether it does.

        One that says from now on that it is final is in view no more.
        """
        self._check()
        try:
            reply = await self.client.merge_patch(resource, key, {"metadata": patch}, metadata_only=True)
        except NotFound:
            return False
        if LABEL_FINAL in patch.get("labels", ()):
            self._informers[resource].wrote(reply.body)
        return True

    async def apply(self, resource: Resource, key: Key, value: Object) -> None:
        """Have an object that is in no cache be this, creating it if need be."""
        self._check()
        await self.client.apply(resource, key, value)

    async def delete(self, resource: Resource, key: Key, *, uid: str = "") -> None:
        """Delete an object, unless it is gone."""
        self._check()
        try:
            await self.client.delete(resource, key, uid=uid)
        except NotFound:
            return

    async def release(self, resource: Resource, seen: Mapping[str, Any], finalizers: list[str]) -> None:
        """Leave only these finalizers on an object that is deleted, if it is as it was seen; it may be gone then."""
        self._check()
        metadata = seen["metadata"]
        await self.client.merge_patch(
            resource,
            Key(metadata["namespace"], metadata["name"]),
            {"metadata": {"finalizers": finalizers}},
            resource_version=metadata["resourceVersion"],
            metadata_only=True,
        )

    async def _patch(self, resource: Resource, seen: Mapping[str, Any], patch: Object, *, subresource: str = "") -> int:
        self._check()
        metadata = seen["metadata"]
        reply = await self.client.merge_patch(
            resource,
            Key(metadata["namespace"], metadata["name"]),
            patch,
            subresource=subresource,
            resource_version=metadata["resourceVersion"],
        )
        self._informers[resource].wrote(reply.body)
        return len(reply.body)


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> Object:
    """The merge patch that makes `after` of `before`. Lists are written whole, as merge patches do."""
    patch: Object = {name: None for name in before if name not in after}
    for name, value in after.items():
        known = before.get(name)
        if name not in before or known != value:
            both = isinstance(known, Mapping) and isinstance(value, Mapping)
            patch[name] = merge_patch(known, value) if both and known is not None else value
    return patch
