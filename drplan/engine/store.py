"""The state folder: where everything is, and how it is read and written. One implementation for all files.

    <root>/<namespace>/plans/<plan>.json                 the DRPlan with its status
    <root>/<namespace>/plans/state.lock
    <root>/<namespace>/executions/<name>/execution.json  the DRPlanExecution; the fence is an annotation
                                         snapshot.json   what it runs
                                         workflow-e<epoch>.json
                                         records/<record>.json
                                         configmaps/<name>.json
                                         lanes/<node>/   what is `/lane` in a pod
                                         pods/<node>/    what else a pod has: about, specs, termination messages
                                         logs/<key>.log
                                         state.lock, engine.lock

Every write is a read-modify-write under `flock` on the `state.lock` of its folder (the runner's records take the same
one), with an integer `metadata.resourceVersion`, written aside, synced and renamed: a reader needs no lock and never
sees half a file.
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from drplan.engine.errors import EngineRunning, StateDamaged, StateUnavailable

Object = dict[str, Any]
Change = Callable[[Object], Object | None]
"""Makes the new content of a file from a copy of the old one; None leaves the file as it is."""

STATE_LOCK = "state.lock"
ENGINE_LOCK = "engine.lock"
SUFFIX = ".json"
_BETWEEN_TRIES = 0.05
_LOOKING = 0.1
"""Seconds for which a lock may be held by somebody who only looks whether it is held."""
_DYING = 2.0
"""Seconds for which the lock of a killed engine may be held by a child that it had forked and that is no runner yet."""
_DEAD = frozenset("ZX")
"""States in which the system still lists a process that has ended."""
_ASIDE = ".aside-"
"""Start of the names of files and folders that are not complete yet; no listing shows them."""


def read(path: Path) -> Object | None:
    """Read an object; None when there is no such file.

    Raises:
        StateDamaged: it is no JSON object.
        StateUnavailable: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateUnavailable(path, error) from error
    try:
        return msgspec.json.decode(content, type=Object)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateDamaged(path, f"is no JSON object ({error})") from error


def write(path: Path, value: Object) -> None:
    """Write an object aside, sync it and rename it over the old one; the caller holds the folder's lock.

    Raises:
        StateUnavailable: it cannot be written.
    """
    aside = path.with_name(f"{_ASIDE}{os.getpid()}-{path.name}")
    content = msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(aside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise StateUnavailable(path, error) from error


def update(path: Path, change: Change, *, lock: Path | None = None) -> Object | None:
    """Change an object under a lock; the resourceVersion counts up when something changed.

    Args:
        path: the object's file.
        change: makes the new content.
        lock: folder whose lock is held; that of the file when not given.

    Returns:
        The object as it is afterwards; None when there is none.
    """
    with locked(lock or path.parent):
        return update_locked(path, change)


def update_locked(path: Path, change: Change) -> Object | None:
    """`update` for a caller that holds the lock."""
    before = read(path)
    after = change(copy.deepcopy(before) if before is not None else {})
    if after is None or after == before:
        return before
    count_up(after)
    write(path, after)
    return after


def count_up(value: Object) -> None:
    """Give an object that is about to be written its next resourceVersion."""
    metadata = value.setdefault("metadata", {})
    metadata["resourceVersion"] = str(int(metadata.get("resourceVersion", "0")) + 1)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock that serialises all writes to a folder; it is waited for."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / STATE_LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StateUnavailable(folder / STATE_LOCK, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_folder(path: Path, fill: Callable[[Path], None]) -> bool:
    """Make a folder that is seen whole or not at all; False when there is one of that name.

    Args:
        path: the folder.
        fill: puts its first files into it, while it still has another name.
    """
    aside = path.with_name(f"{_ASIDE}{os.getpid()}-{path.name}")
    try:
        aside.mkdir(parents=True)
        fill(aside)
        os.rename(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        if path.is_dir():
            return False
        raise StateUnavailable(path, error) from error
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return True


def sweep(folder: Path) -> None:
    """Remove folders that a process did not complete before it died; the caller keeps others from making any."""
    for aside in folder.glob(f"{_ASIDE}*"):
        if aside.is_dir() and lock_is_free(aside / ENGINE_LOCK) is not False:
            shutil.rmtree(aside, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class EngineLock:
    """The lock that says which process runs an execution; it ends with the process, however that ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path, execution: str) -> EngineLock:
        """Take it.

        Raises:
            EngineRunning: another process has it.
        """
        path = folder / ENGINE_LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StateUnavailable(path, error) from error
        began = time.monotonic()
        while not _lock_at_once(descriptor):
            waited = time.monotonic() - began
            if waited > _LOOKING and (waited > _DYING or _holder_lives(descriptor)):
                os.close(descriptor)
                raise EngineRunning(execution)
            time.sleep(_BETWEEN_TRIES)
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give it back."""
        os.close(self._descriptor)


def _lock_at_once(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder_lives(descriptor: int) -> bool:
    """Whether the process lives that took a lock last, as far as it can be seen from here."""
    text = os.pread(descriptor, 20, 0)
    if not text.isdigit():
        return False
    try:
        status = Path(f"/proc/{int(text)}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in _DEAD


def lock_is_free(path: Path) -> bool | None:
    """Whether nobody holds the `flock` of a file; None when there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateUnavailable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class ExecutionFolder:
    """Where the files of one execution are."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the execution."""
        return self.path.name

    @property
    def execution(self) -> Path:
        """The DRPlanExecution."""
        return self.path / f"execution{SUFFIX}"

    @property
    def snapshot(self) -> Path:
        """The snapshot."""
        return self.path / f"snapshot{SUFFIX}"

    @property
    def records(self) -> Path:
        """Folder of the DRActionRecords."""
        return self.path / "records"

    @property
    def logs(self) -> Path:
        """Folder of the runners' logs."""
        return self.path / "logs"

    def workflow(self, epoch: int) -> Path:
        """The Argo Workflow of an epoch."""
        return self.path / f"workflow-e{epoch}{SUFFIX}"

    def record(self, name: str) -> Path:
        """A DRActionRecord."""
        return self.records / f"{name}{SUFFIX}"

    def config_map(self, name: str) -> Path:
        """A ConfigMap with specs."""
        return self.path / "configmaps" / f"{name}{SUFFIX}"

    def lane(self, node: str) -> Path:
        """What the containers of a pod share as `/lane`."""
        return self.path / "lanes" / node

    def pod(self, node: str) -> Path:
        """What else a pod has."""
        return self.path / "pods" / node


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The plans and executions of one namespace.

    Attributes:
        root: the state folder.
        namespace: the namespace.
    """

    root: Path
    namespace: str

    @property
    def plans(self) -> Path:
        """Folder of the plans."""
        return self.root / self.namespace / "plans"

    @property
    def executions(self) -> Path:
        """Folder of the executions."""
        return self.root / self.namespace / "executions"

    def plan(self, name: str) -> Path:
        """The file of a plan."""
        return self.plans / f"{name}{SUFFIX}"

    def execution(self, name: str) -> ExecutionFolder:
        """The folder of an execution, existing or not."""
        return ExecutionFolder(self.executions / name)

    def list_executions(self) -> list[ExecutionFolder]:
        """The folders of all executions, by name."""
        try:
            entries = sorted(entry.name for entry in os.scandir(self.executions) if entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateUnavailable(self.executions, error) from error
        return [self.execution(name) for name in entries if not name.startswith(_ASIDE)]
