"""The states of objects that a record keeps."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.kube.images import (
    TooLarge,
    after_entry,
    before_entry,
    check_size,
    in_secret,
    needs_secret,
    read,
    secret_of,
)
from runner.kube.objects import Ref

Object = dict[str, Any]

MAP = Ref("v1", "ConfigMap", "dr", "settings", uid="u1", resource_version="7")
SECRET = Ref("v1", "Secret", "dr", "password", uid="u2", resource_version="8")
contents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def obj(ref: Ref = MAP, **fields: Any) -> Object:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, **fields}


def noise(kib: int) -> str:
    """A text that does not get smaller."""
    return random.Random(kib).randbytes(kib * 720).hex()


@given(contents)
def test_what_is_kept_is_read_again(data: Any) -> None:
    image = read(json.loads(json.dumps(before_entry(MAP, obj(data=data)))))
    assert image.ref == MAP
    assert image.existed
    assert image.content == obj(data=data)


def test_what_the_server_sets_is_not_kept() -> None:
    full = obj(status={"phase": "x"})
    full["metadata"] |= {"uid": "u1", "resourceVersion": "7", "managedFields": [{}]}
    assert read(before_entry(MAP, full)).content == obj()


def test_an_object_that_was_not_there_has_no_content() -> None:
    entry = before_entry(MAP._replace(uid="", resource_version=""), None)
    assert entry == {
        "ref": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "dr", "name": "settings"},
        "existed": False,
    }
    assert not read(entry).existed
    assert read(entry).content is None


def test_equal_objects_give_equal_entries() -> None:
    assert after_entry(MAP, obj(data={"a": "1"})) == after_entry(MAP, obj(data={"a": "1"}))


def test_the_content_of_a_secret_goes_to_a_secret_and_nothing_of_it_stays() -> None:
    entries = [before_entry(MAP, obj()), before_entry(SECRET, obj(SECRET, data={"pin": "czNjcmV0"}))]
    assert [needs_secret(entry) for entry in entries] == [False, True]
    kept, data = in_secret(entries, "run-before")
    assert kept[0] == entries[0]
    assert kept[1] == {"ref": entries[1]["ref"], "existed": True, "secretRef": {"name": "run-before"}}
    assert [secret_of(entry) for entry in kept] == ["", "run-before"]
    assert read(kept[1], index=1, data=data).content == obj(SECRET, data={"pin": "czNjcmV0"})


def test_a_secret_that_was_not_there_and_other_kinds_called_secret_need_none() -> None:
    entries = [before_entry(SECRET, None), before_entry(SECRET._replace(api_version="x.io/v1"), obj(SECRET))]
    assert in_secret(entries, "run-before") == (entries, {})


def test_a_missing_secret_is_an_error_that_names_it() -> None:
    kept, _ = in_secret([after_entry(SECRET, obj(SECRET))], "run-after")
    with pytest.raises(ValueError, match="Secret dr/password is missing in Secret run-after, key 0"):
        read(kept[0])


@pytest.mark.parametrize("packed", ["!", "AAAA", "H4sIAAAAAAAC/wMAAAAAAAAAAAA=", before_entry(MAP, obj())["gz"][:-8]])
def test_what_cannot_be_read_is_an_error_that_names_the_object(packed: str) -> None:
    with pytest.raises(ValueError, match="the kept state of ConfigMap dr/settings cannot be read: "):
        read({**after_entry(MAP, None), "gz": packed})


def test_states_up_to_the_limit_are_kept_and_beyond_it_the_largest_is_named() -> None:
    small, large = before_entry(MAP, obj(data=noise(100))), before_entry(SECRET, obj(SECRET, data=noise(300)))
    check_size([small, before_entry(MAP, None)])
    with pytest.raises(
        TooLarge, match=r"state of 2 objects takes? \d+ KiB, 400 KiB can be kept; .* Secret dr/password"
    ):
        check_size([small, large])
    with pytest.raises(TooLarge, match="the state of 1 object takes"):
        check_size([before_entry(MAP, obj(data=noise(500)))])
