"""`drplan graph`: what a plan, or the revert of an execution, will do, as a drawing."""

from __future__ import annotations

from pathlib import Path

import click

from drplan.cli import options
from drplan.cli.completion import complete_execution
from drplan.cli.printing import say

MERMAID, DOT = "mermaid", "dot"


@click.command("graph")
@click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    type=click.Path(allow_dash=True),
    metavar="PATH",
    help="Manifest, or folder of manifests; - reads standard input. Repeatable. Not needed with --revert.",
)
@options.plan
@options.mode
@options.params
@click.option(
    "--revert",
    metavar="EXECUTION",
    shell_complete=complete_execution,
    help="Draw what would undo this execution, from what --state has recorded of it; -f is not looked at.",
)
@options.force_revert
@options.state
@options.output(MERMAID, DOT, default=MERMAID)
@options.no_validation_noise
def command(
    paths: tuple[str, ...],
    plan: str | None,
    mode: str | None,
    params: dict[str, str],
    *,
    revert: str | None,
    force: bool,
    state: Path,
    namespace: str,
    output: str,
    quiet: bool,
) -> None:
    """Draw what a plan will do, in the text of Mermaid or of Graphviz.

    The order is drawn as it is decided: what will not run in this mode is dashed, says why, and nothing waits for it.
    """
    from compiler.graph import build
    from drplan.compiling import located
    from drplan.inputs import read
    from drplan.targets import from_state
    from drplan.view import dot, mermaid

    if force and revert is None:
        raise click.UsageError("--force goes with --revert")
    if revert is not None:
        if plan or mode:
            raise click.UsageError("--revert takes no --plan and no --mode: it undoes what was recorded")
        with located(None):
            graph = build(from_state(state, namespace, revert, params=params, force=force))
    elif not paths:
        raise click.UsageError("give the manifests with -f, or an execution with --revert")
    else:
        given = read(paths, plan=plan, mode=mode, params=params)
        if not quiet:
            for warning in given.warnings:
                say(str(warning))
        graph = given.graph()
    click.echo(dot.draw(graph) if output == DOT else mermaid.draw(graph), nl=False)
