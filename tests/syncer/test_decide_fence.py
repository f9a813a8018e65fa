"""The fence: its text, and what may follow what."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.model.phases import FenceState, HaltScope
from syncer.decide.fence import Fence, FenceError, Halt

HALT = Halt(HaltScope.PLAN, "", "s1.w2.a3 Failed: boom", "2025-11-24T08:51:00Z", ("s1", "s3"))
TEXT = (
    '{"v":1,"state":"Open","epoch":1,"run":1,"workflow":"pay-x-1a2b3c4d-e1","workflowUID":"u-1","halts":'
    '[{"scope":"plan","key":"","begun":["s1","s3"],"cause":"s1.w2.a3 Failed: boom","time":"2025-11-24T08:51:00Z"}]}'
)
OPEN = Fence("pay-x-1a2b3c4d-e1", workflow_uid="u-1", halts=(HALT,))


def test_it_is_written_as_every_runner_reads_it():
    assert OPEN.dump() == TEXT
    assert Fence.parse(TEXT) == OPEN


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"v":2}', '{"v":1}', TEXT.replace("Open", "Ajar"), TEXT.replace("plan", "planet", 1)],
)
def test_what_is_no_fence_is_refused(text):
    with pytest.raises(FenceError):
        Fence.parse(text)


def test_a_newer_version_says_what_to_do():
    with pytest.raises(FenceError, match="upgrade drplan"):
        Fence.parse('{"v":2}')


def test_an_execution_without_the_annotation_has_none():
    assert Fence.of({}) is None
    assert Fence.of({"metadata": {"annotations": None}}) is None
    assert Fence.of({"metadata": {"annotations": {"dr.bkbcs.tencent.com/fence": TEXT}}}) == OPEN


class TestTransitions:
    @pytest.mark.parametrize(
        ("state", "step", "after"),
        [
            ("Open", "pause", "Paused"),
            ("Paused", "pause", "Paused"),
            ("Draining", "pause", "Draining"),
            ("Closed", "pause", "Closed"),
            ("Open", "resume", "Open"),
            ("Paused", "resume", "Open"),
            ("Draining", "resume", "Draining"),
            ("Closed", "resume", "Closed"),
            ("Open", "drain", "Draining"),
            ("Paused", "drain", "Draining"),
            ("Draining", "drain", "Draining"),
            ("Closed", "drain", "Closed"),
            ("Open", "close", "Closed"),
            ("Paused", "close", "Closed"),
            ("Draining", "close", "Closed"),
            ("Closed", "close", "Closed"),
        ],
    )
    def test_from_each_state(self, state, step, after):
        arguments = {"time": "2025-11-24T08:52:00Z"} if step == "drain" else {}
        assert getattr(Fence("wf", state=FenceState(state)), step)(**arguments).state == after

    def test_a_drain_keeps_the_time_of_the_first_request(self):
        drained = OPEN.drain(time="2025-11-24T08:52:00Z").drain(time="2025-11-24T08:53:00Z")
        assert drained.cancelled_at == "2025-11-24T08:52:00Z"
        assert drained.halts[-1] == Halt(HaltScope.EXECUTION, "", "canceled by user", "2025-11-24T08:52:00Z")
        assert drained.close().cancelled_at == "2025-11-24T08:52:00Z"

    def test_a_forced_close_is_a_cancel_and_an_ordinary_one_is_not(self):
        assert OPEN.close(time="2025-11-24T08:52:00Z").cancelled_at == "2025-11-24T08:52:00Z"
        assert OPEN.close().cancelled_at is None

    def test_a_forced_close_after_the_end_is_no_cancel(self):
        assert OPEN.close().close(time="2025-11-24T08:52:00Z").cancelled_at is None

    def test_it_is_bound_to_one_workflow_only(self):
        assert Fence("wf").bind("u-1").bind("u-1").workflow_uid == "u-1"
        with pytest.raises(FenceError, match="a new Workflow needs a new epoch"):
            Fence("wf").bind("u-1").bind("u-2")

    def test_argo_retry_opens_a_new_run_of_the_same_workflow_without_halts(self):
        again = OPEN.close().next_run()
        assert again == Fence("pay-x-1a2b3c4d-e1", run=2, workflow_uid="u-1")
        assert again.generation > OPEN.generation

    def test_drplan_retry_opens_a_new_epoch_for_another_workflow(self):
        again = OPEN.next_run().close().next_epoch("pay-x-1a2b3c4d-e2")
        assert again == Fence("pay-x-1a2b3c4d-e2", epoch=2)
        assert again.generation > OPEN.next_run().generation

    def test_a_second_halt_of_the_same_thing_keeps_the_first_cause(self):
        later = Halt(HaltScope.PLAN, "", "another", "2025-11-24T08:59:00Z")
        assert OPEN.halt((later,)) == OPEN
        assert OPEN.halt((Halt(HaltScope.STAGE, "s1", "c", "t"),)).halts == (
            HALT,
            Halt(HaltScope.STAGE, "s1", "c", "t"),
        )


HALTS = st.builds(Halt, st.sampled_from(HaltScope), st.sampled_from(["", "s1", "s1.w1"]), st.text(), st.text())
STEPS = st.one_of(
    st.just(lambda fence: fence.pause()),
    st.just(lambda fence: fence.resume()),
    st.just(lambda fence: fence.drain(time="t")),
    st.just(lambda fence: fence.close()),
    st.just(lambda fence: fence.close(time="t")),
    st.lists(HALTS, max_size=3).map(lambda halts: lambda fence: fence.halt(halts)),
)


@given(st.lists(STEPS, max_size=12))
def test_within_a_run_halts_only_grow_and_a_closed_fence_stays_closed(steps):
    fence = Fence("wf")
    for step in steps:
        after = step(fence)
        assert after.halts[: len(fence.halts)] == fence.halts
        assert len({(halt.scope, halt.key) for halt in after.halts}) == len(after.halts)
        if fence.state is FenceState.CLOSED:
            assert after.state is FenceState.CLOSED
        assert Fence.parse(after.dump()) == after
        assert json.loads(after.dump())["v"] == 1
        fence = after
