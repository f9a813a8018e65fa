"""`drplan get`: executions, one as a tree or several as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from drplan.cli import places, remote
from drplan.cli.completion import complete_execution
from drplan.cli.printing import say
from drplan.cluster.place import Cluster
from drplan.errors import InputProblem

if TYPE_CHECKING:
    from drplan.cluster.server import Server
    from drplan.view.live import Hints
    from drplan.view.recorded import Recorded

TREE, WIDE, JSON, YAML, NAME = "tree", "wide", "json", "yaml", "name"


@dataclass(frozen=True, slots=True)
class _Found:
    """Executions to show.

    Attributes:
        executions: the executions.
        hints: gives commands to go on with.
        abandoned: what to say about those that no engine runs, by name.
        nowhere: says that there are none, and where there are.
    """

    executions: Sequence[dict[str, Any]]
    hints: Hints
    abandoned: Mapping[str, str]
    nowhere: Callable[[], None]


@click.command("get")
@click.argument("executions", nargs=-1, metavar="[EXECUTION]...", shell_complete=complete_execution)
@places.place()
@click.option(
    "-o",
    "--output",
    type=click.Choice((TREE, WIDE, JSON, YAML, NAME)),
    help="Form of the output: a tree of one execution, a table of several, unless something else is asked for.",
)
def command(executions: tuple[str, ...], place: places.Place, output: str | None) -> None:
    """Show executions: a named one as a tree, several, or all of them newest first, as a table.

    The exit code says nothing about how they ended; `drplan watch` does.
    """
    found = _in_cluster(place, executions) if isinstance(place, Cluster) else _in_folder(place, executions)
    if output == NAME:
        click.echo("\n".join(each["metadata"]["name"] for each in found.executions), nl=bool(found.executions))
    elif output in (JSON, YAML):
        click.echo(_written(found.executions, output, single=len(executions) == 1), nl=False)
    elif output == TREE or (output is None and len(executions) == 1):
        _show_trees(found)
    elif found.executions:
        _show_table(found, wide=output == WIDE)
    else:
        found.nowhere()


def _in_folder(folder: places.Folder, names: Sequence[str]) -> _Found:
    from drplan.cli.hints import Typed, abandoned, hints
    from drplan.view.recorded import Recorded

    state, namespace = folder.state, folder.namespace
    recorded, typed = Recorded(state, namespace), Typed.of(state, namespace)
    if not state.is_dir():
        raise InputProblem(f"there is no folder {state}; is --state another one, or was nothing run yet?")
    names = names or tuple(each["metadata"]["name"] for each in recorded.executions(say))
    found = [recorded.in_full(name) for name in names]
    undriven = {each["metadata"]["name"] for each in found if recorded.is_abandoned(each)}
    remarks = {name: abandoned(name, typed) for name in undriven}
    return _Found(found, hints(state, namespace), remarks, lambda: _say_where(recorded))


def _in_cluster(cluster: Cluster, names: Sequence[str]) -> _Found:
    from drplan.cli.hints import cluster_hints

    async def work(server: Server) -> tuple[list[dict[str, Any]], str]:
        found = [await server.execution(name) for name in names] if names else await server.executions()
        return [await server.in_full(each) for each in found], server.namespace

    found, namespace = remote.ask(cluster, work)
    return _Found(found, cluster_hints(cluster), {}, lambda: say(f"no executions in namespace {namespace}"))


def _written(found: Sequence[dict[str, Any]], output: str, *, single: bool) -> str:
    from compiler.manifests import to_json, to_yaml

    if output == YAML:
        return to_yaml(found) if found else ""
    return to_json(found[0] if single else {"apiVersion": "v1", "kind": "List", "items": found})


def _show_trees(found: _Found) -> None:
    from datetime import UTC, datetime

    from drplan.view.live import report
    from drplan.view.outline import read
    from drplan.view.terminal import Screen

    screen = Screen.of()
    for number, execution in enumerate(found.executions):
        outline = read(execution, now=datetime.now(UTC))
        if number:
            screen.print("")
        remark = found.abandoned.get(outline.name, "")
        screen.write(report(outline, screen.page(), hints=found.hints(outline), remark=remark))


def _show_table(found: _Found, *, wide: bool) -> None:
    from datetime import UTC, datetime

    from drplan.view import tables

    click.echo(tables.executions(found.executions, now=datetime.now(UTC), wide=wide, undriven=found.abandoned))


def _say_where(recorded: Recorded) -> None:
    from drplan.cli.hints import Typed

    others = [name for name in recorded.namespaces() if name != recorded.namespace]
    say(f"no executions in {recorded.folder.executions}")
    if others:
        say(f"there are some in: {', '.join(others)}; see them with: {Typed.of(recorded.state, others[0])('get')}")
