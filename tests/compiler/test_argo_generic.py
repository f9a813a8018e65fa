"""Generic lanes: shared templates, specs in ConfigMaps, and when a plan gets them."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest

from compiler.argo import ExecutionRef, compile_workflow
from compiler.argo.generic import shape_name
from compiler.argo.spec_text import spec_hash
from compiler.graph.tree import Graph, SecretRef
from compiler.model.phases import OperationType
from support.compiled import containers, templates
from support.graphs import action, graph, stage, uniform, use

EXECUTION = ExecutionRef("pay-execute-1", "0b5bb0e4-7d8c-4b0c-9a51-3f2f9a0d7c11")
BIG_BODY = {"url": "http://x/", "method": "POST", "body": "x" * 17_000}
SECRETS = [SecretRef("site", "token", "DRPLAN_SECRET_1"), SecretRef("site", "user", "DRPLAN_SECRET_2")]


def generic(*extra: Any, **fields: Any) -> Graph:
    """A graph whose first action is too large for an argument."""
    return graph(stage(use(action("load", block=BIG_BODY), *extra)), **fields)


def test_a_spec_that_is_too_large_for_an_argument_moves_all_specs_into_config_maps() -> None:
    compiled = compile_workflow(generic("check"), execution=EXECUTION)
    digest = hashlib.sha256(EXECUTION.uid.encode()).hexdigest()[:10]
    (config_map,) = compiled.config_maps

    assert config_map["metadata"]["name"] == f"drx-{digest}-s1.w1"
    assert config_map["metadata"]["namespace"] == "dr"
    assert config_map["metadata"]["labels"] == compiled.workflow["metadata"]["labels"]
    assert config_map["immutable"] is True
    assert json.loads(config_map["data"]["a1"])["http"] == BIG_BODY
    assert json.loads(config_map["data"]["a2"])["name"] == "check"
    assert compiled.objects == [config_map, compiled.workflow]


def test_a_generic_lane_is_told_its_use_and_reads_its_specs_there() -> None:
    compiled = compile_workflow(generic("check"), execution=EXECUTION)
    lane = templates(compiled)["lane-2"]
    (config_map,) = compiled.config_maps

    assert templates(compiled)["s-1"]["dag"]["tasks"][0]["arguments"] == {
        "parameters": [{"name": "p", "value": "s1.w1"}]
    }
    assert lane["inputs"] == {"parameters": [{"name": "p"}]}
    assert {container["name"]: container["args"] for container in lane["containerSet"]["containers"]} == {
        "main": ["{{inputs.parameters.p}}", "--close", "--members=a1,a2", "--limit=16384"],
        "a-2": ["{{inputs.parameters.p}}.a2", "--spec-ref=a2"],
        "a-1": ["{{inputs.parameters.p}}.a1", "--spec-ref=a1"],
    }
    assert {"name": "spec", "mountPath": "/spec"} in lane["containerSet"]["volumeMounts"]
    (volume,) = lane["volumes"]
    assert volume["configMap"]["name"].replace("{{inputs.parameters.p}}", "s1.w1") == config_map["metadata"]["name"]


def test_uses_of_the_same_shape_share_a_template() -> None:
    big = action("load", block=BIG_BODY)
    compiled = compile_workflow(graph(stage(use(big), use("x"), use("y", "z")), stage(use(big))))

    assert set(templates(compiled)) == {"plan", "s-1", "s-2", "lane-1", "lane-2"}
    assert len(compiled.config_maps) == 4


def test_a_lane_that_needs_a_secret_has_a_template_of_its_own() -> None:
    made = graph(stage(use(action("load", block=BIG_BODY)), use(action("send", secrets=SECRETS))))
    compiled = compile_workflow(made)

    assert set(templates(compiled)) == {"plan", "s-1", "lane-1", "w-1-2"}
    assert [variable["name"] for variable in containers(compiled, "w-1-2")["a-1"]["env"]] == [
        "DRPLAN_SECRET_1",
        "DRPLAN_SECRET_2",
    ]


def test_a_generic_revert_finds_the_record_to_undo_in_its_spec_and_the_spec_keeps_its_hash() -> None:
    made = generic(action("promote", undo="pay-execute-1-1a2b3c4d5e"), operation=OperationType.REVERT)
    compiled = compile_workflow(made)
    found = json.loads(compiled.config_maps[0]["data"]["a2"])

    assert found["undo"] == "pay-execute-1-1a2b3c4d5e"
    assert spec_hash(found) == spec_hash(made.stages[0].workflows[0].actions[1].spec)
    assert containers(compiled, "lane-2")["a-2"]["args"] == [
        "{{inputs.parameters.p}}.a2",
        "--direction=revert",
        "--spec-ref=a2",
    ]


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (("a1",), "lane-1"),
        (("a1", "a2", "a3"), "lane-3"),
        (("a17", "a18"), "lane-2-from-17"),
        (("a2",), "lane-1-from-2"),
    ],
)
def test_a_shape_without_gaps_has_a_speaking_name(keys: tuple[str, ...], name: str) -> None:
    assert shape_name(keys) == name


@pytest.mark.parametrize("keys", [("a1", "a3"), ("a2", "a1"), ("h1", "a1"), ("h1",)])
def test_any_other_shape_is_told_apart_by_a_digest(keys: tuple[str, ...]) -> None:
    assert re.fullmatch(rf"lane-{len(keys)}-[0-9a-f]{{6}}", shape_name(keys))
    assert shape_name(keys) != shape_name((*keys[:-1], "a9"))


@pytest.mark.parametrize(
    ("count", "bytes_each", "is_generic"),
    [(1, 15_000, False), (1, 17_000, True), (12, 15_000, False), (16, 15_000, True)],
    ids=["a spec below its limit", "a spec above it", "all specs below theirs", "all specs above it"],
)
def test_the_form_follows_the_size_of_the_specs(count: int, bytes_each: int, is_generic: bool) -> None:
    actions = [action(f"load-{index}", block={"body": "x" * bytes_each}) for index in range(count)]
    compiled = compile_workflow(graph(stage(use(*actions))))

    assert bool(compiled.config_maps) == is_generic


def test_many_small_actions_become_generic_by_the_size_of_the_workflow() -> None:
    assert not compile_workflow(uniform(stages=4, uses=10, actions=10)).config_maps
    assert compile_workflow(uniform(stages=6, uses=10, actions=10)).config_maps
