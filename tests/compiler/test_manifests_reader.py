"""YAML streams: positions, duplicate keys, aliases, merge keys, depth, several documents, and broken text."""

from __future__ import annotations

import pytest

from compiler.manifests import Document, Manifests, parse
from compiler.manifests.reader import MAX_ALIASED, MAX_DEPTH
from compiler.problems import ObjectRef

HEAD = "apiVersion: v1\nkind: Thing\n"


def read(text: str | bytes) -> Manifests:
    return parse(text, file="a.yaml")


def only(text: str | bytes) -> Document:
    manifests = read(text)
    assert manifests.problems == []
    (document,) = manifests.documents
    return document


def errors(text: str | bytes) -> list[str]:
    return [str(problem) for problem in read(text).problems]


def test_a_field_stands_where_its_key_does_and_an_item_where_it_begins() -> None:
    document = only(HEAD + "spec:\n  stages:\n    - name: db\n      flow: {a: [x, y]}\n")

    assert document.position(()) == (1, 1)
    assert document.position(("spec",)) == (3, 1)
    assert document.position(("spec", "stages")) == (4, 3)
    assert document.position(("spec", "stages", 0)) == (5, 7)
    assert document.position(("spec", "stages", 0, "name")) == (5, 7)
    assert document.position(("spec", "stages", 0, "flow", "a")) == (6, 14)
    assert document.position(("spec", "stages", 0, "flow", "a", 1)) == (6, 21)


def test_a_place_that_does_not_exist_is_that_of_its_closest_ancestor() -> None:
    document = only(HEAD + "spec:\n  stages: []\n")

    assert document.position(("spec", "stages", 3, "name")) == (4, 3)
    assert document.position(("spec", "other")) == (3, 1)
    assert document.position(("status", "phase")) == (1, 1)
    assert document.position(("kind", "deeper")) == (2, 1)


def test_columns_count_characters_not_bytes() -> None:
    assert only(HEAD + "spec: {灾备: x, b: y}\n").position(("spec", "b")) == (3, 15)


def test_a_key_that_is_there_twice_is_an_error_at_the_second_one() -> None:
    assert errors(HEAD + "spec:\n  a: 1\n  b: 2\n  a: 3\n") == [
        'a.yaml:6:3: key "a" is already set on line 4; keep one of the two'
    ]


def test_keys_that_become_the_same_text_are_the_same_key() -> None:
    assert errors(HEAD + 'spec: {1: a, "1": b}\n') == [
        'a.yaml:3:14: key "1" is already set on line 3; keep one of the two'
    ]


def test_keys_become_text_as_kubectl_makes_it() -> None:
    assert only(HEAD + "spec: {8080: a, true: b, 1.5: c, 0x10: d, 2026-11-23: e}\n").value["spec"] == {
        "8080": "a",
        "true": "b",
        "1.5": "c",
        "16": "d",
        "2026-11-23": "e",
    }


@pytest.mark.parametrize(("key", "what"), [("[a]", "a list"), ("{a: b}", "a mapping"), ("~", "null"), ("? ", "null")])
def test_a_key_that_is_no_text_is_an_error_and_the_rest_is_read(key: str, what: str) -> None:
    separator = "\n  : 1" if key.startswith("?") else " : 1"
    manifests = read(HEAD + f"spec:\n  {key}{separator}\n  b: 2\n")

    (problem,) = manifests.problems
    assert problem.message == f"a key must be text, not {what}"
    assert problem.line == 4
    assert manifests.documents[0].value["spec"] == {"b": 2}


def test_an_alias_stands_for_a_copy_with_the_places_of_its_anchor() -> None:
    document = only(HEAD + "a: &a\n  x: [1]\nb: *a\n")

    assert document.value["b"] == {"x": [1]}
    assert document.value["b"] is not document.value["a"]
    assert document.value["b"]["x"] is not document.value["a"]["x"]
    assert document.position(("b",)) == (5, 1)
    assert document.position(("b", "x")) == (4, 3)


def test_scalars_and_keys_can_have_anchors() -> None:
    assert only(HEAD + "&k name: &v web\ncopy: *v\nspec: {*k : x}\n").value == {
        "apiVersion": "v1",
        "kind": "Thing",
        "name": "web",
        "copy": "web",
        "spec": {"name": "x"},
    }


