"""The bed's network: addresses that exist in its namespace alone, hence the same in every bed.

There is no route out of it: what runs in a bed reaches the bed and nothing else, and with the bed it is gone. The
node's address sits on a bridge of its own, since kubelet refuses a loopback address and not every kernel has dummy
devices.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from bed.requirements import command

NODE_ADDRESS = "10.99.0.1"
NODE_BRIDGE = "bednode"
POD_BRIDGE = "bedpods"
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"


def make() -> None:
    """Make the interfaces, from inside the namespace."""
    commands = (
        ("link", "set", "lo", "up"),
        ("link", "add", NODE_BRIDGE, "type", "bridge"),
        ("address", "add", f"{NODE_ADDRESS}/32", "dev", NODE_BRIDGE),
        ("link", "set", NODE_BRIDGE, "up"),
        # Nobody is asked for these, kube-proxy turns them into others; but without a route they are not even sent.
        ("route", "add", SERVICE_RANGE, "dev", NODE_BRIDGE),
    )
    for arguments in commands:
        subprocess.run([command("ip"), *arguments], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def pod_network() -> dict[str, Any]:
    """The CNI configuration that gives pods their interfaces."""
    return {
        "cniVersion": "1.0.0",
        "name": "bed",
        "plugins": [
            {
                "type": "bridge",
                "bridge": POD_BRIDGE,
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": POD_RANGE}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
