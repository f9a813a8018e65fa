"""What an action says of the objects that it touched, and what later actions can ask of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from runner import vocabulary as words
from runner.holes import CUT
from runner.kube.changing import Undoing, Undone, Written
from runner.kube.objects import SECRET, object_reference
from runner.vocabulary import Operation

NOTHING_CHANGED = "nothing had been changed"
DONE: Mapping[Operation, str] = {
    Operation.CREATE: "created",
    Operation.APPLY: "applied",
    Operation.PATCH: "patched",
    Operation.REPLACE: "replaced",
    Operation.DELETE: "deleted",
}
"""What was done, in words."""

_OBJECT = "object"
_SHOWN = 5
_TEXTS = {
    Undoing.DELETED: "deleted {}",
    Undoing.RESTORED: "restored {}",
    Undoing.CREATED: "created {} again",
}


def values_of(written: Written) -> dict[str, Any]:
    """Return what `$(outputs.<action>.…)` can ask of an object: `ref` and, unless it is a Secret or large, `object`."""
    ref = object_reference(written.ref)
    ref.pop("apiVersion", None)
    values: dict[str, Any] = {"ref": ref}
    if written.obj is None or written.ref.group_kind == SECRET:
        return values
    metadata = {name: value for name, value in written.obj["metadata"].items() if name != "managedFields"}
    shown = {**written.obj, "metadata": metadata}
    # Outputs name the object as well, and a list of what was cut needs room.
    room = words.VALUES_LIMIT - 3 * _size(ref) - _size({CUT: [_OBJECT]})
    if _size({_OBJECT: shown}) > room:
        return {**values, CUT: [_OBJECT]}
    return {**values, _OBJECT: shown}


def listed(names: Sequence[str]) -> str:
    """List names, but not endlessly."""
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def rolled_back(undone: Sequence[Undone], *, noun: str = "") -> str:
    """Say what was undone.

    Args:
        undone: what came of each object.
        noun: word before a single object: `resource `.
    """
    if not undone:
        return f"Rolled back: {NOTHING_CHANGED}"
    parts = [
        text.format(_named([one for one in undone if one.did is did], noun if did is Undoing.DELETED else ""))
        for did, text in _TEXTS.items()
        if any(one.did is did for one in undone)
    ]
    notes = [f"{one.ref.shown} {one.note}" for one in undone if one.note]
    return f"Rolled back: {'; '.join([', '.join(parts) or 'nothing to do', *notes])}"


def _named(undone: Sequence[Undone], noun: str) -> str:
    if len(undone) == 1:
        return f"{noun}{undone[0].ref.shown}"
    kinds = {one.ref.kind for one in undone}
    if len(kinds) == 1:
        return f"{len(undone)} {kinds.pop()}s"
    return f"{len(undone)} resources: {listed([one.ref.shown for one in undone])}"


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
