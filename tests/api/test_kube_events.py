"""Events as a real API server takes them, and what becomes of those that it does not."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.api_admin import Administrator, Object
from support.api_faults import answer, asks
from support.api_proxy import Certificate, Proxy
from support.kube_bench import Bench, until
from syncer.kube import events
from syncer.kube.events import EventType, Happening, Recorder, Reference
from syncer.kube.metrics import Metrics
from syncer.kube.resources import EVENTS

pytestmark = pytest.mark.bed


class Dropped(Metrics):
    def __init__(self) -> None:
        self.reasons: list[str] = []

    def event_dropped(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def bench(administrator: Administrator, certificate: Certificate, tmp_path: Path) -> Iterator[Bench]:
    with Bench(administrator, certificate, tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SERIES_PAUSE", 0.3)
    monkeypatch.setattr(events, "_FIRST_RETRY", 0.01)


@asynccontextmanager
async def recorder_of(
    bench: Bench, proxy: Proxy | None = None, metrics: Metrics | None = None
) -> AsyncIterator[Recorder]:
    async with bench.client(proxy) as client:
        recorder = Recorder(client, controller="kube-tests", instance="pod-1", metrics=metrics)
        running = asyncio.create_task(recorder.run())
        yield recorder
        assert not running.done()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def happening(bench: Bench, reason: str = "Halted", note: str = "s1.w1.a1 Failed") -> Happening:
    regarding = Reference("v1", "ConfigMap", bench.namespace, "pay", "3d0c5cf6-6d1f-4c6e-9e4b-3f6d0e2a4c11")
    return Happening(regarding, reason, note, "Halt", EventType.WARNING)


def stored(bench: Bench) -> list[Object]:
    items: list[Object] = bench.administrator.ask("GET", EVENTS.collection(bench.namespace))["items"]
    return items


async def until_stored(bench: Bench, *counts: int) -> list[Object]:
    found: list[Object] = []
    for _ in range(600):
        found = await asyncio.to_thread(stored, bench)
        if sorted(each.get("series", {}).get("count", 1) for each in found) == sorted(counts):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"waited in vain for events that count {counts}: {found}")


def test_an_event_says_what_happened_to_what(bench: Bench) -> None:
    async def scenario() -> None:
        async with recorder_of(bench) as recorder:
            recorder.record(happening(bench))
            (event,) = await until_stored(bench, 1)
        assert (event["reason"], event["note"], event["action"]) == ("Halted", "s1.w1.a1 Failed", "Halt")
        assert (event["type"], event["reportingController"]) == ("Warning", "kube-tests")
        assert (event["reportingInstance"], event["regarding"]["name"]) == ("pod-1", "pay")
        assert event["metadata"]["name"].startswith("pay.")

    asyncio.run(scenario())


def test_the_same_again_is_a_series_and_something_else_is_not(bench: Bench) -> None:
    async def scenario() -> None:
        async with recorder_of(bench) as recorder:
            for _ in range(5):
                recorder.record(happening(bench))
            recorder.record(happening(bench, "Resumed"))
            await until_stored(bench, 5, 1)
            for _ in range(3):
                recorder.record(happening(bench))
            found = await until_stored(bench, 8, 1)
        series = next(each for each in found if "series" in each)
        assert series["series"]["lastObservedTime"] > series["eventTime"]

    asyncio.run(scenario())


def test_a_series_whose_event_the_server_has_forgotten_gets_a_new_one(bench: Bench) -> None:
    async def scenario() -> None:
        async with recorder_of(bench) as recorder:
            recorder.record(happening(bench))
            (event,) = await until_stored(bench, 1)
            path = f"{EVENTS.collection(bench.namespace)}/{event['metadata']['name']}"
            await asyncio.to_thread(bench.administrator.ask, "DELETE", path)
            recorder.record(happening(bench))
            await until_stored(bench, 2)

    asyncio.run(scenario())


def test_a_note_of_any_length_is_taken(bench: Bench) -> None:
    async def scenario() -> None:
        async with recorder_of(bench) as recorder:
            recorder.record(happening(bench, note="ü" * 2000))
            (event,) = await until_stored(bench, 1)
        assert event["note"] == "ü" * 510 + "…"

    asyncio.run(scenario())


def test_what_the_server_could_not_take_at_first_arrives_later(bench: Bench) -> None:
    async def scenario() -> None:
        proxy, dropped = bench.proxy(), Dropped()
        proxy.fault(asks("POST", "/events"), answer(500))
        proxy.fault(asks("POST", "/events"), answer(429, retry_after=1))
        async with recorder_of(bench, proxy, dropped) as recorder:
            recorder.record(happening(bench))
            await until_stored(bench, 1)
        assert dropped.reasons == []

    asyncio.run(scenario())


def test_what_the_server_does_not_take_is_dropped_and_the_next_is_written(bench: Bench) -> None:
    async def scenario() -> None:
        proxy, dropped = bench.proxy(), Dropped()
        proxy.fault(asks("POST", "/events"), answer(500), times=events.ATTEMPTS)
        proxy.fault(asks("POST", "/events"), answer(403))
        async with recorder_of(bench, proxy, dropped) as recorder:
            recorder.record(happening(bench, "First"))
            await until(lambda: dropped.reasons == ["First"], "the first to be dropped")
            recorder.record(happening(bench, "Second"))
            await until(lambda: dropped.reasons == ["First", "Second"], "the second to be dropped")
            recorder.record(happening(bench, "Third"))
            (event,) = await until_stored(bench, 1)
        assert event["reason"] == "Third"
        assert proxy.count("POST", "/events") == events.ATTEMPTS + 2

    asyncio.run(scenario())


def test_while_the_server_is_away_recording_goes_on_and_memory_does_not_grow(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_SERIES", 3)
    monkeypatch.setattr(events, "_FIRST_RETRY", 1000.0)

    async def scenario() -> None:
        proxy, dropped = bench.proxy(), Dropped()
        proxy.fault(asks("POST", "/events"), answer(500), times=math.inf)
        async with recorder_of(bench, proxy, dropped) as recorder:
            for number in range(5):
                recorder.record(happening(bench, f"R{number}"))
                recorder.record(happening(bench, f"R{number}"))
            assert dropped.reasons == ["R3", "R3", "R4", "R4"]

    asyncio.run(scenario())
