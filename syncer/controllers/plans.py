"""DRPlans: whether each is valid and whether an execution holds it, in its status.

Who holds a plan, and what it remembers of its executions, is written by the controller of executions. Both write their
own fields of one status, each for the version of the plan that it has seen: whoever comes second looks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from syncer.decide.validity import judge_plan, plan_status, uses_of
from syncer.fold.conditions import Wanted
from syncer.kube.errors import NotFound
from syncer.kube.queue import WorkQueue
from syncer.kube.resources import PLANS, Key
from syncer.observed import Object, Observed
from syncer.writing import Writer


class Plans:
    """Keeps the statuses of DRPlans, as far as they are about validity.

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
        """Verdicts, and what they were made from: a large plan takes seconds to judge."""

    def follow(self, queue: WorkQueue[Key]) -> None:
        """Have a plan looked at when it or one of its workflows changes, comes or goes."""
        self._observed.plans.on_change(lambda key, _old, _new: queue.add(key))
        self._observed.workflows.on_change(lambda key, _old, _new: add_users(self._observed, key, queue))

    async def reconcile(self, key: Key) -> None:
        """Make the status of a plan say whether it is valid."""
        plan = self._observed.plan(*key)
        if plan is None:
            self._known.pop(key, None)
            return
        ready = await self._judge(key, plan)
        # What was judged in a thread may have changed meanwhile: the write would be refused, and is not tried.
        if self._observed.plan(*key) is not plan:
            return
        wanted = plan_status(plan, ready, now=self._now())
        before = plan.get("status") or {}
        if not wanted.items() <= before.items():
            try:
                await self._writer.status(PLANS, plan, {**before, **wanted})
            except NotFound:
                return

    async def _judge(self, key: Key, plan: Object) -> Wanted:
        workflows = workflows_of(self._observed, plan)
        made_from = (*version_of(plan), *((*version_of(each), _phase(each)) for each in workflows))
        known = self._known.get(key)
        if known is None or known[0] != made_from:
            known = self._known[key] = (made_from, await asyncio.to_thread(judge_plan, plan, workflows))
        return known[1]


def workflows_of(observed: Observed, plan: Mapping[str, Any]) -> list[Object]:
    """The workflows that a plan uses, as far as they exist."""
    found = (observed.workflow(*used) for used in uses_of(plan))
    return [workflow for workflow in found if workflow is not None]


def add_users(observed: Observed, workflow: Key, *queues: WorkQueue[Key]) -> None:
    """Have the plans of all namespaces that use a workflow looked at."""
    for plan in observed.plans_using(*workflow):
        for queue in queues:
            queue.add(Key(plan["metadata"]["namespace"], plan["metadata"]["name"]))


def version_of(thing: Object) -> tuple[object, ...]:
    """Changes when the spec of an object does."""
    return thing["metadata"]["uid"], thing["metadata"].get("generation")


def _phase(workflow: Object) -> object:
    return (workflow.get("status") or {}).get("phase")
