"""Whoever holds a record, and when another pod may take it: gone, released, silent; and what the former holder sees."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from support.api_faults import Fault, asks, drop, hold, meanwhile, nth_write
from support.api_runner import Room, Run, at_once
from support.http_site import Answer, Site
from support.runner_bench import spec, wait_until

pytestmark = pytest.mark.bed
KEY = "s1.w1.a1"
RECORDS = "/dractionrecords"


def holder(pod: str, **changes: Any) -> dict[str, Any]:
    at = "2026-01-01T00:00:00.000000Z"
    return {"id": "another", "pod": pod, "attempt": 1, "renewTime": at, "released": False, **changes}


def test_a_record_whose_holder_lives_is_waited_for_until_it_is_free(room: Room, site: Site) -> None:
    def check(name: str, free: Any, **environment: str) -> None:
        what = spec(url=f"{site.url}/{name}", method="PUT")
        run = room.run(name)
        held = run.pod("held")
        held.exists()
        run.put_record(KEY, what, holder=holder(held.name), sent=True)
        runner = run.pod("next").start(KEY, what, environment=environment)
        wait_until(lambda: f"waiting: pod {held.name} holds the record" in runner.output)
        assert site.count(f"/{name}") == 0, name
        free(run, held)
        assert runner.wait() == 0, name
        state = run.state(KEY)
        assert (state["phase"], state["holder"]["attempt"], site.count(f"/{name}")) == ("Succeeded", 2, 1), name
        assert state["attempts"][0]["message"] == f"taken over from pod {held.name}", name

    def released(run: Run, _held: Any) -> None:
        run.change_record(KEY, {"state": {"holder": {"released": True}}})

    at_once(
        lambda: check("vanished", lambda _run, held: held.vanishes()),
        lambda: check("failed", lambda _run, held: held.ends("Failed")),
        lambda: check("succeeded", lambda _run, held: held.ends("Succeeded")),
        lambda: check("released", released),
        lambda: check("silent", lambda _run, _held: None, DRPLAN_LEASE="2s"),
    )


def test_a_holder_that_renews_is_not_silent_and_its_end_is_replayed(room: Room, site: Site) -> None:
    site.script("/", Answer(delay=5.0))
    what = spec(url=site.url)
    run, lease = room.run(), {"DRPLAN_LEASE": "3s"}
    pods = [run.pod("first"), run.pod("second")]
    pods[0].exists()
    first = pods[0].start(KEY, what, environment=lease)
    site.wait_for(1)
    begun = run.state(KEY)["holder"]
    second = pods[1].start(KEY, what, environment=lease)
    assert (first.wait(), second.wait()) == (0, 0)
    assert run.state(KEY)["holder"]["attempt"] == begun["attempt"] == 1
    assert run.state(KEY)["holder"]["renewTime"] > begun["renewTime"]
    assert pods[1].result(KEY)["replayed"] is True
    assert site.count() == 1


def test_a_restarted_container_goes_on_as_the_holder_that_it_was(room: Room, site: Site) -> None:
    site.script("/", Answer(silent=True), Answer())
    what = spec(url=site.url, method="PUT")
    run = room.run()
    pod = run.pod("pod")
    pod.exists()
    first = pod.start(KEY, what)
    site.wait_for(1)
    before = run.state(KEY)["holder"]
    first.kill()
    assert pod.start(KEY, what).wait() == 0
    after = run.state(KEY)["holder"]
    assert (after["id"], after["pod"], after["attempt"]) == (before["id"], before["pod"], 2)


def test_a_signal_before_the_record_is_made_leaves_nothing(room: Room, site: Site) -> None:
    run, proxy, may = room.run(), room.proxy(), threading.Event()
    proxy.fault(asks("GET", RECORDS), hold(may))
    pod = run.pod("pod", port=proxy.port)
    runner = pod.start(KEY, spec(url=site.url))
    proxy.wait_for(1, "GET", RECORDS)
    runner.stop()
    may.set()
    assert runner.wait() == 143
    assert not run.has_record(KEY)
    assert not pod.has_result(KEY)
    assert proxy.count("POST") == site.count() == 0


def test_a_signal_right_after_the_record_was_made_lets_it_go_and_the_next_pod_need_not_wait(
    room: Room, site: Site
) -> None:
    run, proxy, what = room.run(), room.proxy(), spec(url=site.url)
    pod = run.pod("pod", port=proxy.port)
    pod.exists()
    may = threading.Event()
    proxy.fault(asks("POST", RECORDS), meanwhile(may.wait))
    runner = pod.start(KEY, what)
    proxy.wait_for(1, "POST", RECORDS)
    runner.stop()
    may.set()
    assert runner.wait() == 143
    assert (run.state(KEY)["phase"], run.state(KEY)["holder"]["released"]) == ("Started", True)
    assert not pod.has_result(KEY)
    assert run.pod("next").start(KEY, what).wait() == 0
    assert site.count() == 1


@pytest.mark.parametrize(("method", "code", "calls"), [("POST", 5, 1), ("PUT", 0, 2)])
def test_a_signal_while_acting_lets_go_of_what_does_not_end_in_time(
    room: Room, site: Site, method: str, code: int, calls: int
) -> None:
    site.script("/", Answer(silent=True), Answer())
    run, what = room.run(), spec(url=site.url, method=method)
    pod = run.pod("pod")
    pod.exists()
    runner = pod.start(KEY, what, environment={"DRPLAN_LEASE": "6s"})
    site.wait_for(1)
    runner.stop()
    assert runner.wait() == 143
    state = run.state(KEY)
    assert (state["phase"], state["sent"], state["holder"]["released"]) == ("Started", True, True)
    assert not pod.has_result(KEY)
    assert run.pod("next").start(KEY, what).wait() == code
    assert site.count() == calls


def test_a_signal_while_acting_lets_a_call_end_that_ends_in_time(room: Room, site: Site) -> None:
    site.script("/", Answer(delay=0.5))
    run = room.run()
    pod = run.pod("pod")
    runner = pod.start(KEY, spec(url=site.url))
    site.wait_for(1)
    runner.stop()
    assert runner.wait() == 0
    assert run.state(KEY)["phase"] == pod.result(KEY)["phase"] == "Succeeded"


def test_a_holder_whose_record_was_taken_or_ended_or_deleted_stops_at_once(room: Room, site: Site) -> None:
    def check(name: str, happen: Any, message: str) -> None:
        site.script(f"/{name}", Answer(silent=True))
        run = room.run(name)
        pod = run.pod("pod")
        runner = pod.start(KEY, spec(url=f"{site.url}/{name}"), environment={"DRPLAN_LEASE": "3s"})
        site.wait_for(1, f"/{name}")
        happen(run)
        assert runner.wait() == 77, name
        assert message in runner.last_message, name
        assert not pod.has_result(KEY), name

    def taken(run: Run) -> None:
        run.change_record(KEY, {"state": {"holder": holder("other")}})

    def ended(run: Run) -> None:
        run.change_record(KEY, {"state": {"phase": "Cancelled"}})

    def deleted(run: Run) -> None:
        room.administrator.delete("DRActionRecord", room.namespace, run.record_name(KEY))

    at_once(
        lambda: check("taken", taken, "the record was taken over by pod other"),
        lambda: check("ended", ended, "the record was ended as Cancelled"),
        lambda: check("deleted", deleted, "the record was deleted"),
    )


def test_what_others_change_beside_the_state_does_not_disturb_a_holder(room: Room, site: Site) -> None:
    site.script("/", Answer(delay=1.0))
    run = room.run()
    runner = run.pod("pod").start(KEY, spec(url=site.url), environment={"DRPLAN_LEASE": "3s"})
    site.wait_for(1)
    run.change_record(KEY, {"metadata": {"labels": {"team": "payments"}}, "spec": {"execution": {"name": "adopted"}}})
    assert runner.wait() == 0
    record = run.record(KEY)
    assert (record["state"]["phase"], record["metadata"]["labels"]["team"]) == ("Succeeded", "payments")
    assert record["spec"]["execution"]["name"] == "adopted"


def test_a_holder_that_cannot_renew_starts_no_new_call_until_it_can(room: Room, site: Site) -> None:
    site.script("/", Answer(503), Answer())
    run, proxy = room.run(), room.proxy()
    what = spec(url=site.url, method="PUT", retries=1, interval=0.5, timeout=60.0)
    # Behind its second write, `sent`, comes the first call; then six writes do not arrive, which takes twice the lease.
    proxy.fault(lambda asked: asked.write > 2, drop(forwarded=False), times=6)
    runner = run.pod("pod", port=proxy.port).start(KEY, what, environment={"DRPLAN_LEASE": "3s"})
    proxy.wait_for(7, "PUT")
    assert (site.count(), runner.running) == (1, True)
    assert runner.wait() == 0
    assert site.count() == 2


def test_a_renewal_whose_answer_was_lost_counts_from_when_it_was_sent(room: Room, site: Site) -> None:
    run, proxy = room.run(), room.proxy()
    site.script("/", Answer(silent=True))
    landed: list[str] = []

    def note_and_wait() -> None:
        landed.append(run.state(KEY)["holder"]["renewTime"])
        threading.Event().wait(2.5)

    # Two thirds of the lease pass between the write of `sent` and the answer that tells that it had arrived.
    proxy.fault(nth_write(2), Fault(after=note_and_wait, drop=True))
    runner = run.pod("pod", port=proxy.port).start(KEY, spec(url=site.url), environment={"DRPLAN_LEASE": "3s"})
    site.wait_for(1)
    assert runner.running
    assert run.state(KEY)["holder"]["renewTime"] > landed[0]
