"""`drplan uninstall`: remove an installation from a cluster."""

from __future__ import annotations

import click

from drplan.install.settings import NAMESPACE


@click.command("uninstall")
@click.option(
    "--namespace", metavar="NAME", default=NAMESPACE, show_default=True, help="Namespace of the syncer, as installed."
)
@click.option("--watch-namespace", metavar="NAME", default="", help="As installed.")
@click.option(
    "--runner-namespace", "runner_namespaces", metavar="NAME", multiple=True, help="As installed. Repeatable."
)
@click.option(
    "--with-plans",
    is_flag=True,
    help="Delete our kinds too, and with them every plan, execution and record of the cluster.",
)
@click.option("--force", is_flag=True, help="Take finalizers off executions that are not over, too, and say so.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--context", metavar="NAME", default="", help="Context of the kubeconfig.")
@click.option("--kubeconfig", metavar="FILE", default="", help="Kubeconfig; without it what kubectl would use.")
def command(
    namespace: str,
    watch_namespace: str,
    runner_namespaces: tuple[str, ...],
    context: str,
    kubeconfig: str,
    *,
    with_plans: bool,
    force: bool,
    dry_run: bool,
) -> None:
    """Remove the syncer and all that was installed with it from a cluster, however it was installed.

    The webhooks go first, then the syncer. Then its finalizer is taken off every execution, so that executions and
    their namespaces can be deleted; while one is not over, nothing is removed. Plans, executions and records stay
    unless --with-plans is given.
    """
    import asyncio

    from drplan.cluster.place import Cluster
    from drplan.cluster.server import reach
    from drplan.install.removing import Removing
    from drplan.install.settings import Settings

    settings = Settings(namespace=namespace, watch_namespace=watch_namespace, runner_namespaces=runner_namespaces)

    async def run() -> None:
        async with reach(Cluster(kubeconfig, context)) as server:
            removing = Removing(
                server.client, settings, force=force, with_plans=with_plans, dry_run=dry_run, say=click.echo
            )
            await removing.run()

    asyncio.run(run())
