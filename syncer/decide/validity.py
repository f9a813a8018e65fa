"""Whether workflows and plans are valid, as their statuses say it: from the objects alone. Pure.

The rules are those that `drplan validate` checks. What is only doubtful in files and stands in the way in a cluster, a
workflow that is missing or not Ready, makes a plan Invalid until that is mended. Each function returns its own fields
of a status and no others, so that whoever writes them takes nothing from those who keep the plan's history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from compiler.graph.snapshot import WorkflowId
from compiler.manifests.documents import Document
from compiler.model.phases import (
    ConditionReason,
    ConditionStatus,
    ConditionType,
    OperationType,
    Phase,
    PlanPhase,
    WorkflowPhase,
)
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from compiler.problems import Severity, Violation
from compiler.rules import lenient, violations_of
from compiler.rules.base import Context
from compiler.rules.plan import workflow_not_found, workflow_not_ready
from syncer.fold.conditions import Wanted, write

Object = Mapping[str, Any]

PLAN_VALID = "Plan is valid and ready to execute"
WORKFLOW_VALID = "Workflow is valid and ready to execute"
SUSPENDED = "Plan is suspended: no execution can start until spec.suspend is false"

_MESSAGE_LIMIT = 32768
"""What the API server takes as the message of a condition."""


def judge_workflow(workflow: Object) -> Wanted:
    """Say whether a DRWorkflow is Ready, which follows from its spec alone."""
    document = Document.of_object(dict(workflow))
    errors = _errors(document, violations_of(document, Context(live=True)))
    return _failed(errors) if errors else _ready(WORKFLOW_VALID)


def judge_plan(plan: Object, workflows: Iterable[Object]) -> Wanted:
    """Say whether a DRPlan is Ready, which follows from its spec and the specs and phases of its workflows.

    Args:
        plan: the plan.
        workflows: the workflows that it uses, with their statuses, as far as they exist.
    """
    document = Document.of_object(dict(plan))
    reading = document.reading
    model = reading if isinstance(reading, DRPlan) else lenient.read(DRPlan, document.value)
    used = {(each["metadata"]["namespace"], each["metadata"]["name"]): _read_workflow(each) for each in workflows}
    context = Context(plans={(document.ref.namespace, document.ref.name): model}, workflows=used, live=True)
    errors = _errors(document, violations_of(document, context))
    missing = _texts(document, workflow_not_found(model, context))
    unready = _texts(document, workflow_not_ready(model, context))
    if errors:
        return _failed([*errors, *missing, *unready])
    if missing:
        return _failed([*missing, *unready], ConditionReason.WORKFLOW_NOT_FOUND)
    if unready:
        return _failed(unready, ConditionReason.WORKFLOW_NOT_READY)
    if model.spec.suspend:
        return Wanted(ConditionType.READY, ConditionStatus.FALSE, ConditionReason.SUSPENDED, SUSPENDED)
    return _ready(PLAN_VALID)


def workflow_status(workflow: Object, ready: Wanted, *, now: datetime) -> dict[str, Any]:
    """Fields of the status of a DRWorkflow.

    Args:
        workflow: the workflow, with its status.
        ready: whether it is Ready.
        now: the time, for a condition that changes.
    """
    valid = ready.status is ConditionStatus.TRUE
    return _status(workflow, WorkflowPhase.READY if valid else WorkflowPhase.INVALID, [ready], now)


def plan_status(plan: Object, ready: Wanted, *, now: datetime) -> dict[str, Any]:
    """Fields of the status of a DRPlan that say whether it is valid, and whether an execution holds it.

    Args:
        plan: the plan, with its status.
        ready: whether it is Ready.
        now: the time, for a condition that changes.
    """
    if ready.reason in _INVALID:
        phase = PlanPhase.INVALID
    else:
        phase = PlanPhase.EXECUTED if _is_executed(plan) else PlanPhase.READY
    return _status(plan, phase, [ready, _executing(plan)], now)


def uses_of(plan: Object) -> list[WorkflowId]:
    """Namespace and name of the workflows that a plan uses, each once, as far as it names them."""
    found: dict[WorkflowId, None] = {}
    for stage in (plan.get("spec") or {}).get("stages") or ():
        for use in stage.get("workflows") or ():
            reference = use.get("workflowRef") or {}
            if reference.get("name"):
                found[reference.get("namespace") or plan["metadata"]["namespace"], reference["name"]] = None
    return list(found)


def is_judged(thing: Object) -> bool:
    """Whether the status of a plan or a workflow speaks of its spec as it is now."""
    status = thing.get("status") or {}
    return bool(status.get("phase")) and status.get("observedGeneration") == thing["metadata"].get("generation")


def is_ready(thing: Object) -> bool:
    """Whether the status of a plan or a workflow says that it is Ready."""
    conditions = (thing.get("status") or {}).get("conditions") or ()
    return any(
        each.get("type") == ConditionType.READY and each.get("status") == ConditionStatus.TRUE for each in conditions
    )


_INVALID = frozenset(
    {
        ConditionReason.VALIDATION_FAILED,
        ConditionReason.WORKFLOW_NOT_FOUND,
        ConditionReason.WORKFLOW_NOT_READY,
    }
)


def _read_workflow(workflow: Object) -> DRWorkflow:
    """Read a workflow, even one whose shape only older definitions allowed: it is Invalid then, and exists."""
    reading = Document.of_object(dict(workflow)).reading
    return reading if isinstance(reading, DRWorkflow) else lenient.read(DRWorkflow, dict(workflow))


def _executing(plan: Object) -> Wanted:
    current = (plan.get("status") or {}).get("currentExecution")
    if not current:
        return Wanted(ConditionType.EXECUTING, ConditionStatus.FALSE, ConditionReason.IDLE)
    message = f"Execution {current.get('name')} holds the plan"
    return Wanted(ConditionType.EXECUTING, ConditionStatus.TRUE, ConditionReason.EXECUTION_RUNNING, message)


def _is_executed(plan: Object) -> bool:
    """Whether a valid plan is Executed: a new spec has not been, and one that heals is what its history says."""
    status = plan.get("status") or {}
    phase = status.get("phase")
    if status.get("observedGeneration") != plan["metadata"].get("generation"):
        return False
    if phase != PlanPhase.INVALID:
        return bool(phase == PlanPhase.EXECUTED)
    succeeded = (each for each in status.get("executionHistory") or () if each.get("phase") == Phase.SUCCEEDED)
    newest = next(succeeded, None)
    return newest is not None and newest.get("operationType") == OperationType.EXECUTE


def _errors(document: Document, violations: Iterable[Violation]) -> list[str]:
    return _texts(document, (violation for violation in violations if violation.severity is Severity.ERROR))


def _texts(document: Document, violations: Iterable[Violation]) -> list[str]:
    """Messages, each once; one about another object names it."""
    found = {each.message if each.ref == document.ref else str(each): None for each in violations}
    return list(found)


def _failed(errors: Sequence[str], reason: ConditionReason = ConditionReason.VALIDATION_FAILED) -> Wanted:
    message = f"Validation failed: [{' '.join(errors)}]"
    if len(message) > _MESSAGE_LIMIT:
        message = f"{message[: _MESSAGE_LIMIT - 2]}…]"
    return Wanted(ConditionType.READY, ConditionStatus.FALSE, reason, message)


def _ready(message: str) -> Wanted:
    return Wanted(ConditionType.READY, ConditionStatus.TRUE, ConditionReason.VALIDATION_SUCCEEDED, message)


def _status(thing: Object, phase: PlanPhase | WorkflowPhase, wanted: Sequence[Wanted], now: datetime) -> dict[str, Any]:
    generation = cast("int | None", thing["metadata"].get("generation"))
    earlier = (thing.get("status") or {}).get("conditions") or ()
    made = {"phase": phase.value, "conditions": write(wanted, earlier, generation=generation, now=now)}
    return made if generation is None else {**made, "observedGeneration": generation}
