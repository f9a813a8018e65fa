"""`drplan pause`: keep an execution from starting anything further."""

from __future__ import annotations

from pathlib import Path

import click

from drplan.cli import options
from drplan.cli.completion import complete_execution


@click.command("pause")
@click.argument("execution", shell_complete=complete_execution)
@options.state
def command(execution: str, *, state: Path, namespace: str) -> int:
    """Pause an execution: running actions finish, nothing else starts until `drplan resume`."""
    from drplan.cli.hints import Typed
    from drplan.engine.api import Engine

    Engine(state, namespace).pause(execution)
    click.echo(f"{execution} is paused; go on with: {Typed.of(state, namespace)('resume', execution)}")
    return 0
