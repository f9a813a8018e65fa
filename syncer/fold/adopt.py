"""An Argo Workflow that was submitted without a DRPlanExecution: the execution that it stands for, and its tree.

What the run is stands in the Workflow's parameter `run`; what of the plan is in it stands in its templates, so that a
plan that has changed since, or was compiled for another mode, shows what this Workflow left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compiler.graph.tree import Decided, Graph, Stage, WorkflowUse
from compiler.model.names import (
    API_VERSION,
    ENTRYPOINT,
    KIND_EXECUTION,
    LABEL_OPERATION,
    LABEL_PLAN,
    LABEL_PLAN_REF,
    PARAMETER_RUN,
    label_value,
    position_of_task,
)
from compiler.model.phases import Mode, OperationType, Phase, Reason
from syncer.links import relink
from syncer.nodes import Workflow

_LEVELS = "swl"
"""First letters of tasks from the outside inwards; templates that call themselves do not go inwards."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a Workflow says about the run that it is.

    Attributes:
        namespace: namespace of the plan.
        plan: name of the plan.
        execution: name of the execution, empty when it was submitted without one.
        uid: uid of the execution, likewise.
        epoch: epoch of the execution.
        operation: Execute or Revert.
        mode: lower-case mode, empty when there is none.
    """

    namespace: str
    plan: str
    execution: str = ""
    uid: str = ""
    epoch: int = 1
    operation: OperationType = OperationType.EXECUTE
    mode: str = ""


def run_of(workflow: Workflow) -> Run:
    """Read parameter `run` of a Workflow.

    Raises:
        ValueError: it has none, or one that cannot be read; the Workflow was not compiled by drplan.
    """
    name = workflow.metadata.name
    text = workflow.argument(PARAMETER_RUN)
    if not text:
        raise ValueError(f"Argo Workflow {name} has no parameter {PARAMETER_RUN}: it was not compiled by drplan")
    try:
        value = json.loads(text)
        return Run(
            namespace=value.get("namespace") or workflow.metadata.namespace,
            plan=value["plan"],
            execution=value.get("execution") or "",
            uid=value.get("uid") or "",
            epoch=int(value.get("epoch") or 1),
            operation=OperationType(value.get("operation") or OperationType.EXECUTE),
            mode=value.get("mode") or "",
        )
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"parameter {PARAMETER_RUN} of Argo Workflow {name} cannot be read: {problem!r}") from problem


def execution_of(workflow: Workflow) -> dict[str, Any]:
    """The DRPlanExecution that a Workflow stands for.

    Raises:
        ValueError: the Workflow does not say what it is.
    """
    run = run_of(workflow)
    metadata: dict[str, Any] = {
        "name": run.execution or workflow.metadata.name,
        "namespace": workflow.metadata.namespace or run.namespace,
        "labels": {
            LABEL_PLAN: label_value(run.plan),
            LABEL_PLAN_REF: label_value(run.plan),
            LABEL_OPERATION: run.operation.lower(),
        },
    }
    if run.uid:
        metadata["uid"] = run.uid
    if workflow.metadata.creation_timestamp:
        metadata["creationTimestamp"] = workflow.metadata.creation_timestamp
    spec: dict[str, Any] = {"planRef": run.plan, "operationType": run.operation.value}
    mode = next((mode for mode in Mode if mode.lower() == run.mode), None)
    if mode is not None and run.operation is OperationType.EXECUTE:
        spec["mode"] = mode.value
    if not run.uid:
        spec["adoptWorkflow"] = {"name": workflow.metadata.name, "uid": workflow.metadata.uid}
    return {"apiVersion": API_VERSION, "kind": KIND_EXECUTION, "metadata": metadata, "spec": spec}


def keys_in_templates(workflow: Mapping[str, Any]) -> frozenset[str] | None:
    """Keys of the actions that are in the templates of a Workflow; None when it has no templates to look at.

    Args:
        workflow: the whole Workflow object; one that was made from a WorkflowTemplate keeps that in its status.
    """
    stored = (workflow.get("status") or {}).get("storedWorkflowTemplateSpec") or {}
    spec = workflow.get("spec") or {}
    listed = spec.get("templates") or stored.get("templates")
    if not listed:
        return None
    templates = {template.get("name"): template for template in listed}
    entrypoint = spec.get("entrypoint") or stored.get("entrypoint") or ENTRYPOINT
    return frozenset(_keys_below(templates.get(entrypoint), templates, ""))


def restrict(graph: Graph, keys: Collection[str], *, workflow: str) -> Graph:
    """The graph with every action that a Workflow leaves out decided not to run.

    Args:
        graph: the graph of the plan.
        keys: keys of the actions that are in the Workflow.
        workflow: name of the Workflow, for the message.
    """
    decided = Decided(Phase.SKIPPED, Reason.CONDITION_NOT_MET, f"not part of Argo Workflow {workflow}")
    stages = [_restrict_stage(stage, keys, decided) for stage in graph.stages]
    return replace(graph, stages=relink(stages))


def _restrict_stage(stage: Stage, keys: Collection[str], decided: Decided) -> Stage:
    uses = [_restrict_use(use, keys, decided) for use in stage.workflows]
    return replace(stage, workflows=relink(uses))


def _restrict_use(use: WorkflowUse, keys: Collection[str], decided: Decided) -> WorkflowUse:
    actions = [
        action if not action.live or action.key in keys else replace(action, decided=decided) for action in use.actions
    ]
    return replace(use, actions=relink(actions))


def _keys_below(
    template: Mapping[str, Any] | None,
    templates: Mapping[Any, Mapping[str, Any]],
    prefix: str,
    levels: str = _LEVELS,
) -> Iterator[str]:
    """Keys of the actions that a template runs; the template of a lane is shared, its place comes from the task."""
    if template is None:
        return
    for container in (template.get("containerSet") or {}).get("containers") or ():
        position = position_of_task(container.get("name") or "")
        if position is not None:
            yield f"{prefix}.{position[0]}{position[1]}"
    tasks: Sequence[Mapping[str, Any]] = (template.get("dag") or {}).get("tasks") or ()
    for task in tasks:
        position = position_of_task(task.get("name") or "")
        if position is not None and position[0] in levels:
            below = templates.get(task.get("template"))
            inner = levels[levels.index(position[0]) + 1 :]
            yield from _keys_below(below, templates, _deeper(prefix, position), inner)


def _deeper(prefix: str, position: tuple[str, int]) -> str:
    """Key one level deeper; a lane is no level of its own."""
    letter, number = position
    if letter == "l":
        return prefix
    return f"{prefix}.{letter}{number}" if prefix else f"{letter}{number}"
