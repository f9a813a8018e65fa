"""When a lane that failed is tried again."""

from __future__ import annotations

import pytest

from drplan.engine import retries

EXPRESSION = (
    "lastRetry.status == 'Error' || lastRetry.exitCode == '143' || lastRetry.exitCode == '75'"
    " || lastRetry.exitCode == '137'"
)


def strategy(**changes):
    return {"limit": 2, "retryPolicy": "Always", "expression": EXPRESSION} | changes


@pytest.mark.parametrize(
    ("status", "exit_code", "again"),
    [
        ("Failed", 75, True),
        ("Failed", 143, True),
        ("Error", 0, True),
        ("Error", None, True),
        ("Failed", 0, False),
        ("Failed", 2, False),
        ("Failed", 7, False),
        ("Failed", None, False),
    ],
)
def test_a_lane_is_tried_again_after_what_its_expression_names(status: str, exit_code: int | None, again: bool) -> None:
    refusal = retries.parse(strategy()).refusal(attempts=1, status=status, exit_code=exit_code)
    assert refusal == (None if again else "retryStrategy.expression evaluated to false")


def test_the_limit_counts_retries_and_not_attempts() -> None:
    parsed = retries.parse(strategy(limit="2"))
    verdicts = [parsed.refusal(attempts=attempts, status="Failed", exit_code=75) for attempts in (1, 2, 3)]
    assert verdicts == [None, None, "No more retries left"]


def test_without_an_expression_every_failure_is_tried_again() -> None:
    plain = strategy()
    del plain["expression"]
    assert retries.parse(plain).refusal(attempts=1, status="Failed", exit_code=2) is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"retryPolicy": "OnFailure"}, "retryPolicy must be Always"),
        ({"backoff": {"duration": "2s"}}, "backoff is not known"),
        ({"limit": "{{inputs.parameters.n}}"}, "limit must be a number"),
        ({"expression": "asInt(lastRetry.exitCode) != 2"}, "is not `lastRetry"),
        ({"expression": "lastRetry.duration == '5'"}, "duration is not known"),
        ({"expression": "lastRetry.status == 'Error' && lastRetry.exitCode == '1'"}, "is not `lastRetry"),
    ],
)
def test_every_other_form_is_refused(changes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        retries.parse(strategy(**changes))
