"""How messages name places and values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from compiler.problems import Path


def dotted(path: Path) -> str:
    """Write a path as `spec.stages[0].name`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def listed(words: Sequence[str], conjunction: str = "or") -> str:
    """Write words as `a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def what_it_is(value: Any) -> str:
    """Say what a value is: `text`, `a number`, `a list` …."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    for kind, name in (
        (str, "text"),
        (int, "a number"),
        (float, "a decimal number"),
        (list, "a list"),
        (dict, "a mapping"),
    ):
        if isinstance(value, kind):
            return name
    return "something else"


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that a misspelled word most likely means, if any is near."""
    from difflib import get_close_matches

    by_lower = {candidate.lower(): candidate for candidate in candidates}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.7)
    return by_lower[near[0]] if near else None
