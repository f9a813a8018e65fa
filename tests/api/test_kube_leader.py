"""Leader election between real processes at a real API server: one works, and who is not sure does not write."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support import kube_candidate
from support.api_admin import Administrator, Object
from support.api_admin import until as wait_until
from support.api_proxy import Certificate
from support.kube_bench import Bench, until
from syncer.kube.client import Client
from syncer.kube.errors import NotFound, NotLeading
from syncer.kube.leader import Leader, Pace, released, taken
from syncer.kube.metrics import Metrics
from syncer.kube.resources import LEASES, Key

pytestmark = pytest.mark.bed

PACE = Pace(lease=4.0, renew=3.0, retry=0.3)
"""Quick, and yet longer than a busy machine leaves a process alone."""

FOREVER = Pace(lease=3600.0, renew=1800.0, retry=0.3)
"""Who takes over at this pace does so because the Lease was let go of."""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def bench(administrator: Administrator, certificate: Certificate, tmp_path: Path) -> Iterator[Bench]:
    with Bench(administrator, certificate, tmp_path) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "who"
    path.touch()
    return path


@pytest.fixture
def start(bench: Bench, file: Path) -> Iterator[Start]:
    """Starts a candidate, and ends it with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def starting(identity: str, pace: Pace = PACE, **env: str) -> subprocess.Popen[bytes]:
        paces = (pace.lease, pace.renew, pace.retry)
        process = kube_candidate.start(
            bench.account, bench.port, bench.namespace, identity=identity, file=file, pace=paces, **env
        )
        started.append(process)
        return process

    yield starting
    for process in started:
        process.kill()
        process.wait()


def writers(file: Path) -> list[str]:
    """Who has written, in order, each as often as somebody else wrote in between."""
    return [name for name, _ in itertools.groupby(file.read_text().splitlines())]


def wait_for(file: Path, *names: str) -> None:
    wait_until(lambda: writers(file) == list(names), f"{names} to have written", seconds=60)


def lease(bench: Bench) -> Object:
    return bench.administrator.ask("GET", LEASES.path(Key(bench.namespace, kube_candidate.LEASE)))


def test_of_two_one_works_and_the_other_takes_over_when_it_dies(start: Start, file: Path) -> None:
    first = start("a")
    wait_for(file, "a")
    start("b")
    first.kill()
    wait_for(file, "a", "b")


def test_a_leader_that_ends_lets_go_of_the_lease(bench: Bench, start: Start, file: Path) -> None:
    first = start("a", FOREVER)
    wait_for(file, "a")
    start("b", FOREVER)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    wait_for(file, "a", "b")
    assert lease(bench)["spec"]["leaseTransitions"] == 1


def test_a_frozen_leader_does_not_write_after_it_was_replaced(start: Start, file: Path) -> None:
    first = start("a")
    wait_for(file, "a")
    first.send_signal(signal.SIGSTOP)
    second = start("b")
    wait_for(file, "a", "b")
    first.send_signal(signal.SIGCONT)
    end = time.monotonic() + 2 * PACE.lease
    while time.monotonic() < end:
        assert writers(file) == ["a", "b"]
        time.sleep(0.1)
    # It is alive and waits for its turn.
    second.send_signal(signal.SIGTERM)
    wait_for(file, "a", "b", "a")


def test_times_in_the_lease_are_utc_in_every_time_zone(bench: Bench, start: Start, file: Path) -> None:
    start("a", TZ="Asia/Tokyo")
    wait_for(file, "a")
    renewed = datetime.fromisoformat(lease(bench)["spec"]["renewTime"])
    assert abs(datetime.now(UTC) - renewed) < timedelta(hours=1)


class Told(Metrics):
    def __init__(self) -> None:
        self.leads: list[bool] = []

    def leading(self, lease: str, leads: bool) -> None:
        self.leads.append(leads)


async def forever() -> None:
    await asyncio.Event().wait()


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_a_leader_that_cannot_reach_the_server_stops_and_leads_again_when_it_can(bench: Bench) -> None:
    async def scenario() -> None:
        proxy, told = bench.proxy(), Told()
        async with bench.client(proxy) as client:
            leader = Leader(client, Key(bench.namespace, "l"), identity="a", pace=PACE, metrics=told)
            with pytest.raises(NotLeading, match=rf"lease {bench.namespace}/l is not held"):
                leader.check()
            running = asyncio.create_task(leader.run(forever))
            await until(lambda: leader.leading, "it to lead")
            leader.check()
            proxy.refuse()
            await until(lambda: told.leads == [True, False], "the work to be cancelled")
            with pytest.raises(NotLeading):
                leader.check()
            proxy.accept()
            await until(lambda: leader.leading, "it to lead again")
            await ended(running)
            assert told.leads == [True, False, True, False]

    asyncio.run(scenario())


