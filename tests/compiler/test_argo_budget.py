"""The size budget: what fits, what is left for results, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.argo import ExecutionRef, RunnerConfig, compile_workflow
from compiler.argo.budget import RESULT_BYTES_PER_ACTION, Budget, budget
from compiler.argo.encoding import size
from compiler.argo.layout import lay_out
from compiler.argo.weight import Weight, plan_weight, stage_weight
from compiler.model.phases import PlanFailurePolicy, WorkflowFailurePolicy
from compiler.problems import PlanTooLarge
from support.graphs import action, graph, stage, uniform, use

LIMIT = 1024 * 1024
SMALL = RunnerConfig(workflow_bytes=20 * 1024)


def of(stages: int, uses: int, actions: int) -> Budget:
    return budget(lay_out(uniform(stages=stages, uses=uses, actions=actions)), object_bytes=0, limit=LIMIT)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 40), st.sampled_from([(1, 0, 0), (0, 1, 0), (0, 0, 1)]))
def test_a_larger_plan_needs_more(stages: int, uses: int, actions: int, more: tuple[int, int, int]) -> None:
    smaller = of(stages, uses, actions)
    larger = of(stages + more[0], uses + more[1], actions + more[2])

    assert larger.needed > smaller.needed
    assert larger.result_limit(1) <= smaller.result_limit(1)


def weight(*stages: object, **fields: object) -> Weight:
    layout = lay_out(graph(*stages, **fields))
    return sum((stage_weight(stage) for stage in layout.stages), plan_weight(layout))


def test_nodes_are_counted_as_argo_makes_them() -> None:
    # Root, stage, lane over its attempts, its pod, two actions and the container that closes the lane.
    assert weight(stage(use("check", "promote"))).nodes == 7


def test_a_chain_of_lanes_is_a_node_more_and_so_is_each_lane_with_a_dag_of_its_own() -> None:
    steps = [f"step-{index}" for index in range(40)]
    chain = weight(stage(use(*steps)))
    wrapped = weight(stage(use(*steps, policy=WorkflowFailurePolicy.CONTINUE)))

    assert chain.nodes == 2 + 1 + 3 * 2 + 43
    assert wrapped.nodes == chain.nodes + 2


def test_every_dependant_adds_the_ends_of_what_it_waits_for() -> None:
    lane = ["check", "promote", "verify"]
    alone = weight(stage(use(*lane)), stage(use("x"), after=[]))
    waiting = weight(stage(use(*lane)), stage(use("x"), after=["s1"]))

    # Beside each other both are children of the root and ends of the plan. In a row the second is a child of the four
    # containers of the first, which are the ends of the plan no more.
    assert waiting.references - alone.references == (4 - 1) - 4


def test_5000_actions_fit() -> None:
    compiled = compile_workflow(uniform(stages=50, uses=10, actions=10), execution=ExecutionRef("x", "uid-1"))

    assert len(compiled.config_maps) == 500
    assert size(compiled.workflow) < 128 * 1024


def test_5000_actions_that_go_on_after_failures_fit_too() -> None:
    steps = [f"step-{index}" for index in range(16)]
    stages = [stage(*(use(*steps) for _ in range(8)), name=f"tier-{index}") for index in range(40)]
    compiled = compile_workflow(graph(*stages, policy=PlanFailurePolicy.CONTINUE))

    assert len(compiled.config_maps) == 320


def test_a_plan_that_does_not_fit_is_refused_and_its_largest_stage_is_named() -> None:
    small = stage(use("x"), name="small")
    large = stage(*(use("x", "y", "z") for _ in range(40)), name="large", parallel=True)

    with pytest.raises(PlanTooLarge) as found:
        compile_workflow(graph(small, large, small), config=SMALL)

    assert "plan dr/pay: its Workflow and the status of a run need about " in str(found.value)
    assert 'KiB, Argo takes 20 KiB; the largest stage is s2 "large" with 120 actions in 40 workflows' in str(
        found.value
    )


def test_specs_of_one_use_that_fit_into_no_config_map_are_refused_by_name() -> None:
    big = [action(f"big-{index}", block={"body": "x" * 100_000}) for index in range(10)]

    with pytest.raises(PlanTooLarge, match=r"workflow dr/mysql \(s1\.w1\): the specs of its 10 actions have"):
        compile_workflow(graph(stage(use(*big))))


def test_a_small_plan_leaves_every_lane_the_whole_result() -> None:
    assert of(1, 2, 3).result_limit(3) == 16 * 1024


def test_what_is_left_is_shared_by_twice_the_lanes() -> None:
    found = Budget(object_bytes=500_000, status_bytes=300_000, least_result_bytes=0, limit=1_000_000, lanes=100)

    assert found.result_limit(5) == 1000


def test_every_action_has_room_for_the_little_that_must_be_told() -> None:
    found = Budget(object_bytes=500_000, status_bytes=499_000, least_result_bytes=0, limit=1_000_000, lanes=100)

    assert found.result_limit(16) == 16 * RESULT_BYTES_PER_ACTION


def test_the_limit_is_what_the_closing_container_is_told() -> None:
    compiled = compile_workflow(uniform(stages=50, uses=10, actions=10))
    (lane,) = (template for template in compiled.workflow["spec"]["templates"] if "containerSet" in template)

    assert lane["containerSet"]["containers"][0]["args"][-1] == "--limit=1000"
