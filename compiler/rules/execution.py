"""What makes a DRPlanExecution wrong."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.model.execution import DRPlanExecution
from compiler.model.phases import Mode, OperationType, Phase, PlanPhase
from compiler.model.plan import DRPlan
from compiler.problems import Path, Violation
from compiler.rules import metadata
from compiler.rules.base import Context, Key, Rule, error, key_of, ref_of, warning
from compiler.rules.values import Wording, findings

_PARAMS = Wording("params", nameless="name must not be empty", quote='"')
_RUNNABLE = (PlanPhase.READY, PlanPhase.EXECUTED)
_REVERTIBLE = (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)
_TARGET: Path = ("spec", "revertExecutionRef")


def _plan(execution: DRPlanExecution, context: Context) -> DRPlan | None:
    return context.plans.get((key_of(execution)[0], execution.spec.plan_ref))


def _phase(execution: DRPlanExecution) -> Phase | None:
    """Phase of an execution; None when its status is not there or is none that is known."""
    status = execution.status
    if status is None or not status.phase:
        return None
    try:
        return Phase.read(status.phase)
    except ValueError:
        return None


def _is_revert(execution: DRPlanExecution) -> bool:
    return execution.spec.operation_type is OperationType.REVERT


def plan_missing(execution: DRPlanExecution, context: Context) -> Iterator[Violation]:
    """An execution names a plan of its namespace; a Revert runs from what was recorded, also when the plan is gone."""
    if not execution.spec.plan_ref:
        yield error(execution, ("spec", "planRef"), "planRef is required")
    elif context.live and not _is_revert(execution) and _plan(execution, context) is None:
        namespace = key_of(execution)[0]
        message = f"plan {execution.spec.plan_ref} not found: there is no DRPlan of that name in namespace {namespace}"
        yield error(execution, ("spec", "planRef"), message)


def plan_not_ready(execution: DRPlanExecution, context: Context) -> Iterator[Violation]:
    """The plan is valid and takes executions; in files its status is seldom there, and its absence means nothing."""
    plan = _plan(execution, context)
    if plan is None:
        return
    phase = plan.status.phase if plan.status is not None else None
    if phase not in _RUNNABLE and (phase is not None or context.live):
        message = f"plan {execution.spec.plan_ref} is not ready (phase={phase or ''})"
        yield error(execution, ("spec", "planRef"), message)
    if plan.spec.suspend:
        message = f"plan {execution.spec.plan_ref} is suspended (spec.suspend): it takes no executions"
        yield error(execution, ("spec", "planRef"), message)


def plan_busy(execution: DRPlanExecution, context: Context) -> Iterator[Violation]:
    """A plan is run by one execution at a time."""
    for key in _rivals(execution, context):
        running = context.executions.get(key)
        if running is None or key == key_of(execution):
            continue
        phase = _phase(running)
        if phase is None or not phase.terminal:
            message = f"plan {execution.spec.plan_ref} already has a running execution: {key[0]}/{key[1]}"
            yield error(execution, ("spec", "planRef"), message)
            return


def _rivals(execution: DRPlanExecution, context: Context) -> Iterator[Key]:
    """The executions that may hold the plan: the one that it names, and in a cluster all others, which will."""
    namespace, plan = key_of(execution)[0], _plan(execution, context)
    current = plan.status.current_execution if plan is not None and plan.status is not None else None
    if current is not None:
        yield current.namespace or namespace, current.name
    if context.live:
        for key, other in context.executions.items():
            if key[0] == namespace and other.spec.plan_ref == execution.spec.plan_ref:
                yield key


def target_missing(execution: DRPlanExecution, context: Context) -> Iterator[Violation]:
    """A Revert names what it undoes, an Execute does not."""
    spec, name = execution.spec, execution.spec.revert_execution_ref
    if _is_revert(execution) and not name:
        yield error(execution, _TARGET, "revertExecutionRef is required for Revert operation")
    elif spec.operation_type is OperationType.EXECUTE and name:
        message = "revertExecutionRef is for operationType Revert only; an Execute runs the plan forward"
        yield error(execution, _TARGET, message)
    elif context.live and name and (key_of(execution)[0], name) not in context.executions:
        message = f"there is no DRPlanExecution of that name in namespace {key_of(execution)[0]}"
        yield error(execution, _TARGET, f"referenced execution {name} not found: {message}")


def target_invalid(execution: DRPlanExecution, context: Context) -> Iterator[Violation]:
    """The target of a Revert is a finished Execute of the same plan that is not undone yet."""
    name = execution.spec.revert_execution_ref
    target = context.executions.get((key_of(execution)[0], name or ""))
    if not _is_revert(execution) or target is None:
        return
    label, kind = f"referenced execution {name}", target.spec.operation_type
    if kind is not OperationType.EXECUTE:
        yield error(execution, _TARGET, f"{label} must be an Execute operation, got {kind}")
    phase = _phase(target)
    forced = phase is Phase.UNKNOWN and execution.spec.force
    if phase not in _REVERTIBLE and not forced and (phase is not None or context.live):
        message = f"{label} must be in a terminal phase (Succeeded, Failed or Cancelled), got {phase or ''}"
        if phase is Phase.UNKNOWN:
            message += "; set spec.force to revert it all the same"
        yield error(execution, _TARGET, message)
    plan, other = execution.spec.plan_ref, target.spec.plan_ref
    if plan != other:
        yield error(execution, _TARGET, f"{label} must belong to the same plan (expected {plan}, got {other})")
    undone = target.status.reverted_by if target.status is not None else None
    if undone is not None and undone.phase == Phase.SUCCEEDED and undone.name != key_of(execution)[1]:
        yield error(execution, _TARGET, f"{label} was already reverted by {undone.name}")


def mode_doubtful(execution: DRPlanExecution, _: Context) -> Iterator[Violation]:
    """A Revert has a mode of its own, and Rollback is no way to run forward."""
    spec, path = execution.spec, ("spec", "mode")
    if _is_revert(execution) and spec.mode not in (None, Mode.ROLLBACK):
        yield warning(execution, path, f"mode {spec.mode} is ignored: a Revert always runs in mode {Mode.ROLLBACK}")
    if spec.operation_type is OperationType.EXECUTE and spec.mode is Mode.ROLLBACK:
        message = "runs the rollback actions of the plan forward; to undo an execution use operationType Revert"
        yield warning(execution, path, f"mode {spec.mode} on an Execute {message}")


def parameters_invalid(execution: DRPlanExecution, _: Context) -> Iterator[Violation]:
    """Entries of `params`."""
    for path, message, severity in findings(execution.spec.params, _PARAMS):
        yield Violation(ref_of(execution), ("spec", "params", *path), message, severity)


RULES: tuple[Rule[DRPlanExecution], ...] = (
    *metadata.RULES,
    plan_missing,
    plan_not_ready,
    plan_busy,
    target_missing,
    target_invalid,
    mode_doubtful,
    parameters_invalid,
)
