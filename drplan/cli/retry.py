"""`drplan retry`: run again what did not succeed in an execution."""

from __future__ import annotations

from pathlib import Path

import click

from drplan.cli import driving, options
from drplan.cli.completion import complete_execution


@click.command("retry")
@click.argument("execution", shell_complete=complete_execution)
@driving.parallelism
@options.state
@driving.output
def command(execution: str, *, parallelism: int, state: Path, namespace: str, output: str) -> int:
    """Run again what did not succeed in an execution that is Failed, Cancelled or Unknown.

    What has Succeeded stays as it is. The execution must be the newest of its plan and not be reverted.
    """
    return driving.drive(
        lambda engine: engine.retry(execution),
        state=state,
        namespace=namespace,
        output=output,
        parallelism=parallelism,
    )
