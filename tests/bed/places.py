"""Where a bed keeps its files: what was built in the cache, what runs in the state folder, nothing in the checkout."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from bed.problems import BedProblem

NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
LONGEST_SOCKET_PATH = 107


def cache_folder() -> Path:
    """The folder of what was built and can be built again."""
    return _base("XDG_CACHE_HOME", ".cache") / "drplan-bed"


def state_folder() -> Path:
    """The folder of the beds that run; each has one below it."""
    return _base("XDG_STATE_HOME", ".local/state") / "drplan-bed"


def _base(variable: str, default: str) -> Path:
    given = os.environ.get(variable, "")
    return Path(given) if Path(given).is_absolute() else Path.home() / default


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one bed.

    Attributes:
        name: the bed's name.
        root: the folder that holds everything below.
    """

    name: str
    root: Path

    @staticmethod
    def of(name: str) -> Places:
        """The places of the bed of this name.

        Raises:
            BedProblem: the name is not one, or the state folder's path is too long for a socket.
        """
        if not NAME_PATTERN.fullmatch(name):
            raise BedProblem(f"a bed's name is 1 to 40 of a-z, 0-9 and '-', with no '-' at its ends, not {name!r}")
        places = Places(name, state_folder() / name)
        if len(os.fsencode(places.containerd_socket)) > LONGEST_SOCKET_PATH:
            raise BedProblem(
                f"{places.containerd_socket} is longer than the {LONGEST_SOCKET_PATH} bytes that a socket's path may"
                " have: use a shorter name, or a shorter XDG_STATE_HOME"
            )
        return places

    @property
    def lock(self) -> Path:
        """The file that whoever changes the bed holds locked."""
        return self.root.with_name(f".{self.name}.lock")

    @property
    def state(self) -> Path:
        """What is known about the bed that runs; absent when there is none."""
        return self.root / "state.json"

    @property
    def run(self) -> Path:
        """What lives as long as the bed."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """A log file a program; kept until the next start."""
        return self.root / "log"

    @property
    def audit_log(self) -> Path:
        """The API server's record of what service accounts asked for, a JSON object a line."""
        return self.logs / "audit.log"

    @property
    def certificates(self) -> Path:
        """The bed's authority, and what it issued."""
        return self.run / "certificates"

    @property
    def settings(self) -> Path:
        """Configuration files of the programs."""
        return self.run / "settings"

    @property
    def keeper_socket(self) -> Path:
        """Where the keeper listens."""
        return self.run / "keeper.sock"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.run / "containerd.sock"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's credentials, usable inside the bed's network and outside."""
        return self.run / "kubeconfig"
