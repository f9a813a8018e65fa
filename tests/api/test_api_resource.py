"""KubernetesResource on a real API server: what is there after an action, and after its revert."""

from __future__ import annotations

import pytest

from runner import vocabulary as words
from support.api_actions import KEY, ActionBench, Done, assert_succeeded, config, content, resource
from support.api_runner import Room

pytestmark = pytest.mark.bed


@pytest.fixture
def bench(room: Room) -> ActionBench:
    """A room in which actions may change objects of some kinds."""
    return ActionBench(room).granted()


def test_what_was_created_has_our_labels_and_is_gone_after_the_revert(bench: ActionBench) -> None:
    forward = bench.forward(resource("Create", config(a="1", labels={"tier": "db"})))
    assert_succeeded(forward)
    made = bench.get("ConfigMap", "settings")
    assert made is not None
    labels = made["metadata"]["labels"]
    assert made["data"] == {"a": "1"}
    assert labels["tier"] == "db"
    assert (labels[words.LABEL_KEY], labels[words.LABEL_EXECUTION_UID]) == (KEY, forward.run.uid)
    assert (labels[words.LABEL_PLAN], labels[words.LABEL_OPERATION], labels[words.LABEL_EPOCH]) == (
        "pay",
        "execute",
        "1",
    )
    namespace = bench.room.namespace
    assert forward.message == f"Resource ConfigMap {namespace}/settings Create successfully"
    assert forward.state["outputs"]["resourceRef"] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "namespace": namespace,
        "name": "settings",
        "uid": made["metadata"]["uid"],
    }
    assert forward.state["values"]["object"]["data"] == {"a": "1"}
    back = bench.revert(forward)
    assert_succeeded(back)
    assert bench.get("ConfigMap", "settings") is None
    assert back.message == f"Rolled back: deleted resource ConfigMap {namespace}/settings"


@pytest.mark.parametrize("operation", ["Apply", "Patch"])
def test_what_was_changed_is_as_it_was_after_the_revert(bench: ActionBench, operation: str) -> None:
    before = bench.create(config(a="1", b="1", labels={"tier": "db"}))
    forward = bench.forward(resource(operation, config(a="2", c="2")))
    assert_succeeded(forward)
    changed = bench.get("ConfigMap", "settings")
    assert changed is not None
    assert changed["data"] == {"a": "2", "b": "1", "c": "2"}
    assert changed["metadata"]["labels"] == {"tier": "db"}
    assert changed["metadata"]["uid"] == before["metadata"]["uid"]
    back = bench.revert(forward)
    assert_succeeded(back)
    assert content(bench.get("ConfigMap", "settings")) == content(before)
    assert back.message == f"Rolled back: restored ConfigMap {bench.room.namespace}/settings"


def test_what_was_applied_where_nothing_was_is_gone_after_the_revert(bench: ActionBench) -> None:
    forward = bench.forward(resource("Apply", config(a="1")))
    assert_succeeded(forward)
    assert bench.data() == {"a": "1"}
    assert_succeeded(bench.revert(forward))
    assert bench.get("ConfigMap", "settings") is None


def test_what_was_deleted_is_there_again_after_the_revert(bench: ActionBench) -> None:
    before = bench.create(config(a="1", labels={"tier": "db"}))
    forward = bench.forward(resource("Delete", config()))
    assert_succeeded(forward)
    assert bench.get("ConfigMap", "settings") is None
    back = bench.revert(forward)
    assert_succeeded(back)
    assert content(bench.get("ConfigMap", "settings")) == content(before)
    assert back.message == f"Rolled back: created ConfigMap {bench.room.namespace}/settings again"


def test_deleting_what_is_not_there_is_success_and_so_is_the_revert(bench: ActionBench) -> None:
    forward = bench.forward(resource("Delete", config()))
    assert_succeeded(forward)
    assert forward.message.endswith("Delete successfully, it was not there")
    assert_succeeded(bench.revert(forward))
    assert bench.get("ConfigMap", "settings") is None


def test_a_manifest_that_was_read_from_a_cluster_can_be_applied(bench: ActionBench) -> None:
    read = bench.create(config(a="1"))
    bench.delete("ConfigMap", "settings")
    assert_succeeded(bench.forward(resource("Create", {**read, "data": {"a": "2"}})))
    assert bench.data() == {"a": "2"}


@pytest.mark.parametrize("operation", ["Apply", "Patch"])
def test_what_somebody_changed_since_stays_and_is_named(bench: ActionBench, operation: str) -> None:
    bench.create(config(a="1", b="1"))
    forward = bench.forward(resource(operation, config(a="2", b="2")))
    bench.change("ConfigMap", "settings", {"data": {"b": "theirs", "d": "theirs"}})
    back = bench.revert(forward)
    assert_succeeded(back)
    assert bench.data() == {"a": "1", "b": "theirs", "d": "theirs"}
    assert "data.b changed since and stays" in back.message


