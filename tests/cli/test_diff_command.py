"""`drplan diff` between manifests and what an execution ran."""

from __future__ import annotations

import pytest

from compiler.model.phases import Phase
from support.command import drplan, manifests
from support.http_site import Site
from support.plans import execution, http, plan, revert_of, snapshot, stage, workflow
from support.states import keep, keep_snapshot

NAME = "pay-1"
PLAN = plan(stage("db", "w"), globalParams=[{"name": "host", "value": "a.example"}])
WORKFLOW = workflow("w", http("check", "http://$(params.host)/$(executionName)"), http("gone", when="mode == install"))


@pytest.fixture
def state(tmp_path):
    keep(tmp_path, {**execution(NAME), "status": {"phase": "Succeeded"}})
    keep_snapshot(tmp_path, NAME, snapshot(PLAN, WORKFLOW, mode="install", params={"host": "b.example"}))
    return tmp_path


def diff(state, *objects, options=()):
    folder = manifests(state / "plan", *objects)
    return drplan("diff", "-f", folder, "--against", NAME, "--state", state, *options)


def test_the_plan_that_ran_has_no_differences(state):
    called = diff(state, PLAN, WORKFLOW)
    assert called.code == 0
    assert called.out == "no differences: plan pay is as pay-1 ran it\n"
    assert diff(state, PLAN, WORKFLOW, options=["-o", "json"]).json["differences"] == []


def test_mode_and_parameters_are_those_of_the_execution(state):
    later = plan(stage("db", "w"), globalParams=[{"name": "host", "value": "changed, but overridden"}])
    assert diff(state, later, WORKFLOW).out.startswith("no differences")
    given = diff(state, PLAN, WORKFLOW, options=["--mode", "Upgrade", "-p", "host=c.example"])
    assert 'http.url: "http://b.example/pay-1" → "http://c.example/pay-1"' in given.out
    assert "runs: true →" in given.out


def test_what_changed_is_told_and_the_exit_code_is_0(state):
    changed = workflow(
        "w", http("new"), http("check", "http://$(params.host)/v2"), http("gone", when="mode == install")
    )
    called = diff(state, PLAN, changed)
    assert called.code == 0
    assert called.out.splitlines() == [
        "+ added    action    db / w / new  s1.w1.a1",
        "~ changed  action    db / w / check  s1.w1.a2, was s1.w1.a1",
        '    http.url: "http://b.example/pay-1" → "http://b.example/v2"',
        "",
        "1 added, 1 changed",
    ]
    told = diff(state, PLAN, changed, options=["-o", "json"]).json
    assert (told["plan"], told["against"]) == ("pay", NAME)
    assert told["differences"][1]["fields"] == [
        {"name": "http.url", "before": "http://b.example/pay-1", "after": "http://b.example/v2"}
    ]


def test_a_parameter_that_the_plan_does_not_know_any_more_is_left_out_and_said(state):
    called = diff(state, plan(stage("db", "w")), workflow("w", http("check"), http("gone", when="mode == install")))
    assert called.code == 0
    assert 'parameter "host" of the execution is not used by the plan any more' in called.err
    assert "http.url" in called.out


def test_a_plan_that_cannot_be_compiled_is_an_error_with_its_place(state):
    called = diff(state, PLAN, workflow("w", http("check", "http://$(params.nosuch)/")))
    assert called.code == 1
    assert "1.yaml:" in called.err
    assert called.out == ""


def test_a_revert_is_compared_by_what_it_undid(state):
    target = snapshot(PLAN, WORKFLOW, mode="install", params={"host": "b.example"})
    keep_snapshot(state, NAME, revert_of(target, {"s1.w1.a1": Phase.SUCCEEDED}))
    assert diff(state, PLAN, WORKFLOW).out.startswith("no differences")


def test_an_execution_without_a_snapshot_or_with_a_damaged_one_is_an_error(state):
    path = state / "default/executions" / NAME / "snapshot.json"
    path.write_text('{"v": 99}')
    assert diff(state, PLAN, WORKFLOW).code == 4
    path.unlink()
    missing = diff(state, PLAN, WORKFLOW)
    assert missing.code == 1
    assert "ended before anything was compiled" in missing.err
    assert drplan("diff", "-f", state / "plan", "--against", "nosuch", "--state", state).code == 1


def test_another_plan_among_the_manifests_is_not_taken_for_it(state):
    called = diff(state, {**PLAN, "metadata": {"name": "other", "namespace": "dr"}}, WORKFLOW)
    assert called.code == 1
    assert "hold no DRPlan pay" in called.err


def test_a_real_run_compares_equal_with_the_manifests_that_it_ran(tmp_path):
    state = tmp_path / "state"
    with Site() as site:
        folder = manifests(tmp_path / "plan", plan(stage("s", "w")), workflow("w", http("x", f"{site.url}/x")))
        ran = drplan("run", "-f", folder, "--state", state, "-o", "json")
    name = ran.json["metadata"]["name"]
    called = drplan("diff", "-f", folder, "--against", name, "--state", state, "-n", "dr")
    assert (called.code, called.out) == (0, f"no differences: plan pay is as {name} ran it\n")
