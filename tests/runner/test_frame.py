"""Real runners on real files: what happens at an action's turn, step by step."""

from __future__ import annotations

import re

import pytest

from runner.records.files import FileRecords
from support.http_site import Answer, Site
from support.runner_bench import UID, WORKFLOW, WORKFLOW_UID, Bench, spec, wait_until

KEY = "s1.w1.a1"
GROUP = "dr.bkbcs.tencent.com/"
FOREIGN = {"id": "another-lane", "pod": "gone", "attempt": 1, "renewTime": "2026-01-01T00:00:00.000000Z"}


def test_an_action_that_succeeds_leaves_a_record_a_lane_file_and_a_message(bench: Bench, site: Site) -> None:
    site.script("/promote", Answer(201, '{"ip": "10.0.0.7"}'))
    lane = bench.lane()

    runner = lane.start(KEY, spec(url=f"{site.url}/promote"))

    assert runner.wait() == 0
    state = bench.record(KEY)["state"]
    assert state["phase"] == "Succeeded"
    assert state["message"] == "HTTP POST succeeded with status 201"
    assert (state["epoch"], state["run"], state["exitCode"], state["sent"]) == (1, 1, 0, True)
    assert state["outputs"] == {"httpResponse": {"statusCode": 201, "body": '{"ip": "10.0.0.7"}'}}
    assert state["values"] == {"statusCode": 201, "json": {"ip": "10.0.0.7"}, "body": '{"ip": "10.0.0.7"}'}
    assert state["holder"]["pod"] == "lane-1"
    assert state["holder"]["id"] == (lane.folder / "holder").read_text()
    assert state["holder"]["attempt"] == 1
    result = lane.result(KEY)
    assert {name: result[name] for name in ("v", "key", "phase", "message", "retryCount", "record", "replayed")} == {
        "v": 1,
        "key": KEY,
        "phase": "Succeeded",
        "message": "HTTP POST succeeded with status 201",
        "retryCount": 0,
        "record": bench.record(KEY)["metadata"]["name"],
        "replayed": False,
    }
    assert result["startTime"] == state["startTime"]
    assert result["completionTime"] == state["completionTime"]
    assert result["values"]["json"] == {"ip": "10.0.0.7"}
    assert runner.last_message == "HTTP POST succeeded with status 201"
    assert re.search(r"^\S+Z s1\.w1\.a1 promote: HTTP POST succeeded with status 201$", runner.output, re.M)


