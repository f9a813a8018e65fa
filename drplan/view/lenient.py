"""Streams whose readers may go away: what cannot be written any more is dropped, and whoever writes goes on."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


class Lenient:
    """A text stream that never fails: from its first failure on, all that is written to it is dropped.

    Attributes:
        encoding: encoding of the stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.errors = getattr(stream, "errors", None) or "strict"

    def write(self, text: str) -> int:
        """Write, as long as somebody reads."""
        if not self._gone:
            try:
                self._stream.write(text)
            except (OSError, ValueError):
                self._drop()
        return len(text)

    def flush(self) -> None:
        """Flush, as long as somebody reads."""
        if not self._gone:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._drop()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        try:
            return self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """Its descriptor.

        Raises:
            OSError: it has none.
        """
        return self._stream.fileno()

    def _drop(self) -> None:
        self._gone = True
        silence(self._stream)


def silence(stream: TextIO) -> None:
    """Send what a stream still holds, and all that comes, nowhere; the interpreter flushes it when it ends."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    with contextlib.suppress(OSError, ValueError):
        stream.flush()


def open_closed() -> None:
    """Give a process that was started without standard streams ones that lead nowhere.

    Otherwise the next file that is opened becomes standard output, and is written to by mistake.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, descriptor)
            if nowhere != descriptor:
                os.close(nowhere)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))
