"""Stored objects as models, read once a version: to read a workflow of 500 actions takes longer than to judge it.

What is remembered is bounded, least recently used first to go. An object without a version, as none is stored, is read
every time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

Reading = TypeVar("Reading")

MOST = 512
"""How many readings are remembered."""

HEAVIEST = 20_000
"""How many parts, such as actions, all that is remembered may have together."""


class Readings(Generic[Reading]):
    """Remembers readings by uid and version.

    Args:
        read: reads an object.
        weigh: how many parts an object has.
        most: how many readings are remembered.
        heaviest: how many parts they may have together.
    """

    def __init__(
        self,
        read: Callable[[dict[str, Any]], Reading],
        weigh: Callable[[dict[str, Any]], int],
        *,
        most: int = MOST,
        heaviest: int = HEAVIEST,
    ) -> None:
        self._read = read
        self._weigh = weigh
        self._most = most
        self._heaviest = heaviest
        self._weight = 0
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, tuple[str, Reading, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def __call__(self, obj: dict[str, Any]) -> Reading:
        """The reading of an object as it is stored."""
        metadata: Mapping[str, Any] = obj.get("metadata") or {}
        uid, version = metadata.get("uid"), metadata.get("resourceVersion")
        if not uid or not version:
            return self._read(obj)
        with self._lock:
            known = self._known.get(uid)
            if known is not None and known[0] == version:
                self._known.move_to_end(uid)
                return known[1]
        reading, weight = self._read(obj), self._weigh(obj)
        with self._lock:
            self._forget(uid)
            self._known[uid] = str(version), reading, weight
            self._weight += weight
            while len(self._known) > self._most or (self._weight > self._heaviest and len(self._known) > 1):
                self._forget(next(iter(self._known)))
        return reading

    def _forget(self, uid: Hashable) -> None:
        known = self._known.pop(uid, None)
        if known is not None:
            self._weight -= known[2]
