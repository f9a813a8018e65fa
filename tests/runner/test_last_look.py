"""Step 6: the fence may change in the moment in which the record becomes ours.

The frame runs here in the test's own process, on real files, with a store that lets something happen at that moment.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.ending import Ending
from runner.naming import record_name
from runner.records import Object, Unreachable
from runner.records.files import FileRecords
from runner.stopping import Stop
from support.http_site import Answer, Site
from support.runner_bench import EXECUTION, UID, Bench, run_frame, spec

KEY = "s1.w1.a1"
HALT = {"scope": "workflow", "key": "s1.w1", "begun": [], "cause": "s1.w1.a9 Failed", "time": ""}


class Meanwhile(FileRecords):
    """Files, with something that happens right after the record was written for the first time."""

    def __init__(self, folder: Path, then: Callable[[], object]) -> None:
        super().__init__(str(folder))
        self._then: Callable[[], object] | None = then

    def create(self, record: Object) -> Object:
        return self._and_then(super().create(record))

    def replace(self, record: Object) -> Object:
        return self._and_then(super().replace(record))

    def _and_then(self, stored: Object) -> Object:
        then, self._then = self._then, None
        if then:
            then()
        return stored


def run(bench: Bench, what: dict[str, Any], then: Callable[[], object], *, stop: Stop | None = None) -> Ending:
    return run_frame(bench, what, Meanwhile(bench.state, then), stop=stop)


def state(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = bench.record(KEY)["state"]
    return found


@pytest.mark.parametrize(
    ("fence", "reason"),
    [({"halts": [HALT]}, "Halted"), ({"state": "Draining"}, "CancelledByUser"), ({"state": "Closed"}, "Halted")],
)
def test_what_never_began_is_skipped(bench: Bench, site: Site, fence: dict[str, Any], reason: str) -> None:
    ending = run(bench, spec(url=site.url), lambda: bench.open_fence(**fence))
    assert ending.code == 77
    assert (state(bench)["phase"], state(bench)["reason"]) == ("Skipped", reason)
    assert "startTime" not in state(bench)
    assert ending.result is not None
    assert ending.result.phase == "Skipped"
    assert site.count() == 0


def test_what_another_pod_began_is_let_go_and_left_as_it_is(bench: Bench, site: Site) -> None:
    what = spec(url=site.url, method="PUT")
    bench.put_record(KEY, what, sent=True, holder={"id": "o", "pod": "gone", "attempt": 1, "renewTime": ""})
    ending = run(bench, what, lambda: bench.open_fence(state="Draining"))
    assert ending.code == 77
    assert ending.result is not None
    assert ending.result.phase == "Unknown"
    assert (state(bench)["phase"], state(bench)["holder"]["released"]) == ("Started", True)
    assert site.count() == 0


def test_what_failed_in_an_earlier_round_stays_failed(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.put_record(KEY, what, phase="Failed", reason="HTTPStatus", message="no", exitCode=2)
    bench.open_fence(epoch=2)
    ending = run(bench, what, lambda: bench.open_fence(epoch=2, state="Draining"))
    assert ending.code == 77
    found = state(bench)
    assert (found["phase"], found["reason"], found["message"], found["epoch"]) == ("Failed", "HTTPStatus", "no", 1)


def test_a_pause_is_waited_for(bench: Bench, site: Site) -> None:
    def pause_then_resume() -> None:
        bench.open_fence(state="Paused")
        threading.Timer(0.3, bench.open_fence).start()

    assert run(bench, spec(url=site.url), pause_then_resume).code == 0
    assert site.count() == 1


def test_an_execution_that_vanished_is_not_acted_for(bench: Bench, site: Site) -> None:
    ending = run(bench, spec(url=site.url), lambda: (bench.state / "execution.json").unlink())
    assert ending.code == 77
    assert site.count() == 0


def test_a_fence_that_vanished_ends_with_nothing_done_and_the_record_let_go(bench: Bench, site: Site) -> None:
    ending = run(bench, spec(url=site.url), bench.write_execution)
    assert (ending.code, ending.result) == (75, None)
    assert state(bench)["holder"]["released"] is True
    assert site.count() == 0


def test_a_store_out_of_reach_ends_with_nothing_done(bench: Bench, site: Site) -> None:
    ending = run(bench, spec(url=site.url), lambda: (bench.state / "execution.json").write_text("{"))
    assert (ending.code, ending.result) == (75, None)
    assert site.count() == 0


def test_a_signal_lets_the_record_go(bench: Bench, site: Site) -> None:
    stop = Stop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stop.listen()
    try:
        ending = run(bench, spec(url=site.url), lambda: os.kill(os.getpid(), signal.SIGTERM), stop=stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (ending.code, ending.result) == (143, None)
    assert (state(bench)["phase"], state(bench)["holder"]["released"]) == ("Started", True)
    assert site.count() == 0


class Deaf(FileRecords):
    """Files that take everything but the end of an action."""

    def replace(self, record: Object) -> Object:
        if record["state"]["phase"] != "Started":
            raise Unreachable("the network is gone")
        return super().replace(record)


def test_an_end_that_cannot_be_recorded_is_left_in_the_lane_without_a_record(bench: Bench, site: Site) -> None:
    ending = run_frame(bench, spec(url=site.url), Deaf(str(bench.state)))
    assert ending.code == 0
    assert ending.result is not None
    assert (ending.result.phase, ending.result.record) == ("Succeeded", "")
    assert state(bench)["phase"] == "Started"


class Forgetful(FileRecords):
    """Files whose answer to one kind of write gets lost, once."""

    def __init__(self, bench: Bench, *, phase: str, create: bool) -> None:
        super().__init__(str(bench.state))
        self._lost = {(phase, create)}

    def create(self, record: Object) -> Object:
        return self._answer(super().create(record), create=True)

    def replace(self, record: Object) -> Object:
        return self._answer(super().replace(record), create=False)

    def _answer(self, stored: Object, *, create: bool) -> Object:
        written = (stored["state"]["phase"], create)
        if written in self._lost:
            self._lost.remove(written)
            raise Unreachable("the answer was lost")
        return stored


@pytest.mark.parametrize(("phase", "create"), [("Started", True), ("Started", False), ("Succeeded", False)])
def test_a_write_whose_answer_is_lost_counts_once(bench: Bench, site: Site, phase: str, create: bool) -> None:
    ending = run_frame(bench, spec(url=site.url), Forgetful(bench, phase=phase, create=create))
    assert ending.code == 0
    assert state(bench)["phase"] == "Succeeded"
    assert site.count() == 1


class Vanishing(FileRecords):
    """Files that are out of reach for everything but the record of `s1.w1.a1` once that is held."""

    def get(self, name: str) -> Object | None:
        own = super().get(record_name(EXECUTION, UID, KEY))
        if own is not None and name != own["metadata"]["name"]:
            raise Unreachable("the network is gone")
        return super().get(name)


def test_an_output_that_cannot_be_read_any_more_ends_with_nothing_done_and_the_record_let_go(
    bench: Bench, site: Site
) -> None:
    bench.put_record("s1.w1.a9", spec(), phase="Succeeded", values={"body": "x"})
    hole = {"at": "/http/body", "parts": [{"output": "a9", "path": "body"}]}
    what = spec(url=site.url, after=["a9"], earlier=["a9"], holes=[hole])
    ending = run_frame(bench, what, Vanishing(str(bench.state)))
    assert (ending.code, ending.result) == (75, None)
    assert (state(bench)["phase"], state(bench)["holder"]["released"]) == ("Started", True)
    assert site.count() == 0


class Silenced(FileRecords):
    """Files that take no renewal any more once a try was noted; an end they do take."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(str(bench.state))
        self._silent = False

    def replace(self, record: Object) -> Object:
        if self._silent and record["state"]["phase"] == "Started":
            raise Unreachable("the network is gone")
        self._silent = "attempts" in record["state"]
        return super().replace(record)


def test_a_holder_that_cannot_renew_starts_no_other_call(bench: Bench, site: Site) -> None:
    site.script("/", Answer(503))
    what = spec(url=site.url, method="PUT", retries=3, interval=0.6, timeout=1.8)
    ending = run_frame(bench, what, Silenced(bench), lease=0.6)
    assert ending.code == 3
    assert state(bench)["message"].startswith("timed out after 1.8 s: unexpected status code: 503 (PUT http://")
    assert (state(bench)["retryCount"], len(state(bench)["attempts"])) == (0, 1)
    assert site.count() == 1
