"""Brings a bed up and takes it down, whatever was there before and whoever was killed on the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bed import api, argo, build, cgroups, node, requirements
from bed.build import Report
from bed.certificates import ADMIN, Authority
from bed.client import Bed
from bed.places import Places
from bed.problems import BedProblem
from bed.processes import Identity
from bed.state import State, Tier, load, locked, save

END_SECONDS = 60.0


def up(name: str, tier: Tier = Tier.FULL, *, report: Report = lambda _: None) -> Bed:
    """Bring a bed up, building what it needs first.

    Args:
        name: the bed's name.
        tier: how much of it; a bed that has less gets the rest, one that has more stays as it is.
        report: gets a line about each step.

    Returns:
        The bed, ready.

    Raises:
        BedProblem: it cannot run here, or it did not come up; what it left then is cleaned up by `down`.
    """
    requirements.check()
    build.build(report)
    places = Places.of(name)
    with locked(places):
        state = load(places)
        if state is not None and not (state.alive() and state.tier):
            report(f"cleaning up what an earlier bed {name} left")
            _clean(places, state)
            state = None
        if state is None:
            state = _bear(places)
        bed = Bed(places, state)
        for missing in _missing(state.tier, tier):
            state.tier = None
            save(places, state)
            report(f"starting tier {missing} of bed {name}")
            STEPS[missing](bed)
            state.tier = missing
            save(places, state)
        return bed


def down(name: str) -> bool:
    """End a bed with everything that belongs to it; its logs stay until it comes up again.

    Returns:
        False when there was none.

    Raises:
        BedProblem: something of it could not be ended.
    """
    places = Places.of(name)
    with locked(places):
        state = load(places)
        if state is not None:
            _clean(places, state)
        return state is not None


def _start_api(bed: Bed) -> None:
    api.start(bed)
    api.wait(bed)


def _start_rest(bed: Bed) -> None:
    node.start(bed)
    argo.define(bed)
    argo.start(bed)
    node.wait(bed)
