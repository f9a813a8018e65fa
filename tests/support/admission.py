"""What admission is asked, and the objects around: builders of requests, and a cluster's objects as a list."""

from __future__ import annotations

import json
from typing import Any

from compiler.model.names import GROUP, VERSION
from support.plans import NAMESPACE
from syncer.admission import wire
from syncer.admission.review import review
from syncer.admission.wire import Operation, Request, Response

Object = dict[str, Any]
USER = "jane"


class Objects:
    """All objects of a cluster."""

    synced = True

    def __init__(self, *objects: Object) -> None:
        self._objects = objects

    def plan(self, namespace: str, name: str) -> Object | None:
        return self._find("DRPlan", namespace, name)

    def workflow(self, namespace: str, name: str) -> Object | None:
        return self._find("DRWorkflow", namespace, name)

    def execution(self, namespace: str, name: str) -> Object | None:
        return self._find("DRPlanExecution", namespace, name)

    def executions_of(self, namespace: str, plan: str) -> list[Object]:
        found = self._all("DRPlanExecution")
        return [
            each for each in found if each["metadata"]["namespace"] == namespace and each["spec"]["planRef"] == plan
        ]

    def plans_using(self, namespace: str, workflow: str) -> list[Object]:
        return [plan for plan in self._all("DRPlan") if (namespace, workflow) in _used(plan)]

    def _find(self, kind: str, namespace: str, name: str) -> Object | None:
        named = {"namespace": namespace, "name": name}
        return next((each for each in self._all(kind) if named.items() <= each["metadata"].items()), None)

    def _all(self, kind: str) -> list[Object]:
        return [each for each in self._objects if each["kind"] == kind]


def _used(plan: Object) -> list[tuple[str, str]]:
    references = [use["workflowRef"] for stage in plan["spec"]["stages"] for use in stage["workflows"]]
    return [(each.get("namespace", plan["metadata"]["namespace"]), each["name"]) for each in references]


def ready(obj: Object, **status: Any) -> Object:
    """The same with a status: Ready, unless it says otherwise."""
    return {**obj, "status": {"phase": "Ready", **status}}


def asked(operation: Operation, new: Object | None, old: Object | None, *, user: str = USER) -> bytes:
    """An AdmissionReview as the API server sends it."""
    subject = new or old or {}
    metadata = subject.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    request = {
        "uid": "u-1",
        "kind": {"group": GROUP, "version": VERSION, "kind": subject.get("kind", "")},
        "resource": {"group": GROUP, "version": VERSION, "resource": f"{subject.get('kind', '')}s".lower()},
        "operation": operation.value,
        "namespace": metadata.get("namespace", NAMESPACE),
        "name": metadata.get("name", ""),
        "userInfo": {"username": user, "groups": ["system:authenticated"], "extra": {"a": ["b"]}},
        "object": new,
        "oldObject": old,
        "dryRun": False,
        "options": {"kind": "CreateOptions"},
    }
    return json.dumps({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}).encode()


def request(operation: Operation, new: Object | None, old: Object | None = None, *, user: str = USER) -> Request:
    """A request as it is read."""
    kind = (new or old or {})["kind"]
    return wire.read(asked(operation, new, old, user=user), kind=kind)


def create(obj: Object, *others: Object) -> Response:
    """Create an object where others are."""
    return review(request(Operation.CREATE, obj), Objects(*others))


def update(old: Object, new: Object, *others: Object) -> Response:
    """Change an object where others are."""
    return review(request(Operation.UPDATE, new, old), Objects(*others))


def delete(obj: Object, *others: Object, user: str = USER) -> Response:
    """Delete an object where others are."""
    return review(request(Operation.DELETE, None, obj, user=user), Objects(obj, *others))


def refusal(*errors: str) -> str:
    """What a creation or change is refused with because of these."""
    return f"validation failed: [{' '.join(errors)}]"
