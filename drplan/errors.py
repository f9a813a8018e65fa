"""Errors that the commands show, and the exit codes of `drplan`.

DrplanError
├── InputProblem     the input is wrong (exit 1)
└── OutOfReach       something that is needed cannot be reached (exit 4)
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `drplan`."""

    OK = 0
    INPUT = 1
    FAILED = 2
    CANCELLED = 3
    OUT_OF_REACH = 4


class DrplanError(Exception):
    """Root of the errors that a command shows on stderr before it ends with `code`."""

    code = Exit.INPUT


class InputProblem(DrplanError):
    """The input is wrong; nothing was changed.

    Args:
        lines: what is wrong, a line each (`file:line:column: message` where there is a place).
    """

    def __init__(self, lines: Iterable[str] | str) -> None:
        self.lines = [lines] if isinstance(lines, str) else list(lines)
        super().__init__("\n".join(self.lines))


class OutOfReach(DrplanError):
    """Something that is needed cannot be reached."""

    code = Exit.OUT_OF_REACH
