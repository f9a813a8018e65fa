"""What is wrong with an object, and where: the one form in which rules, graph and compiler report.

A `Violation` names an object and a path inside it; `compiler.manifests` knows the file, line and column of every path.
`CompilerError` is the root of this package's errors:

    CompilerError
    ├── Refused         the input breaks rules: carries all violations at once
    ├── PlanTooLarge    the compiled Workflow would not fit into Argo's 1 MiB
    ├── NothingToRun    every action is decided already: there is no Workflow, the run is at its end
    ├── ManifestError   a file cannot be read at all
    └── InternalError   the compiler broke a promise of its own: a bug, never the input
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Path = tuple[str | int, ...]
"""Place of a value inside an object: field names and list indexes from the top."""


class Severity(StrEnum):
    """Whether a violation refuses the object or is only shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object by kind and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Show it as `Kind ns/name`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with an object.

    Attributes:
        ref: the object.
        path: where inside it; the empty path means the object itself.
        message: what is wrong and, where it is not obvious, what to do.
        severity: error or warning.
    """

    ref: ObjectRef
    path: Path
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """Show it with its object."""
        return f"{self.ref}: {self.message}"


class CompilerError(Exception):
    """Root of the errors of this package."""


class Refused(CompilerError):
    """The input breaks rules; nothing was done."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(str(violation) for violation in violations))


class PlanTooLarge(CompilerError):
    """The compiled Workflow and its expected status would not fit into Argo's size limit."""


class NothingToRun(CompilerError):
    """No action of the graph is to run, and Argo refuses an empty DAG: the caller ends the run at once."""


class ManifestError(CompilerError):
    """A file cannot be read, or is not what it should be."""


class InternalError(CompilerError):
    """The compiler made something that it must never make; the input is not to blame."""
