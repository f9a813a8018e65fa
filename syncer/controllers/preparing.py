"""What an execution runs: made from plan, workflows and target while it has not begun, read back ever after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from compiler.argo import Compiled, ExecutionRef, compile_workflow
from compiler.argo.identity import Identity
from compiler.graph.parameters import resolved_parameters
from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id
from compiler.graph.target import snapshot_of_revert
from compiler.graph.tree import Graph
from compiler.model.execution import DRPlanExecution
from compiler.model.names import KIND_EXECUTION, LABEL_EXECUTION_UID, digest, workflow_name
from compiler.model.phases import ConditionReason, OperationType
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from compiler.problems import CompilerError, PlanTooLarge, Refused
from syncer import keeping
from syncer.controllers.plans import workflows_of
from syncer.decide.missing import told, without_record
from syncer.decide.outcome import Refuse
from syncer.decide.retry import graph_of
from syncer.fold.adopt import keys_in_templates, restrict
from syncer.keeping import Damaged, SnapshotRef
from syncer.kube.client import Client, Selection
from syncer.kube.errors import Forbidden, NotFound
from syncer.kube.resources import ARGO_WORKFLOWS, RECORDS, SERVICE_ACCOUNTS, Key
from syncer.observed import Observed
from syncer.records import Records
from syncer.runner_config import runner_config
from syncer.writing import Writer

Object = Mapping[str, Any]
ManifestValues = Callable[[Snapshot], Awaitable[Mapping[str, str] | Refuse]]
"""Reads what parameters take from manifests, or says why that cannot be done."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEPT_METADATA = ("name", "namespace", "uid", "generation", "labels", "annotations")


