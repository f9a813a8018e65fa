r"""The JSON text in which an action travels, safe on its way through Argo and the kubelet.

Argo replaces `{{…}}` in every string of a Workflow, and the kubelet expands `$(NAME)` and folds `$$` in the arguments
of a container. So inside strings `{`, `}` and `$` are written `\u007b`, `\u007d` and `\u0024`, which JSON reads back as
they were. Braces of the structure need no escape: between JSON tokens two opening braces never meet.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

ADDED = ("earlier", "undo")
"""Fields that say where a spec lies rather than what it is, so that they are no part of its hash."""

# What comes before a string with a brace in it, strings without one included; then that string. Possessive, so that a
# text is read once.
_NEXT_WITH_BRACE = re.compile(r'((?:[^"]*+"[^"\\{}]*+(?:\\.[^"\\{}]*+)*+")*+[^"]*+)("[^"\\]*+(?:\\.[^"\\]*+)*+")')
_ESCAPES = str.maketrans({"{": r"\u007b", "}": r"\u007d"})


def safe_json(value: Any) -> str:
    """Write a JSON value compactly, with braces and dollar signs escaped inside strings."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return _without_braces(text.replace("$", r"\u0024"))


def spec_text(spec: Mapping[str, Any], *, earlier: Sequence[str] = (), undo: str | None = None) -> str:
    """Write the spec of an action.

    Args:
        spec: the spec of the graph.
        earlier: local keys of those that it needs and that lie in an earlier lane.
        undo: name of the forward action's record, where the arguments cannot carry it.
    """
    added: dict[str, Any] = {}
    if earlier:
        added["earlier"] = list(earlier)
    if undo is not None:
        added["undo"] = undo
    return safe_json({**spec, **added})


def spec_hash(spec: Mapping[str, Any]) -> str:
    """SHA-256 of what a spec asks for, by which a record tells whether it is about the same action."""
    core = {name: value for name, value in spec.items() if name not in ADDED}
    return hashlib.sha256(json.dumps(core, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _without_braces(text: str) -> str:
    """Escape the braces inside the strings of a JSON text."""
    parts: list[str] = []
    position = 0
    while found := _NEXT_WITH_BRACE.match(text, position):
        parts += (found[1], found[2].translate(_ESCAPES))
        position = found.end()
    parts.append(text[position:])
    return "".join(parts)
