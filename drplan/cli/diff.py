"""`drplan diff`: what changed in a plan since an execution of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drplan.cli import options
from drplan.cli.completion import complete_execution
from drplan.cli.printing import say
from drplan.errors import InputProblem, OutOfReach

if TYPE_CHECKING:
    from compiler.graph.snapshot import ExecutionInput, Snapshot

TEXT, JSON = "text", "json"


@click.command("diff")
@options.files
@click.option(
    "--against",
    required=True,
    metavar="EXECUTION",
    shell_complete=complete_execution,
    help="The execution to compare with, in --state.",
)
@options.mode
@options.params
@options.state
@options.output(TEXT, JSON, default=TEXT)
def command(
    paths: tuple[str, ...],
    against: str,
    mode: str | None,
    params: dict[str, str],
    *,
    state: Path,
    namespace: str,
    output: str,
) -> None:
    """Show what changed in a plan since an execution: stages, workflows and actions added, removed, moved or changed.

    Both sides are compiled with the execution's own mode and parameters, so what is shown is what would run otherwise,
    whichever manifest it comes from; --mode and -p replace them on the side of the manifests. The exit code is 0 with
    and without differences.
    """
    from compiler.graph.forward import forward_graph
    from compiler.manifests import to_json
    from drplan.compiling import located
    from drplan.inputs import read
    from drplan.view.compare import compare
    from drplan.view.difftext import lines
    from drplan.view.terminal import Screen

    recorded = _snapshot(state, namespace, against)
    given = read(paths, plan=recorded.name)
    execution = _input(recorded, given.snapshot, mode=mode, params=params)
    snapshot = replace(given.snapshot, execution=execution, manifest_values=recorded.manifest_values)
    after = replace(given, snapshot=snapshot).graph()
    with located(None):
        before = forward_graph(recorded)
    differences = compare(before, after)
    if output == JSON:
        found = [difference.to_json() for difference in differences]
        click.echo(to_json({"plan": recorded.name, "against": against, "differences": found}), nl=False)
    elif not differences:
        click.echo(f"no differences: plan {recorded.name} is as {against} ran it")
    else:
        screen = Screen.of()
        screen.write(lines(differences, screen.characters))


def _snapshot(state: Path, namespace: str, name: str) -> Snapshot:
    """What an execution ran; for a Revert what the execution ran that it undid."""
    from compiler.graph.snapshot import Snapshot
    from drplan.engine.store import read
    from drplan.view.recorded import Recorded, readable

    recorded = Recorded(state, namespace)
    recorded.execution(name)
    path = recorded.execution_folder(name).snapshot
    with readable():
        content = read(path)
    if content is None:
        raise InputProblem(f"execution {name} ended before anything was compiled: there is no {path} to compare with")
    try:
        snapshot = Snapshot.from_json(content)
    except (ValueError, LookupError) as problem:
        raise OutOfReach(f"{path}: not a snapshot of this version ({problem})") from None
    return snapshot.revert.snapshot if snapshot.revert is not None else snapshot


def _input(recorded: Snapshot, now: Snapshot, *, mode: str | None, params: Mapping[str, str]) -> ExecutionInput:
    """The execution's own input, without parameters that the plan does not know any more."""
    from compiler.graph.facts import known_names
    from drplan.inputs import parameters

    known = {parameter.name for parameter in now.plan.spec.global_params}
    known = known.union(*(known_names(workflow) for workflow in now.workflows.values()))
    kept = []
    for parameter in recorded.execution.params:
        if parameter.name in known and parameter.name not in params:
            kept.append(parameter)
        elif parameter.name not in known:
            say(f'parameter "{parameter.name}" of the execution is not used by the plan any more')
    return replace(
        recorded.execution,
        namespace=now.namespace,
        mode=(mode or recorded.execution.mode).lower(),
        params=(*kept, *parameters(params)),
    )
