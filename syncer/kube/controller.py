"""A controller: workers that take keys from a queue and reconcile them, whatever goes wrong with one of them.

A reconcile looks at how things are and does what is missing; it is told a key and not what happened. It may raise: what
is in the way (`KubeError`) is logged in a line and tried again later, a mistake in the program is logged with its
traceback and tried again later, too. Only a `TerminalError` says that trying again is no use until something changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from syncer.kube.errors import ApiError, Conflict, KubeError
from syncer.kube.metrics import Metrics
from syncer.kube.queue import WorkQueue

K = TypeVar("K", bound=Hashable)

WORKERS = 4
TIMEOUT = 60.0

_log = logging.getLogger(__name__)


class TerminalError(Exception):
    """A key cannot be reconciled, and trying again would not help before something changes."""


class Outcome(StrEnum):
    """How a reconcile ended, for metrics; the words are controller-runtime's."""

    SUCCESS = "success"
    REQUEUE_AFTER = "requeue_after"
    ERROR = "error"
    TERMINAL = "terminal"


@dataclass(frozen=True)
class Result:
    """What a reconcile wants.

    Attributes:
        requeue_after: seconds after which the key is reconciled again, if nothing happens before; None when only a
            change is a reason to.
    """

    requeue_after: float | None = None


class Controller(Generic[K]):
    """Reconciles the keys of a queue.

    Args:
        name: what logs and metrics call it.
        queue: the keys.
        reconcile: brings about what should be, for one key.
        workers: how many keys are reconciled at once.
        timeout: seconds after which a reconcile is given up.
        metrics: told how it goes.
    """

    def __init__(
        self,
        name: str,
        queue: WorkQueue[K],
        reconcile: Callable[[K], Awaitable[Result | None]],
        *,
        workers: int = WORKERS,
        timeout: float = TIMEOUT,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = name
        self._queue = queue
        self._reconcile = reconcile
        self._workers = workers
        self._timeout = timeout
        self._metrics = metrics or Metrics()

    async def run(self) -> None:
        """Work until the queue is shut down, or this is cancelled: then reconciles are cancelled, too."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                group.create_task(self._work(), name=f"{self.name}-{number}")

    async def _work(self) -> None:
        while (key := await self._queue.get()) is not None:
            try:
                self._metrics.reconciled(self.name, await self._process(key))
            finally:
                self._queue.done(key)

    async def _process(self, key: K) -> Outcome:
        """Reconcile a key and see to it that it comes again, if it has to."""
        try:
            result = await self._limited(key)
        except TerminalError as error:
            _log.error("%s: %s cannot be reconciled until it changes: %s", self.name, key, error)
            self._queue.forget(key)
            return Outcome.TERMINAL
        except KubeError as error:
            self._report(key, error)
            self._queue.add_rate_limited(key, at_least=error.retry_after if isinstance(error, ApiError) else 0.0)
            return Outcome.ERROR
        except Exception:
            _log.exception("%s: reconciling %s failed, it will be tried again", self.name, key)
            self._queue.add_rate_limited(key)
            return Outcome.ERROR
        self._queue.forget(key)
        if result is None or result.requeue_after is None:
            return Outcome.SUCCESS
        self._queue.add_after(key, result.requeue_after)
        return Outcome.REQUEUE_AFTER

    async def _limited(self, key: K) -> Result | None:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                return await self._reconcile(key)
        except TimeoutError:
            if limit.expired():
                raise TimeoutError(f"not done after {self._timeout:g} s") from None
            raise
        except asyncio.CancelledError as error:
            # Something that the reconcile waited for was cancelled. Taken for our own end, it would end this worker.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise RuntimeError("something that was waited for was cancelled") from error

    def _report(self, key: K, error: KubeError) -> None:
        # To lose a race for an object is everyday life: the next look at it will be at the newer one.
        level = logging.DEBUG if isinstance(error, Conflict) else logging.WARNING
        _log.log(level, "%s: %s will be tried again: %s", self.name, key, error)
