"""Engine and runners are killed at random moments, again and again: no call is made twice, and the end is the same.

A POST that may have been sent when its runner died is the one thing that nobody can know: its action is Unknown.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drplan.engine import store
from support import local
from support.http_site import Answer, Site
from support.plans import NAMESPACE, http, plan, stage, workflow

NAME = "pay-execute-1"
KILLS_A_SEED = 25
RUNNER_KILLS_A_LANE = 2
"""A lane is tried again twice."""


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.Engines]:
    with local.Engines(tmp_path_factory.mktemp("engines")) as started:
        yield started


@dataclass
class Killer:
    """Kills what runs an execution.

    Attributes:
        engines: starts engines.
        state: the state folder.
        chance: what is random.
        engine: the engine at the moment.
        kills: how often it has killed, in all.
        lanes: how often it has killed a runner, by lane.
    """

    engines: local.Engines
    state: Path
    chance: random.Random
    engine: local.EngineProcess
    kills: int = 0
    lanes: Counter[str] = field(default_factory=Counter)

    def torment(self) -> None:
        """Kill at random moments until the run has ended."""
        while True:
            end = self.chance.uniform(0.02, 0.5)
            try:
                local.wait_until(lambda: not self.engine.alive, seconds=end)
            except AssertionError:
                self._kill()
                continue
            return

    def _kill(self) -> None:
        if self.chance.random() < 0.4:
            self.engine.kill()
            self.kills += 1
            self.engine = self.engines.go_on(self.state, "resume", NAME)
            return
        folder = store.StateFolder(self.state, NAMESPACE).execution(NAME).path
        found = [runner for runner in local.runners(folder) if self.lanes[runner.node] < RUNNER_KILLS_A_LANE]
        if found:
            victim = self.chance.choice(found)
            self.lanes[victim.node] += victim.kill()
            self.kills += 1


def manifests(url: str, chance: random.Random, methods: list[str]) -> list[dict]:
    workflows, stages = [], []
    for number in (1, 2):
        names = []
        for place in (1, 2):
            name = f"w-{number}-{place}"
            made = [
                http(
                    f"act-{k}",
                    f"{url}/{number}/{place}/{k}",
                    method=chance.choice(methods),
                    retryPolicy={"limit": 1, "interval": "100ms"},
                )
                for k in range(1, chance.randint(2, 4))
            ]
            workflows.append(workflow(name, *made))
            names.append(name)
        stages.append(stage(f"stage-{number}", *names, parallel=chance.random() < 0.7))
    return [plan(*stages), *workflows]


def check(execution: dict, site: Site, manifest: list[dict]) -> bool:
    """Check that no call was made twice; whether nothing is unknown."""
    methods = {
        action["http"]["url"].removeprefix(site.url): action["http"]["method"]
        for made in manifest[1:]
        for action in made["spec"]["actions"]
    }
    calls = Counter(request.path for request in site.received)
    unknown = False
    for key, action in local.actions(execution).items():
        number, place, k = (segment[1:] for segment in key.split("."))
        path = f"/{number}/{place}/{k}"
        seen = f"{key} {methods[path]} {action}, {calls[path]} calls"
        if action["phase"] == "Unknown":
            assert methods[path] == "POST", seen
            assert calls[path] <= 1, seen
            unknown = True
        elif action["phase"] == "Succeeded":
            assert calls[path] == 1 if methods[path] == "POST" else calls[path] >= 1, seen
        else:
            assert action["phase"] == "Skipped", seen
            assert calls[path] == 0, seen
    return not unknown


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_killed_nothing_is_done_twice_and_the_end_is_the_same(
    seed: int, tmp_path: Path, engines: local.Engines
) -> None:
    chance = random.Random(seed)
    kills = number = 0
    while kills < KILLS_A_SEED:
        number += 1
        state = tmp_path / str(number)
        with Site() as site:
            for path in (f"/{a}/{b}/{c}" for a in (1, 2) for b in (1, 2) for c in (1, 2, 3)):
                site.script(path, Answer(200, delay=chance.uniform(0.0, 0.15)))
            may_repeat = number % 2 == 0
            manifest = manifests(site.url, chance, ["GET"] if may_repeat else ["POST", "POST", "GET"])
            snapshot = local.snapshot_of(*manifest)
            local_engine = engines.start(state, snapshot, name=NAME)
            local.wait_until(lambda made=state: (made / NAMESPACE / "executions" / NAME).exists())
            killer = Killer(engines, state, chance, local_engine)
            killer.torment()
            killer.engine.end()
            execution = local.stored(state, NAME)
            kills += killer.kills
            certain = check(execution, site, manifest)
            assert certain or not may_repeat
            if certain:
                assert set(local.phases(execution).values()) == {"Succeeded"}
                assert execution["status"]["phase"] == "Succeeded"
            assert local.fence(state, NAME).state == "Closed"
            assert "currentExecution" not in local.stored_plan(state)["status"]
            # An engine that died between start and lock of a runner had a second one started, which is just ending.
            folder = store.StateFolder(state, NAMESPACE).execution(NAME).path
            local.wait_until(lambda made=folder: local.runners(made) == [])
