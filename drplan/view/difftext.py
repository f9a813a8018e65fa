"""Differences between two graphs as lines, in the order of the plan, with each changed field below its action."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from drplan.view.compare import Difference, FieldChange, How
from drplan.view.symbols import Characters, Line, Span, Style
from drplan.view.text import clean, width

_SIGNS = {How.ADDED: "+", How.REMOVED: "-", How.MOVED: ">", How.CHANGED: "~"}
_STYLES = {How.ADDED: Style.GOOD, How.REMOVED: Style.BAD, How.MOVED: Style.ACTIVE, How.CHANGED: Style.STOPPED}
_HOW_WIDTH = max(len(how) for how in How)
_WHAT_WIDTH = len("workflow")
_BESIDE = 100
"""Most cells of two values on one line."""

_INDENT = " " * 4
_NOTHING = "nothing"
_DIFF_HEADER = 3
"""Lines of a unified diff before its first line of content: the two files and the first place."""


def lines(differences: Sequence[Difference], characters: Characters) -> list[Line]:
    """Show differences, and count them."""
    shown = sorted(differences, key=_place)
    made = [line for each in shown for line in _difference(each, characters)]
    counts = Counter(each.how for each in differences)
    return [*made, (), (Span(", ".join(f"{counts[how]} {how}" for how in How if counts[how]), Style.STRONG),)]


def _place(difference: Difference) -> list[int]:
    key = difference.after or difference.before
    return [int(part[1:]) for part in key.split(".")] if key else []


def _difference(difference: Difference, characters: Characters) -> Iterator[Line]:
    style = _STYLES[difference.how]
    yield (
        Span(f"{_SIGNS[difference.how]} {difference.how.ljust(_HOW_WIDTH)}  ", style),
        Span(difference.what.ljust(_WHAT_WIDTH) + "  "),
        Span(" / ".join(map(clean, difference.names)), Style.STRONG),
        Span(f"  {_keys(difference)}".rstrip(), Style.QUIET),
    )
    for change in difference.fields:
        yield from _field(change, characters)


def _keys(difference: Difference) -> str:
    before, after = difference.before, difference.after
    if before and before != after:
        return f"{after}, was {before}" if after else f"was {before}"
    return after


def _field(change: FieldChange, characters: Characters) -> Iterator[Line]:
    before, after = _shown(change.before), _shown(change.after)
    name = Span(f"{_INDENT}{clean(change.name)}: ")
    if not _has_lines(change) and width(before) + width(after) <= _BESIDE:
        yield (name, Span(before, Style.BAD), Span(f" {characters.arrow} "), Span(after, Style.GOOD))
        return
    yield (name,)
    diff = difflib.unified_diff(_lines_of(change.before), _lines_of(change.after), lineterm="", n=1)
    for line in islice(diff, _DIFF_HEADER, None):
        if line.startswith("@@"):
            yield (Span(f"{_INDENT * 2}{characters.ellipsis}", Style.QUIET),)
            continue
        style = {"-": Style.BAD, "+": Style.GOOD}.get(line[0], Style.QUIET)
        yield (Span(f"{_INDENT * 2}{line[0]} {_visible(line[1:])}".rstrip(), style),)


def _has_lines(change: FieldChange) -> bool:
    return any(isinstance(value, str) and "\n" in value for value in (change.before, change.after))


def _lines_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split("\n")
    return [] if value is None else [_shown(value)]


def _shown(value: Any) -> str:
    return _NOTHING if value is None else _visible(json.dumps(value, ensure_ascii=False))


def _visible(text: str) -> str:
    """A line of a value, with its indentation."""
    return " " * (len(text) - len(text.lstrip(" "))) + clean(text)
