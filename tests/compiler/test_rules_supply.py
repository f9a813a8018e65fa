"""Parameters, Secrets and the mode across plan, workflows and executions."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.manifests import parse, to_yaml
from compiler.rules import check
from support.checked import errors, problems, warnings
from support.plans import execution, http, plan, stage, use, workflow

UNDO = {"type": "HTTP", "http": {"url": "http://site.example/undo"}}
MANIFEST = "apiVersion: v1\nkind: A\nmetadata: {name: $(params.token)}\n"
SECRET = {"valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}}
OBJECT = {"valueFrom": {"manifestRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "jsonPath": "{.status.podIP}"}}}


def calling(url: str, *parameters: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A workflow with one action that calls a URL."""
    return workflow("mysql", http("call", url=url, rollback=UNDO, **fields), parameters=list(parameters))


def pay(*params: dict[str, Any], **stage_params: str) -> dict[str, Any]:
    """A plan that uses that workflow."""
    return plan(stage("db", use("mysql", **stage_params)), globalParams=list(params))


HOST = calling("http://$(params.host)/")
NOWHERE = (
    "action[0] 'call': $(params.host): parameter \"host\" is declared and set nowhere; declare it in spec.parameters, "
    'or set it in stage "db" or globalParams of plan pay'
)


def test_a_workflow_alone_may_use_what_every_plan_must_set_with_a_warning() -> None:
    assert errors(HOST) == []
    assert warnings(HOST) == [
        "action[0] 'call': $(params.host): parameter \"host\" is not declared in spec.parameters; "
        "every plan must set it"
    ]


def test_a_workflow_that_declares_what_it_uses_has_no_warning() -> None:
    assert warnings(calling("http://$(params.host)/", {"name": "host"})) == []


def test_a_name_that_is_declared_and_set_nowhere_is_an_error_where_it_is_used() -> None:
    (found,) = [problem for problem in problems(HOST, pay()) if problem.is_error]

    assert found.message == NOWHERE
    assert (found.kind, found.name) == ("DRWorkflow", "mysql")


@pytest.mark.parametrize(
    "objects",
    [
        [HOST, pay({"name": "host", "value": "a"})],
        [HOST, pay({"name": "host", "default": "a"})],
        [HOST, pay({"name": "host", **OBJECT})],
        [HOST, pay(host="a")],
        [HOST, pay(), execution(params=[{"name": "host", "value": "a"}])],
        [HOST, pay(), execution(params=[{"name": "host", **OBJECT}])],
        [calling("http://$(params.host)/", {"name": "host", "default": "a"}), pay()],
        [calling("http://$(params.host)/", {"name": "host", "default": "a"}), pay(), execution()],
        [calling("http://$(params.host)/", {"name": "host"}), pay()],
        [calling("http://$(params.host)/", {"name": "host", "required": True}), pay()],
        [
            calling("http://$(planName).$(namespace).$(stage).$(workflow).$(action).$(executionName)/"),
            pay(),
            execution(),
        ],
        [calling("http://$(mode).$(params.mode)/"), pay(), execution(mode="Install")],
        [calling("http://{{ .params.host }}/"), pay(host="a"), execution()],
    ],
)
def test_a_name_that_anybody_declares_or_sets_is_no_problem(objects: list[dict[str, Any]]) -> None:
    assert errors(*objects) == []
    assert warnings(*objects) == []


def test_a_name_that_the_caller_will_supply_is_no_problem() -> None:
    manifests = parse(to_yaml([HOST, pay()]), file="a.yaml")

    assert check(manifests, supplied=["host"]) == []
    assert [problem.message for problem in check(manifests, supplied=["other"])] == [NOWHERE]


def test_an_execution_that_leaves_a_parameter_without_value_is_an_error_at_the_execution() -> None:
    declared = calling("http://$(params.host)/", {"name": "host"})
    (found,) = [problem for problem in problems(declared, pay(), execution()) if problem.is_error]

    assert (found.kind, found.name) == ("DRPlanExecution", "pay-1")
    assert found.message == (
        '$(params.host): parameter "host" has no value; set it in the workflow\'s parameters, in globalParams, in the '
        "stage or in the execution (DRWorkflow dr/mysql spec.actions[0].http.url)"
    )


