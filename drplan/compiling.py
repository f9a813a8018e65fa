"""What can go wrong while compiling, shown as the commands show problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from compiler.manifests import Manifests, locate
from compiler.model.names import KIND_EXECUTION
from compiler.problems import CompilerError, Path, Refused, Violation
from drplan.errors import InputProblem

_OPTIONS: dict[Path, str] = {("spec", "params"): "-p", ("spec", "mode"): "--mode"}
"""Options that an execution is made from, by the place where it has them."""
_IN_OPTIONS = {"give the execution spec.mode:": "choose with --mode one of", "in the execution": "with -p"}
"""Advice for somebody who writes an execution, and the same for somebody who has one made."""


@contextmanager
def located(manifests: Manifests | None) -> Iterator[None]:
    """Turn errors of the compiler into problems with places.

    Args:
        manifests: what was read; None when the input came from a recorded execution.

    Raises:
        InputProblem: the compiler refused its input.
    """
    try:
        yield
    except Refused as refused:
        raise InputProblem(shown(refused.violations, manifests)) from None
    except CompilerError as problem:
        raise InputProblem(str(problem)) from None


def shown(violations: Iterable[Violation], manifests: Manifests | None) -> list[str]:
    """Violations as lines: with their places, or as options where the execution is made from these."""
    lines = []
    for violation in violations:
        made = violation.ref.kind == KIND_EXECUTION and (manifests is None or manifests.document(violation.ref) is None)
        if made:
            option = _OPTIONS.get(violation.path[:2])
            lines.append(f"Execution{f', option {option}' if option else ''}: {_as_options(violation.message)}")
        elif manifests is None:
            lines.append(str(violation))
        else:
            lines.extend(str(problem) for problem in locate([violation], manifests))
    return lines


def _as_options(message: str) -> str:
    for written, option in _IN_OPTIONS.items():
        message = message.replace(written, option)
    return message
