"""Text on a terminal: its width in cells, cut and wrapped, and cleaned of what a terminal would obey.

Names and messages come from manifests and from servers that answered: a control sequence in them must never reach a
terminal, and a line break must not break the layout.
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NO_WIDTH = frozenset({"Mn", "Me"})


def clean(text: str) -> str:
    """One line of visible text: control sequences dropped, each run of white space one space."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = _CONTROL.sub("", text)
    return " ".join("".join(each for each in text if each.isspace() or not _is_invisible(each)).split())


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE


def width(text: str) -> int:
    """Cells that a line takes on a terminal; wide characters take two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad(text: str, cells: int) -> str:
    """Fill a text up with spaces; a longer one stays as it is."""
    return text + " " * (cells - width(text))


def cut(text: str, cells: int, *, ellipsis: str = ELLIPSIS) -> str:
    """Cut a line to so many cells, with an ellipsis where something is missing."""
    if width(text) <= cells:
        return text
    room = cells - width(ellipsis)
    return _start(text, max(room, 0)).rstrip() + ellipsis if room >= 0 else _start(text, cells)


def _start(text: str, cells: int) -> str:
    """The longest start of a text that fits into so many cells."""
    if text.isascii():
        return text[:cells]
    taken = 0
    for index, character in enumerate(text):
        taken += _cells(character)
        if taken > cells:
            return text[:index]
    return text


def wrap(text: str, cells: int, *, lines: int | None = None, ellipsis: str = ELLIPSIS) -> list[str]:
    """Break a line into lines of so many cells at most, at spaces where there are any.

    Args:
        text: clean text.
        cells: width of a line, at least 2.
        lines: most lines; the rest is cut off.
        ellipsis: what stands for what was cut off.
    """
    wrapped: list[str] = []
    rest = text.strip()
    while width(rest) > cells:
        if lines is not None and len(wrapped) + 1 == lines:
            break
        line = _start(rest, cells)
        at = len(line) if rest[len(line) : len(line) + 1] == " " else line.rfind(" ")
        if at * 2 > len(line):
            line = line[:at]
        wrapped.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    if rest:
        wrapped.append(cut(rest, cells, ellipsis=ellipsis))
    return wrapped
