"""Write the chart's templates and the definitions of kustomize's base: `python -m deploy.chart [--check]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from drplan.install.kustomize import DEFINITIONS

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "deploy" / "helm" / "drplan" / "templates"
BASE = ROOT / "deploy" / "syncer"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 when the check finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m deploy.chart", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the files differ")
    check = parser.parse_args(arguments).check
    differing = _settle({BASE / DEFINITIONS: _definitions()}, check=check)

    # Read when the definitions are as they should be.
    from deploy.chart.templates import files

    differing += _settle({TEMPLATES / name: text for name, text in files().items()}, check=check)
    for path in differing:
        print(f"{path.relative_to(ROOT)} is out of date; run `python -m deploy.chart`", file=sys.stderr)
    return 1 if differing else 0


def _definitions() -> str:
    """All kinds in one file below the base: kustomize reads no file that lies elsewhere."""
    return "".join(f"---\n{path.read_text(encoding='utf-8')}" for path in sorted((ROOT / "crds").glob("*.yaml")))


def _settle(wanted: dict[Path, str], *, check: bool) -> list[Path]:
    """Write what differs, or return it."""
    differing = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        return differing
    for path in differing:
        path.write_text(wanted[path], encoding="utf-8")
    return []


if __name__ == "__main__":
    sys.exit(main())
