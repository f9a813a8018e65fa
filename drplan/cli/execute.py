"""`drplan execute`: a plan in a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drplan.cli import driving, options, places, remote
from drplan.cluster.place import Cluster

if TYPE_CHECKING:
    from drplan.cluster.server import Server
    from drplan.cluster.stages import Wait


@click.command("execute")
@click.argument("plan")
@options.mode
@options.params
@options.name("Name of the execution; by default <plan>-execute-<n>.")
@options.reason("Why it is run, for the history.")
@click.option(
    "--dry-run",
    type=click.Choice(["server"]),
    help="Have the cluster check it by all its rules, and start nothing.",
)
@remote.following
@places.cluster_options
@driving.output
def command(
    plan: str,
    mode: str | None,
    params: dict[str, str],
    name: str,
    reason: str,
    *,
    dry_run: str | None,
    wait: bool,
    watch: bool,
    timeout: str,
    context: str,
    kubeconfig: str,
    namespace: str,
    output: str,
) -> int:
    """Run a plan that was applied to a cluster: an execution is made there, and the syncer carries it out.

    Without --wait or --watch the exit code is 0 once the cluster has taken the execution. With one of them it says how
    it ended: 0 Succeeded, 2 Failed or Unknown, 3 Cancelled. Ctrl-C ends the waiting only.
    """
    stay = remote.Following.of(wait=wait and not dry_run, watch=watch and not dry_run, timeout=timeout)
    cluster = Cluster(kubeconfig, context, namespace)

    async def work(server: Server) -> tuple[dict[str, Any], Wait]:
        from compiler.model.phases import OperationType
        from drplan.cluster import wishes
        from drplan.cluster.stages import Wait

        free = await server.new_name(plan, OperationType.EXECUTE)
        wish = wishes.execute(name or free, plan=plan, mode=mode, params=params, reason=reason)
        return await server.create(wish, dry_run=bool(dry_run)), Wait()

    return remote.asked(
        cluster, work, output=output, stay=stay, told=lambda made: remote.created(made, cluster, dry_run=bool(dry_run))
    )
