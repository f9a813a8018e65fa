"""Merge patches: what is sent makes the one of the other, and says no more than it has to."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncer.writing import merge_patch

VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


def merged(value: Any, patch: Any) -> Any:
    """What RFC 7396 says that an API server does."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change)
    return result


@given(OBJECTS, OBJECTS)
def test_the_patch_makes_the_one_of_the_other(before, after):
    assert merged(before, merge_patch(before, after)) == after


@given(OBJECTS)
def test_there_is_nothing_to_say_where_nothing_changes(value):
    assert merge_patch(value, value) == {}


def test_only_what_changes_is_sent_and_lists_are_sent_whole():
    before = {"phase": "Running", "summary": {"done": 1, "all": 2}, "stages": [1, 2], "message": "x"}
    after = {"phase": "Running", "summary": {"done": 2, "all": 2}, "stages": [1, 3]}
    assert merge_patch(before, after) == {"summary": {"done": 2}, "stages": [1, 3], "message": None}
