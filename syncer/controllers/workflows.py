"""DRWorkflows: whether each is valid, in its status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from syncer.decide.validity import judge_workflow, workflow_status
from syncer.fold.conditions import Wanted
from syncer.kube.errors import NotFound
from syncer.kube.queue import WorkQueue
from syncer.kube.resources import WORKFLOWS, Key
from syncer.observed import Object, Observed
from syncer.writing import Writer


class Workflows:
    """Keeps the statuses of DRWorkflows.

    Args:
        observed: the caches.
        writer: writes.
        now: tells the time.
    """

    def __init__(
        self, observed: Observed, writer: Writer, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._observed = observed
        self._writer = writer
        self._now = now
        self._known: dict[Key, tuple[object, Wanted]] = {}
        """Verdicts, and what they were made from: a large workflow takes a quarter of a second to judge."""

    def follow(self, queue: WorkQueue[Key]) -> None:
        """Have a workflow looked at when it changes."""
        self._observed.workflows.on_change(lambda key, _old, _new: queue.add(key))

    async def reconcile(self, key: Key) -> None:
        """Make the status of a workflow say whether it is valid."""
        workflow = self._observed.workflow(*key)
        if workflow is None:
            self._known.pop(key, None)
            return
        wanted = workflow_status(workflow, await self._judge(key, workflow), now=self._now())
        before = workflow.get("status") or {}
        if not wanted.items() <= before.items():
            try:
                await self._writer.status(WORKFLOWS, workflow, {**before, **wanted})
            except NotFound:
                return

    async def _judge(self, key: Key, workflow: Object) -> Wanted:
        made_from = (workflow["metadata"]["uid"], workflow["metadata"].get("generation"))
        known = self._known.get(key)
        if known is None or known[0] != made_from:
            known = self._known[key] = (made_from, await asyncio.to_thread(judge_workflow, workflow))
        return known[1]