def test_a_required_parameter_without_value_is_an_error_of_the_execution_alone() -> None:
    required = calling("http://x/", {"name": "host", "required": True})

    assert errors(required, pay()) == []
    assert [message.partition(" is required")[0] for message in errors(required, pay(), execution())] == [
        'parameter "host" of workflow mysql'
    ]
    assert errors(required, pay(), execution(params=[{"name": "host", "value": ""}])) == []


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("number", "ten", '"ten" is not a number, as its declaration demands'),
        ("boolean", "yes", '"yes" is neither true nor false, as its declaration demands'),
    ],
)
def test_values_are_of_the_types_that_the_workflow_declares(kind: str, value: str, problem: str) -> None:
    declared = calling("http://$(params.host)/", {"name": "host", "type": kind})
    expected = [f'parameter "host": {problem}']

    assert errors(declared, pay({"name": "host", "value": value})) == expected
    assert errors(declared, pay(host=value)) == expected
    assert errors(declared, pay(), execution(params=[{"name": "host", "value": value}])) == expected
    assert errors(declared, pay({"name": "host", "value": value}), execution()) == expected
    assert errors(declared, pay({"name": "host", **OBJECT}), execution()) == []


def test_a_value_that_is_overridden_need_not_fit() -> None:
    declared = calling("http://$(params.host)/", {"name": "host", "type": "number"})

    assert errors(declared, pay({"name": "host", "value": "ten"}, host="10")) == []


def test_a_parameter_that_nothing_declares_or_uses_is_a_warning_in_a_plan_and_an_error_in_an_execution() -> None:
    message = 'parameter "other" is neither declared nor used by a workflow'
    fine = calling("http://x/")

    assert warnings(fine, pay({"name": "other", "value": "x"})) == [message]
    assert warnings(fine, pay(other="x")) == [message]
    assert errors(fine, pay(), execution(params=[{"name": "other", "value": "x"}])) == [message]


def test_nothing_is_unknown_while_a_workflow_is_not_at_hand() -> None:
    entries = [{"name": "other", "value": "x"}]

    assert errors(pay(*entries), execution(params=entries)) == []
    assert warnings(pay(*entries)) == ["stage[0] 'db' workflow[0]: workflow dr/mysql not found"]


def test_a_condition_on_a_name_that_nobody_knows_is_a_warning() -> None:
    guarded = calling("http://x/", when="params.tier == gold")

    assert errors(guarded, pay()) == []
    assert warnings(guarded, pay()) == [
        "action[0] 'call': when: parameter \"tier\" is declared and set nowhere; declare it in spec.parameters, or set "
        'it in stage "db" or globalParams of plan pay'
    ]
    assert warnings(guarded, pay(tier="gold")) == []


@pytest.mark.parametrize(
    "fields", [{"headers": {"Authorization": "Bearer $(params.token)"}}, {"body": "$(params.token)"}]
)
def test_a_secret_may_be_used_in_headers_and_body(fields: dict[str, Any]) -> None:
    assert errors(calling("http://x/$(params.token)", **fields), pay({"name": "token", **SECRET}), execution()) == []


@pytest.mark.parametrize(
    "member",
    [
        {
            "name": "call",
            "type": "Localization",
            "localization": {"operation": "Delete", "name": "$(params.token)", "namespace": "b"},
            "rollback": UNDO,
        },
        http("call", rollback={"type": "KubernetesResource", "resource": {"manifest": MANIFEST}}),
    ],
    ids=["a field of another type", "a rollback of another type"],
)
def test_a_secret_may_be_used_nowhere_else(member: dict[str, Any]) -> None:
    (message,) = errors(workflow("mysql", member), pay({"name": "token", **SECRET}))

    assert message.endswith(
        '$(params.token): parameter "token" is a Secret, which only url, headers and body of an HTTP action can take'
    )


def test_a_plan_with_guarded_actions_refuses_an_execution_without_a_mode() -> None:
    guarded = calling("http://x/", when="mode == install")

    assert errors(guarded, pay()) == []
    assert errors(guarded, pay(), execution(mode="Install")) == []
    (message,) = errors(guarded, pay(), execution())
    assert message.startswith("the plan has actions that depend on the mode (mysql/call); give the execution spec.mode")


def test_mode_delete_of_a_workflow_that_nothing_can_be_derived_from_is_an_error_at_the_execution() -> None:
    (found,) = [
        problem for problem in problems(calling("http://x/"), pay(), execution(mode="Delete")) if problem.is_error
    ]

    assert found.kind == "DRPlanExecution"
    assert found.message.startswith("mode Delete: nothing to delete can be derived from workflow mysql")


def test_an_execution_of_a_plan_that_is_broken_itself_is_not_blamed_for_it() -> None:
    broken = calling("ftp://x/")

    assert errors(broken, pay(), execution()) == [
        "action[0] 'call': HTTP.URL \"ftp://x/\" is not valid: it must begin with http:// or https://"
    ]
