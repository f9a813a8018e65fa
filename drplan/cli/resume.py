"""`drplan resume`: take a pause back, or go on with an execution that was interrupted."""

from __future__ import annotations

import click

from drplan.cli import driving, places, remote
from drplan.cli.completion import complete_execution
from drplan.cluster.place import Cluster


@click.command("resume")
@click.argument("execution", shell_complete=complete_execution)
@driving.parallelism
@remote.following
@places.place(local=driving.LOCAL, remote=remote.FOLLOWING)
@driving.output
def command(
    execution: str, *, parallelism: int, wait: bool, watch: bool, timeout: str, place: places.Place, output: str
) -> int:
    """Take a pause back, or go on with an execution whose engine died.

    Nothing that is recorded is done twice. An execution that another process runs is only told to go on; in a cluster
    the syncer is told.
    """
    if isinstance(place, Cluster):
        from drplan.cluster import wishes

        return remote.change(
            place,
            execution,
            wishes.resume,
            told="is not paused any more: the syncer will go on with it",
            unchanged="is not paused; what was suspended in Argo goes on with `argo resume`",
            output=output,
            stay=remote.Following.of(wait=wait, watch=watch, timeout=timeout),
        )
    return driving.drive(
        lambda engine: engine.resume(execution),
        place=place,
        output=output,
        parallelism=parallelism,
        told=f"told the engine that runs {execution} to go on",
    )
