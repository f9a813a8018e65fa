"""Commands to go on with, as they can be typed: after an execution that did not go well, and in what is refused."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.model.phases import Phase
from drplan.cli.options import DEFAULT_NAMESPACE, DEFAULT_STATE

if TYPE_CHECKING:
    from drplan.cluster.place import Cluster
    from drplan.view.findings import Hint
    from drplan.view.outline import Outline


@dataclass(frozen=True, slots=True)
class Typed:
    """Writes commands for the executions of a namespace, in a state folder or in a cluster.

    Attributes:
        program: how this program was called.
        flags: options that every command needs to find them.
    """

    program: str
    flags: tuple[str, ...]

    @classmethod
    def of(cls, state: Path, namespace: str) -> Typed:
        """Write commands for a namespace of a state folder."""
        flags = [] if state == DEFAULT_STATE else ["--state", str(state)]
        flags += [] if namespace == DEFAULT_NAMESPACE else ["-n", namespace]
        return cls(_program(), tuple(flags))

    @classmethod
    def at(cls, cluster: Cluster) -> Typed:
        """Write commands for a cluster."""
        whole = () if cluster.context or cluster.kubeconfig or not DEFAULT_STATE.is_dir() else ("--cluster",)
        return cls(_program(), (*whole, *cluster.flags))

    def __call__(self, command: str, *arguments: str) -> str:
        """Write a command."""
        return f"{self.program} {command} {shlex.join([*arguments, *self.flags])}".rstrip()


def _program() -> str:
    """How this program was called."""
    context = click.get_current_context(silent=True)
    return (context.find_root().info_name if context is not None else None) or "drplan"


def abandoned(execution: str, typed: Typed) -> str:
    """What to say about an execution that has not ended and that no engine runs."""
    return f"no engine runs this execution; go on with it: {typed('resume', execution)}"


@contextmanager
def advised(state: Path, namespace: str) -> Iterator[None]:
    """Let errors of the engine name commands as they have to be typed here."""
    from drplan.engine.errors import EngineError

    try:
        yield
    except EngineError as problem:
        problem.args = (problem.told(Typed.of(state, namespace)),)
        raise


def hints(state: Path, namespace: str) -> Callable[[Outline], Sequence[Hint]]:
    """Make what gives the commands for an execution in a state folder."""
    typed = Typed.of(state, namespace)
    return lambda outline: _hints(outline, typed)


def cluster_hints(cluster: Cluster) -> Callable[[Outline], Sequence[Hint]]:
    """Make what gives the commands for an execution in a cluster."""
    typed = Typed.at(cluster)
    return lambda outline: _hints(outline, typed) if outline.phase.terminal else _live_hints(outline, typed)


def _live_hints(outline: Outline, typed: Typed) -> list[Hint]:
    from drplan.view.findings import Hint

    return [Hint(typed("watch", outline.name), "follow it until it ends")]


def _hints(outline: Outline, typed: Typed) -> list[Hint]:
    from drplan.view.findings import Hint, find

    def hint(command: str, *arguments: str, why: str) -> Hint:
        return Hint(typed(command, *arguments), why)

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
