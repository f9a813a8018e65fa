"""The tree of an execution as lines: symbol, key, name, phase, duration and message of each stage, workflow, action.

    ✗ shop-execute-3  Failed  4 succeeded, 1 failed, 2 skipped  3.2s
      Execute of plan shop, namespace default, mode Install
      stage database failed: ...

    ✓ s1 prepare (parallel)          Succeeded    1.1s
    └─ ✓ s1.w1 back-up               Succeeded    1.1s
       └─ ✓ s1.w1.a1 take-backup     Succeeded    0.2s  HTTP PUT succeeded with status 200

A line is a row of styled spans, so that all views, with colour and without, are laid out here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.model.phases import Phase
from drplan.view.outline import Level, Node, Outline
from drplan.view.symbols import PHASE_WIDTH, STYLES, UNICODE, Characters, Line, Span, Style
from drplan.view.text import cut, pad, width, wrap
from drplan.view.times import short_duration

INDENT = "  "
_DURATION_WIDTH = 6
_LEAST_MESSAGE = 24
"""Cells that are kept for messages when names are long."""


@dataclass(frozen=True, slots=True)
class Page:
    """What lines are made for.

    Attributes:
        width: cells of a line; None where lines may have any length, and nothing is cut or wrapped.
        characters: what the tree is drawn with.
        message_lines: most lines for a message of what went wrong; every other message gets one.
    """

    width: int | None = None
    characters: Characters = UNICODE
    message_lines: int = 3


def header(outline: Outline, page: Page) -> list[Line]:
    """What the execution is and how it stands."""
    lines = [*_headline(outline, page), *paragraph(about(outline), page, style=Style.QUIET)]
    if outline.message:
        style = STYLES[outline.phase] if outline.phase.bad else Style.PLAIN
        lines.extend(paragraph(outline.message, page, style=style))
    for remark in outline.remarks:
        lines.extend(paragraph(remark, page, style=Style.STOPPED))
    return lines


def _headline(outline: Outline, page: Page) -> list[Line]:
    style = STYLES[outline.phase]
    facts = "".join(INDENT + fact for fact in (progress(outline), taken(outline)) if fact)
    symbol = Span(f"{page.characters.phases[outline.phase]} ", style)
    line = (symbol, Span(outline.name, Style.STRONG), Span(INDENT), Span(outline.phase, style), Span(facts))
    if page.width is None or sum(width(span.text) for span in line) <= page.width:
        return [line]
    first, *others = paragraph(f"{outline.name}  {outline.phase}{facts}", page, style=style)
    return [(symbol, *first[1:]), *others]


def progress(outline: Outline) -> str:
    """How far an execution is, or how many of its actions came to what."""
    if outline.phase.terminal and outline.counts:
        return ", ".join(f"{count} {phase.lower()}" for phase, count in outline.counts.items())
    bad = [f"{outline.counts[phase]} {phase.lower()}" for phase in outline.counts if phase.bad]
    return ", ".join([f"{outline.progress} actions", *bad]) if outline.progress else ""


def taken(member: Outline | Node) -> str:
    """How long something took; of what goes on whole seconds only, so that the last digits do not flicker."""
    seconds = member.seconds
    if seconds is None or member.phase.terminal:
        return short_duration(seconds)
    return short_duration(int(seconds)).replace(".0s", "s")


def about(outline: Outline) -> str:
    """What an execution does, in a few words."""
    parts = [f"{outline.operation} of {outline.target}"] if outline.target else []
    parts.append(f"plan {outline.plan}" if outline.target else f"{outline.operation} of plan {outline.plan}".strip())
    parts.append(f"namespace {outline.namespace}")
    if outline.mode:
        parts.append(f"mode {outline.mode}")
    return ", ".join(parts)


def paragraph(text: str, page: Page, *, style: Style, indent: str = INDENT, lines: int | None = None) -> list[Line]:
    """A text of its own, indented, and wrapped where lines have a width."""
    if page.width is None:
        return [(Span(indent), Span(text, style))]
    wrapped = wrap(text, max(page.width - width(indent), 2), lines=lines, ellipsis=page.characters.ellipsis)
    return [(Span(indent), Span(line, style)) for line in wrapped]


@dataclass(frozen=True, slots=True)
class _Row:
    """A node with what stands in front of it, and in front of whatever stands below it."""

    node: Node
    guide: str
    below: str

    @property
    def label(self) -> str:
        return label(self.node)


def label(node: Node) -> str:
    """Key and name of a node, with what there is to note about it."""
    return " ".join(filter(None, [node.key, node.name, f"({node.note})" if node.note else ""]))


def lines(outline: Outline, page: Page) -> list[Line]:
    """The tree below the header."""
    rows = [row for stage in outline.stages for row in _rows(stage, "", "", page.characters)]
    widest = max((width(row.guide) + width(row.label) for row in rows), default=0)
    if page.width is not None:
        beside = page.width - len("✓ ") - len(INDENT) * 2 - PHASE_WIDTH - _DURATION_WIDTH
        widest = min(widest, max(beside - len(INDENT) - _LEAST_MESSAGE, page.width // 2), beside)
    return [line for row in rows for line in _lines_of(row, widest, page)]


def _rows(node: Node, guide: str, below: str, characters: Characters) -> Iterator[_Row]:
    yield _Row(node, guide, below + (characters.trunk if node.children else ""))
    for index, child in enumerate(node.children, start=1):
        last = index == len(node.children)
        branch, trunk = (characters.last, characters.gap) if last else (characters.branch, characters.trunk)
        yield from _rows(child, below + branch, below + trunk, characters)


def _lines_of(row: _Row, widest: int, page: Page) -> Iterator[Line]:
    head = _head(row, widest, page)
    message = message_of(row.node)
    style = STYLES[row.node.phase] if row.node.phase.bad else Style.QUIET
    if not message:
        yield head
    elif page.width is None:
        yield (*head, Span(INDENT + message, style))
    else:
        yield from _with_message(row, head, Span(message, style), page, page.width)


def _head(row: _Row, widest: int, page: Page) -> Line:
    node, style = row.node, STYLES[row.node.phase]
    room = max(widest - width(row.guide), 4)
    shown = row.label if page.width is None else cut(row.label, room, ellipsis=page.characters.ellipsis)
    return (
        Span(row.guide, Style.QUIET),
        Span(page.characters.phases[node.phase], style),
        Span(" " + pad(shown, room), style if node.phase.bad else Style.PLAIN),
        Span(INDENT + node.phase.ljust(PHASE_WIDTH), style),
        Span(INDENT + taken(node).rjust(_DURATION_WIDTH)),
    )


def _with_message(row: _Row, head: Line, message: Span, page: Page, columns: int) -> Iterator[Line]:
    """The message beside the head where there is room, else below it, where that of a success is not worth a line."""
    taken = sum(width(span.text) for span in head) + len(INDENT)
    beside = columns - taken >= _LEAST_MESSAGE
    if not beside and row.node.phase is Phase.SUCCEEDED:
        yield head
        return
    indent = pad(row.below, taken) if beside else row.below + INDENT
    most = page.message_lines if row.node.phase.bad else 1
    room = max(columns - width(indent), 2)
    wrapped = wrap(message.text, room, lines=most, ellipsis=page.characters.ellipsis)
    if beside:
        yield (*head, Span(INDENT + wrapped.pop(0), message.style))
    else:
        yield head
    for line in wrapped:
        yield (Span(indent, Style.QUIET), Span(line, message.style))


def message_of(node: Node) -> str:
    """What to say about a node beside its phase; nothing where a member in the same phase says it."""
    if node.level < Level.ACTION and any(_explains(child, node.phase) for child in node.children):
        return ""
    return node.why


def _explains(node: Node, phase: Phase) -> bool:
    return node.phase is phase and bool(node.why or any(_explains(child, phase) for child in node.children))
