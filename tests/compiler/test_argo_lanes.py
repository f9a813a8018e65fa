"""How the actions of a use are cut into lanes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.argo.lanes import lanes_of
from compiler.graph.tree import Action, WorkflowUse
from compiler.model.names import LANE_LENGTH, local_key
from compiler.model.phases import ActionType, WorkflowFailurePolicy
from compiler.problems import InternalError
from support.graphs import SKIPPED, action, graph, stage, use

UNTIMED = settings(deadline=None)


def only_use(*actions: Any, **fields: Any) -> WorkflowUse:
    return graph(stage(use(*actions, **fields))).stages[0].workflows[0]


@st.composite
def uses(draw: st.DrawFn) -> WorkflowUse:
    """A use of any size whose edges form no cycle but need not follow the listed order; outputs go along edges."""
    count = draw(st.integers(1, 60))
    rank = draw(st.permutations(range(count)))
    drafts = []
    for index in range(count):
        before = [other for other in range(count) if rank[other] < rank[index]]
        after = draw(st.lists(st.sampled_from(before), max_size=4, unique=True)) if before else []
        asked = draw(st.sampled_from(after)) if after and draw(st.booleans()) else None
        holes = (
            [] if asked is None else [{"at": "/http/url", "parts": ["x", {"output": f"a{asked + 1}", "path": "ip"}]}]
        )
        drafts.append(action(f"step-{index}", after=[f"a{other + 1}" for other in after], holes=holes))
    return only_use(*drafts)


@UNTIMED
@given(uses())
def test_every_live_action_is_in_exactly_one_lane_and_only_the_last_lane_is_shorter(use: WorkflowUse) -> None:
    lanes = lanes_of(use)

    assert sorted(member.key for lane in lanes for member in lane.members) == sorted(a.key for a in use.actions)
    assert [lane.number for lane in lanes] == list(range(1, len(lanes) + 1))
    assert all(len(lane.members) == LANE_LENGTH for lane in lanes[:-1])
    assert 1 <= len(lanes[-1].members) <= LANE_LENGTH


@UNTIMED
@given(uses())
def test_every_edge_lies_inside_a_lane_or_leads_to_an_earlier_one(use: WorkflowUse) -> None:
    order = [member.key for lane in lanes_of(use) for member in lane.members]

    for member in use.actions:
        for earlier in member.after:
            assert order.index(earlier) < order.index(member.key)


@UNTIMED
@given(uses())
def test_earlier_names_exactly_what_is_needed_from_an_earlier_lane(use: WorkflowUse) -> None:
    lanes = lanes_of(use)
    number = {local_key(member.key): lane.number for lane in lanes for member in lane.members}

    for lane in lanes:
        for member in lane.members:
            needed = {local_key(key) for key in member.after} | {
                part["output"] for hole in member.spec["holes"] for part in hole["parts"] if isinstance(part, dict)
            }
            expected = {key for key in needed if number[key] < lane.number}
            assert set(lane.earlier.get(member.key, ())) == expected
            assert (member.key in lane.earlier) == bool(expected)


def test_actions_without_edges_between_them_keep_their_listed_order() -> None:
    use = only_use(*(action(f"step-{index}", after=[]) for index in range(20)))

    assert [key for lane in lanes_of(use) for key in lane.keys] == [f"a{index}" for index in range(1, 21)]


def test_an_action_that_waits_for_a_later_listed_one_moves_behind_it_and_no_further() -> None:
    use = only_use(
        action("last", after=["a3"]), action("free", after=[]), action("first", after=[]), action("x", after=[])
    )

    assert lanes_of(use)[0].keys == ("a2", "a3", "a1", "a4")


def test_forty_actions_in_order_make_three_lanes_of_which_each_waits_for_the_last_action_of_the_one_before() -> None:
    lanes = lanes_of(only_use(*(f"step-{index}" for index in range(40))))

    assert [len(lane.members) for lane in lanes] == [16, 16, 8]
    assert [dict(lane.earlier) for lane in lanes] == [{}, {"s1.w1.a17": ("a16",)}, {"s1.w1.a33": ("a32",)}]


def test_an_action_that_does_not_run_is_in_no_lane() -> None:
    lanes = lanes_of(only_use("first", action("second", decided=SKIPPED), "third"))

    assert [lane.keys for lane in lanes] == [("a1", "a3")]


def bare(*actions: Action) -> WorkflowUse:
    return WorkflowUse("s1.w1", "mysql", "dr", WorkflowFailurePolicy.FAIL_FAST, actions)


def test_a_circle_is_an_internal_error() -> None:
    first = Action("s1.w1.a1", "a", ActionType.HTTP, after=("s1.w1.a2",))
    second = Action("s1.w1.a2", "b", ActionType.HTTP, after=("s1.w1.a1",))

    with pytest.raises(InternalError, match=r"s1\.w1: its actions wait for each other"):
        lanes_of(bare(first, second))


def test_an_edge_to_an_action_that_does_not_run_is_an_internal_error() -> None:
    with pytest.raises(InternalError, match=r"waits for s1\.w1\.a9, which is not live"):
        lanes_of(bare(Action("s1.w1.a1", "a", ActionType.HTTP, after=("s1.w1.a9",))))


def test_an_output_of_an_action_that_does_not_run_is_an_internal_error() -> None:
    spec = {"holes": [{"at": "/http/url", "parts": [{"output": "a9", "path": "ip"}]}]}

    with pytest.raises(InternalError, match=r"s1\.w1\.a1 takes an output of a9"):
        lanes_of(bare(Action("s1.w1.a1", "a", ActionType.HTTP, spec=spec)))
