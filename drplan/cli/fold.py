"""`drplan fold`: the DRPlanExecution that an Argo Workflow object means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compiler.model.names import KIND_ARGO_WORKFLOW, KIND_EXECUTION
from drplan.cli import options
from drplan.errors import InputProblem

if TYPE_CHECKING:
    from compiler.graph.tree import Graph
    from compiler.manifests import Manifests
    from syncer.fold.adopt import Run

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("fold")
@options.files
@click.option("--workflow", "workflow_file", type=_FILE, required=True, metavar="FILE", help="The Argo Workflow.")
@click.option("--records", "records_file", type=_FILE, metavar="FILE", help="DRActionRecords of the run.")
@click.option("--revert", "target_file", type=_FILE, metavar="FILE", help="Of a revert: the execution that it undoes.")
@click.option("--revert-records", "target_records", type=_FILE, metavar="FILE", help="Of a revert: that one's records.")
@options.params
@options.output("json", "yaml", default="json")
def command(
    paths: tuple[str, ...],
    workflow_file: Path,
    records_file: Path | None,
    target_file: Path | None,
    target_records: Path | None,
    params: dict[str, str],
    *,
    output: str,
) -> None:
    """Fold an Argo Workflow into the DRPlanExecution that it means, and print that.

    The plan is in -f, and so may the execution be; without it the execution is made from the Workflow. Files are as
    `kubectl get -o json` prints them.
    """
    from compiler.manifests import load, to_json, to_yaml
    from drplan.targets import first, read_objects, read_records, records_of
    from syncer.fold import fold
    from syncer.fold.adopt import execution_of, keys_in_templates, restrict, run_of
    from syncer.nodes import Unreadable, read_workflow
    from syncer.records import by_key
    from syncer.times import parse_time

    workflow = first(read_objects(workflow_file), KIND_ARGO_WORKFLOW, workflow_file)
    if not isinstance(workflow.get("metadata"), dict) or not workflow["metadata"].get("name"):
        raise InputProblem(f"{workflow_file}: the Workflow has no metadata.name")
    read = read_workflow(workflow)
    if isinstance(read, Unreadable):
        raise InputProblem(f"{workflow_file}: {read.problem}")
    try:
        run, execution = run_of(read), execution_of(read)
    except ValueError as problem:
        raise InputProblem(f"{workflow_file}: {problem}") from None
    graph = _graph(paths, run, params, target=target_file, records=target_records)
    keys = keys_in_templates(workflow)
    if keys is not None:
        graph = restrict(graph, keys, workflow=workflow["metadata"]["name"])
    execution = _given_execution(load(paths), execution["metadata"]["name"]) or _with_params(execution, params)
    now = parse_time((workflow.get("status") or {}).get("finishedAt")) or datetime.now(UTC)
    recorded = read_records(records_file) if records_file else []
    records = by_key(records_of(recorded, {run.uid, read.metadata.uid}))
    folded = {**execution, "status": fold(graph, execution=execution, workflow=read, records=records, now=now)}
    click.echo(to_json(folded) if output == "json" else to_yaml([folded]).rstrip("\n"))


def _graph(
    paths: tuple[str, ...], run: Run, params: Mapping[str, str], *, target: Path | None, records: Path | None
) -> Graph:
    """The graph that the Workflow was compiled from, as far as its plan has not changed since."""
    from compiler.graph import build
    from compiler.model.phases import OperationType
    from drplan.compiling import located
    from drplan.inputs import read
    from drplan.targets import from_file

    if run.operation is OperationType.EXECUTE:
        return read(paths, plan=run.plan, mode=run.mode or None, params=params).graph()
    if target is None or records is None:
        raise InputProblem("the Workflow is a revert; give what it undoes with --revert FILE and --revert-records FILE")
    with located(None):
        return build(from_file(target, records, paths=paths, params=params, name=run.execution, uid=run.uid))


def _given_execution(manifests: Manifests, name: str) -> dict[str, Any] | None:
    for document in manifests.documents:
        if document.ref.kind == KIND_EXECUTION and document.ref.name == name:
            return {key: value for key, value in document.value.items() if key != "status"}
    return None


def _with_params(execution: dict[str, Any], params: Mapping[str, str]) -> dict[str, Any]:
    """An execution that was made from a Workflow, with what that was compiled with: a later revert needs it."""
    if not params:
        return execution
    given = [{"name": name, "value": value} for name, value in params.items()]
    return {**execution, "spec": {**execution["spec"], "params": given}}
