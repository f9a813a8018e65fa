"""What is told of the steps that were taken: Events for people, metrics for alerts. Nothing waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compiler.model.events import EventReason
from compiler.model.names import ARGO_API_VERSION, KIND_ARGO_WORKFLOW
from syncer import telling
from syncer.decide.fence import Fence
from syncer.decide.steps import ChangeWorkflow, Mark, Release, Seen, SetFence, Show, Step, WritePlan
from syncer.fold.places import find_places
from syncer.kube.events import EventType, Happening, Reference
from syncer.metrics import Metrics
from syncer.nodes import Unreadable, Workflow, read_nodes
from syncer.records import Record, takeovers
from syncer.times import parse_time

Object = Mapping[str, Any]


class Reporter:
    """Tells.

    Args:
        record: has an Event written.
        metrics: counts.
    """

    def __init__(self, record: Callable[[Happening], None], metrics: Metrics) -> None:
        self._record = record
        self._metrics = metrics

    def took(self, step: Step, seen: Seen, *, size: int, lag: float | None) -> None:
        """A step was taken.

        Args:
            step: the step.
            seen: what it was decided from.
            size: bytes of the execution, if its status was written.
            lag: seconds since the first change that led to it became known.
        """
        match step:
            case Show():
                self._metrics.status_written(size, lag=lag)
                self._tell(telling.of_status(seen.execution, seen.status, step.status))
                if not seen.phase.terminal and _is_terminal(step.status):
                    self._metrics.ended(seen.execution, step.status, seconds=_seconds(step.status))
                    self._metrics.replayed(_replays(seen))
            case SetFence():
                before = Fence.of(seen.execution)
                self._tell(telling.of_fence(seen.execution, before, step.fence))
                known = before.halts if before is not None else ()
                self._metrics.halted(halt.scope.value for halt in step.fence.halts if halt not in known)
            case WritePlan():
                assert seen.plan is not None
                self._tell(telling.of_plan(seen.plan, seen.plan.get("status") or {}, step.status))
                metadata = seen.plan["metadata"]
                history = step.status.get("executionHistory") or ()
                self._metrics.history(metadata["namespace"], metadata["name"], history)
            case Mark(refused=why) | ChangeWorkflow(refused=why) if why:
                self.tell(seen.execution, EventReason.RETRY_REFUSED, why)
            case Release(unrecorded=True):
                self._metrics.history_lost()

    def tell(self, thing: Object, reason: EventReason, note: str) -> None:
        """Tell an Event about an execution or a plan."""
        self._record(telling.happening(thing, reason, note))

    def tell_run(self, run: Workflow, reason: EventReason, note: str) -> None:
        """Tell an Event about an Argo Workflow."""
        metadata = run.metadata
        regarding = Reference(ARGO_API_VERSION, KIND_ARGO_WORKFLOW, metadata.namespace, metadata.name, metadata.uid)
        kind = EventType.WARNING if reason.warns else EventType.NORMAL
        self._record(Happening(regarding, reason.value, note, reason.value, kind))

    def saw_record(self, before: Record | None, after: Record | None) -> None:
        """A record came, changed or went."""
        if before is not None and after is not None:
            self._metrics.taken_over(takeovers(before, after))

    def decided(self, seconds: float) -> None:
        """A decision took so long."""
        self._metrics.folded(seconds)

    def conflicted(self) -> None:
        """Somebody else wrote before."""
        self._metrics.conflicted()

    def _tell(self, happenings: list[Happening]) -> None:
        for happening in happenings:
            self._record(happening)


def _replays(seen: Seen) -> int:
    """How many actions of a run that has ended did nothing, because an earlier attempt had done them."""
    nodes = read_nodes(seen.workflow) if seen.workflow is not None else {}
    return 0 if isinstance(nodes, Unreadable) else find_places(nodes, seen.workflow_name).replays


def _is_terminal(status: Object) -> bool:
    return bool(status.get("completionTime"))


def _seconds(status: Object) -> float | None:
    start, end = parse_time(status.get("startTime")), parse_time(status.get("completionTime"))
    return (end - start).total_seconds() if start is not None and end is not None else None
