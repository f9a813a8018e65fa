"""The manifest of a KubernetesResource action: YAML text with placeholders that becomes objects when it is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from compiler.graph.text import PlaceholderKind, render
from compiler.manifests import reader
from compiler.manifests.sources import Undecodable, check_characters

_STAND_IN = "placeholder"
"""What a placeholder is replaced by: a text that is a valid name, value and mapping key."""
_Identity = tuple[str, str, str, str]


def faults(manifest: str) -> Iterator[str]:
    """Say what is wrong with a manifest, as far as that can be told before its placeholders have values."""
    parts = render(manifest, lambda found: "$(" if found.kind is PlaceholderKind.ESCAPE else _STAND_IN)
    text = "".join(part for part in parts if isinstance(part, str))
    try:
        check_characters(text)
    except Undecodable as error:
        yield f"line {error.mark[0]}: {error}"
        return
    read, unreadable = reader.read(text)
    trees = [tree for tree in read if tree.value is not None or tree.flaws]
    several = len(trees) + bool(unreadable) > 1
    seen: dict[_Identity, str] = {}
    for number, tree in enumerate(trees, 1):
        document = f"document {number}, " if several else ""
        yield from _flaws(tree.flaws, document)
        for value, item in _objects(tree.value):
            yield from _object_faults(value, f"{document}line {tree.mark[0]}{item}", seen)
    yield from _flaws(unreadable, f"document {len(trees) + 1}, " if several else "")
    if not unreadable and not any(tree.flaws or any(True for _ in _objects(tree.value)) for tree in trees):
        yield "it holds no object"


def _flaws(flaws: Iterable[reader.Flaw], document: str) -> Iterator[str]:
    for flaw in flaws:
        if not flaw.warning:
            yield f"{document}line {flaw.mark[0]}: {flaw.message}"


def _objects(value: Any) -> Iterator[tuple[Any, str]]:
    """The objects of a document, the items of a List instead of it, each with what has to be added to its place."""
    kind, items = (value.get("kind"), value.get("items")) if isinstance(value, dict) else (None, None)
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            for inner, deeper in _objects(item):
                yield inner, f", items[{index}]{deeper}"
    elif value is not None:
        yield value, ""


def _object_faults(value: Any, place: str, seen: dict[_Identity, str]) -> Iterator[str]:
    if value == _STAND_IN:
        return
    if not isinstance(value, dict):
        yield f"{place}: not an object with apiVersion, kind and metadata.name"
        return
    metadata = value.get("metadata")
    members = metadata if isinstance(metadata, dict) else {}
    version, kind, name = value.get("apiVersion"), value.get("kind"), members.get("name")
    required = (("apiVersion", version), ("kind", kind), ("metadata.name", name))
    missing = [field for field, member in required if not isinstance(member, str) or not member]
    if missing:
        yield f"{place}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} required"
        return
    namespace = members.get("namespace") or ""
    if not isinstance(members.get("namespace"), str | None):
        yield f"{place}: metadata.namespace should be text; quote it"
        return
    identity = (str(version).rpartition("/")[0], str(kind), namespace, str(name))
    if _STAND_IN not in " ".join(identity):  # two placeholders may well stand for two names
        if identity in seen:
            yield f"{place}: {kind} {name} stands already in {seen[identity]}; keep one of the two"
        seen.setdefault(identity, place)
