"""DRWorkflows: created and changed by the rules of workflows, not deleted while a plan uses them."""

from __future__ import annotations

from compiler.model.names import KIND_WORKFLOW
from compiler.rules import violations_of
from compiler.rules.base import Context
from syncer.admission.answers import allowed, judged, listed, refused
from syncer.admission.view import Object, Surroundings, View, document_of, name_of
from syncer.admission.wire import Operation, Request, Response


def gather(request: Request, view: View) -> Surroundings:
    """Look up the plans that use a workflow which is not to be any more."""
    if request.operation is Operation.DELETE:
        return Surroundings(users=view.plans_using(request.namespace, request.name))
    return Surroundings()


def write(request: Request, value: Object, _: Surroundings) -> Response:
    """Judge a workflow by itself: whether plans can use it is said of the plans."""
    document = document_of(value, KIND_WORKFLOW, request.namespace)
    return judged(violations_of(document, Context(live=True)), document.ref)


def delete(request: Request, _: Object, around: Surroundings) -> Response:
    """Keep a workflow that plans use, in whatever namespace."""
    if not around.users:
        return allowed()
    plans = sorted(map(name_of, around.users))
    return refused(
        f"cannot delete DRWorkflow {request.namespace}/{request.name}: referenced by DRPlan(s): {listed(plans)}",
        f"Workflow is referenced by {len(plans)} plan(s)",
    )
