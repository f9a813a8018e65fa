"""A bed's own corner of the machine's control groups: every process of the bed lives in it, and it goes with the bed.

On cgroup v1 the corner is a folder below whatever group the starter is in, one in each hierarchy, so that the limits
that hold for the starter hold for its bed. On v2 it is a folder below the root, because only the root may have both
processes and children with controllers. Inside the bed a namespace makes the corner look like the whole tree.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/sys/fs/cgroup")
REMOVAL_SECONDS = 10.0
LEAF = "keeper"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One tree of control groups that is mounted.

    Attributes:
        mount: where.
        options: what `mount -o` needs to mount it again; empty for version 2.
        corner: the bed's folder in it.
    """

    mount: Path
    options: str
    corner: Path


def hierarchies(name: str) -> list[Hierarchy]:
    """The trees of this machine, with the corner that a bed of this name started by this process gets in each."""
    corner = f"drplan-bed-{name}"
    own = _own_groups()
    found = []
    for mount, kind, options in _mounted():
        if kind == "cgroup2" and mount == MOUNTS:
            return [Hierarchy(mount, "", mount / corner)]
        controllers = next((names for names in own if names and set(names.split(",")) <= set(options)), None)
        if kind == "cgroup" and controllers is not None:
            found.append(Hierarchy(mount, controllers, mount / own[controllers].lstrip("/") / corner))
    return found


def join(trees: Sequence[Hierarchy]) -> None:
    """Make the corners and move this process into them."""
    for tree in trees:
        tree.corner.mkdir(exist_ok=True)
        for knob in ("cpuset.cpus", "cpuset.mems"):
            if (tree.corner / knob).exists() and tree.options:
                # An empty set lets nobody in.
                (tree.corner / knob).write_text((tree.corner.parent / knob).read_text())
        if not tree.options:
            _enable_controllers(tree.mount)
        (tree.corner / "cgroup.procs").write_text(str(os.getpid()))


def settle(mount: Path) -> None:
    """Inside the bed, on version 2: move this process to a leaf, and let the root's children have controllers."""
    leaf = mount / LEAF
    leaf.mkdir()
    (leaf / "cgroup.procs").write_text("0")
    _enable_controllers(mount)


def remove(corners: Sequence[Path]) -> list[Path]:
    """Remove the corners, whose processes have ended, with all groups below them.

    Returns:
        What could not be removed in time.
    """
    deadline = time.monotonic() + REMOVAL_SECONDS
    left = [corner for corner in corners if corner.exists()]
    while left and time.monotonic() < deadline:
        for corner in left:
            _remove_tree(corner)
        left = [corner for corner in left if corner.exists()]
        if left:
            time.sleep(0.05)
    return left


def _remove_tree(corner: Path) -> None:
    for folder, _, _ in os.walk(corner, topdown=False):
        try:
            os.rmdir(folder)
        except OSError as error:
            # A group stays busy for a moment after its last process has ended.
            if error.errno not in (errno.EBUSY, errno.ENOENT):
                raise


def _enable_controllers(group: Path) -> None:
    for controller in (group / "cgroup.controllers").read_text().split():
        with suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _own_groups() -> dict[str, str]:
    """This process's group by the names of a hierarchy's controllers, as /proc writes them; version 2 has no name."""
    groups = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups[controllers] = path
    return groups


def _mounted() -> list[tuple[Path, str, list[str]]]:
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            found.append((Path(fields.split(" ")[4]), kind, options.split(",")))
    return found
