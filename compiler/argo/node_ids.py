"""Argo's node ids: 32 bits of FNV-1a of the node's name, unique only by luck.

When two nodes of a Workflow have the same id, Argo takes the second for the first and never runs it. We know every
node's name before the Workflow exists, attempts of retried lanes included, so we look first and choose another name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from string import ascii_lowercase
from typing import Any

from compiler.problems import InternalError

_OFFSET = 2166136261
_PRIME = 16777619
_MASK = 0xFFFFFFFF

Templates = Mapping[str, Mapping[str, Any]]


def fnv1a(text: str, start: int = _OFFSET) -> int:
    """FNV-1a, 32 bits.

    Args:
        text: what to hash.
        start: hash of the text before it, so that names with a common start share the work.
    """
    value = start
    for byte in text.encode():
        value = ((value ^ byte) * _PRIME) & _MASK
    return value


def node_ids(workflow: str, spec: Mapping[str, Any]) -> Iterator[int]:
    """Ids of all nodes that a Workflow of this name can get, but for its root, whose id is its name.

    Args:
        workflow: the name.
        spec: its spec, in the forms that the compiler emits.
    """
    templates = {template["name"]: template for template in spec["templates"]}
    return _inner(templates[spec["entrypoint"]], fnv1a(workflow), templates)


def free_name(spec: Mapping[str, Any], named: Callable[[str], str]) -> str:
    """The first name of a Workflow under which no two of its nodes share an id.

    Args:
        spec: its spec.
        named: gives the name with a suffix, which is empty or a letter.
    """
    for suffix in ("", *ascii_lowercase):
        name = named(suffix)
        if not collides(name, spec):
            return name
    raise InternalError(f"node ids collide under every name of {named('')}; give the execution another name")


def collides(workflow: str, spec: Mapping[str, Any]) -> bool:
    """Whether two nodes would share an id."""
    seen: set[int] = set()
    for found in node_ids(workflow, spec):
        if found in seen:
            return True
        seen.add(found)
    return False


def _inner(template: Mapping[str, Any], at: int, templates: Templates) -> Iterator[int]:
    """Ids of the nodes below one, `at` being its own."""
    if "dag" in template:
        for task in template["dag"]["tasks"]:
            inner = fnv1a(f".{task['name']}", at)
            yield inner
            yield from _inner(templates[task["template"]], inner, templates)
        return
    containers = [f".{container['name']}" for container in template["containerSet"]["containers"]]
    for attempt in range(template["retryStrategy"]["limit"] + 1):
        inner = fnv1a(f"({attempt})", at)
        yield inner
        for container in containers:
            yield fnv1a(container, inner)
