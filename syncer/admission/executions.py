"""DRPlanExecutions: what may be started. Whether it then starts is decided again by its claim on the plan.

An execution that ran before (restored from a backup) is let in whatever else is there, because it will not run: objects
come back in any order, and history is kept.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from compiler.manifests import Document
from compiler.model.execution import SPEC_IMMUTABLE, DRPlanExecution
from compiler.model.names import ANNOTATION_REQUESTED_BY, KIND_EXECUTION
from compiler.model.phases import ConditionReason, OperationType, Phase, PlanPhase
from compiler.problems import Severity, Violation
from compiler.rules import violations_of
from compiler.rules.base import Context, error, key_of
from compiler.rules.supply import refused as refused_by_its_graph
from syncer.admission.answers import allowed, invalid, judged, refused
from syncer.admission.view import (
    Object,
    Surroundings,
    View,
    document_of,
    execution_model,
    keyed,
    live_executions,
    mapping,
    phase_of,
    plan_model,
    workflow_models,
    workflows_of,
)
from syncer.admission.wire import Operation, Request, Response
from syncer.decide.start import copied, is_settling, needs_force

_WAITS = "plan {plan} is not ready yet (phase={phase}); the execution waits for it, for a minute at most"


def gather(request: Request, view: View) -> Surroundings:
    """Look up the plan of an execution that is to be, its workflows, its rivals and its target."""
    spec = (request.object or {}).get("spec")
    if request.operation is not Operation.CREATE or not isinstance(spec, dict):
        return Surroundings()
    name, reference = str(spec.get("planRef") or ""), str(spec.get("revertExecutionRef") or "")
    plan = view.plan(request.namespace, name)
    return Surroundings(
        plan=plan,
        target=view.execution(request.namespace, reference) if reference else None,
        workflows=workflows_of(plan, request.namespace, view),
        live=live_executions(request.namespace, name, view),
    )


def create(request: Request, value: Object, around: Surroundings) -> Response:
    """Judge an execution by its own rules, then by what it would do."""
    copy = copied(value, around.plan)
    if copy is not None and copy.reason is ConditionReason.RESTORED_COPY:
        return allowed(f"{copy.message}; until then it is kept and does not run")
    if copy is not None:
        return invalid([copy.message])
    settling = around.plan is not None and is_settling(around.plan, datetime.now(UTC))
    document = document_of(value, KIND_EXECUTION, request.namespace)
    context = _context(around, settling=settling)
    found = violations_of(document, context)
    if settling and around.plan is not None:
        answer = judged(found, document.ref)
        waits = _WAITS.format(plan=around.plan["metadata"]["name"], phase=phase_of(around.plan))
        return replace(answer, warnings=(*answer.warnings, waits)) if answer.allowed else answer
    if not any(violation.severity is Severity.ERROR for violation in found):
        found += _consequences(document, context, value, around)
    return judged(found, document.ref)


def update(_request: Request, _value: Object, _: Surroundings) -> Response:
    """Refuse: changes that leave the spec alone do not come here."""
    return refused(SPEC_IMMUTABLE)


def delete(_request: Request, value: Object, _: Surroundings) -> Response:
    """Let it go: its end is written down before it is gone."""
    if phase_of(value) == Phase.RUNNING:
        return allowed("Deleting a running execution may leave resources in inconsistent state")
    return allowed()


def stamp(request: Request, value: Object) -> Response:
    """Write down who asked for an execution."""
    user, path = request.user_info.username, "/metadata/annotations"
    if mapping(value, "metadata").get("annotations") is None:
        change = {"op": "add", "path": path, "value": {ANNOTATION_REQUESTED_BY: user}}
    else:
        change = {"op": "add", "path": f"{path}/{ANNOTATION_REQUESTED_BY.replace('/', '~1')}", "value": user}
    return replace(allowed(), patch=(change,))


def _context(around: Surroundings, *, settling: bool) -> Context:
    others = [*around.live, *([around.target] if around.target is not None else [])]
    plan = around.plan
    if plan is not None and settling:
        plan = {**plan, "status": {**(plan.get("status") or {}), "phase": PlanPhase.READY.value}}
    plans = [plan_model(plan)] if plan is not None else []
    workflows, unreadable = workflow_models(around.workflows)
    return Context(
        plans={key_of(plan): plan for plan in plans},
        workflows=workflows,
        executions=keyed(map(execution_model, others)),
        unreadable=unreadable,
        live=True,
    )


def _consequences(document: Document, context: Context, value: Object, around: Surroundings) -> list[Violation]:
    """What refuses an execution that keeps its rules: parameters, conditions, or what came after a Revert's target."""
    execution = document.reading
    if not isinstance(execution, DRPlanExecution):
        return []
    if execution.spec.operation_type is OperationType.REVERT:
        reason = needs_force(value, plan=around.plan, target=around.target) if around.target is not None else ""
        return [error(execution, ("spec", "revertExecutionRef"), reason)] if reason else []
    if execution.spec.adopt_workflow is not None:
        # It was compiled already, from what was there then.
        return []
    return list(refused_by_its_graph(execution, context))
