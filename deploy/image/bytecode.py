"""Bytecode, compiled beforehand: the root of a pod is read-only, and a container that waits must start at once.

It is not checked against its source, and the same source gives the same bytes. Debian's packages compile theirs when
they are installed, which nothing does here, so that of the standard library is a layer of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.image.base import ImageError
from deploy.image.layers import Layer, of_folder, pack, unpack

_LIBRARY = "usr/lib/python3.11"


def compile_folder(folder: Path, *, place: str) -> None:
    """Compile every module in a folder.

    Args:
        folder: the folder.
        place: its path in the image.

    Raises:
        ImageError: a module cannot be compiled.
    """
    command = [
        *(sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"),
        *("-s", str(folder), "-p", f"/{place}", str(folder)),
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise ImageError(f"compileall failed:\n{made.stdout[-2000:]}")


def library_layer(base: Layer, *, epoch: int) -> Layer:
    """Make the layer with the bytecode of the standard library.

    Args:
        base: the layer with its source.
        epoch: modification time of every file, in seconds.

    Raises:
        ImageError: a module cannot be compiled.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder)
        unpack(base, prefix=f"{_LIBRARY}/", target=library, keep=lambda name: name.endswith(".py"))
        compile_folder(library, place=_LIBRARY)
        for source in library.rglob("*.py"):
            source.unlink()
        return pack(of_folder(library, prefix=_LIBRARY, epoch=epoch))
