"""Kubernetes Events about objects, for people: best effort, never in the way of the work.

`record` puts down what happened and returns; a task writes it when it gets to it. The same thing again becomes a
series, which is one Event that counts, written from time to time. What cannot be written after some attempts, or does
not fit in memory, is dropped and counted.

Own, because the official client offers the API alone: no aggregation, no queue.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from syncer.kube.client import Client, Object
from syncer.kube.errors import AlreadyExists, ApiError, NotFound, ServerError, TooManyRequests, Unreachable
from syncer.kube.metrics import Metrics
from syncer.kube.queue import WorkQueue
from syncer.kube.resources import EVENTS, Key

SERIES_PAUSE = 10.0
"""Seconds between two writes of one series."""

SERIES_END = 360.0
"""Seconds after which the same thing again is a new Event; as in client-go."""

MOST_SERIES = 1000
ATTEMPTS = 4

_FIRST_RETRY = 1.0
_NOTE_BYTES = 1024
_CLUSTER_NAMESPACE = "default"
_TRANSIENT = (Unreachable, TooManyRequests, ServerError)

_log = logging.getLogger(__name__)


class EventType(StrEnum):
    """What an Event is: these are all that Kubernetes knows."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True)
class Reference:
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    @property
    def object(self) -> Object:
        """As an Event writes it."""
        written = {"apiVersion": self.api_version, "kind": self.kind, "name": self.name, "uid": self.uid}
        return written | {"namespace": self.namespace} if self.namespace else written


@dataclass(frozen=True)
class Happening:
    """What an Event says; the same twice is a series.

    Attributes:
        regarding: the object that it is about.
        reason: one word in CamelCase.
        note: what happened, in a sentence.
        action: what was being done, in CamelCase.
        type: whether somebody should look at it.
    """

    regarding: Reference
    reason: str
    note: str
    action: str
    type: EventType = EventType.NORMAL


@dataclass
class _Series:
    name: str
    first: str
    last: str
    last_at: float
    count: int = 0
    written: int = 0
    """How many of them the server knows of; 0 before the Event is created."""
    written_at: float = 0.0


class Recorder:
    """Writes Events.

    Args:
        client: the API server.
        controller: name of the program, such as `example.com/program` or `program`.
        instance: name of this process.
        clock: monotonic time in seconds.
        metrics: told what is dropped.
    """

    def __init__(
        self,
        client: Client,
        *,
        controller: str,
        instance: str,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        self._client = client
        self._reporter = {"reportingController": controller, "reportingInstance": instance[:128]}
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._series: OrderedDict[Happening, _Series] = OrderedDict()
        """By what happened; the one that happened longest ago comes first."""
        self._queue: WorkQueue[Happening] = WorkQueue("events", clock=clock)

    def record(self, happening: Happening) -> None:
        """Have it written, soon; never waits and never fails."""
        now, text = self._clock(), _time(datetime.now(UTC))
        series = self._series.get(happening)
        if series is None or (series.written == series.count and now - series.last_at > SERIES_END):
            if series is None and not self._make_room():
                self._drop(happening, "too many are waiting")
                return
            name = f"{happening.regarding.name[:220]}.{uuid.uuid4().hex[:16]}"
            series = self._series[happening] = _Series(name, first=text, last=text, last_at=now)
        series.count += 1
        series.last, series.last_at = text, now
        self._series.move_to_end(happening)
        self._queue.add_after(happening, series.written_at + SERIES_PAUSE - now if series.written else 0.0)

    async def run(self) -> None:
        """Write what is recorded until this is cancelled."""
        while (happening := await self._queue.get()) is not None:
            try:
                await self._write(happening)
            except Exception as error:
                self._failed(happening, error)
            else:
                self._queue.forget(happening)
            finally:
                self._queue.done(happening)

    async def _write(self, happening: Happening) -> None:
        series = self._series.get(happening)
        if series is None or series.count == series.written:
            return
        count = series.count
        namespace = happening.regarding.namespace or _CLUSTER_NAMESPACE
        if series.written:
            patch = {"series": _counted(series)}
            try:
                await self._client.merge_patch(EVENTS, Key(namespace, series.name), patch, metadata_only=True)
            except NotFound:
                # The server keeps Events for an hour or so.
                series.written = 0
        if not series.written:
            try:
                await self._client.create(EVENTS, namespace, self._event(happening, series, namespace))
            except AlreadyExists:
                _log.debug("event %s arrived although its answer did not", series.name)
        series.written, series.written_at = count, self._clock()

    def _event(self, happening: Happening, series: _Series, namespace: str) -> Object:
        event: Object = {
            "metadata": {"name": series.name, "namespace": namespace},
            "eventTime": series.first,
            **self._reporter,
            "action": happening.action,
            "reason": happening.reason,
            "regarding": happening.regarding.object,
            "note": _cut(happening.note),
            "type": happening.type.value,
        }
        return event | {"series": _counted(series)} if series.count > 1 else event

    def _failed(self, happening: Happening, error: Exception) -> None:
        if isinstance(error, _TRANSIENT) and self._queue.failures(happening) + 1 < ATTEMPTS:
            wait = max(_FIRST_RETRY * 2 ** self._queue.failures(happening), error.retry_after)
            self._queue.add_rate_limited(happening, at_least=wait)
            return
        self._queue.forget(happening)
        self._series.pop(happening, None)
        self._drop(happening, str(error) if isinstance(error, ApiError) else repr(error))

    def _make_room(self) -> bool:
        """Forget the series that happened longest ago, if need be and if it is written."""
        if len(self._series) < MOST_SERIES:
            return True
        oldest, series = next(iter(self._series.items()))
        if series.count > series.written:
            return False
        del self._series[oldest]
        return True

    def _drop(self, happening: Happening, why: str) -> None:
        self._metrics.event_dropped(happening.reason)
        regarding = happening.regarding
        _log.debug("event %s about %s %s is dropped: %s", happening.reason, regarding.kind, regarding.name, why)


def _counted(series: _Series) -> Object:
    return {"count": series.count, "lastObservedTime": series.last}


def _cut(note: str) -> str:
    encoded = note.encode()
    return note if len(encoded) <= _NOTE_BYTES else encoded[: _NOTE_BYTES - 3].decode(errors="ignore") + "…"


def _time(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
