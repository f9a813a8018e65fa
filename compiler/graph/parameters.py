"""Parameters: which value each has for one use of a workflow, and what is wrong with them.

Precedence, low to high: `default` of the workflow, `globalParams` of the plan, `params` of the stage, `params` of the
execution; of the latter three `value`, else `default`. A value is text; a declared type is checked. `mode` is reserved:
it is set by `spec.mode` of the execution, and `$(params.mode)` is another way to write `$(mode)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.graph.facts import known_names
from compiler.graph.snapshot import Snapshot, WorkflowId, workflow_ref
from compiler.model.names import KIND_EXECUTION, PARAMETER_NAME
from compiler.model.parameters import Parameter
from compiler.model.phases import ParameterSource, ParameterType
from compiler.model.workflow import DRWorkflow
from compiler.problems import ObjectRef, Path, Severity, Violation

RESERVED_MODE = "mode"
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")


@dataclass(frozen=True, slots=True)
class Secret:
    """A key of a Secret, as the value of a parameter."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a parameter.

    Attributes:
        content: text, or the Secret that holds it.
        source: where it came from.
        ref: the object that gave it.
        path: where in that object.
    """

    content: str | Secret
    source: ParameterSource
    ref: ObjectRef
    path: Path


def parameter_id(source: ParameterSource, name: str) -> str:
    """Key of `Snapshot.manifest_values` for a parameter of the plan or of the execution."""
    return f"{source}/{name}"


@dataclass(frozen=True, slots=True)
class _Layer:
    source: ParameterSource
    ref: ObjectRef
    path: Path
    parameters: Sequence[Parameter]


def _layers(snapshot: Snapshot, use: tuple[int, int], key: WorkflowId, workflow: DRWorkflow) -> Iterator[_Layer]:
    stage, index = use
    reference = snapshot.plan.spec.stages[stage].workflows[index]
    defaults = workflow.spec.parameters or ()
    yield _Layer(ParameterSource.WORKFLOW_DEFAULT, workflow_ref(key), ("spec", "parameters"), defaults)
    yield _Layer(
        ParameterSource.PLAN, snapshot.plan_ref, ("spec", "globalParams"), snapshot.plan.spec.global_params or ()
    )
    yield _Layer(
        ParameterSource.STAGE,
        snapshot.plan_ref,
        ("spec", "stages", stage, "workflows", index, "params"),
        reference.params or (),
    )
    yield _Layer(ParameterSource.EXECUTION, execution_ref(snapshot), ("spec", "params"), snapshot.execution.params)


def execution_ref(snapshot: Snapshot) -> ObjectRef:
    """The execution, for messages."""
    return ObjectRef(KIND_EXECUTION, snapshot.execution.namespace, snapshot.execution.name)


def resolve(
    snapshot: Snapshot, use: tuple[int, int], key: WorkflowId, workflow: DRWorkflow
) -> tuple[dict[str, Value], list[Violation]]:
    """Resolve the parameters of one use of a workflow.

    Args:
        snapshot: the run.
        use: 0-based positions of the stage and of the use in it.
        key: namespace and name of the workflow.
        workflow: the workflow.

    Returns:
        Values by name, and what is wrong: values of the wrong type, required ones without a value, values that only a
        cluster can give.
    """
    values: dict[str, Value] = {}
    violations: list[Violation] = []
    unresolved: dict[str, Violation] = {}
    for layer in _layers(snapshot, use, key, workflow):
        for index, parameter in enumerate(layer.parameters):
            name, path = parameter.name, (*layer.path, index)
            content, problem = _content(parameter, layer, snapshot.manifest_values)
            if problem:
                unresolved[name] = Violation(layer.ref, path, problem)
            elif content is not None:
                values[name] = Value(content, layer.source, layer.ref, path)
                unresolved.pop(name, None)
    violations.extend(unresolved.values())
    if snapshot.execution.mode:
        values[RESERVED_MODE] = Value(
            snapshot.execution.mode, ParameterSource.EXECUTION, execution_ref(snapshot), ("spec", "mode")
        )
    violations.extend(_wrongly_typed(workflow, values))
    violations.extend(_required_without_value(snapshot, use, workflow, {*values, *unresolved}))
    return values, violations


def _content(
    parameter: Parameter, layer: _Layer, manifest_values: Mapping[str, str]
) -> tuple[str | Secret | None, str]:
    """Value of one entry, or the reason why it has none that can be had here."""
    source = parameter.value_from
    if source is not None and source.secret_key_ref is not None:
        return Secret(source.secret_key_ref.name, source.secret_key_ref.key), ""
    if source is not None and source.manifest_ref is not None:
        known = manifest_values.get(parameter_id(layer.source, parameter.name))
        if known is not None:
            return known, ""
        reference = source.manifest_ref
        return None, (
            f'parameter "{parameter.name}" takes its value from {reference.kind} {reference.name or ""}'.rstrip()
            + f" in the cluster; without one give it a value: -p {parameter.name}=…"
        )
    if parameter.value is None or layer.source is ParameterSource.WORKFLOW_DEFAULT:
        return parameter.default, ""
    return parameter.value, ""


def _wrongly_typed(workflow: DRWorkflow, values: Mapping[str, Value]) -> Iterator[Violation]:
    for parameter in workflow.spec.parameters or ():
        value = values.get(parameter.name)
        if value is None or not isinstance(value.content, str):
            continue
        problem = type_problem(value.content, parameter.type)
        if problem:
            yield Violation(value.ref, value.path, f'parameter "{parameter.name}": {problem}')


def type_problem(text: str, declared: ParameterType | None) -> str:
    """Say why a text is not of a declared type; empty when it is."""
    if declared is ParameterType.NUMBER and not _NUMBER.match(text):
        return f'"{text}" is not a number, as its declaration demands'
    if declared is ParameterType.BOOLEAN and text not in ("true", "false"):
        return f'"{text}" is neither true nor false, as its declaration demands'
    return ""


def _required_without_value(
    snapshot: Snapshot, use: tuple[int, int], workflow: DRWorkflow, known: Iterable[str]
) -> Iterator[Violation]:
    present = set(known)
    stage, index = use
    path = ("spec", "stages", stage, "workflows", index)
    for parameter in workflow.spec.parameters or ():
        if parameter.required and parameter.name not in present:
            yield Violation(
                snapshot.plan_ref,
                path,
                f'parameter "{parameter.name}" of workflow {workflow.metadata.name} is required and has no value; '
                "set it in the stage, in globalParams or in the execution",
            )


def unknown(snapshot: Snapshot) -> list[Violation]:
    """Parameters that nothing declares or uses: an error in the execution, a warning elsewhere.

    Nothing is said while a workflow of the plan is missing, because it might use them.
    """
    plan = snapshot.plan
    everywhere: set[str] = set()
    violations: list[Violation] = []
    for stage_index, stage in enumerate(plan.spec.stages):
        for index, use in enumerate(stage.workflows):
            key = (use.workflow_ref.namespace or snapshot.namespace, use.workflow_ref.name)
            workflow = snapshot.workflows.get(key)
            if workflow is None:
                return []
            names = known_names(workflow)
            everywhere |= names
            path: Path = ("spec", "stages", stage_index, "workflows", index, "params")
            for position, parameter in enumerate(use.params or ()):
                if parameter.name not in names and PARAMETER_NAME.match(parameter.name):
                    violations.append(_unknown(snapshot.plan_ref, (*path, position), parameter, Severity.WARNING))
    declared = {parameter.name for parameter in plan.spec.global_params or ()}
    for position, parameter in enumerate(plan.spec.global_params or ()):
        if parameter.name not in everywhere:
            violations.append(
                _unknown(snapshot.plan_ref, ("spec", "globalParams", position), parameter, Severity.WARNING)
            )
    for position, parameter in enumerate(snapshot.execution.params):
        if parameter.name not in everywhere | declared:
            violations.append(
                _unknown(execution_ref(snapshot), ("spec", "params", position), parameter, Severity.ERROR)
            )
    return violations


def _unknown(ref: ObjectRef, path: Path, parameter: Parameter, severity: Severity) -> Violation:
    message = f'parameter "{parameter.name}" is neither declared nor used by a workflow'
    return Violation(ref, path, message, severity)


def resolved_parameters(snapshot: Snapshot) -> list[dict[str, Any]]:
    """`status.resolvedParams`: what plan and execution set, sorted by name; never a Secret's value."""
    effective: dict[str, dict[str, Any]] = {}
    layers = (
        _Layer(ParameterSource.PLAN, snapshot.plan_ref, (), snapshot.plan.spec.global_params or ()),
        _Layer(ParameterSource.EXECUTION, execution_ref(snapshot), (), snapshot.execution.params),
    )
    for layer in layers:
        for parameter in layer.parameters:
            content, _ = _content(parameter, layer, snapshot.manifest_values)
            if isinstance(content, Secret):
                effective[parameter.name] = {
                    "name": parameter.name,
                    "secretKeyRef": {"name": content.name, "key": content.key},
                    "source": ParameterSource.SECRET,
                }
            elif content is not None:
                manifest = parameter.value_from is not None and parameter.value_from.manifest_ref is not None
                source = ParameterSource.MANIFEST if manifest else layer.source
                effective[parameter.name] = {"name": parameter.name, "value": content, "source": source}
    return [effective[name] for name in sorted(effective)]
