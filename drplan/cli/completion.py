"""`drplan completion` and the completion of `kubectl drplan`: what a shell offers when somebody presses Tab.

Executions and plans come from the state folder, by the names of its files: nothing in them is read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from drplan.cli import options

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_DRPLAN_COMPLETE"
"""Environment variable that makes `drplan` complete instead of run, as click derives it from the name."""

NO_FILES = ":4"
"""Directive to kubectl that nothing but the candidates is offered (KEP-2379, cobra's ShellCompDirectiveNoFileComp)."""

_PLAN_SUFFIX = ".json"
_LOG_SUFFIX = ".log"

Names = Callable[[click.Context], Iterator[str]]


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def command(shell: str | None) -> None:
    """Print the completion script of a shell, by default of the one in $SHELL.

    \b
    bash: source <(drplan completion bash)
    zsh:  source <(drplan completion zsh)
    fish: drplan completion fish | source

    kubectl completes `kubectl drplan` by itself.
    """  # noqa: D301 - click reads the backspace
    from drplan.cli import group

    name = shell or os.path.basename(os.environ.get("SHELL", ""))
    kind = get_completion_class(name)
    if kind is None:
        raise click.UsageError(f"which shell? choose one of {', '.join(SHELLS)}")
    click.echo(kind(group, {}, "drplan", VARIABLE).source())


def main() -> None:
    """Complete `kubectl drplan`: print candidates for the last argument, a line each, then the directive."""
    *before, incomplete = sys.argv[1:] or [""]
    sys.stdout.write(candidates(before, incomplete))


def candidates(before: list[str], incomplete: str) -> str:
    """What kubectl is to offer.

    Args:
        before: complete arguments.
        incomplete: start of the next one.
    """
    from drplan.cli import group

    found = ShellComplete(group, {}, "kubectl drplan", "").get_completions(before, incomplete)
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in found if item.type == "plain"]
    if any(item.type in ("file", "dir") for item in found):
        return "\n".join([*lines, ":0", ""])
    return "\n".join([*lines, NO_FILES, ""])


def _completer(names: Names) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return [CompletionItem(name) for name in sorted(names(context)) if name.startswith(incomplete)]
        except OSError:
            return []

    return complete


def _folder(context: click.Context) -> Path:
    state = context.params.get("state") or options.DEFAULT_STATE
    return Path(state) / (context.params.get("namespace") or options.DEFAULT_NAMESPACE)


def _executions(context: click.Context) -> Iterator[str]:
    with os.scandir(_folder(context) / "executions") as entries:
        given = context.params.get("executions") or ()
        yield from (entry.name for entry in entries if not entry.name.startswith(".") and entry.name not in given)


def _plans(context: click.Context) -> Iterator[str]:
    with os.scandir(_folder(context) / "plans") as entries:
        yield from (
            entry.name.removesuffix(_PLAN_SUFFIX)
            for entry in entries
            if entry.name.endswith(_PLAN_SUFFIX) and not entry.name.startswith(".")
        )


def _actions(context: click.Context) -> Iterator[str]:
    execution = context.params.get("execution") or ""
    with os.scandir(_folder(context) / "executions" / execution / "logs") as entries:
        yield from (entry.name.removesuffix(_LOG_SUFFIX) for entry in entries if entry.name.endswith(_LOG_SUFFIX))


complete_execution = _completer(_executions)
"""Completes the names of executions."""

complete_plan = _completer(_plans)
"""Completes the names of plans."""

complete_action = _completer(_actions)
"""Completes the keys of the actions of an execution that logged something."""
