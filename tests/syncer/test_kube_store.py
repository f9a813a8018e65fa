"""What an informer keeps, against a plain dict of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncer.kube.resources import Key
from syncer.kube.store import Entry, Store

NAMES = st.sampled_from("abcd")
OBJECTS = st.dictionaries(NAMES, st.tuples(st.integers(1, 3), st.sets(st.sampled_from("xyz"))), max_size=4)


def entries(objects: dict[str, tuple[int, set[str]]]) -> dict[Key, Entry[set[str]] | None]:
    return {Key("n", name): Entry(str(version), tags) for name, (version, tags) in objects.items()}


@given(st.lists(OBJECTS, max_size=4))
def test_after_any_replacements_entries_and_indexes_are_the_last_list_and_every_change_was_told(
    lists: list[dict[str, tuple[int, set[str]]]],
) -> None:
    store = Store[set[str]]({"tag": lambda tags: tags})
    told: dict[Key, set[str]] = {}
    current: dict[str, tuple[int, set[str]]] = {}
    for objects in lists:
        # An object of the same version is the same object.
        current = {
            name: current[name] if name in current and current[name][0] == found[0] else found
            for name, found in objects.items()
        }
        for key, old, new in store.replace(entries(current)):
            assert told.get(key) == old
            told.pop(key, None)
            if new is not None:
                told[key] = new
    expected = {Key("n", name): tags for name, (_, tags) in current.items()}
    assert {key: store.get(key) for key in store} == expected == told
    for tag in "xyz":
        found = sorted(map(sorted, store.by_index("tag", tag)))
        assert found == sorted(sorted(tags) for tags in expected.values() if tag in tags)


@given(st.lists(st.tuples(NAMES, st.none() | st.sets(st.sampled_from("xyz"))), max_size=12))
def test_after_any_changes_indexes_find_what_is_there_and_nothing_else(
    changes: list[tuple[str, set[str] | None]],
) -> None:
    store = Store[set[str]]({"tag": lambda tags: tags})
    expected: dict[str, set[str]] = {}
    for number, (name, tags) in enumerate(changes):
        store.put(Key("n", name), None if tags is None else Entry(str(number), tags))
        expected.pop(name, None)
        if tags is not None:
            expected[name] = tags
    for tag in "xyz":
        found = sorted(map(sorted, store.by_index("tag", tag)))
        assert found == sorted(sorted(tags) for tags in expected.values() if tag in tags)
