"""The program: what is in view, who leads, what the leader works on, and how it all ends.

Every replica keeps everything in view, answers for its health and serves admission; only the one that leads writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from syncer.admission.serving import serving as serving_admission
from syncer.controllers.acting import Actor
from syncer.controllers.executions import Executions
from syncer.controllers.gathering import Gatherer
from syncer.controllers.limits import Limits
from syncer.controllers.plans import Plans
from syncer.controllers.preparing import Preparer
from syncer.controllers.reporting import Reporter
from syncer.controllers.strays import Strays
from syncer.controllers.templates import Templates
from syncer.controllers.workflows import Workflows
from syncer.health import serving
from syncer.kube.client import Client
from syncer.kube.controller import Controller, Result
from syncer.kube.events import Recorder
from syncer.kube.leader import Leader
from syncer.kube.queue import Priority, WorkQueue
from syncer.kube.resources import Key
from syncer.manifest_values import ManifestValues
from syncer.metrics import Metrics
from syncer.observed import Observed
from syncer.records import Record
from syncer.settings import Settings
from syncer.writing import Writer

AGENT = "drplan-syncer"
SWEEP_SECONDS = 60.0
"""Seconds between two looks at everything, whether something was told of it or not."""

OTHER_WORKERS = 1
"""How many keys of each of the other controllers are worked on at once: executions come first."""

_STOP = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger(__name__)


class Room(Protocol):
    """A controller's work."""

    def follow(self, queue: WorkQueue[Key], /) -> None:
        """Have keys put into a queue when something happens to them."""

    async def reconcile(self, key: Key, /) -> Result | None:
        """Do what is to be done for a key."""


class App:
    """Everything of one process, put together.

    Args:
        client: the API server.
        settings: settings.
    """

    def __init__(self, client: Client, settings: Settings) -> None:
        self._settings = settings
        self._client = client
        self.metrics = Metrics()
        self.observed = Observed(client, namespace=settings.watch_namespace, metrics=self.metrics)
        self.leader = Leader(
            client, settings.lease, identity=settings.identity, also=settings.older_lease, metrics=self.metrics
        )
        self.recorder = Recorder(client, controller=AGENT, instance=settings.identity, metrics=self.metrics)
        self.writer = Writer(client, self.observed, check=self.leader.check)
        self._queue: WorkQueue[Key] = WorkQueue("executions", metrics=self.metrics)
        defaults = Path(settings.runner_defaults) if settings.runner_defaults else None
        preparer = Preparer(client, self.observed, manifest_values=ManifestValues(client), runner_defaults=defaults)
        gatherer = Gatherer(client, self.observed, preparer, drain_limit=settings.drain_timeout)
        self._reporter = reporter = Reporter(self.recorder.record, self.metrics)
        self._executions = Executions(
            self.observed,
            gatherer,
            Actor(self.writer, preparer),
            Strays(self.observed, gatherer, self.writer, reporter=reporter),
            reporter=reporter,
        )
        self._executions.follow(self._queue)
        self.observed.records.on_change(lambda _key, old, new: self._saw_record(old, new))
        self.metrics.executions_running(self._executions.count_running)
        self._others = [
            self._controller("plans", Plans(self.observed, self.writer)),
            self._controller("workflows", Workflows(self.observed, self.writer)),
            self._controller("templates", Templates(self.observed, self.writer, runner_defaults=defaults)),
            self._controller("limits", Limits(self.observed, self.writer)),
        ]

    async def run(self) -> None:
        """Work until this is cancelled; the Lease is let go of then."""
        async with AsyncExitStack() as stack:
            for informer in self.observed.informers:
                await stack.enter_async_context(_beside(informer.run(), f"informer {informer.kind}"))
            address = self._settings.health_address
            await stack.enter_async_context(serving(address, ready=self._is_ready, metrics=self.metrics.text))
            await stack.enter_async_context(
                serving_admission(
                    self._settings.webhook_address,
                    certificates=self._settings.webhook_certificates,
                    client=self._client,
                    namespace=self._settings.own_namespace,
                    view=self.observed,
                    counted=self.metrics.reviewed,
                )
            )
            await self.observed.wait()
            _log.info("everything is in view")
            await self.leader.run(self._lead)

    def _saw_record(self, old: Record | None, new: Record | None) -> None:
        """Every replica sees it, and one counts it."""
        if self.leader.leading:
            self._reporter.saw_record(old, new)

    def _is_ready(self) -> bool:
        return self.observed.synced

    async def _lead(self) -> None:
        """What only the leader does."""
        controller = Controller(
            self._queue.name,
            self._queue,
            self._executions.reconcile,
            workers=self._settings.workers,
            metrics=self.metrics,
        )
        async with asyncio.TaskGroup() as group:
            for each in (controller, *self._others):
                group.create_task(each.run())
            group.create_task(self.recorder.run())
            group.create_task(self._sweep())

    def _controller(self, name: str, room: Room) -> Controller[Key]:
        queue: WorkQueue[Key] = WorkQueue(name, metrics=self.metrics)
        room.follow(queue)
        return Controller(name, queue, room.reconcile, workers=OTHER_WORKERS, metrics=self.metrics)

    async def _sweep(self) -> None:
        """Look at everything, at first and from time to time."""
        while True:
            for key in self._executions.all_keys():
                self._queue.add(key, priority=Priority.LOW)
            await asyncio.sleep(SWEEP_SECONDS)


async def run(settings: Settings) -> None:
    """Run the program until it is told to stop.

    Raises:
        Unreachable: there is no configuration for an API server.
        CertificateError: admission is to be served, and there is no certificate to be had.
    """
    async with await Client.connect(
        agent=AGENT, kubeconfig=settings.kubeconfig or None, context=settings.context or None
    ) as client:
        working = asyncio.ensure_future(App(client, settings).run())
        loop = asyncio.get_running_loop()
        for number in _STOP:
            loop.add_signal_handler(number, working.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await working
    _log.info("stopped")


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run something as long as the context lasts."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: _complain(done, name))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _complain(task: asyncio.Task[None], name: str) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.critical("%s has ended, and nothing will be seen of it any more: %r", name, task.exception())
