"""The two forms of lanes say the same: what each runner gets, and where in the Workflow it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from compiler.argo import Compiled, compile_workflow
from compiler.graph.tree import Graph, SecretRef
from compiler.model.names import position_of_task
from compiler.model.phases import OperationType, PlanFailurePolicy, WorkflowFailurePolicy
from support.graphs import SKIPPED, action, graph, stage, uniform, use

SECRET = SecretRef("pager", "token", "DRPLAN_SECRET_1")


class Told(NamedTuple):
    """What a container is told, whatever the form.

    Attributes:
        place: positions from the stage to the container.
        args: its arguments, without those that carry or name the spec.
        spec: the spec; empty when it closes a lane.
        env: its environment.
    """

    place: tuple[tuple[str, int] | None, ...]
    args: tuple[str, ...]
    spec: dict[str, Any]
    env: list[Any]


def told(compiled: Compiled) -> list[Told]:
    """What every container of a Workflow is told."""
    templates = {template["name"]: template for template in compiled.workflow["spec"]["templates"]}
    data = {config_map["metadata"]["name"]: config_map["data"] for config_map in compiled.config_maps}

    def inside(name: str, inputs: Mapping[str, str], path: tuple[str, ...]) -> Iterator[Told]:
        template = templates[name]
        for task in template.get("dag", {}).get("tasks", ()):
            given = {item["name"]: item["value"] for item in task.get("arguments", {}).get("parameters", ())}
            yield from inside(task["template"], given, (*path, task["name"]))
        for container in template.get("containerSet", {}).get("containers", ()):
            yield one(template, container, inputs, (*path, container["name"]))

    def one(
        template: Mapping[str, Any], container: Mapping[str, Any], inputs: Mapping[str, str], path: tuple[str, ...]
    ) -> Told:
        def put(text: str) -> str:
            return re.sub(r"\{\{inputs\.parameters\.(\w+)\}\}", lambda match: inputs[match[1]], text)

        spec: dict[str, Any] = {}
        kept = []
        for argument in map(put, container["args"]):
            if argument.startswith("--spec="):
                spec = json.loads(argument.removeprefix("--spec="))
            elif argument.startswith("--spec-ref="):
                (volume,) = template["volumes"]
                spec = json.loads(data[put(volume["configMap"]["name"])][argument.removeprefix("--spec-ref=")])
                if "undo" in spec:
                    kept.append(f"--undo={spec.pop('undo')}")
            elif not argument.startswith("--limit="):
                kept.append(argument)
        return Told(tuple(position_of_task(name) for name in path), tuple(kept), spec, container.get("env", []))

    return list(inside("plan", {}, ()))


GRAPHS = {
    "uniform": uniform(stages=2, uses=3, actions=4),
    "long": graph(stage(use(*(f"step-{index}" for index in range(40)))), stage(use("x"))),
    "continuing": graph(
        stage(
            use(*(f"step-{index}" for index in range(40)), policy=WorkflowFailurePolicy.CONTINUE),
            use("x", "y", name="cache"),
        ),
        stage(use("z")),
        policy=PlanFailurePolicy.CONTINUE,
    ),
    "gaps and secrets": graph(
        stage(use("check", action("no", decided=SKIPPED), action("page", secrets=[SECRET])), use("x", name="app"))
    ),
    "revert": graph(
        stage(use(action("freeze", hook=True), action("promote", undo="r-1"), action("check", undo="r-2"))),
        operation=OperationType.REVERT,
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_both_forms_tell_every_runner_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: Graph = GRAPHS[name]
    named = compile_workflow(made)
    monkeypatch.setattr("compiler.argo.compile.INLINE_WORKFLOW_BYTES", 0)
    generic = compile_workflow(made)

    assert not named.config_maps
    assert generic.config_maps
    assert told(generic) == told(named)


@pytest.mark.parametrize("name", GRAPHS)
def test_every_live_action_is_told_its_own_spec_once(name: str) -> None:
    specs = {entry.args[0]: entry.spec for entry in told(compile_workflow(GRAPHS[name])) if entry.spec}

    assert {key: {**spec, "earlier": None} for key, spec in specs.items()} == {
        action.key: {**action.spec, "earlier": None} for action in GRAPHS[name].actions() if action.live
    }
