"""Parameters across objects: is every one that an action uses supplied, of the right type, and of a kind that may be?

A workflow alone may use what it does not declare: the plan can set it. With the plan at hand a name that neither
declares, sets or supplies is refused. What only an execution decides (its mode, its values) is judged when there is
one: its graph is built, and whatever refuses that is reported at the execution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from compiler.graph import conditions
from compiler.graph.parameters import RESERVED_MODE, Secret, Value, parameter_id, resolve, type_problem, unknown
from compiler.graph.snapshot import ExecutionInput, Snapshot, used_workflows
from compiler.graph.text import PlaceholderKind
from compiler.model.actions import Action
from compiler.model.execution import DRPlanExecution
from compiler.model.phases import ActionType, OperationType, ParameterSource, ParameterType
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from compiler.problems import Path, Severity, Violation
from compiler.rules.base import Context, error, key_of, ref_of, warning
from compiler.rules.plan import workflow_key
from compiler.rules.site import Site, block_placeholders, sites
from compiler.rules.words import dotted

_SECRET_PLACES = re.compile(r"(url|body|headers)\Z")
_STAND_INS = {ParameterType.BOOLEAN: "true"}
_STAND_IN = "0"


def undeclared_in_workflow(workflow: DRWorkflow, context: Context) -> Iterator[Violation]:
    """A workflow that no plan at hand uses should declare what its actions use."""
    key = key_of(workflow)
    if any(key in used_workflows(plan, context.workflows) for plan in context.plans.values()):
        return
    declared = {parameter.name for parameter in workflow.spec.parameters}
    for path, text, name in _used(workflow):
        if name not in declared:
            message = f'{text}: parameter "{name}" is not declared in spec.parameters; every plan must set it'
            yield warning(workflow, path, message)
            declared.add(name)


def undeclared_in_plan(plan: DRPlan, context: Context) -> Iterator[Violation]:
    """What an action uses is declared by its workflow, or set by the plan or by an execution.

    In a cluster that may be an execution which is still to come, and it is refused if it does not.
    """
    given = {*context.supplied, *(parameter.name for parameter in plan.spec.global_params)}
    for execution in executions_of(plan, context):
        given |= {parameter.name for parameter in execution.spec.params}
    for stage in plan.spec.stages:
        for use in stage.workflows:
            workflow = context.workflows.get(workflow_key(plan, use))
            if workflow is None:
                continue
            known = given | {parameter.name for parameter in (*workflow.spec.parameters, *use.params)}
            for path, text, name in _used(workflow):
                if name in known:
                    continue
                message = (
                    f'{text}: parameter "{name}" is declared and set nowhere; declare it in spec.parameters, or set it '
                    f'in stage "{stage.name}" or globalParams of plan {key_of(plan)[1]}'
                )
                if context.live:
                    yield warning(workflow, path, f"{message}, or in every execution")
                else:
                    is_condition = path[-1] == "when"
                    yield warning(workflow, path, message) if is_condition else error(workflow, path, message)


def _used(workflow: DRWorkflow) -> Iterator[tuple[Path, str, str]]:
    """Every use of a parameter in a workflow: its path, how it is written, and the name."""
    for site in sites(workflow):
        for path, found in block_placeholders(site):
            if found.kind is PlaceholderKind.PARAMETER and found.name != RESERVED_MODE:
                yield (*site.path, *path), f"{site.label}: {found.text}", found.name
        for name in _named_in_condition(site.action):
            yield (*site.path, "when"), f"{site.label}: when", name


def _named_in_condition(action: Action) -> list[str]:
    if not action.when or not action.when.strip():
        return []
    try:
        found = conditions.comparisons(conditions.parse(action.when))
    except ValueError:
        return []
    return [comparison.subject.partition(".")[2] for comparison in found if not comparison.of_mode]


def unknown_parameters(plan: DRPlan, context: Context) -> Iterator[Violation]:
    """A parameter that the plan sets should be used, or at least declared, by a workflow."""
    snapshot = _snapshot(plan, context)
    if snapshot is not None:
        yield from unknown(snapshot)


def values_unfit(plan: DRPlan, context: Context) -> Iterator[Violation]:
    """Values of the plan are of the declared types, and Secrets are used only where they stay secret."""
    snapshot = _snapshot(plan, context)
    if snapshot is None:
        return
    found: dict[Violation, None] = {}
    for position, stage in enumerate(plan.spec.stages):
        for index, use in enumerate(stage.workflows):
            key = workflow_key(plan, use)
            workflow = context.workflows.get(key)
            if workflow is not None:
                values, _ = resolve(snapshot, (position, index), key, workflow)
                found.update(dict.fromkeys(_wrongly_typed(workflow, values)))
                found.update(dict.fromkeys(_exposed_secrets(workflow, values)))
    yield from found


def _wrongly_typed(workflow: DRWorkflow, values: dict[str, Value]) -> Iterator[Violation]:
    for parameter in workflow.spec.parameters:
        value = values.get(parameter.name)
        own = value is not None and value.source is ParameterSource.WORKFLOW_DEFAULT
        if value is None or own or not isinstance(value.content, str):
            continue
        problem = type_problem(value.content, parameter.type)
        if problem:
            yield Violation(value.ref, value.path, f'parameter "{parameter.name}": {problem}')


def _exposed_secrets(workflow: DRWorkflow, values: dict[str, Value]) -> Iterator[Violation]:
    secrets = {name for name, value in values.items() if isinstance(value.content, Secret)}
    if not secrets:
        return
    for site in sites(workflow):
        for path, found in block_placeholders(site):
            named = found.kind is PlaceholderKind.PARAMETER and found.name in secrets
            if named and not _stays_secret(site, path):
                message = (
                    f'{site.label}: {found.text}: parameter "{found.name}" is a Secret, which only url, headers and '
                    "body of an HTTP action can take"
                )
                yield error(workflow, (*site.path, *path), message)


def _stays_secret(site: Site, path: Path) -> bool:
    return site.type is ActionType.HTTP and len(path) > 1 and _SECRET_PLACES.match(str(path[1])) is not None


def executions_of(plan: DRPlan, context: Context) -> list[DRPlanExecution]:
    """The executions at hand that run a plan forward."""
    namespace, name = key_of(plan)
    return [
        execution
        for key, execution in context.executions.items()
        if key[0] == namespace
        and execution.spec.plan_ref == name
        and execution.spec.operation_type is OperationType.EXECUTE
    ]


def mode_missing(execution: DRPlanExecution, context: Context) -> Iterator[Violation]:
    """A plan with actions that depend on the mode is executed in one; unknown parameters are refused as well."""
    snapshot = snapshot_of(execution, context)
    if snapshot is not None:
        from compiler.graph.forward import mode_violations

        yield from mode_violations(snapshot)
        yield from (found for found in unknown(snapshot) if found.severity is Severity.ERROR)


def refused(execution: DRPlanExecution, context: Context) -> Iterator[Violation]:
    """Say what refuses the graph of an execution whose objects keep all other rules."""
    snapshot = snapshot_of(execution, context)
    if snapshot is None:
        return
    from compiler.graph.forward import refusals

    for found in refusals(snapshot):
        if found.ref == ref_of(execution):
            yield found
        else:
            place = f"{found.ref} {dotted(found.path)}".rstrip()
            yield replace(found, ref=ref_of(execution), path=("spec",), message=f"{found.message} ({place})")


def snapshot_of(execution: DRPlanExecution, context: Context) -> Snapshot | None:
    """What an Execute would run; None when its plan or one of the workflows is not at hand."""
    plan = context.plans.get((key_of(execution)[0], execution.spec.plan_ref))
    if plan is None or execution.spec.operation_type is not OperationType.EXECUTE:
        return None
    snapshot = _snapshot(plan, context, execution)
    complete = snapshot is not None and all(
        workflow_key(plan, use) in snapshot.workflows for stage in plan.spec.stages for use in stage.workflows
    )
    return snapshot if complete else None


def _snapshot(plan: DRPlan, context: Context, execution: DRPlanExecution | None = None) -> Snapshot | None:
    if context.plans.get(key_of(plan)) is not plan:
        return None
    given = ExecutionInput(namespace=key_of(plan)[0]) if execution is None else ExecutionInput.of(execution)
    workflows = used_workflows(plan, context.workflows)
    types = {
        parameter.name: parameter.type for workflow in workflows.values() for parameter in workflow.spec.parameters
    }
    stand_ins = {
        parameter_id(source, parameter.name): _STAND_INS.get(types.get(parameter.name, ParameterType.STRING), _STAND_IN)
        for source, parameters in (
            (ParameterSource.PLAN, plan.spec.global_params),
            (ParameterSource.EXECUTION, given.params),
        )
        for parameter in parameters
        if parameter.value_from is not None and parameter.value_from.manifest_ref is not None
    }
    return Snapshot(plan=plan, workflows=workflows, execution=given, manifest_values=stand_ins)
