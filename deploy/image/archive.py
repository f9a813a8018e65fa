"""The OCI archive: index, manifest, configuration and layers in one tar, as `ctr images import` and others take it.

Layout: https://github.com/opencontainers/image-spec/blob/main/image-layout.md.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.image.layers import Layer, digest

USER = "65532:65532"
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def write(path: Path, layers: Sequence[Layer], *, name: str, version: str, home: str, epoch: int) -> None:
    """Write the archive.

    Args:
        path: the file.
        layers: the layers, lowest first.
        name: name of the image with its tag.
        version: version of drplan.
        home: folder of drplan in the image, without a leading slash.
        epoch: time of creation, in seconds.
    """
    config = _json(_configuration(layers, version=version, home=home, epoch=epoch))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _reference(_CONFIG, config),
            "layers": [_reference(_LAYER, layer.packed) for layer in layers],
        }
    )
    described = {
        **_reference(_MANIFEST, manifest),
        "platform": {"architecture": "amd64", "os": "linux"},
        "annotations": {
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
            "io.containerd.image.name": name,
        },
    }
    index = _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [described]})
    blobs = [config, manifest, *(layer.packed for layer in layers)]
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}), epoch)
        _add(archive, "index.json", index, epoch)
        for blob in sorted(blobs, key=digest):
            _add(archive, f"blobs/{digest(blob).replace(':', '/')}", blob, epoch)


def _configuration(layers: Sequence[Layer], *, version: str, home: str, epoch: int) -> dict[str, Any]:
    created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": USER,
            "Env": [
                f"PATH=/{home}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "PYTHONDONTWRITEBYTECODE=1",
                "PYTHONUNBUFFERED=1",
                "LANG=C.UTF-8",
            ],
            "Entrypoint": ["drplan"],
            "WorkingDir": "/",
            "Labels": {
                "org.opencontainers.image.title": "drplan",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": created, "created_by": f"layer {number}"} for number, _ in enumerate(layers, 1)],
    }


def _reference(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(blob), "size": len(blob)}


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _add(archive: tarfile.TarFile, name: str, data: bytes, epoch: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(data), epoch, 0o644
    archive.addfile(entry, io.BytesIO(data))
