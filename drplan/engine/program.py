"""The program that a compiled Workflow is: nested DAGs whose leaves are lanes, fully expanded.

Reading it checks that the Workflow has only the forms that the compiler emits; everything else is refused by name, with
its place, before anything runs. Inputs of templates are put in, so that a lane knows the arguments of its containers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.model.names import CONTAINER_CLOSE, OUTPUT_RESULT, PARAMETER_RUN, SECRET_ENV_PREFIX, SPEC_MOUNT
from drplan.engine import depends, forms, retries
from drplan.engine.depends import Depends
from drplan.engine.errors import UnknownForm
from drplan.engine.retries import RetryStrategy

Template = Mapping[str, Any]

GRACE_PERIOD = 30.0
"""Seconds between SIGTERM and SIGKILL where the Workflow does not say it (Kubernetes' default)."""

_REFERENCE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_INPUT = "inputs.parameters."
_WORKFLOW_PARAMETER = "workflow.parameters."


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key of a Secret that a container gets as an environment variable."""

    variable: str
    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a lane.

    Attributes:
        name: its name, `a-3-promote` or `main`.
        args: the runner's arguments.
        env: plain environment variables.
        secrets: variables whose values come from Secrets.
    """

    name: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    secrets: tuple[SecretKey, ...]

    @property
    def key(self) -> str:
        """What it is about: an action's key, or that of the workflow use that it closes."""
        return self.args[0]

    @property
    def closes(self) -> bool:
        """Whether it closes the lane."""
        return self.name == CONTAINER_CLOSE


@dataclass(frozen=True, slots=True)
class Lane:
    """A pod whose containers are the actions of a workflow use.

    Attributes:
        node: name of its node; with a retry strategy that of the Retry node, attempts add `(n)`.
        template: name of its template.
        inputs: the template's input parameters.
        containers: in the order of the Workflow.
        retry: when it is tried again.
        specs: name of the ConfigMap with the specs of its actions, None when they are inline.
        no_result: its output parameter `result` when it leaves none.
    """

    node: str
    template: str
    inputs: Mapping[str, str]
    containers: tuple[Container, ...]
    retry: RetryStrategy | None
    specs: str | None
    no_result: str | None = None

    def attempt(self, number: int) -> str:
        """Name of the Pod node of an attempt."""
        return self.node if self.retry is None else f"{self.node}({number})"


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a DAG.

    Attributes:
        name: its name.
        depends: what it waits for, None when it starts at once.
        body: what it runs.
    """

    name: str
    depends: Depends | None
    body: Branch | Lane


@dataclass(frozen=True, slots=True)
class Branch:
    """A DAG.

    Attributes:
        node: name of its node.
        template: name of its template.
        tasks: in an order in which each comes behind what it depends on.
        targets: the tasks that its phase comes from.
    """

    node: str
    template: str
    tasks: tuple[Task, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A whole Workflow.

    Attributes:
        workflow: its name.
        root: the entry point.
        run: value of the Workflow's parameter `run`.
        grace: seconds between SIGTERM and SIGKILL.
    """

    workflow: str
    root: Branch
    run: str
    grace: float

    def lanes(self) -> Iterator[Lane]:
        """All lanes, in order."""
        return _lanes(self.root)

    def secrets(self) -> list[SecretKey]:
        """The Secrets that its containers need, each once."""
        return list(
            dict.fromkeys(
                secret for lane in self.lanes() for container in lane.containers for secret in container.secrets
            )
        )


def read_program(workflow: Mapping[str, Any]) -> Program:
    """Read a compiled Workflow.

    Raises:
        UnknownForm: it has a form that the engine does not know; nothing can have started.
    """
    return _Reader(workflow).program()


def _lanes(branch: Branch) -> Iterator[Lane]:
    for task in branch.tasks:
        if isinstance(task.body, Lane):
            yield task.body
        else:
            yield from _lanes(task.body)


class _Reader:
    """Expands the templates of one Workflow from its entry point."""

    def __init__(self, workflow: Mapping[str, Any]) -> None:
        spec = workflow["spec"]
        forms.refuse_surplus(spec, forms.SPEC, "spec")
        self._name: str = workflow["metadata"]["name"]
        self._spec = spec
        self._templates: dict[str, Template] = {template["name"]: template for template in spec["templates"]}
        self._parameters = _values(spec.get("arguments", {}))
        if PARAMETER_RUN not in self._parameters:
            raise UnknownForm("spec.arguments", f"parameter {PARAMETER_RUN} is missing")

    def program(self) -> Program:
        entry = self._spec["entrypoint"]
        root = self._call(entry, self._name, {}, place="spec.entrypoint")
        if not isinstance(root, Branch):
            raise UnknownForm(f"template {entry}", "the entry point must be a DAG")
        return Program(self._name, root, self._parameters[PARAMETER_RUN], self._grace())

    def _grace(self) -> float:
        try:
            patch = json.loads(self._spec.get("podSpecPatch", "{}"))
            return float(patch.get("terminationGracePeriodSeconds", GRACE_PERIOD))
        except (ValueError, TypeError, AttributeError) as error:
            raise UnknownForm("spec.podSpecPatch", f"cannot be read ({error})") from error

    def _call(self, name: str, node: str, arguments: Mapping[str, str], *, place: str) -> Branch | Lane:
        template = self._templates.get(name)
        if template is None:
            raise UnknownForm(place, f"there is no template {name}")
        place = f"template {name}"
        forms.refuse_surplus(template, forms.TEMPLATE, place)
        inputs = self._inputs(template, arguments, place)
        if "dag" in template and "containerSet" not in template:
            return self._branch(template, node, inputs)
        if "containerSet" in template and "dag" not in template:
            return self._lane(template, node, inputs)
        raise UnknownForm(place, "must have either dag or containerSet")

    def _inputs(self, template: Template, arguments: Mapping[str, str], place: str) -> dict[str, str]:
        values: dict[str, str] = {}
        inputs = template.get("inputs", {})
        forms.refuse_surplus(inputs, forms.INPUTS, f"{place}.inputs")
        for parameter in inputs.get("parameters", ()):
            value = arguments.get(parameter["name"], parameter.get("value", parameter.get("default")))
            if value is None:
                raise UnknownForm(place, f"input {parameter['name']} is not given")
            values[parameter["name"]] = value
        return values

    # --- DAGs

    def _branch(self, template: Template, node: str, inputs: Mapping[str, str]) -> Branch:
        place = f"template {template['name']}"
        dag = template["dag"]
        forms.refuse_surplus(dag, forms.DAG, f"{place}.dag")
        if "retryStrategy" in template:
            raise UnknownForm(place, "retryStrategy of a DAG is not known")
        tasks = [self._task(task, node, inputs, place) for task in dag["tasks"]]
        names = [task.name for task in tasks]
        if len(set(names)) != len(names):
            raise UnknownForm(place, "two tasks have the same name")
        return Branch(node, template["name"], _in_order(tasks, place), _targets(dag, tasks, place))

    def _task(self, task: Mapping[str, Any], node: str, inputs: Mapping[str, str], place: str) -> Task:
        name = task["name"]
        place = f"{place}.dag.tasks.{name}"
        forms.refuse_surplus(task, forms.TASK, place)
        arguments = {
            parameter: self._text(value, inputs, place)
            for parameter, value in _values(task.get("arguments", {})).items()
        }
        try:
            wanted = depends.parse(task["depends"]) if task.get("depends") else None
        except ValueError as error:
            raise UnknownForm(place, str(error)) from None
        return Task(name, wanted, self._call(task["template"], f"{node}.{name}", arguments, place=place))

    # --- lanes

    def _lane(self, template: Template, node: str, inputs: Mapping[str, str]) -> Lane:
        place = f"template {template['name']}"
        containers = template["containerSet"]
        forms.refuse_surplus(containers, forms.CONTAINER_SET, f"{place}.containerSet")
        return Lane(
            node,
            template["name"],
            inputs,
            tuple(self._container(container, inputs, place) for container in containers["containers"]),
            self._retry(template, place),
            self._specs(template, inputs, place),
            _default_result(template, place),
        )

    def _retry(self, template: Template, place: str) -> RetryStrategy | None:
        if "retryStrategy" not in template:
            return None
        try:
            return retries.parse(template["retryStrategy"])
        except ValueError as error:
            raise UnknownForm(place, str(error)) from None

    def _container(self, container: Mapping[str, Any], inputs: Mapping[str, str], place: str) -> Container:
        place = f"{place}.containerSet.containers.{container['name']}"
        forms.refuse_surplus(container, forms.CONTAINER, place)
        args = tuple(self._text(argument, inputs, place) for argument in container.get("args", ()))
        if not args or args[0].startswith("-"):
            raise UnknownForm(place, "its first argument must be a key")
        plain: dict[str, str] = {}
        secrets: list[SecretKey] = []
        for variable in container.get("env", ()):
            if "valueFrom" in variable:
                secrets.append(_secret(variable, place))
            else:
                plain[variable["name"]] = self._text(variable.get("value", ""), inputs, place)
        return Container(container["name"], args, plain, tuple(secrets))

    def _specs(self, template: Template, inputs: Mapping[str, str], place: str) -> str | None:
        mounts = [
            mount
            for holder in (template["containerSet"], *template["containerSet"]["containers"])
            for mount in holder.get("volumeMounts", ())
            if mount["mountPath"] == SPEC_MOUNT
        ]
        if not mounts:
            return None
        volumes = {volume["name"]: volume for volume in (*self._spec.get("volumes", ()), *template.get("volumes", ()))}
        volume = volumes.get(mounts[0]["name"], {})
        if "configMap" not in volume:
            raise UnknownForm(place, f"volume {mounts[0]['name']} must be a ConfigMap")
        return self._text(volume["configMap"]["name"], inputs, place)

    def _text(self, text: str, inputs: Mapping[str, str], place: str) -> str:
        """Put inputs and workflow parameters into a text; every other reference is refused."""

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith(_INPUT) and name.removeprefix(_INPUT) in inputs:
                return inputs[name.removeprefix(_INPUT)]
            if name.startswith(_WORKFLOW_PARAMETER) and name.removeprefix(_WORKFLOW_PARAMETER) in self._parameters:
                return self._parameters[name.removeprefix(_WORKFLOW_PARAMETER)]
            raise UnknownForm(place, f"{match[0]} cannot be resolved")

        return _REFERENCE.sub(value, text)


def _values(arguments: Mapping[str, Any]) -> dict[str, str]:
    return {parameter["name"]: parameter.get("value", "") for parameter in arguments.get("parameters", ())}


def _default_result(template: Template, place: str) -> str | None:
    outputs = template.get("outputs", {}).get("parameters", [])
    if [parameter["name"] for parameter in outputs] != [OUTPUT_RESULT]:
        raise UnknownForm(place, f"its one output must be {OUTPUT_RESULT}")
    default: str | None = outputs[0]["valueFrom"].get("default")
    return default


def _secret(variable: Mapping[str, Any], place: str) -> SecretKey:
    source = variable["valueFrom"]
    if set(source) != {"secretKeyRef"} or not variable["name"].startswith(SECRET_ENV_PREFIX):
        raise UnknownForm(place, f"the source of variable {variable['name']} is not known")
    return SecretKey(variable["name"], source["secretKeyRef"]["name"], source["secretKeyRef"]["key"])


def _in_order(tasks: Sequence[Task], place: str) -> tuple[Task, ...]:
    """Tasks in listed order, but each behind what it depends on."""
    by_name = {task.name: task for task in tasks}
    placed: dict[str, Task] = {}
    waiting = list(tasks)
    while waiting:
        later: list[Task] = []
        for task in waiting:
            wanted = task.depends.tasks if task.depends else ()
            unknown = [name for name in wanted if name not in by_name]
            if unknown:
                raise UnknownForm(place, f"task {task.name} depends on {unknown[0]}, which does not exist")
            if all(name in placed for name in wanted):
                placed[task.name] = task
            else:
                later.append(task)
        if len(later) == len(waiting):
            raise UnknownForm(place, f"tasks {', '.join(task.name for task in later)} depend on each other")
        waiting = later
    return tuple(placed.values())


def _targets(dag: Mapping[str, Any], tasks: Sequence[Task], place: str) -> tuple[str, ...]:
    """The tasks of `dag.target`, which must be all; else, as in Argo, those on which no other task depends."""
    names = [task.name for task in tasks]
    if "target" in dag:
        if set(dag["target"].split()) != set(names):
            raise UnknownForm(place, "dag.target must name all tasks")
        return tuple(names)
    depended = {name for task in tasks if task.depends for name in task.depends.tasks}
    return tuple(name for name in names if name not in depended)
