"""`drplan logs`: what the actions of an execution logged."""

from __future__ import annotations

import time
from pathlib import Path

import click

from drplan.cli import options
from drplan.cli.completion import complete_action, complete_execution
from drplan.cli.printing import say
from drplan.errors import InputProblem

_POLL = 0.2


@click.command("logs")
@click.argument("execution", shell_complete=complete_execution)
@click.argument("action", required=False, shell_complete=complete_action)
@options.state
@click.option("-f", "--follow", is_flag=True, help="Go on until the execution ends.")
def command(execution: str, action: str | None, state: Path, namespace: str, *, follow: bool) -> None:
    """Print what the actions of an execution logged, each line with the action's key and name in front.

    ACTION is a key (s1.w2.a3; s1.w2 or s1 for all below it), or the name of an action, a workflow or a stage.
    """
    from drplan.view import logs
    from drplan.view.outline import is_over, read
    from drplan.view.recorded import LOG_SUFFIX, Recorded

    recorded = Recorded(state, namespace)
    nodes = logs.chosen(read(recorded.in_full(execution)), action)
    if not nodes:
        raise InputProblem(_nothing(execution, action))
    prefixes = logs.prefixes(nodes)
    folder = recorded.execution_folder(execution).logs
    tails = {node.key: logs.Tail(folder / f"{node.key}{LOG_SUFFIX}") for node in nodes}
    while True:
        last = not follow or is_over(recorded.execution(execution))
        for node in nodes:
            for line in tails[node.key].lines(last=last):
                click.echo(prefixes[node.key] + logs.shown(line, node))
        if last:
            break
        time.sleep(_POLL)
    if not any(tail.offset for tail in tails.values()):
        why = "; ".join(f"{node.key} {node.name} is {node.phase}: {node.why}".rstrip(": ") for node in nodes[:1])
        say(f"nothing was logged; {why}")


def _nothing(execution: str, action: str | None) -> str:
    if action is None:
        return f"execution {execution} has no actions yet"
    return (
        f'execution {execution} has no action, workflow or stage "{action}"; '
        f"see its keys and names with: drplan get {execution}"
    )
