"""`drplan history`: the executions of a plan, newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import click

from drplan.cli import options, places, remote
from drplan.cli.completion import complete_plan
from drplan.cli.printing import say
from drplan.cluster.place import Cluster
from drplan.errors import InputProblem

if TYPE_CHECKING:
    from drplan.cluster.server import Server

Object = dict[str, Any]

TABLE, WIDE, JSON, YAML, NAME = "table", "wide", "json", "yaml", "name"


@click.command("history")
@click.argument("plan", shell_complete=complete_plan)
@places.place()
@options.output(TABLE, WIDE, JSON, YAML, NAME, default=TABLE)
def command(plan: str, place: places.Place, output: str) -> None:
    """Show the executions of a plan, newest first: the last ten, and whatever else is kept.

    With -o json or yaml they come as entries of the plan's status.executionHistory.
    """
    found, undriven = _in_cluster(place, plan) if isinstance(place, Cluster) else _in_folder(place, plan)
    _show(plan, found, output, undriven=undriven)


def _in_folder(folder: places.Folder, plan: str) -> tuple[list[Object], Collection[str]]:
    """The executions of a plan on this machine, and the names of those that no engine runs."""
    from drplan.view.past import past
    from drplan.view.recorded import Recorded

    recorded = Recorded(folder.state, folder.namespace)
    stored = recorded.plan(plan)
    found = past(plan, stored, recorded.executions(say))
    if stored is None and not found:
        raise InputProblem(f"plan {plan} is not in {recorded.folder.plans}; is --state or --namespace another one?")
    kept = (each for each in found if recorded.execution_folder(each["metadata"]["name"]).path.is_dir())
    return found, {each["metadata"]["name"] for each in kept if recorded.is_abandoned(each)}


def _in_cluster(cluster: Cluster, plan: str) -> tuple[list[Object], Collection[str]]:
    from compiler.model.names import KIND_PLAN
    from drplan.cluster.wishes import named
    from drplan.view.past import past

    async def work(server: Server) -> list[Object]:
        stored = await server.plan(plan)
        found = past(plan, stored, await server.executions())
        if stored is None and not found:
            raise InputProblem(f"there is no {named(server.namespace, plan, KIND_PLAN)}; is --namespace another one?")
        return found

    return remote.ask(cluster, work), ()


def _show(plan: str, found: Sequence[Object], output: str, *, undriven: Collection[str]) -> None:
    from datetime import UTC, datetime

    from compiler.manifests import to_json, to_yaml
    from drplan.view import tables
    from drplan.view.past import entry

    if output == JSON:
        click.echo(to_json([entry(each) for each in found]), nl=False)
    elif output == YAML:
        click.echo(to_yaml([entry(each) for each in found]) if found else "", nl=False)
    elif output == NAME:
        click.echo("\n".join(each["metadata"]["name"] for each in found), nl=bool(found))
    elif not found:
        say(f"plan {plan} was never executed")
    else:
        click.echo(tables.history(found, now=datetime.now(UTC), wide=output == WIDE, undriven=undriven))
