"""What a controller does about every way in which a reconcile can end."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from support.kube_bench import until
from syncer.kube.controller import Controller, Result, TerminalError
from syncer.kube.errors import Conflict, ServerError, TooManyRequests
from syncer.kube.metrics import Metrics
from syncer.kube.queue import WorkQueue

Reconcile = Callable[[str], Awaitable[Result | None]]


class Ends(Metrics):
    def __init__(self) -> None:
        self.ends: list[str] = []

    def reconciled(self, controller: str, result: str) -> None:
        self.ends.append(result)


def ends_of(*behaviours: Callable[[], Awaitable[Result | None]], timeout: float = 60.0) -> list[str]:
    """Reconcile one key as often as there are behaviours, each time another; tell how each time ended."""

    async def scenario() -> list[str]:
        queue = WorkQueue[str]("test")
        left = list(behaviours)
        metrics = Ends()

        async def reconcile(key: str) -> Result | None:
            if len(left) == 1:
                queue.shutdown()
            return await left.pop(0)()

        queue.add("a")
        await Controller("test", queue, reconcile, workers=1, timeout=timeout, metrics=metrics).run()
        return metrics.ends

    return asyncio.run(asyncio.wait_for(scenario(), 60))


async def succeed() -> None:
    return None


def fail(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def behaviour() -> None:
        raise error

    return behaviour


def test_what_goes_wrong_is_tried_again_whatever_it_is(caplog: pytest.LogCaptureFixture) -> None:
    ends = ends_of(
        fail(RuntimeError("a mistake")),
        fail(ServerError("GET /x", message="etcd is away", status=500)),
        fail(TimeoutError()),
        fail(asyncio.CancelledError()),
        fail(ExceptionGroup("several", [ValueError("one")])),
        succeed,
    )
    assert ends == ["error"] * 5 + ["success"]
    mistakes = [record for record in caplog.records if record.exc_info]
    assert "reconciling a failed" in mistakes[0].getMessage()
    assert "etcd is away" in caplog.text
    assert len(mistakes) == 4


def test_a_lost_race_is_nothing_to_look_at(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert ends_of(fail(Conflict("PATCH /x", message="changed", status=409)), succeed) == ["error", "success"]
    assert caplog.records == []


def test_a_reconcile_that_hangs_is_given_up_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    assert ends_of(hang, succeed, timeout=0.05) == ["error", "success"]
    assert "not done after 0.05 s" in caplog.text


def test_a_result_brings_the_key_back_later() -> None:
    async def later() -> Result:
        return Result(requeue_after=0.01)

    async def at_once() -> Result:
        return Result(requeue_after=0.0)

    assert ends_of(later, at_once, succeed) == ["requeue_after", "requeue_after", "success"]


def test_a_terminal_error_is_not_tried_again() -> None:
    async def scenario() -> None:
        queue = WorkQueue[str]("test")
        metrics = Ends()

        async def reconcile(key: str) -> None:
            raise TerminalError("the plan is broken")

        running = asyncio.create_task(Controller("test", queue, reconcile, workers=1, metrics=metrics).run())
        for attempts in (1, 2):
            queue.add("a")
            await until(lambda attempts=attempts: metrics.ends == ["terminal"] * attempts, "an attempt")
            assert (len(queue), queue.until_due(), queue.failures("a")) == (0, None, 0)
        queue.shutdown()
        await running

    asyncio.run(scenario())


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    async def scenario() -> None:
        now = 0.0
        queue = WorkQueue[str]("test", clock=lambda: now)

        async def reconcile(key: str) -> None:
            raise TooManyRequests("GET /x", message="busy", status=429, retry_after=7.0)

        running = asyncio.create_task(Controller("test", queue, reconcile, workers=1).run())
        queue.add("a")
        await until(lambda: queue.until_due() is not None, "the key to be put off")
        assert queue.until_due() == 7.0
        queue.shutdown()
        await running

    asyncio.run(scenario())


def test_no_key_is_worked_on_twice_at_once_and_the_last_change_is_always_seen() -> None:
    async def scenario() -> None:
        queue = WorkQueue[int]("test")
        chance = random.Random(7)
        wanted, seen, busy = Counter[int](), Counter[int](), set[int]()

        async def reconcile(key: int) -> None:
            assert key not in busy
            busy.add(key)
            observed = wanted[key]
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            busy.remove(key)
            if chance.random() < 0.2:
                raise RuntimeError("chance")
            seen[key] = observed

        running = asyncio.create_task(Controller("test", queue, reconcile, workers=5).run())
        for _ in range(3000):
            key = chance.randrange(20)
            wanted[key] += 1
            queue.add(key)
            if chance.random() < 0.3:
                await asyncio.sleep(0)
        await until(lambda: seen == wanted, "every key to be seen as it is last")
        queue.shutdown()
        await running

    logging.getLogger("syncer.kube.controller").disabled = True
    try:
        asyncio.run(asyncio.wait_for(scenario(), 120))
    finally:
        logging.getLogger("syncer.kube.controller").disabled = False


def test_cancelling_a_controller_cancels_what_it_works_on() -> None:
    async def scenario() -> None:
        queue = WorkQueue[str]("test")
        started, cancelled = asyncio.Event(), asyncio.Event()

        async def reconcile(key: str) -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        running = asyncio.create_task(Controller("test", queue, reconcile).run())
        queue.add("a")
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert cancelled.is_set()

    asyncio.run(scenario())