@dataclass(slots=True)
class Prepared:
    """What an epoch of an execution runs.

    Attributes:
        snapshot: plan, workflows and input.
        graph: the graph of this epoch.
        kept: where the snapshot is kept; None as long as it is not.
        versions: what it was made from, as long as it is not kept.
        workflow_name: name of its Workflow.
        compiled: its Workflow; None when it has not been needed since the syncer started.
    """

    snapshot: Snapshot
    graph: Graph
    kept: SnapshotRef | None
    versions: tuple[object, ...] = ()
    workflow_name: str = ""
    compiled: Compiled | None = None
    identity: dict[str, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing is to run, so that there is no Workflow."""
        return not any(stage.live for stage in self.graph.stages)


class Preparer:
    """Makes and remembers what executions run.

    Args:
        client: the API server.
        observed: the caches.
        manifest_values: reads what parameters take from manifests; None where that is not supported.
        runner_defaults: folder of what holds for the runners of all namespaces.
    """

    def __init__(
        self,
        client: Client,
        observed: Observed,
        *,
        manifest_values: ManifestValues | None = None,
        runner_defaults: Path | None = None,
    ) -> None:
        self._client = client
        self._observed = observed
        self._manifest_values = manifest_values
        self._runner_defaults = runner_defaults
        self._known: dict[tuple[str, int], Prepared] = {}

    def forget(self, uid: str) -> None:
        """Forget an execution that has ended."""
        for key in [key for key in self._known if key[0] == uid]:
            del self._known[key]

    async def read_back(self, execution: Object, *, epoch: int, records: Records) -> Prepared | None:
        """What an execution runs as it was kept; None when it was not.

        Raises:
            Damaged: it cannot be read.
        """
        uid = execution["metadata"]["uid"]
        known = self._known.get((uid, epoch))
        if known is not None and known.kept is not None:
            return known
        found = await keeping.kept(self._client, namespace=execution["metadata"]["namespace"], uid=uid)
        if found is None:
            return None
        reference, snapshot = found
        if known is not None and known.snapshot.hash() == reference.hash:
            known.kept = reference
            return known
        graph = await self._as_adopted(await asyncio.to_thread(graph_of, snapshot, records, epoch), execution)
        return self._remember(Prepared(snapshot, graph, reference), uid=uid, epoch=epoch)

    async def next_epoch(self, execution: Object, *, epoch: int, records: Records) -> Prepared | Refuse:
        """What a retry of an execution is going to run, compiled."""
        name = execution["metadata"]["name"]
        try:
            prepared = await self.read_back(execution, epoch=epoch, records=records)
            if prepared is None:
                return Refuse(ConditionReason.COMPILE_FAILED, f"execution {name}: there is no snapshot of what it ran")
            if not prepared.empty:
                await self.compile(prepared, execution, epoch=epoch)
        except (CompilerError, Damaged) as problem:
            return Refuse(ConditionReason.COMPILE_FAILED, str(problem))
        return prepared

    async def make(self, execution: Object, *, plan: Object | None, target: Object | None) -> Prepared | Refuse:
        """What an execution that has not begun is going to run."""
        uid = execution["metadata"]["uid"]
        workflows = [] if plan is None or target is not None else workflows_of(self._observed, plan)
        versions = tuple(_version(each) for each in (plan, target, *workflows))
        known = self._known.get((uid, 1))
        if known is not None and known.versions == versions:
            return known
        try:
            snapshot = await self._snapshot(execution, plan=plan, target=target, workflows=workflows)
            if isinstance(snapshot, Refuse):
                return snapshot
            graph = await self._as_adopted(await asyncio.to_thread(graph_of, snapshot, {}, 1), execution)
        except (CompilerError, ValidationError) as problem:
            return _refusal(problem, revert=target is not None)
        refusal = await self._account_missing(graph)
        if refusal is not None:
            return refusal
        prepared = Prepared(snapshot, graph, None, versions)
        if not prepared.empty and not execution["spec"].get("adoptWorkflow"):
            try:
                await self.compile(prepared, execution, epoch=1)
            except CompilerError as problem:
                return _refusal(problem, revert=target is not None)
        return self._remember(prepared, uid=uid, epoch=1)

    async def compile(self, prepared: Prepared, execution: Object, *, epoch: int) -> Compiled:
        """The Workflow of what an execution runs.

        Raises:
            CompilerError: it cannot be compiled.
        """
        if prepared.compiled is None:
            metadata = execution["metadata"]
            config = await runner_config(self._client, prepared.graph.namespace, defaults=self._runner_defaults)
            prepared.compiled = await asyncio.to_thread(
                compile_workflow,
                prepared.graph,
                execution=ExecutionRef(metadata["name"], metadata["uid"]),
                epoch=epoch,
                config=config,
                snapshot_hash=prepared.snapshot.hash(),
            )
            prepared.workflow_name = prepared.compiled.name
        return prepared.compiled

    async def keep(self, prepared: Prepared, execution: Object, writer: Writer) -> None:
        """Write snapshot and specs."""
        metadata = execution["metadata"]
        reference, maps = _snapshot_maps(prepared, execution)
        specs = prepared.compiled.config_maps if prepared.compiled is not None else []
        await keeping.keep(writer, [*specs, *maps], uid=metadata["uid"])
        prepared.kept = reference

    def _remember(self, prepared: Prepared, *, uid: str, epoch: int) -> Prepared:
        graph = prepared.graph
        prepared.workflow_name = prepared.workflow_name or workflow_name(
            graph.plan, revert=graph.revert, identity=digest(uid), epoch=epoch
        )
        self._known[uid, epoch] = prepared
        return prepared

    async def _as_adopted(self, graph: Graph, execution: Object) -> Graph:
        """The graph as far as an adopted Workflow has it: the plan may have changed since that was compiled."""
        adopted = execution["spec"].get("adoptWorkflow") or {}
        if not adopted.get("name"):
            return graph
        try:
            key = Key(execution["metadata"]["namespace"], adopted["name"])
            keys = keys_in_templates((await self._client.get(ARGO_WORKFLOWS, key)).object)
        except NotFound:
            return graph
        return graph if keys is None else restrict(graph, keys, workflow=adopted["name"])

    async def _snapshot(
        self, execution: Object, *, plan: Object | None, target: Object | None, workflows: Sequence[Object]
    ) -> Snapshot | Refuse:
        given = ExecutionInput.of(DRPlanExecution.read(execution))
        if given.operation is OperationType.REVERT:
            assert target is not None
            snapshot = await self._snapshot_of_revert(replace(given, mode=""), target)
        else:
            assert plan is not None
            snapshot = Snapshot(
                plan=DRPlan.read(_lasting(plan)),
                workflows=by_id(DRWorkflow.read(_lasting(each)) for each in workflows),
                execution=given,
            )
        if self._manifest_values is None or isinstance(snapshot, Refuse):
            return snapshot
        values = await self._manifest_values(snapshot)
        return values if isinstance(values, Refuse) else replace(snapshot, manifest_values=values)

    async def _snapshot_of_revert(self, given: ExecutionInput, target: Object) -> Snapshot | Refuse:
        metadata = target["metadata"]
        try:
            found = await keeping.kept(self._client, namespace=metadata["namespace"], uid=metadata["uid"])
        except Damaged as problem:
            return Refuse(ConditionReason.TARGET_INVALID, f"execution {metadata['name']} cannot be reverted: {problem}")
        if found is None:
            return Refuse(
                ConditionReason.TARGET_INVALID,
                f"execution {metadata['name']} cannot be reverted: there is no snapshot of what it ran; "
                "undo by hand what it did",
            )
        selection = Selection(RECORDS, metadata["namespace"], labels=f"{LABEL_EXECUTION_UID}={metadata['uid']}")
        records = [
            msgspec.json.decode(raw) async for page in self._client.list(selection, page=100) for raw in page.items
        ]
        lost = next(without_record(target["status"], {each["spec"]["key"] for each in records}), None)
        if lost is not None and not target["spec"].get("adoptWorkflow"):
            return Refuse(
                ConditionReason.TARGET_INVALID,
                f"execution {metadata['name']} cannot be reverted: {told(lost)}; undo by hand what it did",
            )
        return snapshot_of_revert(given, target=target, records=records, snapshot=found[1])

    async def _account_missing(self, graph: Graph) -> Refuse | None:
        try:
            await self._client.get(SERVICE_ACCOUNTS, Key(graph.namespace, graph.service_account), metadata_only=True)
        except NotFound:
            return Refuse(
                ConditionReason.SERVICE_ACCOUNT_NOT_FOUND,
                f"service account {graph.service_account} does not exist in namespace {graph.namespace}; "
                "create it with its Role, as `drplan install` describes",
            )
        except Forbidden:
            # Only the names that the syncer was told of can be looked at: Argo will say it of any other.
            return None
        return None


def _snapshot_maps(prepared: Prepared, execution: Object) -> tuple[SnapshotRef, list[dict[str, Any]]]:
    metadata = execution["metadata"]
    identity = Identity.of(prepared.graph, ExecutionRef(metadata["name"], metadata["uid"]))
    return keeping.snapshot_maps(
        prepared.snapshot,
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        labels=identity.labels(prepared.graph),
    )


def identity_of(prepared: Prepared, *, epoch: int) -> dict[str, Any]:
    """What the first status says of what is run, and no fold can find out."""
    if not prepared.identity and prepared.kept is not None:
        prepared.identity = {
            "epoch": epoch,
            "snapshotRef": prepared.kept.to_json(),
            "resolvedParams": resolved_parameters(prepared.snapshot),
        }
    return prepared.identity


def _version(thing: Object | None) -> object:
    """Changes when what is run changes: its spec, or for a target what is recorded of it."""
    if thing is None:
        return None
    metadata = thing["metadata"]
    return metadata["uid"], metadata["generation"], (thing.get("status") or {}).get("revertedBy")


def _lasting(thing: Object) -> dict[str, Any]:
    """An object without what changes while its spec does not."""
    metadata = {name: thing["metadata"][name] for name in _KEPT_METADATA if name in thing["metadata"]}
    annotations = {name: text for name, text in metadata.get("annotations", {}).items() if name != _LAST_APPLIED}
    return {
        **{name: part for name, part in thing.items() if name != "status"},
        "metadata": metadata | ({"annotations": annotations} if annotations else {}),
    }


def _refusal(problem: CompilerError | ValidationError, *, revert: bool) -> Refuse:
    if isinstance(problem, PlanTooLarge):
        return Refuse(ConditionReason.PLAN_TOO_LARGE, str(problem))
    if isinstance(problem, Refused):
        if revert:
            return Refuse(ConditionReason.TARGET_INVALID, str(problem))
        if any(violation.ref.kind == KIND_EXECUTION for violation in problem.violations):
            return Refuse(ConditionReason.INVALID_PARAMETERS, str(problem))
    return Refuse(ConditionReason.COMPILE_FAILED, str(problem))
