"""When a lane that failed is tried again: the `retryStrategy` of its template.

Understood is the form that the compiler emits: a limit, policy Always, and an expression of comparisons
`lastRetry.<status|exitCode> == '<text>'` joined by `||`. Back-off is refused: a lane is tried again at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class RetryVariable(StrEnum):
    """What the expression may compare."""

    STATUS = "status"
    EXIT_CODE = "exitCode"


NO_MORE_RETRIES = "No more retries left"
EXPRESSION_FALSE = "retryStrategy.expression evaluated to false"

_POLICY = "Always"
_COMPARISON = re.compile(r"\s*lastRetry\.(?P<variable>\w+)\s*==\s*(?P<quote>['\"])(?P<text>[^'\"]*)(?P=quote)\s*\Z")


@dataclass(frozen=True, slots=True)
class RetryStrategy:
    """How often, and after what, a lane is tried again.

    Attributes:
        limit: how many more attempts than the first one.
        any_of: the comparisons, of which one must hold; empty means that every failure is tried again.
    """

    limit: int
    any_of: tuple[tuple[RetryVariable, str], ...] = ()

    def refusal(self, *, attempts: int, status: str, exit_code: int | None) -> str | None:
        """Why a failed lane is not tried again, in Argo's words; None when it is.

        Args:
            attempts: how many attempts there were.
            status: phase of the last one.
            exit_code: exit code of its `main`, None when it has none.
        """
        if attempts > self.limit:
            return NO_MORE_RETRIES
        seen = {
            RetryVariable.STATUS: status,
            RetryVariable.EXIT_CODE: "-1" if exit_code is None else str(exit_code),
        }
        if self.any_of and not any(seen[variable] == text for variable, text in self.any_of):
            return EXPRESSION_FALSE
        return None


def parse(strategy: Mapping[str, Any]) -> RetryStrategy:
    """Read a template's `retryStrategy`.

    Raises:
        ValueError: it has a form that is not understood.
    """
    surplus = sorted(set(strategy) - {"limit", "retryPolicy", "expression"})
    if surplus:
        raise ValueError(f"retryStrategy.{surplus[0]} is not known")
    if strategy.get("retryPolicy") != _POLICY:
        raise ValueError(f"retryStrategy.retryPolicy must be {_POLICY}")
    try:
        limit = int(strategy["limit"])
    except (KeyError, ValueError):
        raise ValueError("retryStrategy.limit must be a number") from None
    expression = strategy.get("expression", "")
    return RetryStrategy(limit, tuple(_comparison(part) for part in expression.split("||")) if expression else ())


def _comparison(text: str) -> tuple[RetryVariable, str]:
    match = _COMPARISON.match(text)
    if match is None:
        raise ValueError(f"retryStrategy.expression: {text.strip()!r} is not `lastRetry.<name> == '<text>'`")
    try:
        return RetryVariable(match["variable"]), match["text"]
    except ValueError:
        raise ValueError(f"retryStrategy.expression: lastRetry.{match['variable']} is not known") from None
