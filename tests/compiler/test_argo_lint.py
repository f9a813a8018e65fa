"""Lint of compiled Workflows: each thing that is wrong is found, and named with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from compiler.argo import compile_template, compile_workflow
from compiler.argo.fields import WORKFLOW, Shape
from compiler.argo.lint import lint
from compiler.graph.tree import SecretRef
from compiler.model.phases import PlanFailurePolicy, WorkflowFailurePolicy
from support.graphs import action, graph, stage, use

SECRET = SecretRef("token", "value", "DRPLAN_SECRET_1")


def compiled() -> dict[str, Any]:
    made = graph(
        stage(use("check", action("promote", secrets=[SECRET])), use("x", name="cache"), name="db"),
        stage(use(*(f"step-{index}" for index in range(20)), policy=WorkflowFailurePolicy.CONTINUE), name="app"),
        policy=PlanFailurePolicy.CONTINUE,
    )
    return compile_workflow(made).workflow


def generic() -> dict[str, Any]:
    return compile_workflow(graph(stage(use(action("big", block={"body": "x" * 20_000}))))).workflow


def template(workflow: dict[str, Any], name: str) -> dict[str, Any]:
    return next(template for template in workflow["spec"]["templates"] if template["name"] == name)


def task(workflow: dict[str, Any], name: str, index: int) -> dict[str, Any]:
    found: dict[str, Any] = template(workflow, name)["dag"]["tasks"][index]
    return found


def test_what_the_compiler_makes_is_clean() -> None:
    assert lint(compiled()) == []
    assert lint(generic()) == []
    assert lint(compile_template(graph(stage(use("x")))).workflow) == []


def rename_task(workflow: dict[str, Any], name: str) -> None:
    dag = template(workflow, "plan")["dag"]
    dag["tasks"][1]["name"] = name
    dag["target"] = f"s-1-db {name}"


BREAKAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "unknown field": (
        lambda w: task(w, "plan", 1).update(depnds="x"),
        "spec.templates[0].dag.tasks[1].depnds: no field that Argo 3.7 and 4.x both know",
    ),
    "field of 4.1 only": (
        lambda w: w["spec"]["templates"][0].update(pendingTimeout="5m"),
        "spec.templates[0].pendingTimeout: no field that Argo 3.7 and 4.x both know",
    ),
    "field that Argo knows and we never set": (
        lambda w: template(w, "plan").update(failFast=True),
        "spec.templates[0].failFast: no field that Argo 3.7 and 4.x both know",
    ),
    "long name": (
        lambda w: w["metadata"].update(name="x" * 58),
        f'metadata.name: "{"x" * 58}" must be a DNS name of at most 57 characters',
    ),
    "upper case": (
        lambda w: w["metadata"].update(name="Pay"),
        'metadata.name: "Pay" must be a DNS name of at most 57 characters',
    ),
    "entry point": (lambda w: w["spec"].update(entrypoint="main"), 'entrypoint: there is no template "main"'),
    "template of a task": (
        lambda w: task(w, "plan", 1).update(template="nosuch"),
        'templates.plan.tasks.s-2-app: there is no template "nosuch"',
    ),
    "dependency": (
        lambda w: task(w, "plan", 1).update(depends="zz.Succeeded"),
        'templates.plan.tasks.s-2-app: depends on "zz", which is no task here',
    ),
    "result": (
        lambda w: task(w, "plan", 1).update(depends="s-1-db.Done"),
        'templates.plan.tasks.s-2-app: depends on "s-1-db.Done", which is no result',
    ),
    "circle": (
        lambda w: task(w, "plan", 0).update(depends="s-2-app.Succeeded"),
        "templates.plan.tasks: s-1-db → s-2-app → s-1-db wait for each other in a circle",
    ),
    "templates in a circle": (
        lambda w: task(w, "s-2", 0).update(template="plan"),
        "templates: plan → s-2 → plan call each other in a circle",
    ),
    "target": (
        lambda w: template(w, "plan")["dag"].update(target="s-2-app"),
        "templates.plan.tasks: target must name all tasks, in their order",
    ),
    "task twice": (
        lambda w: task(w, "plan", 1).update(name="s-1-db"),
        'templates.plan.tasks: "s-1-db" is there twice',
    ),
    "template twice": (
        lambda w: w["spec"]["templates"].append(template(w, "s-1")),
        'templates: "s-1" is there twice',
    ),
    "reserved word": (
        lambda w: rename_task(w, "in"),
        "templates.plan.tasks.in: no name for a task; it must begin with a letter and be no reserved word",
    ),
    "digit": (
        lambda w: rename_task(w, "1a"),
        "templates.plan.tasks.1a: no name for a task; it must begin with a letter and be no reserved word",
    ),
    "empty DAG": (
        lambda w: template(w, "w-1-1")["dag"].update(tasks=[]),
        "templates.w-1-1.tasks: must not be empty",
    ),
    "input that is not known": (
        lambda w: template(w, "w-1-2")["containerSet"]["containers"][0]["args"].append("{{inputs.parameters.k}}"),
        "templates.w-1-2: {{inputs.parameters.k}} cannot be resolved",
    ),
    "text that Argo would interpret": (
        lambda w: template(w, "w-1-2")["containerSet"]["containers"][0]["args"].append("{{=1+1}}"),
        "templates.w-1-2: {{=1+1}} cannot be resolved",
    ),
    "container twice": (
        lambda w: template(w, "w-1-2")["containerSet"]["containers"][1].update(name="main"),
        'templates.w-1-2.containers: "main" is there twice',
    ),
    "container's name": (
        lambda w: template(w, "w-1-2")["containerSet"]["containers"][1].update(name="a_1"),
        "templates.w-1-2.containers.a_1: no name for a container",
    ),
    "nobody to hand over the result": (
        lambda w: template(w, "w-1-2")["containerSet"]["containers"].pop(0),
        'templates.w-1-2: outputs need a container named "main"',
    ),
    "volume": (
        lambda w: w["spec"]["volumes"].pop(0),
        'templates.w-1-2: there is no volume "lane"',
    ),
    "left-over template": (
        lambda w: w["spec"]["templates"].append({**template(w, "w-1-2"), "name": "spare"}),
        "templates.spare: nothing calls it",
    ),
    "neither dag nor lane": (
        lambda w: template(w, "w-1-2").pop("containerSet"),
        "templates.w-1-2: must be a dag or a containerSet",
    ),
    "size": (
        lambda w: w["metadata"]["annotations"].update(note="x" * (1024 * 1024)),
        "bytes, Argo takes 1048576",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_lint_finds(name: str) -> None:
    workflow = compiled()
    damage, expected = BREAKAGES[name]
    damage(workflow)

    assert any(problem.endswith(expected) for problem in lint(workflow)), lint(workflow)


def test_lint_finds_an_input_that_is_not_given_and_one_that_nobody_asked_for() -> None:
    workflow = generic()
    task(workflow, "s-1", 0)["arguments"]["parameters"][0]["name"] = "q"

    assert lint(workflow) == [
        'templates.s-1.tasks.w-1-mysql: input "p" of template "lane-1" is not given',
        'templates.s-1.tasks.w-1-mysql: template "lane-1" has no input "q"',
    ]


def missing(shape: Shape, model: Any, place: str) -> Iterator[str]:
    """Fields of a shape that a model does not have."""
    for name, inner in shape.items():
        found = {field.alias or attribute: field for attribute, field in model.model_fields.items()}.get(name)
        if found is None:
            yield f"{place}.{name}"
        elif inner:
            yield from missing(inner, model_of(found.annotation), f"{place}.{name}")


def model_of(annotation: Any) -> Any:
    """The model in an annotation such as `list[X] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model_of, get_args(annotation))), None)


def test_every_field_of_the_frozen_list_is_one_of_argos() -> None:
    from hera.workflows import models

    assert list(missing(WORKFLOW, models.Workflow, "workflow")) == []


def used(value: Any, shape: Shape, place: str = "") -> Iterator[str]:
    """Fields of a shape that a value has."""
    if isinstance(value, Mapping) and shape:
        for name, inner in value.items():
            yield f"{place}.{name}"
            yield from used(inner, shape[name], f"{place}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from used(item, shape, place)


def every(shape: Shape, place: str = "") -> Iterator[str]:
    for name, inner in shape.items():
        yield f"{place}.{name}"
        yield from every(inner, f"{place}.{name}")


def test_the_frozen_list_holds_no_field_that_the_compiler_does_not_use() -> None:
    objects = [compiled(), generic(), compile_template(graph(stage(use("x")))).workflow]
    seen = {field for workflow in objects for field in used(workflow, WORKFLOW)}
    # Parameters, volumes and metadata are described once for all places, so some combinations are never used.
    shared = re.compile(r"\.(parameters|volumes|\w*[mM]etadata)\.")
    unused = {field for field in every(WORKFLOW) if field not in seen and not shared.search(field)}

    assert unused == {".spec.templates.containerSet.containers.env.value"}
