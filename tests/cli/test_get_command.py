"""`drplan get` and `drplan history` on state folders."""

from __future__ import annotations

import pytest

from compiler.model.phases import Phase
from support.command import drplan
from support.executions import action, execution, failed_switchover, stage, use
from support.plans import http, snapshot, workflow
from support.plans import plan as plan_manifest
from support.plans import stage as plan_stage
from support.states import keep, keep_plan, keep_record, keep_snapshot, put


def at(time, **fields):
    return execution(startTime=f"2026-07-22T{time}Z", **fields)


@pytest.fixture
def state(tmp_path):
    keep(
        tmp_path,
        at("10:00:00", name="shop-execute-1", revertedBy={"name": "shop-revert-1", "phase": "Succeeded"}),
        at("10:00:00", name="shop-execute-10", uid="uid-10"),
        at("10:00:00", name="shop-execute-9", uid="uid-9"),
        failed_switchover(name="shop-execute-11", uid="uid-11", startTime="2026-07-22T11:00:00Z"),
    )
    return tmp_path


def names(table):
    return [line.split()[0] for line in table.splitlines()[1:]]


def test_all_executions_are_listed_newest_first(state):
    called = drplan("get", "--state", state)
    assert called.code == 0
    assert called.out.startswith("NAME ")
    assert names(called.out) == ["shop-execute-11", "shop-execute-10", "shop-execute-9", "shop-execute-1"]


def test_named_executions_are_listed_as_they_are_named(state):
    called = drplan("get", "shop-execute-1", "shop-execute-9", "--state", state)
    assert names(called.out) == ["shop-execute-1", "shop-execute-9"]


def test_a_wide_list_has_the_message(state):
    called = drplan("get", "shop-execute-11", "--state", state, "-o", "wide")
    assert called.out.splitlines()[0].split()[-2:] == ["WORKFLOW", "MESSAGE"]
    assert "Stage visitors failed" in called.out


def test_one_execution_is_a_tree_with_what_failed_and_what_to_do(state):
    called = drplan("get", "shop-execute-11", "--state", state)
    assert called.code == 0
    assert "✗ s3.w1.a2 smoke-test" in called.out
    assert "Not run: 3 of 11 actions" in called.out
    assert f"drplan revert shop-execute-11 --state {state}" in called.out
    assert "\x1b" not in called.out


def test_several_trees_are_shown_one_after_the_other(state):
    called = drplan("get", "shop-execute-11", "shop-execute-9", "--state", state, "-o", "tree")
    assert called.out.index("shop-execute-11") < called.out.index("shop-execute-9")


def test_a_reverted_or_successful_execution_suggests_nothing(state):
    for name in ("shop-execute-1", "shop-execute-9"):
        assert "Next:" not in drplan("get", name, "--state", state).out


def test_json_and_yaml_are_the_objects(state):
    one = drplan("get", "shop-execute-9", "--state", state, "-o", "json").json
    assert (one["kind"], one["metadata"]["name"]) == ("DRPlanExecution", "shop-execute-9")
    listed = drplan("get", "--state", state, "-o", "json").json
    assert listed["kind"] == "List"
    assert len(listed["items"]) == 4
    assert drplan("get", "--state", state, "-o", "yaml").documents == listed["items"]
    assert drplan("get", "--state", state, "-o", "name").out.split()[0] == "shop-execute-11"


def test_an_empty_state_folder_is_no_error(tmp_path):
    called = drplan("get", "--state", tmp_path)
    assert (called.code, called.out) == (0, "")
    assert "no executions in" in called.err
    assert drplan("get", "--state", tmp_path, "-o", "json").json["items"] == []
    assert drplan("get", "--state", tmp_path, "-o", "yaml").out == ""
    assert drplan("get", "--state", tmp_path, "-o", "name").out == ""


@pytest.mark.parametrize("name", ["nosuch", "../default/executions/shop-execute-1", ".hidden"])
def test_an_execution_that_is_not_there_exits_with_1(state, name):
    called = drplan("get", name, "--state", state)
    assert called.code == 1
    assert name in called.err
    assert called.out == ""


def test_a_damaged_execution_exits_with_4_and_names_the_file(state):
    path = state / "default/executions/shop-execute-9/execution.json"
    path.write_text("{")
    called = drplan("get", "shop-execute-9", "--state", state)
    assert called.code == 4
    assert str(path) in called.err


@pytest.mark.parametrize("content", ["{", "{}", '{"metadata": {"name": "x"}}', "[]"])
def test_lists_leave_out_what_is_damaged_and_name_it(state, content):
    path = state / "default/executions/shop-execute-9/execution.json"
    path.write_text(content)
    for arguments in (["get"], ["history", "shop"]):
        called = drplan(*arguments, "--state", state)
        assert called.code == 0
        assert names(called.out) == ["shop-execute-11", "shop-execute-10", "shop-execute-1"]
        assert str(path) in called.err


