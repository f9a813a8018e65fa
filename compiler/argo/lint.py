"""Lint of a compiled Workflow or WorkflowTemplate, offline: what Argo would refuse, and what it would not.

`argo lint` finds most of the first kind. The second is worse, because it shows during the failover: a task whose name
is an operator of Argo's expressions, two nodes with one id, a field that a version drops in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from compiler.argo.config import DEFAULT_WORKFLOW_BYTES
from compiler.argo.depends import ENDS
from compiler.argo.encoding import size
from compiler.argo.fields import unknown_fields
from compiler.argo.node_ids import collides
from compiler.graph.order import cycle
from compiler.model.names import CONTAINER_CLOSE, KIND_ARGO_WORKFLOW

LONGEST_NAME = 57
"""`argo resubmit` and `argo submit --from` append 6 characters, and Argo takes 63."""

RESERVED = frozenset(
    {
        "and",
        "or",
        "not",
        "in",
        "matches",
        "contains",
        "startsWith",
        "endsWith",
        "let",
        "if",
        "else",
        "nil",
        "true",
        "false",
    }
)
"""Words of Argo's expression language; `argo lint` lets tasks have them as names."""

_WORKFLOW_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")
_TASK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}\Z")
_CONTAINER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_OPERAND = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*)\.([A-Za-z]+)")
_REFERENCE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_KNOWN_REFERENCES = frozenset({"workflow.name", "workflow.uid", "workflow.namespace"})


def lint(workflow: Mapping[str, Any], *, limit: int = DEFAULT_WORKFLOW_BYTES) -> list[str]:
    """Say all that is wrong with a Workflow or a WorkflowTemplate; an empty list when nothing is.

    Args:
        workflow: the object, in the forms that the compiler emits.
        limit: most bytes that Argo takes.
    """
    unknown = list(unknown_fields(workflow))
    if unknown:
        return [f"{place}: no field that Argo 3.7 and 4.x both know" for place in unknown]
    problems = [*_lint_object(workflow, limit), *_lint_templates(workflow["spec"])]
    return problems or list(_lint_node_ids(workflow))


def _lint_object(workflow: Mapping[str, Any], limit: int) -> Iterator[str]:
    name = workflow["metadata"]["name"]
    if not _WORKFLOW_NAME.match(name) or len(name) > LONGEST_NAME:
        yield f'metadata.name: "{name}" must be a DNS name of at most {LONGEST_NAME} characters'
    taken = size(workflow)
    if taken > limit:
        yield f"the {workflow['kind']} has {taken} bytes, Argo takes {limit}"


def _lint_node_ids(workflow: Mapping[str, Any]) -> Iterator[str]:
    """Node ids of a WorkflowTemplate depend on the names that Argo gives to the Workflows that it makes of it."""
    name = workflow["metadata"]["name"]
    if workflow["kind"] == KIND_ARGO_WORKFLOW and collides(name, workflow["spec"]):
        yield f'metadata.name: under the name "{name}" two nodes have the same id'


def _lint_templates(spec: Mapping[str, Any]) -> Iterator[str]:
    templates = spec["templates"]
    yield from _repeated("templates", [template["name"] for template in templates])
    by_name = {template["name"]: template for template in templates}
    if spec["entrypoint"] not in by_name:
        yield f'entrypoint: there is no template "{spec["entrypoint"]}"'
    parameters = {f"workflow.parameters.{name}" for name in _names(spec.get("arguments", {}))}
    shared = {volume["name"] for volume in spec.get("volumes", ())}
    for template in templates:
        place = f"templates.{template['name']}"
        known = parameters | {f"inputs.parameters.{name}" for name in _names(template.get("inputs", {}))}
        yield from _lint_references(template, known, place)
        if "dag" in template:
            yield from _lint_dag(template["dag"], by_name, f"{place}.tasks")
        elif "containerSet" in template:
            yield from _lint_lane(template, shared, place)
        else:
            yield f"{place}: must be a dag or a containerSet"
    yield from _lint_calls(by_name, spec["entrypoint"])


