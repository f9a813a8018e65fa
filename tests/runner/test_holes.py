"""Holes: where they point, what they are filled with, and what cannot be filled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.holes import Missing, TooLarge, fill, output, split
from runner.result import Result
from runner.spec import Hole, Output, Secret, SpecError
from runner.vocabulary import RecordPhase
from support.http_site import Answer, Site
from support.runner_bench import Bench, spec

A1, A2 = "s1.w1.a1", "s1.w1.a2"
names = st.text(min_size=1, max_size=8)


def pointer(path: list[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


@given(path=st.lists(names, min_size=1, max_size=4), text=st.text(), other=st.text())
def test_a_pointer_replaces_exactly_the_text_that_it_points_at(path: list[str | int], text: str, other: str) -> None:
    raw: Any = ""
    for part in reversed(path):
        raw = {part: raw, f"{part}!": other}
    before = json.dumps(raw)

    filled: Any = fill(raw, (Hole(pointer(path), (text,)),), lambda part: "")

    assert json.dumps(raw) == before
    for part in path:
        assert filled[f"{part}!"] == other
        filled = filled[part]
    assert filled == text


@given(parts=st.lists(st.text() | st.builds(Output, names, names) | st.builds(Secret, names), max_size=6))
def test_parts_are_only_put_together_and_never_looked_at_again(parts: list[str | Output | Secret]) -> None:
    def value(part: Output | Secret) -> str:
        return "$(params.x){{y}}" + str(part)

    filled = fill({"x": ""}, (Hole("/x", tuple(parts)),), value)
    assert filled["x"] == "".join(part if isinstance(part, str) else value(part) for part in parts)


def test_a_pointer_can_go_through_a_list() -> None:
    assert fill({"x": [{"y": ""}]}, (Hole("/x/0/y", ("z",)),), str) == {"x": [{"y": "z"}]}


@pytest.mark.parametrize("at", ["", "/", "x", "/y", "/x/z", "/n", "/l/1", "/l/-", "/x/0"])
def test_a_pointer_to_anything_but_a_text_is_refused(at: str) -> None:
    with pytest.raises(SpecError, match="points at"):
        fill({"x": "", "n": 1, "l": [""]}, (Hole(at, ("z",)),), str)


RESULT = Result(
    "s1.w1.a1",
    RecordPhase.SUCCEEDED,
    message="HTTP GET succeeded with status 200",
    values={
        "statusCode": 200,
        "body": "text",
        "json": {"items": [{"ip": "10.0.0.7"}], "ready": True, "n": 1.5, "none": None, "deep": {"a": [1, "b"]}},
        "cut": ["other"],
    },
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("phase", "Succeeded"),
        ("message", "HTTP GET succeeded with status 200"),
        ("statusCode", "200"),
        ("body", "text"),
        ("json.items[0].ip", "10.0.0.7"),
        ("json.ready", "true"),
        ("json.n", "1.5"),
        ("json.deep", '{"a":[1,"b"]}'),
        ("json.deep.a[1]", "b"),
    ],
)
def test_an_output_is_found_by_its_path(path: str, text: str) -> None:
    assert output(RESULT, path) == text


@pytest.mark.parametrize(
    "path",
    ["", "json.nothing", "json.items[1].ip", "json.items.0", "json.none", "json.ready.x", "json..n", "json.", "[0]"],
)
def test_an_output_that_is_not_there_is_missing_with_its_name(path: str) -> None:
    with pytest.raises(Missing, match=r"action s1\.w1\.a1 \(Succeeded\) has no output"):
        output(RESULT, path)


def test_an_output_that_was_too_large_says_so() -> None:
    with pytest.raises(TooLarge, match=r"output other\.x of action s1\.w1\.a1 was too large to keep"):
        output(RESULT, "other.x")


@given(path=st.lists(st.text("abcXYZ_-09", min_size=1, max_size=5) | st.integers(0, 99), min_size=1, max_size=6))
def test_every_path_is_read_as_it_is_written(path: list[str | int]) -> None:
    assume(isinstance(path[0], str))
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    assert split(text) == path


def test_outputs_of_a_failed_action_reach_the_next_one(bench: Bench, site: Site) -> None:
    site.script("/1", Answer(404, "no such database"))
    lane = bench.lane()
    lane.start(A1, spec(url=f"{site.url}/1", policy="Continue")).wait()
    parts = [{"output": "a1", "path": path} for path in ("phase", "statusCode", "body")]
    between: list[object] = [parts[0], "/", parts[1], "/", parts[2]]
    what = spec(url=f"{site.url}/2", after=["a1"], policy="Continue", holes=[{"at": "/http/body", "parts": between}])

    assert lane.start(A2, what).wait() == 0
    assert site.received[1].body == b"Failed/404/no such database"


def test_an_action_that_asks_for_a_missing_output_fails_and_sends_nothing(bench: Bench, site: Site) -> None:
    site.script("/1", Answer(200, '{"port": 5432}'))
    lane = bench.lane()
    lane.start(A1, spec(url=f"{site.url}/1")).wait()
    hole = {"at": "/http/url", "parts": [site.url, "/", {"output": "a1", "path": "json.host"}]}

    assert lane.start(A2, spec(after=["a1"], holes=[hole])).wait() == 2
    state = bench.record(A2)["state"]
    assert (state["reason"], state["message"]) == (
        "OutputMissing",
        "action s1.w1.a1 (Succeeded) has no output json.host",
    )
    assert "sent" not in state
    assert site.count() == 1


def test_an_action_that_asks_for_an_output_that_was_too_large_fails(bench: Bench, site: Site) -> None:
    site.script("/1", Answer(200, "x" * 20000))
    lane = bench.lane()
    assert lane.start(A1, spec(url=f"{site.url}/1")).wait() == 0
    hole = {"at": "/http/body", "parts": [{"output": "a1", "path": "body"}]}
    assert lane.start(A2, spec(url=site.url, after=["a1"], holes=[hole])).wait() == 2
    assert bench.record(A2)["state"]["reason"] == "OutputTooLarge"
