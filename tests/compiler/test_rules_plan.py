"""What makes a DRPlan wrong, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from support.checked import errors, warnings
from support.plans import http, plan, stage, use, workflow

UNDONE = {"http": {"url": "http://site.example/undo"}}
MYSQL = workflow("mysql", http("promote", rollback=UNDONE))
REDIS = workflow("redis", http("promote", rollback=UNDONE))


def test_a_plan_that_keeps_all_rules_has_no_problems() -> None:
    manifest = plan(
        stage("db", "mysql", use("redis"), parallel=True),
        stage("web", "mysql", dependsOn=["db"], failurePolicy="Continue", dependsOnPolicy="Succeeded"),
        failurePolicy="Continue",
    )

    assert errors(manifest, MYSQL, REDIS) == []
    assert warnings(manifest, MYSQL, REDIS) == []


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param([], ["at least one stage is required"], id="no stages"),
        pytest.param(
            [stage("db", "mysql"), stage("db", "mysql")], ["stage[1]: duplicate stage name 'db'"], id="two of one name"
        ),
        pytest.param([stage("", "mysql")], ["stage[0]: name is required"], id="empty name"),
        pytest.param([{"workflows": [use("mysql")]}], ["stage[0]: name is required"], id="no name"),
        pytest.param([stage("db")], ["stage[0] 'db': at least one workflow is required"], id="no workflows"),
        pytest.param([{"name": "db"}], ["stage[0] 'db': at least one workflow is required"], id="workflows absent"),
        pytest.param(
            [stage("db", "mysql", "")],
            ["stage[0] 'db' workflow[1]: workflowRef.name is required"],
            id="empty reference",
        ),
        pytest.param(
            [{"name": "db", "workflows": [{}]}],
            ["stage[0] 'db' workflow[0]: workflowRef.name is required"],
            id="no reference",
        ),
        pytest.param(
            [stage("db", "mysql", dependsOn=["net"])],
            ["stage[0] 'db': depends on non-existent stage 'net'"],
            id="unknown dependency",
        ),
        pytest.param(
            [stage("db", "mysql", dependsOn=["db"])],
            ["cycle detected in stage dependencies: [db db]", "stage[0] 'db': cannot depend on itself"],
            id="itself",
        ),
        pytest.param(
            [stage("a", "mysql", dependsOn=["b"]), stage("b", "mysql", dependsOn=["a"])],
            ["cycle detected in stage dependencies: [a b a]"],
            id="cycle",
        ),
    ],
)
def test_stages_that_make_no_plan_are_errors(stages: list[dict[str, Any]], expected: list[str]) -> None:
    assert errors(plan(*stages), MYSQL) == expected


def test_all_that_is_wrong_is_said_at_once() -> None:
    manifest = plan(stage("", "mysql"), stage("db"), stage("db", "mysql", dependsOn=["x"]), failurePolicy="Never")

    assert len(errors(manifest, MYSQL)) == 5


def test_a_stage_may_depend_on_one_that_is_listed_later() -> None:
    assert errors(plan(stage("a", "mysql", dependsOn=["b"]), stage("b", "mysql")), MYSQL) == []


def test_a_workflow_may_be_used_any_number_of_times() -> None:
    assert errors(plan(stage("a", "mysql", "mysql"), stage("b", "mysql")), MYSQL) == []


def test_a_workflow_that_is_not_there_is_a_warning_because_it_may_come_later() -> None:
    assert errors(plan(stage("db", "mysql"))) == []
    assert warnings(plan(stage("db", "mysql"))) == ["stage[0] 'db' workflow[0]: workflow dr/mysql not found"]


def test_a_workflow_of_another_namespace_is_looked_up_there() -> None:
    reference = {"workflowRef": {"name": "mysql", "namespace": "shared"}}
    shared = workflow("mysql", http("promote", rollback=UNDONE), namespace="shared")

    assert warnings(plan(stage("db", reference)), MYSQL) == [
        "stage[0] 'db' workflow[0]: workflow shared/mysql not found"
    ]
    assert [warning.split(" and ")[0] for warning in warnings(plan(stage("db", reference)), shared)] == [
        "stage[0] 'db' workflow[0]: workflow shared/mysql is of another namespace"
    ]


@pytest.mark.parametrize("namespaces", ["*", "dr", "other, dr"])
def test_a_workflow_that_is_shared_with_the_plan_is_no_warning(namespaces: str) -> None:
    reference = {"workflowRef": {"name": "mysql", "namespace": "shared"}}
    shared = workflow("mysql", http("promote", rollback=UNDONE), namespace="shared")
    shared["metadata"]["annotations"] = {"dr.bkbcs.tencent.com/shared-with": namespaces}

    assert warnings(plan(stage("db", reference)), shared) == []


def test_a_workflow_that_is_broken_itself_is_not_reported_missing() -> None:
    broken = workflow("mysql", {"name": "a", "type": "FTP"})

    assert warnings(plan(stage("db", "mysql")), broken) == []


def test_a_workflow_that_is_not_ready_is_a_warning() -> None:
    invalid = {**MYSQL, "status": {"phase": "Invalid"}}
    ready = {**MYSQL, "status": {"phase": "Ready"}}

    assert warnings(plan(stage("db", "mysql")), invalid) == [
        "stage[0] 'db' workflow[0]: workflow dr/mysql is not ready (phase=Invalid)"
    ]
    assert warnings(plan(stage("db", "mysql")), ready) == []


def test_one_workflow_alone_need_not_be_parallel() -> None:
    assert warnings(plan(stage("db", "mysql", parallel=True)), MYSQL) == [
        "stage[0] 'db': parallel=true with only one workflow, consider setting parallel=false"
    ]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"value": "x"}], ["globalParams[0]: name is required"]),
        ([{"name": "", "value": "x"}], ["globalParams[0]: name is required"]),
        (
            [{"name": "a", "value": "x"}, {"name": "a", "value": "y"}],
            ["globalParams[1]: duplicate parameter name 'a'"],
        ),
        (
            [{"name": "9a", "value": "x"}],
            ['globalParams[0]: parameter name "9a" must match [a-zA-Z][a-zA-Z0-9_-]*'],
        ),
        (
            [{"name": "mode", "value": "install"}],
            ['globalParams[0]: parameter name "mode" is reserved; use spec.mode field instead'],
        ),
        (
            [{"name": "a", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            ["globalParams[0](a): value and valueFrom are mutually exclusive"],
        ),
        ([{"name": "a", "valueFrom": {}}], ["globalParams[0](a).valueFrom: give one of manifestRef and secretKeyRef"]),
        (
            [
                {
                    "name": "a",
                    "valueFrom": {
                        "secretKeyRef": {"name": "", "key": ""},
                        "manifestRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "jsonPath": "{.a}"},
                    },
                }
            ],
            [
                "globalParams[0](a).valueFrom: give exactly one of manifestRef and secretKeyRef",
                "globalParams[0](a).valueFrom.secretKeyRef: name is required",
                "globalParams[0](a).valueFrom.secretKeyRef: key is required",
            ],
        ),
        (
            [{"name": "a", "valueFrom": {"manifestRef": {"name": "p"}}}],
            [
                f"globalParams[0](a).valueFrom.manifestRef: {field} is required"
                for field in ("apiVersion", "kind", "jsonPath")
            ],
        ),
        (
            [
                {
                    "name": "a",
                    "valueFrom": {
                        "manifestRef": {
                            "apiVersion": "v1",
                            "kind": "Secret",
                            "jsonPath": "{.a}",
                            "name": "p",
                            "labelSelector": "a=b",
                            "select": "Best",
                        }
                    },
                }
            ],
            [
                "globalParams[0](a).valueFrom.manifestRef: a Secret cannot be read into a parameter; use secretKeyRef",
                "globalParams[0](a).valueFrom.manifestRef: name and labelSelector are mutually exclusive",
                'globalParams[0](a).valueFrom.manifestRef: select must be one of Last/First/Single/Any, got "Best"',
            ],
        ),
        (
            [{"name": "a", "type": "number", "value": "ten"}],
            ['globalParams[0](a): "ten" is not a number, as its declaration demands'],
        ),
        (
            [{"name": "a", "type": "boolean", "default": "yes"}],
            ['globalParams[0](a): "yes" is neither true nor false, as its declaration demands'],
        ),
    ],
)
def test_global_parameters_that_cannot_be_used_are_errors(entries: list[dict[str, Any]], expected: list[str]) -> None:
    assert sorted(errors(plan(stage("db", "mysql"), globalParams=entries), MYSQL)) == sorted(expected)


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "a", "value": ""},
        {"name": "a-b_C9", "value": "x"},
        {"name": "a", "type": "number", "value": "-1.5e3"},
        {"name": "a", "type": "boolean", "value": "true"},
        {"name": "a", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "a", "value": "", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {
            "name": "a",
            "valueFrom": {"manifestRef": {"apiVersion": "v1", "kind": "Pod", "jsonPath": "{.a}", "name": "p"}},
        },
        {"name": "operation", "value": "x"},
    ],
)
def test_global_parameters_that_can_be_used_are_no_errors(entry: dict[str, Any]) -> None:
    assert errors(plan(stage("db", "mysql"), globalParams=[entry]), MYSQL) == []


def test_a_reference_to_any_object_of_a_kind_is_a_warning() -> None:
    reference = {"manifestRef": {"apiVersion": "v1", "kind": "Pod", "jsonPath": "{.a}"}}

    assert warnings(plan(stage("db", "missing"), globalParams=[{"name": "a", "valueFrom": reference}]))[0] == (
        "globalParams[0](a).valueFrom.manifestRef: neither name nor labelSelector: any Pod matches"
    )


def test_a_placeholder_in_a_value_is_a_warning_because_values_are_not_rendered() -> None:
    entries = [{"name": "a", "value": "$(params.b)"}, {"name": "b", "value": "$$(params.a) $(date)"}]

    assert warnings(plan(stage("db", "missing"), globalParams=entries))[0] == (
        "globalParams[0](a): value holds a placeholder, but values are not rendered"
    )


def test_stage_parameters_keep_the_same_rules_and_cannot_read_objects() -> None:
    reference = {"manifestRef": {"apiVersion": "v1", "kind": "Pod", "jsonPath": "{.a}", "name": "p"}}
    entries = [{"name": "9a", "value": "x"}, {"name": "b", "valueFrom": reference}]
    manifest = plan(stage("db", {"workflowRef": {"name": "mysql"}, "params": entries}))

    assert errors(manifest, MYSQL) == [
        "stage[0] 'db' workflow[0].params[0]: parameter name \"9a\" must match [a-zA-Z][a-zA-Z0-9_-]*",
        "stage[0] 'db' workflow[0].params[1](b).valueFrom.manifestRef: only globalParams of a plan and params of an "
        "execution can take values from objects",
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, "metadata.name is required"),
        ({"name": "Upper"}, 'metadata.name "Upper" is not valid'),
        ({"name": "a_b"}, 'metadata.name "a_b" is not valid'),
        ({"name": "a" * 254}, "at most 253 characters"),
        ({"name": "a", "namespace": "a.b"}, 'metadata.namespace "a.b" is not valid'),
    ],
)
def test_objects_have_names_that_the_api_server_takes(metadata: dict[str, str], expected: str) -> None:
    (message,) = errors({**plan(stage("db", "mysql")), "metadata": metadata})

    assert expected in message


@pytest.mark.parametrize("metadata", [{"name": "a.b-c.9"}, {"generateName": "pay-"}])
def test_objects_may_have_dns_names_or_generated_ones(metadata: dict[str, str]) -> None:
    assert errors({**plan(stage("db", "mysql")), "metadata": metadata}) == []


def test_the_same_object_twice_is_an_error_that_names_the_first_one() -> None:
    assert errors(plan(stage("db", "mysql")), MYSQL, MYSQL) == ["DRWorkflow dr/mysql is already defined at a.yaml:13"]
