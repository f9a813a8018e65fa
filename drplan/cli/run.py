"""`drplan run`: a plan on this machine, with the local engine."""

from __future__ import annotations

from pathlib import Path

import click

from drplan.cli import driving, options
from drplan.cli.places import Folder
from drplan.cli.printing import say


@click.command("run")
@options.files
@options.plan
@options.mode
@options.params
@options.name("Name of the execution; by default <plan>-execute-<n>.")
@options.reason("Why it is run, for the history.")
@driving.parallelism
@options.state_folder
@driving.output
@options.no_validation_noise
def command(
    paths: tuple[str, ...],
    plan: str | None,
    mode: str | None,
    params: dict[str, str],
    name: str,
    reason: str,
    *,
    parallelism: int,
    state: Path,
    output: str,
    quiet: bool,
) -> int:
    """Run a plan on this machine, each action in a process of its own.

    What happens is kept below --state, so that a run that was interrupted goes on with `drplan resume`. Ctrl-C cancels:
    running actions finish and nothing else starts; twice, it ends
    now, and calls in flight get up to 30 s for it; three times, they are killed at once.
    """
    from drplan.compiling import located
    from drplan.inputs import read

    given = read(paths, plan=plan, mode=mode, params=params)
    if not quiet:
        for warning in given.warnings:
            say(str(warning))
    with located(given.manifests):
        return driving.drive(
            lambda engine: engine.start(given.snapshot, name=name, reason=reason),
            place=Folder(state, given.snapshot.namespace),
            output=output,
            parallelism=parallelism,
        )
