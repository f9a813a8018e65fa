"""Seeing what others write into an execution's folder: runners their records, commands their annotations.

Every write there is a rename, which changes the folder's own modification time: as long as that stands still, one
`stat` is all that a look costs. The clock of a file system is coarse, so a folder that changed a moment ago is looked
through once more.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from drplan.engine.errors import StateUnavailable
from drplan.engine.store import SUFFIX, Object, read
from syncer.records import Record

_COARSE = 100_000_000
"""Nanoseconds within which two changes may leave the same modification time."""

Stamp = tuple[int, int, int]
_ABSENT: Stamp = (0, 0, 0)


class FileWatch:
    """One object that others change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _ABSENT

    def changed(self) -> Object | None:
        """The object, when it is not the one that was seen last; else None."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        return read(self._path)


class RecordsWatch:
    """The records of an execution.

    Attributes:
        records: all records, by the key of their action.
    """

    def __init__(self, folder: Path) -> None:
        self.records: dict[str, Record] = {}
        self._folder = folder
        self._stamps: dict[str, Stamp] = {}
        self._modified = 0
        self._settled = False

    def look(self) -> bool:
        """Read what has changed; whether anything has."""
        modified = _stamp(self._folder)[0]
        if modified == self._modified and self._settled:
            return False
        self._modified = modified
        self._settled = abs(time.time_ns() - modified) > _COARSE
        changed = False
        for name, stamp in self._scan():
            if self._stamps.get(name) != stamp and (record := read(self._folder / name)) is not None:
                self._stamps[name] = stamp
                self.records[record["spec"]["key"]] = record
                changed = True
        return changed

    def _scan(self) -> list[tuple[str, Stamp]]:
        try:
            with os.scandir(self._folder) as entries:
                return [(entry.name, _of(entry.stat())) for entry in entries if entry.name.endswith(SUFFIX)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateUnavailable(self._folder, error) from error


def _stamp(path: Path) -> Stamp:
    try:
        return _of(path.stat())
    except FileNotFoundError:
        return _ABSENT
    except OSError as error:
        raise StateUnavailable(path, error) from error


def _of(status: os.stat_result) -> Stamp:
    return status.st_mtime_ns, status.st_ino, status.st_size
