"""What is different between two graphs of the same plan: stages, workflows and actions added, removed, moved, changed.

Stages and actions are the same when they have the same name, workflow uses when they use the same workflow, the n-th
time. What stands elsewhere only because something else came or went has not moved. A workflow use that left one stage
and came to another has moved, and so has an action that is otherwise the same.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from compiler.graph.tree import Graph
from drplan.view.rendered import RUNS, Fields, Member, What, members

Pair = tuple[Member, Member]


class How(StrEnum):
    """What became of something."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field with its values; one that is not there is None, as in JSON."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        how: what became of it.
        what: what it is.
        names: names that lead to it: stage, workflow, action; where it is now, else where it was.
        before: its key before, empty when it is new.
        after: its key now, empty when it is gone.
        fields: what changed in it.
    """

    how: How
    what: What
    names: tuple[str, ...]
    before: str = ""
    after: str = ""
    fields: tuple[FieldChange, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write it as a JSON-shaped dict."""
        written: dict[str, Any] = {"how": self.how.value, "what": self.what.value, "names": list(self.names)}
        written |= {name: key for name, key in (("before", self.before), ("after", self.after)) if key}
        if self.fields:
            written["fields"] = [
                {"name": each.name, "before": each.before, "after": each.after} for each in self.fields
            ]
        return written


def compare(before: Graph, after: Graph) -> list[Difference]:
    """Find all differences, from the outside in: plan, stages, workflows, actions."""
    level = _Level([(members(before), members(after))], [], [])
    found = list(_changed(level.pairs))
    while level.pairs or level.removed or level.added:
        level, moved = _inside(level)
        found += [Difference(How.REMOVED, old.what, old.names, before=old.key) for old in level.removed]
        found += [Difference(How.ADDED, new.what, new.names, after=new.key) for new in level.added]
        found += [Difference(How.MOVED, new.what, new.names, old.key, new.key) for old, new in moved]
        found += _changed(level.pairs)
    return found


@dataclass(frozen=True, slots=True)
class _Level:
    """All members of a level: those that are on both sides, and those that are on one."""

    pairs: list[Pair]
    removed: list[Member]
    added: list[Member]


def _inside(level: _Level) -> tuple[_Level, list[Pair]]:
    """Match the members of all that is on a level; with the pairs that moved."""
    pairs: list[Pair] = []
    moved: list[Pair] = []
    removed = [member for gone in level.removed for member in gone.members]
    added = [member for new in level.added for member in new.members]
    for old, new in level.pairs:
        matched = _match(old.members, new.members, lambda member: member.identity)
        pairs += matched.pairs
        moved += _moved(matched.pairs)
        removed += matched.removed
        added += matched.added
    across = _match(removed, added, lambda member: member.elsewhere)
    return _Level(pairs + across.pairs, across.removed, across.added), moved + across.pairs


def _match(before: Sequence[Member], after: Sequence[Member], identity: Callable[[Member], Hashable]) -> _Level:
    """Pair members of the same identity, the n-th with the n-th."""
    olds, news = _numbered(before, identity), _numbered(after, identity)
    return _Level(
        pairs=[(old, news[known]) for known, old in olds.items() if known in news],
        removed=[old for known, old in olds.items() if known not in news],
        added=[new for known, new in news.items() if known not in olds],
    )


def _numbered(listed: Sequence[Member], identity: Callable[[Member], Hashable]) -> dict[tuple[Hashable, int], Member]:
    seen: Counter[Hashable] = Counter()
    numbered: dict[tuple[Hashable, int], Member] = {}
    for member in listed:
        known = identity(member)
        numbered[known, seen[known]] = member
        seen[known] += 1
    return numbered


def _moved(pairs: Sequence[Pair]) -> list[Pair]:
    """The fewest pairs that must have moved for the others to have kept their order."""
    in_order = sorted(pairs, key=lambda pair: pair[0].position)
    kept = set(_longest_increasing([new.position for _, new in in_order]))
    return [pair for index, pair in enumerate(in_order) if index not in kept]


def _longest_increasing(numbers: Sequence[int]) -> list[int]:
    """Indexes of a longest increasing subsequence."""
    ends: list[int] = []
    chosen: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        at = bisect.bisect_left(ends, number)
        before.append(chosen[at - 1] if at else -1)
        ends[at : at + 1] = [number]
        chosen[at : at + 1] = [index]
    found: list[int] = []
    index = chosen[-1] if chosen else -1
    while index >= 0:
        found.append(index)
        index = before[index]
    return found


def _changed(pairs: Sequence[Pair]) -> Iterator[Difference]:
    for old, new in pairs:
        fields = tuple(_field_changes(old.fields, new.fields))
        if fields:
            yield Difference(How.CHANGED, new.what, new.names, old.key, new.key, fields)


def _field_changes(before: Fields, after: Fields) -> Iterator[FieldChange]:
    if before.get(RUNS) != after.get(RUNS):
        names = [name for name in before if name in after]  # the rest of what does not run was never rendered
    else:
        names = list(dict.fromkeys([*before, *after]))
    for name in names:
        if before.get(name) != after.get(name):
            yield FieldChange(name, before.get(name), after.get(name))
