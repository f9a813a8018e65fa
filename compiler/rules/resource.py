"""The manifest of a KubernetesResource action: YAML text with placeholders that becomes objects when it is rendered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compiler.graph.text import PlaceholderKind, render
from compiler.manifests import reader
from compiler.manifests.sources import Undecodable, check_characters

_STAND_IN = "placeholder"
"""What a placeholder is replaced by: a text that is a valid name, value and mapping key."""


def faults(manifest: str) -> Iterator[str]:
    """Say what is wrong with a manifest, as far as that can be told before its placeholders have values."""
    parts = render(manifest, lambda found: "$(" if found.kind is PlaceholderKind.ESCAPE else _STAND_IN)
    text = "".join(part for part in parts if isinstance(part, str))
    try:
        check_characters(text)
    except Undecodable as error:
        yield f"line {error.mark[0]}: {error}"
        return
    trees, flaws = reader.read(text)
    flaws = [*flaws, *(flaw for tree in trees for flaw in tree.flaws)]
    for flaw in flaws:
        if not flaw.warning:
            yield f"line {flaw.mark[0]}: {flaw.message}"
    objects = [(tree.value, tree.mark[0]) for tree in trees if tree.value is not None]
    if not objects and not flaws:
        yield "it holds no object"
    for value, line in objects:
        if value != _STAND_IN:
            yield from _object_faults(value, line)


def _object_faults(value: Any, line: int) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"line {line}: not an object with apiVersion, kind and metadata.name"
        return
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    required = (("apiVersion", value.get("apiVersion")), ("kind", value.get("kind")), ("metadata.name", name))
    missing = [field for field, member in required if not isinstance(member, str) or not member]
    if missing:
        yield f"line {line}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} required"
