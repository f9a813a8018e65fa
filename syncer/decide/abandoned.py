"""An execution whose snapshot is lost while it runs: nobody knows any more what it consists of, so it is not followed.

It is said what is wrong, and the run goes on by itself: it may end well, and people can still stop it. Once it is
cancelled or deleted, or its Workflow has ended, it is brought to an end with what was seen of it last: nothing new may
begin, who acts may finish, and what had begun and has no end is Unknown. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.model.names import ANNOTATION_CANCEL, CANCEL_FORCE
from compiler.model.phases import (
    ConditionReason,
    ConditionStatus,
    ConditionType,
    FenceState,
    Phase,
    Reason,
    RecordPhase,
)
from syncer.decide.cancel import Shutdown
from syncer.decide.fence import Fence
from syncer.decide.finish import Ending
from syncer.decide.start import is_cancelled
from syncer.decide.steps import ChangeWorkflow, Rest, Seen, SetFence, Show, Step, WriteRecord
from syncer.decide.strays import POLL, Later, end_orphan, still_act
from syncer.fold import conditions, rollup
from syncer.fold.conditions import Wanted
from syncer.fold.render import counted
from syncer.records import Records, is_started, state_of
from syncer.times import format_time

Object = Mapping[str, Any]

_ADVICE = "what it does is not followed any more; bring its ConfigMaps back, or cancel it"
_ENDED = "it has ended with what was seen of it last, and cannot be retried or reverted; undo by hand what it did"


def next_step(seen: Seen) -> Step:
    """Decide the next step of an execution that has begun and whose snapshot is lost."""
    fence = Fence.of(seen.execution) or Fence(workflow=seen.workflow_name, epoch=seen.epoch)
    live = seen.workflow is not None and not seen.workflow.complete
    if live and not is_cancelled(seen.execution) and fence.state is not FenceState.CLOSED:
        status = _stalled(seen)
        return Rest(POLL) if status == seen.status else Show(status)
    if fence.state is not FenceState.CLOSED:
        cancelled = format_time(seen.now) if is_cancelled(seen.execution) else None
        return SetFence(fence.close(time=cancelled))
    if live:
        return _stop(seen)
    if seen.workflow is None and still_act(seen.records.values(), now=seen.now):
        return Rest(POLL)
    for key, record in seen.records.items():
        if is_started(state_of(record)):
            ending = Ending(key, RecordPhase.UNKNOWN, Reason.OUTCOME_UNKNOWN, seen.damage)
            return WriteRecord(ending.apply(record, now=seen.now))
    return Show(_ended(seen))


def _stop(seen: Seen) -> Step:
    workflow = seen.workflow
    assert workflow is not None
    annotations = seen.metadata.get("annotations") or {}
    if annotations.get(ANNOTATION_CANCEL) == CANCEL_FORCE:
        terminated = workflow.spec.shutdown == Shutdown.TERMINATE and not workflow.spec.suspend
        spec = {"suspend": None, "shutdown": Shutdown.TERMINATE.value}
        return Rest(POLL) if terminated else ChangeWorkflow(spec, delete_pods=True)
    step = end_orphan(workflow, seen.records.values(), now=seen.now)
    if step is None or isinstance(step, Later):
        return Rest(POLL)
    return ChangeWorkflow(step.spec)


def _stalled(seen: Seen) -> dict[str, Any]:
    message = f"{seen.damage}: {_ADVICE}"
    wanted = [Wanted(ConditionType.STALLED, ConditionStatus.TRUE, ConditionReason.FAILED, message)]
    return {**seen.status, "message": message, "conditions": _conditions(seen, wanted)}


def _ended(seen: Seen) -> dict[str, Any]:
    cancelled = is_cancelled(seen.execution)
    phase = Phase.CANCELLED if cancelled else Phase.UNKNOWN
    reason = ConditionReason.CANCELLED if cancelled else ConditionReason.OUTCOME_UNKNOWN
    message = f"{seen.damage}: {_ENDED}"
    stages = [_stage(stage, seen.records) for stage in seen.status.get("stageStatuses") or ()]
    return {
        **seen.status,
        "phase": phase.value,
        "message": message,
        "completionTime": format_time(seen.now),
        "summary": _summary(stages),
        "stageStatuses": stages,
        "conditions": _conditions(seen, conditions.of_end(phase, reason, message)),
    }


def _conditions(seen: Seen, wanted: list[Wanted]) -> list[dict[str, Any]]:
    before = seen.status.get("conditions") or ()
    written = conditions.write(wanted, before, generation=seen.generation, now=seen.now)
    replaced = {each["type"] for each in written} | {ConditionType.STALLED, ConditionType.PAUSED}
    return [*(each for each in before if each["type"] not in replaced), *written]


def _stage(stage: Object, records: Records) -> dict[str, Any]:
    uses = [_use(use, records) for use in stage.get("workflowExecutions") or ()]
    members = [_member_of_use(use) for use in uses]
    return {**stage, "phase": rollup.of_stage(members).value if members else stage["phase"], "workflowExecutions": uses}


def _use(use: Object, records: Records) -> dict[str, Any]:
    actions = [_action(action, records) for action in use.get("actionStatuses") or ()]
    kept = {name: value for name, value in use.items() if name != "currentAction"}
    if not actions:
        return kept
    phase = rollup.of_workflow([_member(action) for action in actions])
    return {**kept, "phase": phase.value, "actionStatuses": actions}


def _action(action: Object, records: Records) -> dict[str, Any]:
    if Phase.read(action["phase"]).terminal:
        return dict(action)
    record = records.get(action.get("key") or "")
    if record is None:
        return {**action, "phase": Phase.SKIPPED.value, "reason": Reason.HALTED.value}
    state = state_of(record)
    known = {name: state[name] for name in ("reason", "message", "startTime", "completionTime") if state.get(name)}
    return {**action, **known, "phase": Phase.read(state["phase"]).value}


def _member(action: Object) -> rollup.Member:
    return rollup.member_of(Phase.read(action["phase"]), action.get("reason") or "")


def _member_of_use(use: Object) -> rollup.Member:
    actions = use.get("actionStatuses") or ()
    if not actions:
        return rollup.member_of(Phase.read(use["phase"]), "")
    return rollup.member_of_actions(frozenset((each.phase, "") for each in map(_member, actions)))


def _summary(stages: list[dict[str, Any]]) -> dict[str, int]:
    uses = [use for stage in stages for use in stage["workflowExecutions"]]
    actions = [action for use in uses for action in use.get("actionStatuses") or ()]
    return counted(*(Counter(_phases(entries)) for entries in (stages, uses, actions)))


def _phases(entries: list[dict[str, Any]]) -> Iterator[Phase]:
    return (Phase.read(entry["phase"]) for entry in entries)
