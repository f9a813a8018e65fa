"""Drive an execution to its end in the foreground: the live view, Ctrl-C, the final output and the exit code.

Ctrl-C, or a SIGTERM, cancels gracefully; a second one by force.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from drplan.cli import options
from drplan.cli.watch import JSON, NAME, TREE, YAML, exit_code, print_execution

if TYPE_CHECKING:
    from drplan.engine.api import Engine

Command = TypeVar("Command", bound=Callable[..., Any])
Work = Callable[["Engine"], dict[str, Any]]


def output(command: Command) -> Command:
    """`-o FORMAT` of a command that drives an execution."""
    return options.output(TREE, JSON, YAML, NAME, default=TREE)(command)


def parallelism(command: Command) -> Command:
    """`--parallelism N`: how many workflows run at once."""
    return click.option(
        "--parallelism",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        metavar="N",
        help="How many workflows run at once.",
    )(command)


def drive(work: Work, *, state: Path, namespace: str, output: str, parallelism: int) -> int:
    """Do something with the engine and follow what it runs.

    Args:
        work: calls the engine, and returns the execution as it is then.
        state: the state folder.
        namespace: namespace of plan and execution.
        output: form of the output; other than a tree it is the final execution and nothing else.
        parallelism: how many workflows run at once.

    Returns:
        The exit code: as the execution ended, 0 when it has not.
    """
    from drplan.cli.hints import hints
    from drplan.engine.api import Engine
    from drplan.view.live import follower
    from drplan.view.outline import is_over, phase_of
    from drplan.view.terminal import Screen

    screen = Screen.of() if output == TREE else Screen.of(sys.stderr)
    with follower(screen, hints=hints(state, namespace)) as view:
        engine = Engine(state, namespace, parallelism=parallelism, on_change=view.update)
        with _signals(engine):
            execution = work(engine)
        view.update(execution)
    print_execution(execution, output)
    return exit_code(phase_of(execution.get("status") or {})) if is_over(execution) else 0


@contextmanager
def _signals(engine: Engine) -> Iterator[None]:
    def ask(*_: object) -> None:
        engine.request_cancel()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
