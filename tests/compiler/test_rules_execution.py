"""What makes a DRPlanExecution wrong, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from support.checked import errors, warnings
from support.plans import execution, http, plan, stage, workflow

MYSQL = workflow("mysql", http("promote", rollback={"http": {"url": "http://site.example/undo"}}))
PLAN = plan(stage("db", "mysql"))
REVERT = {"operationType": "Revert", "revertExecutionRef": "pay-0"}


def target(**spec: Any) -> dict[str, Any]:
    """The execution that a Revert of these tests names, with a status."""
    status = spec.pop("status", {"phase": "Succeeded"})
    return execution("pay-0", **spec) | {"status": status}


@pytest.mark.parametrize(
    "manifest", [execution(), execution(mode="Install"), execution(**REVERT), execution(mode="Rollback", **REVERT)]
)
def test_an_execution_alone_is_judged_by_itself_alone(manifest: dict[str, Any]) -> None:
    assert errors(manifest) == []
    assert warnings(manifest) == []


def test_an_execution_with_its_plan_and_workflows_has_no_problems() -> None:
    assert errors(execution(), PLAN, MYSQL) == []
    assert warnings(execution(), PLAN, MYSQL) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"planRef": ""}, "planRef is required"),
        ({"operationType": "Revert"}, "revertExecutionRef is required for Revert operation"),
        ({"operationType": "Revert", "revertExecutionRef": ""}, "revertExecutionRef is required for Revert operation"),
        (
            {"revertExecutionRef": "pay-0"},
            "revertExecutionRef is for operationType Revert only; an Execute runs the plan forward",
        ),
        ({"operationType": "Undo"}, 'spec.operationType must be Execute or Revert, not "Undo"'),
        ({"mode": "Sometimes"}, 'spec.mode must be Install, Upgrade, Delete or Rollback, not "Sometimes"'),
        ({"ttlSecondsAfterFinished": -1}, "spec.ttlSecondsAfterFinished must be at least 0, not -1"),
    ],
)
def test_a_spec_that_cannot_be_run_is_an_error(spec: dict[str, Any], expected: str) -> None:
    manifest = execution()
    manifest["spec"].update(spec)

    assert errors(manifest) == [expected]


def test_an_execution_without_anything_says_all_that_it_needs() -> None:
    assert errors({**execution(), "spec": {}}) == ["spec.operationType is required", "planRef is required"]


@pytest.mark.parametrize(
    ("status", "spec", "expected"),
    [
        ({"phase": "Invalid"}, {}, ["plan pay is not ready (phase=Invalid)"]),
        ({"phase": "Ready"}, {}, []),
        ({"phase": "Executed"}, {}, []),
        ({}, {"suspend": True}, ["plan pay is suspended (spec.suspend): it takes no executions"]),
    ],
)
def test_the_plan_must_take_executions(status: dict[str, Any], spec: dict[str, Any], expected: list[str]) -> None:
    manifest = plan(stage("db", "mysql"), **spec) | {"status": status}

    assert errors(execution(), manifest, MYSQL) == expected


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("Running", ["plan pay already has a running execution: dr/pay-0"]),
        (None, ["plan pay already has a running execution: dr/pay-0"]),
        ("Succeeded", []),
        ("Canceled", []),
    ],
)
def test_a_plan_runs_one_execution_at_a_time(phase: str | None, expected: list[str]) -> None:
    busy = PLAN | {"status": {"currentExecution": {"name": "pay-0"}}}
    running = target(status={"phase": phase} if phase else {})

    assert errors(execution(), busy, MYSQL, running) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (target(), []),
        (target(status={"phase": "Failed"}), []),
        (target(status={"phase": "Canceled"}), []),
        (target(status={}), []),
        (
            target(status={"phase": "Running"}),
            ["referenced execution pay-0 must be in a terminal phase (Succeeded, Failed or Cancelled), got Running"],
        ),
        (
            target(plan="sell"),
            ["referenced execution pay-0 must belong to the same plan (expected pay, got sell)"],
        ),
        (
            target(operationType="Revert", revertExecutionRef="x"),
            ["referenced execution pay-0 must be an Execute operation, got Revert"],
        ),
        (
            target(status={"phase": "Succeeded", "revertedBy": {"name": "undo", "phase": "Succeeded"}}),
            ["referenced execution pay-0 was already reverted by undo"],
        ),
        (target(status={"phase": "Succeeded", "revertedBy": {"name": "undo", "phase": "Failed"}}), []),
        (target(status={"phase": "Succeeded", "revertedBy": {"name": "pay-1", "phase": "Succeeded"}}), []),
    ],
)
def test_a_revert_undoes_a_finished_execute_of_its_plan(other: dict[str, Any], expected: list[str]) -> None:
    assert errors(execution("pay-1", **REVERT), other) == expected


def test_a_mode_that_has_no_effect_or_a_strange_one_is_a_warning() -> None:
    assert warnings(execution(mode="Delete", **REVERT)) == [
        "mode Delete is ignored: a Revert always runs in mode Rollback"
    ]
    assert warnings(execution(mode="Rollback")) == [
        "mode Rollback on an Execute runs the rollback actions of the plan forward; to undo an execution use "
        "operationType Revert"
    ]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"name": "", "value": "x"}], ["params[0]: name must not be empty"]),
        ([{"value": "x"}], ["params[0]: name must not be empty"]),
        ([{"name": "a.b", "value": "x"}], ['params[0]: parameter name "a.b" must match [a-zA-Z][a-zA-Z0-9_-]*']),
        (
            [{"name": "mode", "value": "x"}],
            ['params[0]: parameter name "mode" is reserved; use spec.mode field instead'],
        ),
        (
            [{"name": "a", "value": "x"}, {"name": "a", "value": "x"}],
            ['params[1]: duplicate parameter name "a"'],
        ),
        (
            [{"name": "a", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            ["params[0](a): value and valueFrom are mutually exclusive"],
        ),
        (
            [{"name": "a", "valueFrom": {"manifestRef": {"name": "p"}}}],
            [
                f"params[0](a).valueFrom.manifestRef: {field} is required"
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
                            "kind": "Pod",
                            "jsonPath": "{.a}",
                            "name": "p",
                            "labelSelector": "a=b",
                            "select": "Best",
                        }
                    },
                }
            ],
            [
                "params[0](a).valueFrom.manifestRef: name and labelSelector are mutually exclusive",
                'params[0](a).valueFrom.manifestRef: select must be one of Last/First/Single/Any, got "Best"',
            ],
        ),
    ],
)
def test_parameters_that_cannot_be_used_are_errors(entries: list[dict[str, Any]], expected: list[str]) -> None:
    assert sorted(errors(execution(params=entries))) == sorted(expected)
