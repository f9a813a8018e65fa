"""Shapes: faults in plain words at their place, unknown fields, and reading on behind a fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from compiler.manifests import parse, to_yaml
from compiler.manifests.kinds import model_of
from compiler.rules import check, lenient
from support import draws
from support.checked import errors, place, problems, warnings
from support.plans import execution, http, plan, stage, workflow

UNDO = {"http": {"url": "http://site.example/undo"}}
KINDS = {
    "DRPlan": draws.plan_objects(ours=True),
    "DRWorkflow": draws.workflow_objects(ours=True),
    "DRPlanExecution": draws.execution_objects(ours=True),
    "DRActionRecord": draws.record_objects(),
}


def changed(**fields: Any) -> dict[str, Any]:
    """A workflow with one HTTP action, some fields of which are changed."""
    return workflow("mysql", http("call", rollback=UNDO) | fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"timeout": 300}, 'spec.actions[0].timeout must be text, not a number; quote it: "300"'),
        ({"timeout": True}, 'spec.actions[0].timeout must be text, not true; quote it: "true"'),
        ({"when": ["a"]}, "spec.actions[0].when must be text, not a list"),
        ({"dependsOn": "a"}, "spec.actions[0].dependsOn must be a list, not text"),
        ({"dependsOn": [1]}, 'spec.actions[0].dependsOn[0] must be text, not a number; quote it: "1"'),
        ({"waitReady": "true"}, "spec.actions[0].waitReady must be true or false, not text"),
        ({"retryPolicy": {"limit": "3"}}, "spec.actions[0].retryPolicy.limit must be a whole number, not text"),
        (
            {"retryPolicy": {"limit": 3.5}},
            "spec.actions[0].retryPolicy.limit must be a whole number, not a decimal number",
        ),
        ({"retryPolicy": []}, "spec.actions[0].retryPolicy must be a mapping, not a list"),
        ({"rollback": "undo"}, "spec.actions[0].rollback must be a mapping, not text"),
        (
            {"clusterExecutionMode": "Everywhere"},
            'spec.actions[0].clusterExecutionMode must be Global or PerCluster, not "Everywhere"',
        ),
        ({"http": "http://x/"}, "spec.actions[0].http must be a mapping, not text"),
        (
            {"http": {"url": "http://x/", "headers": {"a": 1}}},
            'spec.actions[0].http.headers.a must be text, not a number; quote it: "1"',
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_explained_in_plain_words(fields: dict[str, Any], expected: str) -> None:
    assert errors(changed(**fields)) == [expected]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("text", ["spec must be a mapping, not text"]),
        ([], ["spec must be a mapping, not a list"]),
        (None, ["at least one stage is required"]),
        ({}, ["at least one stage is required"]),
        ({"stages": {}}, ["spec.stages must be a list, not a mapping"]),
        ({"stages": ["db"]}, ["spec.stages[0] must be a mapping, not text"]),
    ],
)
def test_a_spec_that_is_none_is_one_error(spec: Any, expected: list[str]) -> None:
    assert errors(plan() | {"spec": spec}) == expected


def test_a_field_that_is_null_is_absent() -> None:
    assert errors(changed(timeout=None, when=None, rollback=UNDO)) == []


def _without_older_words(value: dict[str, Any]) -> dict[str, Any]:
    """Replace the words that the models read as others."""
    older = (('"Canceled"', '"Cancelled"'), ('"clusterExecutionMode": ""', '"clusterExecutionMode": "Global"'))
    text = json.dumps(value)
    for word, read_as in older:
        text = text.replace(word, read_as)
    replaced: dict[str, Any] = json.loads(text)
    return replaced


def test_a_fault_does_not_hide_the_others() -> None:
    manifest = workflow("mysql", "text", http("a", timeout=5), {"name": "b", "type": "FTP"}, failurePolicy="Stop")

    assert errors(manifest) == [
        'spec.failurePolicy must be FailFast or Continue, not "Stop"',
        "spec.actions[0] must be a mapping, not text",
        'spec.actions[1].timeout must be text, not a number; quote it: "5"',
        "action[2] 'b': unsupported action type 'FTP'",
    ]


@pytest.mark.parametrize(
    ("line", "fragment", "expected"),
    [
        ("  failurePolicy: Stop", "must be FailFast", "7:3"),
        ("  failurepolicy: Continue", "unknown field", "7:3"),
        ("  parameters: [{name: a}, {name: a}]", "duplicate parameter", "7:28"),
        ("  parameters: [{name: a}, {default: a}]", "name is required", "7:27"),
    ],
)
def test_a_problem_is_placed_at_the_field_or_at_what_lacks_it(line: str, fragment: str, expected: str) -> None:
    text = (
        "apiVersion: dr.bkbcs.tencent.com/v1alpha1\nkind: DRWorkflow\nmetadata: {name: a}\nspec:\n"
        f"  actions:\n  - {{name: a, type: HTTP, http: {{url: 'http://x/'}}}}\n{line}\n"
    )

    assert place(text, fragment) == expected


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (plan(stage("db"), failurepolicy="Stop"), 'unknown field "spec.failurepolicy"; did you mean "failurePolicy"?'),
        (plan() | {"sepc": {}}, 'unknown field "sepc"; did you mean "spec"?'),
        (plan(stage("db", dependson=["a"])), 'unknown field "spec.stages[0].dependson"; did you mean "dependsOn"?'),
        (plan(stage("db", colour="red")), 'unknown field "spec.stages[0].colour"'),
        (changed(timout="5m"), 'unknown field "spec.actions[0].timout"; did you mean "timeout"?'),
        (changed(depends_on=[]), 'unknown field "spec.actions[0].depends_on"; did you mean "dependsOn"?'),
        (changed(rollback={**UNDO, "wen": "x"}), 'unknown field "spec.actions[0].rollback.wen"; did you mean "when"?'),
        (execution(operation="Execute"), 'unknown field "spec.operation"; did you mean "operationType"?'),
    ],
)
def test_an_unknown_field_next_to_a_known_name_is_refused_and_any_other_is_a_warning(
    manifest: dict[str, Any], expected: str
) -> None:
    assert expected in (errors(manifest) if "did you mean" in expected else warnings(manifest))


def test_fields_of_other_projects_and_of_the_status_are_not_judged() -> None:
    feed = {"apiVersion": "v1", "kind": "Service", "name": "web", "colour": "red"}
    member = {
        "name": "call",
        "type": "Localization",
        "localization": {"name": "a", "namespace": "b", "spec": {"feed": feed, "shape": "round"}},
        "rollback": UNDO | {"type": "HTTP"},
    }
    manifest = workflow("mysql", member) | {"status": {"mood": "good"}}
    manifest["metadata"] |= {"managedFields": [], "selfLink": "x"}

    assert problems(manifest) == []


def test_nothing_is_said_about_objects_of_other_kinds() -> None:
    assert problems({"apiVersion": "v1", "kind": "ConfigMap", "spec": {"stages": 5}}) == []


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_an_object_of_the_right_shape_has_no_fault_of_shape(kind: str, data: st.DataObject) -> None:
    value = data.draw(KINDS[kind])
    value.setdefault("apiVersion", "dr.bkbcs.tencent.com/v1alpha1")
    manifests = parse(to_yaml([value | {"kind": kind}]), file="a.yaml")

    assert not isinstance(manifests.documents[0].reading, ValidationError)
    check(manifests)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_reading_leniently_agrees_with_reading_strictly_where_that_is_possible(kind: str, data: st.DataObject) -> None:
    value = _without_older_words(data.draw(KINDS[kind]))
    model = model_of(kind)

    strictly = model.read(value).model_dump(mode="json", warnings=False)

    assert lenient.read(model, value).model_dump(mode="json", warnings=False) == strictly
