"""What somebody who is woken up has to know of an execution: what failed, where and why, and what was not run.

It stands below the tree, where eyes land first, and is empty for an execution that went well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from compiler.model.phases import Phase, Reason
from drplan.view.outline import Level, Node, Outline
from drplan.view.symbols import STYLES, Line, Span, Style
from drplan.view.text import cut, pad, width
from drplan.view.tree import INDENT, Page, label, paragraph

ON_PURPOSE = frozenset({Reason.CONDITION_NOT_MET, Reason.NOTHING_TO_UNDO})
"""Reasons of a Skipped action that takes nothing away from the success of the others."""

_HEADINGS = {Phase.FAILED: "Failed", Phase.UNKNOWN: "Unknown, may or may not have happened", Phase.CANCELLED: "Stopped"}
_MOST = 8
"""Most entries under a heading; the tree has them all."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is to know.

    Attributes:
        bad: actions that Failed, are Unknown or were Cancelled, in order.
        not_run: what was kept from running, as few nodes as possible: a whole stage or workflow, else an action.
        not_run_actions: how many actions these are.
        actions: how many actions there are.
    """

    bad: tuple[Node, ...]
    not_run: tuple[Node, ...]
    not_run_actions: int
    actions: int


class Hint(NamedTuple):
    """A command to go on with, and what it does."""

    command: str
    why: str


def find(outline: Outline) -> Findings:
    """Look for what went wrong."""
    not_run = tuple(node for stage in outline.stages for node in _not_run(stage))
    return Findings(
        bad=tuple(node for stage in outline.stages for node in _bad(stage)),
        not_run=not_run,
        not_run_actions=sum(len(_actions(node)) for node in not_run),
        actions=sum(len(_actions(stage)) for stage in outline.stages),
    )


def _bad(node: Node) -> Iterator[Node]:
    """The actions in such a phase; a stage or workflow in one that no action of it explains stands for itself."""
    found = [each for child in node.children for each in _bad(child)] if node.level < Level.ACTION else []
    if found:
        yield from found
    elif node.phase in (Phase.FAILED, Phase.UNKNOWN) or (node.phase is Phase.CANCELLED and node.level is Level.ACTION):
        yield node


def _not_run(node: Node) -> Iterator[Node]:
    actions = _actions(node)
    if actions and all(_kept_from_running(action) for action in actions) and len({each.why for each in actions}) == 1:
        yield node
    elif node.level < Level.ACTION:
        for child in node.children:
            yield from _not_run(child)


def _actions(node: Node) -> list[Node]:
    return [each for each in node.walk() if each.level is Level.ACTION]


def _kept_from_running(action: Node) -> bool:
    return action.phase is Phase.SKIPPED and action.reason not in ON_PURPOSE


def lines(findings: Findings, page: Page, *, hints: Sequence[Hint] = ()) -> list[Line]:
    """Lines that say it.

    Args:
        findings: what is to know.
        page: what the lines are made for.
        hints: commands to go on with.
    """
    made: list[Line] = []
    for phase, heading in _HEADINGS.items():
        nodes = [node for node in findings.bad if node.phase is phase]
        if nodes:
            made.append((Span(f"{heading}:", STYLES[phase]),))
            made.extend(_entries(nodes, page, message_lines=page.message_lines))
    if findings.not_run:
        made.append((Span(f"Not run: {findings.not_run_actions} of {findings.actions} actions", Style.STRONG),))
        made.extend(_entries(findings.not_run, page, message_lines=1))
    if made and hints:
        made.append((Span("Next:", Style.STRONG),))
        made.extend(_hints(hints, page))
    return made


def _hints(hints: Sequence[Hint], page: Page) -> Iterator[Line]:
    """Commands that can be copied: what they do stands beside them where there is room, else above."""
    widest = max(width(hint.command) for hint in hints)
    longest = max(len(INDENT) + widest + width(_why(hint)) for hint in hints)
    for hint in hints:
        if page.width is None or longest <= page.width:
            yield (Span(INDENT + pad(hint.command, widest)), Span(_why(hint), Style.QUIET))
        else:
            yield (Span(_why(hint), Style.QUIET),)
            yield from paragraph(hint.command, page, style=Style.PLAIN)


def _why(hint: Hint) -> str:
    return f"{INDENT}# {hint.why}"


def _entries(nodes: Sequence[Node], page: Page, *, message_lines: int) -> Iterator[Line]:
    for node in nodes[:_MOST]:
        yield from _entry(node, page, message_lines)
    if len(nodes) > _MOST:
        yield (Span(f"{INDENT}and {len(nodes) - _MOST} more", Style.QUIET),)


def _entry(node: Node, page: Page, message_lines: int) -> Iterator[Line]:
    """An entry: what it is, and its message beside it where both fit on a line, else below it."""
    style = STYLES[node.phase]
    actions = len(_actions(node))
    shown = label(node) + (f", {actions} actions" if node.level < Level.ACTION and actions > 1 else "")
    message = node.why or next((each.why for each in _actions(node) if each.why), "")
    symbol = Span(f"{INDENT}{page.characters.phases[node.phase]} ", style)
    taken = width(symbol.text) + width(shown)
    if page.width is None or taken + len(INDENT) + width(message) <= page.width:
        yield (symbol, Span(shown), Span(INDENT + message if message else "", Style.PLAIN))
        return
    yield (symbol, Span(cut(shown, max(page.width - width(symbol.text), 2), ellipsis=page.characters.ellipsis)))
    indent = INDENT * 2
    yield from paragraph(message, page, style=Style.PLAIN, indent=indent, lines=message_lines)
