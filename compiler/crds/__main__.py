"""Write the CRDs to a folder, or check that the folder holds them: `python -m compiler.crds [--check] [DIR]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from compiler.crds.definitions import files


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 when the check finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m compiler.crds", description="Write the CRDs made from the models.")
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", type=Path, default=Path("crds"), help="default: %(default)s"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the files differ")
    options = parser.parse_args(arguments)
    if options.check:
        differing = different_files(options.folder)
        for path, what in differing.items():
            print(f"{path}: {what}; run `python -m compiler.crds {options.folder}`", file=sys.stderr)
        return 1 if differing else 0
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (options.folder / name).write_text(text, encoding="utf-8")
    return 0


def different_files(folder: Path) -> dict[Path, str]:
    """Return the YAML files of a folder that are not what the generator writes, each with what is wrong with it."""
    expected = files()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml")}
    problems = {}
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            problems[folder / name] = "is missing"
        elif name not in expected:
            problems[folder / name] = "is not generated from any model"
        elif found[name] != expected[name]:
            problems[folder / name] = "differs from the models"
    return problems


if __name__ == "__main__":
    sys.exit(main())
