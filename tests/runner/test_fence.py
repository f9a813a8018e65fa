"""The fence, read and judged: pure decisions of the steps of the frame."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.fence import (
    Claim,
    Fence,
    Gate,
    Halt,
    Halted,
    NoFence,
    Silence,
    Standing,
    claim,
    gate,
    read_fence,
    standing,
)
from runner.vocabulary import FenceState, HaltScope, RecordPhase

keys = st.builds(lambda s, w: f"s{s}.w{w}.a1", st.sampled_from([1, 2, 12, 21]), st.sampled_from([1, 2, 12]))
halts = st.builds(
    Halt,
    scope=st.sampled_from(HaltScope),
    key=st.sampled_from(["", "s1", "s2", "s12", "s21", "s1.w1", "s2.w1", "s2.w12"]),
    begun=st.lists(st.sampled_from(["s1", "s2", "s21"]), max_size=2).map(tuple),
    cause=st.just("s9.w1.a1 Failed"),
)
fences = st.builds(
    lambda state, found: Fence(state, 1, 1, "wf", "", tuple(found)),
    st.sampled_from(FenceState),
    st.lists(halts, max_size=3),
)


def stops(halt: Halt, key: str, begun: bool) -> bool:
    """The rule, written once more: by segments."""
    if halt.scope is HaltScope.EXECUTION:
        return True
    if halt.scope is HaltScope.PLAN:
        return not begun and key.split(".")[0] not in halt.begun
    return key.split(".")[: len(halt.key.split("."))] == halt.key.split(".")


@given(fence=fences, key=keys, begun=st.booleans())
def test_an_action_starts_exactly_when_the_fence_is_open_and_no_halt_names_it(
    fence: Fence, key: str, begun: bool
) -> None:
    free = fence.state is FenceState.OPEN and not any(stops(halt, key, begun) for halt in fence.halts)
    assert (gate(fence, key, stage_begun=begun) is Gate.OPEN) == free


@given(fence=fences, key=keys)
def test_the_records_are_asked_only_when_a_plan_halt_leaves_it_open(fence: Fence, key: str) -> None:
    if gate(fence, key) is Gate.ASK:
        assert any(halt.scope is HaltScope.PLAN and key.split(".")[0] not in halt.begun for halt in fence.halts)


@given(fence=fences, key=keys, begun=st.booleans())
def test_draining_halts_whatever_else_is_written(fence: Fence, key: str, begun: bool) -> None:
    assert isinstance(gate(fence._replace(state=FenceState.DRAINING), key, stage_begun=begun), Halted)


def test_a_fence_is_read_as_the_syncer_writes_it() -> None:
    halt = {"scope": "stage", "key": "s2", "begun": ["s1"], "cause": "s1.w2.a3 Failed: x", "time": "t"}
    text = {"v": 1, "state": "Paused", "epoch": 2, "run": 3, "workflow": "w", "workflowUID": "u", "halts": [halt]}
    assert read_fence(json.dumps(text)) == Fence(
        FenceState.PAUSED, 2, 3, "w", "u", (Halt(HaltScope.STAGE, "s2", ("s1",), "s1.w2.a3 Failed: x"),)
    )


@given(
    value=st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["v", "state", "epoch", "run", "workflow", "halts", "scope"]), inner)
        ),
    )
)
def test_whatever_else_stands_there_is_no_fence(value: object) -> None:
    assert isinstance(read_fence(json.dumps(value)), NoFence)


def record(phase: RecordPhase, epoch: int = 1, run: int = 1) -> dict[str, dict[str, object]]:
    return {"spec": {"specHash": "h"}, "state": {"phase": phase.value, "epoch": epoch, "run": run}}


rounds = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(phase=st.sampled_from(RecordPhase), recorded=rounds, now=rounds, idempotent=st.booleans(), glass=st.booleans())
def test_what_a_record_means_at_the_start(
    phase: RecordPhase, recorded: tuple[int, int], now: tuple[int, int], idempotent: bool, glass: bool
) -> None:
    fence = None if glass else Fence(FenceState.OPEN, *now, "w", "", ())
    found = standing(record(phase, *recorded), fence=fence, spec_hash="h", idempotent=idempotent)
    if phase is RecordPhase.STARTED:
        assert found is Standing.STARTED
    elif phase is RecordPhase.SUCCEEDED or glass:
        assert found is Standing.REPLAY
    elif phase is RecordPhase.UNKNOWN:
        assert found is (Standing.AGAIN if idempotent else Standing.REPLAY)
    else:
        assert found is (Standing.AGAIN if recorded < now else Standing.REPLAY)


@given(phase=st.sampled_from(RecordPhase))
def test_a_record_of_another_spec_is_never_used(phase: RecordPhase) -> None:
    assert standing(record(phase), fence=None, spec_hash="other", idempotent=True) is Standing.CHANGED


@pytest.mark.parametrize(
    ("holder", "gone", "silent", "found"),
    [
        ({"id": "me"}, False, 0.0, Claim.MINE),
        ({"id": "other"}, False, 59.9, Claim.WAIT),
        ({"id": "other"}, False, 60.0, Claim.TAKE),
        ({"id": "other"}, True, 0.0, Claim.TAKE),
        ({"id": "other", "released": True}, False, 0.0, Claim.TAKE),
    ],
)
def test_a_started_record_is_taken_only_from_a_holder_that_ended(
    holder: dict[str, object], gone: bool, silent: float, found: Claim
) -> None:
    assert claim(holder, own_id="me", pod_gone=gone, silent=silent, lease=60.0) is found


def test_silence_is_counted_from_the_last_change_that_was_seen() -> None:
    silence = Silence()
    holder = {"id": "a", "renewTime": "1"}
    assert silence.of(holder, 100.0) == 0.0
    assert silence.of(dict(holder), 159.0) == 59.0
    assert silence.of({**holder, "renewTime": "2"}, 160.0) == 0.0
    assert silence.of({"id": "b", "renewTime": "2"}, 170.0) == 0.0
    assert silence.of({"id": "b", "renewTime": "2"}, 171.0) == 1.0
