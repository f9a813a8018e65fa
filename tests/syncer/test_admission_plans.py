"""DRPlans at admission: every rule in the words that users know, and when a plan may go."""

from __future__ import annotations

from typing import Any

import pytest

from support.admission import create, delete, ready, refusal, update
from support.plans import execution, http, plan, stage, use, workflow

UNDONE = {"http": {"url": "http://site.example/undo"}}
MYSQL = ready(workflow("mysql", http("promote", rollback=UNDONE)))
REDIS = ready(workflow("redis", http("promote", rollback=UNDONE)))
CURRENT = {"name": "pay-1", "namespace": "dr"}

Object = dict[str, Any]


def running(phase: str, name: str = "pay-1", **spec: Any) -> Object:
    return {**execution(name, **spec), "status": {"phase": phase} if phase else {}}


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (plan(), ["at least one stage is required"]),
        (plan(stage("db", "mysql"), stage("db", "redis")), ["stage[1]: duplicate stage name 'db'"]),
        (plan(stage("", "mysql")), ["stage[0]: name is required"]),
        (plan(stage("db")), ["stage[0] 'db': at least one workflow is required"]),
        (plan(stage("db", "")), ["stage[0] 'db' workflow[0]: workflowRef.name is required"]),
        (
            plan(stage("db", "mysql", dependsOn=["net"])),
            ["stage[0] 'db': depends on non-existent stage 'net'"],
        ),
        (
            plan(stage("db", "mysql", dependsOn=["db"])),
            ["stage[0] 'db': cannot depend on itself", "cycle detected in stage dependencies: [db db]"],
        ),
        (
            plan(stage("a", "mysql", dependsOn=["b"]), stage("b", "redis", dependsOn=["a"])),
            ["cycle detected in stage dependencies: [a b a]"],
        ),
        (plan(stage("db", "mysql"), globalParams=[{"value": "1"}]), ["globalParams[0]: name is required"]),
        (
            plan(stage("db", "mysql"), globalParams=[{"name": "x", "value": "1"}, {"name": "x", "value": "2"}]),
            ["globalParams[1]: duplicate parameter name 'x'"],
        ),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused_whether_it_is_new_or_changed(manifest: Object, errors: list[str]) -> None:
    created, changed = create(manifest, MYSQL, REDIS), update(plan(stage("db", "mysql")), manifest, MYSQL, REDIS)

    assert not created.allowed
    assert created.message == refusal(*errors)
    assert changed == created


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = create(plan(stage("", "mysql"), stage("b"), globalParams=[{}]), MYSQL)

    assert found.message == refusal(
        "stage[0]: name is required",
        "stage[1] 'b': at least one workflow is required",
        "globalParams[0]: name is required",
    )


@pytest.mark.parametrize(
    ("manifest", "others", "warning"),
    [
        (plan(stage("db", "mysql")), [], "stage[0] 'db' workflow[0]: workflow dr/mysql not found"),
        (
            plan(stage("db", "mysql")),
            [workflow("mysql", http("a", rollback=UNDONE))],
            "stage[0] 'db' workflow[0]: workflow dr/mysql is not ready (phase=)",
        ),
        (
            plan(stage("db", "mysql")),
            [ready(MYSQL, phase="Invalid")],
            "stage[0] 'db' workflow[0]: workflow dr/mysql is not ready (phase=Invalid)",
        ),
        (
            plan(stage("db", "mysql", parallel=True)),
            [MYSQL],
            "stage[0] 'db': parallel=true with only one workflow, consider setting parallel=false",
        ),
        (
            ready(plan(stage("db", "mysql")), currentExecution=CURRENT),
            [MYSQL],
            "Plan is currently being executed, changes may not take effect until next execution",
        ),
    ],
)
def test_what_is_doubtful_in_a_plan_is_a_warning(manifest: Object, others: list[Object], warning: str) -> None:
    found = create(manifest, *others)

    assert found.allowed
    assert found.warnings == (warning,)


