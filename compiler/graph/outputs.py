"""Outputs that were recorded: what `$(outputs.<action>.<path>)` finds once an action has run.

Paths are dotted, with `[0]` for lists. A text is put in as it is, anything else as JSON; `null` is nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def look_up(values: Mapping[str, Any], path: str) -> str:
    """Find an output.

    Args:
        values: what an action has recorded.
        path: for example `json.items[0].ip`.

    Raises:
        LookupError: there is nothing at that path.
    """
    found: Any = values
    for name, index in _STEP.findall(path):
        try:
            found = found[int(index)] if index else found[name]
        except (KeyError, IndexError, TypeError):
            raise LookupError(f'"{path}" is not among the recorded outputs') from None
    if found is None:
        raise LookupError(f'"{path}" is null among the recorded outputs')
    return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))
