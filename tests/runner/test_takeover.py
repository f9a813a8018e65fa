"""Real runners that meet, die and follow each other: one action, at most once."""

from __future__ import annotations

import fcntl

import pytest

from runner.records.files import FileRecords
from support.http_site import Answer, Site
from support.runner_bench import Bench, spec, wait_until

KEY = "s1.w1.a1"
FOREIGN = {"id": "another-lane", "pod": "gone", "attempt": 1, "renewTime": "2026-01-01T00:00:00.000000Z"}


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
