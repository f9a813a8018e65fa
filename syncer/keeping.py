"""What an execution runs, kept beside it in ConfigMaps, and read back by whoever goes on with it.

    drx-<h>-s1.w1 …     specs of its actions, where they do not fit into the Workflow
    drx-<h>-snap-2 …    the snapshot as gzip, in parts
    drx-<h>-snap-1      its first part, written last: once it is there, all is

All are immutable and have names that follow from the execution's uid, so that writing them twice is writing them once.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.graph.snapshot import Snapshot
from compiler.model.names import (
    ANNOTATION_COMPILED_HASH,
    ANNOTATION_SNAPSHOT_HASH,
    LABEL_EXECUTION_UID,
    snapshot_name,
)
from syncer.kube.client import Client
from syncer.kube.errors import AlreadyExists, NotFound
from syncer.kube.resources import CONFIG_MAPS, Key
from syncer.writing import Writer

Object = dict[str, Any]

PART_BYTES = 900 * 1024
"""Most bytes of a part; Kubernetes takes 1 MiB of object, and base64 is not counted."""

_DATA = "snapshot.json.gz"
_PARTS = "parts"
_HASHES = (ANNOTATION_COMPILED_HASH, ANNOTATION_SNAPSHOT_HASH)


class Damaged(Exception):
    """A snapshot is not all there, or is not what it says it is."""


@dataclass(frozen=True, slots=True)
class SnapshotRef:
    """Where a snapshot is kept.

    Attributes:
        name: name of its first ConfigMap.
        chunks: how many there are.
        hash: hash of the snapshot.
    """

    name: str
    chunks: int
    hash: str

    def to_json(self) -> Object:
        """Write it as in `status.snapshotRef`."""
        return {"name": self.name, "chunks": self.chunks, "hash": self.hash}


def snapshot_maps(
    snapshot: Snapshot, *, uid: str, namespace: str, labels: Mapping[str, str]
) -> tuple[SnapshotRef, list[Object]]:
    """Make the ConfigMaps of a snapshot, in the order in which they are written: the first part last.

    Args:
        snapshot: the snapshot.
        uid: uid of the execution.
        namespace: its namespace.
        labels: labels of the ConfigMaps.
    """
    text = json.dumps(snapshot.to_json(), separators=(",", ":")).encode()
    packed = gzip.compress(text, mtime=0)
    parts = [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]
    found = SnapshotRef(snapshot_name(uid, 1), len(parts), snapshot.hash())
    made = [
        {
            "metadata": {
                "name": snapshot_name(uid, number),
                "namespace": namespace,
                "labels": dict(labels),
                "annotations": {ANNOTATION_SNAPSHOT_HASH: found.hash},
            },
            "immutable": True,
            "binaryData": {_DATA: base64.b64encode(part).decode()},
            "data": {_PARTS: str(len(parts))},
        }
        for number, part in enumerate(parts, 1)
    ]
    return found, made[::-1]


async def keep(writer: Writer, maps: Iterable[Object], *, uid: str) -> None:
    """Write ConfigMaps; one that is there with the same content is written.

    One with another content is of an attempt that did not come to its end, before the plan changed: nothing has read
    it, because the first part of the snapshot was not there.

    Args:
        writer: writes.
        maps: what to write, in order.
        uid: uid of the execution that they belong to.

    Raises:
        AlreadyExists: one of these names is somebody else's.
    """
    for wanted in maps:
        key = Key(wanted["metadata"]["namespace"], wanted["metadata"]["name"])
        try:
            await writer.create(CONFIG_MAPS, key.namespace, wanted)
        except AlreadyExists:
            found = (await writer.client.get(CONFIG_MAPS, key, metadata_only=True)).object["metadata"]
            if _hashes(found) == _hashes(wanted["metadata"]):
                continue
            if (found.get("labels") or {}).get(LABEL_EXECUTION_UID) != uid:
                raise
            await writer.delete(CONFIG_MAPS, key, uid=found["uid"])
            await writer.create(CONFIG_MAPS, key.namespace, wanted)


async def kept(client: Client, *, namespace: str, uid: str) -> tuple[SnapshotRef, Snapshot] | None:
    """Read the snapshot of an execution back; None when it is not kept (yet).

    Raises:
        Damaged: it is not all there, or not what it says it is.
    """
    first = snapshot_name(uid, 1)
    try:
        found = [(await client.get(CONFIG_MAPS, Key(namespace, first))).object]
    except NotFound:
        return None
    try:
        parts = int(found[0]["data"][_PARTS])
        for number in range(2, parts + 1):
            key = Key(namespace, snapshot_name(uid, number))
            found.append((await client.get(CONFIG_MAPS, key)).object)
        snapshot = _read(each["binaryData"][_DATA] for each in found)
    except NotFound as error:
        raise Damaged(f"a part of the snapshot in ConfigMap {namespace}/{first} is gone: {error.message}") from error
    except (LookupError, TypeError, ValueError, EOFError, OSError, binascii.Error, zlib.error) as error:
        raise Damaged(f"the snapshot in ConfigMap {namespace}/{first} cannot be read: {error!r}") from error
    said = (found[0]["metadata"].get("annotations") or {}).get(ANNOTATION_SNAPSHOT_HASH, "")
    if said != snapshot.hash():
        raise Damaged(
            f"the snapshot in ConfigMap {namespace}/{first} is not the one that was kept: its hash is "
            f"{snapshot.hash()[:12]}…, not {said[:12]}…"
        )
    return SnapshotRef(first, parts, said), snapshot


def _read(parts: Iterable[str]) -> Snapshot:
    packed = b"".join(base64.b64decode(part, validate=True) for part in parts)
    return Snapshot.from_json(json.loads(gzip.decompress(packed)))


def _hashes(metadata: Mapping[str, Any]) -> list[str]:
    annotations = metadata.get("annotations") or {}
    return [annotations.get(name, "") for name in _HASHES]
