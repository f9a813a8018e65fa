"""`run`, `revert`, `retry`, `pause`, `resume`, `cancel` as a person would call them, on real runs."""

from __future__ import annotations

import json
import signal
import time

import pytest

from support.command import drplan, manifests, process, start
from support.http_site import Answer, Site
from support.local import actions, phases
from support.plans import http, localization, plan, stage, workflow

pytestmark = pytest.mark.long


@pytest.fixture
def site():
    with Site() as site:
        yield site


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def back(site, name, **fields):
    rollback = {"http": {"url": f"{site.url}/back/{name}", "method": "POST"}}
    return http(name, f"{site.url}/{name}", method="POST", rollback=rollback, **fields)


def test_a_plan_of_three_stages_two_workflows_and_three_actions_succeeds_with_a_full_status(tmp_path, site, state):
    uses = ["first", "second"]
    folder = manifests(
        tmp_path / "plan",
        plan(stage("one", *uses, parallel=True), stage("two", *uses), stage("three", *uses, parallel=True)),
        *(workflow(use, *(back(site, f"{use}-{letter}") for letter in "abc")) for use in uses),
    )
    ran = process("run", "-f", folder, "--state", state, "-o", "json")
    assert ran.code == 0, ran.err
    status = ran.json["status"]
    assert status["phase"] == "Succeeded"
    assert status["message"] == "All stages completed successfully"
    assert [one["phase"] for one in status["stageStatuses"]] == ["Succeeded"] * 3
    assert [
        (use["workflowRef"]["name"], use["phase"], use["progress"])
        for one in status["stageStatuses"]
        for use in one["workflowExecutions"]
    ] == [(use, "Succeeded", "3/3 actions completed") for _ in range(3) for use in uses]
    found = actions(ran.json)
    assert len(found) == 18
    for action in found.values():
        assert action["phase"] == "Succeeded"
        assert action["message"] == "HTTP POST succeeded with status 200"
        assert action["startTime"]
        assert action["completionTime"]
        assert action["outputs"]["httpResponse"]["statusCode"] == 200
    assert status["summary"]["succeededActions"] == 18
    assert site.count() == 18


def test_execute_and_revert_again_and_again_are_all_in_the_history(tmp_path, site, state):
    folder = manifests(tmp_path / "plan", plan(stage("s", "w")), workflow("w", back(site, "a"), back(site, "b")))
    for turn in (1, 2):
        assert drplan("run", "-f", folder, "--state", state).code == 0
        reverted = drplan("revert", f"pay-execute-{turn}", "--state", state, "-n", "dr", "-o", "json")
        assert reverted.code == 0
        expected = "Plan reverted successfully: 1 stage(s) rolled back, 2 action(s) rolled back"
        assert reverted.json["status"]["message"] == expected
    history = drplan("history", "pay", "--state", state, "-n", "dr", "-o", "json").json
    names = [entry["name"] if "name" in entry else entry["metadata"]["name"] for entry in history]
    assert names == ["pay-revert-2", "pay-execute-2", "pay-revert-1", "pay-execute-1"]
    paths = [call.path for call in site.received]
    assert paths == ["/a", "/b", "/back/b", "/back/a"] * 2


def test_a_failed_run_exits_with_2_and_only_what_was_done_is_undone(tmp_path, site, state):
    site.script("/b", Answer(404))
    folder = manifests(
        tmp_path / "plan",
        plan(stage("s", "w"), stage("t", "w")),
        workflow("w", back(site, "a"), back(site, "b"), back(site, "c")),
    )
    failed = drplan("run", "-f", folder, "--state", state)
    assert failed.code == 2
    assert "status code" in failed.out
    reverted = drplan("revert", "pay-execute-1", "--state", state, "-n", "dr", "-o", "json")
    assert reverted.code == 0
    assert phases(reverted.json) == {
        "s2.w1.a1": "Skipped",
        "s2.w1.a2": "Skipped",
        "s2.w1.a3": "Skipped",
        "s1.w1.a1": "Succeeded",
        "s1.w1.a2": "Succeeded",
        "s1.w1.a3": "Skipped",
    }
    assert [call.path for call in site.received] == ["/a", "/b", "/back/b", "/back/a"]