def test_a_later_anchor_of_the_same_name_wins() -> None:
    assert only(HEAD + "a: &x 1\nb: *x\nc: &x 2\nd: *x\n").value["d"] == 2


def test_anchors_end_with_their_document() -> None:
    assert errors(f"{HEAD}a: &x 1\n---\n{HEAD}b: *x\n") == ['a.yaml:7:4: alias "*x" has no anchor "&x" before it']


def test_an_alias_inside_its_own_anchor_is_an_error() -> None:
    assert errors(HEAD + "a: &x\n  b: [*x]\n") == ['a.yaml:4:7: alias "*x" stands inside its own anchor']


def test_a_billion_laughs_are_an_error() -> None:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    (message,) = errors(HEAD + "\n".join(lines))

    assert message.endswith(f"the aliases of this document stand for more than {MAX_ALIASED} values")


def test_merge_keys_fill_in_what_is_not_there() -> None:
    document = only(HEAD + "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nspec:\n  <<: [*base, *more]\n  a: 9\n")

    assert document.value["spec"] == {"a": 9, "b": 2, "c": 4}
    assert document.position(("spec", "b")) == (3, 20)
    assert document.position(("spec", "a")) == (7, 3)


def test_a_merge_key_wins_over_nothing_wherever_it_stands() -> None:
    assert only(HEAD + "base: &b {a: 1}\nspec: {a: 2, <<: *b}\n").value["spec"] == {"a": 2}
    assert only(HEAD + "spec: {<<: {a: 1}, b: 2}\n").value["spec"] == {"b": 2, "a": 1}


@pytest.mark.parametrize("value", ["text", "[text]", "5"])
def test_a_merge_key_needs_a_mapping(value: str) -> None:
    (message,) = errors(HEAD + f"spec: {{<<: {value}, b: 2}}\n")

    assert message == 'a.yaml:3:12: the merge key "<<" needs a mapping, or a list of mappings'


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert only(HEAD + 'spec: {"<<": {a: 1}}\n').value["spec"] == {"<<": {"a": 1}}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_beyond_the_limit_is_an_error_whatever_the_depth(opening: str) -> None:
    (problem,) = read(opening * 200_000).problems

    assert problem.message == f"nested deeper than {MAX_DEPTH} levels"
    assert (problem.line, problem.column) == (1, len(opening) * MAX_DEPTH + 1)


def test_aliases_cannot_nest_deeper_than_the_limit_either() -> None:
    lines = [f"a0: &a0 {'[' * 60}{']' * 60}", f"a1: &a1 {'[' * 50}*a0{']' * 50}"]

    assert errors(HEAD + "\n".join(lines)) == [f"a.yaml:4:59: nested deeper than {MAX_DEPTH} levels"]


def test_a_stream_has_one_document_between_two_markers() -> None:
    text = f"# first\n---\n{HEAD}metadata: {{name: a}}\n---\n# nothing\n---\n{HEAD}metadata: {{name: b}}\n...\n"
    manifests = read(text)

    assert manifests.problems == []
    assert [document.ref.name for document in manifests.documents] == ["a", "b"]
    assert manifests.documents[1].position(("metadata", "name")) == (11, 12)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n---\n", "--- ~\n", "\ufeff", "---"])
def test_an_empty_stream_has_no_documents_and_no_problems(text: str) -> None:
    manifests = read(text)

    assert (manifests.documents, manifests.problems) == ([], [])


def test_directives_and_document_ends_are_understood() -> None:
    text = f"%YAML 1.1\n---\n{HEAD}metadata: {{name: a}}\n...\n%YAML 1.1\n---\n{HEAD}metadata: {{name: b}}\n"

    assert [document.ref.name for document in read(text).documents] == ["a", "b"]


def test_windows_line_ends_change_nothing() -> None:
    document = only(f"---\n{HEAD}metadata:\n  name: a\n".replace("\n", "\r\n"))

    assert document.ref == ObjectRef("Thing", "default", "a")
    assert document.position(("metadata", "name")) == (5, 3)


