"""Layers: tar archives whose bytes depend on their content alone, and the digests that OCI wants of them.

Entries are sorted, owned by root, and as old as the epoch that is given.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_COMPRESSION = 9


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of an image.

    Attributes:
        packed: gzip of the tar archive.
        diff_id: digest of the tar archive.
    """

    packed: bytes
    diff_id: str

    @property
    def digest(self) -> str:
        """Digest of the packed layer."""
        return digest(self.packed)


def digest(data: bytes) -> str:
    """SHA-256 as OCI writes it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def pack(archive: bytes) -> Layer:
    """Make a layer of a tar archive."""
    return Layer(gzip.compress(archive, _COMPRESSION, mtime=0), digest(archive))


def of_folder(folder: Path, *, prefix: str, epoch: int) -> bytes:
    """Archive a folder.

    Args:
        folder: the folder.
        prefix: where it lies in the image, without a leading slash.
        epoch: modification time of every entry, in seconds.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for parent in _parents(prefix):
            archive.addfile(_normal(_directory(parent), epoch))
        for path in sorted(folder.rglob("*")):
            name = f"{prefix}/{path.relative_to(folder)}"
            entry = _normal(archive.gettarinfo(path, name), epoch)
            if entry.isreg():
                with path.open("rb") as file:
                    archive.addfile(entry, file)
            else:
                archive.addfile(entry)
    return buffer.getvalue()


def rewritten(source: Path, *, keep: Callable[[str], bool], epoch: int) -> bytes:
    """Archive what another archive holds, less what is not kept, in a fixed order.

    Args:
        source: the other archive.
        keep: whether an entry of this name is kept.
        epoch: modification time of every entry, in seconds.
    """
    buffer = io.BytesIO()
    with (
        tarfile.open(source) as old,
        tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for entry in sorted(_kept(old, keep), key=lambda each: each.name):
            entry.mtime, entry.uname, entry.gname, entry.pax_headers = epoch, "", "", {}
            archive.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
    return buffer.getvalue()


def unpack(layer: Layer, *, prefix: str, target: Path, keep: Callable[[str], bool]) -> None:
    """Write regular files of a layer into a folder.

    Args:
        layer: the layer.
        prefix: what their names begin with; it is left out.
        target: the folder.
        keep: whether a file of this name is wanted.
    """
    with tarfile.open(fileobj=io.BytesIO(layer.packed), mode="r:gz") as archive:
        for entry in archive:
            name = entry.name.removeprefix("./")
            content = archive.extractfile(entry) if entry.isreg() and name.startswith(prefix) and keep(name) else None
            if content is not None:
                path = target / name.removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


def _kept(archive: tarfile.TarFile, keep: Callable[[str], bool]) -> Iterator[tarfile.TarInfo]:
    for entry in archive:
        if keep(entry.name.removeprefix("./")) and not entry.isdev():
            yield entry


def _parents(prefix: str) -> Iterator[str]:
    parts = prefix.split("/")
    for length in range(1, len(parts) + 1):
        yield "/".join(parts[:length])


def _directory(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    return entry


def _normal(entry: tarfile.TarInfo, epoch: int) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = epoch
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
