"""What a change to an object leaves to be undone, when others have changed the object since."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.kube.restoring import merge_patch, restore

Object = dict[str, Any]

texts = st.sampled_from(["1", "2", "3"])
maps = st.dictionaries(st.sampled_from(["a", "b", "dr.bkbcs.tencent.com/c"]), texts, min_size=1)
containers = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["web", "log", "x"]), "image": texts},
        optional={
            "args": st.lists(texts, min_size=1, max_size=2),
            "probe": st.fixed_dictionaries({"path": texts, "period": st.integers(1, 3)}),
            "env": st.lists(
                st.fixed_dictionaries({"name": st.sampled_from(["A", "B"]), "value": texts}),
                min_size=1,
                unique_by=lambda item: item["name"],
            ),
        },
    ),
    min_size=1,
    unique_by=lambda item: item["name"],
)
specs = st.fixed_dictionaries(
    {"replicas": st.integers(0, 2)},
    optional={"paused": st.booleans(), "template": st.fixed_dictionaries({"containers": containers})},
)
server_set = st.fixed_dictionaries(
    {"uid": texts, "resourceVersion": texts, "generation": st.integers(1, 3)},
    optional={"managedFields": st.just([{"manager": "x"}]), "creationTimestamp": texts, "deletionTimestamp": texts},
)
objects = st.builds(
    lambda server, labels, spec, status: {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "n", **server, **labels},
        "spec": spec,
        **status,
    },
    server_set,
    st.fixed_dictionaries({}, optional={"labels": maps, "annotations": maps}),
    specs,
    st.fixed_dictionaries({}, optional={"status": st.dictionaries(texts, texts)}),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 1) | st.just(1.0) | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "ip", "data", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)
any_objects = st.builds(
    lambda fields, labels: {**fields, "metadata": {"labels": labels}},
    st.dictionaries(st.sampled_from(["labels", "spec", "data", "list", "status", "kind"]), json_values),
    json_values,
)
NOT_OURS = {"uid", "resourceVersion", "generation", "managedFields", "creationTimestamp", "deletionTimestamp"}


def ours(obj: Object) -> Object:
    metadata = {name: value for name, value in obj["metadata"].items() if name not in NOT_OURS}
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}


def not_ours(obj: Object) -> Object:
    return {"status": obj.get("status"), **{name: obj["metadata"].get(name) for name in NOT_OURS}}


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def exactly(value: Any) -> str:
    return json.dumps(value, sort_keys=True).replace("1.0", "1")


def patched(target: Any, patch: Any) -> Any:
    """The procedure of RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value)
    return result


def leaves(value: Any, path: str = "") -> dict[str, str]:
    """Every field by its path, as the messages write it."""
    if isinstance(value, dict):
        found: dict[str, str] = {}
        for name, member in value.items():
            found |= leaves(member, f"{path}[{name}]" if "/" in name else f"{path}.{name}".removeprefix("."))
        return found
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        found = {}
        for item in value:
            found |= leaves(item, f"{path}[{item['name']}]")
        return found
    return {path: exactly(value)}


@given(before=objects, after=objects, server=server_set)
def test_what_nobody_changed_since_is_as_it_was_before_but_for_what_the_server_sets(
    before: Object, after: Object, server: Object
) -> None:
    live = {**ours(after), "metadata": {**ours(after)["metadata"], **server}, "status": {"replicas": 1}}
    restored = restore(before, after, live)
    assert ours(restored.target) == ours(before)
    assert not_ours(restored.target) == not_ours(live)
    assert restored.changed_since == []


@given(before=objects, after=objects, live=objects)
def test_whatever_others_changed_after_us_survives(before: Object, after: Object, live: Object) -> None:
    target = leaves(ours(restore(before, after, live).target))
    ours_then, now = leaves(ours(after)), leaves(ours(live))
    for path in now.keys() | ours_then.keys():
        if now.get(path) != ours_then.get(path):
            assert target.get(path) == now.get(path), path


