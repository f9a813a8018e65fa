"""The manifest of a KubernetesResource action becomes objects, or says where it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from compiler.manifests import reader
from compiler.manifests.sources import Undecodable, check_characters
from runner.manifests import ManifestError, documents, in_kind_order
from runner.yamltext import MAX_ALIASED, MAX_DEPTH, YamlError, trees

MAP_A = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
MAP_B = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n"

scalars = st.one_of(
    st.text(alphabet="01.eE+-_xob:~yYnoNtrue ", max_size=8),
    st.sampled_from(["yes", "off", "0644", "1e3", "08", "12:30:00", "2026-11-23", ".inf", "-.INF", "null", "=", "<<"]),
    st.text(max_size=6),
)
keys = st.sampled_from(["a", "b", "name", "1", "true", "1.5", "~", "<<"])
sources = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda members: "[" + ", ".join(members) + "]"),
        st.lists(st.tuples(keys, inner), max_size=3).map(
            lambda members: "{" + ", ".join(f"{key}: {value}" for key, value in members) + "}"
        ),
        inner.map(lambda member: f"&x {member}"),
        st.sampled_from(["*x", "!!str 12", "!!int '12'", "!!int x", "!thing a", "? [a]"]),
    ),
    max_leaves=8,
)
texts = st.text(st.characters(max_codepoint=0xD7FF), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


def names(text: str) -> list[str]:
    return [value["metadata"]["name"] for value in documents(text)]


def fault(text: str) -> str:
    with pytest.raises(ManifestError) as caught:
        documents(text)
    return str(caught.value)


def test_every_document_is_an_object_and_empty_ones_are_none() -> None:
    assert names(f"---\n# nothing\n---\n{MAP_A}---\n---\n{MAP_B}...\n") == ["a", "b"]


def test_the_items_of_a_list_stand_in_its_place() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(MAP_B)]}
    nested = {"apiVersion": "v1", "kind": "List", "items": [listed, {**listed, "items": []}]}
    assert names(f"{MAP_A}---\n{json.dumps(nested)}") == ["a", "b"]


def test_an_empty_manifest_says_so() -> None:
    assert fault("# to do\n") == "the manifest holds no object"
    assert fault("kind: List\nitems: []\n") == "the manifest holds no object"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Secret\n", "apiVersion and metadata.name are required, as text"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: 12}\n", "metadata.name is required, as text"),
        ("apiVersion: v1\nkind: Secret\nmetadata: [name]\n", "metadata.name is required, as text"),
        ("apiVersion: v1\nkind: S\nmetadata: {name: a, namespace: n}\n", "metadata.namespace should be text; quote it"),
        ("- a\n", "not an object with apiVersion, kind and metadata.name"),
    ],
)
def test_what_is_no_object_is_named_by_document_and_line(text: str, message: str) -> None:
    assert fault(f"{MAP_A}---\n{text}") == f"the manifest, document 2, line 5: {message}"


def test_an_item_of_a_list_is_named_by_its_place() -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(MAP_A), {"kind": "Secret"}]})
    assert fault(text) == (
        "the manifest, document 1, line 1, items[1]: apiVersion and metadata.name are required, as text"
    )


def test_the_same_object_twice_in_one_list_is_refused() -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(MAP_A)] * 2})
    assert fault(text) == (
        "the manifest, document 1, line 1, items[1]: ConfigMap a stands already in document 1, line 1, items[0]"
    )


def test_the_same_object_twice_is_refused_whatever_the_version_of_its_kind() -> None:
    old = "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: a}\n"
    assert fault(f"{old}---\n{old.replace('v1beta1', 'v1')}") == (
        "the manifest, document 2, line 5: Deployment a stands already in document 1, line 1"
    )


def test_equal_names_of_other_kinds_groups_or_namespaces_are_other_objects() -> None:
    others = [
        MAP_A,
        MAP_A.replace("ConfigMap", "Secret"),
        MAP_A.replace("v1", "x.io/v1"),
        MAP_B + "  namespace: b\n",
        MAP_B,
    ]
    assert len(documents("\n---\n".join(others))) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 'document 2, line 7: key "a" is already set on line 5'),
        ("a: [1, 2\n", "document 2, line 5: not valid YAML: "),
        ("a: *b\n", "document 2, line 5: an alias has no anchor before it"),
        ("a: &b [*b]\n", "document 2, line 5: an alias stands inside its own anchor"),
        ("a: .inf\n", "document 2, line 5: a number that JSON cannot hold"),
        ("a: !!int x\n", "document 2, line 5: a value is not what its tag says"),
        ("a: !thing x\n", "document 2, line 5: the tag is not supported"),
        ("a:\n  [b]: c\n", "document 2, line 6: a key must be text, not a list"),
        ("~: c\n", "document 2, line 5: a key must be text, not null"),
        ("<<: 1\n", 'document 2, line 5: the merge key "<<" needs a mapping'),
        ("a: \x07\n", "line 5: not valid YAML: "),
    ],
)
def test_what_is_wrong_with_the_text_is_named_by_document_and_line(text: str, message: str) -> None:
    assert message in fault(f"{MAP_A}---\n{text}")


def test_deep_nesting_and_aliases_that_explode_end_in_an_error() -> None:
    assert f"nested deeper than {MAX_DEPTH} levels" in fault("[" * 5000)
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    assert f"more than {MAX_ALIASED} values" in fault(bomb)


def test_aliases_and_merge_keys_give_every_place_a_value_of_its_own() -> None:
    (value,) = documents(f"{MAP_A}data: &d {{x: '1'}}\ncopy: *d\nmore: {{<<: *d, z: '2'}}\n")
    assert value["data"] == value["copy"] == {"x": "1"}
    assert value["more"] == {"x": "1", "z": "2"}
    assert value["data"] is not value["copy"]


@given(json_values)
def test_json_is_read_as_what_it_is(value: Any) -> None:
    (tree,) = trees(json.dumps({"value": value}))
    assert tree.value == {"value": value}


@given(st.lists(sources.map(lambda text: f"x: {text}\n") | sources, min_size=1, max_size=3))
def test_the_runner_reads_what_the_compiler_checked_and_refuses_what_it_refused(parts: list[str]) -> None:
    text = "\n---\n".join(parts)
    try:
        check_characters(text)
    except Undecodable:
        with pytest.raises(YamlError):
            trees(text)
        return
    checked, flaws = reader.read(text)
    errors = [flaw for flaw in [*flaws, *(flaw for tree in checked for flaw in tree.flaws)] if not flaw.warning]
    try:
        read = trees(text)
    except YamlError:
        assert errors, text
        return
    assert not errors, text
    expected = [(tree.value, tree.mark[0]) for tree in checked if tree.value is not None]
    assert json.dumps([list(tree) for tree in read]) == json.dumps([list(tree) for tree in expected])


def test_what_others_need_is_written_first_and_deleted_last() -> None:
    kinds = ["Deployment", "Widget", "Service", "CustomResourceDefinition", "Ingress", "Namespace", "ConfigMap"]
    objects = [{"kind": kind} for kind in kinds]
    order = ["Namespace", "CustomResourceDefinition", "ConfigMap", "Service", "Deployment", "Widget", "Ingress"]
    assert [value["kind"] for value in in_kind_order(objects)] == order
    assert [value["kind"] for value in in_kind_order(objects, deleting=True)] == order[::-1]


@given(st.lists(st.sampled_from(["Namespace", "Secret", "Widget", "Gadget", "Job"]), max_size=8))
def test_objects_of_one_kind_keep_their_order_and_none_is_lost(kinds: list[str]) -> None:
    objects = [{"kind": kind, "n": n} for n, kind in enumerate(kinds)]
    ordered = in_kind_order(objects)
    assert sorted(value["n"] for value in ordered) == list(range(len(kinds)))
    for kind in kinds:
        assert [v["n"] for v in ordered if v["kind"] == kind] == [v["n"] for v in objects if v["kind"] == kind]
