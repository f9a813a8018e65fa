"""What an HTTP exchange means: pure decisions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.actions.call import Call
from runner.actions.judgement import (
    Answer,
    Failure,
    Verdict,
    judge,
    kept,
    seconds_asked_for,
    share,
    wait_before,
)
from runner.redaction import Redactor
from runner.spec import Retry

ends = st.one_of(
    st.builds(
        lambda status, broken, redirected: Answer(status, broken=broken, redirected=redirected),
        st.sampled_from([200, 204, 302, 400, 404, 408, 425, 429, 500, 501, 502, 503, 504]),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(Failure, st.just("x"), transient=st.booleans(), left=st.booleans(), redirected=st.booleans()),
)
calls = st.builds(
    lambda success: Call("http://x/", "POST", {}, "", tuple(success), True),
    st.lists(st.sampled_from([200, 404, 503]), max_size=2),
)


@given(end=ends, call=calls)
def test_what_may_not_be_repeated_is_repeated_only_after_an_answer_or_when_nothing_left(
    end: Answer | Failure, call: Call
) -> None:
    if judge(end, call, idempotent=False) is Verdict.AGAIN:
        assert not end.redirected
        assert (isinstance(end, Answer) and not call.succeeded(end.status)) or (
            isinstance(end, Failure) and not end.left
        )


@given(end=ends, call=calls)
def test_what_may_be_repeated_is_never_unknown(end: Answer | Failure, call: Call) -> None:
    assert judge(end, call, idempotent=True) is not Verdict.UNKNOWN


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_these_answers_are_transient(status: int) -> None:
    assert judge(Answer(status), Call("", "GET", {}, "", (), True), idempotent=True) is Verdict.AGAIN


@pytest.mark.parametrize("status", [301, 304, 400, 401, 403, 404, 409, 422, 501, 505])
def test_every_other_answer_is_final(status: int) -> None:
    assert judge(Answer(status), Call("", "GET", {}, "", (), True), idempotent=True) is Verdict.FAILED


@given(interval=st.floats(0, 1000), multiplier=st.floats(1, 100), number=st.integers(0, 500), asked=st.floats(0, 1e6))
def test_waits_grow_to_five_minutes_unless_the_server_asks_for_more(
    interval: float, multiplier: float, number: int, asked: float
) -> None:
    retry = Retry(9, interval, multiplier)
    assert 0 <= wait_before(retry, number) <= 300
    assert wait_before(retry, number) <= wait_before(retry, number + 1)
    assert wait_before(retry, number, retry_after=asked) >= asked


def test_the_first_retry_waits_for_the_interval() -> None:
    assert [wait_before(Retry(3, 5.0, 2.0), number) for number in range(3)] == [5.0, 10.0, 20.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0.0),
        ("7", 7.0),
        (" 12 ", 12.0),
        ("-1", 0.0),
        ("soon", 0.0),
        ("1.5", 0.0),
        ("9" * 40, 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float) -> None:
    assert seconds_asked_for(header, now=10.0) == seconds


def test_every_further_try_has_an_equal_share_and_a_single_one_all() -> None:
    assert share(300.0, 4, idempotent=True) == 75.0
    assert share(90.0, 1, idempotent=True) == 90.0
    assert share(300.0, 4, idempotent=False) == 300.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(value=json_values)
def test_a_small_json_answer_is_kept_parsed_and_as_text(value: object) -> None:
    text = json.dumps(value)
    _, values = kept(Answer(200, text.encode()), Redactor(()))
    assert values["body"] == text
    assert values.get("json") == value


@given(body=st.binary(max_size=20000))
def test_outputs_and_values_never_take_more_than_their_limit_and_are_json(body: bytes) -> None:
    outputs, values = kept(Answer(200, body), Redactor(()))
    both = json.dumps({"outputs": outputs, "values": values}, ensure_ascii=False)
    assert len(both.encode()) <= 16 * 1024 + 64


def test_the_parsed_answer_is_kept_before_its_text() -> None:
    text = json.dumps({"items": ["x" * 100] * 90})
    _, values = kept(Answer(200, text.encode()), Redactor(()))
    assert "json" in values
    assert values["cut"] == ["body"]


@pytest.mark.parametrize("body", [b"[" * 5000, b"{", b"", b"\xff\xfe", b"9" * 5000])
def test_what_is_no_json_is_only_text(body: bytes) -> None:
    _, values = kept(Answer(200, body), Redactor(()))
    assert "json" not in values
    assert "cut" not in values
