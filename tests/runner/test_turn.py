"""Whose turn it is: pure decisions, for any lane that can be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.lane import Lock
from runner.result import Result
from runner.turn import Seen, Turn, died, turn, upstream
from runner.vocabulary import DependsOnPolicy, Reason, RecordPhase, WorkflowFailurePolicy

FAIL_FAST, CONTINUE = WorkflowFailurePolicy.FAIL_FAST, WorkflowFailurePolicy.CONTINUE
FINISHED, SUCCEEDED = DependsOnPolicy.FINISHED, DependsOnPolicy.SUCCEEDED
ENDS = [phase for phase in RecordPhase if phase is not RecordPhase.STARTED]


def result(key: str, phase: RecordPhase = RecordPhase.SUCCEEDED, reason: str = "", **fields: str) -> Result:
    return Result(key, phase, reason, **fields)


results = st.builds(
    lambda key, phase, reason, completion: Result(key, phase, reason, completion=completion),
    key=st.sampled_from([f"s1.w1.a{n}" for n in range(1, 6)]),
    phase=st.sampled_from(ENDS),
    reason=st.sampled_from(["", *Reason]),
    completion=st.sampled_from(["", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"]),
)
seen = st.builds(Seen, key=st.just("s1.w1.a1"), lock=st.sampled_from([None, *Lock]), result=st.none() | results)


def decide(after: list[Seen], others: list[Result], **changes: object) -> Turn:
    given_: dict[str, object] = {"policy": FAIL_FAST, "begun": False, "waited": 0.0, "start_wait": 10.0, **changes}
    return turn(after, others=others, **given_)  # type: ignore[arg-type]


@given(after=st.lists(seen, max_size=4), others=st.lists(results, max_size=4), begun=st.booleans())
def test_a_runner_is_never_ready_while_a_predecessor_has_no_result_unless_something_failed(
    after: list[Seen], others: list[Result], begun: bool
) -> None:
    decided = decide(after, others, begun=begun)
    if decided is Turn.READY and any(one.result is None for one in after):
        assert not begun
        assert not all(other.good for other in others)


@given(
    after=st.lists(seen, max_size=4),
    others=st.lists(results, max_size=4),
    policy=st.sampled_from([*WorkflowFailurePolicy]),
)
def test_what_has_begun_waits_for_all_its_predecessors_whatever_failed(
    after: list[Seen], others: list[Result], policy: WorkflowFailurePolicy
) -> None:
    if decide(after, others, begun=True, policy=policy) is Turn.READY:
        assert all(one.result is not None for one in after)


@given(after=st.lists(seen, max_size=4), others=st.lists(results, max_size=4), waited=st.sampled_from([0.0, 11.0]))
def test_a_death_comes_before_every_other_answer(after: list[Seen], others: list[Result], waited: float) -> None:
    dead = any(died(one, waited=waited, start_wait=10.0) for one in after)
    assert (decide(after, others, waited=waited) is Turn.DIED) == dead


@given(others=st.lists(results, min_size=1, max_size=5), needs=st.sampled_from([*DependsOnPolicy]))
def test_under_fail_fast_nothing_runs_beside_a_bad_result_of_its_workflow(
    others: list[Result], needs: DependsOnPolicy
) -> None:
    cause = upstream(policy=FAIL_FAST, needs=needs, predecessors={}, others=others)
    last = {other.key: other for other in others}.values()
    assert (cause is None) == all(other.good for other in last)


@given(predecessors=st.dictionaries(st.sampled_from("ab"), results), others=st.lists(results))
def test_under_continue_an_action_that_needs_the_end_only_always_runs(
    predecessors: dict[str, Result], others: list[Result]
) -> None:
    assert upstream(policy=CONTINUE, needs=FINISHED, predecessors=predecessors, others=others) is None


@given(predecessors=st.dictionaries(st.sampled_from("ab"), results), others=st.lists(results))
def test_under_continue_an_action_that_needs_success_looks_at_its_own_predecessors_only(
    predecessors: dict[str, Result], others: list[Result]
) -> None:
    cause = upstream(policy=CONTINUE, needs=SUCCEEDED, predecessors=predecessors, others=others)
    assert (cause is None) == all(one.good for one in predecessors.values())


@pytest.mark.parametrize(
    ("phase", "reason", "good"),
    [
        (RecordPhase.SUCCEEDED, "", True),
        (RecordPhase.SKIPPED, Reason.CONDITION_NOT_MET, True),
        (RecordPhase.SKIPPED, Reason.NOTHING_TO_UNDO, True),
        (RecordPhase.SKIPPED, Reason.UPSTREAM_FAILED, False),
        (RecordPhase.SKIPPED, Reason.HALTED, False),
        (RecordPhase.FAILED, Reason.CONDITION_NOT_MET, False),
        (RecordPhase.UNKNOWN, "", False),
        (RecordPhase.CANCELLED, "", False),
    ],
)
def test_only_success_and_a_condition_that_was_not_met_count_as_good(
    phase: RecordPhase, reason: str, good: bool
) -> None:
    assert result("s1.w1.a1", phase, reason).good is good


@pytest.mark.parametrize("policy", [FAIL_FAST, CONTINUE])
def test_a_predecessor_of_an_earlier_lane_without_a_record_skips(policy: WorkflowFailurePolicy) -> None:
    cause = upstream(policy=policy, needs=FINISHED, predecessors={"s1.w1.a1": None}, others=[])
    assert cause == "not run: s1.w1.a1 has no record"


def test_the_cause_is_what_failed_first_not_what_was_skipped_for_it() -> None:
    others = [
        result("s1.w1.a2", RecordPhase.SKIPPED, Reason.UPSTREAM_FAILED, message="not run: s1.w1.a4 Failed"),
        result("s1.w1.a3", RecordPhase.FAILED, completion="2026-01-01T00:00:09Z"),
        result("s1.w1.a4", RecordPhase.FAILED, completion="2026-01-01T00:00:01Z"),
    ]
    cause = upstream(policy=FAIL_FAST, needs=FINISHED, predecessors={}, others=others)
    assert cause == "not run: s1.w1.a4 Failed"


def test_a_skipped_predecessor_hands_its_own_cause_on() -> None:
    before = result("s1.w1.a2", RecordPhase.SKIPPED, Reason.HALTED, message="not run: s3.w1.a1 Unknown")
    cause = upstream(policy=CONTINUE, needs=SUCCEEDED, predecessors={before.key: before}, others=[])
    assert cause == "not run: s3.w1.a1 Unknown"


@pytest.mark.parametrize(
    ("lock", "waited", "dead"),
    [
        (Lock.HELD, 99.0, False),
        (Lock.FREE, 0.0, True),
        (Lock.ABSENT, 9.9, False),
        (Lock.ABSENT, 10.0, True),
        (None, 99.0, False),
    ],
)
def test_a_free_lock_without_a_result_is_a_death_and_a_missing_one_only_after_a_while(
    lock: Lock | None, waited: float, dead: bool
) -> None:
    assert died(Seen("s1.w1.a1", lock, None), waited=waited, start_wait=10.0) is dead


def test_a_result_beside_a_free_lock_is_an_ordinary_end() -> None:
    assert not died(Seen("s1.w1.a1", Lock.FREE, result("s1.w1.a1")), waited=0, start_wait=10)
