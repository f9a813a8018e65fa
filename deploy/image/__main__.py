"""Make the image: `python -m deploy.image [--output FILE]`."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

from deploy.image.archive import write
from deploy.image.base import ImageError, base_layer
from deploy.image.bytecode import library_layer
from deploy.image.site import HOME, site_layer

ROOT = Path(__file__).parents[2]
EPOCH = 1_767_225_600
"""Time of every file in the image: 2026-01-01, so that the same content gives the same bytes."""


def main() -> int:
    """Make it, and say where it lies and how large it is."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("dist/drplan-image.tar"))
    output = parser.parse_args().output
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    name = f"drplan-runner:{version}"
    try:
        base = base_layer(epoch=EPOCH)
        layers = [base, library_layer(base, epoch=EPOCH), site_layer(ROOT, epoch=EPOCH)]
    except ImageError as problem:
        print(problem, file=sys.stderr)
        return 4
    output.parent.mkdir(parents=True, exist_ok=True)
    write(output, layers, name=f"docker.io/library/{name}", version=version, home=HOME, epoch=EPOCH)
    print(f"{output}: {name}, {output.stat().st_size / 1e6:.1f} MB compressed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
