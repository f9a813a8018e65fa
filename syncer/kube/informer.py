"""An informer: what the API server holds of one kind, kept in memory, and word of every change.

It lists, then watches from there. Whatever ends a watch, it goes on from the last version that it has seen, bookmarks
counted; where the server cannot do that any more, it lists anew, and what is gone is found by that. Handlers are told
what changed and should do no more than add keys to queues: how things are is read here when they are worked on.

Objects are made small when they arrive, by `transform`, and never kept whole. Own, because the official client's
`SharedInformer` runs in threads, keeps whole objects as dicts, and goes on without a pause where watches fail.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

import msgspec

from syncer.kube.client import PAGE, Client, Head, Metadata, Selection
from syncer.kube.errors import ApiError, Gone, ServerError, TooManyRequests, Unreachable, error_of
from syncer.kube.metrics import Metrics
from syncer.kube.resources import Key
from syncer.kube.store import Changed, Entry, Index, Store, value_of

T = TypeVar("T")

SILENCE = 75.0
"""Seconds without a line after which a watch is dead: the server sends a bookmark about every minute."""

WATCH_SECONDS = (290, 590)
"""The server is asked to end a watch after a time between these, so that not all watches end at once."""

BACK_OFF_FIRST = 0.5
BACK_OFF_MOST = 30.0
SHORTEST_WATCH = 1.0
"""Seconds from the begin of one watch to the next, when the server ends them."""

LONG_WATCH = 30.0
"""Seconds after which a watch that fails is no further failure, but the first one."""

_BATCH = 50
"""Objects of a page after which others get a turn."""

_log = logging.getLogger(__name__)


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


_event = msgspec.json.Decoder(_Event)
_head = msgspec.json.Decoder(Head)

_RESUMES = (Unreachable, TooManyRequests, ServerError)
"""After these the version that was seen last is as good as before."""


class Informer(Generic[T]):
    """Objects of a kind as the API server has them.

    Args:
        client: the API server.
        selection: which objects.
        transform: makes of an object, as it came, what is kept of it. None: it is not kept, as if it did not exist.
            Its argument is part of a larger piece of memory: copy what is to stay.
        indexers: functions by whose values objects can be found.
        page: most objects of one answer to a list; choose less than 100 for objects of 100 KB and more.
        silence: seconds without a line after which a watch counts as dead.
        metrics: told how it goes.
    """

    def __init__(
        self,
        client: Client,
        selection: Selection,
        transform: Callable[[msgspec.Raw], T | None],
        *,
        indexers: Mapping[str, Index[T]] | None = None,
        page: int = PAGE,
        silence: float = SILENCE,
        metrics: Metrics | None = None,
    ) -> None:
        self.kind = selection.resource.kind
        self.synced = asyncio.Event()
        """Set from the first complete list on."""
        self._client = client
        self._selection = selection
        self._transform = transform
        self._store: Store[T] = Store(indexers or {})
        self._handlers: list[Changed[T]] = []
        self._page = page
        self._silence = silence
        self._metrics = metrics or Metrics()
        self._version = ""
        self._failures = 0
        self._written: dict[Key, int] = {}
        """Versions of objects that were taken in from the answer to a write while a list was being read."""

    def on_change(self, handler: Changed[T]) -> None:
        """Have something called with the key, the old and the new of whatever changes; None stands for nothing there.

        It is called before anything else happens, and should do no more than add keys to queues. Give it before `run`.
        """
        self._handlers.append(handler)

    def get(self, key: Key) -> T | None:
        """What is kept of an object; None when it does not exist."""
        return self._store.get(key)

    def by_index(self, name: str, value: str) -> list[T]:
        """What is kept of the objects for which an indexer gives this value."""
        return self._store.by_index(name, value)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._store)

    def __len__(self) -> int:
        return len(self._store)

    def wrote(self, answer: bytes) -> None:
        """Take in an object from the answer to a write, so that whoever reads here finds what was written.

        Does nothing where the watch is further already: it has said, or will say, all that happened since.
        """
        raw = msgspec.Raw(answer)
        try:
            metadata = _head.decode(raw).metadata
            version, seen = int(metadata.resource_version), int(self._version or 0)
        except (msgspec.MsgspecError, ValueError) as error:
            self._unreadable("the answer to a write", error)
            return
        if version > seen:
            found: dict[Key, Entry[T] | None] = {}
            self._add(found, raw)
            entry = found.get(metadata.key)
            if entry is None and self._store.entry(metadata.key) is None:
                # Not one of those that are selected: no watch will tell of it.
                return
            self._written[metadata.key] = version
            self._put(metadata.key, entry)

    async def run(self) -> None:
        """Keep up with the server until this is cancelled. Errors of the server and of objects do not end it."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except ApiError as error:
                if not isinstance(error, _RESUMES):
                    self._version = ""
                await self._back_off(error)

    async def _list(self) -> None:
        """Read all objects, and then make the store be them."""
        found: dict[Key, Entry[T] | None] = {}
        version = ""
        self._written.clear()
        async for page in self._client.list(self._selection, page=self._page):
            for number, raw in enumerate(page.items, 1):
                self._add(found, raw)
                if number % _BATCH == 0:
                    await asyncio.sleep(0)
            version = page.resource_version
        for key, written in self._written.items():
            if version.isdecimal() and written > int(version):
                found[key] = self._store.entry(key)
        self._written.clear()
        for key, old, new in self._store.replace(found):
            self._tell(key, old, new)
        self._version = version
        self.synced.set()

    async def _watch(self) -> None:
        """Follow the changes until the stream ends."""
        started = time.monotonic()
        stream = self._client.watch(
            self._selection,
            resource_version=self._version,
            seconds=random.randint(*WATCH_SECONDS),
            silence=self._silence,
        )
        heard = False
        try:
            async with stream as lines:
                async for line in lines:
                    self._see(line)
                    heard, self._failures = True, 0
        except Unreachable:
            if not heard and time.monotonic() - started >= self._silence:
                # So does a server whose data were restored from a backup: it waits for versions that are in its future.
                self._version = ""
            raise
        finally:
            if time.monotonic() - started >= LONG_WATCH:
                self._failures = 0
        self._failures = 0
        self._metrics.watch_restarted(self.kind, "Ended")
        await asyncio.sleep(max(started + SHORTEST_WATCH * random.uniform(0.9, 1.1) - time.monotonic(), 0.0))

    async def _back_off(self, error: ApiError) -> None:
        """Wait after a failure: longer with every one, but never all replicas for the same time."""
        self._metrics.watch_restarted(self.kind, type(error).__name__)
        wait = min(BACK_OFF_FIRST * 2 ** min(self._failures, 16), BACK_OFF_MOST)
        self._failures += 1
        _log.log(
            # A server that restarts, or forgets old versions, is nothing that anybody has to look at.
            logging.INFO if self._failures == 1 or isinstance(error, Gone) else logging.WARNING,
            "%s: not in view for the moment, trying again: %s",
            self.kind,
            error,
        )
        await asyncio.sleep(max(wait, error.retry_after) * random.uniform(1.0, 1.5))

    def _see(self, line: bytes) -> None:
        """Take in one event."""
        try:
            event = _event.decode(line)
            if event.type == "ERROR":
                raise error_of(f"watch of {self.kind}", event.object)
            metadata = _head.decode(event.object).metadata
        except msgspec.MsgspecError as error:
            self._unreadable("an event", error)
            return
        if metadata.resource_version:
            self._version = metadata.resource_version
        if event.type == "DELETED":
            self._written.pop(metadata.key, None)
            self._put(metadata.key, None)
        elif event.type != "BOOKMARK" and not self._is_known(metadata):
            found: dict[Key, Entry[T] | None] = {}
            self._add(found, event.object)
            for key, entry in found.items():
                self._put(key, entry)

    def _is_known(self, metadata: Metadata) -> bool:
        """Whether an object was taken in already, from the answer to our own write, as it is or as it became later."""
        written = self._written.get(metadata.key)
        if written is None or not metadata.resource_version.isdecimal():
            return False
        if int(metadata.resource_version) < written:
            return True
        del self._written[metadata.key]
        return int(metadata.resource_version) == written

    def _add(self, found: dict[Key, Entry[T] | None], raw: msgspec.Raw) -> None:
        """Add what is kept of an object; of one that cannot be read, what was kept before."""
        try:
            metadata = _head.decode(raw).metadata
        except msgspec.MsgspecError as error:
            self._unreadable("an object", error)
            return
        try:
            value = self._transform(raw)
        except Exception as error:
            # Not to be seen any more would look as if it were deleted.
            self._unreadable(str(metadata.key), error)
            found[metadata.key] = self._store.entry(metadata.key)
        else:
            found[metadata.key] = None if value is None else Entry(metadata.resource_version, value)

    def _put(self, key: Key, entry: Entry[T] | None) -> None:
        old = self._store.put(key, entry)
        if old is not entry:
            self._tell(key, value_of(old), value_of(entry))

    def _tell(self, key: Key, old: T | None, new: T | None) -> None:
        for handler in self._handlers:
            try:
                handler(key, old, new)
            except Exception:
                _log.exception("%s: a handler failed at the change of %s", self.kind, key)

    def _unreadable(self, what: str, error: Exception) -> None:
        self._metrics.object_unreadable(self.kind)
        _log.warning("%s: %s cannot be read and is left as it was seen before: %s", self.kind, what, error)
