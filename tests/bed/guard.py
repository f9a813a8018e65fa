"""Waits until a bed that ends with its owner has ended, and removes its control groups and files.

    python -m bed.guard NAME ROOT PID STARTED BOOT

The kernel ends a bed's processes, but folders do not go by themselves, and the owner may have been killed. The last
three arguments are the `Identity` of the bed's first process. It lives outside of the bed, in a session of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bed import lifecycle
from bed.places import Places
from bed.processes import Identity

if __name__ == "__main__":
    name, root, pid, started, boot = sys.argv[1:]
    lifecycle.clean_up_after(Places(name, Path(root)), Identity(int(pid), int(started), boot))
