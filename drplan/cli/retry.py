"""`drplan retry`: run again what did not succeed in an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drplan.cli import driving, places, remote
from drplan.cli.completion import complete_execution
from drplan.cluster.place import Cluster

if TYPE_CHECKING:
    from drplan.cluster.server import Server
    from drplan.cluster.stages import Wait


@click.command("retry")
@click.argument("execution", shell_complete=complete_execution)
@driving.parallelism
@remote.following
@places.place(local=driving.LOCAL, remote=remote.FOLLOWING)
@driving.output
def command(
    execution: str, *, parallelism: int, wait: bool, watch: bool, timeout: str, place: places.Place, output: str
) -> int:
    """Run again what did not succeed in an execution that is Failed, Cancelled or Unknown.

    What has Succeeded stays as it is. The execution must be the newest of its plan and not be reverted.
    """
    if isinstance(place, Cluster):
        return _in_cluster(place, execution, output, remote.Following.of(wait=wait, watch=watch, timeout=timeout))
    return driving.drive(
        lambda engine: engine.retry(execution),
        place=place,
        output=output,
        parallelism=parallelism,
    )


def _in_cluster(cluster: Cluster, name: str, output: str, stay: remote.Following) -> int:
    from datetime import UTC, datetime

    from drplan.cluster import wishes
    from drplan.cluster.stages import retry_of

    async def work(server: Server) -> tuple[dict[str, Any], Wait]:
        execution = await server.execution(name)
        plan = await server.plan(execution["spec"]["planRef"])
        annotations = wishes.retry(execution, plan, now=datetime.now(UTC))
        return await server.annotate(execution, annotations), retry_of(execution)

    return remote.asked(
        cluster,
        work,
        output=output,
        stay=stay,
        told=lambda execution: f"{wishes.name_of(execution)} is annotated: the syncer will retry what did not succeed",
    )
