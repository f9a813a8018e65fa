"""`drplan get`: executions, one as a tree or several as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from drplan.cli import options
from drplan.cli.completion import complete_execution

TREE, WIDE, JSON, YAML, NAME = "tree", "wide", "json", "yaml", "name"


@click.command("get")
@click.argument("executions", nargs=-1, metavar="[EXECUTION]...", shell_complete=complete_execution)
@options.state
@click.option(
    "-o",
    "--output",
    type=click.Choice((TREE, WIDE, JSON, YAML, NAME)),
    help="Form of the output: a tree of one execution, a table of several, unless something else is asked for.",
)
def command(executions: tuple[str, ...], state: Path, namespace: str, output: str | None) -> None:
    """Show executions: a named one as a tree, several, or all of them newest first, as a table.

    The exit code says nothing about how they ended; `drplan watch` does.
    """
    from drplan.view.recorded import Recorded

    recorded = Recorded(state, namespace)
    names = executions or tuple(each["metadata"]["name"] for each in recorded.executions())
    found = [recorded.in_full(name) for name in names]
    if output == NAME:
        click.echo("\n".join(names), nl=bool(names))
    elif output in (JSON, YAML):
        click.echo(_written(found, output, single=len(executions) == 1), nl=False)
    elif output == TREE or (output is None and len(executions) == 1):
        _show_trees(found, state, namespace)
    else:
        _show_table(found, recorded.folder.executions, wide=output == WIDE)


def _written(found: Sequence[dict[str, Any]], output: str, *, single: bool) -> str:
    from compiler.manifests import to_json, to_yaml

    if output == YAML:
        return to_yaml(found) if found else ""
    return to_json(found[0] if single else {"apiVersion": "v1", "kind": "List", "items": found})


def _show_trees(found: Sequence[dict[str, Any]], state: Path, namespace: str) -> None:
    from datetime import UTC, datetime

    from drplan.cli.hints import hints
    from drplan.view.live import report
    from drplan.view.outline import read
    from drplan.view.terminal import Screen

    screen, give = Screen.of(), hints(state, namespace)
    for number, execution in enumerate(found):
        outline = read(execution, now=datetime.now(UTC))
        if number:
            screen.print("")
        screen.write(report(outline, screen.page(), hints=give(outline)))


def _show_table(found: Sequence[dict[str, Any]], folder: Path, *, wide: bool) -> None:
    from datetime import UTC, datetime

    from drplan.view import tables

    if not found:
        click.echo(f"no executions in {folder}", err=True)
        return
    click.echo(tables.executions(found, now=datetime.now(UTC), wide=wide))
