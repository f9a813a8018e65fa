"""Values that look like passwords, tokens and keys: found by their names, to be pointed at before they are copied.

A guess: it finds what is named as it is meant, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.problems import Path

_NAMES = re.compile(
    r"(password|passwd|passphrase|token|credentials?|(private|api|access|secret|account)[-_]?key|client[-_]?secret)\Z",
    re.IGNORECASE,
)


def credentials(value: Any) -> Iterator[Path]:
    """Paths of the texts in a JSON-shaped value that are probably credentials: by key, or by `name` beside `value`."""
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from ((index, *path) for path in credentials(member))
    elif isinstance(value, Mapping):
        name = value.get("name")
        for key, member in value.items():
            named = name if key == "value" and isinstance(name, str) else key
            if isinstance(member, str) and member and _NAMES.search(named):
                yield (key,)
            yield from ((key, *path) for path in credentials(member))


def shown(path: Path) -> str:
    """Write a path as people do: `auth.users[0].password`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
