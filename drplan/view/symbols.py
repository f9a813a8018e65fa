"""How phases look: a symbol and a style each, and the characters that a tree is drawn with.

A phase is always shown as a word, too: colour and symbol only help to find it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from compiler.model.phases import Phase


class Style(StrEnum):
    """What a piece of a line is, for whoever can show that."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    GOOD = "good"
    BAD = "bad"
    DOUBTFUL = "doubtful"
    ACTIVE = "active"
    STOPPED = "stopped"


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Span, ...]


def plain(line: Line) -> str:
    """A line without its styles."""
    return "".join(span.text for span in line).rstrip()


STYLES: Mapping[Phase, Style] = {
    Phase.PENDING: Style.QUIET,
    Phase.RUNNING: Style.ACTIVE,
    Phase.SUCCEEDED: Style.GOOD,
    Phase.FAILED: Style.BAD,
    Phase.SKIPPED: Style.QUIET,
    Phase.CANCELLED: Style.STOPPED,
    Phase.UNKNOWN: Style.DOUBTFUL,
}

PHASE_WIDTH = max(len(phase) for phase in Phase)


@dataclass(frozen=True, slots=True)
class Characters:
    """The characters that a tree is drawn with.

    Attributes:
        phases: symbol of each phase, one cell wide.
        branch: before a member that others follow.
        last: before the last member.
        trunk: below a member that others follow.
        gap: below the last member.
        ellipsis: for what was cut off.
        arrow: between what was and what is.
    """

    phases: Mapping[Phase, str]
    branch: str
    last: str
    trunk: str
    gap: str
    ellipsis: str
    arrow: str


UNICODE = Characters(
    phases={
        Phase.PENDING: "○",
        Phase.RUNNING: "●",
        Phase.SUCCEEDED: "✓",
        Phase.FAILED: "✗",
        Phase.SKIPPED: "–",
        Phase.CANCELLED: "■",
        Phase.UNKNOWN: "?",
    },
    branch="├─ ",
    last="└─ ",
    trunk="│  ",
    gap="   ",
    ellipsis="…",
    arrow="→",
)

ASCII = Characters(
    phases={
        Phase.PENDING: ".",
        Phase.RUNNING: ">",
        Phase.SUCCEEDED: "+",
        Phase.FAILED: "x",
        Phase.SKIPPED: "-",
        Phase.CANCELLED: "!",
        Phase.UNKNOWN: "?",
    },
    branch="|- ",
    last="`- ",
    trunk="|  ",
    gap="   ",
    ellipsis="...",
    arrow="->",
)
