"""Values → YAML and JSON text that people can read and every reader takes for the same values."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from compiler.manifests import parse, to_json, to_yaml

HEAD = {"apiVersion": "v1", "kind": "Thing"}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TRAPS = st.sampled_from(
    [
        "yes",
        "y",
        "1e3",
        "0644",
        "08",
        "12:30:00",
        "2026-11-23",
        "~",
        "<<",
        "=",
        "- a",
        "a: b",
        "#",
        "&a",
        "*a",
        "!x",
        "|",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT | TRAPS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | TRAPS, inner, max_size=4),
    max_leaves=12,
)


def written(value: Any) -> str:
    return to_yaml([{"value": value}])


@given(value=VALUES)
@example(value="\n a")
@example(value="a\n\n")
@example(value="  \n")
@example(value="a\r\nb")
@example(value="\ta\n\tb\n")
@example(value="a \nb\n")
@example(value="\u2028\u0085\ufeff\x7f")
@example(value="😀\n😀")
def test_what_is_written_is_read_as_the_same_value(value: Any) -> None:
    text = to_yaml([{**HEAD, "spec": value}])

    manifests = parse(text, file="a.yaml")

    assert manifests.problems == []
    assert manifests.documents[0].value == {**HEAD, "spec": value}


@given(value=VALUES)
def test_other_readers_of_yaml_read_the_same_value(value: Any) -> None:
    assert yaml.safe_load(written(value)) == {"value": value}


@given(values=st.lists(st.dictionaries(TEXT, VALUES, max_size=2), max_size=3))
def test_several_objects_are_several_documents(values: list[dict[str, Any]]) -> None:
    objects = [{**HEAD, "spec": value} for value in values]

    assert [document.value for document in parse(to_yaml(objects), file="a.yaml").documents] == objects


def test_keys_keep_their_order() -> None:
    assert written({"b": 1, "a": 2}) == "value:\n  b: 1\n  a: 2\n"


def test_documents_are_joined_by_markers() -> None:
    assert to_yaml([{"a": 1}, {"b": 2}]) == "a: 1\n---\nb: 2\n"


def test_text_of_several_lines_is_a_block() -> None:
    assert written("#!/bin/sh\nset -e\n\necho done\n") == "value: |\n  #!/bin/sh\n  set -e\n\n  echo done\n"
    assert written("no line break\nat the end") == "value: |-\n  no line break\n  at the end\n"


def test_long_lines_are_not_folded() -> None:
    long = "word " * 100 + "end"

    assert written(long) == f"value: {long}\n"
    assert written({"command": [long]}) == f"value:\n  command:\n  - {long}\n"


@pytest.mark.parametrize(
    "text",
    ["yes", "no", "on", "y", "N", "1e3", "08", "0o17", "1_000", "12:30:00", "2026-11-23", "null", "~", "", ".inf", "1"],
)
def test_text_that_a_reader_could_take_for_something_else_is_quoted(text: str) -> None:
    assert written(text) == f"value: '{text}'\n"
    assert to_yaml([{text: 1}]) == f"'{text}': 1\n"


def test_a_value_that_is_used_twice_is_written_twice() -> None:
    shared = {"a": [1]}

    assert written([shared, shared]) == "value:\n- a:\n  - 1\n- a:\n  - 1\n"


def test_letters_of_any_script_are_written_as_they_are() -> None:
    assert written("灾备预案 é") == "value: 灾备预案 é\n"
    assert to_json({"a": "灾备"}) == '{\n  "a": "灾备"\n}\n'


def test_members_of_enums_are_written_as_their_values() -> None:
    class Colour(StrEnum):
        RED = "Red"

    assert written([Colour.RED, {"a": Colour.RED}]) == "value:\n- Red\n- a: Red\n"
    assert json.loads(to_json([Colour.RED])) == ["Red"]
