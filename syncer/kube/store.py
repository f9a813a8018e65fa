"""What an informer keeps: entries by key, found by indexes, and what differs when all of them are replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from syncer.kube.resources import Key

T = TypeVar("T")

Index: TypeAlias = Callable[[T], Iterable[str]]
"""Gives the values by which an entry is found."""

Changed: TypeAlias = Callable[[Key, T | None, T | None], None]
"""Is told of a change: the key, the old and the new."""


@dataclass(frozen=True, eq=False)
class Entry(Generic[T]):
    """What is kept of an object.

    Attributes:
        resource_version: version of the object.
        value: what was made of it.
    """

    resource_version: str
    value: T


def value_of(entry: Entry[T] | None) -> T | None:
    """What is kept in an entry; None when there is no entry."""
    return None if entry is None else entry.value


class Store(Generic[T]):
    """Entries by key.

    Args:
        indexers: by name, what gives the values by which entries are found.
    """

    def __init__(self, indexers: Mapping[str, Index[T]]) -> None:
        self._indexers = indexers
        self._entries: dict[Key, Entry[T]] = {}
        self._indexes: dict[str, dict[str, dict[Key, None]]] = {name: {} for name in indexers}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> T | None:
        """The value at a key."""
        return value_of(self._entries.get(key))

    def entry(self, key: Key) -> Entry[T] | None:
        """The entry at a key."""
        return self._entries.get(key)

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._entries))

    def by_index(self, name: str, value: str) -> list[T]:
        """The values for which an indexer gives this value."""
        return [self._entries[key].value for key in self._indexes[name].get(value, ())]

    def put(self, key: Key, entry: Entry[T] | None) -> Entry[T] | None:
        """Put an entry, or with None nothing, at a key; returns what was there."""
        old = self._entries.pop(key, None)
        if old is not None:
            self._unindex(key, old.value)
        if entry is not None:
            self._entries[key] = entry
            for name, value in self._values(entry.value):
                self._indexes[name].setdefault(value, {})[key] = None
        return old

    def replace(self, found: Mapping[Key, Entry[T] | None]) -> list[tuple[Key, T | None, T | None]]:
        """Make the entries be these; returns what that changed: key, old, new."""
        changes: list[tuple[Key, T | None, T | None]] = []
        for key in [*(self._entries.keys() - found.keys()), *found]:
            entry, old = found.get(key), self._entries.get(key)
            if entry is old or (entry and old and entry.resource_version == old.resource_version):
                continue
            self.put(key, entry)
            changes.append((key, value_of(old), value_of(entry)))
        return changes

    def _unindex(self, key: Key, value: T) -> None:
        for name, each in self._values(value):
            keys = self._indexes[name].get(each, {})
            keys.pop(key, None)
            if not keys:
                self._indexes[name].pop(each, None)

    def _values(self, value: T) -> Iterator[tuple[str, str]]:
        return ((name, each) for name, indexer in self._indexers.items() for each in indexer(value))
