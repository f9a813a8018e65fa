"""Commands to go on with after an execution that did not go well, as they can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.model.phases import Phase
from drplan.cli.options import DEFAULT_NAMESPACE, DEFAULT_STATE

if TYPE_CHECKING:
    from drplan.view.findings import Hint
    from drplan.view.outline import Outline


def hints(state: Path, namespace: str) -> Callable[[Outline], Sequence[Hint]]:
    """Make what gives the commands for an execution in a state folder."""
    context = click.get_current_context(silent=True)
    program = context.find_root().info_name if context is not None else None
    flags = [] if state == DEFAULT_STATE else ["--state", str(state)]
    flags += [] if namespace == DEFAULT_NAMESPACE else ["-n", namespace]
    return lambda outline: _hints(outline, program or "drplan", flags)


def _hints(outline: Outline, program: str, flags: Sequence[str]) -> list[Hint]:
    from drplan.view.findings import Hint, find

    def hint(command: str, *arguments: str, why: str) -> Hint:
        return Hint(f"{program} {command} {shlex.join([*arguments, *flags])}", why)

    if not outline.phase.terminal:
        return [hint("resume", outline.name, why="go on with it, if it was interrupted")]
    bad = next((node for node in find(outline).bad if node.key), None)
    given = [hint("logs", outline.name, bad.key, why="what it did")] if bad is not None else []
    if outline.phase is Phase.SUCCEEDED or outline.undone:
        return given
    given.append(hint("retry", outline.name, why="run again what did not succeed"))
    if not outline.target:
        given.append(hint("revert", outline.name, why="undo what was done"))
    return given
