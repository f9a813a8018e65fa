"""Builders of plans, workflows and snapshots that keep a test to what matters in it."""

from __future__ import annotations

from typing import Any

from compiler.graph.snapshot import ExecutionInput, RevertInput, Snapshot, TargetAction, by_id
from compiler.model.names import API_VERSION, KIND_EXECUTION, KIND_PLAN, KIND_WORKFLOW
from compiler.model.parameters import Parameter
from compiler.model.phases import OperationType, Phase
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow

NAMESPACE = "dr"


def http(name: str, url: str = "http://site.example/", *, method: str = "GET", **fields: Any) -> dict[str, Any]:
    """An HTTP action; `body`, `headers` and `successCodes` go into its block, the rest beside it."""
    block = {"url": url, "method": method}
    block.update({key: fields.pop(key) for key in ("body", "headers", "successCodes", "idempotent") if key in fields})
    return {"name": name, "type": "HTTP", "http": block, **fields}


def localization(name: str, *, operation: str = "Create", **fields: Any) -> dict[str, Any]:
    """A Localization action."""
    spec = {"feed": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    block = {"operation": operation, "name": f"{name}-object", "namespace": "cluster-a", "spec": spec}
    return {"name": name, "type": "Localization", "localization": block, **fields}


def workflow(name: str, *actions: dict[str, Any], namespace: str = NAMESPACE, **spec: Any) -> dict[str, Any]:
    """A DRWorkflow manifest."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND_WORKFLOW,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**spec, "actions": list(actions)},
    }


def use(name: str, **params: str) -> dict[str, Any]:
    """A reference to a workflow, with stage parameters."""
    reference: dict[str, Any] = {"workflowRef": {"name": name}}
    if params:
        reference["params"] = [{"name": key, "value": value} for key, value in params.items()]
    return reference


def stage(name: str, *uses: str | dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A stage; a workflow is given by name, or as `use(…)`."""
    return {
        "name": name,
        "workflows": [use(member) if isinstance(member, str) else member for member in uses],
        **fields,
    }


def plan(*stages: dict[str, Any], name: str = "pay", **spec: Any) -> dict[str, Any]:
    """A DRPlan manifest."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND_PLAN,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {**spec, "stages": list(stages)},
    }


def execution(name: str = "pay-1", *, plan: str = "pay", **spec: Any) -> dict[str, Any]:
    """A DRPlanExecution manifest."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND_EXECUTION,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"planRef": plan, "operationType": OperationType.EXECUTE.value, **spec},
    }


def parameters(values: dict[str, str]) -> tuple[Parameter, ...]:
    """Parameters with values."""
    return tuple(Parameter(name=name, value=value) for name, value in values.items())


def snapshot(
    manifest: dict[str, Any], *workflows: dict[str, Any], mode: str = "", params: dict[str, str] | None = None
) -> Snapshot:
    """The snapshot of an Execute of a plan."""
    return Snapshot(
        plan=DRPlan.model_validate(manifest),
        workflows=by_id(DRWorkflow.model_validate(member) for member in workflows),
        execution=ExecutionInput(
            name="pay-1", namespace=NAMESPACE, uid="uid-1", mode=mode, params=parameters(params or {})
        ),
    )


def revert_of(
    target: Snapshot, actions: dict[str, Phase | TargetAction], *, params: dict[str, str] | None = None
) -> Snapshot:
    """The snapshot of a Revert; an action that is given by its phase alone has a record."""
    known = {
        key: end if isinstance(end, TargetAction) else TargetAction(end, record=f"record-{key}")
        for key, end in actions.items()
    }
    return Snapshot(
        plan=target.plan,
        workflows=target.workflows,
        execution=ExecutionInput(
            name="pay-revert-1",
            namespace=NAMESPACE,
            uid="uid-2",
            operation=OperationType.REVERT,
            params=parameters(params or {}),
        ),
        revert=RevertInput(name=target.execution.name, uid=target.execution.uid, snapshot=target, actions=known),
    )
