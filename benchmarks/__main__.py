"""Run every measurement: `python -m benchmarks [--check]`; with --check a missed figure fails."""

from __future__ import annotations

import subprocess
import sys

MEASUREMENTS = tuple(
    f"benchmarks.{name}"
    for name in ("compile_bench", "fold_bench", "startup_bench", "runner_bench", "syncer_bench", "lanes")
)


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
