"""`drplan compile`: the Argo Workflow or WorkflowTemplate of a plan, or the Workflow of a revert."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drplan.cli import options
from drplan.cli.printing import say

if TYPE_CHECKING:
    from compiler.argo import Compiled


@click.command("compile")
@click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    type=click.Path(allow_dash=True),
    metavar="PATH",
    help="Manifest, or folder of manifests; - reads standard input. Repeatable.",
)
@options.plan
@click.option("--execution", metavar="NAME", help="A DRPlanExecution among the manifests that the Workflow is for.")
@options.mode
@options.params
@click.option("--template", is_flag=True, help="Make the WorkflowTemplate behind the Argo UI's Submit form.")
@click.option(
    "--revert",
    metavar="EXECUTION",
    help="Make the Workflow that undoes this execution: its name in --state, or a file of it (with --records).",
)
@click.option("--records", type=click.Path(path_type=Path), metavar="FILE", help="DRActionRecords of that execution.")
@options.force_revert
@options.state
@options.output("yaml", "json", default="yaml")
@options.no_validation_noise
def command(
    paths: tuple[str, ...],
    plan: str | None,
    execution: str | None,
    mode: str | None,
    params: dict[str, str],
    *,
    template: bool,
    revert: str | None,
    records: Path | None,
    force: bool,
    state: Path,
    namespace: str,
    output: str,
    quiet: bool,
) -> None:
    """Compile a plan into an Argo Workflow that `argo submit` takes.

    Specs that do not fit into the Workflow come as ConfigMaps before it. The same input gives the same bytes.
    """
    from compiler.manifests import to_json, to_yaml

    if revert is not None:
        if template or execution or mode:
            raise click.UsageError("--revert takes no --template, --execution or --mode: it undoes what was recorded")
        compiled = _revert(paths, revert, records, params, state=state, namespace=namespace, force=force)
    elif force:
        raise click.UsageError("--force goes with --revert")
    else:
        compiled = _forward(paths, plan, execution, mode, params, template=template, quiet=quiet)
    if output == "yaml":
        click.echo(to_yaml(compiled.objects), nl=False)
    elif len(compiled.objects) == 1:
        click.echo(to_json(compiled.objects[0]))
    else:
        click.echo(to_json({"apiVersion": "v1", "kind": "List", "items": compiled.objects}))


def _forward(
    paths: tuple[str, ...],
    plan: str | None,
    execution: str | None,
    mode: str | None,
    params: dict[str, str],
    *,
    template: bool,
    quiet: bool,
) -> Compiled:
    from compiler.argo import ExecutionRef, compile_template, compile_workflow
    from drplan.compiling import located
    from drplan.inputs import read

    if not paths:
        raise click.UsageError("give the manifests with -f")
    given = read(paths, plan=plan, execution=execution, mode=mode, params=params)
    if not quiet:
        for warning in given.warnings:
            say(str(warning))
    graph = given.graph()
    made = given.snapshot.execution
    with located(given.manifests):
        if template:
            return compile_template(graph)
        return compile_workflow(graph, execution=ExecutionRef(made.name, made.uid) if made.uid else None)


def _revert(
    paths: tuple[str, ...],
    revert: str,
    records: Path | None,
    params: dict[str, str],
    *,
    state: Path,
    namespace: str,
    force: bool,
) -> Compiled:
    from compiler.argo import compile_workflow
    from compiler.graph import build
    from drplan.compiling import located
    from drplan.targets import from_file, from_state

    if records is not None or Path(revert).is_file():
        if not paths or records is None:
            raise click.UsageError("a revert from files needs --revert FILE, --records FILE and the manifests with -f")
        snapshot = from_file(Path(revert), records, paths=paths, params=params, force=force)
    else:
        snapshot = from_state(state, namespace, revert, params=params, force=force)
    with located(None):
        return compile_workflow(build(snapshot), execution=None)
