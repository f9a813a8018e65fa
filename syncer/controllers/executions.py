"""The life of executions, by the plan that they are of: whatever happens to one, its Workflow or its records.

One key is one plan, so that two executions of a plan are never worked on at once. For each execution that is not at its
end the next step is decided and taken, again and again, until there is nothing to do before something changes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from compiler.model.names import ANNOTATION_RETRIED, ANNOTATION_RETRY, LABEL_EXECUTION_UID, LABEL_PLAN
from compiler.model.phases import FenceState, Phase
from syncer import logs
from syncer.controllers.acting import Actor
from syncer.controllers.gathering import Gatherer
from syncer.controllers.reporting import Reporter
from syncer.controllers.strays import Strays
from syncer.decide.fence import Fence, FenceError
from syncer.decide.history import is_holder
from syncer.decide.lifecycle import next_step
from syncer.decide.recorded import is_recorded
from syncer.decide.steps import Release, Rest, Seen, Show, Step
from syncer.keeping import Damaged
from syncer.kube.controller import Result
from syncer.kube.errors import Conflict
from syncer.kube.queue import WorkQueue
from syncer.kube.resources import Key
from syncer.nodes import Workflow
from syncer.observed import Observed
from syncer.pacing import Pace

Object = Mapping[str, Any]

MOST_STEPS = 40
"""Steps of one reconcile after which others get a turn."""

UNREADABLE_POLL = 30.0
"""Seconds between two looks at an execution that only people can help."""

_log = logging.getLogger(__name__)


class Executions:
    """Reconciles the executions of plans.

    Args:
        observed: the caches.
        gatherer: gathers.
        actor: acts.
        strays: deals with Workflows that no execution answers for.
        reporter: is told of every step that was taken.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        observed: Observed,
        gatherer: Gatherer,
        actor: Actor,
        strays: Strays,
        *,
        reporter: Reporter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observed = observed
        self._gatherer = gatherer
        self._actor = actor
        self._strays = strays
        self._reporter = reporter
        self._clock = clock
        self._pace = Pace()
        self._since: dict[Key, float] = {}
        """When something was first told of a plan that was not looked at since."""

    def follow(self, queue: WorkQueue[Key]) -> None:
        """Have a plan looked at when it, an execution of it, or a Workflow or record of such changes, comes or goes."""

        def add(key: Key) -> None:
            self._since.setdefault(key, self._clock())
            queue.add(key)

        def of_execution(_: Key, old: Object | None, new: Object | None) -> None:
            for each in filter(None, (old, new)):
                add(_plan_of(each))

        def of_record(_: Key, old: Object | None, new: Object | None) -> None:
            metadata = (new or old or {})["metadata"]
            self._add_labelled(add, metadata["namespace"], metadata.get("labels") or {})

        def of_run(_: Key, old: Workflow | None, new: Workflow | None) -> None:
            for each in filter(None, (old, new)):
                self._add_labelled(add, each.metadata.namespace, each.metadata.labels or {})

        self._observed.plans.on_change(lambda key, _old, _new: add(key))
        self._observed.executions.on_change(of_execution)
        self._observed.records.on_change(of_record)
        self._observed.runs.on_change(of_run)
        self._observed.reopened.on_change(of_run)

    def count_running(self) -> int:
        """How many executions have begun and not ended, as far as they are in view."""
        found = (self._observed.executions.get(key) for key in self._observed.executions)
        return sum((each.get("status") or {}).get("phase") == Phase.RUNNING for each in found if each)

    def all_keys(self) -> set[Key]:
        """Plans of which something may be left to do, whether anything was told of it or not."""
        executions = (self._observed.executions.get(key) for key in self._observed.executions)
        plans = (self._observed.plans.get(key) for key in self._observed.plans)
        unfinished = {_plan_of(each) for each in executions if each and _may_need_something(each, self._observed)}
        return unfinished | {Key(*_name(each)) for each in plans if each and _held(each)}

    async def reconcile(self, key: Key) -> Result | None:
        """Take what steps there are to take for the executions of a plan."""
        with logs.working_on(plan=str(key), reconcile=logs.reconcile_id()):
            return await self._reconcile(key)

    async def _reconcile(self, key: Key) -> Result | None:
        waits: list[float] = []
        since = self._since.pop(key, None)
        for execution in sorted(self._observed.executions_of(*key), key=_age):
            if _may_need_something(execution, self._observed):
                name = Key(*_name(execution))
                with logs.working_on(execution=str(name)):
                    wait = await self._live(name, since=since)
                waits.extend([] if wait is None else [wait])
        wait = await self._strays.reconcile(key)
        waits.extend([] if wait is None else [wait])
        return Result(min(waits)) if waits else None

    async def _live(self, key: Key, *, since: float | None) -> float | None:
        """Take the steps of an execution; returns after how many seconds it is looked at again, if at all."""
        for _ in range(MOST_STEPS):
            execution = self._observed.execution(*key)
            if execution is None:
                return None
            try:
                seen, prepared = await self._gatherer.gather(execution)
                step = self._decide(seen)
                if isinstance(step, Rest):
                    return step.seconds
                wait = self._too_soon(step, seen)
                if wait > 0:
                    return wait
                size = await self._actor.act(step, seen, prepared)
            except (Damaged, FenceError) as problem:
                _log.error("execution %s waits for somebody to help it: %s", key, problem)
                return UNREADABLE_POLL
            except Conflict:
                self._reporter.conflicted()
                raise
            self._took(step, seen, size, since=since)
            if isinstance(step, Release):
                return None
        return 0.0

    def _decide(self, seen: Seen) -> Step:
        began = self._clock()
        step = next_step(seen)
        self._reporter.decided(self._clock() - began)
        return step

    def _too_soon(self, step: Step, seen: Seen) -> float:
        if not isinstance(step, Show):
            return 0.0
        return self._pace.wait(seen.metadata["uid"], before=seen.status, after=step.status, now=self._clock())

    def _took(self, step: Step, seen: Seen, size: int, *, since: float | None) -> None:
        uid = seen.metadata["uid"]
        _log.info("%s", type(step).__name__)
        now = self._clock()
        self._reporter.took(step, seen, size=size, lag=None if since is None else now - since)
        if isinstance(step, Show):
            self._pace.wrote(uid, size=size, now=now)
            if is_recorded({"status": step.status}):
                self._pace.forget(uid)
                self._gatherer.forget(uid)

    def _add_labelled(self, add: Callable[[Key], None], namespace: str, labels: Mapping[str, str]) -> None:
        execution = self._observed.execution_of(labels.get(LABEL_EXECUTION_UID, ""))
        keys = {Key(*_name(plan)) for plan in self._observed.plans_labelled(namespace, labels.get(LABEL_PLAN, ""))}
        for key in keys if execution is None else {*keys, _plan_of(execution)}:
            add(key)


