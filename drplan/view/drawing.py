"""What a drawing of a graph says, whatever it is written in: titles, labels and edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.graph.tree import Action, Graph, Stage, WorkflowUse
from compiler.model.phases import DependsOnPolicy
from drplan.view.text import clean, wrap

SUCCESS = "success"
END = "end"
_LINE = 48
"""Cells of a line of a reason in a drawing."""


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge between two stages, two workflow uses of a stage, or two actions of a workflow use.

    Attributes:
        before: key of what comes first.
        after: key of what waits for it.
        label: what the second needs of the first; empty between actions that only need its end.
    """

    before: str
    after: str
    label: str


def edges(graph: Graph) -> Iterator[Edge]:
    """All edges, in the order of the graph."""
    for stage in graph.stages:
        yield from (Edge(before, stage.key, needs(stage.needs)) for before in stage.after)
    for stage in graph.stages:
        for use in stage.workflows:
            yield from (Edge(before, use.key, needs(use.needs)) for before in use.after)
    for action in graph.actions():
        label = SUCCESS if action.needs is DependsOnPolicy.SUCCEEDED else ""
        yield from (Edge(before, action.key, label) for before in action.after)


def needs(policy: DependsOnPolicy) -> str:
    """What a dependant needs of what it waits for, in a word."""
    return SUCCESS if policy is DependsOnPolicy.SUCCEEDED else END


def title(graph: Graph) -> str:
    """What is drawn."""
    mode = f", mode {graph.mode}" if graph.mode else ""
    return clean(f"{graph.operation} of plan {graph.plan}{mode}")


def stage_title(stage: Stage) -> str:
    """Title of a stage."""
    return clean(f"{stage.key} {stage.name}{' (parallel)' if stage.parallel else ''}")


def use_title(use: WorkflowUse) -> str:
    """Title of a workflow use."""
    return clean(f"{use.key} {use.name}{' (done)' if use.done else ''}")


def action_lines(action: Action) -> list[str]:
    """Label of an action: what it is, what it does, and why it will not run."""
    does = action.type if action.type.endswith(action.operation) else f"{action.type} {action.operation}"
    lines = [f"{action.key} {action.name}", does]
    if action.decided is not None:
        why = action.decided.message or action.decided.reason
        lines.extend(wrap(clean(f"{action.decided.phase}: {why}"), _LINE))
    return [clean(line) for line in lines]
