"""An API server that is busy, away or restarted, and answers that get lost, change nothing of how an execution ends."""

from __future__ import annotations

import json
import math
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bed.client import Bed
from support.api_admin import Object, until
from support.api_faults import Asked, Fault, When, answer, asks, drop
from support.api_syncer import SyncerBench
from support.syncer_process import Syncer
from support.syncer_stories import DONE, STORIES, Scene, check_end, settled

pytestmark = [pytest.mark.bed, pytest.mark.timeout(600)]


def problem(code: int, reason: str) -> bytes:
    """An API server's answer that is an error."""
    return json.dumps({"kind": "Status", "code": code, "reason": reason, "message": "for a test"}).encode()


FAULTS = {
    "busy": answer(429, body=problem(429, "TooManyRequests"), retry_after=1),
    "broken": answer(500, body=problem(500, "InternalError")),
    "not-there": answer(503),
    "outrun": answer(409, body=problem(409, "Conflict")),
    "expired": answer(410, body=problem(410, "Expired")),
    "not-arrived": drop(forwarded=False),
    "not-answered": drop(forwarded=True),
}


def calm(bench: SyncerBench, story: Callable[[Scene], None], name: str = "calm") -> Object:
    """The end of a story that nothing disturbs."""
    scene = Scene(bench, name)
    story(scene)
    return settled(scene)


def each_first() -> When:
    """Fit the first write of each kind: of a verb to a kind of objects, or to a part of them."""
    known: set[tuple[str, str]] = set()

    def fits(asked: Asked) -> bool:
        kind = asked.method, re.sub(r"(/[a-z]+)/[^/]+(/status)?$", r"\1\2", asked.path.partition("/namespaces/")[2])
        if not asked.write or "/leases" in asked.path or kind in known:
            return False
        known.add(kind)
        return True

    return fits


def ended_by_force_and_deleted(scene: Scene) -> None:
    """A story in which the syncer writes, changes and deletes all that it ever does."""
    STORIES["force"](scene)
    scene.bench.delete(scene.name)
    scene.until(lambda: not scene.bench.exists(scene.name), "the execution to go")


def test_an_error_is_no_end_whatever_was_being_written(bench: SyncerBench) -> None:
    proxy = bench.proxy()
    syncer = bench.start(proxy=proxy)
    expected = calm(bench, ended_by_force_and_deleted)
    for name, fault in FAULTS.items():
        before = len(proxy.asked)
        proxy.fault(each_first(), fault, times=math.inf)
        scene = Scene(bench, name)
        ended_by_force_and_deleted(scene)
        check_end(scene, expected)
        assert faulty(proxy.asked[before:], fault) >= 12, name
    assert syncer.stop() == 0


def faulty(asked: list[Asked], fault: Fault) -> int:
    """How many requests were answered as a fault does."""
    status = fault.reply.status if fault.reply is not None else 0
    return sum(each.status == status and each.forwarded is fault.forward for each in asked if each.write)


def test_watches_that_are_cut_again_and_again_hide_nothing(bench: SyncerBench) -> None:
    proxy = bench.proxy()
    syncer = bench.start(proxy=proxy)
    expected = calm(bench, STORIES["revert"])
    with again_and_again(proxy.cut_streams):
        scene = Scene(bench, "interrupted")
        STORIES["revert"](scene)
    check_end(scene, expected)
    with again_and_again(proxy.cut_streams):
        # Each time they come back, the versions that they go on from are gone.
        proxy.fault(watches, FAULTS["expired"], times=12)
        scene = Scene(bench, "outdated")
        STORIES["revert"](scene)
    check_end(scene, expected)
    assert syncer.stop() == 0


def test_records_that_cannot_be_watched_count_when_a_run_ends(bench: SyncerBench) -> None:
    proxy = bench.proxy()
    syncer = bench.start(proxy=proxy)
    stories = ("execute", "force")
    expected = {story: calm(bench, STORIES[story], f"calm-{story}") for story in stories}
    proxy.fault(
        lambda asked: asks("GET", "/dractionrecords")(asked) and watches(asked), FAULTS["broken"], times=math.inf
    )
    proxy.cut_streams()
    for story in stories:
        scene = Scene(bench, f"blind-{story}")
        STORIES[story](scene)
        check_end(scene, expected[story])
    assert syncer.stop() == 0


def watches(asked: Asked) -> bool:
    """Whether a request is a watch."""
    return "watch=true" in asked.query


@contextmanager
def again_and_again(disturb: Callable[[], None], *, seconds: float = 0.3) -> Iterator[None]:
    """Have something happen again and again meanwhile."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds):
            disturb()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def away(bed: Bed, program: str) -> Iterator[None]:
    """Have a program be killed meanwhile, and wait until the API server is ready again."""
    bed.stop(program, signal.SIGKILL)
    try:
        yield
    finally:
        assert bed.start_again(program)
        bed.wait("the API server is ready", bed.kube.ready)


def test_an_api_server_that_is_killed_in_the_middle_of_a_run_is_waited_for(bench: SyncerBench, bed: Bed) -> None:
    syncer = bench.start()
    expected = calm(bench, STORIES["execute"])
    scene = Scene(bench, "restarted")
    scene.plan()
    bench.execute("restarted", plan="restarted")
    with away(bed, "kube-apiserver"):
        pass
    run = scene.bound()
    for key, phase in DONE.items():
        run.record(key, phase)
    run.argo("Succeeded", DONE)
    with away(bed, "kube-apiserver"):
        pass
    scene.recorded()
    check_end(scene, expected)
    assert syncer.stop() == 0


def test_a_store_that_is_away_for_so_long_that_the_lead_is_lost_is_waited_for(bench: SyncerBench, bed: Bed) -> None:
    syncer = bench.start()
    expected = calm(bench, STORIES["execute"])
    scene = Scene(bench, "stored")
    run = scene.execute()
    with away(bed, "etcd"):
        until(lambda: not leads(syncer), "the lead to be lost", seconds=60)
    scene.finish(run, DONE)
    check_end(scene, expected)
    assert leads(syncer)
    assert syncer.stop() == 0


def leads(syncer: Syncer) -> bool:
    return "drplan_leader 1.0" in (syncer.get("/metrics") or "")
