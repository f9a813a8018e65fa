"""Filling the holes of a spec: look up outputs, put the parts together, replace what a JSON pointer points at.

Pure: values come from a function, the spec is never changed in place. A filled value is never looked at again, so an
output that looks like a placeholder stays what it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from runner.result import Result, compact
from runner.spec import Hole, Output, Secret, Spec, SpecError

CUT = "cut"
"""Field of `values` that lists what was too large to keep."""

_SEGMENT = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
_MISSING = object()


class Missing(Exception):
    """An output that is asked for does not exist."""


class TooLarge(Exception):
    """An output that is asked for was too large to keep."""


def check(spec: Spec) -> None:
    """Check that every hole points at a text of the spec.

    Raises:
        SpecError: a pointer leads nowhere.
    """
    fill(spec.raw, spec.holes, str)


def fill(raw: Mapping[str, Any], holes: tuple[Hole, ...], value_of: Callable[[Output | Secret], str]) -> dict[str, Any]:
    """Return a copy of a spec in which every hole is filled.

    Raises:
        SpecError: a pointer leads nowhere.
    """
    filled: Any = json.loads(json.dumps(raw))
    for hole in holes:
        text = "".join(part if isinstance(part, str) else value_of(part) for part in hole.parts)
        _replace(filled, hole.at, text)
    assert isinstance(filled, dict)
    return filled


def _replace(root: Any, pointer: str, text: str) -> None:
    segments = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    container = root
    for segment in segments[:-1]:
        container = _step(container, _index(container, segment))
    place = _index(container, segments[-1]) if segments else None
    if not pointer.startswith("/") or not isinstance(_step(container, place), str):
        raise SpecError(f"a hole of the spec points at {pointer!r}, where no text is")
    container[place] = text


def _index(container: Any, segment: str) -> str | int:
    return int(segment) if isinstance(container, list) and segment.isascii() and segment.isdecimal() else segment


def _step(container: Any, place: str | int | None) -> Any:
    if isinstance(container, dict):
        return container.get(place, _MISSING)
    if isinstance(container, list) and isinstance(place, int) and place < len(container):
        return container[place]
    return _MISSING


def output(result: Result, path: str) -> str:
    """Text of an output: `phase`, `message`, or a path into the values of an action such as `json.items[0].ip`.

    Raises:
        Missing: there is no such value (an explicit null counts as none: it would go out as a word).
        TooLarge: it was too large to keep.
    """
    if path in ("phase", "message"):
        return result.phase.value if path == "phase" else result.message
    segments = split(path)
    found: Any = result.values
    for segment in segments:
        found = _step(found, segment)
    if found is _MISSING or found is None or not segments:
        if segments and segments[0] in result.values.get(CUT, ()):
            raise TooLarge(f"output {path} of action {result.key} was too large to keep")
        raise Missing(f"action {result.key} ({result.phase}) has no output {path}")
    if isinstance(found, str):
        return found
    return compact(found)


def split(path: str) -> list[str | int]:
    """Split a dotted path: `json.items[0].ip` is `json`, `items`, 0, `ip`; empty when the path is malformed."""
    segments: list[str | int] = []
    position = 0
    while match := _SEGMENT.match(path, position):
        segments.append(match.group(1) if match.group(1) is not None else int(match.group(2)))
        position = match.end()
        if position < len(path) and path[position] == ".":
            position += 1
    return segments if position == len(path) and not path.endswith(".") else []
