"""The first layer: Debian's python3.11 with what it needs to speak TLS and make certificates, and little else.

Made by `mmdebstrap` from Debian's own packages, without running anything in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.image.layers import Layer, pack, rewritten

SUITE = "bookworm"
PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib", "ca-certificates", "openssl", "tzdata")
_DROPPED = (
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/share/lintian/",
    "usr/share/bash-completion/",
    "usr/share/perl5/",
    "usr/lib/x86_64-linux-gnu/perl",
    "usr/lib/x86_64-linux-gnu/gconv/",
    "usr/share/zoneinfo/right/",
    "var/cache/",
    "var/lib/apt/",
    "var/log/",
    "tmp/",
    "dev/",
    "usr/lib/python3.11/lib2to3/",
    "usr/lib/python3.11/pydoc_data/",
    "usr/lib/python3.11/idlelib/",
    "usr/lib/python3.11/ensurepip/",
    "usr/lib/python3.11/test/",
)


class ImageError(Exception):
    """The image cannot be made; the message says what is missing."""


def base_layer(*, epoch: int) -> Layer:
    """Make the layer.

    Args:
        epoch: modification time of every file, in seconds.

    Raises:
        ImageError: mmdebstrap is missing or fails.
    """
    if shutil.which("mmdebstrap") is None:
        raise ImageError("mmdebstrap is missing; install it with `make install-bed` or `apt-get install mmdebstrap`")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "root.tar")
        command = ["mmdebstrap", "--variant=extract", f"--include={','.join(PACKAGES)}", SUITE, str(archive)]
        made = subprocess.run(
            command, env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}, capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise ImageError(f"{' '.join(command[:2])} failed:\n{made.stderr[-2000:]}")
        return pack(rewritten(archive, keep=_kept, epoch=epoch))


def _kept(name: str) -> bool:
    return not name.startswith(_DROPPED) and not name.endswith((".pyc", "~"))
