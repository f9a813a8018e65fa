"""Which DAGs are guarded against a failure that turns green, and what that asks of the lanes in them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.argo import compile_workflow
from compiler.argo.layout import Layout, UseLayout, lay_out
from compiler.graph.tree import Graph
from compiler.model.phases import PlanFailurePolicy, StageFailurePolicy, WorkflowFailurePolicy
from compiler.problems import InternalError, NothingToRun
from support.graphs import SKIPPED, StageDraft, action, graph, stage, use

COMPILED = settings(deadline=None, max_examples=40)
FORTY = [f"step-{index}" for index in range(40)]


def only_stage(*uses: object, **fields: object) -> Layout:
    return lay_out(graph(stage(*uses, **fields)))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A plan of a few stages in any order, with every policy, short and long workflows."""
    count = draw(st.integers(1, 4))
    edges = draw(st.booleans())
    drafts: list[StageDraft] = []
    for index in range(count):
        before = [f"s{other + 1}" for other in range(index)]
        after = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        sizes = draw(st.lists(st.sampled_from([1, 2, 20]), min_size=1, max_size=3))
        policy = draw(st.sampled_from(WorkflowFailurePolicy))
        drafts.append(
            stage(
                *(use(*(f"x{number}" for number in range(size)), policy=policy) for size in sizes),
                policy=draw(st.sampled_from(StageFailurePolicy)),
                parallel=draw(st.booleans()),
                after=after if edges else None,
            )
        )
    return graph(*drafts, policy=draw(st.sampled_from(PlanFailurePolicy)))


@COMPILED
@given(graphs())
def test_in_a_guarded_dag_no_task_waits_for_a_bare_lane(graph: Graph) -> None:
    spec = compile_workflow(graph).workflow["spec"]
    templates = {template["name"]: template for template in spec["templates"]}

    for template in templates.values():
        if "target" not in template.get("dag", {}):
            continue
        tasks = template["dag"]["tasks"]
        awaited = [task for task in tasks if any(f"{task['name']}." in other.get("depends", "") for other in tasks)]
        assert all("dag" in templates[task["template"]] for task in awaited)


@COMPILED
@given(graphs())
def test_a_dag_has_all_its_tasks_as_targets_unless_it_is_a_chain_that_stops_at_a_failure(graph: Graph) -> None:
    for template in compile_workflow(graph).workflow["spec"]["templates"]:
        if "dag" not in template:
            continue
        dag = template["dag"]
        names = [task["name"] for task in dag["tasks"]]
        chain = [None, *(f"{name}.Succeeded" for name in names[:-1])]
        if [task.get("depends") for task in dag["tasks"]] == chain:
            assert not {"target", "failFast"} & set(dag)
        else:
            assert dag["target"].split(" ") == names
            assert dag["failFast"] is False
        assert "failFast" not in template


def names(uses: tuple[UseLayout, ...]) -> list[tuple[str, str, bool]]:
    return [(use.task, use.template, use.chained) for use in uses]


def test_uses_of_a_stage_that_stops_are_bare_lanes() -> None:
    layout = only_stage(use("x", name="a"), use("x", name="b"))

    assert names(layout.stages[0].uses) == [("w-1-a", "w-1-1", False), ("w-2-b", "w-1-2", False)]


def test_a_use_that_another_one_waits_for_in_a_stage_that_continues_is_a_chain_of_one_lane() -> None:
    layout = only_stage(use("x", name="a"), use("x", name="b"), policy=StageFailurePolicy.CONTINUE)

    assert names(layout.stages[0].uses) == [("w-1-a", "w-1-1", True), ("w-2-b", "w-1-2", False)]


def test_parallel_uses_are_bare_lanes_whatever_the_policy() -> None:
    layout = only_stage(use("x"), use("x"), policy=StageFailurePolicy.CONTINUE, parallel=True)

    assert [use.chained for use in layout.stages[0].uses] == [False, False]


def test_every_lane_but_the_last_of_a_long_workflow_that_continues_has_a_dag_of_its_own() -> None:
    (long,) = only_stage(use(*FORTY, policy=WorkflowFailurePolicy.CONTINUE)).stages[0].uses

    assert [long.wrapped(lane) for lane in long.lanes] == [True, True, False]


def test_no_lane_of_a_long_workflow_that_fails_fast_has_a_dag_of_its_own() -> None:
    (long,) = only_stage(use(*FORTY)).stages[0].uses

    assert [long.wrapped(lane) for lane in long.lanes] == [False, False, False]


def test_what_does_not_run_is_not_in_the_layout() -> None:
    layout = lay_out(
        graph(
            stage(use(action("x", decided=SKIPPED)), name="none"),
            stage(use("x", done=True), use("y", name="rest"), name="some"),
        )
    )

    assert [[use.use.key for use in stage.uses] for stage in layout.stages] == [["s2.w2"]]


def test_a_graph_in_which_nothing_runs_is_refused_by_name() -> None:
    with pytest.raises(NothingToRun, match="plan dr/pay: no action is to run"):
        lay_out(graph(stage(use(action("x", decided=SKIPPED)))))


def test_an_edge_to_a_stage_that_does_not_run_is_an_internal_error() -> None:
    made = graph(stage(use("x")))
    broken = dataclasses.replace(made, stages=(dataclasses.replace(made.stages[0], after=("s7",)),))

    with pytest.raises(InternalError, match="s1 waits for s7, which is not live beside it"):
        lay_out(broken)
