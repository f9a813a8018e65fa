"""The trees of all variants → one tree, in which guards stand around what some variants alone have.

A guard is an entry before and one after what it is about; its condition follows from the variants that have that. So
nothing says twice under which condition something is installed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from deploy.chart.variants import CHOICES, Variant

BEGIN, END = "BEGIN", "END"


class Merged:
    """Merges trees and keeps the conditions of the guards, by their numbers."""

    def __init__(self) -> None:
        self.conditions: list[str] = []

    def tree(self, found: Mapping[Variant, Any]) -> Any:
        """Merge what variants have in one place.

        Raises:
            ValueError: they differ in a way that no guard can express.
        """
        first, *others = found.values()
        if all(other == first for other in others):
            return first
        if all(isinstance(each, dict) for each in found.values()):
            entries = []
            for key, value, number in self._entries(found):
                guarded = [(key, value)] if number is None else [(f"{BEGIN}{number}", ""), (key, value)]
                entries += guarded if number is None else [*guarded, (f"{END}{number}", "")]
            return dict(entries)
        if all(isinstance(each, list) for each in found.values()):
            items = []
            for _, value, number in self._entries({variant: _named(each) for variant, each in found.items()}):
                items += [value] if number is None else [f"{BEGIN}{number}", value, f"{END}{number}"]
            return items
        raise ValueError(f"variants differ in a value: {first!r} and others; make it a mark")

    def objects(self, found: Mapping[Variant, Mapping[Any, Any]]) -> list[tuple[Any, str]]:
        """Merge the objects of variants; each comes with its condition, which is empty where all have it."""
        merged = self._entries(found)
        return [(value, "" if number is None else self.conditions[number]) for _, value, number in merged]

    def _entries(self, found: Mapping[Variant, Mapping[Any, Any]]) -> list[tuple[Any, Any, int | None]]:
        """Keys of all variants with their merged values, and the numbers of their guards."""
        entries = []
        for key in _in_order(list(found.values())):
            having = {variant: each[key] for variant, each in found.items() if key in each}
            number = None
            if len(having) < len(found):
                number = len(self.conditions)
                self.conditions.append(condition(having, found))
            entries.append((key, self.tree(having), number))
        return entries


def condition(having: Collection[Variant], among: Collection[Variant]) -> str:
    """What tells some variants from the others.

    Raises:
        ValueError: nothing that can be said does.
    """
    told = []
    expected = set(among)
    for place, choice in enumerate(CHOICES):
        allowed = {variant[place] for variant in having}
        if allowed != {variant[place] for variant in among}:
            told.append(choice.condition(allowed))
            expected = {variant for variant in expected if variant[place] in allowed}
    if expected != set(having):
        raise ValueError(f"no condition tells {sorted(map(str, having))} from the other variants")
    return told[0] if len(told) == 1 else f"and {' '.join(f'({each})' for each in told)}"


def _in_order(found: Sequence[Mapping[Any, Any]]) -> list[Any]:
    """All keys, each behind the one that it follows where it is."""
    order: list[Any] = []
    for each in found:
        place = 0
        for key in each:
            if key in order:
                place = order.index(key) + 1
            else:
                order.insert(place, key)
                place += 1
    return order


def _named(items: Sequence[Any]) -> dict[str, Any]:
    """Items of a list by what tells them apart."""
    return {item["name"] if isinstance(item, dict) and "name" in item else json.dumps(item): item for item in items}
