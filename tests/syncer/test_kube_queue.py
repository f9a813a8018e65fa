"""The work queue against a model of it that is too simple to be wrong, and what waits for it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings, stateful
from hypothesis import strategies as st

from syncer.kube.metrics import Metrics
from syncer.kube.queue import BACK_OFF_FIRST, BACK_OFF_MOST, Priority, WorkQueue

KEYS = st.sampled_from("abcde")
PRIORITIES = st.sampled_from(Priority)
DELAYS = st.sampled_from([0.0, 0.25, 1.0, 5.0])


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Depth(Metrics):
    def __init__(self) -> None:
        self.depth = 0
        self.added = 0
        self.retried = 0

    def queue_depth(self, queue: str, depth: int) -> None:
        self.depth = depth

    def queue_added(self, queue: str) -> None:
        self.added += 1

    def queue_retried(self, queue: str) -> None:
        self.retried += 1


class QueueMachine(stateful.RuleBasedStateMachine):
    """Every key is at most once in each of: what waits, what is worked on, what is to be worked on again, timers."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.metrics = Depth()
        self.queue = WorkQueue[str]("test", clock=self.clock, metrics=self.metrics)
        self.waiting: list[tuple[Priority, str]] = []
        self.processing: set[str] = set()
        self.again: dict[str, Priority] = {}
        self.timers: dict[str, tuple[float, Priority]] = {}
        self.failures: dict[str, int] = {}

    def expect(self, key: str, priority: Priority) -> None:
        if key in self.processing:
            self.again[key] = min(priority, self.again.get(key, priority))
        elif (Priority.LOW, key) in self.waiting and priority is Priority.HIGH:
            self.waiting.remove((Priority.LOW, key))
            self.waiting.append((Priority.HIGH, key))
        elif key not in {each for _, each in self.waiting}:
            self.waiting.append((priority, key))

    def expect_after(self, key: str, delay: float, priority: Priority) -> None:
        if delay <= 0:
            self.expect(key, priority)
            return
        due = self.clock.now + delay
        if key in self.timers:
            due, priority = min(due, self.timers[key][0]), min(priority, self.timers[key][1])
        self.timers[key] = (due, priority)

    @stateful.rule(key=KEYS, priority=PRIORITIES)
    def add(self, key: str, priority: Priority) -> None:
        self.queue.add(key, priority=priority)
        self.expect(key, priority)

    @stateful.rule(key=KEYS, delay=DELAYS, priority=PRIORITIES)
    def add_after(self, key: str, delay: float, priority: Priority) -> None:
        # Two timers that are due at the same time would make the order of their keys a matter of taste.
        self.clock.now += 0.001
        self.queue.add_after(key, delay, priority=priority)
        self.expect_after(key, delay, priority)

    @stateful.rule(key=KEYS, at_least=st.sampled_from([0.0, 0.7]))
    def fail(self, key: str, at_least: float) -> None:
        self.clock.now += 0.001
        self.queue.add_rate_limited(key, at_least=at_least)
        failures = self.failures.get(key, 0)
        self.failures[key] = failures + 1
        self.expect_after(key, max(min(BACK_OFF_FIRST * 2**failures, BACK_OFF_MOST), at_least), Priority.HIGH)

    @stateful.rule(key=KEYS)
    def forget(self, key: str) -> None:
        self.queue.forget(key)
        self.failures.pop(key, None)

    @stateful.rule(seconds=st.sampled_from([0.01, 0.3, 2.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @stateful.rule()
    def take(self) -> None:
        due = sorted((due, key) for key, (due, _) in self.timers.items() if due <= self.clock.now)
        for _, key in due:
            self.expect(key, self.timers.pop(key)[1])
        taken = self.queue.take()
        assert taken not in self.processing
        if not self.waiting:
            assert taken is None
            return
        first = min(self.waiting, key=lambda each: each[0])
        assert taken == first[1]
        self.waiting.remove(first)
        self.processing.add(first[1])

    @stateful.precondition(lambda self: self.processing)
    @stateful.rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.processing)))
        self.queue.done(key)
        self.processing.remove(key)
        if key in self.again:
            self.waiting.append((self.again.pop(key), key))

    @stateful.invariant()
    def agrees(self) -> None:
        assert len(self.queue) == len(self.waiting) == self.metrics.depth
        due = min((due for due, _ in self.timers.values()), default=None)
        assert self.queue.until_due() == (None if due is None else max(due - self.clock.now, 0.0))
        assert {key: self.queue.failures(key) for key in "abcde"} == {key: self.failures.get(key, 0) for key in "abcde"}

    def teardown(self) -> None:
        """Nothing is lost: whatever was added and not taken since comes out in the end."""
        expected = {key for _, key in self.waiting} | set(self.again) | set(self.timers)
        self.clock.now += 1000.0
        for key in self.processing:
            self.queue.done(key)
        found = list(iter(self.queue.take, None))
        assert sorted(found) == sorted(expected)


