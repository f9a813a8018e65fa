"""`drplan generate`: a plan for a Helm release, from what `helm template` renders or from a helmfile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.graph.durations import parse_duration
from drplan.cli import options
from drplan.cli.printing import say

if TYPE_CHECKING:
    from drplan.generate.helmfile import Release
    from drplan.generate.parts import Generated, Wishes

_OWNER_ONLY = 0o600


def _read_labels(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f'"{text}" is not LABEL=VALUE')
        labels[name] = value
    return labels


def _read_timeout(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    try:
        if value is not None and parse_duration(value) <= 0:
            raise click.BadParameter(f'"{value}" is not more than nothing')
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None
    return value


@click.command("generate")
@click.option(
    "-f",
    "--filename",
    "rendered",
    multiple=True,
    type=click.Path(allow_dash=True),
    metavar="PATH",
    help="What `helm template` printed: a file, or a folder; - reads standard input. Repeatable.",
)
@click.option("--chart", metavar="CHART", help="Chart that `helm template` is to render, as helm takes it.")
@click.option("--helmfile", metavar="FILE", help="Helmfile that `helmfile build` is to resolve.")
@click.option(
    "--built",
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="What `helmfile build --embed-values` printed; - reads standard input.",
)
@options.name("Name of the release, and of the plan; of a helmfile only needed to choose among several.")
@click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    default=options.DEFAULT_NAMESPACE,
    show_default=True,
    help="Namespace of the release and of the plan; of a helmfile for a release that names none.",
)
@click.option(
    "--clusters",
    multiple=True,
    metavar="LABEL=VALUE",
    callback=_read_labels,
    help="Label of the ManagedClusters that get the release; without it all do. Repeatable: all must match.",
)
@click.option("--no-wait", is_flag=True, help="Do not wait until the release is ready in each cluster.")
@click.option(
    "--timeout",
    metavar="DURATION",
    callback=_read_timeout,
    help="How long the release, and each hook, may take; without it what the release says, or 5m.",
)
@click.option(
    "--feeds-only",
    is_flag=True,
    help="Only distribute objects: others have put them into the hub. Not with a helmfile.",
)
@click.option(
    "--cluster-scoped",
    multiple=True,
    metavar="KIND.GROUP",
    help="A kind without namespace that neither Kubernetes nor the chart defines. Repeatable. Not with a helmfile.",
)
@click.option(
    "--secrets",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the Secrets of the release, as Manifests for the hub, to this file, which only you can read.",
)
@click.option("--chart-repo", metavar="URL", help="Repository of the chart, in place of the helmfile's.")
@click.option("--hook-image", metavar="IMAGE", help="Image in which the hooks of a helmfile run.")
@click.option("--plain-http", is_flag=True, help="The repository of a helmfile's chart is called without TLS.")
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write files, and executions beside them, instead of a stream.",
)
@click.option("-q", "--quiet", is_flag=True, help="Do not show what the plan does not carry; it says so itself.")
@click.argument("arguments", nargs=-1, metavar="[-- HELM_OPTION...]")
def command(
    rendered: tuple[str, ...],
    chart: str | None,
    helmfile: str | None,
    built: str | None,
    name: str,
    namespace: str,
    clusters: dict[str, str],
    cluster_scoped: tuple[str, ...],
    arguments: tuple[str, ...],
    *,
    no_wait: bool,
    timeout: str | None,
    feeds_only: bool,
    secrets: Path | None,
    chart_repo: str | None,
    hook_image: str | None,
    plain_http: bool,
    output_dir: Path | None,
    quiet: bool,
) -> None:
    """Make the plan that brings a Helm release to the clusters of a Clusternet hub, upgrades it and takes it away.

    The release comes from one of -f, --chart, --helmfile and --built. --chart runs helm, --helmfile runs helmfile;
    options for them follow after --. The other two run nothing.

    What a plan cannot carry is named on stderr, and at the top of what is written. With --output-dir come executions,
    too, in a folder of their own: applying one starts it.
    """
    from drplan.generate.parts import Wishes

    sources = {"-f": bool(rendered), "--chart": bool(chart), "--helmfile": bool(helmfile), "--built": bool(built)}
    _check_sources(sources, arguments)
    of_charts = {"--feeds-only": feeds_only, "--cluster-scoped": bool(cluster_scoped), "--secrets": secrets is not None}
    of_helmfiles = {"--chart-repo": chart_repo, "--hook-image": hook_image, "--plain-http": plain_http}
    wishes = Wishes(name, namespace, clusters, wait=not no_wait, timeout=timeout)
    if rendered or chart:
        _refuse(of_helmfiles, "goes with --helmfile or --built")
        made = _of_chart(rendered, chart, arguments, wishes, cluster_scoped, publish=not feeds_only)
    else:
        _refuse(of_charts, "goes with -f or --chart")
        release = _release(helmfile, built, arguments, wishes, chart_repo, plain_http=plain_http)
        made = _of_release(release, wishes, hook_image)
    _write(made, output_dir, secrets, quiet=quiet)


def _check_sources(sources: Mapping[str, bool], arguments: tuple[str, ...]) -> None:
    given = [option for option, is_given in sources.items() if is_given]
    if len(given) != 1:
        raise click.UsageError(f"give one of {', '.join(sources)}{', not several' if given else ''}")
    if arguments and given[0] not in ("--chart", "--helmfile"):
        raise click.UsageError(f"{given[0]} runs nothing that could take {' '.join(arguments)}")


def _refuse(given: Mapping[str, object], why: str) -> None:
    for option, value in given.items():
        if value:
            raise click.UsageError(f"{option} {why}")


def _of_chart(
    rendered: tuple[str, ...],
    chart: str | None,
    arguments: tuple[str, ...],
    wishes: Wishes,
    cluster_scoped: tuple[str, ...],
    *,
    publish: bool,
) -> Generated:
    from compiler.manifests import load, parse
    from drplan.errors import InputProblem
    from drplan.generate.chart import read_chart
    from drplan.generate.programs import render_chart
    from drplan.generate.release import plan_release

    if not wishes.name:
        raise click.UsageError("give the name of the release with --name")
    if chart:
        answer = render_chart(chart, name=wishes.name, namespace=wishes.namespace, arguments=arguments)
        if answer.notes:
            say(answer.notes)
        manifests = parse(answer.output, file=f"<{answer.command}>")
    else:
        manifests = load(rendered)
    wrong = [str(problem) for problem in manifests.problems if problem.is_error]
    if wrong:
        raise InputProblem(wrong)
    read = read_chart(manifests.documents, namespace=wishes.namespace, cluster_scoped=cluster_scoped)
    return plan_release(read, wishes, publish=publish)


def _release(
    helmfile: str | None,
    built: str | None,
    arguments: tuple[str, ...],
    wishes: Wishes,
    chart_repo: str | None,
    *,
    plain_http: bool,
) -> Release:
    from compiler.manifests.sources import Source
    from drplan.generate.helmfile import read_release
    from drplan.generate.programs import build_helmfile
    from drplan.generate.state import parse_state, read_state

    if helmfile:
        answer = build_helmfile(helmfile, arguments)
        documents = list(parse_state(Source(f"<{answer.command}>", answer.output)))
    else:
        documents = read_state(built or "")
    return read_release(
        documents, name=wishes.name or None, namespace=wishes.namespace, repo=chart_repo, plain_http=plain_http
    )


def _of_release(release: Release, wishes: Wishes, hook_image: str | None) -> Generated:
    from dataclasses import replace

    from drplan.generate.sync import plan_sync

    return plan_sync(release, replace(wishes, name=release.name, namespace=release.namespace), hook_image=hook_image)


def _write(made: Generated, folder: Path | None, secrets: Path | None, *, quiet: bool) -> None:
    from compiler.manifests import to_yaml
    from drplan.generate import output

    files = output.files(made)
    output.refuse_invalid(files)
    if not quiet:
        for warning in made.warnings:
            say(str(warning))
    if secrets is not None:
        _write_for_owner(secrets, to_yaml(made.secrets))
    if folder is None:
        click.echo(output.stream(made), nl=False)
        return
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        say(f"wrote {path}")


def _write_for_owner(path: Path, text: str) -> None:
    """Write a file that nobody else can read, whatever was there before."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w", encoding="utf-8") as stream:
        stream.write(text)
