"""What the statuses of plans and workflows say about their validity, from the objects alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from support.plans import http, plan, stage, use, workflow
from syncer.decide.validity import (
    is_judged,
    is_ready,
    judge_plan,
    judge_workflow,
    plan_status,
    uses_of,
    workflow_status,
)

NOW = datetime(2025, 11, 24, 9, 0, tzinfo=UTC)
EARLIER = "2025-11-24T08:00:00Z"
MYSQL = workflow("mysql", http("promote", rollback=http("demote")))
HISTORY = [{"name": "pay-1", "namespace": "dr", "uid": "u1", "operationType": "Execute", "phase": "Succeeded"}]


def stored(value: dict[str, Any], *, generation: int = 1, **status: Any) -> dict[str, Any]:
    """An object as it stands in a cluster."""
    metadata = {**value["metadata"], "generation": generation, "uid": "uid", "resourceVersion": "1"}
    return {**value, "metadata": metadata, **({"status": status} if status else {})}


def ready(value: dict[str, Any]) -> dict[str, Any]:
    return stored(value, phase="Ready", observedGeneration=1)


def judged(value: dict[str, Any], *workflows: dict[str, Any]) -> dict[str, Any]:
    """Status of a plan."""
    return plan_status(value, judge_plan(value, workflows), now=NOW)


def condition(status: dict[str, Any], kind: str = "Ready") -> tuple[str, str, str]:
    (found,) = [each for each in status["conditions"] if each["type"] == kind]
    return found["status"], found["reason"], found["message"]


def test_a_valid_workflow_is_ready() -> None:
    status = workflow_status(stored(MYSQL), judge_workflow(stored(MYSQL)), now=NOW)

    assert status["phase"] == "Ready"
    assert status["observedGeneration"] == 1
    assert condition(status) == ("True", "ValidationSucceeded", "Workflow is valid and ready to execute")


def test_an_invalid_workflow_says_all_that_is_wrong() -> None:
    broken = stored(workflow("mysql", {"name": "call", "type": "HTTP"}, {"name": "call", "type": "Job"}))
    status = workflow_status(broken, judge_workflow(broken), now=NOW)

    assert status["phase"] == "Invalid"
    assert condition(status) == (
        "False",
        "ValidationFailed",
        "Validation failed: [action[1]: duplicate action name 'call' action[0] 'call': HTTP configuration is required "
        "action[1] 'call': Job configuration is required]",
    )


def test_a_workflow_whose_shape_only_an_older_definition_allowed_is_invalid() -> None:
    broken = stored(workflow("mysql", {"name": 5, "type": "HTTP", "http": {"url": "http://x/"}}))

    assert judge_workflow(broken).reason == "ValidationFailed"
    assert judge_plan(stored(plan(stage("db", "mysql"))), [broken]).reason == "WorkflowNotReady"


def test_a_plan_whose_workflows_are_ready_is_ready() -> None:
    status = judged(stored(plan(stage("db", "mysql"))), ready(MYSQL))

    assert (status["phase"], status["observedGeneration"]) == ("Ready", 1)
    assert condition(status) == ("True", "ValidationSucceeded", "Plan is valid and ready to execute")
    assert condition(status, "Executing") == ("False", "Idle", "")


def test_a_plan_that_breaks_a_rule_is_invalid() -> None:
    status = judged(stored(plan(stage("db", "mysql", dependsOn=["net"]))), ready(MYSQL))

    assert status["phase"] == "Invalid"
    assert condition(status) == (
        "False",
        "ValidationFailed",
        "Validation failed: [stage[0] 'db': depends on non-existent stage 'net']",
    )


def test_a_plan_without_one_of_its_workflows_is_invalid_for_that_reason() -> None:
    status = judged(stored(plan(stage("db", "mysql", "redis"))), ready(MYSQL))

    assert status["phase"] == "Invalid"
    assert condition(status) == (
        "False",
        "WorkflowNotFound",
        "Validation failed: [stage[0] 'db' workflow[1]: workflow dr/redis not found]",
    )


@pytest.mark.parametrize(("phase", "shown"), [("Invalid", "Invalid"), ("", "")])
def test_a_plan_with_a_workflow_that_is_not_ready_is_invalid_for_that_reason(phase: str, shown: str) -> None:
    status = judged(stored(plan(stage("db", "mysql"))), stored(MYSQL, phase=phase))

    assert status["phase"] == "Invalid"
    assert condition(status) == (
        "False",
        "WorkflowNotReady",
        f"Validation failed: [stage[0] 'db' workflow[0]: workflow dr/mysql is not ready (phase={shown})]",
    )


def test_what_breaks_a_rule_comes_before_what_is_missing_and_both_are_said() -> None:
    status = judged(stored(plan(stage("db", "mysql", dependsOn=["db"]))))

    assert condition(status) == (
        "False",
        "ValidationFailed",
        "Validation failed: [stage[0] 'db': cannot depend on itself cycle detected in stage dependencies: [db db] "
        "stage[0] 'db' workflow[0]: workflow dr/mysql not found]",
    )


def test_a_parameter_that_an_execution_may_give_leaves_a_plan_ready() -> None:
    calling = workflow("mysql", http("call", url="http://$(params.host)/", rollback=http("undo")))

    assert judge_plan(stored(plan(stage("db", "mysql"))), [ready(calling)]).reason == "ValidationSucceeded"


def test_a_fault_in_another_object_names_that_object() -> None:
    secret = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}}
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: $(params.token)}\n"
    making = workflow("mysql", {"name": "make", "type": "KubernetesResource", "resource": {"manifest": manifest}})
    status = judged(stored(plan(stage("db", "mysql"), globalParams=[secret])), ready(making))

    assert condition(status)[2].startswith("Validation failed: [DRWorkflow dr/mysql: action[0] 'make': ")


def test_a_suspended_plan_is_valid_and_not_ready() -> None:
    status = judged(stored(plan(stage("db", "mysql"), suspend=True)), ready(MYSQL))

    assert status["phase"] == "Ready"
    assert condition(status)[:2] == ("False", "Suspended")


def test_a_workflow_of_another_namespace_is_found_there() -> None:
    shared = ready(workflow("mysql", http("promote", rollback=http("demote")), namespace="library"))
    foreign = {"workflowRef": {"name": "mysql", "namespace": "library"}}

    assert judge_plan(stored(plan(stage("db", foreign))), [shared]).reason == "ValidationSucceeded"
    assert judge_plan(stored(plan(stage("db", "mysql"))), [shared]).reason == "WorkflowNotFound"
    assert uses_of(plan(stage("db", foreign, "mysql"), stage("app", use("mysql")))) == [
        ("library", "mysql"),
        ("dr", "mysql"),
    ]


def test_an_execution_that_holds_the_plan_is_shown() -> None:
    held = stored(plan(stage("db", "mysql")), currentExecution={"name": "pay-1", "uid": "u1"})
    status = judged(held, ready(MYSQL))

    assert condition(status, "Executing") == ("True", "ExecutionRunning", "Execution pay-1 holds the plan")


@pytest.mark.parametrize(
    ("before", "phase"),
    [
        ({"phase": "Executed", "observedGeneration": 3}, "Executed"),
        ({"phase": "Executed", "observedGeneration": 2}, "Ready"),
        ({"phase": "Ready", "observedGeneration": 3, "executionHistory": HISTORY}, "Ready"),
        ({"phase": "Invalid", "observedGeneration": 3}, "Ready"),
        ({"phase": "Invalid", "observedGeneration": 3, "executionHistory": HISTORY}, "Executed"),
        (
            {
                "phase": "Invalid",
                "observedGeneration": 3,
                "executionHistory": [
                    {**HISTORY[0], "operationType": "Execute", "phase": "Failed"},
                    {**HISTORY[0], "operationType": "Revert"},
                    *HISTORY,
                ],
            },
            "Ready",
        ),
    ],
)
def test_a_valid_plan_stays_executed_until_its_spec_changes(before: dict[str, Any], phase: str) -> None:
    status = judged(stored(plan(stage("db", "mysql")), generation=3, **before), ready(MYSQL))

    assert status["phase"] == phase


def test_a_condition_keeps_its_time_for_as_long_as_its_status_stays() -> None:
    first = judged(stored(plan(stage("db", "mysql"))), ready(MYSQL))
    old = [{**each, "lastTransitionTime": EARLIER} for each in first["conditions"]]
    suspended = stored(plan(stage("db", "mysql"), suspend=True), conditions=old, phase="Ready")
    invalid = stored(plan(stage("db", "mysql")), conditions=judged(suspended, ready(MYSQL))["conditions"])

    same = judged(stored(plan(stage("db", "mysql")), conditions=old, phase="Ready"), ready(MYSQL))
    changed = judged(suspended, ready(MYSQL))
    still = judged(invalid)

    assert {each["lastTransitionTime"] for each in same["conditions"]} == {EARLIER}
    assert [each["lastTransitionTime"] for each in changed["conditions"]] == ["2025-11-24T09:00:00Z", EARLIER]
    assert still["conditions"][0]["lastTransitionTime"] == "2025-11-24T09:00:00Z"


def test_only_fields_about_validity_are_said() -> None:
    before = {"currentExecution": {"name": "x"}, "executionHistory": HISTORY, "lastExecutionRef": "pay-1"}

    assert judged(stored(plan(stage("db", "mysql")), **before), ready(MYSQL)).keys() == {
        "phase",
        "conditions",
        "observedGeneration",
    }


def test_a_status_about_an_older_spec_is_no_verdict_on_this_one() -> None:
    value = stored(plan(stage("db", "mysql")), generation=2)
    status = judged(value, ready(MYSQL))

    assert not is_judged(value)
    assert not is_ready(value)
    assert is_judged({**value, "status": status})
    assert is_ready({**value, "status": status})
    assert not is_judged({**value, "status": {**status, "observedGeneration": 1}})
