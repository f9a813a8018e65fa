"""Following an execution: a tree that redraws itself on a terminal, one line a change everywhere else.

    with follower() as view:
        view.update(execution)

`update` may be called as often as there is something new; what is shown at the end is the last state, complete.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from drplan.view import changes, findings, tree
from drplan.view.focus import fit
from drplan.view.outline import Outline, read
from drplan.view.symbols import Line, Span, Style
from drplan.view.terminal import Screen
from drplan.view.tree import Page

if TYPE_CHECKING:
    from rich.console import RenderableType

Execution = Mapping[str, Any]
Hints = Callable[[Outline], Sequence[findings.Hint]]
"""Commands to go on with after an execution."""

REFRESHES_PER_SECOND = 8
MOST_ROWS = 200
"""Most rows of the tree that stays on the terminal at the end."""

_LIVE_FAILURES = 3
_LEAST_ROWS = 3
_BLANK_LINES = 3

_STILL = 1.0
"""Seconds after which a frame is drawn again although there is nothing new, for the time that has passed."""

_REST = 4
"""How many times as long as it took to draw a frame is waited for before the next one."""


class Follower(Protocol):
    """Something that shows an execution while it goes on, and how it ended."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show how it stands at the end."""

    def update(self, execution: Execution, *, remark: str = "") -> None:
        """Take note of a new state; the object must not be changed afterwards.

        Args:
            execution: the DRPlanExecution.
            remark: what else there is to say about it at the moment.
        """


def follower(screen: Screen | None = None, *, hints: Hints | None = None) -> Follower:
    """Make the follower that fits where it writes to.

    Args:
        screen: where to write; standard output by default.
        hints: gives commands to go on with when something went wrong.
    """
    screen = screen or Screen.of()
    return LiveTree(screen, hints=hints) if screen.live else PlainLines(screen, hints=hints)


def report(
    outline: Outline,
    page: Page,
    *,
    hints: Sequence[findings.Hint] = (),
    rows: int | None = None,
    remark: str = "",
) -> list[Line]:
    """All there is to see of an execution: header, tree, and what went wrong.

    Args:
        outline: the execution.
        page: what the lines are made for.
        hints: commands to go on with when something went wrong.
        rows: most nodes of the tree; None to show all.
        remark: what else there is to say about it at the moment.
    """
    shown = outline if rows is None else fit(outline, rows)
    noted = tree.paragraph(remark, page, style=Style.STOPPED) if remark else []
    lines = [*tree.header(outline, page), *noted, (), *tree.lines(shown, page)]
    if shown.stages != outline.stages:
        lines.append((Span(f"{page.characters.ellipsis} folded; `drplan get` shows all of it", Style.QUIET),))
    found = findings.lines(findings.find(outline), page, hints=hints)
    return [*lines, (), *found] if found else lines


class Unfailing:
    """Keeps whatever goes wrong with showing away from those who have something to show.

    Attributes:
        problem: what went wrong; None as long as nothing has. Nothing more is shown from then on.
    """

    def __init__(self, view: Follower) -> None:
        self.problem: Exception | None = None
        self._view = view

    def __enter__(self) -> Self:
        self._try(self._view.__enter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._try(lambda: self._view.__exit__(kind, error, trace))

    def update(self, execution: Execution, *, remark: str = "") -> None:
        """Show a new state, if that is possible."""
        self._try(lambda: self._view.update(execution, remark=remark))

    def _try(self, show: Callable[[], object]) -> None:
        if self.problem is not None:
            return
        try:
            show()
        except Exception as problem:
            # No mistake in a view is worth a run.
            self.problem = problem


class PlainLines:
    """Writes one line a change of phase."""

    def __init__(self, screen: Screen, *, hints: Hints | None = None) -> None:
        self._screen = screen
        self._hints = hints
        self._outline: Outline | None = None
        self._phases: changes.Phases = {}
        self._cells = 0
        self._remark = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outline is None or not self._outline.phase.terminal:
            return
        hints = self._hints(self._outline) if self._hints else ()
        found = findings.lines(findings.find(self._outline), self._screen.page(), hints=hints)
        if found:
            self._screen.write([(), *found])

    def update(self, execution: Execution, *, remark: str = "") -> None:
        """Write what is new."""
        now = datetime.now(UTC)
        outline = read(execution, now=now)
        if self._outline is None:
            self._cells = changes.widest(outline)
        lines = [changes.line(change, now=now, cells=self._cells) for change in changes.changes(self._phases, outline)]
        if remark and remark != self._remark:
            lines.append(remark)
        if lines:
            self._screen.print("\n".join(lines))
        self._outline, self._phases, self._remark = outline, changes.phases(outline), remark


class LiveTree:
    """Redraws the tree; what does not fit on the terminal is folded, and unfolded at the end."""

    def __init__(self, screen: Screen, *, hints: Hints | None = None) -> None:
        from rich.live import Live

        from drplan.view.rich_tree import console

        self._screen = screen
        self._hints = hints
        self._execution: Execution | None = None
        self._remark = ""
        self._ending = False
        self._frame: RenderableType = ""
        self._drawn: tuple[Execution | None, str] = (None, "")
        self._rest = 0.0
        self._console = console(screen.file, colour=screen.colour, live=screen.live)
        self._live = Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=REFRESHES_PER_SECOND, transient=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        self._live.stop()

    def update(self, execution: Execution, *, remark: str = "") -> None:
        """Show a new state at the next redraw; nothing is drawn before the first one."""
        self._execution, self._remark = execution, remark
        if not self._live.is_started:
            self._live.start(refresh=True)

    def _draw(self) -> RenderableType:
        """The frame to show; a new one only where there is something new, a second has passed, or it is the last."""
        began = time.monotonic()
        state = (self._execution, self._remark)
        new = state[0] is not self._drawn[0] or state[1] != self._drawn[1]
        if state[0] is not None and (self._ending or began >= self._rest + (0 if new else _STILL)):
            self._frame = self._new_frame(state[0])
            self._drawn = state
            self._rest = time.monotonic() + _REST * (time.monotonic() - began)
        return self._frame

    def _new_frame(self, execution: Execution) -> RenderableType:
        from drplan.view.rich_tree import renderable

        outline = read(execution, now=datetime.now(UTC))
        if self._ending:
            page = Page(self._console.width, self._screen.characters)
            hints = self._hints(outline) if self._hints and outline.phase.terminal else ()
            return renderable(report(outline, page, hints=hints, rows=MOST_ROWS))
        page = Page(self._console.width, self._screen.characters, message_lines=1)
        return renderable(self._screenful(outline, page, self._console.height))

    def _screenful(self, outline: Outline, page: Page, height: int) -> list[Line]:
        head = [*tree.header(outline, page)]
        if self._remark:
            head.extend(tree.paragraph(self._remark, page, style=Style.STOPPED))
        bad = findings.find(outline).bad[:_LIVE_FAILURES]
        tail = findings.lines(findings.Findings(bad, (), 0, 0), page)
        room = height - len(head) - len(tail) - _BLANK_LINES
        body = tree.lines(fit(outline, max(room, _LEAST_ROWS)), page)
        return [*head, (), *body, *([(), *tail] if tail else [])]
