"""Failure policies as `depends` texts."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.argo.depends import ENDS, depends_text, may_pass_failure
from compiler.model.phases import DependsOnPolicy

SUCCEEDED, FINISHED = DependsOnPolicy.SUCCEEDED, DependsOnPolicy.FINISHED
RUNNING = "Running"


@dataclass(frozen=True)
class Member:
    key: str
    after: tuple[str, ...] = ()
    needs: DependsOnPolicy = SUCCEEDED


def holds(text: str, results: dict[str, str]) -> bool:
    """Evaluate a text as Argo does: every operand becomes true or false, the rest is logic."""
    truth = re.sub(r"([\w-]+)\.(\w+)", lambda match: str(results[match[1]] == match[2]), text)
    return bool(eval(truth.replace("&&", " and ").replace("||", " or "), {"__builtins__": {}}))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_needing_success_holds_only_when_all_succeeded(count: int) -> None:
    tasks = [f"s-{index}-x" for index in range(count)]
    text = depends_text(tasks, SUCCEEDED)

    for results in itertools.product([*ENDS, RUNNING], repeat=count):
        assert holds(text, dict(zip(tasks, results, strict=True))) == (set(results) == {"Succeeded"})


@pytest.mark.parametrize("count", [1, 2, 3])
def test_needing_the_end_holds_whenever_all_have_ended_and_never_before(count: int) -> None:
    tasks = [f"s-{index}-x" for index in range(count)]
    text = depends_text(tasks, FINISHED)

    for results in itertools.product([*ENDS, RUNNING], repeat=count):
        assert holds(text, dict(zip(tasks, results, strict=True))) == (RUNNING not in results)


def test_the_two_forms_read_as_documented() -> None:
    assert depends_text(["a", "b"], SUCCEEDED) == "a.Succeeded && b.Succeeded"
    assert depends_text(["a"], FINISHED) == "(a.Succeeded || a.Failed || a.Errored || a.Skipped || a.Omitted)"


def test_a_chain_in_which_each_needs_the_success_of_the_one_before_passes_no_failure() -> None:
    assert not may_pass_failure([])
    assert not may_pass_failure([Member("a")])
    assert not may_pass_failure([Member("a"), Member("b", ("a",)), Member("c", ("b",))])


@pytest.mark.parametrize(
    "members",
    [
        [Member("a"), Member("b")],
        [Member("a"), Member("b", ("a",), FINISHED)],
        [Member("a"), Member("b", ("a",)), Member("c", ("a",))],
        [Member("a"), Member("b", ("a",)), Member("c", ("a", "b"))],
    ],
    ids=["side by side", "needs the end", "fork", "two edges"],
)
def test_anything_else_may_pass_a_failure(members: list[Member]) -> None:
    assert may_pass_failure(members)


@given(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True), st.sampled_from(list(DependsOnPolicy)))
def test_every_task_is_named(tasks: list[str], needs: DependsOnPolicy) -> None:
    text = depends_text(tasks, needs)

    assert list(dict.fromkeys(name for name, _ in re.findall(r"(\w)\.(\w+)", text))) == tasks
