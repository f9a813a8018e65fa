"""Placeholders in texts: how they are found, and how a text is rendered in one pass.

`$(params.x)`, the built-ins, `$(outputs.<action>.<path>)` and the older `{{ .params.x }}` are placeholders; `$$(` is a
literal `$(`; any other `$(word)` belongs to a shell and is left alone. A value that was put in is never looked at
again. What cannot be known when compiling (an output, a Secret's value) stays as a hole that the runner fills.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from compiler.graph.tree import SecretRef
from compiler.model.names import PARAMETER_NAME


class Builtin(StrEnum):
    """Names that a text can use without any declaration."""

    PLAN_NAME = "planName"
    NAMESPACE = "namespace"
    EXECUTION_NAME = "executionName"
    STAGE = "stage"
    WORKFLOW = "workflow"
    ACTION = "action"
    MODE = "mode"


class PlaceholderKind(Enum):
    """What a placeholder stands for."""

    PARAMETER = "parameter"
    BUILTIN = "built-in"
    OUTPUT = "output"
    ESCAPE = "escape"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A placeholder in a text.

    Attributes:
        kind: what it stands for.
        text: the placeholder as written.
        name: parameter, built-in or action that it names.
        path: path inside an action's outputs.
        start: index of its first character.
        end: index behind its last one.
    """

    kind: PlaceholderKind
    text: str
    name: str
    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class OutputHole:
    """A part that the runner takes from the outputs of an earlier action (`source` is its local key, `a1`)."""

    source: str
    path: str


@dataclass(frozen=True, slots=True)
class SecretHole:
    """A part that the runner takes from its environment."""

    name: str
    key: str


Part = str | OutputHole | SecretHole

_TOKEN = re.compile(r"\$\$\(|\$\(([^()\s]+)\)|\{\{\s*\.([^{}\s]+)\s*\}\}")
_OUTPUT_PATH = re.compile(r"[^.\[\]]+(\[\d+\])*(\.[^.\[\]]+(\[\d+\])*)*\Z")
_BUILTINS = frozenset(Builtin)


def placeholders(text: str) -> Iterator[Placeholder]:
    """All placeholders of a text, escapes included, in order."""
    if "$(" not in text and "{{" not in text:
        return
    for match in _TOKEN.finditer(text):
        inner = match.group(1) or match.group(2)
        if inner is None:
            yield Placeholder(PlaceholderKind.ESCAPE, match.group(), "", "", match.start(), match.end())
            continue
        kind, name, path = _classify(inner, legacy=match.group(1) is None)
        if kind is not None:
            yield Placeholder(kind, match.group(), name, path, match.start(), match.end())


def _classify(inner: str, *, legacy: bool) -> tuple[PlaceholderKind | None, str, str]:
    head, _, rest = inner.partition(".")
    if head == "params" and rest:
        return (PlaceholderKind.PARAMETER if PARAMETER_NAME.match(rest) else PlaceholderKind.MALFORMED), rest, ""
    if head == "outputs" and rest:
        action, _, path = rest.partition(".")
        good = bool(action) and _OUTPUT_PATH.match(path) is not None
        return (PlaceholderKind.OUTPUT if good else PlaceholderKind.MALFORMED), action, path
    if not rest and head in _BUILTINS and (not legacy or head == Builtin.PLAN_NAME):
        return PlaceholderKind.BUILTIN, head, ""
    return None, "", ""


def in_value(value: Any) -> Iterator[tuple[tuple[str | int, ...], Placeholder]]:
    """All placeholders in the strings (and mapping keys) of a JSON-shaped value, each with its path."""
    if isinstance(value, str):
        for found in placeholders(value):
            yield (), found
    elif isinstance(value, Mapping):
        for key, member in value.items():
            for found in placeholders(key):
                yield (key,), found
            for path, found in in_value(member):
                yield (key, *path), found
    elif isinstance(value, (list, tuple)):
        for index, member in enumerate(value):
            for path, found in in_value(member):
                yield (index, *path), found


Resolve = Callable[[Placeholder], Part]


def render(text: str, resolve: Resolve) -> tuple[Part, ...]:
    """Render a text in one pass.

    Args:
        text: the text.
        resolve: gives the value of a placeholder; whatever it raises is passed on.

    Returns:
        The parts; neighbouring strings are joined, a text without holes is one string.
    """
    parts: list[Part] = []
    at = 0
    for found in placeholders(text):
        _append(parts, text[at : found.start])
        _append(parts, "$(" if found.kind is PlaceholderKind.ESCAPE else resolve(found))
        at = found.end
    _append(parts, text[at:])
    return tuple(parts) or ("",)


def _append(parts: list[Part], part: Part) -> None:
    if part == "":
        return
    if isinstance(part, str) and parts and isinstance(parts[-1], str):
        parts[-1] += part
    else:
        parts.append(part)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered JSON-shaped value.

    Attributes:
        value: the value; a string with a hole is empty in it.
        holes: for each such string its path and parts.
    """

    value: Any
    holes: tuple[tuple[tuple[str | int, ...], tuple[Part, ...]], ...] = ()


def render_value(value: Any, resolve: Callable[[tuple[str | int, ...], Placeholder], Part]) -> Rendered:
    """Render all strings of a JSON-shaped value; mapping keys are rendered too, but can have no hole.

    Raises:
        ValueError: a mapping key has a hole.
    """
    holes: list[tuple[tuple[str | int, ...], tuple[Part, ...]]] = []

    def walk(part: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(part, str):
            parts = render(part, lambda found: resolve(path, found))
            if len(parts) == 1 and isinstance(parts[0], str):
                return parts[0]
            holes.append((path, parts))
            return ""
        if isinstance(part, Mapping):
            return {_render_key(key, path, resolve): walk(member, (*path, key)) for key, member in part.items()}
        if isinstance(part, (list, tuple)):
            return [walk(member, (*path, index)) for index, member in enumerate(part)]
        return part

    return Rendered(walk(value, ()), tuple(holes))


def _render_key(
    key: str, path: tuple[str | int, ...], resolve: Callable[[tuple[str | int, ...], Placeholder], Part]
) -> str:
    parts = render(key, lambda found: resolve((*path, key), found))
    if len(parts) != 1 or not isinstance(parts[0], str):
        raise ValueError(key_with_a_hole(key))
    return parts[0]


def key_with_a_hole(key: str) -> str:
    """Say what is wrong with a key that takes what only the runner will know."""
    return f'the key "{key}" cannot take an output or a Secret'


def hole_parts(parts: tuple[Part, ...], variable: Callable[[SecretHole], SecretRef]) -> list[Any]:
    """Write the parts of a hole as the runner reads them."""
    written: list[Any] = []
    for part in parts:
        if isinstance(part, OutputHole):
            written.append({"output": part.source, "path": part.path})
        elif isinstance(part, SecretHole):
            written.append({"secret": variable(part).variable})
        else:
            written.append(part)
    return written


def pointer(path: tuple[str | int, ...]) -> str:
    """Write a path as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
