"""`drplan history`: the executions of a plan, newest first."""

from __future__ import annotations

from pathlib import Path

import click

from drplan.cli import options
from drplan.cli.completion import complete_plan
from drplan.cli.printing import say
from drplan.errors import InputProblem

TABLE, WIDE, JSON, YAML, NAME = "table", "wide", "json", "yaml", "name"


@click.command("history")
@click.argument("plan", shell_complete=complete_plan)
@options.state
@options.output(TABLE, WIDE, JSON, YAML, NAME, default=TABLE)
def command(plan: str, state: Path, namespace: str, output: str) -> None:
    """Show the executions of a plan, newest first: the last ten, and whatever else is kept.

    With -o json or yaml they come as entries of the plan's status.executionHistory.
    """
    from datetime import UTC, datetime

    from compiler.manifests import to_json, to_yaml
    from drplan.view import tables
    from drplan.view.past import entry, past
    from drplan.view.recorded import Recorded

    recorded = Recorded(state, namespace)
    stored = recorded.plan(plan)
    found = past(plan, stored, recorded.executions(say))
    if stored is None and not found:
        raise InputProblem(f"plan {plan} is not in {recorded.folder.plans}; is --state or --namespace another one?")
    if output == JSON:
        click.echo(to_json([entry(each) for each in found]), nl=False)
    elif output == YAML:
        click.echo(to_yaml([entry(each) for each in found]) if found else "", nl=False)
    elif output == NAME:
        click.echo("\n".join(each["metadata"]["name"] for each in found), nl=bool(found))
    elif not found:
        say(f"plan {plan} was never executed")
    else:
        kept = (each for each in found if recorded.execution_folder(each["metadata"]["name"]).path.is_dir())
        undriven = {each["metadata"]["name"] for each in kept if recorded.is_abandoned(each)}
        click.echo(tables.history(found, now=datetime.now(UTC), wide=output == WIDE, undriven=undriven))