def test_a_retry_runs_only_what_did_not_succeed(tmp_path, site, state):
    site.script("/b", Answer(404), Answer(200))
    folder = manifests(
        tmp_path / "plan",
        plan(stage("s", "v", "w")),
        workflow("v", back(site, "first")),
        workflow("w", back(site, "a"), back(site, "b"), back(site, "c")),
    )
    assert drplan("run", "-f", folder, "--state", state).code == 2
    retried = drplan("retry", "pay-execute-1", "--state", state, "-n", "dr", "-o", "json")
    assert retried.code == 0
    assert set(phases(retried.json).values()) == {"Succeeded"}
    assert retried.json["status"]["epoch"] == 2
    assert [call.path for call in site.received] == ["/first", "/a", "/b", "/b", "/c"]


def test_types_that_need_a_cluster_are_refused_by_name_before_anything_runs(tmp_path, site, state):
    folder = manifests(
        tmp_path / "plan", plan(stage("s", "w")), workflow("w", http("call", f"{site.url}/x"), localization("move"))
    )
    refused = drplan("run", "-f", folder, "--state", state)
    assert refused.code == 1
    assert "s1.w1.a2 move: Localization" in refused.err
    assert site.count() == 0
    assert not state.exists()


def test_missing_secrets_are_refused_by_variable_and_given_ones_reach_the_call_and_nothing_else(tmp_path, site, state):
    token = {"name": "t", "valueFrom": {"secretKeyRef": {"name": "pay-api", "key": "token"}}}
    folder = manifests(
        tmp_path / "plan",
        plan(stage("s", "w"), globalParams=[token]),
        workflow("w", http("x", f"{site.url}/x", headers={"Authorization": "Bearer $(params.t)"})),
    )
    refused = process("run", "-f", folder, "--state", state)
    assert refused.code == 1
    assert "SECRET_PAY_API_TOKEN" in refused.err
    assert site.count() == 0
    ran = process("run", "-f", folder, "--state", state, SECRET_PAY_API_TOKEN="hush-hush")
    assert ran.code == 0
    assert site.received[0].headers["authorization"] == "Bearer hush-hush"
    written = [path for path in state.rglob("*") if path.is_file() and b"hush-hush" in path.read_bytes()]
    assert written == []
    assert "hush-hush" not in ran.out + ran.err


def test_reverting_what_does_not_exist_or_is_reverted_already_is_refused(tmp_path, site, state):
    where = ["--state", state, "-n", "dr"]
    assert drplan("revert", "nosuch", *where).code == 1
    folder = manifests(tmp_path / "plan", plan(stage("s", "w")), workflow("w", back(site, "a")))
    assert drplan("run", "-f", folder, "--state", state).code == 0
    assert drplan("revert", "pay-execute-1", *where).code == 0
    again = drplan("revert", "pay-execute-1", *where)
    assert again.code == 1
    assert "reverted" in again.err
    of_a_revert = drplan("revert", "pay-revert-1", *where)
    assert of_a_revert.code == 1
    assert of_a_revert.err == "referenced execution pay-revert-1 must be an Execute operation, got Revert\n"


def test_an_older_execution_is_reverted_only_by_force(tmp_path, site, state):
    where = ["--state", state, "-n", "dr"]
    folder = manifests(tmp_path / "plan", plan(stage("s", "w")), workflow("w", back(site, "a")))
    assert drplan("run", "-f", folder, "--state", state).code == 0
    assert drplan("run", "-f", folder, "--state", state).code == 0
    refused = drplan("revert", "pay-execute-1", *where)
    assert refused.code == 1
    assert "force" in refused.err
    assert drplan("revert", "pay-execute-1", "--force", *where).code == 0


