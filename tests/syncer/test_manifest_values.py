"""Values from objects: which object counts, what is taken from it, and what is refused before anybody is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from compiler.model.parameters import Parameter
from compiler.model.phases import ConditionReason, Select
from support.plans import http, plan, revert_of, snapshot, stage, workflow
from syncer.decide.outcome import Refuse
from syncer.kube.client import Client
from syncer.manifest_values import ManifestValues, Unresolved, choose, extract

NO_CLIENT = cast("Client", None)
"""What is refused before the API server is asked must not need it."""


def pod(name: str, created: str) -> bytes:
    return json.dumps({"metadata": {"name": name, "creationTimestamp": created}}).encode()


OLD, NEW, SAME = (
    pod("old", "2025-11-24T08:00:00Z"),
    pod("new", "2025-11-24T09:00:00Z"),
    pod("same", "2025-11-24T09:00:00Z"),
)


@pytest.mark.parametrize(
    ("select", "found", "chosen"),
    [
        (Select.LAST, [NEW, OLD], NEW),
        (Select.LAST, [NEW, SAME, OLD], SAME),
        (Select.FIRST, [NEW, OLD], OLD),
        (Select.FIRST, [NEW, SAME], NEW),
        (Select.ANY, [NEW, OLD], NEW),
        (Select.SINGLE, [OLD], OLD),
    ],
)
def test_the_object_that_is_wanted_is_chosen(select: Select, found: list[bytes], chosen: bytes) -> None:
    assert choose(found, select) is chosen


def test_several_objects_where_one_is_wanted_are_an_error() -> None:
    with pytest.raises(Unresolved, match="expected single match, got 2"):
        choose([OLD, NEW], Select.SINGLE)


def test_the_text_is_trimmed() -> None:
    assert extract("{.a}", {"a": " 10.0.0.1\n"}) == "10.0.0.1"


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("{.a", {}, 'invalid jsonPath expression "{.a": it ends where "}" is expected'),
        ("{.a}", {}, 'jsonPath execution failed for "{.a}": a is not found'),
        ("{.a}", {"a": " "}, 'jsonPath "{.a}" returned empty value'),
        ("{.a}", {"a": None}, 'jsonPath "{.a}" returned empty value'),
        ("{.a}", {"a": "x" * 20_000}, 'jsonPath "{.a}" returned 19 KiB, a parameter takes 16 KiB'),
    ],
)
def test_a_path_without_a_usable_value_is_an_error(path: str, value: Any, problem: str) -> None:
    with pytest.raises(Unresolved) as raised:
        extract(path, value)

    assert str(raised.value) == problem


def reading(**reference: str) -> dict[str, Any]:
    """The parameter `ip`, which reads an object."""
    given = {"apiVersion": "v1", "kind": "Pod", "jsonPath": "{.status.podIP}", **reference}
    return {"name": "ip", "valueFrom": {"manifestRef": given}}


def resolved(*plan_params: dict[str, Any], params: tuple[dict[str, Any], ...] = ()) -> Mapping[str, str] | Refuse:
    given = snapshot(plan(stage("db", "mysql"), globalParams=list(plan_params)), workflow("mysql", http("call")))
    execution = replace(given.execution, params=tuple(Parameter.model_validate(each) for each in params))
    return asyncio.run(ManifestValues(NO_CLIENT)(replace(given, execution=execution)))


def test_nothing_is_asked_for_parameters_with_values() -> None:
    assert resolved({"name": "a", "value": "b"}, params=({"name": "c", "value": "d"},)) == {}


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ({"kind": "Secret", "name": "s"}, "a Secret cannot be read into a parameter; use secretKeyRef"),
        (
            {"kind": "Secret", "apiVersion": "shadow/v1alpha1", "name": "s"},
            "a Secret cannot be read into a parameter; use secretKeyRef",
        ),
        ({"name": "$(params.other)"}, 'rendering name: failed to resolve "$(params.other)": it has no value here'),
        ({"namespace": "$(stage)"}, 'rendering namespace: failed to resolve "$(stage)": it has no value here'),
        ({"labelSelector": "a=$(mode)"}, 'rendering labelSelector: failed to resolve "$(mode)": it has no value here'),
    ],
)
def test_what_cannot_be_read_refuses_the_execution(reference: dict[str, str], problem: str) -> None:
    answer = resolved({"name": "other", "value": "x"}, reading(**reference))

    message = f'resolving plan global params: resolving param "ip": {problem}'
    assert answer == Refuse(ConditionReason.INVALID_PARAMETERS, message)


def test_a_text_that_renders_to_nothing_does_not_widen_the_search() -> None:
    answer = resolved({"name": "site", "value": ""}, params=(reading(namespace="$(params.site)"),))

    assert isinstance(answer, Refuse)
    assert answer.message == (
        'resolving execution params: resolving param "ip": rendering namespace: "$(params.site)" is empty'
    )


def test_a_revert_reads_its_own_parameters_and_takes_over_what_its_target_has_read() -> None:
    target = snapshot(plan(stage("db", "mysql"), globalParams=[reading(name="p")]), workflow("mysql", http("call")))
    target = replace(target, manifest_values={"Plan/ip": "10.0.0.1", "Execution/own": "x"})
    revert = revert_of(target, {})
    bad = Parameter.model_validate({**reading(namespace="$(mode)-$(params.ip)-$(params.none)"), "name": "own"})

    assert asyncio.run(ManifestValues(NO_CLIENT)(revert)) == {"Plan/ip": "10.0.0.1"}
    answer = asyncio.run(ManifestValues(NO_CLIENT)(replace(revert, execution=replace(revert.execution, params=(bad,)))))
    assert isinstance(answer, Refuse)
    assert answer.message == (
        'resolving revert execution params: resolving param "own": rendering namespace: '
        'failed to resolve "$(params.none)": it has no value here'
    )
