"""`drplan get`: executions, one as a tree or several as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drplan.cli import options
from drplan.cli.completion import complete_execution
from drplan.cli.printing import say
from drplan.errors import InputProblem

if TYPE_CHECKING:
    from drplan.view.recorded import Recorded

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
    if not state.is_dir():
        raise InputProblem(f"there is no folder {state}; is --state another one, or was nothing run yet?")
    names = executions or tuple(each["metadata"]["name"] for each in recorded.executions(say))
    found = [recorded.in_full(name) for name in names]
    if output == NAME:
        click.echo("\n".join(names), nl=bool(names))
    elif output in (JSON, YAML):
        click.echo(_written(found, output, single=len(executions) == 1), nl=False)
    elif output == TREE or (output is None and len(executions) == 1):
        _show_trees(found, recorded)
    elif found:
        _show_table(found, recorded, wide=output == WIDE)
    else:
        _say_where(recorded)


def _written(found: Sequence[dict[str, Any]], output: str, *, single: bool) -> str:
    from compiler.manifests import to_json, to_yaml

    if output == YAML:
        return to_yaml(found) if found else ""
    return to_json(found[0] if single else {"apiVersion": "v1", "kind": "List", "items": found})


def _show_trees(found: Sequence[dict[str, Any]], recorded: Recorded) -> None:
    from datetime import UTC, datetime

    from drplan.cli.hints import Typed, abandoned, hints
    from drplan.view.live import report
    from drplan.view.outline import read
    from drplan.view.terminal import Screen

    screen, give = Screen.of(), hints(recorded.state, recorded.namespace)
    typed = Typed.of(recorded.state, recorded.namespace)
    for number, execution in enumerate(found):
        outline = read(execution, now=datetime.now(UTC))
        if number:
            screen.print("")
        remark = abandoned(outline.name, typed) if recorded.is_abandoned(execution) else ""
        screen.write(report(outline, screen.page(), hints=give(outline), remark=remark))


def _show_table(found: Sequence[dict[str, Any]], recorded: Recorded, *, wide: bool) -> None:
    from datetime import UTC, datetime

    from drplan.view import tables

    undriven = {each["metadata"]["name"] for each in found if recorded.is_abandoned(each)}
    click.echo(tables.executions(found, now=datetime.now(UTC), wide=wide, undriven=undriven))


def _say_where(recorded: Recorded) -> None:
    from drplan.cli.hints import Typed

    others = [name for name in recorded.namespaces() if name != recorded.namespace]
    say(f"no executions in {recorded.folder.executions}")
    if others:
        say(f"there are some in: {', '.join(others)}; see them with: {Typed.of(recorded.state, others[0])('get')}")
