"""Told to stop: before anything was done, in the middle of a call, and between two tries."""

from __future__ import annotations

from support.http_site import Answer, Site
from support.runner_bench import Bench, spec, wait_until

KEY = "s1.w1.a1"


def test_a_waiting_runner_writes_nothing(bench: Bench, site: Site) -> None:
    lane = bench.lane()
    runner = lane.start(KEY, spec(url=site.url, after=["a9"]))
    wait_until(lambda: (lane.folder / f"{KEY}.lock").exists())
    runner.stop()

    assert runner.wait() == 143
    assert not bench.has_record(KEY)
    assert not lane.has_result(KEY)
    assert site.count() == 0


def test_a_paused_runner_writes_nothing(bench: Bench, site: Site) -> None:
    bench.open_fence(state="Paused")
    runner = bench.lane().start(KEY, spec(url=site.url))
    wait_until(lambda: "paused" in runner.output)
    runner.stop()
    assert runner.wait() == 143
    assert not bench.has_record(KEY)


def test_a_call_in_flight_is_finished_and_its_end_recorded(bench: Bench, site: Site) -> None:
    site.script("/", Answer(200, delay=0.5))
    lane = bench.lane()
    runner = lane.start(KEY, spec(url=site.url))
    site.wait_for(1)
    runner.stop()

    assert runner.wait() == 0
    assert bench.record(KEY)["state"]["phase"] == "Succeeded"
    assert lane.result(KEY)["phase"] == "Succeeded"


def test_a_call_that_does_not_end_in_time_is_let_go_and_never_repeated(bench: Bench, site: Site) -> None:
    site.script("/", Answer(silent=True))
    what = spec(url=site.url)
    lane = bench.lane("first")
    runner = lane.start(KEY, what, environment={"DRPLAN_LEASE": "900ms"})
    site.wait_for(1)
    runner.stop()

    assert runner.wait() == 143
    state = bench.record(KEY)["state"]
    assert (state["phase"], state["sent"], state["holder"]["released"]) == ("Started", True, True)
    assert not lane.has_result(KEY)
    assert bench.lane("second").start(KEY, what).wait() == 5
    assert site.count() == 1


def test_between_two_tries_the_record_is_let_go_at_once_for_the_next_pod(bench: Bench, site: Site) -> None:
    site.script("/", Answer(503), Answer(200))
    what = spec(url=site.url, method="PUT", retries=3, interval=15.0)
    runner = bench.lane("first").start(KEY, what)
    wait_until(lambda: "retry 1 of 3" in runner.output)
    runner.stop()

    assert runner.wait() == 143
    state = bench.record(KEY)["state"]
    assert (state["phase"], state["holder"]["released"], state["retryCount"]) == ("Started", True, 0)
    assert bench.lane("second").start(KEY, what).wait() == 0
    assert site.count() == 2


def test_what_was_refused_before_it_left_is_done_by_the_next_pod(bench: Bench, site: Site) -> None:
    # The port is taken and silent: the connection stands only once somebody listens.
    import socket

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        what = spec(url=f"http://127.0.0.1:{bound.getsockname()[1]}/", retries=3, interval=15.0)
        runner = bench.lane("first").start(KEY, what)
        wait_until(lambda: "retry 1 of 3" in runner.output)
        runner.stop()
        assert runner.wait() == 143
        assert bench.record(KEY)["state"]["sent"] is False
        again = bench.lane("second").start(KEY, what)
        wait_until(lambda: "retry 1 of 3" in again.output)
        assert bench.record(KEY)["state"]["holder"]["pod"] == "second"


def test_a_runner_that_waits_for_another_holder_writes_nothing(bench: Bench, site: Site) -> None:
    site.script("/", Answer(silent=True))
    what = spec(url=site.url)
    holder = bench.lane("first").start(KEY, what)
    site.wait_for(1)
    lane = bench.lane("second")
    runner = lane.start(KEY, what)
    wait_until(lambda: "pod first holds the record" in runner.output)
    before = bench.record(KEY)["state"]["holder"]["id"]
    runner.stop()

    assert runner.wait() == 143
    assert bench.record(KEY)["state"]["holder"]["id"] == before
    assert not lane.has_result(KEY)
    holder.kill()
