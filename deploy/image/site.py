"""The last layer: our locked wheels and drplan itself, with their bytecode, below `/opt/drplan`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.image.base import ImageError
from deploy.image.bytecode import compile_folder
from deploy.image.layers import Layer, of_folder, pack

HOME = "opt/drplan"
PROGRAMS = {"drplan": "drplan.cli:main", "drplan-runner": "runner.main:main"}
_LAUNCHER = """\
#!/usr/bin/python3.11 -I
import sys
sys.path.insert(0, "/{home}/lib")
from {module} import {function}
sys.exit({function}())
"""


def site_layer(root: Path, *, epoch: int) -> Layer:
    """Make the layer.

    Args:
        root: the checkout.
        epoch: modification time of every file, in seconds.

    Raises:
        ImageError: a wheel cannot be had or built.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        library = home / "lib"
        _install("--require-hashes", "--requirement", str(root / "requirements-runtime.lock"), target=library)
        _install("--no-deps", "--no-build-isolation", str(root), target=library)
        shutil.rmtree(library / "bin", ignore_errors=True)
        _reduce(library)
        compile_folder(library, place=f"{HOME}/lib")
        (home / "bin").mkdir()
        for name, entry in PROGRAMS.items():
            module, _, function = entry.partition(":")
            program = home / "bin" / name
            program.write_text(_LAUNCHER.format(home=HOME, module=module, function=function))
            program.chmod(0o755)
        return pack(of_folder(home, prefix=HOME, epoch=epoch))


def _install(*arguments: str, target: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--upgrade", "--target", str(target)),
        *arguments,
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise ImageError(f"pip install {' '.join(arguments)} failed:\n{made.stderr[-2000:]}")


def _reduce(library: Path) -> None:
    """Drop what is not needed to run, and what differs from build to build."""
    for pattern in ("**/tests", "**/__pycache__", "kubernetes/docs", "kubernetes/e2e_test"):
        for path in list(library.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
    for pattern in (
        "*.dist-info/RECORD",
        "*.dist-info/direct_url.json",
        "*.dist-info/INSTALLER",
        "*.dist-info/REQUESTED",
    ):
        for path in library.glob(pattern):
            path.unlink()
