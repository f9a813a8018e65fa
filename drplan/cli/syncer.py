"""`drplan syncer`: the controller that runs executions in the cluster."""

from __future__ import annotations

from datetime import timedelta

import click

from compiler.graph.durations import parse_duration
from drplan.errors import InputProblem, OutOfReach


@click.command("syncer")
@click.option(
    "--kubeconfig", metavar="FILE", default="", help="Kubeconfig; without it what kubectl would use, or the pod's own."
)
@click.option("--context", metavar="NAME", default="", help="Context of the kubeconfig.")
@click.option("--namespace", metavar="NAME", default="", help="Only executions of this namespace; without it all.")
@click.option("--own-namespace", metavar="NAME", default="", help="Where the Lease is kept; without it the pod's own.")
@click.option(
    "--metrics-address",
    metavar="[HOST]:PORT",
    default=":8080",
    show_default=True,
    help="Where /healthz, /readyz and /metrics are served.",
)
@click.option(
    "--webhook-address",
    metavar="[HOST]:PORT",
    default="",
    help="Where admission webhooks are served; without it they are not.",
)
@click.option(
    "--webhook-certificates",
    metavar="DIR",
    default="",
    help="Folder with tls.crt and tls.key; without it a self-signed certificate is kept in a Secret.",
)
@click.option(
    "--runner-defaults",
    metavar="DIR",
    default="",
    help="Folder of what holds for the runners of all namespaces, a file a key of drplan-runner-config.",
)
@click.option(
    "--drain-timeout",
    metavar="DURATION",
    default="5m",
    show_default=True,
    help="How long actions of a deleted execution may take to end, before they are ended by force.",
)
@click.option(
    "--workers", default=4, show_default=True, metavar="N", type=click.IntRange(1, 64), help="Plans worked on at once."
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="What is logged.",
)
def command(
    kubeconfig: str,
    context: str,
    namespace: str,
    own_namespace: str,
    metrics_address: str,
    webhook_address: str,
    webhook_certificates: str,
    runner_defaults: str,
    drain_timeout: str,
    workers: int,
    log_level: str,
) -> None:
    """Run the controller that carries out DRPlanExecutions in the cluster, until it is told to stop."""
    import asyncio

    from syncer import app, logs
    from syncer.admission.certificates import CertificateError
    from syncer.kube.errors import KubeError
    from syncer.settings import Settings
    from syncer.settings import own_namespace as found_namespace

    settings = Settings(
        kubeconfig=kubeconfig,
        context=context,
        watch_namespace=namespace,
        own_namespace=own_namespace or found_namespace(),
        health_address=metrics_address,
        webhook_address=webhook_address,
        webhook_certificates=webhook_certificates,
        runner_defaults=runner_defaults,
        drain_timeout=_seconds(drain_timeout),
        workers=workers,
    )
    logs.start(log_level)
    try:
        asyncio.run(app.run(settings))
    except (KubeError, CertificateError) as problem:
        raise OutOfReach(str(problem)) from None


def _seconds(text: str) -> timedelta:
    try:
        return timedelta(seconds=parse_duration(text))
    except ValueError as problem:
        raise InputProblem(f"option --drain-timeout: {problem}") from None
