"""`drplan rbac`: the rights that the actions of a plan need."""

from __future__ import annotations

import click

from drplan.cli import options
from drplan.cli.printing import say


@click.command("rbac")
@options.files
@options.plan
@options.mode
@options.params
@options.no_validation_noise
def command(paths: tuple[str, ...], plan: str | None, mode: str | None, params: dict[str, str], *, quiet: bool) -> None:
    """Print the Roles that the runner needs for the actions of a plan, forward and back.

    One for each namespace that the plan touches, and a ClusterRole where there is no other way, each with its binding
    to the service account of the plan. They grant what the plan does and nothing else: read them, then apply them.
    Without --mode they are for every mode that the plan knows. Names that hold parameters are those of the values that
    they have here: give others with -p.

    Kinds that Kubernetes does not have are named as CustomResourceDefinitions among the manifests say. The plural of
    any other is guessed, and a comment says so.
    """
    from drplan.compiling import located
    from drplan.inputs import read
    from drplan.rights.kinds import Kinds
    from drplan.rights.needs import needs_of
    from drplan.rights.roles import write

    given = read(paths, plan=plan, mode=mode, params=params)
    if not quiet:
        for warning in given.warnings:
            say(str(warning))
    kinds = Kinds(document.value for document in given.manifests.documents)
    with located(given.manifests):
        needs = needs_of(given.snapshot, kinds)
    click.echo(write(needs), nl=False)
