"""Brings a bed up and takes it down, whatever was there before and whoever was killed on the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

from bed import api, argo, build, cgroups, node, requirements
from bed.certificates import ADMIN, Authority
from bed.client import Bed
from bed.places import Places
from bed.problems import BedProblem
from bed.processes import Identity
from bed.state import State, Tier, load, locked, save

END_SECONDS = 60.0

Report = Callable[[str], None]


def up(name: str, tier: Tier = Tier.FULL, *, owner: int | None = None, report: Report = lambda _: None) -> Bed:
    """Bring a bed up, building what it needs first.

    Args:
        name: the bed's name.
        tier: how much of it; a bed that has less gets the rest, one that has more stays as it is.
        owner: the process that the bed is to end with, should nobody take it down; a bed that is up keeps its own.
        report: gets a line about each step.

    Returns:
        The bed, ready.

    Raises:
        BedProblem: it cannot run here, or it did not come up and is gone again, but for its logs.
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
        if state is not None and state.tier in (tier, Tier.FULL):
            return Bed(places, state)
        report(f"bringing up bed {name}, tier {tier}")
        try:
            return _raise(places, state or _bear(places, owner), tier)
        except BaseException:
            state = load(places)
            if state is not None:
                _clean(places, state)
            raise


def down(name: str, *, keep_logs: bool = True) -> bool:
    """End a bed with everything that belongs to it.

    Args:
        name: the bed's name.
        keep_logs: whether its logs stay until it comes up again.

    Returns:
        False when there was none.

    Raises:
        BedProblem: something of it could not be ended.
    """
    places = Places.of(name)
    if not places.root.exists():
        return False
    with locked(places):
        state = load(places)
        if state is not None:
            _clean(places, state)
        if not keep_logs:
            shutil.rmtree(places.root)
            places.lock.unlink()
        return state is not None


def clean_up_after(places: Places, keeper: Identity) -> None:
    """Wait until a bed's first process has ended, by whatever, and remove what it leaves, unless somebody else does."""
    keeper.wait()
    with locked(places):
        state = load(places)
        if state is not None and state.keeper == keeper:
            # Who is to end as well is this process.
            state.guard = None
            _clean(places, state)


def _bear(places: Places, owner: int | None) -> State:
    """Make the first process of a bed and the files that its programs need."""
    shutil.rmtree(places.root, ignore_errors=True)
    for folder in (places.settings, places.logs):
        folder.mkdir(parents=True)
    places.root.chmod(0o700)
    state = State(corners=[str(tree.corner) for tree in cgroups.hierarchies(places.name)])
    save(places, state)
    log = places.logs / "keeper.log"
    watched = [] if owner is None else [os.pidfd_open(owner)]
    with log.open("w") as errors:
        starter = subprocess.Popen(
            [sys.executable, "-m", "bed.birth", places.name, str(places.root), *map(str, watched)],
            pass_fds=watched,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
    for descriptor in watched:
        os.close(descriptor)
    with starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        born = starter.stdout.readline().split()
        if born:
            state.keeper, state.port = Identity.of(int(born[0])), int(born[1])
            save(places, state)
            starter.stdin.write("go\n")
            starter.stdin.flush()
        if not born or starter.stdout.readline() != "ready\n":
            raise BedProblem(f"the first process of bed {places.name} ended:\n{log.read_text().strip()}")
    assert state.keeper is not None
    if owner is not None:
        state.guard = _guard(places, state.keeper)
        save(places, state)
    authority = Authority(places.certificates)
    authority.make()
    places.kubeconfig.touch(0o600)
    places.kubeconfig.write_text(authority.kubeconfig(ADMIN, state.port))
    return state


def _guard(places: Places, keeper: Identity) -> Identity:
    """Start the process that cleans up after a bed that ends with its owner, when nobody is there to do it."""
    return Identity.of(
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-m", "bed.guard", places.name, str(places.root), *map(str, astuple(keeper))],
            _environment(),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(places.logs / "guard.log"), os.O_WRONLY | os.O_CREAT, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
    )


def _environment() -> dict[str, str]:
    """What the bed's programs inherit: nothing that a developer may have set for other programs."""
    return {
        "PATH": requirements.SYSTEM_PATH,
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "HOME": "/root",
        "LANG": "C.UTF-8",
    }


def _raise(places: Places, state: State, tier: Tier) -> Bed:
    """Bring a bed to a tier that it has not reached."""
    bed = Bed(places, state)
    state.tier = None
    save(places, state)
    _start(bed, tier)
    state.tier = tier
    save(places, state)
    return bed


def _start(bed: Bed, tier: Tier) -> None:
    api.start(bed)
    if tier is Tier.FULL:
        # Takes as long as the API server takes to be ready.
        node.start_runtime(bed)
    api.wait(bed)
    if tier is Tier.FULL:
        node.start(bed)
        argo.define(bed)
        argo.start(bed)
        node.wait(bed)
    for name, program in bed.programs().items():
        if program["exit"] is not None:
            raise BedProblem(f"{name} ended with {program['exit']}:\n{bed.log_tail(name)}")


def _clean(places: Places, state: State) -> None:
    if state.guard is not None:
        # It would wait for the lock, and whoever looks for what is left would find it.
        state.guard.end(END_SECONDS)
    if state.keeper is not None and not state.keeper.end(END_SECONDS):
        raise BedProblem(
            f"bed {places.name} has not ended {END_SECONDS:.0f} s after its first process {state.keeper.pid} was"
            " killed: `ps -ef` tells what hangs; run `down` again"
        )
    left = cgroups.remove([Path(corner) for corner in state.corners])
    if left:
        raise BedProblem(f"these control groups could not be removed: {', '.join(map(str, left))}; run `down` again")
    shutil.rmtree(places.run)
    places.state.unlink()
