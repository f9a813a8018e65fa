"""Everything that a decision about an execution is made from, from the caches where they can be trusted for it.

What is not in the caches may only just not be there yet. Where a decision hangs on that it does not exist at all, the
API server is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from compiler.model.names import (
    ANNOTATION_CANCEL,
    ANNOTATION_RETRIED,
    ANNOTATION_RETRY,
    CANCEL_FORCE,
    LABEL_EXECUTION_UID,
)
from compiler.model.phases import ConditionReason, FenceState, OperationType
from syncer.controllers.preparing import Prepared, Preparer, identity_of
from syncer.decide.binding import own_workflow
from syncer.decide.fence import Fence
from syncer.decide.lifecycle import is_given_up
from syncer.decide.outcome import Refuse, Start
from syncer.decide.recorded import is_recorded
from syncer.decide.start import may_start
from syncer.decide.steps import DRAIN_LIMIT, Seen
from syncer.fold.stalls import Stall
from syncer.keeping import Damaged
from syncer.kube.client import Client, Selection
from syncer.kube.errors import NotFound
from syncer.kube.resources import ARGO_WORKFLOWS, EXECUTIONS, NAMESPACES, PODS, RECORDS, Key
from syncer.nodes import Unreadable, Workflow, read_workflow
from syncer.observed import Observed, read_record
from syncer.times import parse_time

Object = Mapping[str, Any]

LABEL_POD_WORKFLOW = "workflows.argoproj.io/workflow"
"""Label that Argo puts on the pods of a Workflow, with its name."""

_RUNNING_PODS = "status.phase!=Pending,status.phase!=Succeeded,status.phase!=Failed"
"""Pods in which something may act: what is Pending looks at the fence before it does, and what has ended is over."""


class Gatherer:
    """Gathers what is known of executions."""

    def __init__(
        self, client: Client, observed: Observed, preparer: Preparer, *, drain_limit: timedelta = DRAIN_LIMIT
    ) -> None:
        self._client = client
        self._observed = observed
        self._preparer = preparer
        self._drain_limit = drain_limit
        self._confirmed: dict[str, tuple[int, int]] = {}
        """Epoch and run of the executions, by uid, whose records at their end are known to be in view."""

    async def gather(self, execution: Object) -> tuple[Seen, Prepared | None]:
        """Gather what is known of an execution, and what it runs.

        Raises:
            Damaged: what it runs cannot be read back.
            FenceError: its fence cannot be read.
        """
        namespace = execution["metadata"]["namespace"]
        retries = _asks_for_retry(execution)
        if retries:
            # What it has come to is not in the caches any more.
            execution = await self.execution(namespace, execution["metadata"]["name"]) or execution
        metadata, status = execution["metadata"], execution.get("status") or {}
        plan = self._observed.plan(namespace, execution["spec"]["planRef"])
        bare = Seen(
            execution=execution,
            plan=plan,
            now=datetime.now(UTC),
            drain_limit=self._drain_limit,
            vanishing=bool(metadata.get("deletionTimestamp")) and await self._is_vanishing(namespace),
        )
        if is_given_up(bare):
            return bare, None
        fence = Fence.of(execution)
        epoch = fence.epoch if fence is not None else int(status.get("epoch") or 1)
        records = await self.all_records(execution) if retries else self._records(execution)
        finished = bare.phase.terminal and is_recorded(execution) and not bare.runs_again
        target = None if finished or (bare.shown and not bare.phase.terminal) else await self._target(execution)
        holder = await self._holder(plan)
        found: Prepared | Refuse | None = None
        damage = ""
        if bool(metadata.get("deletionTimestamp")) or not (finished or (bare.phase.terminal and not bare.shown)):
            found, damage = await self._prepared(bare, target=target, holder=holder, epoch=epoch, records=records)
        elif retries and finished:
            found = await self._preparer.next_epoch(execution, epoch=epoch + 1, records=records)
        prepared = found if isinstance(found, Prepared) else None
        name = (fence.workflow if fence is not None else "") or (status.get("workflowRef") or {}).get("name") or ""
        adopted = execution["spec"].get("adoptWorkflow") or {}
        name = name or adopted.get("name") or (prepared.workflow_name if prepared else "")
        workflow, stall = await self._workflow(execution, name, certain=bare.shown and not finished)
        if finished and not retries and workflow is not None and not workflow.complete:
            records = await self.all_records(execution)
        if _closes(bare, fence, workflow) and await self._confirm_records(execution, fence):
            records = self._records(execution)
        ends = bare.phase.terminal and bare.shown and not finished
        seen = replace(
            bare,
            holder=holder,
            target=target,
            graph=prepared.graph if prepared else None,
            refusal=found if isinstance(found, Refuse) else None,
            workflow_name=name,
            next_workflow=prepared.workflow_name if prepared and finished else "",
            identity=identity_of(prepared, epoch=epoch) if prepared else {},
            damage=damage,
            kept=prepared is not None and prepared.kept is not None,
            workflow=workflow,
            stall=stall,
            empty=prepared is not None and prepared.empty,
            records=records,
            unlabelled=bool(adopted) and not finished and _unlabelled(workflow, records, uid=metadata["uid"]),
            undone=await self._undone(target) if ends and target is not None else {},
            **await self._pods(bare, workflow, name=name, fence=fence),
        )
        return seen, prepared

    def forget(self, uid: str) -> None:
        """Forget what an execution ran that has ended."""
        self._preparer.forget(uid)
        self._confirmed.pop(uid, None)

    async def _pods(self, seen: Seen, workflow: Workflow | None, *, name: str, fence: Fence | None) -> dict[str, Any]:
        """What `Seen` says of the pods of a Workflow, where something hangs on it."""
        namespace = seen.metadata["namespace"]
        if name and _is_forced(seen):
            found = await self._heads(namespace, name)
            return {"pods": bool(found), "doomed": all(each.get("deletionTimestamp") for each in found)}
        if workflow is not None and workflow.spec.suspend and _is_draining(fence):
            return {"idle": not await self._heads(namespace, name, fields=_RUNNING_PODS)}
        return {}

    async def _heads(self, namespace: str, workflow: str, *, fields: str = "") -> list[Object]:
        """Metadata of the pods of a Workflow for which a field selector is right."""
        labels = f"{LABEL_POD_WORKFLOW}={workflow}"
        selection = Selection(PODS, namespace, labels=labels, fields=fields, metadata_only=True)
        return [
            msgspec.json.decode(raw)["metadata"] async for page in self._client.list(selection) for raw in page.items
        ]

    async def execution(self, namespace: str, name: str) -> Object | None:
        """An execution as it is now, whole; None when it does not exist."""
        try:
            return (await self._client.get(EXECUTIONS, Key(namespace, name))).object
        except NotFound:
            return None

    async def all_records(self, execution: Object) -> dict[str, dict[str, Any]]:
        """The records of an execution by action key, although its end is recorded and they are in view no more."""
        metadata = execution["metadata"]
        selection = Selection(RECORDS, metadata["namespace"], labels=f"{LABEL_EXECUTION_UID}={metadata['uid']}")
        found = [read_record(raw) async for page in self._client.list(selection) for raw in page.items]
        return {record["spec"]["key"]: record for record in found}

    async def _confirm_records(self, execution: Object, fence: Fence | None) -> bool:
        """See to it that the last records of a run are in view; tells whether that had still to be done.

        The watch of records may be behind that of Workflows, and what a run has come to is decided once.
        """
        metadata = execution["metadata"]
        generation = fence.generation if fence is not None else (1, 1)
        if self._confirmed.get(metadata["uid"]) == generation:
            return False
        selection = Selection(RECORDS, metadata["namespace"], labels=f"{LABEL_EXECUTION_UID}={metadata['uid']}")
        async for page in self._client.list(selection):
            for raw in page.items:
                self._observed.records.wrote(bytes(raw))
        self._confirmed[metadata["uid"]] = generation
        return True

    def _records(self, execution: Object) -> dict[str, dict[str, Any]]:
        adopted = execution["spec"].get("adoptWorkflow") or {}
        ours = self._observed.records_of(execution["metadata"]["uid"])
        return self._observed.records_of_run(adopted["uid"]) | ours if adopted.get("uid") else ours

    async def _prepared(
        self, seen: Seen, *, target: Object | None, holder: Object | None, epoch: int, records: Mapping[str, Object]
    ) -> tuple[Prepared | Refuse | None, str]:
        """What an execution runs, or why it cannot run; and what is wrong with what it has begun to run."""
        if not seen.shown:
            answer = may_start(seen.execution, plan=seen.plan, current=holder, target=target, now=seen.now)
            if not isinstance(answer, Start):
                return None, ""
        try:
            found = await self._preparer.read_back(seen.execution, epoch=epoch, records=records)
        except Damaged as problem:
            if not seen.shown and not seen.metadata.get("deletionTimestamp"):
                raise
            return None, str(problem)
        if found is None and seen.shown:
            name = (seen.status.get("snapshotRef") or {}).get("name")
            return None, f"the snapshot of what it runs is gone: there is no ConfigMap {name}"
        if found is None:
            return await self._preparer.make(seen.execution, plan=seen.plan, target=target), ""
        return found, ""

    async def _target(self, execution: Object) -> Object | None:
        """The execution that a Revert undoes, with its tree, which the caches have let go of."""
        spec = execution["spec"]
        if spec["operationType"] != OperationType.REVERT or not spec.get("revertExecutionRef"):
            return None
        return await self.execution(execution["metadata"]["namespace"], spec["revertExecutionRef"])

    async def _holder(self, plan: Object | None) -> Object | None:
        held = ((plan or {}).get("status") or {}).get("currentExecution")
        if plan is None or not held:
            return None
        namespace = held.get("namespace") or plan["metadata"]["namespace"]
        known = self._observed.execution(namespace, held["name"])
        if known is not None and held.get("uid") in (None, known["metadata"]["uid"]):
            return known
        return await self.execution(namespace, held["name"])

    async def _workflow(self, execution: Object, name: str, *, certain: bool) -> tuple[Workflow | None, Stall | None]:
        """The Workflow of an execution, and what keeps it from being seen, or from being made."""
        namespace = execution["metadata"]["namespace"]
        found = self._observed.run(namespace, name) if name else None
        if found is None and name and certain:
            try:
                read = read_workflow((await self._client.get(ARGO_WORKFLOWS, Key(namespace, name))).body)
            except NotFound:
                return None, None
            if isinstance(read, Unreadable):
                return None, Stall(ConditionReason.NODES_UNREADABLE, read.problem)
            found = read
        own, in_the_way = own_workflow(found, execution)
        return own, Stall(ConditionReason.WORKFLOW_CONFLICT, in_the_way) if in_the_way and certain else None

    async def _is_vanishing(self, namespace: str) -> bool:
        try:
            found = (await self._client.get(NAMESPACES, Key("", namespace))).object
        except NotFound:
            return True
        return bool(found["metadata"].get("deletionTimestamp"))

    async def _undone(self, target: Object) -> dict[str, Object]:
        records = await self.all_records(target)
        return {record["metadata"]["name"]: record for record in records.values()}


def _asks_for_retry(execution: Object) -> bool:
    annotations = execution["metadata"].get("annotations") or {}
    wanted = annotations.get(ANNOTATION_RETRY)
    return bool(wanted) and wanted != annotations.get(ANNOTATION_RETRIED) and is_recorded(execution)


def _closes(seen: Seen, fence: Fence | None, workflow: Workflow | None) -> bool:
    """Whether the end of a run is decided next: nobody acts any more."""
    if not seen.shown or (seen.phase.terminal and not seen.runs_again):
        return False
    closed = fence is not None and fence.state is FenceState.CLOSED
    return closed and (workflow is None or workflow.complete)


def _unlabelled(workflow: Workflow | None, records: Mapping[str, Object], *, uid: str) -> bool:
    labels = [(record["metadata"].get("labels") or {}) for record in records.values()]
    if workflow is not None:
        labels.append(workflow.metadata.labels or {})
    return any(each.get(LABEL_EXECUTION_UID) != uid for each in labels)


def _is_draining(fence: Fence | None) -> bool:
    return fence is not None and fence.state is FenceState.DRAINING


def _is_forced(seen: Seen) -> bool:
    annotations = seen.metadata.get("annotations") or {}
    deleted = parse_time(seen.metadata.get("deletionTimestamp"))
    overdue = deleted is not None and seen.now - deleted >= seen.drain_limit
    return seen.shown and (annotations.get(ANNOTATION_CANCEL) == CANCEL_FORCE or overdue)