@given(before=objects, after=objects, live=objects)
def test_whatever_we_changed_and_nobody_since_is_as_before_unless_it_is_part_of_what_is_named(
    before: Object, after: Object, live: Object
) -> None:
    restored = restore(before, after, live)
    target, then, ours_then, now = (leaves(ours(obj)) for obj in (restored.target, before, after, live))
    for path in then.keys() | ours_then.keys():
        if then.get(path) != ours_then.get(path) == now.get(path):
            named = any(
                path == other or path.startswith((f"{other}.", f"{other}[")) for other in restored.changed_since
            )
            assert named or target.get(path) == then.get(path), path


@given(before=objects, after=objects, live=objects)
def test_only_what_both_we_and_others_changed_is_named(before: Object, after: Object, live: Object) -> None:
    then, ours_then, now = (leaves(ours(obj)) for obj in (before, after, live))
    for path in restore(before, after, live).changed_since:
        below = [
            {name: value for name, value in state.items() if name == path or name.startswith((f"{path}.", f"{path}["))}
            for state in (then, ours_then, now)
        ]
        assert below[0] != below[1] != below[2], path


@given(before=objects | any_objects, after=objects | any_objects, live=objects | any_objects)
def test_restoring_twice_changes_nothing_more(before: Object, after: Object, live: Object) -> None:
    states = copy.deepcopy((before, after, live))
    target = restore(before, after, live).target
    again = restore(before, after, target)
    assert exactly(again.target) == exactly(target)
    assert again.nothing
    assert (before, after, live) == states


@given(live=any_objects, target=any_objects)
def test_a_merge_patch_gives_exactly_the_target(live: Object, target: Object) -> None:
    patch = merge_patch(live, target)
    assert exactly(without_nulls(patched(live, patch))) == exactly(without_nulls(target))
    assert (patch == {}) is (exactly(without_nulls(live)) == exactly(without_nulls(target)))


@given(before=objects, after=objects, live=objects)
def test_there_is_nothing_to_write_exactly_when_the_patch_is_empty(before: Object, after: Object, live: Object) -> None:
    restored = restore(before, after, live)
    assert restored.nothing is (merge_patch(live, restored.target) == {})


@given(before=objects, after=objects, live=objects)
def test_a_patch_never_touches_what_is_not_ours(before: Object, after: Object, live: Object) -> None:
    patch = merge_patch(live, restore(before, after, live).target)
    assert not patch.keys() & {"apiVersion", "kind", "status"}
    assert not patch.get("metadata", {}).keys() & {*NOT_OURS, "name", "namespace"}


def spec(value: Object) -> Object:
    return {"metadata": {}, "spec": value}


def deployment(*, replicas: int = 1, labels: dict[str, str] | None = None, **images: str) -> Object:
    items = [{"name": name, "image": image} for name, image in images.items()]
    metadata: Object = {"name": "web", "labels": labels or {"app": "web"}}
    return {"metadata": metadata, "spec": {"replicas": replicas, "template": {"spec": {"containers": items}}}}


def test_what_others_changed_is_named_by_a_path_that_people_read() -> None:
    before = deployment(replicas=1, labels={"app.kubernetes.io/version": "1"}, web="v1", log="l1")
    after = deployment(replicas=3, labels={"app.kubernetes.io/version": "2"}, web="v2", log="l2")
    live = deployment(replicas=5, labels={"app.kubernetes.io/version": "3"}, web="v3", log="l2")
    restored = restore(before, after, live)
    assert restored.changed_since == [
        "metadata.labels[app.kubernetes.io/version]",
        "spec.replicas",
        "spec.template.spec.containers[web].image",
    ]
    assert restored.target["spec"]["template"]["spec"]["containers"] == [
        {"name": "web", "image": "v3"},
        {"name": "log", "image": "l1"},
    ]


def test_a_container_that_somebody_added_since_stays_and_ours_goes() -> None:
    restored = restore(deployment(web="v1"), deployment(web="v2", ours="o"), deployment(mesh="m", web="v2", ours="o"))
    assert restored.target == deployment(mesh="m", web="v1")
    assert restored.changed_since == []


