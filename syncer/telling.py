"""What Kubernetes Events tell of an execution's life: from how something was and how it is now. Pure.

Nothing is told of single actions that begin or succeed: a run of five thousand actions would be ten thousand Events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compiler.model.events import EventReason
from compiler.model.names import API_VERSION, KIND_EXECUTION, KIND_PLAN
from compiler.model.phases import (
    ConditionReason,
    ConditionStatus,
    ConditionType,
    FenceState,
    HaltScope,
    OperationType,
    Phase,
)
from syncer.decide.fence import Fence, Halt
from syncer.kube.events import EventType, Happening, Reference

Object = Mapping[str, Any]
Told = tuple[EventReason, str]

CANCELED = "Execution canceled by user"
DRAINING = "Cancel requested: running actions finish, nothing else starts"
RESUMED = "Execution goes on"


def of_status(execution: Object, before: Object, after: Object) -> list[Happening]:
    """What a change of the status of an execution tells.

    Args:
        execution: the execution.
        before: its status as it was.
        after: its status as it is now.
    """
    revert = _operation(execution) is OperationType.REVERT
    told = [*_start(execution, before, after, revert=revert)]
    # Of one whose tree was not in view nothing is news: it was told when it happened.
    if before.get("stageStatuses") or not _phase(before).terminal:
        told += _tree(before.get("stageStatuses") or (), after.get("stageStatuses") or ())
    told += [*_conditions(before, after), *_end(before, after, revert=revert)]
    return [happening(execution, *each) for each in told]


def of_fence(execution: Object, before: Fence | None, after: Fence) -> list[Happening]:
    """What a change of the fence of an execution tells.

    Args:
        execution: the execution.
        before: its fence as it was; None when it had none.
        after: its fence as it is now.
    """
    told: list[Told] = []
    if after.state is FenceState.DRAINING and (before is None or before.state is not FenceState.DRAINING):
        told.append((EventReason.DRAINING, DRAINING))
    same_run = before is not None and before.generation == after.generation
    known = {(halt.scope, halt.key) for halt in before.halts} if before is not None and same_run else set()
    told += [
        (EventReason.HALTED, _halted(halt))
        for halt in after.halts
        if halt.scope is not HaltScope.EXECUTION and (halt.scope, halt.key) not in known
    ]
    return [happening(execution, *each) for each in told]


def of_plan(plan: Object, before: Object, after: Object) -> list[Happening]:
    """What a change of the status of a plan tells.

    Args:
        plan: the plan.
        before: its status as it was.
        after: its status as it is now.
    """
    told: list[Told] = []
    holder, known = after.get("currentExecution") or {}, before.get("currentExecution") or {}
    if holder and (holder.get("name"), holder.get("uid")) != (known.get("name"), known.get("uid")):
        told.append((EventReason.EXECUTION_CLAIMED, f"Execution {holder.get('name')} holds the plan"))
    ends = {_identity(entry): entry for entry in before.get("executionHistory") or () if _phase(entry).terminal}
    for entry in after.get("executionHistory") or ():
        if _phase(entry).terminal and _identity(entry) not in ends:
            note = f"Execution {entry.get('name')} ({entry.get('operationType')}) is recorded as {_phase(entry)}"
            told.append((EventReason.EXECUTION_RECORDED, note))
    return [happening(plan, *each) for each in told]


def happening(thing: Object, reason: EventReason, note: str) -> Happening:
    """An Event about an execution or a plan."""
    metadata = thing["metadata"]
    kind = KIND_EXECUTION if "planRef" in thing["spec"] else KIND_PLAN
    regarding = Reference(
        API_VERSION, kind, metadata.get("namespace") or "", metadata["name"], metadata.get("uid") or ""
    )
    action = OperationType.EXECUTE if kind == KIND_PLAN else _operation(thing)
    kind_of_event = EventType.WARNING if reason.warns else EventType.NORMAL
    return Happening(regarding, reason.value, note, action.value, kind_of_event)


def _start(execution: Object, before: Object, after: Object, *, revert: bool) -> Iterator[Told]:
    if not after.get("startTime") or not _begins(before, after):
        return
    plan = execution["spec"].get("planRef")
    if revert:
        yield EventReason.REVERT_STARTED, f"Started reverting plan {plan}"
    else:
        yield EventReason.EXECUTION_STARTED, f"Started executing plan {plan} (operation={_operation(execution)})"


def _begins(before: Object, after: Object) -> bool:
    """Whether a run begins: the first one, or a further one of an execution that had ended."""
    was, now = _phase(before), _phase(after)
    if was.terminal:
        return now is Phase.RUNNING
    return was is Phase.PENDING and now is not Phase.PENDING


def _end(before: Object, after: Object, *, revert: bool) -> Iterator[Told]:
    phase = _phase(after)
    if not phase.terminal or _phase(before) is phase:
        return
    message = after.get("message") or ""
    refused = _refusal(after)
    if refused is not None:
        yield refused, message
    elif phase is Phase.CANCELLED:
        by_user = _reason(after, ConditionType.SUCCEEDED) == ConditionReason.CANCELLED and _accepted(after)
        yield EventReason.EXECUTION_CANCELLED, CANCELED if by_user else f"Execution canceled: {message}"
    elif phase is Phase.SUCCEEDED:
        yield (
            (EventReason.REVERT_SUCCEEDED, "Revert succeeded")
            if revert
            else (EventReason.EXECUTION_SUCCEEDED, f"Execution succeeded: {message}")
        )
    elif revert:
        yield EventReason.REVERT_FAILED, f"Revert failed: {message}"
    else:
        yield EventReason.EXECUTION_FAILED, f"Execution failed: {message}"


_REFUSALS = {
    ConditionReason.RESTORED_COPY: EventReason.RESTORED_COPY,
    ConditionReason.NAME_REUSED: EventReason.NAME_REUSED,
    ConditionReason.FOREIGN_RUN: EventReason.FOREIGN_RUN,
}

_TROUBLES = {
    (ConditionType.SUCCEEDED, ConditionReason.WORKFLOW_LOST): EventReason.WORKFLOW_LOST,
    (ConditionType.STALLED, ConditionReason.WORKFLOW_CONFLICT): EventReason.WORKFLOW_CONFLICT,
    (ConditionType.STALLED, ConditionReason.RUNNER_SILENT): EventReason.RUNNER_SILENT,
}


def _refusal(status: Object) -> EventReason | None:
    """The reason for which it was refused, if that is told under a name of its own."""
    return next(
        (event for reason, event in _REFUSALS.items() if _reason(status, ConditionType.ACCEPTED) == reason), None
    )


def _accepted(status: Object) -> bool:
    accepted = _condition(status, ConditionType.ACCEPTED)
    return not accepted or accepted.get("status") == ConditionStatus.TRUE


def _conditions(before: Object, after: Object) -> Iterator[Told]:
    paused, was_paused = (_is_true(status, ConditionType.PAUSED) for status in (after, before))
    if paused and not was_paused:
        yield EventReason.PAUSED, f"Execution is paused ({_reason(after, ConditionType.PAUSED)}): nothing else starts"
    if was_paused and not paused and not _phase(after).terminal:
        yield EventReason.RESUMED, RESUMED
    for (kind, reason), event in _TROUBLES.items():
        if _reason(after, kind) == reason and _reason(before, kind) != reason:
            yield event, str(_condition(after, kind).get("message") or after.get("message") or event)


def _tree(before: Sequence[Object], after: Sequence[Object]) -> Iterator[Told]:
    for index, stage in enumerate(after):
        known = _counterpart(before, index, "name", stage)
        name = stage.get("name")
        mode = "parallel" if stage.get("parallel") else "sequential"
        if _has_begun(known, stage):
            yield EventReason.STAGE_STARTED, f"Started executing stage {name} (mode={mode})"
        uses = known.get("workflowExecutions") or ()
        for position, use in enumerate(stage.get("workflowExecutions") or ()):
            yield from _use(_counterpart(uses, position, "workflowRef", use), use)
        if _has_become(known, stage, Phase.SUCCEEDED) and stage.get("startTime"):
            yield EventReason.STAGE_SUCCEEDED, f"Stage {name} succeeded (duration={_duration(stage)})"
        elif _has_become_bad(known, stage):
            yield EventReason.STAGE_FAILED, f"Stage {name} failed: {_why(stage)}"


def _use(known: Object, use: Object) -> Iterator[Told]:
    name = (use.get("workflowRef") or {}).get("name")
    if _has_begun(known, use):
        yield EventReason.WORKFLOW_STARTED, f"Started executing workflow {name}"
    actions = known.get("actionStatuses") or ()
    for position, action in enumerate(use.get("actionStatuses") or ()):
        yield from _action(_counterpart(actions, position, "name", action), action)
    if _has_become(known, use, Phase.SUCCEEDED) and use.get("startTime"):
        yield EventReason.WORKFLOW_SUCCEEDED, f"Workflow {name} succeeded (duration={_duration(use)})"
    elif _has_become_bad(known, use):
        yield EventReason.WORKFLOW_FAILED, f"Workflow {name} failed: {_why(use)}"


def _action(known: Object, action: Object) -> Iterator[Told]:
    retries = action.get("retryCount") or 0
    if retries > (known.get("retryCount") or 0):
        yield EventReason.ACTION_RETRYING, f"Action {action.get('name')} retrying (attempt={retries})"
    if _has_become_bad(known, action):
        yield EventReason.ACTION_FAILED, f"Action {action.get('name')} failed: {_why(action)}"


def _counterpart(before: Sequence[Object], index: int, name: str, member: Object) -> Object:
    """The same member of the tree as it was; empty when it was not shown."""
    known = before[index] if index < len(before) else {}
    return known if known.get(name) == member.get(name) else {}


def _has_begun(known: Object, member: Object) -> bool:
    return bool(member.get("startTime")) and not known.get("startTime")


def _has_become(known: Object, member: Object, phase: Phase) -> bool:
    return _phase(member) is phase and _phase(known) is not phase


def _has_become_bad(known: Object, member: Object) -> bool:
    return _phase(member).bad and not _phase(known).bad


def _why(member: Object) -> str:
    return member.get("message") or member.get("reason") or str(_phase(member))


def _duration(member: Object) -> str:
    return member.get("duration") or "0s"


def _halted(halt: Halt) -> str:
    what = "the plan" if halt.scope is HaltScope.PLAN else f"{halt.scope} {halt.key}"
    return f"No further action of {what} starts: {halt.cause}"


def _identity(entry: Object) -> object:
    return entry.get("uid") or entry.get("name")


def _condition(status: Object, kind: ConditionType) -> Object:
    return next((each for each in status.get("conditions") or () if each.get("type") == kind), {})


def _reason(status: Object, kind: ConditionType) -> str:
    return str(_condition(status, kind).get("reason") or "")


def _is_true(status: Object, kind: ConditionType) -> bool:
    return bool(_condition(status, kind).get("status") == ConditionStatus.TRUE)


def _operation(execution: Object) -> OperationType:
    revert = execution["spec"].get("operationType") == OperationType.REVERT
    return OperationType.REVERT if revert else OperationType.EXECUTE


def _phase(member: Object) -> Phase:
    try:
        return Phase.read(member.get("phase"))
    except ValueError:
        return Phase.UNKNOWN
