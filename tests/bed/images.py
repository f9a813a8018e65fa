"""Images without a registry: archives of what was built, and how any archive gets onto the node."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bed.build import folder, program
from bed.places import Places
from bed.problems import BedProblem
from bed.requirements import architecture, command
from bed.versions import ARGO, PAUSE, TOOL_OF_PROGRAM

NAMESPACE = "k8s.io"
"""Where containerd keeps what is Kubernetes'."""

LISTINGS = ("manifest.json", "index.json")
"""Files of an archive: Docker's, and that of an OCI layout. Newer Dockers write both."""
NAME_NOTES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
"""Annotations of a manifest that hold the image's name, the one that counts first."""

IMPORTED = re.compile(r"^unpacking (\S+) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ProgramImage:
    """An image of one program and nothing else.

    Attributes:
        name: what pods call it.
        program: the program, which is the entry point too.
        path: where it lies in the image.
    """

    name: str
    program: str
    path: str

    def archive(self) -> Path:
        """The image's archive, written beside the program when it is asked for first."""
        path = folder(TOOL_OF_PROGRAM[self.program]) / f"{self.program}.tar"
        if not path.exists():
            aside = path.with_suffix(f".{os.getpid()}")
            self._write(aside)
            aside.rename(path)
        return path

    def _write(self, path: Path) -> None:
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as archive:
            entry = tarfile.TarInfo(self.path.lstrip("/"))
            entry.mode = 0o755
            content = program(self.program).read_bytes()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        config = {
            "architecture": architecture(),
            "os": "linux",
            "config": {"Entrypoint": [self.path], "Env": ["PATH=/bin:/usr/bin"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer.getbuffer()).hexdigest()]},
        }
        manifest = [{"Config": "config.json", "RepoTags": [self.name], "Layers": ["layer.tar"]}]
        files = {
            "layer.tar": layer.getvalue(),
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(manifest).encode(),
        }
        with tarfile.open(path, mode="w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


PAUSE_IMAGE = ProgramImage(f"bed.local/pause:{PAUSE}", "pause", "/pause")
EXECUTOR_IMAGE = ProgramImage(f"bed.local/argoexec:{ARGO}", "argoexec", "/bin/argoexec")


def load(places: Places, archive: Path) -> list[str]:
    """Bring an archive's images onto the node.

    Args:
        places: the bed's.
        archive: as `docker save` writes it, or an OCI layout in a tar file.

    Returns:
        The names of the images.

    Raises:
        BedProblem: it is no such archive, or its names are not those that a node would look for.
    """
    if not archive.is_file():
        raise BedProblem(f"there is no image archive {archive}")
    _check_names(archive)
    done = subprocess.run(
        [*_ctr(places), "images", "import", "--all-platforms", str(archive)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    names = IMPORTED.findall(done.stdout)
    if done.returncode or not names:
        raise BedProblem(f"{archive} cannot be loaded: {(done.stderr or done.stdout).strip() or 'it names no image'}")
    return names


def names_in(archive: Path) -> set[str]:
    """The names of the images in an archive, whichever of the two forms it has; none when it has neither."""
    found: set[str] = set()
    for listing in _listings(archive):
        if isinstance(listing, list):
            found.update(name for image in listing for name in image.get("RepoTags") or ())
        else:
            found.update(filter(None, map(_name_noted, listing.get("manifests", ()))))
    return found


def _check_names(archive: Path) -> None:
    """Refuse names that a node would not find, nor anything else of the same content then.

    The node looks for a name without a host at a registry, under a longer name; `docker save` is known to mean that.
    """
    indexes = [listing for listing in _listings(archive) if not isinstance(listing, list)]
    names = [_name_noted(manifest) for index in indexes for manifest in index.get("manifests", ())]
    bare = [name for name in names if name and not _has_host(name)]
    if bare and len(indexes) == len(_listings(archive)):
        raise BedProblem(
            f"{archive} names its images {', '.join(bare)}, and a node looks for such a name at a registry: begin the"
            " name in the archive with a host, as in drplan.local/runner:dev"
        )


def _listings(archive: Path) -> list[Any]:
    """What an archive has to say about its images: a list as Docker writes it, the index of an OCI layout, or both."""
    try:
        with tarfile.open(archive) as opened:
            entries = {entry.name.removeprefix("./"): entry for entry in opened}
            listings = [opened.extractfile(entries[name]) for name in LISTINGS if name in entries]
            return [json.load(listing) for listing in listings if listing is not None]
    except (OSError, tarfile.TarError, ValueError):
        return []


def _name_noted(manifest: Mapping[str, Any]) -> str | None:
    notes = manifest.get("annotations", {})
    return next((notes[key] for key in NAME_NOTES if key in notes), None)


def _has_host(name: str) -> bool:
    first, slash, _ = name.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def runtime_answers(places: Places) -> bool:
    """Whether containerd is ready for requests."""
    if not places.containerd_socket.exists():
        return False
    done = subprocess.run([*_ctr(places), "version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0


def _ctr(places: Places) -> list[str]:
    return [command("ctr"), f"--address={places.containerd_socket}", f"--namespace={NAMESPACE}"]
