"""What can go wrong while compiling, shown as the commands show problems."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from compiler.manifests import Manifests, locate
from compiler.problems import CompilerError, Refused
from drplan.errors import InputProblem


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
        if manifests is None:
            raise InputProblem(str(violation) for violation in refused.violations) from None
        raise InputProblem(str(problem) for problem in locate(refused.violations, manifests)) from None
    except CompilerError as problem:
        raise InputProblem(str(problem)) from None
