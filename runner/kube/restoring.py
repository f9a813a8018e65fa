"""Undoing a change to an object that others may have changed since: three states in, the wanted state out. Pure.

A field that we changed and nobody touched since gets its value of before; what somebody touched since is left alone.
Between the two lies the question what a field is. Members of an object are fields of their own, also those of a map
such as labels; the items of a list are, when each has a key of its own in all three states. Anything else is one value:
half of a probe or of an argument list would be neither what we found nor what anybody wanted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from runner.kube.objects import Object, bare

_IDENTITY = ("apiVersion", "kind")
_NAMES = ("name", "namespace")
_MAPS = frozenset({"labels", "annotations", "data", "binaryData", "nodeSelector", "limits", "requests"})
"""Members whose own members come and go one by one, so that one that appeared is not one value."""
_LIST_KEYS = (
    ("name",),
    ("containerPort", "protocol"),
    ("port", "protocol"),
    ("mountPath",),
    ("devicePath",),
    ("ip",),
    ("type",),
    ("uid",),
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_ABSENT: Any = object()
_Key = tuple[Any, ...]


class Restored(NamedTuple):
    """What an object should become.

    Attributes:
        target: the whole object.
        changed_since: paths that we changed and somebody else changed after us, and that are left as they are.
        nothing: whether the object is that already.
    """

    target: Object
    changed_since: list[str]
    nothing: bool


def restore(before: Mapping[str, Any], after: Mapping[str, Any], live: Mapping[str, Any]) -> Restored:
    """Give the fields that we changed, and nobody since, the values that they had before.

    What the server sets, and the status, stays as it is. A member that is null counts as absent.

    Args:
        before: the object before our change.
        after: the object as our change left it.
        live: the object now.
    """
    now = _without_nulls(live)
    merge = _Merge()
    target = merge.members(_ours(_without_nulls(before)), _ours(_without_nulls(after)), _ours(now), path="")
    target |= {name: now[name] for name in (*_IDENTITY, "status") if name in now}
    of_the_server = now["metadata"].keys() - _ours(now)["metadata"].keys()
    target["metadata"] |= {name: now["metadata"][name] for name in of_the_server}
    return Restored(target, merge.changed_since, _same(target, now))


def merge_patch(live: Mapping[str, Any], target: Mapping[str, Any]) -> Object:
    """Make the JSON merge patch (RFC 7386) that turns one object into another; empty when they are equal.

    A member that is null counts as absent, for such a patch cannot write one.
    """
    return _difference(_without_nulls(live), _without_nulls(target))


def _difference(live: Object, target: Object) -> Object:
    patch: Object = {name: None for name in live if name not in target}
    for name, wanted in target.items():
        value = live.get(name, _ABSENT)
        if isinstance(value, dict) and isinstance(wanted, dict):
            inner = _difference(value, wanted)
            if inner:
                patch[name] = inner
        elif not _same(value, wanted):
            patch[name] = wanted
    return patch


def _ours(obj: Object) -> Object:
    """Keep what may be ours to set."""
    kept = {name: value for name, value in bare(obj).items() if name not in _IDENTITY}
    return {**kept, "metadata": {name: value for name, value in kept["metadata"].items() if name not in _NAMES}}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _same(left: Any, right: Any) -> bool:
    """Compare as JSON does: unlike in Python, true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


class _Merge:
    """One three-way merge, which collects the paths that were left as somebody else made them."""

    def __init__(self) -> None:
        self.changed_since: list[str] = []

    def members(self, before: Object, after: Object, live: Object, *, path: str) -> Object:
        """Merge the members of an object."""
        merged = {}
        for name in dict.fromkeys((*live, *before, *after)):
            three = [state.get(name, _ABSENT) for state in (before, after, live)]
            value = self._field(*three, path=_member(path, name), is_map=name in _MAPS)
            if value is not _ABSENT:
                merged[name] = value
        return merged

    def _field(self, before: Any, after: Any, live: Any, *, path: str, is_map: bool) -> Any:
        if _same(before, after):
            return live
        if _same(live, after):
            return before
        if _same(live, before):
            return live
        three = (before, after, live)
        if all(isinstance(state, dict) for state in three):
            return self.members(before, after, live, path=path)
        if is_map and all(isinstance(state, dict) or state is _ABSENT for state in three):
            return self._collection(three, {}, partial(self.members, path=path))
        if all(isinstance(state, list) or state is _ABSENT for state in three):
            lists = [[] if state is _ABSENT else state for state in three]
            fields = _key_fields(lists)
            if fields:
                return self._collection(three, [], partial(self._items, fields=fields, path=path))
        self.changed_since.append(path)
        return live

    def _collection(self, three: Sequence[Any], empty: Any, merge: Callable[[Any, Any, Any], Any]) -> Any:
        """Merge collections of which some may be absent; one of which nothing is left is absent if it was before."""
        before, _, live = three
        merged = merge(*(empty if state is _ABSENT else state for state in three))
        if not merged and (live is _ABSENT or (live and before is _ABSENT)):
            return _ABSENT
        return merged

    def _items(
        self, before: list[Object], after: list[Object], live: list[Object], *, fields: Sequence[str], path: str
    ) -> list[Object]:
        """Merge lists whose items have keys."""
        by_key = [{_key(item, fields): item for item in state} for state in (before, after, live)]
        merged = {}
        for key in dict.fromkeys(key for state in by_key for key in state):
            three = [state.get(key, _ABSENT) for state in by_key]
            value = self._field(*three, path=f"{path}[{'/'.join(map(str, key))}]", is_map=False)
            if value is not _ABSENT:
                merged[key] = value
        return [merged[key] for key in _order(*(list(state) for state in by_key), kept=merged.keys())]


def _order(before: list[_Key], after: list[_Key], live: list[_Key], *, kept: Iterable[_Key]) -> list[_Key]:
    """Order the items of a merged list: as before when nobody moved any since, else as they stand now."""
    first, second = (before, live) if live == after else (live, before)
    remaining = set(kept)
    ordered = [key for key in first if key in remaining]
    for place, key in enumerate(second):
        if key in remaining and key not in ordered:
            earlier = [ordered.index(other) for other in second[:place] if other in ordered]
            ordered.insert(earlier[-1] + 1 if earlier else 0, key)
    return ordered


def _key_fields(lists: Sequence[list[Any]]) -> Sequence[str]:
    """Find the fields that tell the items of three states of a list apart; empty when there are none."""
    if not all(isinstance(item, dict) for state in lists for item in state):
        return ()
    for fields in _LIST_KEYS:
        states = [[_key(item, fields) for item in state] for state in lists]
        if all(None not in keys and len(set(keys)) == len(keys) for keys in states):
            return fields
    return ()


def _key(item: Object, fields: Sequence[str]) -> Any:
    """Key of an item of a list; None when it has none."""
    values = [item[field] for field in fields if field in item]
    if fields[0] not in item or not all(isinstance(value, str | int) for value in values):
        return None
    return tuple(values)


def _member(path: str, name: str) -> str:
    if not _WORD.match(name):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name
