"""An outline made to fit on a screen: what is calm is folded away first, what went wrong or runs is kept longest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from compiler.model.names import local_key
from compiler.model.phases import Phase
from drplan.view.outline import Level, Node, Outline

Nodes = tuple[Node, ...]

_CALM = frozenset({Phase.PENDING, Phase.SUCCEEDED, Phase.SKIPPED})
_ALL = frozenset(Phase)
_PLURALS = {Level.STAGE: "stages", Level.WORKFLOW: "workflows", Level.ACTION: "actions", Level.CLUSTER: "clusters"}


def fit(outline: Outline, rows: int) -> Outline:
    """Fold and gather until an outline has no more than so many nodes, as far as that is possible."""
    stages = outline.stages
    for step in _STEPS:
        if _size(stages) <= rows:
            break
        stages = step.taken(stages, rows)
    return replace(outline, stages=stages)


def _size(nodes: Iterable[Node]) -> int:
    return sum(1 + _size(node.children) for node in nodes)


@dataclass(frozen=True, slots=True)
class _Fold:
    """Shows nodes of a level in some phases without their members."""

    level: Level
    phases: frozenset[Phase]

    def taken(self, nodes: Nodes, _rows: int) -> Nodes:
        return tuple(self._node(node) for node in nodes)

    def _node(self, node: Node) -> Node:
        if node.level is not self.level:
            return replace(node, children=tuple(map(self._node, node.children))) if node.children else node
        return _folded(node) if node.phase in self.phases else node


def _folded(node: Node) -> Node:
    members = list(_members(node))
    if not members:
        return node
    count = f"{len(members)} {'action' if len(members) == 1 else _PLURALS[members[0].level]}"
    explaining = (each.why for each in members if each.phase is node.phase and each.phase is not Phase.SUCCEEDED)
    message = node.message or next(filter(None, explaining), "")
    return replace(node, message=message, note=", ".join(filter(None, [node.note, count])), children=())


def _members(node: Node) -> Iterator[Node]:
    """What a node consists of in the end: its actions; of an action its clusters."""
    for child in node.children:
        if child.level is Level.ACTION or not child.children:
            yield child
        else:
            yield from _members(child)


@dataclass(frozen=True, slots=True)
class _Gather:
    """Shows neighbours of a level in the same one of some phases as one node, except those next to what goes on."""

    level: Level
    phases: frozenset[Phase]

    def taken(self, nodes: Nodes, rows: int) -> Nodes:
        fewest = self._siblings(nodes, 0)
        spare = rows - _size(fewest)
        groups = self._groups(nodes)
        return self._siblings(nodes, spare // groups) if spare > 0 and groups else fewest

    def _siblings(self, nodes: Nodes, keep: int) -> Nodes:
        shown: list[Node] = []
        for group in self._runs(nodes):
            if not self._gathers(group):
                shown.extend(replace(node, children=self._siblings(node.children, keep)) for node in group)
            elif len(group) <= keep + 1:
                shown.extend(group)
            elif group[0].phase is Phase.SUCCEEDED:
                shown += [_gathered(group[: len(group) - keep]), *group[len(group) - keep :]]
            else:
                shown += [*group[:keep], _gathered(group[keep:])]
        return tuple(shown)

    def _groups(self, nodes: Nodes) -> int:
        runs = list(self._runs(nodes))
        inside = sum(self._groups(node.children) for run in runs if not self._gathers(run) for node in run)
        return inside + sum(map(self._gathers, runs))

    def _runs(self, nodes: Nodes) -> Iterator[list[Node]]:
        return (list(run) for _, run in groupby(nodes, key=lambda node: (node.phase, _cause(node))))

    def _gathers(self, run: list[Node]) -> bool:
        return len(run) > 1 and run[0].level is self.level and run[0].phase in self.phases


def _cause(node: Node) -> str:
    return node.why if node.phase is Phase.SKIPPED else ""


def _gathered(nodes: list[Node]) -> Node:
    first, last = nodes[0], nodes[-1]
    if len(nodes) == 1:
        return first
    return Node(
        level=first.level,
        key=f"{first.key}…{local_key(last.key)}" if first.key else "",
        name=f"{len(nodes)} {_PLURALS[first.level]}",
        phase=first.phase,
        reason=first.reason,
        message=first.why if first.phase is Phase.SKIPPED else "",
    )


_STEPS: tuple[_Fold | _Gather, ...] = (
    _Fold(Level.STAGE, frozenset({Phase.PENDING})),
    _Fold(Level.STAGE, frozenset({Phase.SUCCEEDED})),
    _Fold(Level.STAGE, frozenset({Phase.SKIPPED})),
    _Fold(Level.WORKFLOW, frozenset({Phase.PENDING, Phase.SKIPPED})),
    _Fold(Level.WORKFLOW, frozenset({Phase.SUCCEEDED})),
    _Fold(Level.ACTION, _CALM),
    _Gather(Level.STAGE, _CALM),
    _Gather(Level.ACTION, _CALM),
    _Gather(Level.WORKFLOW, _CALM),
    _Gather(Level.CLUSTER, _ALL),
    _Fold(Level.WORKFLOW, frozenset({Phase.RUNNING})),
    _Fold(Level.WORKFLOW, _ALL),
    _Fold(Level.STAGE, frozenset({Phase.RUNNING})),
    _Fold(Level.STAGE, _ALL),
    _Gather(Level.STAGE, _ALL),
)
"""What is done one after the other, until it fits."""
