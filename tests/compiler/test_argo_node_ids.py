"""Node ids as Argo makes them, and names under which none collide."""

from __future__ import annotations

import pytest

from compiler.argo import ExecutionRef, compile_workflow
from compiler.argo.lint import lint
from compiler.argo.node_ids import collides, fnv1a, free_name, node_ids
from compiler.model.phases import WorkflowFailurePolicy
from compiler.problems import InternalError
from support.graphs import graph, stage, use

# Two names of actions that give two containers of the execution below the same node id.
EXECUTION = ExecutionRef("pay-execute-1", "uid-1")
COLLIDING = ("copy-south-cold", "db-new-dns")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pipeline-jndha0-scacfg.main-3", 2220851766),
        ("test-workflow-kqxvv.onExit[0]", 113404891),
        ("custom-job-thbh7[0]", 1277661780),
        ("custom-job-thbh7[0].custom-job[0].custom-job-main", 1277661780),
    ],
)
def test_ids_are_those_of_real_workflows(name: str, expected: int) -> None:
    assert fnv1a(name) == expected


def test_the_hash_of_a_name_can_go_on_from_that_of_its_start() -> None:
    assert fnv1a(".w-1-mysql", fnv1a("pay-x-1a2b3c4d-e1.s-1-db")) == fnv1a("pay-x-1a2b3c4d-e1.s-1-db.w-1-mysql")


def test_every_node_of_every_attempt_has_its_id() -> None:
    spec = compile_workflow(graph(stage(use("check", "promote")))).workflow["spec"]
    lane = "wf.s-1-db.w-1-mysql"
    expected = ["wf.s-1-db", lane]
    for attempt in range(3):
        expected.append(f"{lane}({attempt})")
        expected += [f"{lane}({attempt}).{name}" for name in ("main", "a-1-check", "a-2-promote")]

    assert list(node_ids("wf", spec)) == [fnv1a(name) for name in expected]


def test_lanes_of_a_chain_and_the_dags_around_them_are_nodes_too() -> None:
    long = use(*(f"step-{index}" for index in range(20)), policy=WorkflowFailurePolicy.CONTINUE)
    ids = set(node_ids("wf", compile_workflow(graph(stage(long))).workflow["spec"]))

    for name in ("l-1", "l-1.l-1", "l-1.l-1(2).a-16-step-15", "l-2", "l-2(0).a-17-step-16"):
        assert fnv1a(f"wf.s-1-db.w-1-mysql.{name}") in ids


def test_names_that_collide_under_the_plain_name_get_a_letter() -> None:
    plain = compile_workflow(graph(stage(use(*COLLIDING[:1]))), execution=EXECUTION)
    compiled = compile_workflow(graph(stage(use(*COLLIDING))), execution=EXECUTION)

    assert collides(plain.name, compiled.workflow["spec"])
    assert compiled.name == f"{plain.name}a"
    assert lint(compiled.workflow) == []


def test_lint_finds_a_collision() -> None:
    compiled = compile_workflow(graph(stage(use(*COLLIDING))), execution=EXECUTION)
    compiled.workflow["metadata"]["name"] = compiled.name.removesuffix("a")

    assert lint(compiled.workflow) == [
        f'metadata.name: under the name "{compiled.name.removesuffix("a")}" two nodes have the same id'
    ]


def test_when_no_letter_helps_the_error_says_what_to_do() -> None:
    spec = compile_workflow(graph(stage(use(*COLLIDING))), execution=EXECUTION).workflow["spec"]
    plain = compile_workflow(graph(stage(use(*COLLIDING[:1]))), execution=EXECUTION).name

    with pytest.raises(InternalError, match="give the execution another name"):
        free_name(spec, lambda suffix: plain)
