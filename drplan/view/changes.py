"""What is new in an execution since the last look, one line a change of phase: what logs and pipes get to see.

    12:00:01Z s1.w2.a3 promote           Succeeded    1.2s  HTTP POST succeeded with status 200

What begins is told before what is in it, what ends after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from compiler.model.phases import Phase
from drplan.view.outline import Level, Node, Outline
from drplan.view.symbols import PHASE_WIDTH
from drplan.view.text import pad, width
from drplan.view.times import clock, short_duration
from drplan.view.tree import about, label, message_of, progress

Place = tuple[int, ...]
"""Position of a node in the tree; the empty one is the execution itself."""

Phases = Mapping[Place, Phase]

_EXECUTION: Place = ()
_DURATION_WIDTH = 6


@dataclass(frozen=True, slots=True)
class Change:
    """A change of phase.

    Attributes:
        label: key and name of what changed, or the name of the execution.
        phase: its new phase.
        seconds: how long it took, or has taken so far.
        message: what there is to say.
        time: when it was, as far as that is known.
    """

    label: str
    phase: Phase
    seconds: float | None
    message: str
    time: str | None


def phases(outline: Outline) -> dict[Place, Phase]:
    """Phases to compare a later look with."""
    return {_EXECUTION: outline.phase, **{place: node.phase for place, node in _places(outline.stages)}}


def _places(nodes: Iterable[Node], above: Place = ()) -> Iterator[tuple[Place, Node]]:
    for index, node in enumerate(nodes):
        yield (*above, index), node
        if node.level < Level.ACTION:
            yield from _places(node.children, (*above, index))


def changes(before: Phases, outline: Outline) -> Iterator[Change]:
    """What is not in the phase any more that it was in; what has not begun yet is nothing new.

    Args:
        before: phases at the last look, empty at the first one.
        outline: the execution now.
    """
    changed = outline.phase is not before.get(_EXECUTION)
    if changed and not outline.phase.terminal:
        yield Change(outline.name, outline.phase, None, about(outline), outline.start)
    for index, stage in enumerate(outline.stages):
        yield from _changes(before, stage, (index,))
    if changed and outline.phase.terminal:
        message = ": ".join(filter(None, [progress(outline), outline.message]))
        yield Change(outline.name, outline.phase, outline.seconds, message, outline.end)


def _changes(before: Phases, node: Node, place: Place) -> Iterator[Change]:
    changed = node.phase is not before.get(place, Phase.PENDING)
    if changed and not node.phase.terminal:
        yield _change(node)
    if node.level < Level.ACTION:
        for index, child in enumerate(node.children):
            yield from _changes(before, child, (*place, index))
    if changed and node.phase.terminal:
        yield _change(node)


def _change(node: Node) -> Change:
    if not node.phase.terminal:
        return Change(label(node), node.phase, None, node.message, node.start)
    return Change(label(node), node.phase, node.seconds, message_of(node), node.end)


def widest(outline: Outline) -> int:
    """Cells that the longest label takes."""
    return max([width(outline.name), *(width(label(node)) for _, node in _places(outline.stages))])


def line(change: Change, *, now: datetime, cells: int) -> str:
    """A change as a line.

    Args:
        change: the change.
        now: the time, for a change without one.
        cells: width of the labels.
    """
    duration = short_duration(change.seconds).rjust(_DURATION_WIDTH)
    shown = f"{pad(change.label, cells)}  {change.phase.ljust(PHASE_WIDTH)}  {duration}  {change.message}"
    return f"{clock(change.time, now)} {shown}".rstrip()