class TestQueue(QueueMachine.TestCase):
    settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_key_that_is_added_while_it_is_worked_on_comes_again_after_that() -> None:
    queue = WorkQueue[str]("test")
    queue.add("a")
    assert queue.take() == "a"
    queue.add("a")
    queue.add("a")
    assert queue.take() is None
    queue.done("a")
    assert queue.take() == "a"
    queue.done("a")
    assert queue.take() is None


def test_work_on_a_key_does_not_cancel_its_timer(clock: Clock) -> None:
    queue = WorkQueue[str]("test", clock=clock)
    queue.add_after("a", 5.0)
    queue.add("a")
    assert queue.take() == "a"
    queue.done("a")
    clock.now += 5.0
    assert queue.take() == "a"


def test_failures_come_back_ever_later_until_they_are_forgotten(clock: Clock) -> None:
    metrics = Depth()
    queue = WorkQueue[str]("test", clock=clock, metrics=metrics)
    waits = []
    for _ in range(16):
        queue.add_rate_limited("a")
        waits.append(queue.until_due())
        clock.now += 60.0
        assert queue.take() == "a"
        queue.done("a")
    assert waits[:3] == pytest.approx([0.005, 0.01, 0.02])
    assert waits[-1] == pytest.approx(60.0)
    queue.forget("a")
    queue.add_rate_limited("a")
    assert queue.until_due() == pytest.approx(0.005)
    assert metrics.retried == 17


def test_low_priority_waits_for_high_and_may_be_raised() -> None:
    queue = WorkQueue[str]("test")
    for key in "abc":
        queue.add(key, priority=Priority.LOW)
    queue.add("z")
    queue.add("b")
    queue.add("b", priority=Priority.LOW)
    assert list(iter(queue.take, None)) == ["z", "b", "a", "c"]


def test_who_waits_is_woken_by_a_key() -> None:
    async def scenario() -> None:
        queue = WorkQueue[str]("test")
        waiters = [asyncio.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.add("a")
        queue.add_after("b", 0.01)
        for key in "ab":
            done, left = await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
            assert [waiter.result() for waiter in done] == [key]
            waiters = list(left)
        queue.shutdown()
        assert await waiters[0] is None

    asyncio.run(scenario())


def test_who_waits_for_a_late_key_is_woken_for_an_earlier_one() -> None:
    async def scenario() -> None:
        queue = WorkQueue[str]("test")
        queue.add_after("late", 3600.0)
        waiter = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add_after("early", 0.01)
        assert await waiter == "early"

    asyncio.run(scenario())


def test_a_cancelled_waiter_takes_no_key_with_it() -> None:
    async def scenario() -> None:
        queue = WorkQueue[str]("test")
        first = asyncio.create_task(queue.get())
        second = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("a")
        first.cancel()
        assert await second == "a"

    asyncio.run(scenario())


def test_a_queue_that_is_shut_down_neither_takes_nor_gives() -> None:
    async def scenario() -> None:
        queue = WorkQueue[str]("test")
        queue.add("busy")
        assert await queue.get() == "busy"
        queue.add("busy")
        queue.add("waiting")
        queue.add_after("later", 0.001)
        queue.shutdown()
        queue.add("new")
        queue.done("busy")
        assert (await queue.get(), queue.take(), len(queue), queue.until_due()) == (None, None, 0, None)

    asyncio.run(scenario())