def test_a_phase_that_nobody_knows_is_damage(state):
    keep(state, execution(name="shop-execute-12") | {"status": {"phase": "Bananas"}})
    for command in ("get", "watch", "retry", "resume", "cancel"):
        called = drplan(command, "shop-execute-12", "--state", state)
        assert called.code == 4
        assert "shop-execute-12/execution.json: has a phase that nobody knows: 'Bananas'" in called.err


def test_a_folder_that_does_not_exist_is_said_to_be_missing(tmp_path):
    called = drplan("get", "--state", tmp_path / "none")
    assert (called.code, called.out) == (1, "")
    assert f"there is no folder {tmp_path / 'none'}" in called.err
    assert not (tmp_path / "none").exists()


def test_executions_of_another_namespace_are_hinted_at(state):
    called = drplan("get", "--state", state, "-n", "other")
    assert called.code == 0
    assert f"there are some in: default; see them with: drplan get --state {state}" in called.err


def test_what_no_engine_runs_says_so(tmp_path):
    keep(
        tmp_path,
        execution(name="shop-execute-1", phase=Phase.RUNNING),
        execution(name="shop-execute-2", phase=Phase.RUNNING, annotations={"dr.bkbcs.tencent.com/pause": "true"}),
        execution(name="shop-execute-3"),
    )
    listed = drplan("get", "--state", tmp_path).out
    assert "Running (no engine)" in listed
    assert "Running (paused, no engine)" in listed
    assert listed.count("no engine") == 2
    shown = drplan("get", "shop-execute-1", "--state", tmp_path).out
    assert f"no engine runs this execution; go on with it: drplan resume shop-execute-1 --state {tmp_path}" in shown


def test_details_that_do_not_fit_into_a_status_come_from_the_records(tmp_path):
    made = execution(stage("s", use("w")), name="big", detail={"level": "Summary"}, phase=Phase.SUCCEEDED)
    keep(tmp_path, made)
    keep_snapshot(tmp_path, "big", snapshot(plan_manifest(plan_stage("s", "w")), workflow("w", http("x"))))
    keep_record(tmp_path, "big", "s1.w1.a1", "x", message="HTTP GET succeeded with status 200")
    assert "s1.w1.a1 x  Succeeded" in drplan("get", "big", "--state", tmp_path).out
    assert drplan("get", "big", "--state", tmp_path, "-o", "json").out.count("HTTP GET succeeded") == 1


def entry(name, **fields):
    return {"name": name, "namespace": "default", "operationType": "Execute", "phase": "Succeeded", **fields}


def test_a_history_joins_what_the_plan_remembers_and_what_is_kept(state):
    remembered = [
        entry("shop-execute-11", uid="uid-11", startTime="2026-07-22T11:00:00Z", phase="Failed"),
        entry("gone", uid="uid-8", startTime="2026-07-22T09:00:00Z", phase="Cancelled", message="vanished"),
    ]
    keep_plan(state, "shop", *remembered)
    keep(state, at("12:00:00", name="other-execute-1", plan="other", uid="uid-99"))
    called = drplan("history", "shop", "--state", state)
    assert called.code == 0
    assert names(called.out) == ["shop-execute-11", "shop-execute-10", "shop-execute-9", "shop-execute-1", "gone"]
    assert "reverted by shop-revert-1" in called.out
    listed = drplan("history", "shop", "--state", state, "-o", "json").json
    assert listed[-1] == remembered[-1]
    assert listed[-2]["revertedBy"]["name"] == "shop-revert-1"
    assert drplan("history", "shop", "--state", state, "-o", "yaml").documents == listed
    assert drplan("history", "shop", "--state", state, "-o", "name").out.split()[-1] == "gone"
    assert "vanished" in drplan("history", "shop", "--state", state, "-o", "wide").out


def test_a_plan_without_executions_has_an_empty_history_and_an_unknown_plan_is_an_error(tmp_path):
    keep_plan(tmp_path, "shop")
    called = drplan("history", "shop", "--state", tmp_path)
    assert (called.code, called.out) == (0, "")
    assert drplan("history", "shop", "--state", tmp_path, "-o", "json").json == []
    unknown = drplan("history", "nosuch", "--state", tmp_path)
    assert unknown.code == 1
    assert "nosuch" in unknown.err


def test_an_execution_of_the_older_controller_is_shown_with_todays_words(tmp_path):
    old = execution(stage("s", use("w", action("x"))), name="old")
    old["status"]["phase"] = "Canceled"
    put(tmp_path / "default/executions/old/execution.json", old)
    assert "Cancelled" in drplan("get", "--state", tmp_path).out
    assert "■ old  Cancelled" in drplan("get", "old", "--state", tmp_path).out
