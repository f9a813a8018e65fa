"""Makes the bed's first process: one that has left the machine's namespaces for new ones, and becomes the keeper.

    python -m bed.birth NAME ROOT [OWNER]

It talks with whoever started it over its standard input and output, a line each: it prints the keeper's process id,
as the machine sees it, and the port that it listens on; it waits for any answer, so that the starter has time to
write both down; then it makes the surroundings and prints a last line. A starter that dies before it has answered
leaves nothing.

What programs write outside of the bed's own folder goes to memory that ends with the bed: `/run`, and a layer over
`/var`.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bed import cgroups, network
from bed.cgroups import Hierarchy
from bed.keeper import Keeper
from bed.kernel import MS_BIND, MS_PRIVATE, MS_REC, MS_SHARED, leave_namespaces, mount
from bed.places import Places
from bed.problems import BedProblem

PORTS = range(16443, 16943)
"""Where the API servers of beds listen; below the ports that the kernel hands out."""


TUNABLES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What kubelet wants of the kernel, and is shown: what differs it would set, for the whole machine and for good."""


def main() -> None:
    """Become the keeper of the bed that the command line names.

    Its files lie below the root. The owner is an open descriptor of the process that the bed is to end with.
    """
    name, root, *owner = sys.argv[1:]
    places = Places(name, Path(root))
    trees = cgroups.hierarchies(places.name)
    outside = _listen()
    cgroups.join(trees)
    leave_namespaces()
    child = os.fork()
    if child:
        print(child, outside.getsockname()[1], flush=True)
        os._exit(0)
    if not sys.stdin.readline():
        os._exit(1)
    _furnish(places, trees)
    keeper = Keeper(places, outside, owner=int(owner[0]) if owner else None)
    print("ready", flush=True)
    _let_go_of_starter(places.logs / "keeper.log")
    keeper.serve()


def _listen() -> socket.socket:
    """A socket on the machine's loopback address, made before its network is left."""
    for port in PORTS:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
            return listener
        listener.close()
    raise BedProblem(f"all ports from {PORTS.start} to {PORTS.stop - 1} are taken")


def _furnish(places: Places, trees: Sequence[Hierarchy]) -> None:
    own = os.open(places.root, os.O_PATH)
    # Nothing travels back to the machine, and everything travels on to the containers.
    mount("", Path("/"), flags=MS_REC | MS_PRIVATE)
    mount("", Path("/"), flags=MS_REC | MS_SHARED)
    # Both show the namespaces of the process that mounts them.
    mount("proc", Path("/proc"))
    mount("sysfs", Path("/sys"))
    _mount_cgroups(trees)
    mount("tmpfs", Path("/run"), options="mode=755")
    upper, work = Path("/run/bed/var"), Path("/run/bed/work")
    upper.mkdir(parents=True)
    work.mkdir()
    mount("overlay", Path("/var"), options=f"lowerdir=/var,upperdir={upper},workdir={work}")
    for name, value in TUNABLES.items():
        shown = Path("/run/bed") / name.replace("/", ".")
        shown.write_text(value)
        mount("", Path("/proc/sys") / name, source=shown, flags=MS_BIND)
    # The bed's own folder may lie below one of them, and containerd needs it as it is.
    places.root.mkdir(parents=True, exist_ok=True)
    mount("", places.root, source=f"/proc/self/fd/{own}", flags=MS_BIND)
    os.close(own)
    socket.sethostname(f"bed-{places.name}")
    network.make()


def _mount_cgroups(trees: Sequence[Hierarchy]) -> None:
    if all(tree.options for tree in trees):
        mount("tmpfs", cgroups.MOUNTS, options="mode=755")
        for tree in trees:
            tree.mount.mkdir()
            mount("cgroup", tree.mount, options=tree.options)
            for controller in tree.options.split(","):
                # Programs look for a controller by its own name also where several share a hierarchy.
                link = cgroups.MOUNTS / controller
                if "=" not in controller and not link.exists():
                    link.symlink_to(tree.mount.name)
    else:
        mount("cgroup2", cgroups.MOUNTS)
        cgroups.settle(cgroups.MOUNTS)


def _let_go_of_starter(log: Path) -> None:
    """Give the starter's standard streams back, so that nobody waits for the bed to close them."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)


if __name__ == "__main__":
    main()