@pytest.fixture
def waiting(tmp_path, site, state):
    """A run whose first action is being answered slowly, as a process of its own."""
    site.script("/slow", Answer(200, delay=2.0))
    folder = manifests(
        tmp_path / "plan",
        plan(stage("s", "w"), stage("t", "w2")),
        workflow("w", back(site, "slow"), back(site, "next")),
        workflow("w2", back(site, "last")),
    )
    started = start("run", "-f", folder, "--state", state, "-o", "json")
    site.wait_for(1, "/slow")
    yield started
    if started.poll() is None:
        started.kill()
    started.communicate()


def test_ctrl_c_cancels_gracefully_and_what_acts_finishes(waiting, site, state):
    waiting.send_signal(signal.SIGINT)
    out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 3
    execution = json.loads(out)
    assert execution["status"]["phase"] == "Cancelled"
    assert phases(execution) == {"s1.w1.a1": "Succeeded", "s1.w1.a2": "Skipped", "s2.w1.a1": "Skipped"}
    assert site.count() == 1


def test_ctrl_c_twice_ends_it_now_and_what_was_sent_is_unknown(waiting, site):
    waiting.send_signal(signal.SIGINT)
    time.sleep(0.3)
    waiting.send_signal(signal.SIGINT)
    waiting.send_signal(signal.SIGINT)
    out, _ = waiting.communicate(timeout=60)
    execution = json.loads(out)
    assert phases(execution)["s1.w1.a1"] in ("Unknown", "Succeeded")
    assert site.count("/next") == 0
    assert waiting.returncode in (2, 3)


def test_a_pause_lets_nothing_start_and_resume_goes_on(waiting, site, state):
    where = ["--state", state, "-n", "dr"]
    paused = drplan("pause", "pay-execute-1", *where)
    assert (paused.code, paused.out) == (
        0,
        f"pay-execute-1 is paused; go on with: drplan resume pay-execute-1 --state {state} -n dr\n",
    )
    time.sleep(3.0)
    assert site.count("/next") == 0
    shown = drplan("get", "pay-execute-1", *where, "-o", "json").json
    assert shown["status"]["phase"] == "Running"
    assert any(
        condition["type"] == "Paused" and condition["status"] == "True" for condition in shown["status"]["conditions"]
    )
    resumed = drplan("resume", "pay-execute-1", *where)
    assert (resumed.code, resumed.out) == (0, "told the engine that runs pay-execute-1 to go on\n")
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert site.count() == 3


def test_a_second_run_of_the_plan_is_refused_by_name_while_the_first_goes_on(waiting, tmp_path, state):
    refused = drplan("run", "-f", tmp_path / "plan", "--state", state)
    assert refused.code == 1
    assert f"`drplan cancel pay-execute-1 --state {state} -n dr`" in refused.err
    driven = drplan("resume", "pay-execute-1", "--state", state, "-n", "dr")
    assert driven.code == 1
    assert f"`drplan watch pay-execute-1 --state {state} -n dr`" in driven.err
    waiting.communicate(timeout=60)


def test_a_cancel_from_another_terminal_ends_the_run(waiting, site, state):
    told = drplan("cancel", "pay-execute-1", "--state", state, "-n", "dr")
    assert (told.code, told.out) == (0, "told the engine that runs pay-execute-1 to cancel it\n")
    waiting.communicate(timeout=60)
    assert waiting.returncode == 3
    assert site.count("/next") == 0


def test_a_killed_run_goes_on_with_resume_and_repeats_nothing(waiting, site, state):
    waiting.kill()
    waiting.communicate()
    resumed = process("resume", "pay-execute-1", "--state", state, "-n", "dr", "-o", "json")
    assert resumed.code == 0, resumed.err
    assert set(phases(resumed.json).values()) == {"Succeeded"}
    assert [call.path for call in site.received] == ["/slow", "/next", "/last"]
    assert drplan("resume", "pay-execute-1", "--state", state, "-n", "dr").code == 1
