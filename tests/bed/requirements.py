"""What a machine must have to run a bed, checked before anything is begun.

Programs are looked for by name where root finds them, and missing ones are told by the Debian package that brings them:
`make install-bed` installs exactly `PACKAGES`.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from bed.problems import CannotRun

CNI_FOLDER = Path("/usr/lib/cni")
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")

COMMANDS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "nsenter": "util-linux",
    "mount": "mount",
    # What the bed's pods run is made with it.
    "mmdebstrap": "mmdebstrap",
}
PACKAGES = sorted({*COMMANDS.values(), "containernetworking-plugins"})

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

CAPABILITY_NET_ADMIN, CAPABILITY_SYS_ADMIN = 12, 21

SYSTEM_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/sbin", "/bin"))
"""PATH with the folders of the administrator, which not every root has there."""

OTHER_WAY = (
    "Where Docker is, run the tests of a cluster on kind instead: make test-kind KIND=/path/to/kind\n"
    "The quick tests need neither: make test-fast"
)


def command(name: str) -> str:
    """The path of a program of the system.

    Raises:
        CannotRun: it is not installed.
    """
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise CannotRun(f"{name} is not installed: run `make install-bed`")
    return found


def architecture() -> str:
    """This machine's architecture as images name it."""
    return ARCHITECTURES[platform.machine()]


def lacking() -> list[str]:
    """What this machine lacks, a phrase each; nothing when a bed can run."""
    if sys.platform != "linux":
        return [f"a Linux kernel (this is {sys.platform})"]
    phrases = []
    if platform.machine() not in ARCHITECTURES:
        phrases.append(f"a processor that is one of {', '.join(ARCHITECTURES)} (this is {platform.machine()})")
    if os.geteuid() != 0:
        phrases.append("root (try `sudo -E make …`)")
    elif not _may_make_namespaces():
        phrases.append("the right to make namespaces and interfaces (CAP_SYS_ADMIN and CAP_NET_ADMIN)")
    packages = missing_packages()
    if packages:
        phrases.append(f"the Debian packages {' '.join(packages)} (run `make install-bed`)")
    return phrases


def check() -> None:
    """Raise `CannotRun` with everything that is missing, and the other way."""
    phrases = lacking()
    if phrases:
        raise CannotRun(f"the test bed cannot run here, it needs {'; and '.join(phrases)}.\n{OTHER_WAY}")


def _may_make_namespaces() -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            effective = int(line.split()[1], 16)
            return all(effective >> capability & 1 for capability in (CAPABILITY_NET_ADMIN, CAPABILITY_SYS_ADMIN))
    return False


def missing_packages() -> list[str]:
    """The Debian packages that bring what is not there."""
    missing = {package for name, package in COMMANDS.items() if shutil.which(name, path=SYSTEM_PATH) is None}
    if not all((CNI_FOLDER / plugin).exists() for plugin in CNI_PLUGINS):
        missing.add("containernetworking-plugins")
    return sorted(missing)
