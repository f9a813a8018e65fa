"""Where a view goes: a terminal that can redraw and colour, or a pipe, a file or a log that gets plain lines.

Honoured: `NO_COLOR` (no colour), `TERM=dumb` (plain lines), `CI` (plain lines even where the build has a terminal: its
log keeps every redraw), `COLUMNS` and `LINES`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TextIO, cast

from drplan.view.lenient import Lenient
from drplan.view.symbols import ASCII, UNICODE, Characters, Line, plain
from drplan.view.tree import Page

_DEFAULT_SIZE = (80, 24)


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a view goes.

    Attributes:
        file: the stream.
        live: whether what was written can be redrawn.
        colour: whether it can show colour.
        width: cells of a line; None when that does not matter.
        height: lines that can be seen at once.
        characters: what it can draw with.
    """

    file: TextIO
    live: bool
    colour: bool
    width: int | None
    height: int
    characters: Characters

    @classmethod
    def of(cls, file: TextIO | None = None, environment: Mapping[str, str] | None = None) -> Screen:
        """Look at a stream.

        Args:
            file: the stream; standard output by default.
            environment: environment variables; those of the process by default.
        """
        file = file or sys.stdout
        environment = os.environ if environment is None else environment
        terminal = _is_terminal(file)
        clever = terminal and environment.get("TERM") != "dumb"
        columns, lines = _size(file, environment)
        return cls(
            file=file,
            live=clever and environment.get("CI", "").lower() in ("", "0", "false"),
            colour=clever and not environment.get("NO_COLOR"),
            width=columns if terminal else None,
            height=lines,
            characters=UNICODE if "utf" in (file.encoding or "utf-8").lower() else ASCII,
        )

    def forgiving(self) -> Screen:
        """The same screen, for which it is no failure when it is not there any more."""
        return replace(self, file=cast("TextIO", Lenient(self.file)))

    def page(self, *, message_lines: int = 3) -> Page:
        """What lines for this screen are made for."""
        return Page(self.width, self.characters, message_lines)

    def write(self, lines: Iterable[Line]) -> None:
        """Write styled lines, with colour where it can be shown."""
        if self.colour:
            from drplan.view.rich_tree import console, renderable

            console(self.file, colour=self.colour, live=self.live).print(renderable(lines))
        else:
            self.print("\n".join(plain(line) for line in lines))

    def print(self, text: str) -> None:
        """Write plain text; what the stream cannot encode is replaced."""
        encoding = self.file.encoding or "utf-8"
        self.file.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self.file.flush()


def _is_terminal(file: TextIO) -> bool:
    try:
        return file.isatty()
    except (OSError, ValueError):
        return False


def _size(file: TextIO, environment: Mapping[str, str]) -> tuple[int, int]:
    try:
        columns, lines = os.get_terminal_size(file.fileno())
    except (OSError, ValueError):
        columns, lines = 0, 0
    given = [environment.get(name, "") for name in ("COLUMNS", "LINES")]
    columns, lines = (int(text) if text.isdigit() else size for text, size in zip(given, (columns, lines), strict=True))
    return columns or _DEFAULT_SIZE[0], lines or _DEFAULT_SIZE[1]
