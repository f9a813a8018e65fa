"""`drplan cancel`: end an execution before it is done."""

from __future__ import annotations

import click

from drplan.cli import driving, places, remote
from drplan.cli.completion import complete_execution
from drplan.cluster.place import Cluster
from drplan.errors import Exit


@click.command("cancel")
@click.argument("execution", shell_complete=complete_execution)
@click.option("--force", is_flag=True, help="End it now; what was being done may end Unknown.")
@driving.parallelism
@remote.following
@places.place(local=driving.LOCAL, remote=remote.FOLLOWING)
@driving.output
def command(
    execution: str,
    *,
    force: bool,
    parallelism: int,
    wait: bool,
    watch: bool,
    timeout: str,
    place: places.Place,
    output: str,
) -> int:
    """Cancel an execution: running actions finish, and nothing else starts.

    With --force they are told to end, and calls in flight get up to 30 s to do so; when this command runs the execution
    itself, a third Ctrl-C kills them at once. Neither undoes anything.

    When no process runs the execution on this machine, this one brings it to its end. In a cluster the syncer is told.
    Exit code 0: it was told, or it is Cancelled.
    """
    order = "end it now" if force else "cancel it"
    if isinstance(place, Cluster):
        from drplan.cluster import wishes

        code = remote.change(
            place,
            execution,
            lambda found: wishes.cancel(found, force=force),
            told=f"is annotated: the syncer will {order}",
            unchanged="is being cancelled already",
            output=output,
            stay=remote.Following.of(wait=wait, watch=watch, timeout=timeout),
        )
    else:
        code = driving.drive(
            lambda engine: engine.cancel(execution, force=force),
            place=place,
            output=output,
            parallelism=parallelism,
            told=f"told the engine that runs {execution} to {order}",
        )
    return Exit.OK if code == Exit.CANCELLED else code
