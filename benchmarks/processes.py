"""What a process costs, as the kernel tells it: CPU so far, and memory."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_so_far(pid: int) -> float:
    """Seconds of CPU of a process that runs, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(pid: int) -> Mapping[str, float]:
    """Memory of a process in MiB, by the kernel's names for its kinds (`Rss`, `Pss`, …)."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(size) / 1024 for name, size in re.findall(r"^(\w+): +(\d+) kB$", told, re.MULTILINE)}


def load() -> float:
    """How many processes want to run, on average of the last minute: where they are many, the wall's times are long."""
    return os.getloadavg()[0]
