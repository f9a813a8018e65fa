"""How often statuses are written: the larger one is, the seldomer, and all of them together within a limit.

What changes a phase goes out at once while the status is small. Pure: time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHORTEST = 0.25
"""Least seconds between two writes of one status."""

BYTES_PER_SECOND = 128 * 1024
"""Bytes a second that the writes of one status may come to."""

SMALL = 128 * 1024
"""Up to this size a change of a phase is written at once."""

ALL_BYTES_PER_SECOND = 4 * 1024 * 1024
"""Bytes a second that the writes of all statuses may come to."""


class Pace:
    """Remembers what was written when."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        self._sizes: dict[str, int] = {}
        self._all_free_at = 0.0

    def wait(self, uid: str, *, before: Mapping[str, Any], after: Mapping[str, Any], now: float) -> float:
        """Seconds until the status of an execution may be written.

        Args:
            uid: the execution.
            before: its status.
            after: what it is to become.
            now: monotonic time.
        """
        urgent = self._sizes.get(uid, 0) <= SMALL and list(phases(before)) != list(phases(after))
        own = 0.0 if urgent else self._next.get(uid, 0.0)
        return max(own - now, self._all_free_at - now, 0.0)

    def wrote(self, uid: str, *, size: int, now: float) -> None:
        """Note that an object of so many bytes was written."""
        self._sizes[uid] = size
        self._next[uid] = now + max(SHORTEST, size / BYTES_PER_SECOND)
        # A second's worth may be written in a burst.
        self._all_free_at = max(self._all_free_at, now - 1.0) + size / ALL_BYTES_PER_SECOND

    def forget(self, uid: str) -> None:
        """Forget an execution that has ended."""
        self._next.pop(uid, None)
        self._sizes.pop(uid, None)


def phases(status: Mapping[str, Any]) -> Iterator[str]:
    """Phases of an execution, its stages and their workflows: what somebody waits to see."""
    yield status.get("phase") or ""
    for stage in status.get("stageStatuses") or ():
        yield stage.get("phase") or ""
        for use in stage.get("workflowExecutions") or ():
            yield use.get("phase") or ""
