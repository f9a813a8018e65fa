"""How long the programs take to start, over an empty `python -c pass` in the same run.

Interleaved, the median of several; milliseconds of wall time on an otherwise idle machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PLAN = Path(__file__).parent.parent / "examples" / "demo" / "plan" / "drplan.yaml"
ROUNDS = 21
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Programs start from cached bytecode, as they do wherever they are installed."""
EMPTY = [sys.executable, "-c", "pass"]

CASES = {
    "drplan --help": ([sys.executable, "-m", "drplan", "--help"], 120.0),
    "drplan validate, one file": ([sys.executable, "-m", "drplan", "validate", "-f", str(PLAN)], 200.0),
    "drplan-runner, spec read": ([sys.executable, "-m", "runner", "s1.w1.a1", "--spec={}", "--lane=/dev/null"], 120.0),
}


def once(command: list[str], folder: str) -> float:
    """Wall time of one process in milliseconds."""
    start = time.perf_counter()
    subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, cwd=folder, env=ENVIRONMENT
    )
    return (time.perf_counter() - start) * 1000


def main() -> int:
    """Measure, print, and with --check fail when a figure is missed."""
    times: dict[str, list[float]] = {name: [] for name in ["", *CASES]}
    repository = str(Path(__file__).parent.parent)
    for command, _ in CASES.values():
        once(command, repository)
    for _ in range(ROUNDS):
        times[""].append(once(EMPTY, repository))
        for name, (command, _) in CASES.items():
            times[name].append(once(command, repository))
    empty = statistics.median(times[""])
    figures = {name: statistics.median(times[name]) - empty for name in CASES}
    print(f"{'start-up over an empty python':<36}{'ms':>8}{'limit':>8}")
    for name, (_, limit) in CASES.items():
        print(f"{name:<36}{figures[name]:>8.1f}{limit:>8.0f}{'' if figures[name] <= limit else '  missed'}")
    print(json.dumps({"empty_ms": round(empty, 1), **{name: round(value, 1) for name, value in figures.items()}}))
    missed = any(figures[name] > limit for name, (_, limit) in CASES.items())
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
