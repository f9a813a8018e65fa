"""The text in which an action travels."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler.argo.spec_text import safe_json, spec_hash, spec_text

TEXTS = st.text(st.characters(codec="utf-8")) | st.text('{}$\\" a(')
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
UNTIMED = settings(deadline=None)
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


@UNTIMED
@given(VALUES)
@example({"a": {"b": {"c": {}}}})
@example('{{workflow.name}} $(HOME) $$ {{=1+1}} \\"{')
@example({"{": "}", "$": ["\\{", '"$"']})
def test_any_value_comes_back_as_it_was(value: Any) -> None:
    assert json.loads(safe_json(value)) == value


@UNTIMED
@given(VALUES)
@example(["}", {}, "{"])
def test_no_string_has_a_brace_or_a_dollar_sign(value: Any) -> None:
    text = safe_json(value)

    assert "$" not in text
    for string in STRING.findall(text):
        assert not set("{}") & set(string)


@UNTIMED
@given(VALUES)
def test_argo_finds_nothing_to_replace(value: Any) -> None:
    assert "{{" not in safe_json(value)


@UNTIMED
@given(VALUES)
def test_the_text_is_plain_ascii_on_one_line(value: Any) -> None:
    text = safe_json(value)

    assert text.isascii()
    assert "\n" not in text


def test_a_spec_says_what_lies_in_an_earlier_lane_only_when_something_does() -> None:
    spec = {"v": 1, "after": ["a1"]}

    assert json.loads(spec_text(spec)) == spec
    assert json.loads(spec_text(spec, earlier=["a1"])) == {**spec, "earlier": ["a1"]}
    assert json.loads(spec_text(spec, undo="pay-1a2b3c4d5e")) == {**spec, "undo": "pay-1a2b3c4d5e"}


def test_the_hash_is_about_what_is_asked_for_and_not_about_where_it_lies() -> None:
    spec = {"v": 1, "after": ["a1"], "http": {"url": "http://x/"}}

    assert spec_hash({**spec, "earlier": ["a1"], "undo": "r"}) == spec_hash(spec)
    assert spec_hash(dict(reversed(spec.items()))) == spec_hash(spec)
    assert spec_hash({**spec, "http": {"url": "http://y/"}}) != spec_hash(spec)
