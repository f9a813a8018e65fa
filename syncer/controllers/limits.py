"""Finished executions: those that have expired, or are too many for their plan, are deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from syncer.decide.limits import next_expiry, to_delete
from syncer.decide.recorded import is_recorded
from syncer.kube.controller import Result
from syncer.kube.errors import Conflict
from syncer.kube.queue import Priority, WorkQueue
from syncer.kube.resources import EXECUTIONS, Key
from syncer.observed import Object, Observed
from syncer.writing import Writer


class Limits:
    """Deletes executions, by the plan that they are of.

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

    def follow(self, queue: WorkQueue[Key]) -> None:
        """Have the executions of a plan looked at when one of them has ended, or its limit may have changed."""

        def of_execution(_: Key, old: Object | None, new: Object | None) -> None:
            for each in (old, new):
                if each is not None and (old is None or new is None or _end_of(old) != _end_of(new)):
                    plan = Key(each["metadata"]["namespace"], each["spec"]["planRef"])
                    queue.add(plan, priority=Priority.LOW)

        self._observed.executions.on_change(of_execution)
        self._observed.plans.on_change(lambda key, _old, _new: queue.add(key, priority=Priority.LOW))

    async def reconcile(self, key: Key) -> Result | None:
        """Delete what has expired, and come again when the next one does."""
        executions, plan, now = self._observed.executions_of(*key), self._observed.plan(*key), self._now()
        for execution in to_delete(executions, plan, now):
            metadata = execution["metadata"]
            try:
                await self._writer.delete(EXECUTIONS, Key(metadata["namespace"], metadata["name"]), uid=metadata["uid"])
            except Conflict:
                # Another execution has the name by now.
                continue
        return Result(next_expiry(executions, plan, now))


def _end_of(execution: Object) -> tuple[object, ...]:
    """Changes when an execution ends or is recorded."""
    return (execution.get("status") or {}).get("phase"), is_recorded(execution)
