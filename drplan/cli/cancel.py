"""`drplan cancel`: end an execution before it is done."""

from __future__ import annotations

from pathlib import Path

import click

from drplan.cli import driving, options
from drplan.cli.completion import complete_execution
from drplan.errors import Exit


@click.command("cancel")
@click.argument("execution", shell_complete=complete_execution)
@click.option("--force", is_flag=True, help="End it now; what was being done may end Unknown.")
@driving.parallelism
@options.state
@driving.output
def command(execution: str, *, force: bool, parallelism: int, state: Path, namespace: str, output: str) -> int:
    """Cancel an execution: running actions finish, and nothing else starts.

    With --force they are told to end, and calls in flight get up to 30 s to do so; when this command runs the execution
    itself, a third Ctrl-C kills them at once. Neither undoes anything.

    When no process runs the execution, this one brings it to its end. Exit code 0: it was told, or it is Cancelled.
    """
    code = driving.drive(
        lambda engine: engine.cancel(execution, force=force),
        state=state,
        namespace=namespace,
        output=output,
        parallelism=parallelism,
        told=f"told the engine that runs {execution} to {'end it now' if force else 'cancel it'}",
    )
    return Exit.OK if code == Exit.CANCELLED else code