@pytest.mark.parametrize("operation", ["Create", "Apply"])
def test_a_namesake_that_was_made_since_is_not_deleted(bench: ActionBench, operation: str) -> None:
    forward = bench.forward(resource(operation, config(a="1")))
    ours = bench.get("ConfigMap", "settings")
    assert ours is not None
    bench.delete("ConfigMap", "settings")
    # With all our labels: it is the uid that counts.
    bench.create(config(a="theirs", labels=ours["metadata"]["labels"]))
    back = bench.revert(forward)
    assert_succeeded(back)
    assert bench.data() == {"a": "theirs"}
    assert "is not the one that was made, and is left alone" in back.message


def test_what_somebody_deleted_already_is_no_matter(bench: ActionBench) -> None:
    forward = bench.forward(resource("Create", config(a="1")))
    bench.delete("ConfigMap", "settings")
    back = bench.revert(forward)
    assert_succeeded(back)
    assert "was gone already" in back.message


def test_what_was_changed_and_made_anew_since_is_left_as_it_is(bench: ActionBench) -> None:
    bench.create(config(a="1"))
    forward = bench.forward(resource("Patch", config(a="2")))
    bench.delete("ConfigMap", "settings")
    bench.create(config(a="2", b="theirs"))
    assert_succeeded(bench.revert(forward))
    assert bench.data() == {"a": "2", "b": "theirs"}


def test_what_was_deleted_and_made_again_by_somebody_is_left_as_it_is(bench: ActionBench) -> None:
    bench.create(config(a="1"))
    forward = bench.forward(resource("Delete", config()))
    bench.create(config(a="theirs"))
    back = bench.revert(forward)
    assert_succeeded(back)
    assert bench.data() == {"a": "theirs"}
    assert "exists again, and is left alone" in back.message


def test_a_revert_that_is_repeated_changes_nothing_more(bench: ActionBench) -> None:
    bench.create(config(a="1"))
    forward = bench.forward(resource("Apply", config(a="2")))
    assert_succeeded(bench.revert(forward))
    bench.change("ConfigMap", "settings", {"data": {"a": "3"}})
    assert_succeeded(bench.revert(forward))
    assert bench.data() == {"a": "3"}


def test_a_create_over_something_that_exists_fails_and_leaves_it_so_does_its_revert(bench: ActionBench) -> None:
    before = bench.create(config(a="theirs"))
    forward = bench.forward(resource("Create", config(a="1")))
    assert (forward.code, forward.phase, forward.reason) == (2, "Failed", "Conflict")
    assert "it already exists and was not made by this action" in forward.message
    assert "before" not in forward.state
    back = bench.revert(forward)
    assert_succeeded(back)
    assert back.message == "Rolled back: nothing had been changed"
    assert content(bench.get("ConfigMap", "settings")) == content(before)


def test_one_object_in_the_way_keeps_all_of_a_manifest_from_being_created(bench: ActionBench) -> None:
    bench.create(config("b", x="theirs"))
    forward = bench.forward(resource("Create", config("a", x="1"), config("b", x="1"), config("c", x="1")))
    assert forward.reason == "Conflict"
    assert [bench.data(name) for name in "abc"] == [None, {"x": "theirs"}, None]


def test_a_patch_of_what_does_not_exist_fails(bench: ActionBench) -> None:
    forward = bench.forward(resource("Patch", config(a="1")))
    assert (forward.code, forward.reason) == (2, "NotFound")
    assert bench.get("ConfigMap", "settings") is None


def test_what_the_server_refuses_fails_at_once_with_its_words_and_nothing_is_left_to_undo(bench: ActionBench) -> None:
    before = bench.create(config(a="1"))
    forward = bench.forward(resource("Apply", config(a="1", **{"no key!": "1"})))
    assert (forward.code, forward.reason) == (2, "Refused")
    assert "a valid config key must consist of" in forward.message
    assert "attempts" not in forward.state
    assert not forward.state.get("before")
    back = bench.revert(forward)
    assert_succeeded(back)
    assert content(bench.get("ConfigMap", "settings")) == content(before)


def test_a_manifest_that_fails_half_way_is_undone_as_far_as_it_came(bench: ActionBench) -> None:
    bench.create(config("a", x="1"))
    untouched = bench.create(config("c", x="1"))
    forward = bench.forward(resource("Apply", config("a", x="2"), config("b", **{"no key!": "1"}), config("c", x="2")))
    assert (forward.phase, forward.reason) == ("Failed", "Refused")
    assert bench.data("a") == {"x": "2"}
    assert [entry["ref"]["name"] for entry in forward.state["before"]] == ["a"]
    bench.change("ConfigMap", "c", {"data": {"y": "theirs"}})
    assert_succeeded(bench.revert(forward))
    assert bench.data("a") == {"x": "1"}
    assert bench.get("ConfigMap", "b") is None
    assert bench.data("c") == {"x": "1", "y": "theirs"}
    assert untouched["metadata"]["uid"] == (bench.get("ConfigMap", "c") or untouched)["metadata"]["uid"]


def test_an_action_that_left_no_record_is_not_undone_and_not_green(bench: ActionBench) -> None:
    forward = Done(bench.run(), resource("Create", config(a="1")), 0, "")
    back = bench.revert(forward)
    assert (back.code, back.phase, back.reason) == (2, "Failed", "NotUndoable")
