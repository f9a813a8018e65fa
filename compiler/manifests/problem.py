"""A violation with its place in a file: the form in which everything that is wrong reaches a user."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from compiler.problems import Severity

MISSING_POSITION = (1, 1)
"""Where a problem is that concerns a whole file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    Attributes:
        file: as the user gave it, `-` for standard input.
        line: 1-based.
        column: 1-based.
        kind: kind of the object, empty when it is not known.
        name: name of the object, empty when it is not known.
        severity: error or warning.
        message: what is wrong and, where it is not obvious, what to do.
    """

    file: str
    line: int
    column: int
    kind: str
    name: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        """Show it as `file:line:column: message`; a warning says that it is one."""
        word = f"{Severity.WARNING}: " if self.severity is Severity.WARNING else ""
        return f"{self.file}:{self.line}:{self.column}: {word}{self.message}"

    @classmethod
    def of_file(cls, file: str, message: str) -> Problem:
        """Say that something is wrong with a whole file."""
        return cls(file, *MISSING_POSITION, "", "", Severity.ERROR, message)

    @property
    def is_error(self) -> bool:
        """Whether it refuses the input."""
        return self.severity is Severity.ERROR

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-shaped mapping."""
        return {**asdict(self), "severity": str(self.severity)}
