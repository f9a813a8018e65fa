"""What is known about a bed that runs, in one JSON file, so that any process can use it and end it.

The file is written before what it tells about is made. So whoever is killed and whenever, what a bed may have left
can be read from it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from bed.places import Places, state_folder
from bed.processes import Identity


class Tier(StrEnum):
    """How much of a bed there is."""

    API = "api"
    """etcd and kube-apiserver: for tests that need no pods."""
    FULL = "full"
    """A node, DNS and Argo Workflows too."""


@dataclass(slots=True)
class State:
    """One bed.

    Attributes:
        corners: its folders in the machine's control groups.
        keeper: its first process, once there is one.
        guard: the process that cleans up after it, where it ends with an owner.
        port: where its API server listens, inside and outside.
        tier: what is ready; None while it is being made.
    """

    corners: list[str] = field(default_factory=list)
    keeper: Identity | None = None
    guard: Identity | None = None
    port: int = 0
    tier: Tier | None = None

    def alive(self) -> bool:
        """Whether the bed's processes run."""
        return self.keeper is not None and self.keeper.alive()


def load(places: Places) -> State | None:
    """What is known about the bed; None when there is none."""
    try:
        value: dict[str, Any] = json.loads(places.state.read_text())
    except FileNotFoundError:
        return None
    keeper, guard, tier = value["keeper"], value.get("guard"), value["tier"]
    return State(
        corners=value["corners"],
        keeper=Identity(**keeper) if keeper else None,
        guard=Identity(**guard) if guard else None,
        port=value["port"],
        tier=Tier(tier) if tier else None,
    )


def save(places: Places, state: State) -> None:
    """Write down what is known, whole or not at all."""
    aside = places.state.with_suffix(".new")
    aside.write_text(json.dumps(asdict(state), indent=2) + "\n")
    aside.rename(places.state)


def names() -> list[str]:
    """The names of all beds that there is a state of."""
    return sorted(path.parent.name for path in state_folder().glob("*/state.json"))


@contextmanager
def locked(places: Places) -> Iterator[None]:
    """Be the only one who changes the bed; waits for whoever does."""
    places.lock.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with places.lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_at(lock.fileno(), places.lock):
                yield
                return


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the file is the one at the path: whoever held a lock may have removed it, and others hold a new one."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
