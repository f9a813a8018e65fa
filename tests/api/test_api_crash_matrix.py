"""Runners that are killed at every write that they make, forward and back, for every type and operation of actions.

A write is one of the record as well as one of an object. The runner dies before the API server gets to see it, or when
it was answered, before it gets to know. The pod that follows brings everything to where an undisturbed run leaves it.
What is tried is a sample that differs from run to run and says its seed; all of it with DRPLAN_MATRIX=all.
"""

from __future__ import annotations

import difflib
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from support.api_admin import Administrator, path_of, until
from support.api_proxy import Certificate
from support.clusternet import KINDS, definition
from support.clusternet_sockets import holds, put
from support.crash_cases import CASES, Case
from support.crash_matrix import Chapter, Death, Story

pytestmark = pytest.mark.bed

SEED = os.environ.get("DRPLAN_MATRIX_SEED") or str(time.time_ns())
ALL = os.environ.get("DRPLAN_MATRIX") == "all"
CHANCE = random.Random(SEED)
SIDES = (False, True)
AT_ONCE = 4
SECONDS = 7200 if ALL else 300
GROUPS = {case.type: [one for one in CASES if one.type == case.type] for case in CASES}
_DEFINITION = "CustomResourceDefinition"


class Deaths(NamedTuple):
    """Where runners die in a story."""

    forward: Death | None
    back: Death | None

    def __str__(self) -> str:
        return f"forward: {self.forward}, back: {self.back}"


class Played(NamedTuple):
    """A story that has ended."""

    forward: Chapter
    back: Chapter


@pytest.fixture(scope="module")
def clusternet(administrator: Administrator) -> None:
    """Clusternet's kinds."""
    for kind in KINDS:
        put(administrator, path_of(_DEFINITION, ""), definition(kind))
    for kind in KINDS:
        name = definition(kind)["metadata"]["name"]
        until(lambda name=name: holds(administrator.get(_DEFINITION, "", name), "Established"), name)


class Stage:
    """Where stories are played, at the same time."""

    def __init__(self, administrator: Administrator, certificate: Certificate, folder: Path) -> None:
        self._administrator = administrator
        self._certificate = certificate
        self._folder = folder

    def play(self, case: Case, deaths: Deaths) -> Played:
        name = f"{case}-{deaths}".replace(" ", "-")
        with Story(case, self._administrator, self._certificate, self._folder / name) as story:
            before = _without_generations(story.objects())
            forward = story.act(death=deaths.forward)
            back = story.act(back=True, death=deaths.back)
            after = {name: one for name, one in _without_generations(back.objects).items() if not _is_kept(name)}
            assert after == before, f"{case}, {deaths}: undoing it has left something"
            return Played(forward, back)

    def compare(self, case: Case, deaths: Deaths, reference: Played) -> str:
        """Play a story in which runners die; says what came out otherwise, nothing when nothing did."""
        try:
            played = self.play(case, deaths)
        except AssertionError as error:
            return f"{case}, {deaths}: {error}"
        told = []
        for direction, wanted, got in zip(("forward", "back"), reference, played, strict=True):
            lines = difflib.unified_diff(wanted.told.splitlines(), got.told.splitlines(), lineterm="", n=2)
            if difference := "\n".join(lines):
                told.append(f"{case}, {deaths}, {direction}:\n{difference}")
        return "\n".join(told)


@pytest.fixture
def stage(administrator: Administrator, certificate: Certificate, clusternet: None, tmp_path: Path) -> Iterator[Stage]:
    return Stage(administrator, certificate, tmp_path)


def _without_generations(objects: Mapping[str, dict]) -> dict:
    """What was made again, or restored, is another generation."""
    return {
        name: {**one, "metadata": {key: value for key, value in one["metadata"].items() if key != "generation"}}
        for name, one in objects.items()
    }


def _is_kept(name: str) -> bool:
    """Whether an object is a Secret in which a record keeps what was before."""
    return name.startswith("Secret/pay-")


def _deaths(reference: Played) -> list[Deaths]:
    """All places where a runner may die, each in a story of its own; or one of them forward and one back."""
    forward, back = (
        [Death(write, side) for write in range(1, part.writes + 1) for side in SIDES] for part in reference
    )
    if ALL:
        return [*(Deaths(death, None) for death in forward), *(Deaths(None, death) for death in back)]
    side = CHANCE.choice(SIDES)
    # Behind its first death a runner finds a record that is not its own, so each direction has a side of its own.
    return [
        Deaths(
            CHANCE.choice([death for death in forward if death.forwarded is side]),
            CHANCE.choice([death for death in back if death.forwarded is not side]),
        )
    ]


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("cases", GROUPS.values(), ids=GROUPS)
def test_wherever_a_runner_dies_the_next_one_leaves_all_as_if_nothing_had_happened(
    stage: Stage, cases: Sequence[Case]
) -> None:
    print(f"DRPLAN_MATRIX_SEED={SEED}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        references = list(pool.map(lambda case: stage.play(case, Deaths(None, None)), cases))
        # The record at least is created; without that nothing is counted here.
        assert all(played.forward.effects for played in references)
        stories = [
            (case, deaths, reference)
            for case, reference in zip(cases, references, strict=True)
            for deaths in _deaths(reference)
        ]
        told = list(filter(None, pool.map(lambda story: stage.compare(*story), stories)))
    print(f"{len(stories)} stories")
    assert not told, "\n\n".join(told)
