"""Secrets never reach anything that is stored or shown."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.redaction import MASK, Redactor
from support.http_site import Answer, Site
from support.runner_bench import Bench, spec

KEY = "s1.w1.a1"
SECRET = 'p/ss "wörd" & more+=%'
HOLE = {"secret": "DRPLAN_SECRET_1"}


@pytest.mark.parametrize(
    "coat",
    [
        SECRET,
        urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe="").lower(),
        urllib.parse.quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False).replace("/", "\\/"),
        repr(SECRET),
    ],
)
def test_a_secret_is_found_in_every_coat(coat: str) -> None:
    assert MASK in Redactor([SECRET]).text(f"before {coat} after")


@given(secret=st.text(min_size=6, max_size=30), before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_a_secret_inside_basic_credentials_is_found(secret: str, before: bytes, after: bytes) -> None:
    coded = base64.b64encode(before + secret.encode() + after).decode()
    assert MASK in Redactor([secret]).text(coded)


@given(secret=st.text(min_size=1, max_size=20), text=st.text(max_size=50), more=st.text(max_size=50))
def test_nothing_of_a_secret_is_left_where_it_stood(secret: str, text: str, more: str) -> None:
    cleaned = Redactor([secret]).text(text + secret + more)
    assert MASK in cleaned
    # Between the masks: a text such as `*x` can appear by chance where a mask meets what follows it.
    assert [part for part in cleaned.split(MASK) if secret in part] == []


@pytest.mark.parametrize("secret", [SECRET, "pässwörd ✓", "zÃ¼rich", "日本語のひみつ", "bad-\udcff-byte", "<a&b>"])
@pytest.mark.parametrize("dumps", [str, json.dumps, lambda text: json.dumps(text, ensure_ascii=False)])
def test_a_secret_is_found_when_its_encoding_was_mistaken(secret: str, dumps: Callable[[str], str]) -> None:
    sent = secret.encode(errors="replace")
    assert MASK in Redactor([secret]).text(dumps(sent.decode("latin-1")))
    assert MASK in Redactor([secret]).text(dumps(sent.decode()))


@pytest.mark.parametrize("secret", ["pässwörd", "zÃ¼rich"])
def test_a_secret_is_found_when_it_comes_back_as_latin_1(secret: str) -> None:
    assert Redactor([secret]).text(f"no {secret.encode('latin-1').decode(errors='replace')}!") == f"no {MASK}!"


@pytest.mark.parametrize("coat", [r"\u003ca\u0026b\u003e", r"\u003Ca\u0026b\u003E", r"w\u00F6rd", r"w\u00C3\u00B6rd"])
def test_escapes_are_found_whoever_writes_them(coat: str) -> None:
    assert Redactor(["<a&b>", "wörd"]).text(coat) == MASK


def test_half_a_secret_at_the_end_of_a_beginning_is_not_left() -> None:
    assert "hunt" not in Redactor(["hunter2"]).beginning("hunter2 and a text that is cut at hunt")
    assert Redactor(["hunter2"]).beginning("") == ""
    assert Redactor(()).beginning("all of it") == "all of it"


@given(text=st.text())
def test_without_secrets_nothing_changes(text: str) -> None:
    assert Redactor(()).text(text) == text
    assert Redactor([""]).value({"x": [text, 1, None]}) == {"x": [text, 1, None]}


def test_names_and_numbers_of_an_answer_are_looked_at_too() -> None:
    cleaned = Redactor(["482915"]).value({"pin": 482915, "id-482915": [True, "x482915", 4829.5]})
    assert cleaned == {"pin": MASK, f"id-{MASK}": [True, f"x{MASK}", 4829.5]}


def test_a_secret_reaches_the_server_and_nothing_else(bench: Bench, site: Site) -> None:
    echo = {"echo": SECRET, "list": [SECRET], SECRET: 1, "quoted": urllib.parse.quote(SECRET)}
    site.script("/", Answer(503, json.dumps(echo)), Answer(404, json.dumps(echo)))
    lane = bench.lane()
    what = spec(
        headers={"Authorization": "", "X-Plain": "x"},
        retries=1,
        holes=[
            {"at": "/http/url", "parts": [f"{site.url}/?token=", HOLE]},
            {"at": "/http/headers/Authorization", "parts": ["Bearer ", HOLE]},
            {"at": "/http/body", "parts": [HOLE]},
        ],
    )

    runner = lane.start(KEY, what, environment={"DRPLAN_SECRET_1": SECRET})

    assert runner.wait() == 2
    assert site.received[0].body.decode() == SECRET
    assert site.received[0].headers["authorization"].encode("latin-1").decode() == f"Bearer {SECRET}"
    written = [path for path in bench.folder.rglob("*") if path.is_file()]
    assert len(written) > 6
    coats = [SECRET, json.dumps(SECRET)[1:-1], urllib.parse.quote(SECRET), "wörd", "w\\u00f6rd"]
    assert [(path.name, coat) for path in written for coat in coats if coat in path.read_text()] == []


def test_an_error_that_names_the_url_does_not_name_the_secret_in_it(bench: Bench) -> None:
    what = spec(holes=[{"at": "/http/url", "parts": ["http://", HOLE, ".invalid/"]}])
    runner = bench.lane().start(KEY, what, environment={"DRPLAN_SECRET_1": "hunter2"})
    assert runner.wait() == 2
    written = [path.read_text() for path in bench.folder.rglob("*") if path.is_file()]
    assert not any("hunter2" in text for text in written)


def test_a_secret_that_the_container_lacks_is_known_before_anything_runs(bench: Bench, site: Site) -> None:
    what = spec(url=site.url, after=["a9"], holes=[{"at": "/http/body", "parts": [HOLE]}])
    runner = bench.lane().start(KEY, what)
    assert runner.wait() == 4
    assert runner.last_message == "environment variable DRPLAN_SECRET_1 with the value of a Secret is not set"
    assert not bench.has_record(KEY)
