"""The work queue: keys to be worked on, each at most once at a time, none lost.

A key that is added while it waits is one; one that is added while it is worked on runs again when that is done. Nothing
is said about what changed, so a thousand changes of one object cost one look at it. Own, because no Python package has
client-go's work queue, and a queue of events would work through states that nobody wants any more.

Time comes from a clock that is given, and `take` never waits: what the queue does can be tested without waiting. Only
`get` waits, on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from enum import IntEnum
from typing import Generic, TypeVar

from syncer.kube.metrics import Metrics

K = TypeVar("K", bound=Hashable)

BACK_OFF_FIRST = 0.005
BACK_OFF_MOST = 60.0
_DOUBLINGS = 32


class Priority(IntEnum):
    """What is worked on first. A key that is added with both has the higher."""

    HIGH = 0
    LOW = 1


class WorkQueue(Generic[K]):
    """Keys to be worked on.

    for key in iter(queue.take, None):
        try:
            work(key)
        finally:
            queue.done(key)

    Args:
        name: what metrics call it.
        clock: monotonic time in seconds.
        metrics: told how it goes.
    """

    def __init__(
        self, name: str, *, clock: Callable[[], float] = time.monotonic, metrics: Metrics | None = None
    ) -> None:
        self.name = name
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._closed = False
        self._ready: dict[Priority, OrderedDict[K, float]] = {priority: OrderedDict() for priority in Priority}
        """Keys that wait for a worker, and since when."""
        self._processing: dict[K, float] = {}
        """Keys that are worked on, and since when."""
        self._again: dict[K, tuple[Priority, float]] = {}
        """Keys that are worked on and need it once more."""
        self._delayed: dict[K, tuple[float, Priority]] = {}
        self._order: list[tuple[float, int, K]] = []
        """Heap over the delayed keys; an entry that is not its key's present time is passed over."""
        self._counter = itertools.count()
        self._failures: dict[K, int] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Keys that wait for a worker."""
        return sum(map(len, self._ready.values()))

    def add(self, key: K, *, priority: Priority = Priority.HIGH) -> None:
        """Have a key worked on, as soon as it is not worked on."""
        if self._closed:
            return
        now = self._clock()
        if key in self._processing:
            waiting, since = self._again.get(key, (None, now))
            self._again[key] = (priority if waiting is None else min(priority, waiting), since)
        else:
            waiting = next((each for each, keys in self._ready.items() if key in keys), None)
            if waiting is None:
                self._offer(key, priority, now)
            elif priority < waiting:
                self._offer(key, priority, self._ready[waiting].pop(key))
        if waiting is None:
            self._metrics.queue_added(self.name)

    def add_after(self, key: K, seconds: float, *, priority: Priority = Priority.HIGH) -> None:
        """Have a key worked on after a while; of several times the earliest counts.

        Work on the key before that does not cancel it.
        """
        if self._closed:
            return
        if seconds <= 0:
            self.add(key, priority=priority)
            return
        due = self._clock() + seconds
        before = self._delayed.get(key)
        if before is None or due < before[0]:
            heapq.heappush(self._order, (due, next(self._counter), key))
        if before is not None:
            due, priority = min(due, before[0]), min(priority, before[1])
        self._delayed[key] = (due, priority)
        self._changed.set()

    def add_rate_limited(self, key: K, *, at_least: float = 0.0) -> None:
        """Have a key worked on again after a failure: the more failures since `forget`, the later.

        Args:
            key: the key.
            at_least: seconds that the server has asked for.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self._metrics.queue_retried(self.name)
        self.add_after(key, max(min(BACK_OFF_FIRST * 2 ** min(failures, _DOUBLINGS), BACK_OFF_MOST), at_least))

    def forget(self, key: K) -> None:
        """Start back-off anew for a key."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """Failures of a key since it was forgotten."""
        return self._failures.get(key, 0)

    def take(self) -> K | None:
        """Return a key to work on, and then call `done`; None when there is none now."""
        self._wake_delayed()
        keys = next(filter(None, self._ready.values()), None)
        if keys is None:
            return None
        key, since = keys.popitem(last=False)
        now = self._clock()
        self._processing[key] = now
        self._metrics.queue_waited(self.name, now - since)
        self._metrics.queue_depth(self.name, len(self))
        return key

    def done(self, key: K) -> None:
        """Say that a key is not worked on any more."""
        started = self._processing.pop(key)
        self._metrics.queue_worked(self.name, self._clock() - started)
        again = self._again.pop(key, None)
        if again is not None and not self._closed:
            self._offer(key, *again)

    async def get(self) -> K | None:
        """Wait for a key to work on, and then call `done`; None when the queue was shut down."""
        while not self._closed:
            if (key := self.take()) is not None:
                return key
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.until_due()):
                    await self._changed.wait()
        return None

    def until_due(self) -> float | None:
        """Seconds until the first delayed key is due; None when there is none."""
        self._pass_over()
        return max(self._order[0][0] - self._clock(), 0.0) if self._order else None

    def shutdown(self) -> None:
        """Take and give no keys any more. Who starts again looks at everything anew, so what waits is dropped."""
        self._closed = True
        for keys in self._ready.values():
            keys.clear()
        self._delayed.clear()
        self._changed.set()

    def _offer(self, key: K, priority: Priority, since: float) -> None:
        self._ready[priority][key] = since
        self._metrics.queue_depth(self.name, len(self))
        self._changed.set()

    def _wake_delayed(self) -> None:
        now = self._clock()
        self._pass_over()
        while self._order and self._order[0][0] <= now:
            _, _, key = heapq.heappop(self._order)
            _, priority = self._delayed.pop(key)
            self.add(key, priority=priority)
            self._pass_over()

    def _pass_over(self) -> None:
        while self._order:
            due, _, key = self._order[0]
            current = self._delayed.get(key)
            if current is not None and current[0] == due:
                return
            heapq.heappop(self._order)
