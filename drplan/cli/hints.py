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
    from drplan.view.outline import Outline


def hints(state: Path, namespace: str) -> Callable[[Outline], Sequence[str]]:
    """Make what gives the commands for an execution in a state folder."""
    context = click.get_current_context(silent=True)
    program = context.find_root().info_name if context is not None else None
    flags = [] if state == DEFAULT_STATE else ["--state", str(state)]
    flags += [] if namespace == DEFAULT_NAMESPACE else ["-n", namespace]
    return lambda outline: _hints(outline, program or "drplan", flags)


def _hints(outline: Outline, program: str, flags: Sequence[str]) -> list[str]:
    from drplan.view.findings import find

    if not outline.phase.terminal:
        return [f"{_typed(program, 'resume', [outline.name, *flags])}  # if it was interrupted"]
    bad = next((node for node in find(outline).bad if node.key), None)
    wanted = [("logs", [outline.name, bad.key], "what it did")] if bad is not None else []
    wanted.append(("retry", [outline.name], "run again what did not succeed"))
    if not outline.target:
        wanted.append(("revert", [outline.name], "undo what was done"))
    if outline.phase is Phase.SUCCEEDED or outline.undone:
        wanted = wanted[:1] if bad is not None else []
    commands = [(_typed(program, name, [*arguments, *flags]), why) for name, arguments, why in wanted]
    widest = max((len(command) for command, _ in commands), default=0)
    return [f"{command.ljust(widest)}  # {why}" for command, why in commands]


def _typed(program: str, name: str, arguments: Sequence[str]) -> str:
    return f"{program} {name} {shlex.join(arguments)}"
