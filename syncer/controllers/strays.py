"""Carries out what is decided about Workflows that no execution answers for, and plans that one held which is gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from compiler.model.events import EventReason
from compiler.model.names import LABEL_ADOPT, LABEL_EXECUTION_UID
from syncer.controllers.gathering import Gatherer
from syncer.controllers.reporting import Reporter
from syncer.decide import history
from syncer.decide.outcome import Start
from syncer.decide.start import may_start
from syncer.decide.strays import POLL, Later, Patch, end_copy, end_orphan, is_bound, still_act
from syncer.fold.adopt import execution_of, run_of
from syncer.kube.resources import EXECUTIONS, PLANS, Key
from syncer.nodes import Workflow
from syncer.observed import Observed
from syncer.writing import Writer

Object = Mapping[str, Any]
ADOPTION_POLL = 30.0
"""Seconds between two attempts to adopt a Workflow."""

_NOT_BOUND = "Workflow {name} is a copy that execution {execution} is not bound to; it was terminated and did nothing"
_RELEASED = "execution {name} is gone; nothing of it acts any more, and the plan is free"


class Strays:
    """Deals with strays, by the plan that they are of."""

    def __init__(self, observed: Observed, gatherer: Gatherer, writer: Writer, *, reporter: Reporter) -> None:
        self._observed = observed
        self._gatherer = gatherer
        self._writer = writer
        self._reporter = reporter

    async def reconcile(self, key: Key) -> float | None:
        """Take what steps there are to take; returns after how many seconds to look again, if at all."""
        runs = self._observed.runs_of_plan(*key)
        waits = [await self._end(run) for run in runs]
        waits += [await self._adopt(key, run) for run in runs if _is_adoptable(run)]
        waits.append(await self._free(key))
        return min((wait for wait in waits if wait is not None), default=None)

    async def _end(self, run: Workflow) -> float | None:
        uid = (run.metadata.labels or {}).get(LABEL_EXECUTION_UID)
        if not uid or run.complete:
            return None
        execution = self._observed.execution_of(uid)
        if execution is not None:
            if not is_bound(run, execution) and (step := end_copy(run)) is not None:
                await self._patch(run, step)
                text = _NOT_BOUND.format(name=run.metadata.name, execution=execution["metadata"]["name"])
                self._reporter.tell(execution, EventReason.WORKFLOW_NOT_BOUND, text)
            return None
        if await self._lives(run, uid):
            return POLL
        found = end_orphan(run, self._observed.records_of(uid).values(), now=datetime.now(UTC))
        if isinstance(found, Later):
            return found.seconds
        if found is not None:
            await self._patch(run, found)
            return POLL
        return None

    async def _adopt(self, key: Key, run: Workflow) -> float | None:
        """Make the execution that a Workflow stands for, if its plan is free."""
        metadata = run.metadata
        known = self._observed.execution(metadata.namespace, metadata.name)
        if known is not None and (known["spec"].get("adoptWorkflow") or {}).get("uid") == metadata.uid:
            return None
        plan = self._observed.plan(*key)
        try:
            execution = execution_of(run)
        except ValueError as problem:
            return self._refuse(run, str(problem))
        if known is not None:
            return self._refuse(run, f"there is an execution {metadata.name} that is another's")
        held = ((plan or {}).get("status") or {}).get("currentExecution") or {}
        holder = self._observed.execution_of(held["uid"]) if held.get("uid") else None
        answer = may_start(execution, plan=plan, current=holder, target=None, now=datetime.now(UTC))
        if not isinstance(answer, Start):
            return self._refuse(run, answer.message)
        await self._writer.create(EXECUTIONS, metadata.namespace, execution)
        self._reporter.tell_run(run, EventReason.ADOPTED, f"execution {metadata.name} stands for this Workflow")
        return None

    def _refuse(self, run: Workflow, why: str) -> float | None:
        self._reporter.tell_run(run, EventReason.ADOPTION_REFUSED, why)
        return None if run.complete else ADOPTION_POLL

    async def _free(self, key: Key) -> float | None:
        """Let go of a plan whose execution is gone, when nothing of that can act any more."""
        plan = self._observed.plan(*key)
        held = ((plan or {}).get("status") or {}).get("currentExecution") or {}
        uid = held.get("uid") or ""
        if plan is None or not held or (uid and self._observed.execution_of(uid) is not None):
            return None
        found = await self._gatherer.execution(held.get("namespace") or key.namespace, held["name"])
        if found is not None and uid in ("", found["metadata"]["uid"]):
            # It lets go by itself, or is just not in view yet.
            return POLL if uid else None
        if any(not run.complete for run in self._observed.runs_of(uid)):
            return POLL
        now = datetime.now(UTC)
        if still_act(self._observed.records_of(uid).values(), now=now):
            return POLL
        await self._writer.status(PLANS, plan, history.forget(plan.get("status"), held, now=now))
        self._reporter.tell(plan, EventReason.LOCK_RELEASED, _RELEASED.format(name=held["name"]))
        return None

    async def _lives(self, run: Workflow, uid: str) -> bool:
        """Whether an execution exists that is not in view: only just created, or of a name that no label holds."""
        found = await self._gatherer.execution(run.metadata.namespace, run_of(run).execution)
        return found is not None and found["metadata"]["uid"] == uid

    async def _patch(self, run: Workflow, step: Patch) -> None:
        metadata = run.metadata
        await self._writer.patch_run(
            metadata.namespace, metadata.name, uid=metadata.uid, patch={"spec": dict(step.spec)}
        )


def _is_adoptable(run: Workflow) -> bool:
    labels = run.metadata.labels or {}
    return LABEL_ADOPT in labels and LABEL_EXECUTION_UID not in labels