def _may_need_something(execution: Object, observed: Observed) -> bool:
    """Whether an execution is not at its end, or is taken from it."""
    status, metadata = execution.get("status") or {}, execution["metadata"]
    if metadata.get("deletionTimestamp"):
        return True
    if not is_recorded(execution):
        return not (_never_began(status) and _is_noted(execution, observed))
    if _holds(execution, observed):
        return True
    annotations = metadata.get("annotations") or {}
    if annotations.get(ANNOTATION_RETRY) != annotations.get(ANNOTATION_RETRIED):
        return True
    fence = Fence.of(execution)
    if fence is not None and fence.state is not FenceState.CLOSED:
        return True
    name = (status.get("workflowRef") or {}).get("name") or ""
    return observed.run(metadata["namespace"], name) is not None


def _never_began(status: Object) -> bool:
    return Phase.read(status.get("phase")).terminal and not (status.get("workflowRef") or {}).get("name")


def _is_noted(execution: Object, observed: Observed) -> bool:
    """Whether a plan knows of an execution that was refused before it began, as far as it is to know."""
    if _holds(execution, observed):
        return False
    status = execution.get("status") or {}
    return Phase.read(status.get("phase")) is not Phase.CANCELLED or not status.get("conditions")


def _holds(execution: Object, observed: Observed) -> bool:
    plan = observed.plan(*_plan_of(execution))
    return plan is not None and is_holder(plan.get("status") or {}, execution)


def _held(plan: Object) -> Object:
    held: Object = (plan.get("status") or {}).get("currentExecution") or {}
    return held


def _plan_of(execution: Object) -> Key:
    return Key(execution["metadata"]["namespace"], execution["spec"]["planRef"])


def _name(execution: Object) -> tuple[str, str]:
    return execution["metadata"]["namespace"], execution["metadata"]["name"]


def _age(execution: Object) -> tuple[str, str]:
    return execution["metadata"].get("creationTimestamp") or "", execution["metadata"]["name"]
