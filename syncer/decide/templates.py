"""The WorkflowTemplates of a plan: what the Submit form of the Argo UI starts when there is nothing else. Pure.

A plan without conditions on the mode has one, any other has one for each mode in which something runs. They run with
the plan's own values; a plan that needs values from an execution, or from objects of the cluster, has none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from compiler.argo import Compiled, RunnerConfig, compile_template
from compiler.graph.forward import forward_graph, mode_violations
from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id
from compiler.model.names import API_VERSION, KIND_PLAN, PARAMETER_PREFIX
from compiler.model.phases import Mode
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from compiler.problems import NothingToRun, PlanTooLarge, Refused

Object = Mapping[str, Any]

_OPEN = "{{"

_log = logging.getLogger(__name__)


def wanted_templates(plan: Object, workflows: Iterable[Object], config: RunnerConfig) -> list[Compiled]:
    """Compile the WorkflowTemplates of a plan that is Ready.

    Args:
        plan: the plan.
        workflows: the workflows that it uses.
        config: the platform's configuration.
    """
    model = DRPlan.read(plan)
    used = by_id(DRWorkflow.read(each) for each in workflows)
    namespace = plan["metadata"]["namespace"]
    plain = Snapshot(plan=model, workflows=used, execution=ExecutionInput(namespace=namespace))
    modes = [mode.lower() for mode in Mode] if mode_violations(plain) else [""]
    compiled = (_compiled(model, used, ExecutionInput(namespace=namespace, mode=mode), config) for mode in modes)
    return [each for each in compiled if each is not None]


def _compiled(
    plan: DRPlan, workflows: Mapping[tuple[str, str], DRWorkflow], given: ExecutionInput, config: RunnerConfig
) -> Compiled | None:
    """The WorkflowTemplate for one mode; None when there can be none."""
    try:
        graph = forward_graph(Snapshot(plan=plan, workflows=workflows, execution=given))
        return compile_template(graph, config=config)
    except (NothingToRun, PlanTooLarge, Refused) as reason:
        mode = f" in mode {given.mode}" if given.mode else ""
        _log.debug("plan %s/%s has no WorkflowTemplate%s: %s", given.namespace, plan.metadata.name, mode, reason)
        return None


def owner_of(plan: Object) -> dict[str, Any]:
    """The reference by which a plan owns an object, so that the object goes with it."""
    metadata = plan["metadata"]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND_PLAN,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }


def is_owned_by(metadata: Object, plan: Object) -> bool:
    """Whether an object is a plan's, or was that of an earlier plan of its name; any other is left alone."""
    return any(
        owner.get("kind") == KIND_PLAN and owner.get("name") == plan["metadata"]["name"]
        for owner in metadata.get("ownerReferences") or ()
    )


def config_maps_of(template: Object) -> set[str]:
    """Names of the ConfigMaps that the pods of a WorkflowTemplate mount.

    Lanes that share a template have one volume for all: its name ends with the place that each lane's task gives.
    """
    spec = template.get("spec") or {}
    templates = spec.get("templates") or ()
    volumes = (volume for holder in (spec, *templates) for volume in holder.get("volumes") or ())
    mounted = {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
    shared = {name.partition(_OPEN)[0] for name in mounted if _OPEN in name}
    places = {
        parameter["value"]
        for each in templates
        for task in (each.get("dag") or {}).get("tasks") or ()
        for parameter in (task.get("arguments") or {}).get("parameters") or ()
        if parameter["name"] == PARAMETER_PREFIX and _OPEN not in parameter.get("value", _OPEN)
    }
    return {name for name in mounted if _OPEN not in name} | {prefix + place for prefix in shared for place in places}
