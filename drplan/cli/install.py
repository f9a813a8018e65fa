"""`drplan install`: everything that a cluster needs, as manifests."""

from __future__ import annotations

import re

import click

from drplan.install.settings import IMAGE, NAMESPACE, Settings, Webhooks

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_IMAGE = re.compile(r"[\w./:@-]+", re.ASCII)


def _namespace(_ctx: click.Context, _option: click.Parameter, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    for each in (value,) if isinstance(value, str) else value:
        if each and not _LABEL.fullmatch(each):
            raise click.BadParameter(f'"{each}" is no name of a namespace')
    return value


def _own_namespace(ctx: click.Context, option: click.Parameter, value: str) -> str | tuple[str, ...]:
    if not value:
        raise click.BadParameter("must not be empty")
    return _namespace(ctx, option, value)


def _image(_ctx: click.Context, _option: click.Parameter, value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise click.BadParameter(f'"{value}" is no name of an image')
    return value


def _priority_class(_ctx: click.Context, _option: click.Parameter, value: str) -> str:
    if value and not _SUBDOMAIN.fullmatch(value):
        raise click.BadParameter(f'"{value}" is no name of a PriorityClass')
    return value


@click.command("install")
@click.option(
    "--namespace",
    metavar="NAME",
    default=NAMESPACE,
    show_default=True,
    callback=_own_namespace,
    help="Namespace of the syncer.",
)
@click.option(
    "--image", metavar="IMAGE", default=IMAGE, show_default=True, callback=_image, help="Image of syncer and runner."
)
@click.option(
    "--replicas",
    metavar="N",
    default=1,
    show_default=True,
    type=click.IntRange(1, 9),
    help="How many syncers; one leads. With several, a drain takes one at a time.",
)
@click.option(
    "--webhooks",
    default=str(Webhooks.SELF_SIGNED),
    show_default=True,
    type=click.Choice([str(each) for each in Webhooks]),
    help="Who makes the certificate for admission webhooks; none: no webhooks.",
)
@click.option(
    "--watch-namespace",
    metavar="NAME",
    default="",
    callback=_namespace,
    help="Carry out plans of this namespace only, with rights in no other.",
)
@click.option(
    "--runner-namespace",
    "runner_namespaces",
    metavar="NAME",
    multiple=True,
    callback=_namespace,
    help="Make the runner's service account and rights in this namespace, which has to exist. Repeatable.",
)
@click.option("--network-policies", is_flag=True, help="Restrict the syncer's traffic to what it needs.")
@click.option(
    "--priority-class", metavar="NAME", default="", callback=_priority_class, help="PriorityClass of the syncer."
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="What the syncer logs.",
)
@click.option("--no-crds", is_flag=True, help="Leave our kinds out.")
def command(
    namespace: str,
    image: str,
    replicas: int,
    webhooks: str,
    watch_namespace: str,
    runner_namespaces: tuple[str, ...],
    priority_class: str,
    log_level: str,
    *,
    network_policies: bool,
    no_crds: bool,
) -> None:
    """Print what is installed in a cluster, for `kubectl apply --server-side -f -`.

    Nothing is asked or changed. The same options give the same objects: apply them again after an upgrade.
    """
    from drplan.install.render import render, to_text

    settings = Settings(
        namespace=namespace,
        image=image,
        replicas=replicas,
        webhooks=Webhooks(webhooks),
        watch_namespace=watch_namespace,
        network_policies=network_policies,
        priority_class=priority_class,
        log_level=log_level,
        runner_namespaces=runner_namespaces,
    )
    click.echo(to_text(render(settings), with_definitions=not no_crds), nl=False)
