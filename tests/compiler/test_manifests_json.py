"""JSON input: the same objects, places and faults as in YAML."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.manifests import parse
from compiler.manifests.reader import MAX_DEPTH

HEAD = {"apiVersion": "v1", "kind": "Thing"}
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=PLAIN, indent=st.sampled_from([None, 2, "\t"]), ascii_only=st.booleans())
def test_json_is_read_as_it_was_written(value: Any, indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps({**HEAD, "spec": value}, indent=indent, ensure_ascii=ascii_only)

    manifests = parse(text, file="a.json")

    assert manifests.problems == []
    assert manifests.documents[0].value == {**HEAD, "spec": value}


@given(
    value=st.dictionaries(
        st.text(), st.dictionaries(st.text(), st.lists(st.text(), max_size=3), max_size=3), max_size=4
    )
)
def test_every_value_of_a_json_object_has_its_place(value: dict[str, dict[str, list[str]]]) -> None:
    text = json.dumps({**HEAD, "spec": value}, indent=1, ensure_ascii=False)
    document = parse(text, file="a.json").documents[0]
    lines = text.split("\n")

    for outer, members in value.items():
        for inner, items in members.items():
            line, column = document.position(("spec", outer, inner))
            assert lines[line - 1][column - 1 :].startswith(json.dumps(inner, ensure_ascii=False) + ": [")
            for index, item in enumerate(items):
                line, column = document.position(("spec", outer, inner, index))
                assert lines[line - 1][column - 1 :].startswith(json.dumps(item, ensure_ascii=False))


def test_a_place_that_does_not_exist_is_that_of_its_closest_ancestor() -> None:
    document = parse('{"apiVersion": "v1", "kind": "T",\n "spec": {"a": [1]}}', file="a.json").documents[0]

    assert document.position(("spec", "b", "c")) == (2, 2)
    assert document.position(("spec", "a", 7)) == (2, 11)
    assert document.position(("spec", "a", 0, "b")) == (2, 17)
    assert document.position(("status",)) == (1, 1)


def test_items_of_a_json_list_keep_their_places() -> None:
    text = '{"kind": "List", "items": [\n{"apiVersion": "v1", "kind": "A"},\n {"apiVersion": "v1", "kind": "B"}]}'

    documents = parse(text, file="a.json").documents

    assert [document.ref.kind for document in documents] == ["A", "B"]
    assert [document.position(("kind",)) for document in documents] == [(2, 22), (3, 23)]


def test_json_objects_can_follow_each_other() -> None:
    text = '{"apiVersion": "v1", "kind": "A"}\n{"apiVersion": "v1",\n "kind": "B"} {"apiVersion": "v1", "kind": "C"}\n'

    documents = parse(text, file="a.json").documents

    assert [(document.ref.kind, document.position(("kind",))) for document in documents] == [
        ("A", (1, 22)),
        ("B", (3, 2)),
        ("C", (3, 36)),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"kind": "A", "kind": "B"}', '1:15: key "kind" is already set on line 1; keep one of the two'),
        (
            '{"kind": NaN',
            "1:13: not valid YAML: did not find expected ',' or '}' (in a flow mapping that starts on line 1)",
        ),
        (
            '{"apiVersion": "v1", "kind": "A", "x": 1e999}',
            '1:40: "1e999" is a number that JSON cannot hold; quote it if it is meant as text',
        ),
        (
            '{"kind": "\\ud800"}',
            "1:13: not valid YAML: found invalid Unicode character escape code "
            "(in a quoted scalar that starts on line 1)",
        ),
        ('["a"]', "1:1: not a Kubernetes object but a list: expected apiVersion, kind and metadata"),
        ("{}", "1:1: apiVersion and kind are required: what object is this?"),
    ],
)
def test_broken_json_is_an_error_at_its_place(text: str, expected: str) -> None:
    assert f"a.json:{expected}" in [str(problem) for problem in parse(text, file="a.json").problems]


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_nested_too_deeply_is_an_error(opening: str) -> None:
    closing = {"[": "]", "{": "}"}[opening[0]]

    for depth in (MAX_DEPTH + 1, 100_000):
        (problem,) = parse(opening * depth + "1" + closing * depth, file="a.json").problems
        assert problem.message == f"nested deeper than {MAX_DEPTH} levels"


def test_yaml_in_braces_is_yaml() -> None:
    assert parse("{apiVersion: v1, kind: A, spec: yes}", file="a.yaml").documents[0].value["spec"] is True
