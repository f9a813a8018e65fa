"""An outline made to fit on a screen: what is calm is folded away first, what went wrong or runs is kept longest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from compiler.model.names import local_key
from compiler.model.phases import Phase
from drplan.view.outline import Level, Node, Outline

Nodes = tuple[Node, ...]

_CALM = frozenset({Phase.PENDING, Phase.SUCCEEDED, Phase.SKIPPED})
_PLURALS = {Level.STAGE: "stages", Level.WORKFLOW: "workflows", Level.ACTION: "actions", Level.CLUSTER: "clusters"}


def fit(outline: Outline, rows: int) -> Outline:
    """Fold and gather until an outline has no more than so many nodes, as far as that is possible."""
    stages = outline.stages
    for step in _STEPS:
        if _size(stages) <= rows:
            break
        stages = step(stages)
    return replace(outline, stages=stages)


def _size(nodes: Iterable[Node]) -> int:
    return sum(1 + _size(node.children) for node in nodes)


def _fold(level: Level, *phases: Phase) -> Callable[[Nodes], Nodes]:
    """Make a step that shows nodes of a level in these phases without their members."""

    def step(nodes: Nodes) -> Nodes:
        return tuple(
            _folded(node) if node.level is level and node.phase in phases else _inside(node, step) for node in nodes
        )

    return step


def _inside(node: Node, step: Callable[[Nodes], Nodes]) -> Node:
    return replace(node, children=step(node.children)) if node.children else node


def _folded(node: Node) -> Node:
    members = list(_members(node))
    if not members:
        return node
    count = f"{len(members)} {'action' if len(members) == 1 else _PLURALS[members[0].level]}"
    message = node.message or next((each.why for each in members if each.phase is node.phase and each.why), "")
    return replace(node, message=message, note=", ".join(filter(None, [node.note, count])), children=())


def _members(node: Node) -> Iterator[Node]:
    """What a node consists of, at the lowest level above clusters."""
    for child in node.children:
        if child.level is Level.ACTION or (child.level is Level.CLUSTER and node.level is Level.ACTION):
            yield child
        else:
            yield from _members(child) if child.children else (child,)


def _gather(level: Level, *phases: Phase) -> Callable[[Nodes], Nodes]:
    """Make a step that shows neighbours of a level in the same one of these phases as one."""

    def step(nodes: Nodes) -> Nodes:
        gathered: list[Node] = []
        for (each, phase, _), group in groupby(nodes, key=lambda node: (node.level, node.phase, _cause(node))):
            same = list(group)
            if each is level and phase in phases and len(same) > 1:
                gathered.append(_gathered(same))
            else:
                gathered.extend(_inside(node, step) for node in same)
        return tuple(gathered)

    return step


def _cause(node: Node) -> str:
    return node.why if node.phase is Phase.SKIPPED else ""


def _gathered(nodes: list[Node]) -> Node:
    first, last = nodes[0], nodes[-1]
    key = f"{first.key}…{local_key(last.key)}" if first.key else ""
    return Node(
        level=first.level,
        key=key,
        name=f"{len(nodes)} {_PLURALS[first.level]}",
        phase=first.phase,
        reason=first.reason,
        message=first.why if first.phase is Phase.SKIPPED else "",
    )


_STEPS: tuple[Callable[[Nodes], Nodes], ...] = (
    _fold(Level.STAGE, Phase.PENDING),
    _fold(Level.STAGE, Phase.SUCCEEDED),
    _fold(Level.STAGE, Phase.SKIPPED),
    _fold(Level.WORKFLOW, Phase.PENDING, Phase.SKIPPED),
    _fold(Level.WORKFLOW, Phase.SUCCEEDED),
    _fold(Level.ACTION, *_CALM),
    _gather(Level.ACTION, *_CALM),
    _gather(Level.WORKFLOW, *_CALM),
    _gather(Level.STAGE, *_CALM),
    _gather(Level.CLUSTER, *Phase),
    _fold(Level.WORKFLOW, Phase.RUNNING),
    _fold(Level.WORKFLOW, *Phase),
    _fold(Level.STAGE, Phase.RUNNING),
    _fold(Level.STAGE, *Phase),
    _gather(Level.STAGE, *Phase),
)
