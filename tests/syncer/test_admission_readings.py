"""Stored objects that are read once a version."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.admission.readings import Readings

Object = dict[str, Any]


@pytest.fixture
def asked() -> list[str]:
    """Names of the objects that were read."""
    return []


def stored(name: str, version: str = "1", *, parts: int = 1) -> Object:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": version}, "parts": parts}


def readings(asked: list[str], *, most: int = 100, heaviest: int = 100) -> Readings[str]:
    def read(obj: Object) -> str:
        asked.append(f"{obj['metadata']['name']}/{obj['metadata'].get('resourceVersion')}")
        return asked[-1]

    return Readings(read, lambda obj: int(obj["parts"]), most=most, heaviest=heaviest)


def test_an_object_is_read_once_until_it_changes(asked: list[str]) -> None:
    read = readings(asked)
    assert [read(stored("a")), read(stored("a")), read(stored("a", "2")), read(stored("a", "2"))] == [
        *("a/1", "a/1"),
        *("a/2", "a/2"),
    ]
    assert asked == ["a/1", "a/2"]
    assert len(read) == 1


def test_an_object_that_is_not_stored_is_read_every_time(asked: list[str]) -> None:
    read = readings(asked)
    for _ in range(2):
        read({"metadata": {"name": "new"}, "parts": 1})
    assert asked == ["new/None", "new/None"]
    assert len(read) == 0


def test_the_one_that_was_not_used_for_longest_is_forgotten_first(asked: list[str]) -> None:
    read = readings(asked, most=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        read(stored(name))
    assert asked == ["a/1", "b/1", "c/1", "b/1"]


def test_what_is_large_makes_room_for_itself_and_is_kept_even_alone(asked: list[str]) -> None:
    read = readings(asked, heaviest=10)
    read(stored("small", parts=5))
    read(stored("huge", parts=50))
    assert len(read) == 1
    read(stored("huge", parts=50))
    assert asked == ["small/1", "huge/1"]
    read(stored("small", parts=5))
    assert len(read) == 1