def test_what_we_added_and_somebody_changed_since_stays_whole_and_is_named() -> None:
    def probed(period: int | None) -> Object:
        container: Object = {"name": "web"} | ({"livenessProbe": {"path": "/", "period": period}} if period else {})
        return spec({"containers": [container]})

    restored = restore(probed(None), probed(5), probed(10))
    assert restored.target == probed(10)
    assert restored.changed_since == ["spec.containers[web].livenessProbe"]


def test_a_label_that_somebody_added_beside_our_first_one_stays() -> None:
    restored = restore(
        {"metadata": {}}, {"metadata": {"labels": {"a": "1"}}}, {"metadata": {"labels": {"a": "1", "b": "2"}}}
    )
    assert restored.target == {"metadata": {"labels": {"b": "2"}}}


def test_what_we_removed_comes_back_in_its_place() -> None:
    restored = restore(deployment(a="1", b="1", c="1"), deployment(a="1", c="1"), deployment(a="1", c="2"))
    assert restored.target == deployment(a="1", b="1", c="2")


def test_what_we_removed_comes_back_behind_its_neighbour_though_others_were_added_since() -> None:
    restored = restore(deployment(a="1", b="1"), deployment(a="1"), deployment(m="m", a="1", z="z"))
    assert restored.target == deployment(m="m", a="1", b="1", z="z")


def test_an_order_that_only_we_changed_is_as_before_though_somebody_changed_an_item() -> None:
    restored = restore(deployment(a="1", b="1"), deployment(b="1", a="1"), deployment(b="1", a="2"))
    assert restored.target == deployment(a="2", b="1")


def test_a_map_that_we_brought_goes_with_the_last_of_our_members() -> None:
    ours_then = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    assert restore({"metadata": {}}, ours_then, {"metadata": {"labels": {"a": "1"}}}).target == {"metadata": {}}


@pytest.mark.parametrize(
    ("before", "after", "live", "target", "named"),
    [
        (["a"], ["b"], ["b", "c"], ["b", "c"], ["spec.items"]),
        ([{"x": 1}], [{"x": 2}], [{"x": 3}], [{"x": 3}], ["spec.items"]),
        ([{"name": "a", "v": 1}] * 2, [], [{"name": "a", "v": 2}], [{"name": "a", "v": 2}], ["spec.items"]),
    ],
)
def test_a_list_whose_items_have_no_key_of_their_own_is_one_value(
    before: list[Any], after: list[Any], live: list[Any], target: list[Any], named: list[str]
) -> None:
    restored = restore(spec({"items": before}), spec({"items": after}), spec({"items": live}))
    assert restored.target == spec({"items": target})
    assert restored.changed_since == named


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        ([{"port": 80, "protocol": "TCP", "v": 0}, {"port": 80, "protocol": "UDP", "v": 0}], "[80/TCP]"),
        ([{"containerPort": 80, "protocol": "TCP", "v": 0}, {"containerPort": 81, "v": 0}], "[80/TCP]"),
        ([{"mountPath": "/a", "name": "d", "v": 0}, {"mountPath": "/b", "name": "d", "v": 0}], "[/a]"),
        ([{"ip": "10.0.0.1", "v": 0}, {"ip": "10.0.0.2", "v": 0}], "[10.0.0.1]"),
        ([{"type": "A", "v": 0}, {"type": "B", "v": 0}], "[A]"),
    ],
)
def test_items_are_told_apart_by_the_key_of_their_kind(items: list[Object], shown: str) -> None:
    def state(first: int, second: int) -> Object:
        return spec({"list": [{**items[0], "v": first}, {**items[1], "v": second}]})

    restored = restore(state(1, 1), state(2, 2), state(3, 2))
    assert restored.target == state(3, 1)
    assert restored.changed_since == [f"spec.list{shown}.v"]


def test_true_is_not_one() -> None:
    assert merge_patch({"a": 1}, {"a": True}) == {"a": True}
    assert restore(spec({"a": 1}), spec({"a": True}), spec({"a": True})).target["spec"]["a"] is not True
