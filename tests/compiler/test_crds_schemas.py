"""The schemas of the CRDs are structural, accept every older object, and know every field of the models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.crds.definitions import KINDS, Kind, definition
from compiler.model.phases import OLD_CANCELLED, Phase
from support import draws
from support.structural_schema import defaulted, pruned, violations

Schema = dict[str, Any]

SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
SCHEMAS: dict[str, Schema] = {
    kind.name: definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for kind in KINDS
}
ACCEPTED = {
    "older DRPlan": ("DRPlan", draws.plan_objects(ours=False)),
    "DRPlan": ("DRPlan", draws.plan_objects(ours=True)),
    "older DRWorkflow": ("DRWorkflow", draws.workflow_objects(ours=False)),
    "DRWorkflow": ("DRWorkflow", draws.workflow_objects(ours=True)),
    "older DRPlanExecution": ("DRPlanExecution", draws.execution_objects(ours=False)),
    "DRPlanExecution": ("DRPlanExecution", draws.execution_objects(ours=True)),
    "DRActionRecord": ("DRActionRecord", draws.record_objects()),
}
FORBIDDEN_KEYS = {"$ref", "$defs", "definitions", "title", "anyOf", "oneOf", "allOf", "not", "const", "nullable", "id"}


def nodes(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Yield every node of a schema with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key], path + mark)


NODES = [(path, node) for name, schema in SCHEMAS.items() for path, node in nodes(schema, name)]


def at(path: str) -> Schema:
    """Return the node at a path."""
    return next(node for where, node in NODES if where == path)


@pytest.mark.parametrize("which", ACCEPTED)
@SLOW
@given(data=st.data())
def test_the_schema_accepts_the_object_and_knows_all_its_fields(which: str, data: st.DataObject) -> None:
    kind, strategy = ACCEPTED[which]
    drawn = data.draw(strategy)
    without_metadata = {name: value for name, value in drawn.items() if name != "metadata"}
    assert list(violations(SCHEMAS[kind], drawn)) == []
    assert pruned(SCHEMAS[kind], without_metadata) == without_metadata


@pytest.mark.parametrize("which", ACCEPTED)
@SLOW
@given(data=st.data())
def test_an_object_is_still_accepted_with_the_defaults_written_into_it(which: str, data: st.DataObject) -> None:
    kind, strategy = ACCEPTED[which]
    assert list(violations(SCHEMAS[kind], defaulted(SCHEMAS[kind], data.draw(strategy)))) == []


def test_every_node_has_a_type_or_any_value() -> None:
    untyped = [
        path
        for path, node in NODES
        if "type" not in node
        and not node.get("x-kubernetes-int-or-string")
        and not node.get("x-kubernetes-preserve-unknown-fields")
    ]
    assert untyped == []


def test_no_node_has_a_key_that_structural_schemas_forbid() -> None:
    assert [(path, sorted(FORBIDDEN_KEYS & node.keys())) for path, node in NODES if FORBIDDEN_KEYS & node.keys()] == []


def test_every_required_field_is_a_property() -> None:
    missing = [
        f"{path}.{name}"
        for path, node in NODES
        for name in node.get("required", ())
        if name not in node.get("properties", {})
    ]
    assert missing == []


def test_no_object_has_both_properties_and_additional_properties() -> None:
    assert [path for path, node in NODES if {"properties", "additionalProperties"} <= node.keys()] == []


def test_every_list_says_what_its_items_are() -> None:
    assert [path for path, node in NODES if node.get("type") == "array" and not node.get("items")] == []


def test_every_default_is_a_value_of_its_schema() -> None:
    wrong = [path for path, node in NODES if "default" in node and list(violations(node, node["default"]))]
    assert wrong == []


def test_no_field_with_a_default_is_required() -> None:
    both = [
        f"{path}.{name}"
        for path, node in NODES
        for name in node.get("required", ())
        if "default" in node["properties"][name]
    ]
    assert both == []


def test_every_field_is_described_by_a_sentence() -> None:
    undescribed = [
        f"{path}.{name}"
        for path, node in NODES
        for name, child in node.get("properties", {}).items()
        if not str(child.get("description", "")).endswith((".", "`", ")")) and name != "metadata"
    ]
    assert undescribed == []


def test_every_list_in_a_status_is_one_value_but_for_conditions() -> None:
    kinds = {
        path: node.get("x-kubernetes-list-type")
        for path, node in NODES
        if node.get("type") == "array" and path.split(".")[1] in ("status", "state")
    }
    assert {path for path, kind in kinds.items() if kind == "map"} == {
        f"{kind}.status.conditions" for kind in ("DRPlan", "DRWorkflow", "DRPlanExecution")
    }
    assert set(kinds.values()) == {"map", "atomic"}


def test_every_phase_in_a_status_may_still_be_canceled() -> None:
    phases = [node for path, node in NODES if path.startswith("DRPlanExecution.status") and path.endswith(".phase")]
    assert phases
    assert all(set(node["enum"]) == {*Phase, OLD_CANCELLED} for node in phases)


@pytest.mark.parametrize(
    "path",
    [
        "DRWorkflow.spec.actions[].rollback",
        "DRWorkflow.spec.actions[].job.template.spec",
        "DRWorkflow.spec.actions[].helmChart.spec",
        "DRWorkflow.spec.actions[].subscription.spec.subscribers[]",
        "DRActionRecord.state.values",
    ],
)
def test_what_is_not_ours_keeps_all_its_fields(path: str) -> None:
    node = at(path)
    assert (node["type"], node["x-kubernetes-preserve-unknown-fields"]) == ("object", True)


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("DRPlan", {}),
        ("DRWorkflow", {}),
        ("DRPlanExecution", {".spec": ["cannot modify spec after creation"]}),
        ("DRActionRecord", {".spec": ["cannot modify spec after creation, except execution"]}),
    ],
)
def test_rules_in_cel_refuse_only_what_was_refused_before(kind: str, rules: dict[str, list[str]]) -> None:
    found = {
        path.removeprefix(kind): [rule["message"] for rule in node["x-kubernetes-validations"]]
        for path, node in NODES
        if path.split(".")[0] == kind and "x-kubernetes-validations" in node
    }
    assert found == rules


def test_the_immutable_fields_of_a_record_are_all_but_its_execution() -> None:
    spec = at("DRActionRecord.spec")
    [rule] = spec["x-kubernetes-validations"]
    compared = {name for name in spec["properties"] if f"self.{name} == oldSelf.{name}" in rule["rule"]}
    assert compared == set(spec["properties"]) - {"execution"}
    assert compared == set(spec["required"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name))
def test_columns_and_selectable_fields_name_fields_that_exist(kind: Kind) -> None:
    version = definition(kind)["spec"]["versions"][0]
    paths = [column["jsonPath"] for column in version["additionalPrinterColumns"]]
    for path in [*paths, *(field["jsonPath"] for field in version.get("selectableFields", ()))]:
        plain = path.split("[?")[0]
        if not path.startswith(".metadata."):
            assert at(kind.name + plain)["type"] in ("string", "integer", "array")


VALID = {"spec": {"planRef": "p", "operationType": "Execute"}}


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("DRPlan", {}, ".spec: is required"),
        ("DRPlan", {"spec": {"stages": []}}, ".spec.stages: needs at least 1 items"),
        ("DRPlanExecution", {"spec": {"planRef": "p"}}, ".spec.operationType: is required"),
        ("DRPlanExecution", {**VALID, "status": {"phase": "Done"}}, "'Done' is not one of"),
        ("DRPlanExecution", {**VALID, "status": {"epoch": 2**31}}, ".status.epoch: 2147483648 does not fit int32"),
        ("DRPlanExecution", {**VALID, "status": {"startTime": "noon"}}, "'noon' is no date-time"),
        ("DRPlanExecution", {"spec": {**VALID["spec"], "force": "yes"}}, "'yes' is not of type boolean"),
    ],
)
def test_the_schema_refuses(kind: str, value: dict[str, Any], message: str) -> None:
    assert any(message in violation for violation in violations(SCHEMAS[kind], value))
