"""What makes a DRPlan wrong."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.graph import order
from compiler.model.names import ANNOTATION_SHARED_WITH, KIND_WORKFLOW
from compiler.model.phases import WorkflowPhase
from compiler.model.plan import DRPlan, StageWorkflow
from compiler.problems import ObjectRef, Path, Severity, Violation
from compiler.rules import metadata
from compiler.rules.base import Context, Key, Rule, error, key_of, ref_of, warning
from compiler.rules.values import Wording, findings

_GLOBAL = Wording("globalParams")
_STAGES: Path = ("spec", "stages")


def no_stages(plan: DRPlan, _: Context) -> Iterator[Violation]:
    """A plan has at least one stage."""
    if not plan.spec.stages:
        yield error(plan, _STAGES, "at least one stage is required")


def stage_names(plan: DRPlan, _: Context) -> Iterator[Violation]:
    """Stages have names, each its own."""
    seen: set[str] = set()
    for index, stage in enumerate(plan.spec.stages):
        path = (*_STAGES, index, "name")
        if not stage.name:
            yield error(plan, path, f"stage[{index}]: name is required")
        elif stage.name in seen:
            yield error(plan, path, f"stage[{index}]: duplicate stage name '{stage.name}'")
        seen.add(stage.name)


def stage_without_workflows(plan: DRPlan, _: Context) -> Iterator[Violation]:
    """A stage uses at least one workflow."""
    for index, stage in enumerate(plan.spec.stages):
        if not stage.workflows:
            message = f"stage[{index}] '{stage.name}': at least one workflow is required"
            yield error(plan, (*_STAGES, index, "workflows"), message)


def pointless_parallel(plan: DRPlan, _: Context) -> Iterator[Violation]:
    """One workflow alone is not parallel to anything."""
    for index, stage in enumerate(plan.spec.stages):
        if stage.parallel and len(stage.workflows) == 1:
            message = "parallel=true with only one workflow, consider setting parallel=false"
            yield warning(plan, (*_STAGES, index, "parallel"), f"stage[{index}] '{stage.name}': {message}")


def _uses(plan: DRPlan) -> Iterator[tuple[Path, str, StageWorkflow]]:
    """All uses of workflows, each with its path and how messages name it."""
    for index, stage in enumerate(plan.spec.stages):
        for position, use in enumerate(stage.workflows):
            path = (*_STAGES, index, "workflows", position)
            yield path, f"stage[{index}] '{stage.name}' workflow[{position}]", use


def workflow_key(plan: DRPlan, use: StageWorkflow) -> Key:
    """Namespace and name of the workflow that a use refers to."""
    return use.workflow_ref.namespace or key_of(plan)[0], use.workflow_ref.name


def workflow_name_missing(plan: DRPlan, _: Context) -> Iterator[Violation]:
    """A use names its workflow."""
    for path, label, use in _uses(plan):
        if not use.workflow_ref.name:
            yield error(plan, (*path, "workflowRef", "name"), f"{label}: workflowRef.name is required")


def workflow_not_found(plan: DRPlan, context: Context) -> Iterator[Violation]:
    """The workflow should be there; a plan may arrive before it."""
    for path, label, use in _uses(plan):
        namespace, name = workflow_key(plan, use)
        exists = (namespace, name) in context.workflows or ObjectRef(
            KIND_WORKFLOW, namespace, name
        ) in context.unreadable
        if name and not exists:
            message = f"{label}: workflow {namespace}/{name} not found"
            yield warning(plan, (*path, "workflowRef", "name"), message)


def workflow_not_ready(plan: DRPlan, context: Context) -> Iterator[Violation]:
    """The workflow should be Ready; in files the status is seldom there, and its absence means nothing."""
    for path, label, use in _uses(plan):
        key = workflow_key(plan, use)
        workflow = context.workflows.get(key)
        if workflow is None:
            continue
        phase = workflow.status.phase if workflow.status is not None else None
        if phase is not WorkflowPhase.READY and (phase is not None or context.live):
            message = f"{label}: workflow {key[0]}/{key[1]} is not ready (phase={phase or ''})"
            yield warning(plan, (*path, "workflowRef", "name"), message)


def workflow_not_shared(plan: DRPlan, context: Context) -> Iterator[Violation]:
    """A workflow of another namespace should say that it may be used from this one."""
    namespace = key_of(plan)[0]
    for path, label, use in _uses(plan):
        key = workflow_key(plan, use)
        workflow = context.workflows.get(key)
        if workflow is None or key[0] == namespace:
            continue
        shared = (workflow.metadata.annotations.get(ANNOTATION_SHARED_WITH) or "").replace(",", " ").split()
        if "*" not in shared and namespace not in shared:
            message = (
                f"{label}: workflow {key[0]}/{key[1]} is of another namespace and its annotation "
                f'{ANNOTATION_SHARED_WITH} does not name "{namespace}"'
            )
            yield warning(plan, (*path, "workflowRef", "namespace"), message)


def stage_dependencies(plan: DRPlan, _: Context) -> Iterator[Violation]:
    """Stages depend on other stages of the plan."""
    names = {stage.name for stage in plan.spec.stages}
    for index, stage in enumerate(plan.spec.stages):
        for position, dependency in enumerate(stage.depends_on):
            path, name = (*_STAGES, index, "dependsOn", position), dependency.strip()
            if name not in names:
                message = f"stage[{index}] '{stage.name}': depends on non-existent stage '{name}'"
                yield error(plan, path, message)
            elif name == stage.name:
                yield error(plan, path, f"stage[{index}] '{stage.name}': cannot depend on itself")


def stage_cycle(plan: DRPlan, _: Context) -> Iterator[Violation]:
    """Stages do not wait for each other in a circle."""
    stages = plan.spec.stages
    names = [stage.name for stage in stages]
    found = order.cycle(order.edges(names, [stage.depends_on for stage in stages]))
    if found is not None:
        shown = " ".join(names[index] for index in found)
        path = (*_STAGES, found[0], "dependsOn")
        yield error(plan, path, f"cycle detected in stage dependencies: [{shown}]")


def global_parameters(plan: DRPlan, _: Context) -> Iterator[Violation]:
    """Entries of `globalParams`."""
    for path, message, severity in findings(plan.spec.global_params, _GLOBAL):
        yield Violation(ref_of(plan), ("spec", "globalParams", *path), message, severity)


def stage_parameters(plan: DRPlan, _: Context) -> Iterator[Violation]:
    """Entries of `params` of the uses of workflows."""
    for place, label, use in _uses(plan):
        wording = Wording(f"{label}.params", reads_objects=False)
        for path, message, severity in findings(use.params, wording):
            yield Violation(ref_of(plan), (*place, "params", *path), message, severity)


def changed_while_executing(plan: DRPlan, context: Context) -> Iterator[Violation]:
    """A change of a plan does not reach an execution that runs already."""
    if context.live and plan.status is not None and plan.status.current_execution is not None:
        message = "Plan is currently being executed, changes may not take effect until next execution"
        yield Violation(ref_of(plan), (), message, Severity.WARNING)


RULES: tuple[Rule[DRPlan], ...] = (
    *metadata.RULES,
    no_stages,
    stage_names,
    stage_without_workflows,
    pointless_parallel,
    workflow_name_missing,
    workflow_not_found,
    workflow_not_ready,
    workflow_not_shared,
    stage_dependencies,
    stage_cycle,
    global_parameters,
    stage_parameters,
    changed_while_executing,
)