def test_a_clock_that_has_gone_on_is_noticed_before_the_next_renewal(bench: Bench) -> None:
    async def scenario() -> None:
        slept = 0.0
        async with bench.client() as client:
            leader = Leader(
                client, Key(bench.namespace, "l"), identity="a", pace=PACE, clock=lambda: time.monotonic() + slept
            )
            running = asyncio.create_task(leader.run(forever))
            await until(lambda: leader.leading, "it to lead")
            slept = PACE.renew
            with pytest.raises(NotLeading):
                leader.check()
            # Nobody has taken the Lease meanwhile, so the next renewal makes it good again.
            await until(lambda: leader.leading, "the renewal")
            assert not running.done()
            await ended(running)

    asyncio.run(scenario())


def test_a_leader_that_is_overruled_stops(bench: Bench) -> None:
    async def scenario() -> None:
        told, key = Told(), Key(bench.namespace, "l")
        async with bench.client() as client:
            leader = Leader(client, key, identity="a", pace=FOREVER, metrics=told)
            running = asyncio.create_task(leader.run(forever))
            await until(lambda: leader.leading, "it to lead")
            await client.merge_patch(LEASES, key, {"spec": {"holderIdentity": "b"}})
            await until(lambda: told.leads == [True, False], "the work to be cancelled")
            await ended(running)
            assert (await client.get(LEASES, key)).object["spec"]["holderIdentity"] == "b"

    asyncio.run(scenario())


def test_a_lease_that_somebody_only_labelled_is_kept(bench: Bench) -> None:
    async def scenario() -> None:
        told, key = Told(), Key(bench.namespace, "l")
        async with bench.client() as client:
            leader = Leader(client, key, identity="a", pace=PACE, metrics=told)
            running = asyncio.create_task(leader.run(forever))
            await until(lambda: leader.leading, "it to lead")
            for number in range(3):
                before = (await client.merge_patch(LEASES, key, {"metadata": {"labels": {"n": str(number)}}})).object
                await until_spec(client, key, lambda spec, old=before["spec"]: spec != old)
            assert told.leads == [True]
            await ended(running)
            assert (await client.get(LEASES, key)).object["metadata"]["labels"] == {"n": "2"}

    asyncio.run(scenario())


def test_it_leads_only_while_it_holds_the_other_lease_too(bench: Bench) -> None:
    own, other = Key(bench.namespace, "own"), Key(bench.namespace, "other")
    told = Told()

    async def hold_other(client: Client) -> Object:
        held = taken({"metadata": {"name": other.name}}, identity="older", seconds=3600, now=datetime.now(UTC))
        return (await client.create(LEASES, other.namespace, held)).object

    async def scenario() -> None:
        async with bench.client() as client:
            held = await hold_other(client)
            leader = Leader(client, own, identity="a", also=other, pace=PACE, metrics=told)
            running = asyncio.create_task(leader.run(forever))
            # It waits as the first of its kind.
            await until_spec(client, own, lambda spec: spec.get("holderIdentity") == "a")
            assert not leader.leading
            await client.replace(LEASES, other, released(held, now=datetime.now(UTC)))
            await until(lambda: leader.leading, "it to lead")
            assert (await client.get(LEASES, other)).object["spec"]["holderIdentity"] == "a"
            await client.merge_patch(LEASES, other, {"spec": {"holderIdentity": "older"}})
            await until(lambda: told.leads == [True, False], "the work to be cancelled")
            await ended(running)
            assert (await client.get(LEASES, own)).object["spec"]["holderIdentity"] in ("", None)

    asyncio.run(scenario())


async def until_spec(client: Client, key: Key, condition: Callable[[Object], bool]) -> None:
    for _ in range(600):
        with contextlib.suppress(NotFound):
            if condition((await client.get(LEASES, key)).object["spec"]):
                return
        await asyncio.sleep(0.1)
    raise AssertionError(f"waited in vain for lease {key} to change")


def test_work_that_ends_or_fails_ends_the_lead(bench: Bench) -> None:
    async def done() -> None:
        return None

    async def fail() -> None:
        raise RuntimeError("a mistake")

    async def scenario() -> None:
        async with bench.client() as client:
            key = Key(bench.namespace, "l")
            await Leader(client, key, identity="a", pace=FOREVER).run(done)
            with pytest.raises(RuntimeError, match="a mistake"):
                await Leader(client, key, identity="b", pace=FOREVER).run(fail)
            assert (await client.get(LEASES, key)).object["spec"].get("holderIdentity") in ("", None)

    asyncio.run(scenario())
