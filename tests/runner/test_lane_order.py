"""Real runners of one lane: who waits for whom, and what becomes of them when something goes wrong."""

from __future__ import annotations

import pytest

from support.http_site import Answer, Site
from support.runner_bench import Bench, spec, wait_until

A1, A2, A3 = "s1.w1.a1", "s1.w1.a2", "s1.w1.a3"


def test_actions_run_in_the_order_of_their_predecessors_however_they_start(bench: Bench, site: Site) -> None:
    site.script("/1", Answer(delay=0.3))
    lane = bench.lane()
    runners = [
        lane.start(A3, spec(url=f"{site.url}/3", after=["a2"])),
        lane.start(A2, spec(url=f"{site.url}/2", after=["a1"])),
        lane.start(A1, spec(url=f"{site.url}/1")),
    ]

    assert [runner.wait() for runner in runners] == [0, 0, 0]
    assert [request.path for request in site.received] == ["/1", "/2", "/3"]


def test_under_fail_fast_the_rest_is_skipped_and_names_the_culprit(bench: Bench, site: Site) -> None:
    site.script("/1", Answer(500))
    lane = bench.lane()
    runners = [
        lane.start(A3, spec(url=f"{site.url}/3", after=["a2"])),
        lane.start(A2, spec(url=f"{site.url}/2", after=["a1"])),
        lane.start(A1, spec(url=f"{site.url}/1")),
    ]

    assert [runner.wait() for runner in runners] == [77, 77, 2]
    assert site.count() == 1
    for key in (A2, A3):
        state = bench.record(key)["state"]
        assert (state["phase"], state["reason"]) == ("Skipped", "UpstreamFailed")
        assert state["message"] == "not run: s1.w1.a1 Failed"
        assert lane.result(key)["message"] == "not run: s1.w1.a1 Failed"


def test_under_fail_fast_an_action_that_waits_does_not_begin_after_an_unrelated_failure(
    bench: Bench, site: Site
) -> None:
    lane = bench.lane()
    lane.put(A3, "Failed", message="elsewhere in the workflow")
    slow = lane.start(A1, spec(url=f"{site.url}/1", after=["a9"]))
    assert slow.wait() == 77
    assert bench.record(A1)["state"]["message"] == "not run: s1.w1.a3 Failed"


def test_under_fail_fast_an_action_does_not_begin_after_a_failure_during_a_pause(bench: Bench, site: Site) -> None:
    bench.open_fence(state="Paused")
    lane = bench.lane()
    runner = lane.start(A1, spec(url=site.url))
    wait_until(lambda: "paused" in runner.output)
    lane.put(A3, "Failed")
    bench.open_fence()
    assert runner.wait() == 77
    assert bench.record(A1)["state"]["message"] == "not run: s1.w1.a3 Failed"
    assert site.count() == 0


def test_under_fail_fast_a_failure_in_another_use_of_the_lane_folder_is_nothing_to_it(bench: Bench, site: Site) -> None:
    lane = bench.lane()
    lane.put("s1.w11.a1", "Failed")
    assert lane.start(A1, spec(url=site.url)).wait() == 0


def test_under_continue_what_depends_on_a_failure_runs(bench: Bench, site: Site) -> None:
    lane = bench.lane()
    lane.put(A1, "Failed")
    assert lane.start(A2, spec(url=site.url, after=["a1"], policy="Continue")).wait() == 0


def test_under_continue_what_needs_success_is_skipped(bench: Bench, site: Site) -> None:
    lane = bench.lane()
    lane.put(A1, "Unknown")
    assert lane.start(A2, spec(url=site.url, after=["a1"], policy="Continue", needs="Succeeded")).wait() == 77
    assert bench.record(A2)["state"]["reason"] == "UpstreamFailed"
    assert site.count() == 0


def test_a_dead_predecessor_makes_the_lane_decide_anew(bench: Bench, site: Site) -> None:
    site.script("/1", Answer(delay=20))
    lane = bench.lane()
    first = lane.start(A1, spec(url=f"{site.url}/1"))
    second = lane.start(A2, spec(url=f"{site.url}/2", after=["a1"]))
    site.wait_for(1)
    first.kill()

    assert second.wait() == 77
    assert not lane.has_result(A2)
    assert not bench.has_record(A2)
    assert site.count("/2") == 0


