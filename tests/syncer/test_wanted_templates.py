"""Which WorkflowTemplates a plan has, from the objects alone."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.argo import RunnerConfig
from support.plans import http, localization, plan, stage, workflow
from syncer.decide.templates import config_maps_of, is_owned_by, owner_of, wanted_templates

PLAN = plan(stage("db", "mysql"))
PLAN["metadata"]["uid"] = "uid-pay"


def names(*actions: dict[str, Any], **spec: Any) -> list[str]:
    """Names of the templates of a plan whose only workflow has these actions."""
    value = {**PLAN, "spec": {**PLAN["spec"], "globalParams": spec.pop("globalParams", [])}}
    return [each.name for each in wanted_templates(value, [workflow("mysql", *actions, **spec)], RunnerConfig())]


def test_a_plan_has_one() -> None:
    assert names(http("call")) == ["pay"]


def test_a_plan_with_conditions_on_the_mode_has_one_for_each_in_which_something_runs() -> None:
    guarded = localization("make", when='mode == "install" || mode == "upgrade"')

    assert names(guarded) == ["pay-install", "pay-upgrade", "pay-delete"]
    assert names(http("call", when='mode == "rollback"')) == ["pay-rollback"]


def test_a_condition_on_a_parameter_is_none_on_the_mode() -> None:
    declared = [{"name": "site", "default": "a"}]

    assert names(http("call", when='params.site == "a"'), parameters=declared) == ["pay"]
    assert names(http("call", when='params.site == "b"'), parameters=declared) == []


@pytest.mark.parametrize(
    "parameter",
    [
        {},
        {"valueFrom": {"manifestRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "jsonPath": "{.status.podIP}"}}},
    ],
)
def test_a_plan_that_needs_values_from_elsewhere_has_none(parameter: dict[str, Any]) -> None:
    given = [{"name": "host", **parameter}] if parameter else []

    assert names(http("call", url="http://$(params.host)/"), globalParams=given) == []
    assert names(http("call", url="http://$(params.host)/"), globalParams=[{"name": "host", "value": "a"}]) == ["pay"]


def test_the_platforms_configuration_is_in_it() -> None:
    (compiled,) = wanted_templates(PLAN, [workflow("mysql", http("call"))], RunnerConfig(image="registry.example/r:1"))
    (other,) = wanted_templates(PLAN, [workflow("mysql", http("call"))], RunnerConfig())

    assert "registry.example/r:1" in str(compiled.workflow)
    assert compiled.hash != other.hash


@pytest.mark.parametrize("actions", [2, 40])
def test_the_config_maps_that_a_template_mounts_are_found_in_it(actions: int) -> None:
    large = workflow("mysql", *(http(f"call-{number}", body="x" * 16_000) for number in range(actions)))
    twice = {**plan(stage("db", "mysql"), stage("app", "mysql")), "metadata": PLAN["metadata"]}
    (compiled,) = wanted_templates(twice, [large], RunnerConfig())

    found = {each["metadata"]["name"] for each in compiled.config_maps}

    assert config_maps_of(compiled.workflow) == found
    assert bool(found) == (actions == 40)


def test_an_object_is_a_plans_by_its_owner_alone() -> None:
    again = {**PLAN, "metadata": {**PLAN["metadata"], "uid": "uid-2"}}
    other = {**PLAN, "metadata": {**PLAN["metadata"], "name": "other"}}

    assert is_owned_by({"ownerReferences": [owner_of(PLAN)]}, PLAN)
    assert is_owned_by({"ownerReferences": [owner_of(again)]}, PLAN)
    assert not is_owned_by({"ownerReferences": [owner_of(other)]}, PLAN)
    assert not is_owned_by({"labels": {"dr.bkbcs.tencent.com/plan": "pay"}}, PLAN)
