"""System calls that Python 3.11 has no names for."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 1 << 12, 1 << 14, 1 << 18, 1 << 20
"""Flags of mount(2)."""

NETWORK = 0x40000000
"""Flag of setns(2)."""

NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
"""Flags of unshare(2): mounts, control groups, host name, inter-process communication, process ids, network."""

_LIBC = ctypes.CDLL(None, use_errno=True)


def leave_namespaces() -> None:
    """Leave the machine's namespaces for new ones; that of process ids is for children."""
    _check(_LIBC.unshare(NEW_NAMESPACES), "unshare")


def enter(namespace: int) -> None:
    """Enter a network, given by a descriptor of its namespace, with the calling thread alone."""
    _check(_LIBC.setns(namespace, NETWORK), "setns")


def mount(kind: str, target: Path, *, source: Path | str = "", flags: int = 0, options: str = "") -> None:
    """Mount a file system of a kind, or do what the flags say, as mount(2) does."""
    done = _LIBC.mount(
        os.fsencode(source or kind or "none"),
        os.fsencode(target),
        kind.encode(),
        ctypes.c_ulong(flags),
        options.encode(),
    )
    _check(done, f"mount {kind or source} on {target}")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
