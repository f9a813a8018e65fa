"""Records of executions whose end is recorded are labelled as final, and are taken back when one goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.model.names import LABEL_FINAL
from support.lives import after, annotated, kinds, lived_until_rest, running
from support.trees import Argo, by_key, record
from syncer.decide.lifecycle import next_step
from syncer.decide.steps import Own, Reopen, Seen, SetFence, Step
from syncer.nodes import read_workflow

RETRY = "dr.bkbcs.tencent.com/retry"


def ended(phase: str = "Failed") -> Seen:
    """An execution whose end is recorded."""
    lived = running(Argo().lane("s1.w1", {"a1": "Running"}, pod="Running").workflow())
    workflow = read_workflow(Argo().lane("s1.w1", {"a1": phase}).workflow(phase))
    lived, taken = lived_until_rest(replace(lived, workflow=workflow, records=by_key([record("s1.w1.a1", phase)])))
    assert kinds(taken)[-3:] == ["Own", "Show", "Rest"]
    return lived


def final(key: str, phase: str) -> dict[str, object]:
    return {**record(key, phase), "metadata": {"name": f"record-{key}", "labels": {LABEL_FINAL: "true"}}}


def test_the_records_of_one_whose_workflow_is_gone_become_final_too() -> None:
    lived = running(Argo().lane("s1.w1", {"a1": "Succeeded"}).workflow())
    lived, taken = lived_until_rest(replace(lived, workflow=None, records=by_key([record("s1.w1.a1", "Succeeded")])))
    assert kinds(taken)[-3:] == ["Own", "Show", "Rest"]
    assert lived.phase == "Failed"


def test_a_record_that_comes_late_becomes_final() -> None:
    late = replace(ended(), records=by_key([record("s2.w1.a1", "Skipped")]))
    assert isinstance(next_step(late), Own)


@pytest.mark.parametrize("some", [{}, {"s2.w1.a1": record("s2.w1.a1", "Skipped")}])
def test_a_retry_takes_the_records_back_before_it_opens_the_fence(some: dict[str, dict[str, object]]) -> None:
    lived = replace(ended(), records={"s1.w1.a1": final("s1.w1.a1", "Failed"), **some}, next_workflow="pay-e2")
    lived = annotated(lived, **{RETRY: "1"})
    steps: list[Step] = []
    while "SetFence" not in kinds(steps):
        steps.append(next_step(lived))
        lived = after(lived, steps[-1])
    assert kinds(steps) == ["WritePlan", "Reopen", "SetFence"]
    assert all(LABEL_FINAL not in each["metadata"]["labels"] for each in lived.records.values())


def test_so_does_a_workflow_that_argo_retries() -> None:
    again = read_workflow(Argo().lane("s1.w1", {"a1": "Running"}, pod="Running").workflow())
    lived = replace(ended(), workflow=again, records={"s1.w1.a1": final("s1.w1.a1", "Failed")})
    _, taken = lived_until_rest(lived)
    first = next(step for step in taken if isinstance(step, Reopen | SetFence))
    assert isinstance(first, Reopen)
