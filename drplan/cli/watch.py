"""`drplan watch`: an execution while it goes on, until it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compiler.model.phases import Phase
from drplan.cli import options, places
from drplan.cli.completion import complete_execution
from drplan.cli.printing import say
from drplan.cluster.place import Cluster
from drplan.errors import Exit

if TYPE_CHECKING:
    from drplan.view.recorded import Recorded

TREE, JSON, YAML, NAME = "tree", "json", "yaml", "name"
INTERRUPTED = 130
"""Exit code of a watch that was interrupted, as shells have it: nothing is said about the execution."""

_POLL = 0.1
_POLLS_PER_LOOK_AT_ENGINE = 20


@click.command("watch")
@click.argument("execution", shell_complete=complete_execution)
@places.place()
@options.output(TREE, JSON, YAML, NAME, default=TREE)
def command(execution: str, place: places.Place, output: str) -> int:
    """Follow an execution until it ends, and exit as it ended: 0 Succeeded, 2 Failed or Unknown, 3 Cancelled.

    On a terminal the tree redraws itself; elsewhere there is one line a change. With -o json, yaml or name the output
    is the finished execution, and what happens meanwhile goes to standard error. Ctrl-C ends the watching only.

    In a cluster it goes on through restarts of the API server and of the syncer.
    """
    if isinstance(place, Cluster):
        from drplan.cli import remote

        return remote.watched(place, execution, output=output)
    return _watch_folder(place.state, place.namespace, execution, output)


def _watch_folder(state: Path, namespace: str, execution: str, output: str) -> int:
    from drplan.cli.hints import Typed, abandoned, hints
    from drplan.view.live import follower
    from drplan.view.outline import phase_of
    from drplan.view.recorded import Recorded
    from drplan.view.terminal import Screen

    recorded = Recorded(state, namespace)
    screen = Screen.of() if output == TREE else Screen.of(sys.stderr)
    final = recorded.execution(execution)
    try:
        with follower(screen, hints=hints(state, namespace)) as view:
            for final, remark in _states(recorded, execution, abandoned(execution, Typed.of(state, namespace))):
                view.update(final, remark=remark)
    except KeyboardInterrupt:
        say(f"stopped watching; {execution} goes on")
        return INTERRUPTED
    print_execution(recorded.in_full(execution), output)
    return exit_code(phase_of(final.get("status") or {}))


def exit_code(phase: Phase) -> Exit:
    """Exit code of a command that followed an execution to its end."""
    if phase is Phase.SUCCEEDED:
        return Exit.OK
    return Exit.CANCELLED if phase is Phase.CANCELLED else Exit.FAILED


def _states(recorded: Recorded, name: str, abandoned: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every new state of an execution, until it has ended, each with what is to be said while no engine runs it."""
    from drplan.view.outline import is_over

    path = recorded.execution_folder(name).execution
    seen: tuple[int, int] | None = None
    remark = ""
    polls = 0
    while True:
        mark = _mark(path)
        looked = polls % _POLLS_PER_LOOK_AT_ENGINE == 0
        before = remark
        if looked:
            remark = "" if recorded.is_driven(name) else abandoned
        if mark != seen or mark is None or remark != before:
            execution = recorded.execution(name)
            seen = mark
            over = is_over(execution)
            yield execution, "" if over else remark
            if over:
                return
        polls += 1
        time.sleep(_POLL)


def _mark(path: Path) -> tuple[int, int] | None:
    """What changes whenever the file is replaced."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def print_execution(execution: dict[str, Any], output: str) -> None:
    """Print a finished execution, unless it was shown as a tree."""
    from compiler.manifests import to_json, to_yaml

    if output == NAME:
        click.echo(execution["metadata"]["name"])
    elif output == JSON:
        click.echo(to_json(execution), nl=False)
    elif output == YAML:
        click.echo(to_yaml([execution]), nl=False)