def test_a_record_says_everything_about_its_action(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.lane().start(KEY, what).wait()

    record = bench.record(KEY)
    assert record["apiVersion"] == "dr.bkbcs.tencent.com/v1alpha1"
    assert record["kind"] == "DRActionRecord"
    assert {name.removeprefix(GROUP): value for name, value in record["metadata"]["labels"].items()} == {
        "plan": "pay",
        "operation": "execute",
        "execution": "pay-execute-1",
        "execution-uid": UID,
        "epoch": "1",
        "stage": "s1",
        "workflow": "s1.w1",
        "action": "promote",
        "key": KEY,
        "type": "HTTP",
        "result": "Succeeded",
        "app.kubernetes.io/name": "drplan",
        "app.kubernetes.io/managed-by": "drplan-syncer",
        "app.kubernetes.io/part-of": "pay",
    }
    assert {name: value for name, value in record["spec"].items() if name != "specHash"} == {
        "schemaVersion": 1,
        "execution": {"name": "pay-execute-1", "uid": UID},
        "workflow": {"name": WORKFLOW, "uid": WORKFLOW_UID},
        "key": KEY,
        "direction": "Forward",
        "action": {"name": "promote", "type": "HTTP", "operation": "POST"},
    }
    assert "ownerReferences" not in record["metadata"]


def test_the_record_is_there_and_says_sent_before_the_request_arrives(bench: Bench, site: Site) -> None:
    site.script("/slow", Answer(delay=2.0))
    runner = bench.lane().start(KEY, spec(url=f"{site.url}/slow"))
    site.wait_for(1)

    state = bench.record(KEY)["state"]
    assert state["phase"] == "Started"
    assert state["sent"] is True
    runner.kill()


def test_replaying_a_success_sends_nothing(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.lane("first").start(KEY, what).wait()
    before = bench.record(KEY)
    bench.open_fence(epoch=2, workflow="pay-x-1a2b3c4d-e2", workflowUID="")
    lane = bench.lane("second", workflow="pay-x-1a2b3c4d-e2")

    assert lane.start(KEY, what).wait() == 0
    assert site.count() == 1
    assert lane.result(KEY)["replayed"] is True
    assert lane.result(KEY)["message"] == "HTTP POST succeeded with status 200"
    assert lane.result(KEY)["outputs"] == before["state"]["outputs"]
    assert bench.record(KEY) == before


def test_a_failure_of_the_same_round_is_replayed_with_its_exit_code(bench: Bench, site: Site) -> None:
    site.script("/", Answer(404))
    what = spec(url=site.url)
    assert bench.lane("first").start(KEY, what).wait() == 2
    assert bench.lane("second").start(KEY, what).wait() == 2
    assert site.count() == 1


@pytest.mark.parametrize("fence", [{"epoch": 2}, {"run": 2}])
def test_a_failure_is_done_again_when_the_fence_is_newer(bench: Bench, site: Site, fence: dict[str, int]) -> None:
    site.script("/", Answer(404), Answer(200))
    what = spec(url=site.url)
    assert bench.lane("first").start(KEY, what).wait() == 2
    bench.open_fence(**fence)

    assert bench.lane("second").start(KEY, what).wait() == 0
    state = bench.record(KEY)["state"]
    assert site.count() == 2
    assert state["holder"]["attempt"] == 2
    assert (state["epoch"], state["run"]) == (fence.get("epoch", 1), fence.get("run", 1))
    assert state["phase"] == "Succeeded"
    assert "reason" not in state
    assert bench.record(KEY)["metadata"]["labels"][GROUP + "epoch"] == str(fence.get("epoch", 1))


def test_an_unknown_outcome_is_not_repeated_even_in_a_newer_epoch(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.put_record(KEY, what, phase="Unknown", reason="OutcomeUnknown", message="who knows", sent=True)
    bench.open_fence(epoch=2)
    lane = bench.lane()

    assert lane.start(KEY, what).wait() == 5
    assert site.count() == 0
    assert lane.result(KEY)["phase"] == "Unknown"


def test_an_unknown_outcome_of_something_idempotent_is_done_again(bench: Bench, site: Site) -> None:
    what = spec(url=site.url, method="PUT")
    bench.put_record(KEY, what, phase="Unknown", reason="OutcomeUnknown", sent=True, holder=FOREIGN)

    assert bench.lane().start(KEY, what).wait() == 0
    assert site.count() == 1


def test_a_record_of_another_spec_is_refused_and_left_alone(bench: Bench, site: Site) -> None:
    bench.put_record(KEY, spec(url=site.url, body="other"), phase="Failed")
    before = bench.record(KEY)
    lane = bench.lane()

    assert lane.start(KEY, spec(url=site.url)).wait() == 4
    assert lane.result(KEY)["reason"] == "SpecChanged"
    assert bench.record(KEY) == before
    assert site.count() == 0


def test_the_lane_that_a_predecessor_lies_in_does_not_change_the_spec(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.lane("first").start(KEY, what).wait()
    assert bench.lane("second").start(KEY, {**what, "earlier": ["a9"]}).wait() == 0
    assert site.count() == 1


def test_an_execution_that_is_gone_halts_without_a_record(bench: Bench, site: Site) -> None:
    (bench.state / "execution.json").unlink()
    lane = bench.lane()

    runner = lane.start(KEY, spec(url=site.url))

    assert runner.wait() == 77
    assert runner.last_message == "not run: the execution does not exist any more"
    assert lane.result(KEY)["phase"] == "Skipped"
    assert not bench.has_record(KEY)
    assert site.count() == 0


def test_an_execution_of_the_same_name_with_another_uid_halts(bench: Bench, site: Site) -> None:
    bench.write_execution(uid="another")
    assert bench.lane().start(KEY, spec(url=site.url)).wait() == 77
    assert not bench.has_record(KEY)
    assert site.count() == 0


def test_an_execution_that_is_being_deleted_skips_the_action(bench: Bench, site: Site) -> None:
    bench.write_execution(deletionTimestamp="2026-01-01T00:00:00Z")
    assert bench.lane().start(KEY, spec(url=site.url)).wait() == 77
    assert bench.record(KEY)["state"]["reason"] == "CancelledByUser"
    assert site.count() == 0


@pytest.mark.parametrize("fence", [{"workflow": "pay-x-1a2b3c4d-e2"}, {"workflowUID": "another"}])
def test_a_workflow_that_the_fence_does_not_know_leaves_the_record_to_the_one_it_knows(
    bench: Bench, site: Site, fence: dict[str, str]
) -> None:
    bench.open_fence(**fence)
    lane = bench.lane()

    assert lane.start(KEY, spec(url=site.url)).wait() == 77
    assert lane.result(KEY)["reason"] == "NotBound"
    assert not bench.has_record(KEY)
    assert site.count() == 0


def test_a_fence_without_the_uid_of_the_workflow_binds_it_by_name(bench: Bench, site: Site) -> None:
    bench.open_fence(workflowUID="")
    assert bench.lane().start(KEY, spec(url=site.url)).wait() == 0


def test_a_fence_that_comes_late_is_waited_for(bench: Bench, site: Site) -> None:
    bench.write_execution()
    runner = bench.lane().start(KEY, spec(url=site.url), environment={"DRPLAN_FENCE_WAIT": "20s"})
    wait_until(lambda: (bench.state / "lanes" / "lane-1" / f"{KEY}.lock").exists())
    bench.open_fence()
    assert runner.wait() == 0


@pytest.mark.parametrize("annotation", [None, "no json", '{"v": 2, "state": "Open"}', '{"v": 1}'])
def test_without_a_fence_that_can_be_read_nothing_is_done(bench: Bench, site: Site, annotation: str | None) -> None:
    bench.write_execution(annotations={} if annotation is None else {GROUP + "fence": annotation})
    lane = bench.lane()

    assert lane.start(KEY, spec(url=site.url), environment={"DRPLAN_FENCE_WAIT": "200ms"}).wait() == 75
    assert not bench.has_record(KEY)
    assert not lane.has_result(KEY)
    assert site.count() == 0


def test_a_draining_fence_skips_what_has_not_begun(bench: Bench, site: Site) -> None:
    bench.open_fence(state="Draining")
    lane = bench.lane()

    assert lane.start(KEY, spec(url=site.url)).wait() == 77
    state = bench.record(KEY)["state"]
    assert (state["phase"], state["reason"], state["exitCode"]) == ("Skipped", "CancelledByUser", 77)
    assert "startTime" not in state
    assert lane.result(KEY)["reason"] == "CancelledByUser"
    assert site.count() == 0


def test_a_fence_that_stays_closed_skips(bench: Bench, site: Site) -> None:
    bench.open_fence(state="Closed")
    assert bench.lane().start(KEY, spec(url=site.url)).wait() == 77
    assert bench.record(KEY)["state"]["message"] == "not run: the execution is closed"
    assert site.count() == 0


def test_a_fence_that_is_opened_again_lets_the_action_start(bench: Bench, site: Site) -> None:
    bench.open_fence(state="Closed")
    runner = bench.lane().start(KEY, spec(url=site.url), environment={"DRPLAN_FENCE_WAIT": "20s"})
    wait_until(lambda: (bench.state / "lanes" / "lane-1" / f"{KEY}.lock").exists())
    bench.open_fence(run=2)
    assert runner.wait() == 0
    assert bench.record(KEY)["state"]["run"] == 2


def test_a_paused_execution_is_waited_for_without_a_record_until_it_is_resumed(bench: Bench, site: Site) -> None:
    bench.open_fence(state="Paused")
    runner = bench.lane().start(KEY, spec(url=site.url))
    wait_until(lambda: "the execution is paused" in runner.output)
    assert not bench.has_record(KEY)
    assert site.count() == 0
    bench.open_fence()
    assert runner.wait() == 0


@pytest.mark.parametrize(
    ("halt", "key", "runs"),
    [
        ({"scope": "execution", "key": ""}, "s2.w1.a1", False),
        ({"scope": "stage", "key": "s2"}, "s2.w1.a1", False),
        ({"scope": "stage", "key": "s2"}, "s21.w1.a1", True),
        ({"scope": "stage", "key": "s21"}, "s2.w1.a1", True),
        ({"scope": "workflow", "key": "s2.w1"}, "s2.w1.a1", False),
        ({"scope": "workflow", "key": "s2.w1"}, "s2.w11.a1", True),
        ({"scope": "plan", "key": "", "begun": ["s1", "s2"]}, "s2.w1.a1", True),
        ({"scope": "plan", "key": "", "begun": ["s1"]}, "s2.w1.a1", False),
    ],
)
def test_a_halt_stops_exactly_what_it_names(
    bench: Bench, site: Site, halt: dict[str, object], key: str, runs: bool
) -> None:
    bench.open_fence(halts=[{"begun": [], "cause": "s1.w2.a3 Failed: no quorum", "time": "", **halt}])

    assert bench.lane().start(key, spec(url=site.url)).wait() == (0 if runs else 77)
    state = bench.record(key)["state"]
    assert site.count() == int(runs)
    if not runs:
        assert (state["reason"], state["message"]) == ("Halted", "not run: s1.w2.a3 Failed: no quorum")


def test_a_plan_halt_lets_a_stage_go_on_that_a_record_says_has_begun(bench: Bench, site: Site) -> None:
    bench.open_fence(halts=[{"scope": "plan", "key": "", "begun": [], "cause": "x", "time": ""}])
    bench.put_record("s2.w1.a9", spec(), phase="Skipped")
    bench.put_record("s3.w1.a9", spec(), phase="Started")

    assert bench.lane("a").start("s2.w1.a1", spec(url=site.url)).wait() == 77
    assert bench.lane("b").start("s3.w1.a1", spec(url=site.url)).wait() == 0


def test_two_pods_for_one_action_act_once(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=0.5))
    what = spec(url=site.url)
    lanes = [bench.lane(f"lane-{number}") for number in range(2)]
    runners = [lane.start(KEY, what) for lane in lanes]

    assert [runner.wait() for runner in runners] == [0, 0]
    assert site.count() == 1
    assert sorted(lane.result(KEY)["replayed"] for lane in lanes) == [False, True]


def test_two_processes_in_one_lane_act_once(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=0.5))
    what = spec(url=site.url)
    lane = bench.lane()
    runners = [lane.start(KEY, what) for _ in range(2)]

    assert [runner.wait() for runner in runners] == [0, 0]
    assert site.count() == 1


def test_what_a_lost_pod_began_is_taken_over_when_it_is_idempotent(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=20), Answer(200))
    what = spec(url=site.url, method="PUT")
    lost = bench.lane("lost").start(KEY, what)
    site.wait_for(1)
    lost.kill()

    assert bench.lane("next").start(KEY, what).wait() == 0
    state = bench.record(KEY)["state"]
    assert site.count() == 2
    assert (state["phase"], state["holder"]["pod"], state["holder"]["attempt"]) == ("Succeeded", "next", 2)
    assert state["attempts"][0]["message"] == "taken over from pod lost"


def test_what_a_lost_pod_may_have_sent_is_unknown_when_it_is_not_idempotent(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=20))
    what = spec(url=site.url)
    lost = bench.lane("lost").start(KEY, what)
    site.wait_for(1)
    lost.kill()
    lane = bench.lane("next")

    assert lane.start(KEY, what).wait() == 5
    assert site.count() == 1
    assert bench.record(KEY)["state"]["phase"] == "Unknown"
    assert lane.result(KEY)["reason"] == "OutcomeUnknown"