def test_a_broken_document_does_not_hide_the_others() -> None:
    manifests = read(f"{HEAD}a: [\n---\n{HEAD}metadata: {{name: good}}\n---\n{HEAD}b: c: d\n")

    assert [document.ref.name for document in manifests.documents] == ["good"]
    assert [(problem.line, problem.column) for problem in manifests.problems] == [(3, 5), (11, 5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: c\n", "2:1: not valid YAML: a tab cannot indent; use spaces"),
        ("a: b: c\n", '1:5: not valid YAML: unexpected ": " here; indent the line, or quote the text'),
        ("a: @b\n", "1:4: not valid YAML: a value cannot start with this character; quote the text"),
        ("a: [b\n", "1:6: not valid YAML: did not find expected ',' or ']' (in a flow sequence that starts on line 1)"),
        (
            "a: 'b\n",
            "1:6: not valid YAML: the document ends in the middle of a value "
            "(in a quoted scalar that starts on line 1)",
        ),
        (
            "a: 1\nb\nc: 2\n",
            '3:1: not valid YAML: expected ": " after this text; is it a key, or wrongly indented? '
            "(in a simple key that starts on line 2)",
        ),
        (
            "a: 1\n b: 2\n",
            '2:3: not valid YAML: unexpected ": " here; indent the line, or quote the text',
        ),
        (
            "a:\n  - b\n c: d\n",
            "3:2: not valid YAML: expected a key here; check the indentation "
            "(in a block mapping that starts on line 1)",
        ),
    ],
)
def test_broken_yaml_is_explained_in_plain_words_at_its_place(text: str, expected: str) -> None:
    assert errors(text) == [f"a.yaml:{expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", "1:1: not a Kubernetes object but a list: expected apiVersion, kind and metadata"),
        ("text\n", "1:1: not a Kubernetes object but text: expected apiVersion, kind and metadata"),
        ("5\n", "1:1: not a Kubernetes object but the value 5: expected apiVersion, kind and metadata"),
        ("a: 1\n", "1:1: apiVersion and kind are required: what object is this?"),
        ("kind: Thing\n", "1:1: apiVersion is required: what object is this?"),
        ("apiVersion: v1\nkind: 5\n", "2:1: kind is required: what object is this?"),
        (
            "apiVersion: dr.bkbcs.tencent.com/v1\nkind: DRPlan\n",
            '1:1: unknown apiVersion "dr.bkbcs.tencent.com/v1" of DRPlan; write dr.bkbcs.tencent.com/v1alpha1',
        ),
        (
            "apiVersion: apps/v1\nkind: DRWorkflow\n",
            '1:1: unknown apiVersion "apps/v1" of DRWorkflow; write dr.bkbcs.tencent.com/v1alpha1',
        ),
        (
            "apiVersion: dr.bkbcs.tencent.com/v1alpha1\nkind: DRPlam\n",
            '2:1: unknown kind "DRPlam" of dr.bkbcs.tencent.com; known are DRPlan, DRWorkflow, DRPlanExecution, '
            "DRActionRecord",
        ),
    ],
)
def test_what_is_no_object_of_a_known_kind_is_an_error(text: str, expected: str) -> None:
    assert errors(text) == [f"a.yaml:{expected}"]


@pytest.mark.parametrize("kind", ["List", "DRPlanList", "ConfigMapList"])
def test_a_list_is_its_items_with_their_own_places(kind: str) -> None:
    manifests = read(
        f"apiVersion: v1\nkind: {kind}\nitems:\n"
        "  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: a, namespace: b}\n"
        "  - text\n"
        "  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: c}\n"
    )

    assert [str(document.ref) for document in manifests.documents] == ["ConfigMap b/a", "ConfigMap default/c"]
    assert manifests.documents[1].position(("metadata", "name")) == (10, 16)
    assert [str(problem) for problem in manifests.problems] == [
        "a.yaml:7:5: not a Kubernetes object but text: expected apiVersion, kind and metadata"
    ]


def test_a_problem_of_a_text_names_its_object() -> None:
    manifests = read("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, name: b}\n")

    (problem,) = manifests.problems
    assert (problem.kind, problem.name) == ("ConfigMap", "a")
