"""Names one process for as long as the machine runs, so that nobody else's is ever ended in its place.

A process id is used again when its process is gone; with the moment of its start and the boot that it belongs to, it is
not. What is signalled is a descriptor of the process, which cannot come to mean another one between look and blow.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

STARTED_FIELD = 22
"""Of /proc/PID/stat, counted from 1."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One process.

    Attributes:
        pid: its number.
        started: when it started, in clock ticks since the boot.
        boot: the boot's id.
    """

    pid: int
    started: int
    boot: str

    @staticmethod
    def of(pid: int) -> Identity:
        """The identity of the process that has this number now.

        Raises:
            ProcessLookupError: none has it.
        """
        try:
            return Identity(pid, _started(pid), _boot())
        except FileNotFoundError:
            raise ProcessLookupError(pid) from None

    def alive(self) -> bool:
        """Whether the process runs."""
        with self._descriptor() as descriptor:
            return descriptor is not None

    def wait(self) -> None:
        """Wait until the process is gone, for as long as that takes."""
        with self._descriptor() as descriptor:
            if descriptor is not None:
                _ended(descriptor, None)

    def end(self, seconds: float) -> bool:
        """Kill the process and wait until it is gone.

        Returns:
            Whether it is gone by then. Where it is the first of a namespace, all others of it are gone with it.
        """
        with self._descriptor() as descriptor:
            if descriptor is None:
                return True
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            return _ended(descriptor, seconds)

    @contextmanager
    def _descriptor(self) -> Iterator[int | None]:
        """A descriptor of the process; None when it has ended."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        try:
            try:
                same = Identity.of(self.pid) == self and not _ended(descriptor, 0)
            except ProcessLookupError:
                same = False
            yield descriptor if same else None
        finally:
            os.close(descriptor)


def below(keeper: Identity) -> dict[int, str]:
    """All processes that live in the keeper's namespace of process ids: command line by process id."""
    found = {}
    with suppress(FileNotFoundError):
        namespace = os.readlink(f"/proc/{keeper.pid}/ns/pid")
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with suppress(OSError):
                    if os.readlink(folder / "ns/pid") == namespace:
                        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                        # One that has ended has none, though its parent may not have asked for it.
                        if command:
                            found[int(folder.name)] = command.decode(errors="replace").strip()
    return found


def _ended(descriptor: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def _started(pid: int) -> int:
    # The second field is a name in brackets and may itself have spaces and brackets.
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[STARTED_FIELD - 3])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
