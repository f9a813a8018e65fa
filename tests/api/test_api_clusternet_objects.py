"""Localizations, Globalizations and HelmCharts: written in the hub, waited for, and brought back."""

from __future__ import annotations

from typing import Any

import pytest

from support.api_actions import KEY, ActionBench, action
from support.api_admin import Object, until
from support.api_runner import Room
from support.clusternet_world import World

pytestmark = pytest.mark.bed

FEED = {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"}
OVERRIDE = {"name": "two", "type": "MergePatch", "value": '{"spec":{"replicas":2}}'}
FIELD = {"type": "FieldJSONPatch", "fieldPath": "/data/app.yaml", "fieldFormat": "YAML", "value": "[]"}


@pytest.fixture
def bench(room: Room, world: World) -> ActionBench:
    world.allow(room.namespace)
    return ActionBench(room)


def localization(bench: ActionBench, operation: str, spec: Any = None, **changes: Any) -> Object:
    block = {"name": "web", "namespace": bench.room.namespace, **({"spec": spec} if spec is not None else {})}
    return action("Localization", "localization", operation, block, **changes)


def globalization(bench: ActionBench, operation: str, spec: Any = None) -> Object:
    block = {"name": bench.room.namespace, **({"spec": spec} if spec is not None else {})}
    return action("Globalization", "globalization", operation, block)


def helm_chart(bench: ActionBench, operation: str, spec: Any = None, **changes: Any) -> Object:
    block = {"name": "web", "namespace": bench.room.namespace, **({"spec": spec} if spec is not None else {})}
    return action("HelmChart", "helmChart", operation, block, **changes)


CHART = {"repo": "https://charts.example.com/stable", "chart": "web", "version": "1.0.0", "targetNamespace": "shop"}


def test_a_created_localization_has_what_was_given_and_is_gone_after_its_revert(bench: ActionBench) -> None:
    done = bench.forward(localization(bench, "Create", {"feed": FEED, "overrides": [OVERRIDE, FIELD], "priority": 700}))

    found = bench.get("Localization", "web")
    assert done.message == f"Localization {bench.room.namespace}/web created successfully"
    assert found is not None
    assert found["spec"]["overrides"] == [OVERRIDE, FIELD]
    assert (found["spec"]["priority"], found["spec"]["overridePolicy"]) == (700, "ApplyLater")
    assert done.state["outputs"]["localizationRef"]["uid"] == found["metadata"]["uid"]

    back = bench.revert(done)
    assert back.message == f"Rolled back: deleted Localization {bench.room.namespace}/web"
    assert bench.get("Localization", "web") is None


def test_a_patch_changes_nothing_but_what_it_gives(bench: ActionBench) -> None:
    bench.forward(localization(bench, "Create", {"feed": FEED, "overridePolicy": "ApplyNow", "priority": 700}))

    done = bench.forward(localization(bench, "Patch", {"overrides": [OVERRIDE]}))

    spec = (bench.get("Localization", "web") or {})["spec"]
    assert done.message.endswith("web patched successfully")
    assert (spec["priority"], spec["overridePolicy"], spec["overrides"]) == (700, "ApplyNow", [OVERRIDE])
    bench.revert(done)
    spec = (bench.get("Localization", "web") or {})["spec"]
    assert (spec["priority"], spec["overridePolicy"], spec.get("overrides")) == (700, "ApplyNow", None)


def test_a_patch_of_what_does_not_exist_fails_and_makes_nothing(bench: ActionBench) -> None:
    done = bench.forward(localization(bench, "Patch", {"priority": 1}))

    assert (done.phase, done.reason, done.code) == ("Failed", "NotFound", 2)
    assert bench.get("Localization", "web") is None


def test_a_localization_that_somebody_else_made_is_not_taken_for_created(bench: ActionBench) -> None:
    bench.forward(localization(bench, "Create", {"feed": FEED, "priority": 1}))

    done = bench.forward(localization(bench, "Create", {"feed": FEED, "priority": 2}))

    assert (done.phase, done.reason) == ("Failed", "Conflict")
    assert (bench.get("Localization", "web") or {})["spec"]["priority"] == 1


def test_an_applied_globalization_is_restored_to_what_it_was(bench: ActionBench) -> None:
    name = bench.room.namespace
    first = {"feed": FEED, "priority": 600, "clusterAffinity": {"matchLabels": {"zone": "a"}}}
    made = bench.forward(globalization(bench, "Apply", first))
    changed = {"feed": FEED, "priority": 601, "clusterAffinity": {"matchLabels": {"zone": "b"}}}
    done = bench.forward(globalization(bench, "Apply", changed))

    assert done.message == f"Globalization {name} applied successfully"
    back = bench.revert(done)
    spec = (bench.administrator.get("Globalization", "", name) or {})["spec"]
    assert back.message == f"Rolled back: restored Globalization {name}"
    assert (spec["priority"], spec["clusterAffinity"]) == (600, {"matchLabels": {"zone": "a"}})
    bench.revert(made)
    assert bench.administrator.get("Globalization", "", name) is None


def test_a_deleted_globalization_is_created_again(bench: ActionBench) -> None:
    name = bench.room.namespace
    bench.forward(globalization(bench, "Create", {"feed": FEED, "overrides": [OVERRIDE]}))
    done = bench.forward(globalization(bench, "Delete"))

    assert done.message == f"Globalization {name} deleted successfully"
    assert bench.administrator.get("Globalization", "", name) is None
    back = bench.revert(done)
    assert back.message == f"Rolled back: created Globalization {name} again"
    assert (bench.administrator.get("Globalization", "", name) or {})["spec"]["overrides"] == [OVERRIDE]


def test_what_is_not_there_is_deleted_all_the_same(bench: ActionBench) -> None:
    done = bench.forward(globalization(bench, "Delete"))

    assert done.phase == "Succeeded"
    assert "was not there" in done.message


def test_a_helm_chart_is_ready_when_its_chart_was_found(bench: ActionBench) -> None:
    run = bench.run()
    runner = bench.start(helm_chart(bench, "Create", CHART, waitReady=True), run)
    until(lambda: bench.get("HelmChart", "web"), "the HelmChart")
    bench.change("HelmChart", "web", {"status": {"phase": "NotFound", "reason": "no route"}}, part="/status")
    until(lambda: "the chart is NotFound: no route" in runner.output, "the runner to tell what it waits for")
    assert runner.running
    bench.change("HelmChart", "web", {"status": {"phase": "Found", "reason": ""}}, part="/status")

    assert runner.wait() == 0
    assert run.state(KEY)["message"] == f"HelmChart {bench.room.namespace}/web created successfully"
    assert run.state(KEY)["values"]["object"]["status"]["phase"] == "Found"


def test_a_chart_that_is_not_found_in_time_is_named_with_its_reason(bench: ActionBench) -> None:
    run = bench.run()
    runner = bench.start(helm_chart(bench, "Create", CHART, waitReady=True, timeout=3.0), run)
    until(lambda: bench.get("HelmChart", "web"), "the HelmChart")
    bench.change("HelmChart", "web", {"status": {"phase": "NotFound", "reason": "no such version"}}, part="/status")

    assert runner.wait() == 3
    assert "the chart is NotFound: no such version" in run.state(KEY)["message"]
    assert run.state(KEY)["outputs"]["helmChartRef"]["name"] == "web"


def test_a_patch_of_the_version_leaves_all_else_of_a_helm_chart(bench: ActionBench) -> None:
    secret = {"chartPullSecret": {"name": "pull", "namespace": "shop"}}
    bench.forward(helm_chart(bench, "Create", {**CHART, **secret, "timeoutSeconds": 60}))
    before = (bench.get("HelmChart", "web") or {})["spec"]

    bench.forward(helm_chart(bench, "Patch", {"version": "2.0.0"}))

    assert (bench.get("HelmChart", "web") or {})["spec"] == {**before, "version": "2.0.0"}
