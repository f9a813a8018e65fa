"""May an execution start? From the execution, its plan, the holder of the plan and, for a revert, its target.

What only the graph can know (parameters, conditions, the mode) is refused by the compiler; what only the API server can
know (which objects exist) is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from compiler.model.names import (
    ANNOTATION_ALLOW_RERUN,
    ANNOTATION_CANCEL,
    ANNOTATION_STARTED_UID,
    ANNOTATION_TRUE,
    CANCEL_FORCE,
    CANCEL_GRACEFUL,
)
from compiler.model.phases import (
    ConditionReason,
    ConditionStatus,
    ConditionType,
    OperationType,
    Phase,
    PlanPhase,
)
from syncer.decide.outcome import Refuse, Start, Wait
from syncer.times import parse_time

Object = Mapping[str, Any]

BUSY_LIMIT = timedelta(seconds=60)
"""How long an execution waits for a plan that is held or not ready yet: nothing queues and starts hours later."""

RETRY_SECONDS = 2.0
REVERTIBLE = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED})
"""Phases of an execution that can be reverted; one that is Unknown needs `spec.force`."""

_HEALING = frozenset({ConditionReason.WORKFLOW_NOT_FOUND, ConditionReason.WORKFLOW_NOT_READY})
_LISTED = 5
"""How many actions a message names."""

CANCELED_BEFORE_START = "Execution canceled by user before it started"


def may_start(
    execution: Object,
    *,
    plan: Object | None,
    current: Object | None,
    target: Object | None,
    now: datetime,
) -> Start | Wait | Refuse:
    """Decide whether an execution may start now.

    Args:
        execution: the execution, which has not started yet.
        plan: its plan; None when there is none.
        current: the execution that `status.currentExecution` of the plan names; None when it does not exist any more.
        target: the execution that a Revert undoes; None when it does not exist.
        now: the time.
    """
    foreign = _foreign(execution)
    if foreign is not None:
        return foreign
    if is_cancelled(execution):
        return Refuse(ConditionReason.CANCELLED, CANCELED_BEFORE_START, Phase.CANCELLED)
    refusal = copied(execution, plan)
    if refusal is not None:
        return refusal
    name = _spec(execution).get("planRef", "")
    if plan is None:
        # A revert may still run from its target's snapshot.
        if _is_revert(execution) and target is not None:
            return may_revert(execution, plan=None, target=target)
        return Refuse(ConditionReason.PLAN_NOT_FOUND, f"plan {name} not found")
    not_ready = _plan_not_ready(execution, plan, now)
    if not_ready is not None:
        return not_ready
    if _is_revert(execution):
        answer = may_revert(execution, plan=plan, target=target)
        if not isinstance(answer, Start):
            return answer
    return _plan_free(execution, plan, current, now)


def may_revert(execution: Object, *, plan: Object | None, target: Object | None) -> Start | Wait | Refuse:
    """Decide whether a Revert may undo its target.

    Args:
        execution: the Revert.
        plan: its plan, for the history; None when it is gone.
        target: the execution to undo; None when it does not exist.
    """
    reference = _spec(execution).get("revertExecutionRef")
    if not reference:
        return _invalid("revertExecutionRef is required for Revert operation")
    if target is None:
        return _invalid(f"referenced execution {reference} not found")
    for check in _TARGET_CHECKS:
        problem = check(execution, target)
        if problem:
            return _invalid(problem)
    if not _is_recorded(target):
        return Wait(
            ConditionReason.WAITING_FOR_PLAN,
            f"referenced execution {reference} is being recorded in the history of its plan",
            RETRY_SECONDS,
        )
    later = _newer_run(execution, plan, target)
    return _invalid(later) if later else Start()


def needs_force(execution: Object, *, plan: Object | None, target: Object) -> str:
    """Say why a Revert of a target that has ended needs `spec.force`; empty when it does not, or has it."""
    return _known_outcomes(execution, target) or _newer_run(execution, plan, target)


def is_cancelled(execution: Object) -> bool:
    """Whether a user asked for a cancel."""
    return _annotations(execution).get(ANNOTATION_CANCEL) in (CANCEL_GRACEFUL, CANCEL_FORCE)


def copied(execution: Object, plan: Object | None) -> Refuse | None:
    """Refuse a copy that was restored from a backup or applied again: it must not start a failover by itself."""
    annotations, uid, name = _annotations(execution), _uid(execution), _name(execution)
    if annotations.get(ANNOTATION_ALLOW_RERUN) == ANNOTATION_TRUE:
        return None
    advice = f'annotate it with {ANNOTATION_ALLOW_RERUN}: "true" to run it all the same'
    started = annotations.get(ANNOTATION_STARTED_UID)
    if started and started != uid:
        return Refuse(
            ConditionReason.RESTORED_COPY,
            f"execution {name} is a copy of one that started as uid {started}; {advice}",
            Phase.CANCELLED,
        )
    for entry in _history(plan):
        if entry.get("name") == name and entry.get("uid") and entry["uid"] != uid:
            return Refuse(
                ConditionReason.NAME_REUSED,
                f"the plan's history has another execution named {name}; use a new name, or {advice}",
            )
    return None


def _foreign(execution: Object) -> Refuse | None:
    status = execution.get("status") or {}
    if status.get("phase") == Phase.RUNNING and not status.get("workflowRef"):
        return Refuse(
            ConditionReason.FOREIGN_RUN,
            "the execution was begun by another controller; find out by hand how far it came, then start a new one",
            Phase.UNKNOWN,
        )
    return None


def _plan_not_ready(execution: Object, plan: Object, now: datetime) -> Wait | Refuse | None:
    name = _name(plan)
    if (plan.get("spec") or {}).get("suspend"):
        return Refuse(
            ConditionReason.PLAN_SUSPENDED, f"plan {name} is suspended; set spec.suspend of the plan to false"
        )
    phase = (plan.get("status") or {}).get("phase") or ""
    if phase in (PlanPhase.READY, PlanPhase.EXECUTED):
        return None
    message = f"plan {name} is not ready (phase={phase})"
    left = _seconds_left(execution, now)
    if left > 0 and (not phase or _awaits_workflows(plan)):
        # All that was applied together is not judged at once.
        return Wait(ConditionReason.WAITING_FOR_PLAN, message, min(left, RETRY_SECONDS))
    return Refuse(ConditionReason.PLAN_NOT_READY, message)


def is_settling(plan: Object, now: datetime) -> bool:
    """Whether a plan was made only just now and may become ready by itself: files are applied in any order."""
    if (plan.get("status") or {}).get("phase") and not _awaits_workflows(plan):
        return False
    created = parse_time((plan.get("metadata") or {}).get("creationTimestamp"))
    return created is not None and now - created < BUSY_LIMIT


def _awaits_workflows(plan: Object) -> bool:
    """Whether a plan is not ready only because workflows of it are not there, or not ready."""
    conditions = (plan.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == ConditionType.READY and each.get("reason") in _HEALING for each in conditions)


def _seconds_left(execution: Object, now: datetime) -> float:
    """How long an execution may still wait for its plan."""
    created = parse_time((execution.get("metadata") or {}).get("creationTimestamp")) or now
    return (created + BUSY_LIMIT - now).total_seconds()


def _plan_free(execution: Object, plan: Object, current: Object | None, now: datetime) -> Start | Wait | Refuse:
    held = (plan.get("status") or {}).get("currentExecution")
    if not held or (held.get("uid") or _uid(current)) == _uid(execution) or not _is_live(held, current):
        return Start()
    namespace = held.get("namespace") or (plan.get("metadata") or {}).get("namespace") or ""
    holder = f"{namespace}/{held.get('name')}"
    message = f"plan {_name(plan)} already has a running execution: {holder}"
    left = _seconds_left(execution, now)
    if left <= 0:
        return Refuse(ConditionReason.PLAN_BUSY, message, Phase.CANCELLED)
    return Wait(ConditionReason.WAITING_FOR_PLAN, message, min(left, RETRY_SECONDS))


def _is_live(held: Object, current: Object | None) -> bool:
    """Whether the holder of a plan still runs; one that is gone or has ended holds nothing."""
    if current is None or (held.get("uid") and held["uid"] != _uid(current)):
        return False
    return not _phase(current).terminal


def not_an_execute(reference: str, target: Object) -> str:
    """Why an execution is none that can be reverted at all; empty when it is one."""
    operation = _spec(target).get("operationType")
    if operation == OperationType.EXECUTE:
        return ""
    return f"referenced execution {reference} must be an Execute operation, got {operation}"


def _operation(execution: Object, target: Object) -> str:
    return not_an_execute(_reference(execution), target)


def _end(execution: Object, target: Object) -> str:
    phase = _phase(target)
    if phase in REVERTIBLE or (phase is Phase.UNKNOWN and _spec(execution).get("force")):
        return ""
    advice = "; set spec.force to revert it all the same" if phase is Phase.UNKNOWN else ""
    return (
        f"referenced execution {_reference(execution)} must be in a terminal phase (Succeeded, Failed or Cancelled), "
        f"got {phase}{advice}"
    )


def _known_outcomes(execution: Object, target: Object) -> str:
    """Undoing what may or may not have happened needs a look first, however the execution as a whole ended."""
    if _spec(execution).get("force"):
        return ""
    status = target.get("status") or {}
    unknown = [
        str(action.get("key") or action.get("name"))
        for stage in status.get("stageStatuses") or ()
        for use in stage.get("workflowExecutions") or ()
        for action in use.get("actionStatuses") or ()
        if action.get("phase") == Phase.UNKNOWN
    ]
    if not unknown and not (status.get("summary") or {}).get("unknownActions"):
        return ""
    listed = f" ({', '.join(unknown[:_LISTED])}{', …' if len(unknown) > _LISTED else ''})" if unknown else ""
    return (
        f"referenced execution {_reference(execution)} has actions whose outcome is Unknown{listed}; "
        "find out by hand what they did, then set spec.force to revert it all the same"
    )


def _same_plan(execution: Object, target: Object) -> str:
    expected, got = _spec(execution).get("planRef"), _spec(target).get("planRef")
    if expected == got:
        return ""
    return f"referenced execution {_reference(execution)} must belong to the same plan (expected {expected}, got {got})"


def _not_reverted(execution: Object, target: Object) -> str:
    by = (target.get("status") or {}).get("revertedBy") or {}
    if by.get("phase") != Phase.SUCCEEDED:
        return ""
    return f"referenced execution {_reference(execution)} has already been reverted by {by.get('name')}"


def _has_stages(execution: Object, target: Object) -> str:
    if (target.get("status") or {}).get("stageStatuses"):
        return ""
    return f"referenced execution {_reference(execution)} has no stage statuses to revert"


_TARGET_CHECKS: Sequence[Callable[[Object, Object], str]] = (
    _operation,
    _end,
    _same_plan,
    _not_reverted,
    _has_stages,
    _known_outcomes,
)


def _newer_run(execution: Object, plan: Object | None, target: Object) -> str:
    """Undoing out of order needs `spec.force`: a later run may stand on what would be undone."""
    if _spec(execution).get("force"):
        return ""
    for entry in _history(plan):
        if is_entry_of(entry, target):
            break
        if _still_in_effect(entry):
            return (
                f"referenced execution {_reference(execution)} is not the newest of plan {_name(plan)}: "
                f"{entry.get('name')} came after it; revert that one first, or set spec.force"
            )
    return ""


def _still_in_effect(entry: Object) -> bool:
    if entry.get("operationType") != OperationType.EXECUTE or not entry.get("startTime"):
        return False
    return (entry.get("revertedBy") or {}).get("phase") != Phase.SUCCEEDED


def is_entry_of(entry: Object, execution: Object) -> bool:
    """Whether an entry of a history is about an execution; entries of the older controller have no uid."""
    if entry.get("uid"):
        return bool(entry["uid"] == _uid(execution))
    return bool(entry.get("name") == _name(execution))


def _is_recorded(target: Object) -> bool:
    """Whether the end of a target is in the history; the older controller left no conditions at all."""
    conditions = (target.get("status") or {}).get("conditions") or ()
    if not conditions:
        return True
    return any(
        condition.get("type") == ConditionType.RECORDED and condition.get("status") == ConditionStatus.TRUE
        for condition in conditions
    )


def _invalid(message: str) -> Refuse:
    return Refuse(ConditionReason.TARGET_INVALID, message)


def _phase(execution: Object) -> Phase:
    try:
        return Phase.read((execution.get("status") or {}).get("phase"))
    except ValueError:
        return Phase.UNKNOWN


def _is_revert(execution: Object) -> bool:
    return bool(_spec(execution).get("operationType") == OperationType.REVERT)


def _reference(execution: Object) -> str:
    return str(_spec(execution).get("revertExecutionRef"))


def _history(plan: Object | None) -> Sequence[Object]:
    return ((plan or {}).get("status") or {}).get("executionHistory") or ()


def _spec(execution: Object) -> Object:
    return execution.get("spec") or {}


def _annotations(execution: Object) -> Object:
    return (execution.get("metadata") or {}).get("annotations") or {}


def _name(thing: Object | None) -> str:
    return str(((thing or {}).get("metadata") or {}).get("name") or "")


def _uid(thing: Object | None) -> str:
    return str(((thing or {}).get("metadata") or {}).get("uid") or "")
