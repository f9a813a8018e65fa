"""An API server that is busy, away, restarted, or whose answers get lost: nothing is done twice, nothing is lost."""

from __future__ import annotations

import math
import threading
from functools import partial
from pathlib import Path

import pytest

from support.api_faults import Fault, answer, asks, drop, nth, refuse
from support.api_runner import Room, at_once
from support.http_site import Answer, Site
from support.runner_bench import spec, wait_until

pytestmark = pytest.mark.bed
KEY = "s1.w1.a1"
REQUESTS = 6
"""Requests of an action that nothing happens to."""


def test_an_answer_that_asks_to_come_again_is_no_answer_whatever_was_asked(room: Room, site: Site) -> None:
    def check(name: str, fault: Fault) -> None:
        run, proxy = room.run(name), room.proxy()
        proxy.fault(lambda asked: asked.number % 2 == 1, fault, times=math.inf)
        assert run.pod("pod", port=proxy.port).start(KEY, spec(url=f"{site.url}/{name}")).wait() == 0, name
        assert (run.state(KEY)["phase"], site.count(f"/{name}")) == ("Succeeded", 1), name
        assert len(proxy.asked) == 2 * REQUESTS, name

    at_once(
        lambda: check("429", answer(429)),
        lambda: check("500", answer(500)),
        lambda: check("503", answer(503, retry_after=0)),
        lambda: check("401", answer(401)),
        lambda: check("dropped", drop(forwarded=False)),
    )


def test_a_server_that_says_when_to_come_again_is_not_asked_before(room: Room, site: Site) -> None:
    run, proxy = room.run(), room.proxy()
    proxy.fault(nth(1), answer(429, retry_after=2))
    assert run.pod("pod", port=proxy.port).start(KEY, spec(url=site.url)).wait() == 0
    first, second, *_ = proxy.asked
    assert second.at - first.at >= 2


def test_an_api_server_that_goes_away_at_any_request_and_comes_back_is_waited_for(room: Room, site: Site) -> None:
    def check(number: int, *, forwarded: bool) -> None:
        name = f"{number}-{'after' if forwarded else 'before'}"
        run, proxy = room.run(name), room.proxy()
        proxy.fault(nth(number), refuse(forwarded=forwarded))
        runner = run.pod("pod", port=proxy.port).start(KEY, spec(url=f"{site.url}/{name}"))
        proxy.wait_for(number)
        threading.Timer(0.5, proxy.accept).start()
        assert runner.wait() == 0, name
        state = run.state(KEY)
        assert (state["phase"], site.count(f"/{name}")) == ("Succeeded", 1), name

    at_once(
        *(
            partial(check, number, forwarded=forwarded)
            for number in range(1, REQUESTS + 1)
            for forwarded in (False, True)
        )
    )


def test_the_lost_answer_to_making_the_record_leads_to_a_conflict_in_which_the_record_is_known_as_ones_own(
    room: Room, site: Site
) -> None:
    run, proxy = room.run(), room.proxy()
    proxy.fault(asks("POST"), drop())
    pod = run.pod("pod", port=proxy.port)
    pod.exists()
    assert pod.start(KEY, spec(url=site.url)).wait() == 0
    assert [asked.status for asked in proxy.asked if asked.method == "POST"] == [0, 409]
    assert site.count() == 1


def test_an_api_server_that_stays_away_before_anything_was_done_ends_with_nothing_done(room: Room, site: Site) -> None:
    def check(number: int) -> None:
        run, proxy = room.run(f"at-{number}"), room.proxy()
        proxy.fault(nth(number), refuse())
        pod = run.pod("pod", port=proxy.port)
        runner = pod.start(KEY, spec(url=site.url), environment={"DRPLAN_API_WAIT": "500ms"})
        assert runner.wait() == 75, number
        assert "nothing was done: cannot reach the API server" in runner.last_message, number
        assert not run.has_record(KEY), number
        assert not pod.has_result(KEY), number

    at_once(*(partial(check, number) for number in (1, 2, 3)))
    assert site.count() == 0


def test_an_api_server_that_stays_away_before_the_last_look_at_the_fence_leaves_the_action_to_the_next_pod(
    room: Room, site: Site
) -> None:
    run, proxy, what = room.run(), room.proxy(), spec(url=site.url)
    proxy.fault(nth(4), refuse())
    pod = run.pod("pod", port=proxy.port)
    runner = pod.start(KEY, what, environment={"DRPLAN_API_WAIT": "500ms"})
    assert runner.wait() == 75
    assert run.state(KEY)["phase"] == "Started"
    assert not pod.has_result(KEY)
    assert run.pod("next").start(KEY, what).wait() == 0
    assert site.count() == 1


def test_an_end_that_cannot_be_written_is_left_in_the_lane_and_never_done_again(room: Room, site: Site) -> None:
    run, proxy, what = room.run(), room.proxy(), spec(url=site.url)
    proxy.fault(nth(REQUESTS), refuse())
    pod = run.pod("pod", port=proxy.port)
    runner = pod.start(KEY, what, environment={"DRPLAN_API_WAIT": "500ms"})
    assert runner.wait() == 0
    assert (pod.result(KEY)["phase"], pod.result(KEY)["record"]) == ("Succeeded", "")
    assert run.state(KEY)["phase"] == "Started"
    assert run.pod("next").start(KEY, what).wait() == 5
    assert site.count() == 1


def test_an_api_server_that_is_restarted_is_waited_for_by_who_acts_and_by_who_begins(room: Room, site: Site) -> None:
    bed = room.administrator.bed
    site.script("/acts", Answer(delay=2.0))
    run = room.run()
    acting = run.pod("acting").start(KEY, spec(url=f"{site.url}/acts"))
    site.wait_for(1, "/acts")
    bed.stop("kube-apiserver")
    beginning = run.pod("beginning").start("s1.w2.a1", spec(url=f"{site.url}/begins"))
    try:
        site.script("/acts", Answer())
        wait_until(lambda: (run.room.folder / f"{run.workflow}-beginning" / "s1.w2.a1.lock").exists())
    finally:
        bed.start_again("kube-apiserver")
    assert (acting.wait(90), beginning.wait(90)) == (0, 0)
    bed.wait("the API server is ready", bed.kube.ready)
    assert [run.state(key)["phase"] for key in (KEY, "s1.w2.a1")] == ["Succeeded", "Succeeded"]
    assert (site.count("/acts"), site.count("/begins")) == (1, 1)


def test_a_token_that_is_not_accepted_is_read_again_until_it_is(room: Room, site: Site) -> None:
    run, proxy = room.run(), room.proxy()
    (room.account / "token").write_text("expired")
    runner = run.pod("pod", port=proxy.port).start(KEY, spec(url=site.url))
    proxy.wait_for(2)
    assert {asked.status for asked in proxy.asked[:1]} == {401}
    room.renew_token()
    assert runner.wait() == 0
    assert site.count() == 1


def test_a_folder_without_a_service_account_is_no_pod(room: Room, site: Site, tmp_path: Path) -> None:
    run = room.run()
    pod = run.pod("pod")
    runner = pod.start(KEY, spec(url=site.url), environment={"DRPLAN_SERVICE_ACCOUNT": str(tmp_path / "none")})
    assert runner.wait() == 4
    assert "no pod with a service account" in runner.last_message
    assert pod.result(KEY)["reason"] == "InvalidSpec"
