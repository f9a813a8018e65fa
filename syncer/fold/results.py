"""What a lane hands over at its end: output parameter `result` of its pod, one entry an action.

An entry is trusted less than a terminal record and more than what Argo says about a container.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class LaneEntry(msgspec.Struct, rename="camel", gc=False):
    """End of an action as its runner left it in the lane; outputs stay packed until somebody shows them."""

    key: str
    phase: str
    reason: str = ""
    message: str = ""
    start_time: str | None = None
    completion_time: str | None = None
    retry_count: int = 0
    outputs: msgspec.Raw = msgspec.Raw()

    def read_outputs(self) -> Any:
        """Outputs as plain values; None when there are none."""
        return msgspec.json.decode(self.outputs) if bytes(self.outputs) else None


class _Result(msgspec.Struct, gc=False):
    actions: list[LaneEntry] = msgspec.field(default_factory=list)


_RESULT = msgspec.json.Decoder(_Result)


def read_result(text: str | None) -> Mapping[str, LaneEntry]:
    """Read a lane's result; one that is absent or cannot be read says nothing."""
    if not text:
        return {}
    try:
        return {entry.key: entry for entry in _RESULT.decode(text).actions}
    except msgspec.MsgspecError:
        return {}