def test_a_restarted_container_goes_on_as_the_same_holder(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=20), Answer(200))
    what = spec(url=site.url, method="PUT")
    lane = bench.lane()
    first = lane.start(KEY, what)
    site.wait_for(1)
    held_by = bench.record(KEY)["state"]["holder"]
    first.kill()

    assert lane.start(KEY, what).wait() == 0
    again = bench.record(KEY)["state"]["holder"]
    assert (again["id"], again["attempt"]) == (held_by["id"], 2)


def test_a_restarted_container_does_not_repeat_what_it_may_have_sent(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=20))
    what = spec(url=site.url)
    lane = bench.lane()
    first = lane.start(KEY, what)
    site.wait_for(1)
    first.kill()

    assert lane.start(KEY, what).wait() == 5
    assert site.count() == 1


def test_a_started_record_that_sent_nothing_is_done_by_the_next_pod(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.put_record(KEY, what, holder=FOREIGN)
    assert bench.lane().start(KEY, what).wait() == 0
    assert site.count() == 1


def test_a_holder_that_lives_is_waited_for_until_its_lease_is_over(bench: Bench, site: Site) -> None:
    # The lock of a lane is held by this test, so its pod is not gone; only silence lets the record go.
    import fcntl

    held = bench.lane("silent")
    what = spec(url=site.url, method="PUT")
    bench.put_record(KEY, what, holder={**FOREIGN, "pod": "silent"})
    with open(held.folder / "s1.w1.a9.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runner = bench.lane("next").start(KEY, what, environment={"DRPLAN_LEASE": "1s"})
        wait_until(lambda: "pod silent holds the record" in runner.output)
        assert runner.wait() == 0
    assert bench.record(KEY)["state"]["holder"]["attempt"] == 2


def test_a_holder_that_lets_go_is_followed_at_once(bench: Bench, site: Site) -> None:
    import fcntl

    held = bench.lane("held")
    what = spec(url=site.url)
    holder = {**FOREIGN, "pod": "held"}
    bench.put_record(KEY, what, holder=holder)
    with open(held.folder / "s1.w1.a9.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runner = bench.lane("next").start(KEY, what, environment={"DRPLAN_LEASE": "60s"})
        wait_until(lambda: "pod held holds the record" in runner.output)
        bench.put_record(KEY, what, holder={**holder, "released": True})
        assert runner.wait() == 0


@pytest.mark.parametrize(("sent", "phase"), [(False, "Cancelled"), (True, "Unknown")])
def test_what_a_lost_pod_began_is_left_alone_when_the_run_is_draining(
    bench: Bench, site: Site, sent: bool, phase: str
) -> None:
    what = spec(url=site.url, method="PUT")
    bench.put_record(KEY, what, holder=FOREIGN, sent=sent)
    bench.open_fence(state="Draining")
    lane = bench.lane()

    assert lane.start(KEY, what).wait() == 77
    assert bench.record(KEY)["state"]["phase"] == "Started"
    assert lane.result(KEY)["phase"] == phase
    assert site.count() == 0


def test_what_failed_in_an_earlier_round_is_never_made_skipped(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.put_record(KEY, what, phase="Failed", reason="HTTPStatus", exitCode=2, holder=FOREIGN)
    bench.open_fence(epoch=2, state="Draining")
    lane = bench.lane()

    assert lane.start(KEY, what).wait() == 77
    assert bench.record(KEY)["state"]["phase"] == "Failed"
    assert lane.result(KEY)["phase"] == "Skipped"


def test_what_was_skipped_in_an_earlier_round_runs_in_a_newer_one(bench: Bench, site: Site) -> None:
    bench.open_fence(state="Draining")
    what = spec(url=site.url)
    bench.lane("first").start(KEY, what).wait()
    bench.open_fence(epoch=2)

    assert bench.lane("second").start(KEY, what).wait() == 0
    state = bench.record(KEY)["state"]
    assert (state["phase"], state["epoch"], "reason" in state) == ("Succeeded", 2, False)
    assert state["startTime"] > "2026"


def test_a_skip_in_a_newer_round_replaces_an_older_one(bench: Bench, site: Site) -> None:
    bench.open_fence(state="Draining")
    what = spec(url=site.url)
    bench.lane("first").start(KEY, what).wait()
    bench.open_fence(epoch=2, halts=[{"scope": "execution", "key": "", "cause": "s1.w1.a9 Failed", "time": ""}])

    assert bench.lane("second").start(KEY, what).wait() == 77
    state = bench.record(KEY)["state"]
    assert (state["epoch"], state["reason"]) == (2, "Halted")


def test_a_runner_that_was_taken_for_dead_stops_at_once_and_leaves_no_result(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=20))
    what = spec(url=site.url, method="PUT")
    lane = bench.lane()
    runner = lane.start(KEY, what, environment={"DRPLAN_LEASE": "600ms"})
    site.wait_for(1)
    bench.put_record(KEY, what, holder=FOREIGN)

    assert runner.wait() == 77
    assert "taken over" in runner.last_message
    assert not lane.has_result(KEY)
    assert bench.record(KEY)["state"]["holder"] == FOREIGN


def test_a_record_that_the_syncer_has_ended_stays_as_it_was_ended(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=1.0))
    lane = bench.lane()
    runner = lane.start(KEY, spec(url=site.url))
    site.wait_for(1)
    record = bench.record(KEY)
    record["state"]["phase"] = "Cancelled"
    FileRecords(str(bench.state)).replace(record)

    assert runner.wait() == 77
    assert "ended as Cancelled" in runner.last_message
    assert bench.record(KEY)["state"]["phase"] == "Cancelled"
    assert not lane.has_result(KEY)


def test_an_edit_of_a_label_does_not_disturb_a_running_action(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=0.6))
    runner = bench.lane().start(KEY, spec(url=site.url))
    site.wait_for(1)
    record = bench.record(KEY)
    record["metadata"]["labels"]["team"] = "payments"
    FileRecords(str(bench.state)).replace(record)

    assert runner.wait() == 0
    assert bench.record(KEY)["metadata"]["labels"]["team"] == "payments"
    assert bench.record(KEY)["state"]["phase"] == "Succeeded"


def test_a_holder_renews_while_its_call_runs(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=20))
    runner = bench.lane().start(KEY, spec(url=site.url), environment={"DRPLAN_LEASE": "600ms"})
    site.wait_for(1)
    first = bench.record(KEY)["state"]["holder"]["renewTime"]
    wait_until(lambda: bench.record(KEY)["state"]["holder"]["renewTime"] > first)
    runner.kill()


def test_a_halt_at_the_last_look_skips_what_was_never_sent(bench: Bench, site: Site) -> None:
    # Paused lets the runner come as far as its first look; the halt then comes with the resume.
    bench.open_fence(state="Paused")
    runner = bench.lane().start(KEY, spec(url=site.url))
    wait_until(lambda: "the execution is paused" in runner.output)
    bench.open_fence(halts=[{"scope": "workflow", "key": "s1.w1", "cause": "s1.w1.a9 Failed", "time": ""}])
    assert runner.wait() == 77
    assert bench.record(KEY)["state"]["phase"] == "Skipped"
    assert site.count() == 0


def test_an_unreadable_store_ends_with_nothing_done(bench: Bench, site: Site) -> None:
    (bench.state / "execution.json").write_text("{")
    lane = bench.lane()
    runner = lane.start(KEY, spec(url=site.url), environment={"DRPLAN_API_WAIT": "300ms"})
    assert runner.wait() == 75
    assert "nothing was done" in runner.last_message
    assert not lane.has_result(KEY)
