"""How answers are made of what rules say: the texts that users and scripts know."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.problems import ObjectRef, Severity, Violation
from compiler.rules.words import dotted
from syncer.admission.wire import Response


def allowed(*warnings: str) -> Response:
    """Let it be done."""
    return Response(allowed=True, warnings=warnings)


def refused(message: str, *warnings: str) -> Response:
    """Do not let it be done."""
    return Response(allowed=False, message=message, warnings=warnings)


def invalid(errors: Iterable[str], *warnings: str) -> Response:
    """Do not let it be done because of all these."""
    return refused(f"validation failed: [{' '.join(errors)}]", *warnings)


def judged(violations: Iterable[Violation], ref: ObjectRef) -> Response:
    """Answer with everything that rules say about an object."""
    errors: dict[str, None] = {}
    warnings: dict[str, None] = {}
    for violation in violations:
        found = errors if violation.severity is Severity.ERROR else warnings
        found[_text(violation, ref)] = None
    return invalid(errors, *warnings) if errors else allowed(*warnings)


def listed(names: Iterable[str]) -> str:
    """Write names as `[a b]`."""
    return f"[{' '.join(names)}]"


def _text(violation: Violation, ref: ObjectRef) -> str:
    """The message; what it says of another object names that one."""
    if violation.ref == ref:
        return violation.message
    return f"{violation.message} ({f'{violation.ref} {dotted(violation.path)}'.rstrip()})"
