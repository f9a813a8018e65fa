"""A syncer that is killed at any of its writes leaves nothing that the next one does not bring to the same end.

Every syncer is the successor of the one that was killed before, and the next to be killed. All writes are tried by
`make test-matrix`, else a sample of them.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
from functools import partial

import pytest

from support.api_admin import Object, until
from support.api_faults import Asked, Victim, kill
from support.api_proxy import Proxy
from support.api_syncer import SyncerBench
from support.syncer_process import Syncer
from support.syncer_runs import ArgoRun
from support.syncer_stories import STOPPED, STORIES, Scene, check_end, settled

pytestmark = [pytest.mark.bed, pytest.mark.timeout(1800)]

ALL = os.environ.get("DRPLAN_MATRIX") == "all"
STRIDE = 1 if ALL else 29
"""Every which write is tried; each story of a sample begins with another one."""

MOMENTS = 20 if ALL else 3
LONGEST = 4.0
"""Seconds within which a story is over, if nothing disturbs it."""


class Keeper:
    """Sees to it that there is a syncer: kills one where it is told to, and starts another one after it."""

    def __init__(self, bench: SyncerBench) -> None:
        self.bench = bench
        self.killed = 0
        self._proxy: Proxy
        self._victim: Victim
        self._syncer = self._start()

    def revive(self) -> None:
        """Start another syncer, if the one there was is dead."""
        if not self.alive:
            self.killed += 1
            self._syncer.wait()
            self.bench.forget_leader()
            self._syncer = self._start()

    @property
    def alive(self) -> bool:
        """Whether the syncer lives."""
        return self._syncer.running

    def kill_at(self, number: int, *, forwarded: bool) -> None:
        """Have the syncer that lives killed at one of its next writes."""
        numbers = itertools.count(1)
        fault = kill(self._victim, forwarded=forwarded)
        self._proxy.fault(lambda asked: is_work(asked) and next(numbers) == number, fault)

    def kill_after(self, seconds: float) -> threading.Timer:
        """Have the syncer that lives killed after some time."""
        timer = threading.Timer(seconds, self._victim.kill)
        timer.start()
        return timer

    def stop(self) -> None:
        """End the last one."""
        self.revive()
        self._syncer.until_ready()
        assert self._syncer.stop() == 0

    def _start(self) -> Syncer:
        self._proxy, self._victim = self.bench.proxy(), Victim()
        return self.bench.start(proxy=self._proxy, victim=self._victim)


def is_work(asked: Asked) -> bool:
    """Whether a request is a write of what the syncer does, and not about who leads or what people are told."""
    return asked.write > 0 and not any(part in asked.path for part in ("/leases", "/events"))


def tell(keeper: Keeper, story: str, name: str) -> Scene:
    """Tell a story with the syncers of a keeper."""
    scene = Scene(keeper.bench, name, revive=keeper.revive)
    STORIES[story](scene)
    return scene


@pytest.mark.parametrize("story", STORIES)
def test_a_kill_at_a_write_changes_nothing_of_the_end(bench: SyncerBench, story: str) -> None:
    keeper = Keeper(bench)
    expected = settled(tell(keeper, story, "calm"))
    assert keeper.killed == 0
    first = 1 if ALL else 1 + list(STORIES).index(story) * 5 % STRIDE
    for forwarded in (True, False):
        for number in itertools.count(first, STRIDE):
            before = keeper.killed
            keeper.kill_at(number, forwarded=forwarded)
            scene = tell(keeper, story, f"kill-{number}-{'after' if forwarded else 'before'}")
            check_end(scene, expected)
            keeper.revive()
            if keeper.killed == before:
                # It has no write of this number.
                break
    keeper.stop()


def test_one_that_is_deleted_in_the_middle_of_its_start_while_nobody_is_there_leaves_nothing(
    bench: SyncerBench,
) -> None:
    keeper = Keeper(bench)
    for number in range(1, 10) if ALL else (2, 4, 6):
        scene = Scene(bench, f"begun-{number}", revive=keeper.revive)
        scene.plan("long", "two")
        keeper.kill_at(number, forwarded=True)
        bench.execute(scene.name, plan=scene.name)
        until(lambda: not keeper.alive, "the syncer to die", seconds=60)
        bench.delete(scene.name)
        scene.until(partial(gone, scene), "the execution to go")
        end = scene.end()
        assert (end["left"], end["plan"]) == ([], ("Ready", None, ("False", "Idle"))), scene.name
        assert {each["phase"] for each in end["history"]} <= {"Cancelled"}, scene.name
    keeper.stop()


def gone(scene: Scene) -> bool:
    """Whether an execution is gone; a Workflow that is stopped ends, as Argo would have it."""
    for each in scene.bench.workflows():
        run = ArgoRun(scene.bench, scene.name, each["metadata"]["name"])
        if each["spec"].get("shutdown") and run.name.startswith(scene.name) and not each.get("status"):
            run.argo("Failed", {}, STOPPED)
    return not scene.bench.exists(scene.name)


def test_a_kill_at_a_random_moment_changes_nothing_of_the_end(bench: SyncerBench) -> None:
    keeper, draw = Keeper(bench), random.Random(6)
    expected: dict[str, Object] = {}
    for number in range(MOMENTS):
        story = draw.choice(list(STORIES))
        if story not in expected:
            expected[story] = settled(tell(keeper, story, f"calm-{story}"))
        timer = keeper.kill_after(draw.uniform(0, LONGEST))
        scene = tell(keeper, story, f"moment-{number}")
        timer.join()
        check_end(scene, expected[story])
    keeper.stop()
