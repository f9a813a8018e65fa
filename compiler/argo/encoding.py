"""Bytes of compiled objects: how long they are where Argo measures them, and their hash."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_ESCAPED_IN_GO = (b"<", b">", b"&")
_ESCAPE_SURPLUS = len(r"\u0026") - 1


def size(value: Any) -> int:
    """Length of a value as Go writes it to JSON: compact, with three characters escaped that JSON would allow."""
    encoded = msgspec.json.encode(value)
    return len(encoded) + _ESCAPE_SURPLUS * sum(encoded.count(character) for character in _ESCAPED_IN_GO)


def sha256(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
