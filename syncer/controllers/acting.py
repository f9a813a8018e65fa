"""The steps of an execution's life as writes: one function a step. Nothing is decided here.

Writes to objects of ours say which version they were decided for; Argo changes its Workflows all the time, so a write
to one only says which it is, but for a suspend. Doing a step twice is doing it once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from compiler.graph.tree import Graph
from compiler.model.names import (
    ANNOTATION_FENCE,
    ANNOTATION_TRUE,
    API_VERSION,
    FINALIZER_EXECUTION,
    KIND_EXECUTION,
    LABEL_EPOCH,
    LABEL_EXECUTION,
    LABEL_EXECUTION_UID,
    LABEL_FINAL,
    digest,
    label_value,
    snapshot_name,
    spec_name,
)
from syncer.controllers.gathering import LABEL_POD_WORKFLOW
from syncer.controllers.preparing import Prepared, Preparer
from syncer.decide.steps import (
    Adopt,
    ChangeWorkflow,
    CreateWorkflow,
    Keep,
    Mark,
    MarkUndone,
    Own,
    Release,
    Reopen,
    Seen,
    SetFence,
    Show,
    ShowTarget,
    Step,
    WritePlan,
    WriteRecord,
)
from syncer.kube.client import Head, Selection
from syncer.kube.errors import AlreadyExists
from syncer.kube.resources import ARGO_WORKFLOWS, CONFIG_MAPS, EXECUTIONS, PLANS, PODS, RECORDS, Key, Resource
from syncer.records import is_final
from syncer.writing import Writer

Object = Mapping[str, Any]

_AT_ONCE = 8
"""How many of many small writes are under way at once."""


class Actor:
    """Takes steps.

    Args:
        writer: writes.
        preparer: keeps what executions run.
    """

    def __init__(self, writer: Writer, preparer: Preparer) -> None:
        self._writer = writer
        self._preparer = preparer
        self._client = writer.client

    async def act(self, step: Step, seen: Seen, prepared: Prepared | None) -> int:
        """Take a step other than `Rest`; returns the bytes of a status that was written, else 0."""
        match step:
            case Mark():
                await self._mark(step, seen)
            case WritePlan():
                assert seen.plan is not None
                await self._writer.status(PLANS, seen.plan, step.status)
            case Keep():
                assert prepared is not None
                await self._preparer.keep(prepared, seen.execution, self._writer)
            case Show():
                return await self._writer.status(EXECUTIONS, seen.execution, step.status)
            case ShowTarget():
                assert seen.target is not None
                await self._writer.status(EXECUTIONS, seen.target, step.status)
            case SetFence():
                annotations = {**step.annotations, ANNOTATION_FENCE: step.fence.dump()}
                await self._writer.metadata(EXECUTIONS, seen.execution, {"annotations": annotations})
            case CreateWorkflow():
                assert prepared is not None
                await self._create_workflow(seen, prepared)
            case ChangeWorkflow():
                await self._change_workflow(step, seen)
            case WriteRecord():
                await self._write_record(step, seen)
            case MarkUndone():
                await self._mark_undone(step, seen)
            case Reopen():
                await self._reopen(seen)
            case Adopt():
                await self._adopt(seen)
            case Own():
                await self._own(seen, prepared)
            case Release():
                await self._release(seen, prepared)
        return 0

    async def _mark(self, step: Mark, seen: Seen) -> None:
        patch: dict[str, Any] = {"labels": dict(step.labels), "annotations": dict(step.annotations)}
        finalizers = list(seen.metadata.get("finalizers") or ())
        if step.finalizer and FINALIZER_EXECUTION not in finalizers:
            patch["finalizers"] = [*finalizers, FINALIZER_EXECUTION]
        await self._writer.metadata(EXECUTIONS, seen.execution, patch)

    async def _create_workflow(self, seen: Seen, prepared: Prepared) -> None:
        compiled = await self._preparer.compile(prepared, seen.execution, epoch=seen.epoch)
        metadata = {**compiled.workflow["metadata"], "name": seen.workflow_name}
        namespace = metadata["namespace"]
        # The next look tells whose one is that is there already.
        with contextlib.suppress(AlreadyExists):
            await self._writer.create(ARGO_WORKFLOWS, namespace, {**compiled.workflow, "metadata": metadata})
        prepared.compiled = None

    async def _change_workflow(self, step: ChangeWorkflow, seen: Seen) -> None:
        workflow = seen.workflow
        assert workflow is not None
        namespace, name = workflow.metadata.namespace, workflow.metadata.name
        if step.spec is not None:
            # All else is asked for once and for all. A pause that arrives when it was taken back long ago would stay.
            version = workflow.metadata.resource_version if step.spec.get("suspend") else ""
            await self._writer.patch_run(
                namespace,
                name,
                uid=workflow.metadata.uid,
                patch={"spec": dict(step.spec)},
                resource_version=version,
            )
        if step.delete:
            await self._writer.delete(ARGO_WORKFLOWS, Key(namespace, name), uid=workflow.metadata.uid)
        if step.delete_pods:
            await self._delete_all(PODS, namespace, f"{LABEL_POD_WORKFLOW}={name}")

    async def _write_record(self, step: WriteRecord, seen: Seen) -> None:
        await self._writer.change(RECORDS, seen.records[step.record["spec"]["key"]], step.record)

    async def _mark_undone(self, step: MarkUndone, seen: Seen) -> None:
        change = partial(self._writer.change, RECORDS)
        await _at_once([partial(change, seen.undone[each["metadata"]["name"]], each) for each in step.records])

    async def _reopen(self, seen: Seen) -> None:
        writes: list[Callable[[], Awaitable[object]]] = []
        for record in filter(is_final, seen.records.values()):
            labels = {name: value for name, value in record["metadata"]["labels"].items() if name != LABEL_FINAL}
            wanted = {**record, "metadata": {**record["metadata"], "labels": labels}}
            writes.append(partial(self._writer.change, RECORDS, record, wanted))
        await _at_once(writes)

    async def _adopt(self, seen: Seen) -> None:
        """The records first: from the label on the Workflow on its runners look for the execution."""
        name, uid = seen.metadata["name"], seen.metadata["uid"]
        labels = {LABEL_EXECUTION: label_value(name), LABEL_EXECUTION_UID: uid}
        for record in seen.records.values():
            if (record["metadata"].get("labels") or {}).get(LABEL_EXECUTION_UID) != uid:
                metadata = {**record["metadata"], "labels": {**(record["metadata"].get("labels") or {}), **labels}}
                spec = {**record["spec"], "execution": {"name": name, "uid": uid}}
                await self._writer.change(RECORDS, record, {**record, "metadata": metadata, "spec": spec})
        if seen.workflow is not None:
            found = seen.workflow.metadata
            patch = {"metadata": {"labels": {**labels, LABEL_EPOCH: str(seen.epoch)}}}
            await self._writer.patch_run(found.namespace, found.name, uid=found.uid, patch=patch)

    async def _own(self, seen: Seen, prepared: Prepared | None) -> None:
        """The label on the Workflow comes last: it says that the rest is done."""
        owner = {
            "apiVersion": API_VERSION,
            "kind": KIND_EXECUTION,
            "name": seen.metadata["name"],
            "uid": seen.metadata["uid"],
        }
        patch: dict[str, Any] = {"ownerReferences": [owner]}
        final = {**patch, "labels": {LABEL_FINAL: ANNOTATION_TRUE}}
        namespace = seen.metadata["namespace"]
        todo = [Key(namespace, each["metadata"]["name"]) for each in seen.records.values() if not is_final(each)]
        await _at_once([partial(self._writer.touch, RECORDS, key, final) for key in todo])
        for name in _snapshot_names(seen):
            await self._writer.touch(CONFIG_MAPS, Key(namespace, name), patch)
        for name in _spec_names(seen, prepared):
            if not await self._writer.touch(CONFIG_MAPS, Key(namespace, name), patch):
                # Either all specs are in ConfigMaps, or all are in the Workflow.
                break
        if seen.workflow is not None:
            found = seen.workflow.metadata
            await self._writer.touch(ARGO_WORKFLOWS, Key(namespace, found.name), {**final, "uid": found.uid})

    async def _release(self, seen: Seen, prepared: Prepared | None) -> None:
        """Remove what belongs to an execution that is deleted, and let it go."""
        namespace, uid = seen.metadata["namespace"], seen.metadata["uid"]
        ours = f"{LABEL_EXECUTION_UID}={uid}"
        await self._delete_all(ARGO_WORKFLOWS, namespace, ours)
        await self._delete_all(RECORDS, namespace, ours)
        for name in _spec_names(seen, prepared):
            await self._writer.delete(CONFIG_MAPS, Key(namespace, name))
        # The first part last: without it nobody knows how many there are.
        for name in reversed(_snapshot_names(seen)):
            await self._writer.delete(CONFIG_MAPS, Key(namespace, name))
        left = [each for each in seen.metadata["finalizers"] if each != FINALIZER_EXECUTION]
        await self._writer.release(EXECUTIONS, seen.execution, left)

    async def _delete_all(self, resource: Resource, namespace: str, labels: str) -> None:
        selection = Selection(resource, namespace, labels=labels, metadata_only=True)
        found = [
            msgspec.json.decode(raw, type=Head).metadata
            async for page in self._client.list(selection)
            for raw in page.items
        ]
        await _at_once([partial(self._writer.delete, resource, each.key, uid=each.uid) for each in found])


def _snapshot_names(seen: Seen) -> list[str]:
    chunks = int((seen.status.get("snapshotRef") or {}).get("chunks") or 1)
    return [snapshot_name(seen.metadata["uid"], number) for number in range(1, chunks + 1)]


def _spec_names(seen: Seen, prepared: Prepared | None) -> list[str]:
    """Names of the ConfigMaps with specs, if there are any; as far as its status tells when its snapshot is lost."""
    uid = seen.metadata["uid"]
    if prepared is None:
        return [spec_name(digest(uid), key) for key in _uses_shown(seen.status)]
    graph: Graph = prepared.graph
    uses = (use for _, use in graph.workflows() if any(action.live for action in use.actions))
    return [spec_name(digest(uid), use.key) for use in uses]


def _uses_shown(status: Object) -> list[str]:
    keys = (
        action.get("key") or ""
        for stage in status.get("stageStatuses") or ()
        for use in stage.get("workflowExecutions") or ()
        for action in (use.get("actionStatuses") or ())[:1]
    )
    return [key.rpartition(".")[0] for key in keys if key]


async def _at_once(writes: list[Callable[[], Awaitable[object]]]) -> None:
    """Do many small writes, some of them at once."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(write: Callable[[], Awaitable[object]]) -> None:
        async with turns:
            await write()

    for done in await asyncio.gather(*map(one, writes), return_exceptions=True):
        if isinstance(done, BaseException):
            raise done
