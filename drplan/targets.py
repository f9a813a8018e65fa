"""The execution that a revert undoes, gathered from the state folder or from files, and the snapshot of its revert."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from compiler.graph.snapshot import ExecutionInput, Snapshot
from compiler.graph.target import snapshot_of_revert
from compiler.graph.tree import Graph
from compiler.model.execution import DRPlanExecution
from compiler.model.names import KIND_EXECUTION, KIND_RECORD
from compiler.model.phases import OperationType
from drplan.errors import InputProblem
from drplan.inputs import parameters, read


def revert_snapshot(
    target: Mapping[str, Any],
    records: Iterable[Mapping[str, Any]],
    snapshot: Snapshot,
    *,
    name: str = "",
    uid: str = "",
    params: Mapping[str, str] | None = None,
    force: bool = False,
) -> Snapshot:
    """Make the snapshot of a revert.

    Args:
        target: the DRPlanExecution that is undone, with its status.
        records: its DRActionRecords.
        snapshot: its snapshot.
        name: name of the revert's execution.
        uid: uid of the revert's execution.
        params: parameters of the revert.
        force: whether it undoes what may have been undone already.
    """
    execution = ExecutionInput(
        name=name,
        namespace=snapshot.namespace,
        uid=uid,
        operation=OperationType.REVERT,
        params=parameters(params or {}),
        force=force,
    )
    return snapshot_of_revert(execution, target=target, records=records, snapshot=snapshot)


def from_state(state: Path, namespace: str, name: str, *, params: Mapping[str, str], force: bool = False) -> Snapshot:
    """Make the snapshot of a revert of an execution in the state folder.

    Args:
        state: the folder of `--state`.
        namespace: namespace of the execution.
        name: its name.
        params: parameters of the revert.
        force: whether it undoes what may have been undone already.

    Raises:
        InputProblem: there is no such execution, or its files are damaged.
    """
    from drplan.engine.api import recorded
    from drplan.view.recorded import Recorded
    from syncer.decide.start import not_an_execute

    problem = not_an_execute(name, Recorded(state, namespace).execution(name))
    if problem:
        raise InputProblem(problem)
    target = recorded(state, namespace, name)
    return revert_snapshot(target.execution, target.records, target.snapshot, params=params, force=force)


def from_file(
    execution: Path,
    records: Path,
    *,
    paths: Sequence[str],
    params: Mapping[str, str],
    name: str = "",
    uid: str = "",
    force: bool = False,
) -> Snapshot:
    """Make the snapshot of a revert of an execution that is given as files.

    Args:
        execution: what `drplan fold` printed, or `kubectl get dre NAME -o json`.
        records: a List or stream of DRActionRecords.
        paths: manifests of plan and workflows as they were.
        params: parameters of the revert.
        name: name of the revert's execution.
        uid: uid of the revert's execution.
        force: whether it undoes what may have been undone already.

    Raises:
        InputProblem: a file is not what it should be, or the manifests are not those that were run.
    """
    target = first(read_objects(execution), KIND_EXECUTION, execution)
    try:
        model = DRPlanExecution.model_validate(target)
    except ValueError as problem:
        raise InputProblem(f"{execution}: not a DRPlanExecution: {problem}") from None
    if not model.metadata.name:
        raise InputProblem(f"{execution}: the DRPlanExecution has no metadata.name")
    given = read(paths, plan=model.spec.plan_ref)
    given = given.with_execution(ExecutionInput.of(model))
    status = target.get("status") or {}
    found = records_of(read_records(records), {model.metadata.uid, (status.get("workflowRef") or {}).get("uid")})
    if not found and status.get("stageStatuses"):
        raise InputProblem(f"{records}: holds no record of execution {model.metadata.name}; nothing could be undone")
    _refuse_other_manifests(given.graph(), found, records)
    return revert_snapshot(target, found, given.snapshot, name=name, uid=uid, params=params, force=force)


def records_of(records: Iterable[dict[str, Any]], uids: Collection[str | None]) -> list[dict[str, Any]]:
    """Those records that belong to a run, of however many runs there are records.

    Args:
        records: the records.
        uids: uids of the execution and of its Workflow, as far as they are known; without any, all are its.
    """
    known = set(filter(None, uids))
    return [record for record in records if not known or known & set(_runs_of(record))]


def _runs_of(record: Mapping[str, Any]) -> Iterator[str]:
    for owner in ("execution", "workflow"):
        uid = (record["spec"].get(owner) or {}).get("uid")
        if uid:
            yield uid


def _refuse_other_manifests(graph: Graph, records: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Undoing an action by the record of another one would leave both half done."""
    actions = {action.key: action for action in graph.actions()}
    problems = []
    for record in records:
        spec = record["spec"]
        action, done = actions.get(spec["key"]), spec.get("action") or {}
        if action is None or (action.name, action.type) != (done.get("name"), done.get("type")):
            now = "no action" if action is None else f"{action.type} action {action.name}"
            was = f"{done.get('type')} action {done.get('name')}"
            problems.append(f"{path}: {spec['key']} was {was} and is {now} in the manifests; give those that were run")
    if problems:
        raise InputProblem(problems)


def read_objects(path: Path) -> list[dict[str, Any]]:
    """Read the objects of a JSON or YAML file; a List is expanded.

    Raises:
        InputProblem: the file cannot be read.
    """
    from compiler.manifests import load

    manifests = load([str(path)])
    if manifests.problems:
        raise InputProblem(str(problem) for problem in manifests.problems)
    return [document.value for document in manifests.documents]


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the DRActionRecords of a JSON or YAML file.

    Raises:
        InputProblem: the file cannot be read, or a record in it says nothing about an action.
    """
    found = [record for record in read_objects(path) if record.get("kind") == KIND_RECORD]
    for record in found:
        metadata, spec, state = (record.get(name) for name in ("metadata", "spec", "state"))
        named = isinstance(metadata, dict) and metadata.get("name")
        if not named or not isinstance(spec, dict) or not spec.get("key") or not isinstance(state or {}, dict):
            raise InputProblem(f"{path}: a {KIND_RECORD} without metadata.name, spec.key or state")
    return found


def first(objects: Iterable[dict[str, Any]], kind: str, path: Path) -> dict[str, Any]:
    """The first object of a kind.

    Raises:
        InputProblem: there is none.
    """
    for found in objects:
        if found.get("kind") == kind:
            return found
    raise InputProblem(f"{path}: holds no {kind}")
