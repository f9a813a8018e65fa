"""What a failing HTTP action says: what was called, and what came back, without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.actions.call import Call
from runner.actions.judgement import Answer, Failure, explain
from runner.redaction import Redactor
from support import http_site
from support.http_site import Site
from support.runner_bench import Bench, spec

KEY = "s1.w1.a1"
REFUSED = Failure("connection refused", transient=True, left=False)
NONE = Redactor(())


def call(url: str = "http://h/x", success: tuple[int, ...] = ()) -> Call:
    return Call(url, "GET", {}, "", success, True)


@pytest.mark.parametrize(
    ("end", "success", "told"),
    [
        (
            Answer(409, b'{"smoke": "not booked"}'),
            (),
            'unexpected status code: 409 (GET http://h/x answered: {"smoke": "not booked"})',
        ),
        (Answer(422, b"no"), (200,), "status code 422 not in success codes (GET http://h/x answered: no)"),
        (Answer(503), (), "unexpected status code: 503 (GET http://h/x)"),
        (Answer(503, b" \n "), (), "unexpected status code: 503 (GET http://h/x)"),
        (
            Answer(503, b"<p>\r\n\tlate\n</p>"),
            (),
            "unexpected status code: 503 (GET http://h/x answered: <p> late </p>)",
        ),
        (Answer(503, b"\x89PNG\x00\xff"), (), "unexpected status code: 503 (GET http://h/x)"),
        (REFUSED, (), "HTTP request failed: connection refused (GET http://h/x)"),
        (REFUSED._replace(redirected=True), (), "HTTP request failed: connection refused (GET http://h/x, redirected)"),
    ],
)
def test_a_failure_names_the_call_and_the_answer(end: Answer | Failure, success: tuple[int, ...], told: str) -> None:
    assert explain(end, call(success=success), NONE) == told


def test_only_the_beginning_of_a_long_answer_is_told() -> None:
    assert f"answered: {'é' * 200}…)" not in explain(Answer(500, "é".encode() * 201), call(), NONE)
    assert explain(Answer(500, b"e" * 201), call(), NONE).endswith(f"answered: {'e' * 200}…)")
    assert explain(Answer(500, b"e" * 200), call(), NONE).endswith(f"answered: {'e' * 200})")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:pw@h:1/x?token=1#y", "http://h:1/x"),
        ("http://h?token=1/2", "http://h"),
        ("http://h/a@b?c", "http://h/a@b"),
        ("http://me:pw@[::1]:8/x", "http://[::1]:8/x"),
        ("http://h/hunter2/x", "http://h/***/x"),
    ],
)
def test_the_address_is_told_without_user_and_query_and_secrets(url: str, shown: str) -> None:
    assert explain(REFUSED, call(url), Redactor(["hunter2"])).endswith(f"(GET {shown})")


def test_an_address_that_is_a_secret_as_a_whole_is_not_told_in_part() -> None:
    hook = "https://user@hooks.example/T0/B1?key=1"
    assert explain(REFUSED, call(hook), Redactor([hook])).endswith("(GET ***)")


@given(cut=st.integers(0, 30), secret=st.sampled_from(["hunter2-and-more", "ü" * 9]), broken=st.booleans())
def test_a_secret_is_not_told_by_halves(cut: int, secret: str, broken: bool) -> None:
    body = ("x" * (190 + cut) + " " + secret).encode()
    told = explain(
        Answer(500, body[: 190 + cut + 1 + cut] if broken else body, broken=broken), call(), Redactor([secret])
    )
    assert secret[:3] not in told


@given(
    url=st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    body=st.binary(max_size=900) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace")),
    prefix=st.sampled_from(["action failed after 99 retries: "]),
)
def test_no_message_is_too_long_or_of_two_lines(url: str, body: bytes, prefix: str) -> None:
    told = explain(Answer(500, body), call("http://h/" + url.replace("\n", "")), NONE)
    assert len((prefix + told).encode()) <= 512
    assert "\n" not in told


def test_the_whole_message_reaches_record_and_lane(bench: Bench, site: Site) -> None:
    site.script("/promote", http_site.Answer(409, "hunter2 is " + "w" * 400))
    url = site.url.replace("://", "://me:pw@")
    what = spec(
        url=f"{url}/promote?to=b",
        headers={"X-Key": ""},
        holes=[{"at": "/http/headers/X-Key", "parts": [{"secret": "DRPLAN_SECRET_1"}]}],
    )
    runner = bench.lane().start(KEY, what, environment={"DRPLAN_SECRET_1": "hunter2"})
    assert runner.wait() == 2
    told = f"unexpected status code: 409 (POST {site.url}/promote answered: *** is {'w' * 193}…)"
    assert (bench.record(KEY)["state"]["message"], bench.lane().result(KEY)["message"]) == (told, told)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
def test_a_header_that_follows_from_the_body_is_refused_before_anything_runs(
    bench: Bench, site: Site, name: str
) -> None:
    lane = bench.lane()
    assert lane.start(KEY, spec(url=site.url, headers={name: "1"})).wait() == 4
    result = lane.result(KEY)
    assert (result["reason"], site.count(), bench.has_record(KEY)) == ("InvalidSpec", 0, False)
    assert result["message"] == f"header '{name}' is set by the runner, from the body; take it out of http.headers"
