"""The answer to every request: who may pass unseen, what is judged, and by which rules.

Gathering is apart from judging. It reads caches that change under the event loop and takes microseconds; judging is
pure, may take a while for a large plan, and may do so in another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from compiler.model.names import KIND_EXECUTION, KIND_PLAN, KIND_WORKFLOW
from syncer.admission import executions, plans, workflows
from syncer.admission.answers import allowed
from syncer.admission.view import Object, Surroundings, View
from syncer.admission.wire import Operation, Request, Response

CLEANERS = frozenset(
    {
        "system:serviceaccount:kube-system:namespace-controller",
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "system:kube-controller-manager",
    }
)
"""Users that delete what a namespace or an owner leaves behind, and that ask again for ever when they are refused."""

KINDS = (KIND_PLAN, KIND_WORKFLOW, KIND_EXECUTION)
"""Kinds that are reviewed."""

STAMPED = (KIND_EXECUTION,)
"""Kinds of which a field is filled in."""

_Gather = Callable[[Request, View], Surroundings]
_Judge = Callable[[Request, Object, Surroundings], Response]

_GATHER: Mapping[str, _Gather] = {
    KIND_PLAN: plans.gather,
    KIND_WORKFLOW: workflows.gather,
    KIND_EXECUTION: executions.gather,
}
_JUDGE: Mapping[tuple[str, Operation], _Judge] = {
    (KIND_PLAN, Operation.CREATE): plans.write,
    (KIND_PLAN, Operation.UPDATE): plans.write,
    (KIND_PLAN, Operation.DELETE): plans.delete,
    (KIND_WORKFLOW, Operation.CREATE): workflows.write,
    (KIND_WORKFLOW, Operation.UPDATE): workflows.write,
    (KIND_WORKFLOW, Operation.DELETE): workflows.delete,
    (KIND_EXECUTION, Operation.CREATE): executions.create,
    (KIND_EXECUTION, Operation.UPDATE): executions.update,
    (KIND_EXECUTION, Operation.DELETE): executions.delete,
}


def review(request: Request, view: View) -> Response:
    """Say whether a request may be done.

    Args:
        request: what is to be done, to an object of one of `KINDS`.
        view: the objects of the cluster.
    """
    return judge(request, gather(request, view))


def gather(request: Request, view: View) -> Surroundings:
    """Look up the objects that a request has to do with."""
    if _passes(request):
        return Surroundings()
    return _GATHER[request.kind.kind](request, view)


def judge(request: Request, around: Surroundings) -> Response:
    """Say whether a request may be done, with the objects around it."""
    rule = _JUDGE.get((request.kind.kind, request.operation))
    if rule is None or _passes(request):
        return allowed()
    value = _subject(request)
    if value is None:
        return _without_object(request)
    return rule(request, value, around)


def mutate(request: Request) -> Response:
    """Fill in what is to be filled in: who asked for an execution."""
    if request.kind.kind not in STAMPED or request.operation is not Operation.CREATE:
        return allowed()
    value = _subject(request)
    if value is None:
        return _without_object(request)
    return executions.stamp(request, value)


def _passes(request: Request) -> bool:
    """Whether nothing is to be judged: what cleaners delete, and changes that leave the spec alone.

    Whoever removes a finalizer or sets a label must not be kept from it by a rule that the object never kept, or by a
    workflow that is gone.
    """
    if request.operation is Operation.DELETE:
        return request.user_info.username in CLEANERS
    old, new = request.old_object, request.object
    if request.operation is not Operation.UPDATE or old is None or new is None:
        return False
    return bool(old.get("spec") == new.get("spec"))


def _subject(request: Request) -> Object | None:
    """The object that is judged; None when it is not there or is no object."""
    value = request.old_object if request.operation is Operation.DELETE else request.object
    return value if value is not None and isinstance(value.get("metadata"), dict) else None


def _without_object(request: Request) -> Response:
    message = f"the AdmissionReview has no object to {request.operation.lower()}, or one without metadata"
    return Response(allowed=False, message=message, status=HTTPStatus.BAD_REQUEST)