def test_a_predecessor_whose_container_never_starts_counts_as_dead_after_a_while(bench: Bench, site: Site) -> None:
    runner = bench.lane().start(A2, spec(url=site.url, after=["a1"]), environment={"DRPLAN_START_WAIT": "300ms"})
    assert runner.wait() == 77
    assert not bench.has_record(A2)


def test_what_began_in_a_lost_lane_goes_on_although_a_sibling_failed(bench: Bench, site: Site) -> None:
    what = spec(url=site.url, method="PUT", after=["a1"])
    bench.put_record(A2, what, holder={"id": "lost", "pod": "lost", "attempt": 1, "renewTime": ""}, sent=True)
    lane = bench.lane()
    lane.put(A3, "Failed")
    runner = lane.start(A2, what, environment={"DRPLAN_START_WAIT": "20s"})
    wait_until(lambda: (lane.folder / f"{A2}.lock").exists())
    lane.put(A1, "Succeeded")

    assert runner.wait() == 0
    assert bench.record(A2)["state"]["phase"] == "Succeeded"


def test_a_retried_lane_replays_what_was_done_and_goes_on(bench: Bench, site: Site) -> None:
    site.script("/2", Answer(delay=20), Answer(200))
    one, two = spec(url=f"{site.url}/1"), spec(url=f"{site.url}/2", method="PUT", after=["a1"])
    lost = bench.lane("lane-0")
    runners = [lost.start(A1, one), lost.start(A2, two)]
    site.wait_for(1, "/2")
    for runner in runners:
        runner.kill()
    lane = bench.lane("lane-1")
    runners = [lane.start(A1, one), lane.start(A2, two)]

    assert [runner.wait() for runner in runners] == [0, 0]
    assert lane.close(["a1", "a2"]).wait() == 0
    assert (site.count("/1"), site.count("/2")) == (1, 2)
    assert [lane.result(key)["replayed"] for key in (A1, A2)] == [True, False]


def test_a_predecessor_in_an_earlier_lane_is_asked_of_the_records(bench: Bench, site: Site) -> None:
    site.script("/1", Answer(200, '{"node": "db-2"}'))
    bench.lane("lane-1").start(A1, spec(url=f"{site.url}/1")).wait()
    what = spec(
        after=["a1"],
        earlier=["a1"],
        holes=[{"at": "/http/url", "parts": [f"{site.url}/", {"output": "a1", "path": "json.node"}]}],
    )

    assert bench.lane("lane-2").start(A2, what).wait() == 0
    assert site.received[-1].path == "/db-2"


def test_a_predecessor_in_an_earlier_lane_without_a_record_skips(bench: Bench, site: Site) -> None:
    assert bench.lane().start(A2, spec(url=site.url, after=["a1"], earlier=["a1"])).wait() == 77
    assert bench.record(A2)["state"]["message"] == "not run: s1.w1.a1 has no record"


@pytest.mark.parametrize(("needs", "code"), [("Finished", 0), ("Succeeded", 77)])
def test_a_predecessor_in_an_earlier_lane_that_never_ended_counts_as_unknown(
    bench: Bench, site: Site, needs: str, code: int
) -> None:
    bench.put_record(A1, spec())
    what = spec(url=site.url, after=["a1"], earlier=["a1"], policy="Continue", needs=needs)
    assert bench.lane().start(A2, what).wait() == code


def test_an_action_that_no_runner_can_do_is_known_before_anything_runs(bench: Bench, site: Site) -> None:
    lane = bench.lane()
    job = spec(type="Job", job={"template": {"spec": {}}}, after=["a1"])

    runner = lane.start(A2, job, environment={"KUBERNETES_SERVICE_HOST": ""})

    assert runner.wait() == 4
    assert runner.last_message.startswith("type Job needs a Kubernetes API server")
    assert lane.result(A2)["reason"] == "InvalidSpec"
    assert not bench.has_record(A2)
    assert lane.start(A1, spec(url=site.url)).wait() == 77
    assert site.count() == 0


def test_a_container_that_is_started_again_after_its_end_repeats_its_end(bench: Bench, site: Site) -> None:
    site.script("/", Answer(404))
    lane = bench.lane()
    what = spec(url=site.url)
    assert lane.start(A1, what).wait() == 2
    left = lane.result(A1)
    again = lane.start(A1, what)

    assert again.wait() == 2
    assert again.last_message == f"unexpected status code: 404 (POST {site.url})"
    assert lane.result(A1) == left
    assert site.count() == 1
