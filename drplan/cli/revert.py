"""`drplan revert`: undo an earlier execution."""

from __future__ import annotations

from pathlib import Path

import click

from drplan.cli import driving, options
from drplan.cli.completion import complete_execution


@click.command("revert")
@click.argument("execution", shell_complete=complete_execution)
@options.params
@options.name("Name of the revert; by default <plan>-revert-<n>.")
@options.reason("Why it is undone, for the history.")
@click.option(
    "--force",
    is_flag=True,
    help="Undo it although it is not the newest of its plan, or although it is not known what it or its undo did.",
)
@driving.parallelism
@options.state
@driving.output
def command(
    execution: str,
    params: dict[str, str],
    name: str,
    reason: str,
    *,
    force: bool,
    parallelism: int,
    state: Path,
    namespace: str,
    output: str,
) -> int:
    """Undo an execution: what it has done, in reverse, from what was recorded of it.

    The plan may have changed since; that does not matter. What is undone already is not undone twice.
    """
    from drplan.compiling import located
    from drplan.targets import from_state

    snapshot = from_state(state, namespace, execution, params=params)
    with located(None):
        return driving.drive(
            lambda engine: engine.start(snapshot, name=name, force=force, reason=reason),
            state=state,
            namespace=namespace,
            output=output,
            parallelism=parallelism,
        )
