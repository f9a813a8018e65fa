"""`drplan pause`: keep an execution from starting anything further."""

from __future__ import annotations

import click

from drplan.cli import places, remote
from drplan.cli.completion import complete_execution
from drplan.cluster.place import Cluster


@click.command("pause")
@click.argument("execution", shell_complete=complete_execution)
@places.place()
def command(execution: str, *, place: places.Place) -> int:
    """Pause an execution: running actions finish, nothing else starts until `drplan resume`."""
    from drplan.cli.hints import Typed

    if isinstance(place, Cluster):
        from drplan.cluster import wishes

        advice = f"go on with: {Typed.at(place)('resume', execution)}"
        return remote.change(
            place,
            execution,
            wishes.pause,
            told=f"is annotated: the syncer will pause it; {advice}",
            unchanged=f"is paused already; {advice}",
        )
    from drplan.engine.api import Engine

    Engine(place.state, place.namespace).pause(execution)
    click.echo(f"{execution} is paused; go on with: {Typed.of(place.state, place.namespace)('resume', execution)}")
    return 0
