"""`drplan revert`: undo an earlier execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drplan.cli import driving, options, places, remote
from drplan.cli.completion import complete_execution
from drplan.cluster.place import Cluster

if TYPE_CHECKING:
    from drplan.cluster.server import Server
    from drplan.cluster.stages import Wait


@click.command("revert")
@click.argument("execution", shell_complete=complete_execution)
@options.params
@options.name("Name of the revert; by default <plan>-revert-<n>.")
@options.reason("Why it is undone, for the history.")
@click.option(
    "--force",
    is_flag=True,
    help="Undo it although it is not the newest of its plan, or although it is not known what it or its undo did.",
)
@driving.parallelism
@remote.following
@places.place(local=driving.LOCAL, remote=remote.FOLLOWING)
@driving.output
def command(
    execution: str,
    params: dict[str, str],
    name: str,
    reason: str,
    *,
    force: bool,
    parallelism: int,
    wait: bool,
    watch: bool,
    timeout: str,
    place: places.Place,
    output: str,
) -> int:
    """Undo an execution: what it has done, in reverse, from what was recorded of it.

    The plan may have changed since; that does not matter. What is undone already is not undone twice.
    """
    if isinstance(place, Cluster):
        cluster, stay = place, remote.Following.of(wait=wait, watch=watch, timeout=timeout)

        async def work(server: Server) -> tuple[dict[str, Any], Wait]:
            from compiler.model.phases import OperationType
            from drplan.cluster import wishes
            from drplan.cluster.stages import Wait

            target = await server.execution(execution)
            free = await server.new_name(target["spec"]["planRef"], OperationType.REVERT)
            wish = wishes.revert(name or free, target=target, force=force, params=params, reason=reason)
            return await server.create(wish, dry_run=False), Wait()

        return remote.asked(cluster, work, output=output, stay=stay, told=lambda made: remote.created(made, cluster))
    from drplan.compiling import located
    from drplan.targets import from_state

    snapshot = from_state(place.state, place.namespace, execution, params=params)
    with located(None):
        return driving.drive(
            lambda engine: engine.start(snapshot, name=name, force=force, reason=reason),
            place=place,
            output=output,
            parallelism=parallelism,
        )
