"""WorkflowTemplates: each plan that is Ready owns those that it compiles to.

Whether one is up to date is told by the hash that it carries. Its ConfigMaps are named after what is in them, so a new
version brings new ones; the old ones stay for as long as there are runs that may still mount them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from compiler.argo import Compiled, RunnerConfig
from compiler.model.names import (
    ANNOTATION_COMPILED_HASH,
    ARGO_API_VERSION,
    KIND_ARGO_WORKFLOW,
    LABEL_PLAN,
    RUNNER_CONFIG_MAP,
    label_value,
)
from compiler.problems import ManifestError
from syncer.controllers.plans import add_users, version_of, workflows_of
from syncer.decide.templates import config_maps_of, is_owned_by, owner_of, wanted_templates
from syncer.decide.validity import is_judged, is_ready
from syncer.kube.client import Selection
from syncer.kube.controller import Result, TerminalError
from syncer.kube.errors import AlreadyExists, Forbidden, NotFound
from syncer.kube.queue import Priority, WorkQueue
from syncer.kube.resources import ARGO_TEMPLATES, CONFIG_MAPS, Key
from syncer.observed import Object, Observed
from syncer.runner_config import runner_config
from syncer.writing import Writer

RESYNC = 600.0
"""Seconds after which templates are looked at without a reason: neither they nor configurations are watched."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a plan was compiled from, and the hashes of what it compiled to by name."""

    made_from: object
    hashes: Mapping[str, str]


