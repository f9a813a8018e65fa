"""Real runners before a fence: what may start, what waits, and what is skipped."""

from __future__ import annotations

import pytest

from support.http_site import Site
from support.runner_bench import Bench, spec, wait_until

KEY = "s1.w1.a1"
GROUP = "dr.bkbcs.tencent.com/"


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


def test_a_halt_that_comes_with_the_end_of_a_pause_skips(bench: Bench, site: Site) -> None:
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