def _lint_dag(dag: Mapping[str, Any], templates: Mapping[str, Any], place: str) -> Iterator[str]:
    names = [task["name"] for task in dag["tasks"]]
    if not names:
        yield f"{place}: must not be empty"
    yield from _repeated(place, names)
    index_of = {name: index for index, name in enumerate(names)}
    after: list[list[int]] = []
    for task in dag["tasks"]:
        name = task["name"]
        if not _TASK_NAME.match(name) or name in RESERVED:
            yield f"{place}.{name}: no name for a task; it must begin with a letter and be no reserved word"
        yield from _lint_call(task, templates, f"{place}.{name}")
        operands = _OPERAND.findall(task.get("depends", ""))
        for other, result in operands:
            if other not in index_of:
                yield f'{place}.{name}: depends on "{other}", which is no task here'
            if result not in ENDS:
                yield f'{place}.{name}: depends on "{other}.{result}", which is no result'
        after.append([index_of[other] for other, _ in dict.fromkeys(operands) if other in index_of])
    circle = cycle(after)
    if circle:
        yield f"{place}: {' → '.join(names[index] for index in circle)} wait for each other in a circle"
    if "target" in dag and dag["target"].split(" ") != names:
        yield f"{place}: target must name all tasks, in their order"


def _lint_call(task: Mapping[str, Any], templates: Mapping[str, Any], place: str) -> Iterator[str]:
    called = templates.get(task["template"])
    if called is None:
        yield f'{place}: there is no template "{task["template"]}"'
        return
    given = set(_names(task.get("arguments", {})))
    wanted = set(_names(called.get("inputs", {})))
    for name in sorted(wanted - given):
        yield f'{place}: input "{name}" of template "{called["name"]}" is not given'
    for name in sorted(given - wanted):
        yield f'{place}: template "{called["name"]}" has no input "{name}"'


def _lint_lane(template: Mapping[str, Any], shared: set[str], place: str) -> Iterator[str]:
    lane = template["containerSet"]
    names = [container["name"] for container in lane["containers"]]
    yield from _repeated(f"{place}.containers", names)
    for name in names:
        if not _CONTAINER_NAME.match(name):
            yield f"{place}.containers.{name}: no name for a container"
    if template.get("outputs") and CONTAINER_CLOSE not in names:
        yield f'{place}: outputs need a container named "{CONTAINER_CLOSE}"'
    own = {volume["name"] for volume in template.get("volumes", ())}
    for mount in lane["volumeMounts"]:
        if mount["name"] not in shared | own:
            yield f'{place}: there is no volume "{mount["name"]}"'


def _lint_references(template: Mapping[str, Any], known: set[str], place: str) -> Iterator[str]:
    for text in _texts(template):
        for reference in _REFERENCE.findall(text):
            if reference not in known and reference not in _KNOWN_REFERENCES:
                yield f"{place}: {{{{{reference}}}}} cannot be resolved"


def _lint_calls(templates: Mapping[str, Any], entrypoint: str) -> Iterator[str]:
    """No template may call itself, by whatever way, and none may be left over."""
    names = list(templates)
    index_of = {name: index for index, name in enumerate(names)}
    calls = [
        [index_of[task["template"]] for task in _tasks(templates[name]) if task["template"] in index_of]
        for name in names
    ]
    circle = cycle(calls)
    if circle:
        yield f"templates: {' → '.join(names[index] for index in circle)} call each other in a circle"
    called = {names[index] for indexes in calls for index in indexes} | {entrypoint}
    for name in names:
        if name not in called:
            yield f"templates.{name}: nothing calls it"


def _tasks(template: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    tasks: Sequence[Mapping[str, Any]] = template.get("dag", {}).get("tasks", ())
    return tasks


def _names(holder: Mapping[str, Any]) -> list[str]:
    return [parameter["name"] for parameter in holder.get("parameters", ())]


def _repeated(place: str, names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f'{place}: "{name}" is there twice'
        seen.add(name)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value:
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
