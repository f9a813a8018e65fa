"""Run every measurement: `python -m benchmarks [--check]`; with --check a missed figure fails."""

from __future__ import annotations

import subprocess
import sys

MEASUREMENTS = ("benchmarks.compile_bench", "benchmarks.fold_bench", "benchmarks.startup_bench", "benchmarks.lanes")


def main() -> int:
    """Run them one after the other, so that none disturbs another."""
    failed = [
        name
        for name in MEASUREMENTS
        if subprocess.run([sys.executable, "-m", name, *sys.argv[1:]], check=False).returncode
    ]
    for name in failed:
        print(f"{name}: a figure is missed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
