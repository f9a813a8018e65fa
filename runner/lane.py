"""The folder that the containers of a lane share: who lives, and what came out.

A runner holds `flock` on `<key>.lock` from its first moment to its last, and leaves `<key>.json` as the last thing it
does. So a lock that is free beside no result means that its runner died, and nobody has to be asked.
`<key>.turn` says that it is not waiting any more: whoever comes next may get ready. Nothing else follows from it.
All files appear whole: they are written aside and renamed or linked.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from enum import Enum

from runner import vocabulary as words
from runner.naming import workflow_of
from runner.result import Result, compact


class Lock(Enum):
    """State of an action's lock: its runner has not started, lives, or has ended."""

    ABSENT = "absent"
    HELD = "held"
    FREE = "free"


class Lane:
    """A lane's folder.

    Attributes:
        folder: path of the folder.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._held: int | None = None
        self._read: dict[str, Result] = {}

    @property
    def name(self) -> str:
        """Name of the folder: what the local engine calls the pod."""
        return os.path.basename(os.path.abspath(self.folder))

    def lock(self, key: str, wait: Callable[[], None]) -> None:
        """Take an action's lock and keep it until this process ends; `wait` is called between two tries."""
        path = self._path(key + words.LOCK_SUFFIX)
        if not os.path.exists(path):
            self._create_locked(path)
        if self._held is None:
            self._held = os.open(path, os.O_RDWR)
        while not _try_lock(self._held, fcntl.LOCK_EX):
            wait()

    def _create_locked(self, path: str) -> None:
        # Linked into place only when it is locked: a lock file that is seen free means a dead runner.
        aside = self._aside(path)
        held = os.open(aside, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            os.link(aside, path)
            self._held = held
        except FileExistsError:
            os.close(held)
        finally:
            os.unlink(aside)

    def lock_of(self, key: str) -> Lock:
        """Look at another action's lock."""
        try:
            probe = os.open(self._path(key + words.LOCK_SUFFIX), os.O_RDWR)
        except FileNotFoundError:
            return Lock.ABSENT
        try:
            return Lock.FREE if _try_lock(probe, fcntl.LOCK_SH) else Lock.HELD
        finally:
            os.close(probe)

    def result(self, key: str) -> Result | None:
        """Read an action's result; None when there is none yet."""
        if key not in self._read:
            try:
                with open(self._path(key + words.RESULT_SUFFIX), encoding="utf-8") as file:
                    self._read[key] = Result.from_json(json.load(file))
            except FileNotFoundError:
                return None
        return self._read[key]

    def results(self, use: str) -> dict[str, Result]:
        """Read all results of one workflow use that are there."""
        found: dict[str, Result] = {}
        for name in self.listing():
            key = name.removesuffix(words.RESULT_SUFFIX)
            if key != name and workflow_of(key) == use and (result := self.result(key)):
                found[key] = result
        return found

    def listing(self) -> frozenset[str]:
        """Names of all files that are there: what has not changed need not be read again."""
        return frozenset(os.listdir(self.folder))

    def leave(self, result: Result) -> None:
        """Write an action's result."""
        self.write(result.key + words.RESULT_SUFFIX, compact(result.to_json()))

    def mark_turn(self, key: str) -> None:
        """Let the others know that an action is not waiting any more."""
        self.write(key + words.TURN_SUFFIX, "")

    def write(self, name: str, text: str) -> None:
        """Write a file so that it is seen whole or not at all."""
        path = self._path(name)
        aside = self._aside(path)
        with open(aside, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(aside, path)

    def holder(self) -> str:
        """Identity of this lane, made once: a restarted container has it again, another pod never."""
        path = self._path(words.LANE_HOLDER)
        if not os.path.exists(path):
            import uuid

            aside = self._aside(path)
            with open(aside, "w", encoding="ascii") as file:
                file.write(str(uuid.uuid4()))
            try:
                os.link(aside, path)
            except FileExistsError:
                pass  # another runner of the lane was first, and its identity counts
            finally:
                os.unlink(aside)
        with open(path, encoding="ascii") as file:
            return file.read().strip()

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _aside(self, path: str) -> str:
        # In a pod every container has process 1 or so: the name needs more than the process id.
        return os.path.join(self.folder, f".{os.path.basename(path)}.{os.getpid()}.{os.urandom(4).hex()}")


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
