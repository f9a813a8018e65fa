"""Screens that tests can read: plain streams, and a terminal of a given size."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Iterable
from io import StringIO
from types import TracebackType

from drplan.view.symbols import UNICODE, Line, plain
from drplan.view.terminal import Screen
from drplan.view.tree import Page

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

WIDE = Page(120, UNICODE)
ENDLESS = Page(None, UNICODE)


def text(lines: Iterable[Line]) -> list[str]:
    """Lines without their styles."""
    return [plain(line) for line in lines]


def stream() -> Screen:
    """A stream that is no terminal."""
    return Screen.of(StringIO(), {})


def written(screen: Screen) -> str:
    """What was written to such a stream."""
    assert isinstance(screen.file, StringIO)
    return screen.file.getvalue()


class Terminal:
    """A terminal; everything that is written to it is kept.

    Attributes:
        file: the stream that a program writes to.
    """

    def __init__(self, *, columns: int = 100, rows: int = 40) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.file = os.fdopen(slave, "w", encoding="utf-8")
        self._content = b""
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Terminal:
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        os.close(self._master)

    def _read(self) -> None:
        try:
            while chunk := os.read(self._master, 65536):
                self._content += chunk
        except OSError:
            return

    def close(self) -> None:
        """End writing; afterwards everything can be read."""
        if not self.file.closed:
            self.file.close()
        self._reader.join(10)

    @property
    def raw(self) -> str:
        """Everything, with control sequences."""
        return self._content.decode()

    @property
    def lines(self) -> list[str]:
        """Everything, as it would be read on paper: without control sequences."""
        return [line.rstrip() for line in CONTROL.sub("", self.raw).replace("\r", "").split("\n")]
