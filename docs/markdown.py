"""The little of Markdown that pages and generated tables need: tables, headings with their anchors, fences, links.

Only what GitHub shows alike everywhere is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEADING = re.compile(r"(#{1,6}) +(.+?) *\Z")
_FENCE = re.compile(r"(```+)(\S*)\Z")
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
_CODE = re.compile(r"`[^`]*`")
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block.

    Attributes:
        language: word behind the opening fence.
        text: what is inside.
        line: 1-based line of the opening fence.
    """

    language: str
    text: str
    line: int


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; a bar inside a cell is escaped."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def code(text: str) -> str:
    """Return a text as code; the empty text stays empty."""
    return f"`{text}`" if text else ""


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets."""
    return _NOT_IN_ANCHOR.sub("", heading.replace("`", "").lower()).replace(" ", "-")


def headings(page: str) -> Iterator[tuple[int, str, str]]:
    """All headings of a page: 1-based line, text and anchor."""
    seen: dict[str, int] = {}
    for number, line in _outside_fences(page):
        match = _HEADING.match(line)
        if match is None:
            continue
        name = anchor(match.group(2))
        count = seen[name] = seen.get(name, -1) + 1
        yield number, match.group(2), f"{name}-{count}" if count else name


def links(page: str) -> Iterator[tuple[int, str]]:
    """All links of a page: 1-based line and target."""
    for number, line in _outside_fences(page):
        for match in _LINK.finditer(_CODE.sub("", line)):
            yield number, match.group(1)


def fences(page: str) -> Iterator[Fence]:
    """All fenced blocks of a page."""
    opened: tuple[str, str, int] | None = None
    inside: list[str] = []
    for number, line in enumerate(page.splitlines(), 1):
        if opened is None:
            if match := _FENCE.match(line):
                opened, inside = (match.group(1), match.group(2), number), []
        elif line == opened[0]:
            yield Fence(opened[1], "\n".join(inside) + "\n", opened[2])
            opened = None
        else:
            inside.append(line)
    if opened is not None:
        raise ValueError(f"the fence in line {opened[2]} is never closed")


def _outside_fences(page: str) -> Iterator[tuple[int, str]]:
    inside = ""
    for number, line in enumerate(page.splitlines(), 1):
        match = _FENCE.match(line)
        if inside:
            inside = "" if line == inside else inside
        elif match:
            inside = match.group(1)
        else:
            yield number, line