class Templates:
    """Keeps the WorkflowTemplates of plans.

    Args:
        observed: the caches.
        writer: writes.
        runner_defaults: folder of what holds for the runners of all namespaces.
    """

    def __init__(self, observed: Observed, writer: Writer, *, runner_defaults: Path | None = None) -> None:
        self._observed = observed
        self._writer = writer
        self._client = writer.client
        self._runner_defaults = runner_defaults
        self._known: dict[Key, _Known] = {}

    def follow(self, queue: WorkQueue[Key]) -> None:
        """Have the templates of a plan looked at when it or one of its workflows changes."""
        self._observed.plans.on_change(lambda key, _old, _new: queue.add(key, priority=Priority.LOW))
        self._observed.workflows.on_change(lambda key, _old, _new: add_users(self._observed, key, queue))

    async def reconcile(self, key: Key) -> Result | None:
        """Make the WorkflowTemplates of a plan be those that it compiles to."""
        plan = self._observed.plan(*key)
        if plan is None or plan["metadata"].get("deletionTimestamp"):
            # What it owns goes with it.
            self._known.pop(key, None)
            return None
        if not is_judged(plan):
            return None
        try:
            present = await self._present(plan)
        except NotFound:
            # Argo Workflows is not installed (yet).
            return Result(RESYNC)
        workflows = workflows_of(self._observed, plan)
        config = await self._config(key.namespace)
        made_from = (is_ready(plan), *version_of(plan), *(version_of(each) for each in workflows), config)
        known = self._known.get(key)
        if known is None or known.made_from != made_from or not _up_to_date(plan, present, known.hashes):
            wanted = await asyncio.to_thread(wanted_templates, plan, workflows, config) if is_ready(plan) else []
            try:
                await self._write(plan, present, wanted)
            except Forbidden as problem:
                # A namespace that is being deleted takes nothing new; to try again soon would compile it all again.
                _log.warning("the WorkflowTemplates of plan %s stay as they are: %s", key, problem)
                return Result(RESYNC)
            self._known[key] = _Known(made_from, {each.name: each.hash for each in wanted})
        return Result(RESYNC)

    async def _present(self, plan: Object) -> dict[str, Object]:
        """Metadata of the templates of a plan that are there and owned by it, by name."""
        namespace, name = plan["metadata"]["namespace"], plan["metadata"]["name"]
        labels = f"{LABEL_PLAN}={label_value(name)}"
        selection = Selection(ARGO_TEMPLATES, namespace, labels=labels, metadata_only=True)
        found = [
            msgspec.json.decode(raw)["metadata"] async for page in self._client.list(selection) for raw in page.items
        ]
        return {metadata["name"]: metadata for metadata in found if is_owned_by(metadata, plan)}

    async def _config(self, namespace: str) -> RunnerConfig:
        try:
            return await runner_config(self._client, namespace, defaults=self._runner_defaults)
        except ManifestError as problem:
            raise TerminalError(f"ConfigMap {namespace}/{RUNNER_CONFIG_MAP}: {problem}") from problem

    async def _write(self, plan: Object, present: Mapping[str, Object], wanted: list[Compiled]) -> None:
        hashes = {each.name: each.hash for each in wanted}
        for compiled in wanted:
            if not _is_current(plan, present.get(compiled.name), compiled.hash):
                await self._write_one(plan, compiled, is_there=compiled.name in present)
        for name in present.keys() - hashes.keys():
            await self._delete(plan, present[name])

    async def _write_one(self, plan: Object, compiled: Compiled, *, is_there: bool) -> None:
        key = Key(plan["metadata"]["namespace"], compiled.name)
        before = await self._read(key)
        if before is not None and not is_there and not is_owned_by(before["metadata"], plan):
            _log.warning(
                "WorkflowTemplate %s is not of plan %s and is left alone: rename one of the two, or delete it",
                key,
                plan["metadata"]["name"],
            )
            return
        for config_map in compiled.config_maps:
            await self._create_config_map(plan, config_map)
        metadata = {**compiled.workflow["metadata"], "ownerReferences": [owner_of(plan)]}
        await self._writer.apply(ARGO_TEMPLATES, key, {**compiled.workflow, "metadata": metadata})
        if before is not None:
            await self._let_go(plan, config_maps_of(before) - config_maps_of(compiled.workflow))

    async def _read(self, key: Key) -> Object | None:
        try:
            return (await self._client.get(ARGO_TEMPLATES, key)).object
        except NotFound:
            return None

    async def _create_config_map(self, plan: Object, config_map: Object) -> None:
        """Create a ConfigMap; one that is there has the same content, and becomes this plan's."""
        metadata = {**config_map["metadata"], "ownerReferences": [owner_of(plan)]}
        namespace, name = metadata["namespace"], metadata["name"]
        try:
            await self._writer.create(CONFIG_MAPS, namespace, {**config_map, "metadata": metadata})
        except AlreadyExists:
            patch = {"ownerReferences": metadata["ownerReferences"]}
            await self._writer.touch(CONFIG_MAPS, Key(namespace, name), patch)

    async def _delete(self, plan: Object, metadata: Object) -> None:
        key = Key(metadata["namespace"], metadata["name"])
        before = await self._read(key)
        await self._writer.delete(ARGO_TEMPLATES, key, uid=metadata["uid"])
        if before is not None:
            await self._let_go(plan, config_maps_of(before))

    async def _let_go(self, plan: Object, names: set[str]) -> None:
        """Delete ConfigMaps, or hand them over to the runs that may still mount them."""
        namespace, name = plan["metadata"]["namespace"], plan["metadata"]["name"]
        owners = [
            {
                "apiVersion": ARGO_API_VERSION,
                "kind": KIND_ARGO_WORKFLOW,
                "name": run.metadata.name,
                "uid": run.metadata.uid,
            }
            for run in self._observed.runs_of_plan(namespace, name)
        ]
        for each in sorted(names):
            if owners:
                await self._writer.touch(CONFIG_MAPS, Key(namespace, each), {"ownerReferences": owners})
            else:
                await self._writer.delete(CONFIG_MAPS, Key(namespace, each))


def _up_to_date(plan: Object, present: Mapping[str, Object], hashes: Mapping[str, str]) -> bool:
    return present.keys() == hashes.keys() and all(
        _is_current(plan, present[name], wanted) for name, wanted in hashes.items()
    )


def _is_current(plan: Object, metadata: Mapping[str, Any] | None, wanted: str) -> bool:
    """Whether a template is of this very plan and says that it is what is wanted."""
    if metadata is None or (metadata.get("annotations") or {}).get(ANNOTATION_COMPILED_HASH) != wanted:
        return False
    owner = plan["metadata"]["uid"]
    return any(each.get("uid") == owner for each in metadata.get("ownerReferences") or ())
