"""Reading `depends` texts and deciding them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drplan.engine import depends
from drplan.engine.depends import TaskResult

NEEDS_THE_END = "(x.Succeeded || x.Failed || x.Errored || x.Skipped || x.Omitted)"


@pytest.mark.parametrize("result", list(TaskResult))
def test_needing_success_is_met_by_success_alone(result: TaskResult) -> None:
    assert depends.parse("x.Succeeded").met({"x": result}) is (result is TaskResult.SUCCEEDED)


@pytest.mark.parametrize("result", list(TaskResult))
def test_needing_the_end_is_met_by_every_end(result: TaskResult) -> None:
    assert depends.parse(NEEDS_THE_END).met({"x": result}) is True


@pytest.mark.parametrize("text", ["x.Succeeded", NEEDS_THE_END, "y.Succeeded && x.Succeeded", "y.Failed || x.Failed"])
def test_nothing_is_decided_before_everything_named_has_ended(text: str) -> None:
    assert depends.parse(text).met({"y": TaskResult.FAILED}) is None


def test_and_binds_tighter_than_or() -> None:
    parsed = depends.parse("a.Succeeded || b.Succeeded && c.Succeeded")
    ended = {"a": TaskResult.SUCCEEDED, "b": TaskResult.FAILED, "c": TaskResult.FAILED}
    assert parsed.met(ended) is True
    assert depends.parse("(a.Succeeded || b.Succeeded) && c.Succeeded").met(ended) is False


def test_tasks_are_named_once_in_order() -> None:
    parsed = depends.parse(f"s-2-b.Succeeded && {NEEDS_THE_END} && s-2-b.Succeeded")
    assert parsed.tasks == ("s-2-b", "x")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "!x.Succeeded",
        "x.Daemoned",
        "x.AnySucceeded",
        "x.Succeeded ||",
        "|| x.Succeeded",
        "(x.Succeeded",
        "x.Succeeded)",
        "x.Succeeded y.Succeeded",
        "x.Succeeded | y.Succeeded",
        "",
        "()",
    ],
)
def test_every_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="depends"):
        depends.parse(text)


def test_a_refusal_says_where() -> None:
    with pytest.raises(ValueError, match="character 16: result Daemoned is not one of Succeeded"):
        depends.parse("x.Succeeded && y.Daemoned")


TASKS = ("a", "b", "c")

TREES = st.recursive(
    st.tuples(st.sampled_from(TASKS), st.sampled_from(TaskResult)),
    lambda inner: st.tuples(st.sampled_from(("&&", "||")), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)


def written(tree) -> str:
    if isinstance(tree[0], str) and tree[0] in TASKS:
        return f"{tree[0]}.{tree[1]}"
    return "(" + f" {tree[0]} ".join(written(part) for part in tree[1]) + ")"


def truth(tree, results) -> bool:
    if tree[0] in TASKS:
        return results[tree[0]] is tree[1]
    verdicts = [truth(part, results) for part in tree[1]]
    return all(verdicts) if tree[0] == "&&" else any(verdicts)


@given(TREES)
def test_every_text_agrees_with_its_truth_table(tree) -> None:
    parsed = depends.parse(written(tree))
    for ends in itertools.product(TaskResult, repeat=len(TASKS)):
        results = dict(zip(TASKS, ends, strict=True))
        assert parsed.met(results) is truth(tree, results)
