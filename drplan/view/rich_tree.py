"""Styled lines as renderables of `rich`, for terminals that can show colour or redraw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, Group
from rich.text import Text

from drplan.view.symbols import Line, Style

_STYLES = {
    Style.PLAIN: "",
    Style.STRONG: "bold",
    Style.QUIET: "dim",
    Style.GOOD: "green",
    Style.BAD: "bold red",
    Style.DOUBTFUL: "bold magenta",
    Style.ACTIVE: "cyan",
    Style.STOPPED: "yellow",
}


def console(file: TextIO, *, colour: bool, live: bool) -> Console:
    """A console that takes every text as it is: nothing in a name or message is markup.

    Args:
        file: where it writes.
        colour: whether it may use colour.
        live: whether what it wrote can be redrawn.
    """
    return Console(
        file=file,
        no_color=not colour,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        force_terminal=live or colour,
    )


def renderable(lines: Iterable[Line]) -> Group:
    """Lines, each of which stays one line however narrow the terminal is."""
    return Group(*(_text(line) for line in lines))


def _text(line: Line) -> Text:
    text = Text(no_wrap=True, overflow="crop", end="\n")
    for span in line:
        text.append(span.text, style=_STYLES[span.style])
    return text
