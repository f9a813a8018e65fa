"""DRPlans: created and changed by the rules of plans, not deleted while one of their executions lives."""

from __future__ import annotations

from compiler.model.names import KIND_PLAN
from compiler.model.plan import DRPlan
from compiler.rules import violations_of
from compiler.rules.base import Context, key_of
from syncer.admission.answers import allowed, judged, listed, refused
from syncer.admission.view import (
    Object,
    Surroundings,
    View,
    document_of,
    live_executions,
    mapping,
    name_of,
    phase_of,
    workflow_models,
    workflows_of,
)
from syncer.admission.wire import Operation, Request, Response


def gather(request: Request, view: View) -> Surroundings:
    """Look up the workflows of a plan that is to be, or the executions of one that is not to be any more."""
    if request.operation is Operation.DELETE:
        return Surroundings(live=live_executions(request.namespace, request.name, view))
    return Surroundings(workflows=workflows_of(request.object, request.namespace, view))


def write(request: Request, value: Object, around: Surroundings) -> Response:
    """Judge a plan; it may come before its workflows."""
    document = document_of(value, KIND_PLAN, request.namespace)
    plan = document.reading
    workflows, unreadable = workflow_models(around.workflows)
    context = Context(
        plans={key_of(plan): plan} if isinstance(plan, DRPlan) else {},
        workflows=workflows,
        unreadable=unreadable,
        live=True,
    )
    return judged(violations_of(document, context), document.ref)


def delete(request: Request, value: Object, around: Surroundings) -> Response:
    """Keep a plan whose executions have not all ended; what the plan says of one that is gone holds nothing."""
    if not around.live:
        return allowed()
    current = mapping(mapping(value, "status"), "currentExecution")
    holder = f"{current.get('namespace') or request.namespace}/{current.get('name')}"
    if holder in map(name_of, around.live):
        return refused(f"cannot delete plan with running execution: {holder}", "Plan has a running execution")
    running = listed(f"{name_of(execution)} (phase={phase_of(execution)})" for execution in around.live)
    return refused(
        f"cannot delete DRPlan {request.namespace}/{request.name}: has running executions: {running}",
        f"Plan has {len(around.live)} running execution(s)",
    )
