"""Figures of the syncer's benches: what was measured, beside its limit or the peers that were measured with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """A figure.

    Attributes:
        name: what was measured.
        unit: its unit.
        value: how much; None when it could not be measured here.
        limit: the most that it may be; None for a peer, or what is told beside another.
    """

    name: str
    unit: str
    value: float | None
    limit: float | None = None

    @property
    def missed(self) -> bool:
        """Whether it is over its limit."""
        return self.limit is not None and (self.value is None or self.value > self.limit)


def percentile(values: Iterable[float], part: float) -> float:
    """The smallest value that at least this part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * part) - 1, 0)]


def report(title: str, figures: Sequence[Figure]) -> None:
    """Print figures as a table."""
    print(f"{title:<66}{'':>9}{'limit':>8}")
    for each in figures:
        shown = "not measured" if each.value is None else f"{each.value:>.1f}"
        limit = "" if each.limit is None else f"{each.limit:>.0f}"
        print(f"  {f'{each.name}, {each.unit}':<64}{shown:>9}{limit:>8}{'  missed' if each.missed else ''}")
