"""What admission may look at beside the object in question, and how it is read.

The objects around are the syncer's caches: plain dicts, each found by its name or by an index, none by walking a list.
Of their statuses only what rules judge is read, because a tree of five thousand actions is not a matter of milliseconds
and a status that an older controller wrote must not stand in the way of anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from compiler.manifests import Document
from compiler.model.base import Model
from compiler.model.execution import DRPlanExecution
from compiler.model.names import API_VERSION, KIND_EXECUTION, KIND_PLAN, KIND_WORKFLOW
from compiler.model.phases import Phase
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from compiler.problems import ObjectRef
from compiler.rules import lenient
from compiler.rules.base import Key
from syncer.admission.readings import Readings

Object = dict[str, Any]
ModelType = TypeVar("ModelType", bound=Model)

_METADATA = ("name", "generateName", "namespace", "uid", "annotations")
_STATUS: Mapping[str, Sequence[str]] = {
    KIND_PLAN: ("phase", "currentExecution"),
    KIND_WORKFLOW: ("phase",),
    KIND_EXECUTION: ("phase", "revertedBy"),
}


class View(Protocol):
    """The objects of a cluster."""

    @property
    def synced(self) -> bool:
        """Whether all of them are in view."""

    def plan(self, namespace: str, name: str, /) -> Object | None:
        """A DRPlan; None when it does not exist."""

    def workflow(self, namespace: str, name: str, /) -> Object | None:
        """A DRWorkflow; None when it does not exist."""

    def execution(self, namespace: str, name: str, /) -> Object | None:
        """A DRPlanExecution; None when it does not exist."""

    def executions_of(self, namespace: str, plan: str, /) -> list[Object]:
        """The DRPlanExecutions of a plan."""

    def plans_using(self, namespace: str, workflow: str, /) -> list[Object]:
        """The DRPlans, of any namespace, that use a DRWorkflow."""


@dataclass(frozen=True)
class Surroundings:
    """The objects that a request has to do with, beside its own.

    Attributes:
        plan: the plan of an execution.
        target: the execution that a Revert undoes.
        workflows: the workflows of a plan.
        live: executions of a plan that have not ended.
        users: the plans that use a workflow.
    """

    plan: Object | None = None
    target: Object | None = None
    workflows: Mapping[Key, Object] = field(default_factory=dict)
    live: Sequence[Object] = ()
    users: Sequence[Object] = ()


def workflows_of(plan: Object | None, namespace: str, view: View) -> dict[Key, Object]:
    """The workflows that a plan uses, as far as they exist. The plan may be one that will be refused."""
    found: dict[Key, Object] = {}
    for stage in _members(mapping(plan, "spec"), "stages"):
        for use in _members(stage, "workflows"):
            reference = mapping(use, "workflowRef")
            key = str(reference.get("namespace") or namespace), str(reference.get("name") or "")
            workflow = view.workflow(*key)
            if workflow is not None:
                found[key] = workflow
    return found


def live_executions(namespace: str, plan: str, view: View) -> list[Object]:
    """The executions of a plan that have not ended, whether they hold it already or not."""
    return [execution for execution in view.executions_of(namespace, plan) if is_live(execution)]


def is_live(execution: Object) -> bool:
    """Whether an execution has not ended; one with a phase that nobody knows has not."""
    try:
        return not Phase.read(phase_of(execution)).terminal
    except ValueError:
        return True


def phase_of(obj: Object) -> str:
    """Phase of an object as it is stored; empty when it has none."""
    return str(mapping(obj, "status").get("phase") or "")


def name_of(obj: Object) -> str:
    """Namespace and name of an object, as `ns/name`."""
    metadata = mapping(obj, "metadata")
    return f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"


def document_of(obj: Object, kind: str, namespace: str) -> Document:
    """An object as rules see it, with what they judge of its status."""
    metadata, status = mapping(obj, "metadata"), mapping(obj, "status")
    known = {name: metadata[name] for name in _METADATA if metadata.get(name) is not None}
    seen = {name: status[name] for name in _STATUS[kind] if status.get(name) is not None}
    kept = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    value = {**kept, "apiVersion": API_VERSION, "kind": kind, "metadata": {"namespace": namespace, **known}}
    return Document.of_object({**value, "status": seen} if seen else value)


def plan_model(obj: Object) -> DRPlan:
    """A stored plan, as far as it can be read."""
    return _plan_reading(obj)


def _read_plan(obj: Object) -> DRPlan:
    return _model(obj, KIND_PLAN, DRPlan)


def _count_uses(obj: Object) -> int:
    return sum(len(_members(stage, "workflows")) for stage in _members(mapping(obj, "spec"), "stages"))


_plan_reading = Readings(_read_plan, _count_uses)


def execution_model(obj: Object) -> DRPlanExecution:
    """A stored execution, as far as it can be read."""
    return _model(obj, KIND_EXECUTION, DRPlanExecution)


def workflow_models(workflows: Mapping[Key, Object]) -> tuple[dict[Key, DRWorkflow], frozenset[ObjectRef]]:
    """Stored workflows that can be read, and those that cannot."""
    readings = {key: _workflow_reading(obj) for key, obj in workflows.items()}
    models = {key: reading for key, reading in readings.items() if isinstance(reading, DRWorkflow)}
    return models, frozenset(ObjectRef(KIND_WORKFLOW, *key) for key in readings if key not in models)


def _read_workflow(obj: Object) -> Model | ValidationError | None:
    return document_of(obj, KIND_WORKFLOW, str(mapping(obj, "metadata").get("namespace") or "")).reading


def _count_actions(obj: Object) -> int:
    return len(_members(mapping(obj, "spec"), "actions"))


_workflow_reading = Readings(_read_workflow, _count_actions)


def keyed(executions: Iterable[DRPlanExecution]) -> dict[Key, DRPlanExecution]:
    """Executions by namespace and name."""
    return {(each.metadata.namespace or "", each.metadata.name or ""): each for each in executions}


def mapping(value: Any, name: str) -> Object:
    """A member of an object that is a mapping; empty when it is none, or is not there."""
    member = value.get(name) if isinstance(value, dict) else None
    return member if isinstance(member, dict) else {}


def _model(obj: Object, kind: str, model: type[ModelType]) -> ModelType:
    document = document_of(obj, kind, str(mapping(obj, "metadata").get("namespace") or ""))
    reading = document.reading
    return reading if isinstance(reading, model) else lenient.read(model, document.value)


def _members(value: Any, name: str) -> list[Any]:
    members = value.get(name) if isinstance(value, dict) else None
    return members if isinstance(members, list) else []
