"""JSON text → plain values, and the places of values in it.

JSON is nearly YAML, but not quite (surrogate pairs in escapes, long keys, tabs), and the standard library reads it 50
times faster. Places are looked up in the text only when somebody asks. Text that is not plain JSON is left to the YAML
reader, which knows how to say what is wrong with it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from compiler.manifests import scalars
from compiler.manifests.reader import MAX_DEPTH
from compiler.problems import Path

_SPACE = " \t\r\n"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _NotPlain(ValueError):
    """The text has something that the YAML reader must judge."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _NotPlain("a key is there twice")
    return value


def _constant(text: str) -> Any:
    raise _NotPlain(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_int=scalars.finite_integer,
    parse_float=scalars.finite_float,
    parse_constant=_constant,
)


def read(text: str) -> list[tuple[Any, int]] | None:
    """Read one JSON value after another, as `kubectl get -w -o json` prints them.

    Returns:
        The values with the offsets that they start at; None when the text is not JSON throughout.
    """
    position = _skip_space(text, 0)
    if text[position : position + 1] not in ("{", "["):
        return None
    values = []
    try:
        while position < len(text):
            value, end = _DECODER.raw_decode(text, position)
            if _depth_exceeds(value, MAX_DEPTH):
                return None
            values.append((value, position))
            position = _skip_space(text, end)
        if _SURROGATE.search(text):
            json.dumps(values, ensure_ascii=False).encode()  # half a pair is no character that could be written
    except (ValueError, RecursionError):
        return None
    return values


def find(text: str, offset: int, path: Path) -> int:
    """Return the offset of the closest existing ancestor of a path; a member of an object stands where its key does.

    Args:
        text: text that `read` accepted.
        offset: where the value that the path starts from begins.
        path: place of the wanted value.
    """
    place = position = offset
    for step in path:
        found = _find_member(text, position, step)
        if found is None:
            break
        place, position = found
    return place


def mark(text: str, offset: int) -> tuple[int, int]:
    """Return the 1-based line and column of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _find_member(text: str, position: int, step: str | int) -> tuple[int, int] | None:
    """Return where a member stands and where its value begins; None when there is no such member."""
    opening = text[position]
    if opening != ("{" if isinstance(step, str) else "["):
        return None
    position = _skip_space(text, position + 1)
    index = 0
    while text[position] not in "}]":
        place, key = position, index
        if opening == "{":
            key, end = _DECODER.raw_decode(text, position)
            position = _skip_space(text, _skip_space(text, end) + 1)
        if key == step:
            return place, position
        _, end = _DECODER.raw_decode(text, position)
        position = _skip_space(text, end)
        if text[position] == ",":
            position = _skip_space(text, position + 1)
        index += 1
    return None


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _depth_exceeds(value: Any, limit: int) -> bool:
    """Whether a value is nested deeper than a limit; level by level, so that it needs no recursion itself."""
    level = [value]
    while level:
        if limit == 0:
            return True
        limit -= 1
        level = [
            member
            for container in level
            for member in (container.values() if isinstance(container, dict) else container)
            if isinstance(member, (dict, list))
        ]
    return False