def test_a_plan_in_order_is_let_in_without_a_word() -> None:
    found = create(plan(stage("db", "mysql"), stage("app", "redis", dependsOn=["db"])), MYSQL, REDIS)

    assert (found.allowed, found.warnings) == (True, ())


def test_stages_may_depend_on_stages_that_are_listed_later() -> None:
    found = create(plan(stage("app", "redis", dependsOn=["db"]), stage("db", "mysql")), MYSQL, REDIS)

    assert (found.allowed, found.warnings) == (True, ())


def test_a_workflow_is_looked_for_in_the_namespace_that_the_plan_says() -> None:
    shared = ready(workflow("mysql", http("a", rollback=UNDONE), namespace="lib"))
    shared["metadata"]["annotations"] = {"dr.bkbcs.tencent.com/shared-with": "*"}
    elsewhere = plan(stage("db", {"workflowRef": {"name": "mysql", "namespace": "lib"}}))

    assert create(elsewhere, shared).warnings == ()
    assert create(elsewhere, MYSQL).warnings == ("stage[0] 'db' workflow[0]: workflow lib/mysql not found",)


def test_a_parameter_that_only_executions_will_set_is_a_warning() -> None:
    asking = ready(workflow("ask", http("a", "http://$(params.host)/")))

    found = create(plan(stage("db", "ask")), asking)

    assert found.allowed
    assert found.warnings == (
        "action[0] 'a': $(params.host): parameter \"host\" is declared and set nowhere; declare it in spec.parameters, "
        'or set it in stage "db" or globalParams of plan pay, or in every execution '
        "(DRWorkflow dr/ask spec.actions[0].http.url)",
    )


def test_a_value_of_the_wrong_type_is_refused() -> None:
    counting = ready(workflow("ask", http("a"), parameters=[{"name": "n", "type": "number"}]))

    found = create(plan(stage("db", use("ask", n="three"))), counting)

    assert found.message == refusal('parameter "n": "three" is not a number, as its declaration demands')


def test_a_broken_workflow_that_is_stored_does_not_keep_a_plan_out() -> None:
    broken = workflow("mysql", {"name": 5, "type": [], "http": "no"})

    assert create(plan(stage("db", "mysql")), broken).allowed


def test_a_status_that_nobody_can_read_does_not_keep_a_plan_from_being_changed() -> None:
    strange = {**plan(stage("db", "mysql")), "status": {"executionHistory": "none", "conditions": {"a": 1}}}

    assert update(plan(stage("db", "redis")), strange, MYSQL).allowed


@pytest.mark.parametrize("phase", ["", "Pending", "Running", "Paused"])
def test_a_plan_with_a_live_execution_stays(phase: str) -> None:
    found = delete(plan(stage("db", "mysql")), running(phase))

    assert not found.allowed
    assert found.message == f"cannot delete DRPlan dr/pay: has running executions: [dr/pay-1 (phase={phase})]"
    assert found.warnings == ("Plan has 1 running execution(s)",)


def test_a_plan_names_all_its_live_executions() -> None:
    found = delete(plan(stage("db", "mysql")), running("Pending"), running("Succeeded", "pay-2"), running("", "pay-3"))

    assert found.message == (
        "cannot delete DRPlan dr/pay: has running executions: [dr/pay-1 (phase=Pending) dr/pay-3 (phase=)]"
    )
    assert found.warnings == ("Plan has 2 running execution(s)",)


def test_a_plan_that_an_execution_holds_stays_and_names_the_holder() -> None:
    held = ready(plan(stage("db", "mysql")), currentExecution=CURRENT)

    found = delete(held, running("Running"))

    assert not found.allowed
    assert found.message == "cannot delete plan with running execution: dr/pay-1"
    assert found.warnings == ("Plan has a running execution",)


@pytest.mark.parametrize("others", [[], [running("Failed")], [running("Canceled")], [running("Running", plan="other")]])
def test_a_plan_whose_executions_have_ended_or_are_gone_goes(others: list[Object]) -> None:
    held = ready(plan(stage("db", "mysql")), currentExecution=CURRENT)

    assert delete(held, *others).allowed
