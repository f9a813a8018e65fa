"""`drplan resume`: take a pause back, or go on with an execution that was interrupted."""

from __future__ import annotations

from pathlib import Path

import click

from drplan.cli import driving, options
from drplan.cli.completion import complete_execution


@click.command("resume")
@click.argument("execution", shell_complete=complete_execution)
@driving.parallelism
@options.state
@driving.output
def command(execution: str, *, parallelism: int, state: Path, namespace: str, output: str) -> int:
    """Take a pause back, or go on with an execution whose engine died.

    Nothing that is recorded is done twice. An execution that another process runs is only told to go on.
    """
    return driving.drive(
        lambda engine: engine.resume(execution),
        state=state,
        namespace=namespace,
        output=output,
        parallelism=parallelism,
        told=f"told the engine that runs {execution} to go on",
    )
