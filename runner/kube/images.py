"""What an object was before it was changed and what was made of it: entries of the lists of a record. Pure.

An entry is `{"ref": {…}, "existed": true, "gz": "<base64>", "secretRef": {"name": …}}`. The content of a Secret never
stands in a record: it goes to a Secret, under the index of the entry, and the entry names that one instead.
"""

from __future__ import annotations

import binascii
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from runner import vocabulary as words
from runner.kube.objects import SECRET, Object, Ref, bare, object_reference, read_reference
from runner.result import compact

_KIB = 1024


class TooLarge(Exception):
    """The entries of a record hold more than fits."""


class Image(NamedTuple):
    """An entry that was read.

    Attributes:
        ref: the object, with uid and version as far as it had them.
        existed: whether there was an object.
        content: the object without what the server sets; None when there was none, or when only its ref was kept.
    """

    ref: Ref
    existed: bool
    content: Object | None


def before_entry(ref: Ref, obj: Mapping[str, Any] | None) -> Object:
    """Make the entry of an object that is about to be changed; without one there was none."""
    return {**after_entry(ref, obj), "existed": obj is not None}


def after_entry(ref: Ref, obj: Mapping[str, Any] | None) -> Object:
    """Make the entry of an object that was changed; without one it is gone, or only its ref is kept."""
    entry: Object = {"ref": object_reference(ref, version=True)}
    if obj is not None:
        entry["gz"] = _packed(obj)
    return entry


def needs_secret(entry: Mapping[str, Any]) -> bool:
    """Tell whether an entry has content that must not stand in a record."""
    return "gz" in entry and read_reference(entry["ref"]).group_kind == SECRET


def in_secret(entries: Sequence[Object], name: str) -> tuple[list[Object], dict[str, str]]:
    """Move contents that must not stand in a record to a Secret.

    Args:
        entries: all entries of a list of the record.
        name: name of the Secret.

    Returns:
        The entries as the record has them, and the `data` of the Secret; empty when no Secret is needed.
    """
    kept: list[Object] = []
    data: dict[str, str] = {}
    for index, entry in enumerate(entries):
        if needs_secret(entry):
            data[str(index)] = entry["gz"]
            kept.append({**_without_content(entry), "secretRef": {"name": name}})
        else:
            kept.append(entry)
    return kept, data


def secret_of(entry: Mapping[str, Any]) -> str:
    """Name of the Secret that holds the content of an entry; empty when the record does."""
    return str((entry.get("secretRef") or {}).get("name") or "")


def read(entry: Mapping[str, Any], *, index: int = 0, data: Mapping[str, str] | None = None) -> Image:
    """Read an entry.

    Args:
        entry: an entry of a list of a record.
        index: its place in the list.
        data: `data` of the Secret that it names.

    Raises:
        ValueError: it cannot be read, or the Secret does not hold its content.
    """
    ref = read_reference(entry.get("ref") or {})
    packed = entry.get("gz")
    secret = secret_of(entry)
    if secret:
        packed = (data or {}).get(str(index))
        if packed is None:
            raise ValueError(f"the kept state of {ref.shown} is missing in Secret {secret}, key {index}")
    content = None if packed is None else _unpacked(packed, ref)
    return Image(ref=ref, existed=bool(entry.get("existed", True)), content=content)


def check_size(entries: Sequence[Mapping[str, Any]]) -> None:
    """Check that entries fit into a record. Call it before `in_secret`: a Secret is given no more than a record.

    Raises:
        TooLarge: they do not; the message names the largest.
    """
    total = sum(map(_size, entries))
    if total > words.IMAGES_LIMIT:
        largest = max(entries, key=_size)
        shown = f"{read_reference(largest['ref']).shown} with {_size(largest) // _KIB} KiB"
        number = "1 object takes" if len(entries) == 1 else f"{len(entries)} objects take"
        limit = words.IMAGES_LIMIT // _KIB
        raise TooLarge(f"the state of {number} {total // _KIB} KiB, {limit} KiB can be kept; the largest is {shown}")


def _without_content(entry: Object) -> Object:
    return {name: value for name, value in entry.items() if name != "gz"}


def _size(entry: Mapping[str, Any]) -> int:
    return len(entry.get("gz") or "")


def _packed(obj: Mapping[str, Any]) -> str:
    # Without a time in it, equal objects give equal entries.
    return binascii.b2a_base64(gzip.compress(compact(bare(obj)).encode(), mtime=0), newline=False).decode()


def _unpacked(packed: str, ref: Ref) -> Object:
    try:
        content = json.loads(gzip.decompress(binascii.a2b_base64(packed, strict_mode=True)))
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"the kept state of {ref.shown} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"the kept state of {ref.shown} is no object")
    return content
