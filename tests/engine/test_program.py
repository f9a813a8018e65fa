"""Reading a compiled Workflow: what the compiler emits is understood, everything else refused with its place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.argo import ExecutionRef, compile_workflow
from compiler.graph import build
from drplan.engine.errors import UnknownForm
from drplan.engine.program import Branch, Lane, read_program
from support.plans import http, plan, snapshot, stage, workflow

GOLDEN = Path(__file__).parent.parent / "golden" / "valid"


def compiled(*stages: dict, workflows: list[dict], **fields: Any) -> dict[str, Any]:
    graph = build(snapshot(plan(*stages, **fields), *workflows))
    return compile_workflow(graph, execution=ExecutionRef("pay-1", "uid-1")).workflow


def example() -> dict[str, Any]:
    token = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "pay-api", "key": "token"}}}
    long = [http(f"act-{k}") for k in range(1, 19)]
    asking = http("ask", headers={"Authorization": "$(params.token)"})
    return compiled(
        stage("one", "a", "b", failurePolicy="Continue"),
        stage("two", "a"),
        workflows=[workflow("a", asking, http("tell")), workflow("b", *long)],
        globalParams=[token],
    )


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/workflow.yaml")), ids=lambda path: path.parent.name)
def test_whatever_the_compiler_emits_is_understood(path: Path) -> None:
    manifest = list(yaml.safe_load_all(path.read_text()))[-1]
    program = read_program(manifest)
    containers = [container for lane in program.lanes() for container in lane.containers]
    assert sum(container.closes for container in containers) == len(list(program.lanes()))
    assert not [argument for container in containers for argument in container.args if "{{" in argument]


def test_lanes_have_the_names_that_their_nodes_will_have() -> None:
    manifest = example()
    name = manifest["metadata"]["name"]
    lanes = {lane.node.removeprefix(name): lane for lane in read_program(manifest).lanes()}
    assert list(lanes) == [
        ".s-1-one.w-1-a.l-1",
        ".s-1-one.w-2-b.l-1",
        ".s-1-one.w-2-b.l-2",
        ".s-2-two.w-1-a",
    ]
    chain = lanes[".s-1-one.w-2-b.l-2"]
    assert [container.key for container in chain.containers] == ["s1.w2", "s1.w2.a17", "s1.w2.a18"]
    assert chain.attempt(1) == f"{name}.s-1-one.w-2-b.l-2(1)"


def test_policies_become_targets_and_dependencies() -> None:
    root = read_program(example()).root
    first = root.tasks[0].body
    assert isinstance(first, Branch)
    assert first.targets == ("w-1-a", "w-2-b")
    assert first.tasks[1].depends is not None
    assert first.tasks[1].depends.tasks == ("w-1-a",)
    assert root.targets == ("s-2-two",)


def test_only_the_container_that_needs_a_secret_gets_it() -> None:
    program = read_program(example())
    holders = {container.key: container.secrets for lane in program.lanes() for container in lane.containers}
    assert {key for key, secrets in holders.items() if secrets} == {"s1.w1.a1", "s2.w1.a1"}
    assert {(secret.secret, secret.key) for secret in program.secrets()} == {("pay-api", "token")}


def test_inputs_reach_arguments_and_specs_of_generic_lanes() -> None:
    body = "x" * 20_000
    manifest = compiled(
        stage("one", "a", "a"), workflows=[workflow("a", http("act", method="POST", body=body), http("b"))]
    )
    lanes = list(read_program(manifest).lanes())
    assert [lane.containers[1].args for lane in lanes] == [
        ("s1.w1.a1", "--spec-ref=a1"),
        ("s1.w2.a1", "--spec-ref=a1"),
    ]
    assert [lane.specs and lane.specs.rsplit("-", 1)[-1] for lane in lanes] == ["s1.w1", "s1.w2"]
    assert lanes[0].inputs == {"p": "s1.w1"}


def template(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in manifest["spec"]["templates"] if each["name"] == name)


def lane(manifest: dict[str, Any]) -> dict[str, Any]:
    return template(manifest, "w-2-1")


def dag(manifest: dict[str, Any]) -> dict[str, Any]:
    return template(manifest, "s-1")["dag"]


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    return lane(manifest)["containerSet"]["containers"][1]


FORMS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "an exit handler": (lambda m: m["spec"].update(onExit="plan"), "spec: field onExit is not known"),
    "a deadline": (lambda m: m["spec"].update(activeDeadlineSeconds=5), "field activeDeadlineSeconds is not known"),
    "a template reference": (
        lambda m: m["spec"].update(workflowTemplateRef={"name": "x"}),
        "field workflowTemplateRef is not known",
    ),
    "a lost parameter": (lambda m: m["spec"]["arguments"].clear(), "parameter run is missing"),
    "a script": (lambda m: lane(m).update(script={"image": "x"}), "template w-2-1: field script is not known"),
    "steps": (lambda m: template(m, "s-1").update(steps=[[]]), "template s-1: field steps is not known"),
    "a hook of a task": (lambda m: dag(m)["tasks"][0].update(hooks={}), "tasks.w-1-a: field hooks is not known"),
    "a condition of a task": (
        lambda m: dag(m)["tasks"][0].update(when="1 == 1"),
        "template s-1.dag.tasks.w-1-a: field when is not known",
    ),
    "a loop": (lambda m: dag(m)["tasks"][0].update(withItems=[1]), "field withItems is not known"),
    "dependencies": (lambda m: dag(m)["tasks"][1].update(dependencies=["w-1-a"]), "field dependencies is not known"),
    "a bare name in depends": (lambda m: dag(m)["tasks"][1].update(depends="w-1-a"), "expected `task.Result`"),
    "a task that does not exist": (
        lambda m: dag(m)["tasks"][1].update(depends="w-9.Succeeded"),
        "task w-2-b depends on w-9, which does not exist",
    ),
    "tasks in a circle": (
        lambda m: dag(m)["tasks"][0].update(depends="w-2-b.Succeeded"),
        "tasks w-1-a, w-2-b depend on each other",
    ),
    "a target that is not everything": (lambda m: dag(m).update(target="w-1-a"), "dag.target must name all tasks"),
    "a template that does not exist": (
        lambda m: dag(m)["tasks"][0].update(template="nowhere"),
        "there is no template nowhere",
    ),
    "retries of a DAG": (
        lambda m: template(m, "s-1").update(retryStrategy={"limit": 1}),
        "template s-1: retryStrategy of a DAG is not known",
    ),
    "back-off": (lambda m: lane(m)["retryStrategy"].update(backoff={}), "retryStrategy.backoff is not known"),
    "container dependencies": (
        lambda m: container(m).update(dependencies=["main"]),
        "containers.a-1-ask: field dependencies is not known",
    ),
    "a reference at run time": (
        lambda m: container(m)["args"].append("{{tasks.x.outputs.result}}"),
        "{{tasks.x.outputs.result}} cannot be resolved",
    ),
    "another source of a variable": (
        lambda m: container(m).update(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {}}}]),
        "the source of variable A is not known",
    ),
    "a container without a key": (lambda m: container(m).update(args=["--help"]), "its first argument must be a key"),
    "another output": (lambda m: lane(m)["outputs"]["parameters"].clear(), "its one output must be result"),
    "an input that nobody gives": (
        lambda m: lane(m).update(inputs={"parameters": [{"name": "p"}]}),
        "template w-2-1: input p is not given",
    ),
    "a lane as entry point": (
        lambda m: m["spec"].update(entrypoint="w-2-1"),
        "template w-2-1: the entry point must be a DAG",
    ),
}


@pytest.mark.parametrize(("change", "problem"), FORMS.values(), ids=FORMS.keys())
def test_every_other_form_is_refused_with_its_place(change: Callable[[dict[str, Any]], Any], problem: str) -> None:
    manifest = copy.deepcopy(example())
    change(manifest)
    with pytest.raises(UnknownForm) as refusal:
        read_program(manifest)
    assert problem in str(refusal.value)
    assert "runs only what this compiler emits" in str(refusal.value)


def test_the_grace_period_is_that_of_the_pods() -> None:
    manifest = example()
    manifest["spec"]["podSpecPatch"] = '{"terminationGracePeriodSeconds": 7}'
    assert read_program(manifest).grace == 7
    assert isinstance(next(read_program(manifest).lanes()), Lane)
