"""Drive an execution to its end in the foreground: the live view, signals, the final output and the exit code.

Ctrl-C, or a SIGTERM, cancels gracefully; a second one by force. Nothing that happens to the screen reaches the
execution: where nobody can read any more, it goes on unseen, and so it does when the terminal hangs up.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from drplan.cli import options
from drplan.cli.printing import say, tolerant
from drplan.cli.watch import JSON, NAME, TREE, YAML, exit_code, print_execution

if TYPE_CHECKING:
    from drplan.cli.places import Folder
    from drplan.engine.api import Engine

Command = TypeVar("Command", bound=Callable[..., Any])
Work = Callable[["Engine"], dict[str, Any]]

LOCAL = ("parallelism",)
"""Parameters of a command that drives an execution that make sense on this machine only."""


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


def drive(work: Work, *, place: Folder, output: str, parallelism: int, told: str = "") -> int:
    """Do something with the engine and follow what it runs.

    Args:
        work: calls the engine, and returns the execution as it is then.
        place: the state folder, and the namespace of plan and execution.
        output: form of the output; other than a tree it is the final execution and nothing else.
        parallelism: how many workflows run at once.
        told: what to say when another process runs the execution, and was told something.

    Returns:
        The exit code: as the execution ended, 0 when it has not.
    """
    from drplan.cli.hints import advised, hints
    from drplan.engine.api import Engine
    from drplan.view.live import Unfailing, follower
    from drplan.view.outline import is_over, phase_of
    from drplan.view.terminal import Screen

    state, namespace = place.state, place.namespace
    screen = Screen.of() if output == TREE else Screen.of(sys.stderr)
    follow = follower(screen.forgiving(), hints=hints(state, namespace))
    with _without_hangups(), advised(state, namespace):
        with Unfailing(follow) as view:
            engine = Engine(state, namespace, parallelism=parallelism, on_change=view.update, on_warning=say)
            with _signals(engine):
                execution = work(engine)
            if engine.ran:
                view.update(execution)
        if view.problem is not None:
            say(f"the display failed, the execution went on without it: {view.problem!r}")
        if not engine.ran and output != TREE:
            say(told)
        with tolerant():
            if not engine.ran and output == TREE:
                click.echo(told)
            print_execution(execution, output)
    return exit_code(phase_of(execution.get("status") or {})) if is_over(execution) and engine.ran else 0


@contextmanager
def _signals(engine: Engine) -> Iterator[None]:
    def ask(*_: object) -> None:
        engine.request_cancel()

    with _handling(ask, signal.SIGINT, signal.SIGTERM):
        yield


def _without_hangups() -> AbstractContextManager[None]:
    """Go on when the terminal hangs up, as it does when a connection breaks."""
    return _handling(signal.SIG_IGN, signal.SIGHUP)


@contextmanager
def _handling(handler: Callable[..., None] | signal.Handlers, *numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
