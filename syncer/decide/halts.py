"""What a failure keeps from starting: the halts that the failure policies ask for, as soon as a record says Failed.

Within a lane the runners keep the policy of their workflow by themselves, and the edges of the Workflow keep what
waits for a success; halts are for what runs beside the failure. A revert has none: its edges say everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from compiler.graph.tree import Graph, Stage, WorkflowUse
from compiler.model.names import stage_of
from compiler.model.phases import (
    FenceState,
    HaltScope,
    PlanFailurePolicy,
    RecordPhase,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)
from syncer.decide.fence import Fence, Halt
from syncer.records import BAD, Records, is_stale, state_of
from syncer.times import format_time

CAUSE_LIMIT = 120
"""Most characters of a failure's message that a halt repeats."""

_OVER = frozenset({FenceState.DRAINING, FenceState.CLOSED})


@dataclass(frozen=True, slots=True)
class _Failed:
    """A workflow use with its first failure."""

    stage: Stage
    use: WorkflowUse
    cause: str
    time: str


def halts(
    graph: Graph,
    *,
    records: Records,
    fence: Fence,
    begun: Collection[str],
    cancelled: bool,
    now: datetime,
) -> tuple[Halt, ...]:
    """The halts that are missing in the fence.

    Args:
        graph: the graph of the run.
        records: its records by action key.
        fence: the fence as it is.
        begun: keys of the stages that have a started node in the view of the caller.
        cancelled: whether the execution is cancelled, so that nothing starts anyway.
        now: the time.
    """
    if graph.revert or cancelled or fence.state in _OVER:
        return ()
    failed = sorted(_failures(graph, records, fence), key=lambda each: each.time or "")
    wanted: list[Halt] = []
    for each in failed:
        wanted.extend(_of_workflow(each, format_time(now)))
    if failed and graph.policy is PlanFailurePolicy.STOP:
        stages = _begun(graph, records, fence, begun)
        wanted.append(Halt(HaltScope.PLAN, "", failed[0].cause, format_time(now), stages))
    return fence.halt(wanted).halts[len(fence.halts) :]


def _failures(graph: Graph, records: Records, fence: Fence) -> Iterator[_Failed]:
    """Each workflow use in which an action Failed, or may have; nothing can mend it any more."""
    for stage, use in graph.workflows():
        found = [
            (state.get("completionTime") or "", f"{action.key} {state['phase']}: {_short(state.get('message') or '')}")
            for action in use.actions
            if (state := state_of(records.get(action.key) or {})).get("phase") in BAD
            and not is_stale(state, fence.generation)
        ]
        if found:
            time, cause = min(found, key=lambda each: each[0])
            yield _Failed(stage, use, cause, time)


def _of_workflow(failed: _Failed, now: str) -> Iterator[Halt]:
    fails_fast = failed.use.policy is WorkflowFailurePolicy.FAIL_FAST
    if fails_fast:
        yield Halt(HaltScope.WORKFLOW, failed.use.key, failed.cause, now)
    if failed.stage.policy is not StageFailurePolicy.FAIL_FAST or not failed.stage.parallel:
        return
    if fails_fast:
        yield Halt(HaltScope.STAGE, failed.stage.key, failed.cause, now)
        return
    # A halt of the stage would reach the rest of the failed workflow, too, whose own policy lets it go on.
    for sibling in failed.stage.workflows:
        if sibling.key != failed.use.key and sibling.live:
            yield Halt(HaltScope.WORKFLOW, sibling.key, failed.cause, now)


def _begun(graph: Graph, records: Records, fence: Fence, begun: Collection[str]) -> tuple[str, ...]:
    """Stages that have begun, in the order of the plan: those go on."""
    recorded = {
        stage_of(key)
        for key, record in records.items()
        if state_of(record).get("phase") != RecordPhase.SKIPPED and not is_stale(state_of(record), fence.generation)
    }
    return tuple(stage.key for stage in graph.stages if stage.key in recorded or stage.key in begun)


def _short(message: str) -> str:
    """The start of a message, on one line."""
    line = " ".join(message.split())
    return line if len(line) <= CAUSE_LIMIT else line[: CAUSE_LIMIT - 1] + "…"
