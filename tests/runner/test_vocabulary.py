"""The runner's own copy of words and names is equal to the compiler's."""

from __future__ import annotations

import enum
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.argo import spec_text
from compiler.model import names, phases
from runner import naming, vocabulary
from runner.spec import _BLOCKS, spec_hash

ENUMS = [
    value
    for value in vars(vocabulary).values()
    if isinstance(value, type) and issubclass(value, enum.Enum) and value.__module__ == vocabulary.__name__
]
CONSTANTS = [name for name in vars(vocabulary) if name.isupper() and hasattr(names, name)]


@pytest.mark.parametrize("mine", ENUMS, ids=lambda mine: mine.__name__)
def test_every_enum_has_the_members_of_its_namesake(mine: type[enum.Enum]) -> None:
    theirs = getattr(phases, mine.__name__)
    assert {member.name: member.value for member in mine} == {member.name: member.value for member in theirs}


@pytest.mark.parametrize("name", CONSTANTS)
def test_every_constant_has_the_value_of_its_namesake(name: str) -> None:
    assert getattr(vocabulary, name) == getattr(names, name)


def test_no_label_or_annotation_is_the_runners_own() -> None:
    own = {name for name in vars(vocabulary) if name.startswith(("LABEL_", "ANNOTATION_", "KIND_"))}
    assert len(own) > 10
    assert own <= set(CONSTANTS)


def test_every_type_has_the_block_of_its_namesake() -> None:
    assert {kind.value: block for kind, block in _BLOCKS.items()} == {
        kind.value: kind.block for kind in phases.ActionType
    }


json_objects = st.dictionaries(
    st.sampled_from(["v", "name", "earlier", "undo", "http"]),
    st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(), st.lists),
)


@given(spec=json_objects, earlier=st.lists(st.text()), undo=st.none() | st.text())
def test_a_spec_has_the_same_hash_before_and_after_its_journey(
    spec: dict[str, object], earlier: list[str], undo: str | None
) -> None:
    arrived = json.loads(spec_text.spec_text(spec, earlier=earlier, undo=undo))
    assert spec_hash(arrived) == spec_text.spec_hash(spec)


@given(text=st.text(max_size=80) | st.text("ab-._Z9", max_size=80))
def test_label_values_are_made_alike(text: str) -> None:
    assert naming.label_value(text) == names.label_value(text)


@given(
    execution=st.text("abc-.9", max_size=60), uid=st.uuids().map(str), key=st.sampled_from(["s1.w1.a1", "s2.w10.h3"])
)
def test_records_are_named_alike(execution: str, uid: str, key: str) -> None:
    assert naming.record_name(execution, uid, key) == names.record_name(execution, uid, key)


@given(stage=st.integers(1, 999), use=st.integers(1, 999), action=st.integers(1, 999), hook=st.booleans())
def test_keys_are_cut_alike(stage: int, use: int, action: int, hook: bool) -> None:
    workflow = names.workflow_key(names.stage_key(stage), use)
    key = names.action_key(workflow, action, hook=hook)
    assert naming.is_action_key(key)
    assert naming.is_use_key(workflow)
    assert naming.stage_of(key) == names.stage_of(key)
    assert naming.workflow_of(key) == names.workflow_of(key) == workflow
    assert naming.within(key, names.local_key(key)) == key
