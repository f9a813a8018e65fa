"""Text of a chart inside a plan: what would be a placeholder there is written so that it comes out as it went in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.graph.text import in_value, placeholders
from compiler.problems import Path

_LEGACY = "{{"


def literal(text: str) -> str:
    """Escape the placeholders of a text; what belongs to a shell stays as it is."""
    parts, end = [], 0
    for found in placeholders(text):
        parts += [text[end : found.start], "" if found.text.startswith(_LEGACY) else "$"]
        end = found.start
    return "".join([*parts, text[end:]])


def literal_value(value: Any) -> Any:
    """Escape the placeholders in all texts of a JSON-shaped value."""
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, Mapping):
        return {literal(key): literal_value(member) for key, member in value.items()}
    return [literal_value(member) for member in value] if isinstance(value, list) else value


def inexpressible(value: Any) -> Iterator[tuple[Path, str]]:
    """The older placeholders (`{{ .params.x }}`) in a value, which nothing can escape, each with its path."""
    for path, found in in_value(value):
        if found.text.startswith(_LEGACY):
            yield path, found.text
