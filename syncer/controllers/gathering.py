"""Everything that a decision about an execution is made from, from the caches where they can be trusted for it.

What is not in the caches may only just not be there yet. Where a decision hangs on that it does not exist at all, the
API server is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from compiler.model.names import (
    ANNOTATION_CANCEL,
    ANNOTATION_RETRIED,
    ANNOTATION_RETRY,
    CANCEL_FORCE,
    LABEL_EXECUTION_UID,
)
from compiler.model.phases import OperationType
from syncer.controllers.preparing import Prepared, Preparer, identity_of
from syncer.decide.fence import Fence
from syncer.decide.outcome import Refuse, Start
from syncer.decide.recorded import is_recorded
from syncer.decide.start import may_start
from syncer.decide.steps import DRAIN_LIMIT, Seen
from syncer.kube.client import Client, Selection
from syncer.kube.errors import NotFound
from syncer.kube.resources import ARGO_WORKFLOWS, EXECUTIONS, PODS, Key
from syncer.nodes import Unreadable, Workflow, read_workflow
from syncer.observed import Observed
from syncer.times import parse_time

Object = Mapping[str, Any]

LABEL_POD_WORKFLOW = "workflows.argoproj.io/workflow"
"""Label that Argo puts on the pods of a Workflow, with its name."""


class Gatherer:
    """Gathers what is known of executions."""

    def __init__(
        self, client: Client, observed: Observed, preparer: Preparer, *, drain_limit: timedelta = DRAIN_LIMIT
    ) -> None:
        self._client = client
        self._observed = observed
        self._preparer = preparer
        self._drain_limit = drain_limit

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
        bare = Seen(execution=execution, plan=plan, now=datetime.now(UTC), drain_limit=self._drain_limit)
        fence = Fence.of(execution)
        epoch = fence.epoch if fence is not None else int(status.get("epoch") or 1)
        records = self._records(execution)
        finished = bare.phase.terminal and is_recorded(execution) and not bare.runs_again
        target = None if finished or (bare.shown and not bare.phase.terminal) else await self._target(execution)
        holder = await self._holder(plan)
        found: Prepared | Refuse | None = None
        if bool(metadata.get("deletionTimestamp")) or not (finished or (bare.phase.terminal and not bare.shown)):
            found = await self._prepared(bare, target=target, holder=holder, epoch=epoch, records=records)
        elif retries and finished:
            found = await self._preparer.next_epoch(execution, epoch=epoch + 1, records=records)
        prepared = found if isinstance(found, Prepared) else None
        name = (fence.workflow if fence is not None else "") or (status.get("workflowRef") or {}).get("name") or ""
        adopted = execution["spec"].get("adoptWorkflow") or {}
        name = name or adopted.get("name") or (prepared.workflow_name if prepared else "")
        workflow = await self._workflow(namespace, name, certain=bare.shown and not finished)
        seen = Seen(
            execution=execution,
            plan=plan,
            now=bare.now,
            holder=holder,
            target=target,
            graph=prepared.graph if prepared else None,
            refusal=found if isinstance(found, Refuse) else None,
            workflow_name=name,
            next_workflow=prepared.workflow_name if prepared and finished else "",
            identity=identity_of(prepared, epoch=epoch) if prepared else {},
            kept=prepared is not None and prepared.kept is not None,
            workflow=workflow,
            empty=prepared is not None and prepared.empty,
            records=records,
            unlabelled=bool(adopted) and not finished and _unlabelled(workflow, records, uid=metadata["uid"]),
            undone=self._undone(target) if status else {},
            drain_limit=self._drain_limit,
            pods=_is_forced(bare) and bool(name) and await self.has_pods(namespace, name),
        )
        return seen, prepared

    def forget(self, uid: str) -> None:
        """Forget what an execution ran that has ended."""
        self._preparer.forget(uid)

    async def has_pods(self, namespace: str, workflow: str) -> bool:
        """Whether pods of a Workflow exist."""
        selection = Selection(PODS, namespace, labels=f"{LABEL_POD_WORKFLOW}={workflow}", metadata_only=True)
        async for page in self._client.list(selection, page=1):
            return bool(page.items)
        return False

    async def execution(self, namespace: str, name: str) -> Object | None:
        """An execution as it is now, whole; None when it does not exist."""
        try:
            return (await self._client.get(EXECUTIONS, Key(namespace, name))).object
        except NotFound:
            return None

    def _records(self, execution: Object) -> dict[str, dict[str, Any]]:
        adopted = execution["spec"].get("adoptWorkflow") or {}
        ours = self._observed.records_of(execution["metadata"]["uid"])
        return self._observed.records_of_run(adopted["uid"]) | ours if adopted.get("uid") else ours

    async def _prepared(
        self, seen: Seen, *, target: Object | None, holder: Object | None, epoch: int, records: Mapping[str, Object]
    ) -> Prepared | Refuse | None:
        if not seen.shown:
            answer = may_start(seen.execution, plan=seen.plan, current=holder, target=target, now=seen.now)
            if not isinstance(answer, Start):
                return None
        found = await self._preparer.read_back(seen.execution, epoch=epoch, records=records)
        if found is None and not seen.shown:
            return await self._preparer.make(seen.execution, plan=seen.plan, target=target)
        return found

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

    async def _workflow(self, namespace: str, name: str, *, certain: bool) -> Workflow | None:
        known = self._observed.run(namespace, name) if name else None
        if known is not None or not name or not certain:
            return known
        try:
            read = read_workflow((await self._client.get(ARGO_WORKFLOWS, Key(namespace, name))).body)
        except NotFound:
            return None
        if isinstance(read, Unreadable):
            raise ValueError(read.problem)
        return read

    def _undone(self, target: Object | None) -> dict[str, Object]:
        if target is None:
            return {}
        records = self._observed.records_of(target["metadata"]["uid"])
        return {record["metadata"]["name"]: record for record in records.values()}


def _asks_for_retry(execution: Object) -> bool:
    annotations = execution["metadata"].get("annotations") or {}
    wanted = annotations.get(ANNOTATION_RETRY)
    return bool(wanted) and wanted != annotations.get(ANNOTATION_RETRIED) and is_recorded(execution)


def _unlabelled(workflow: Workflow | None, records: Mapping[str, Object], *, uid: str) -> bool:
    labels = [(record["metadata"].get("labels") or {}) for record in records.values()]
    if workflow is not None:
        labels.append(workflow.metadata.labels or {})
    return any(each.get(LABEL_EXECUTION_UID) != uid for each in labels)


def _is_forced(seen: Seen) -> bool:
    annotations = seen.metadata.get("annotations") or {}
    deleted = parse_time(seen.metadata.get("deletionTimestamp"))
    overdue = deleted is not None and seen.now - deleted >= seen.drain_limit
    return seen.shown and (annotations.get(ANNOTATION_CANCEL) == CANCEL_FORCE or overdue)
