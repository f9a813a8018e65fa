"""Workflows that no execution answers for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.trees import NOW, WORKFLOW, Argo, execution, opened, record
from syncer.decide.fence import Fence
from syncer.decide.strays import Later, Patch, end_copy, end_orphan, is_bound, still_act
from syncer.nodes import read_workflow

TERMINATE = Patch({"suspend": None, "shutdown": "Terminate"})
ACTS = record("s1.w1.a1", "Started", holder={"id": "h", "renewTime": NOW.isoformat()})


def workflow(phase="Running", name=WORKFLOW, **spec):
    return read_workflow(Argo(name).workflow(phase, **spec))


class TestCopies:
    def test_the_workflow_that_the_fence_names_is_bound_and_another_is_not(self):
        bound = execution(fence=opened())
        assert is_bound(workflow(), bound)
        assert not is_bound(workflow(name="copy"), bound)
        assert not is_bound(workflow(), execution(fence=Fence(WORKFLOW, workflow_uid="another")))

    def test_one_that_is_not_bound_yet_may_become_it(self):
        assert is_bound(workflow(), execution(fence=Fence(WORKFLOW)))
        assert is_bound(workflow(), execution())

    def test_beneath_a_fence_that_cannot_be_read_the_name_tells(self):
        broken = {**execution(fence="{"), "status": {"workflowRef": {"name": WORKFLOW}}}
        assert is_bound(workflow(), broken)
        assert not is_bound(workflow(name="copy"), broken)

    def test_a_copy_is_terminated_once(self):
        assert end_copy(workflow(suspend=True)) == TERMINATE
        assert end_copy(workflow(shutdown="Terminate")) is None
        assert end_copy(workflow("Failed")) is None


class TestOrphans:
    def test_one_is_suspended_first(self):
        assert end_orphan(workflow(), [], now=NOW) == Patch({"suspend": True})

    def test_it_waits_for_whoever_acts_and_is_then_terminated(self):
        suspended = workflow(suspend=True)
        assert isinstance(end_orphan(suspended, [ACTS], now=NOW), Later)
        assert end_orphan(suspended, [ACTS], now=NOW + timedelta(seconds=61)) == TERMINATE
        assert end_orphan(suspended, [record("s1.w1.a1", "Succeeded")], now=NOW) == TERMINATE

    @pytest.mark.parametrize("ended", [workflow("Failed"), workflow(shutdown="Terminate")])
    def test_nothing_more_is_done_to_one_that_ends(self, ended):
        assert end_orphan(ended, [], now=NOW) is None


def test_whoever_has_let_go_does_not_act_any_more():
    released = record("s1.w1.a1", "Started", holder={"id": "h", "renewTime": NOW.isoformat(), "released": True})
    assert still_act([ACTS], now=NOW)
    assert not still_act([released], now=NOW)
    assert not still_act([], now=NOW)
