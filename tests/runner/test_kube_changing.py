"""What is done to an object is right for everything that can be found when it is looked at, forward and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import vocabulary as words
from runner.kube.changing import Act, Owner, Step, Undoing, found, next_step, undoing_step
from runner.kube.images import Image
from runner.kube.objects import Object, Ref, ref_of
from runner.vocabulary import Operation, Reason

OWNER = Owner("s1.w1.a1", frozenset({"run-uid", "workflow-uid"}))
OURS = {words.LABEL_KEY: "s1.w1.a1", words.LABEL_EXECUTION_UID: "run-uid"}
NAMED = Ref("v1", "ConfigMap", "dr", "settings")
CHANGING = (Operation.APPLY, Operation.PATCH)


def config(uid: str = "u1", version: str = "1", *, labels: dict[str, str] | None = None, **data: str) -> Object:
    metadata: dict[str, Any] = {"name": "settings", "namespace": "dr", "uid": uid, "resourceVersion": version}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def was(obj: Object | None, *, kept: bool = True) -> Image:
    if obj is None:
        return Image(NAMED, existed=False, content=None)
    return Image(ref_of(obj), existed=True, content=obj if kept else None)


def decided(operation: Operation, before: Object | None, live: Object | None, *, first: bool = True) -> Step:
    return next_step(operation, was(before), live, owner=OWNER, first=first)


def undone(operation: Operation, before: Object | None, after: Object | None, live: Object | None) -> Step:
    made = was(after) if after is not None else None
    return undoing_step(operation, was(before), made, live, owner=OWNER)


THEIRS = config()
THEIRS_ANEW = config("u2")
MADE = config("u9", labels=OURS)


@pytest.mark.parametrize(
    ("operation", "before", "live", "first", "act"),
    [
        (Operation.CREATE, None, None, True, Act.CREATE),
        (Operation.CREATE, THEIRS, THEIRS, True, Act.FAIL),
        (Operation.CREATE, None, MADE, False, Act.NOTHING),
        (Operation.CREATE, None, THEIRS, False, Act.FAIL),
        (Operation.APPLY, None, None, True, Act.APPLY),
        (Operation.APPLY, THEIRS, THEIRS, True, Act.APPLY),
        (Operation.APPLY, None, MADE, False, Act.APPLY),
        (Operation.APPLY, None, THEIRS, True, Act.LOOK_AGAIN),
        (Operation.APPLY, None, THEIRS, False, Act.LOOK_AGAIN),
        (Operation.APPLY, THEIRS, None, True, Act.LOOK_AGAIN),
        (Operation.APPLY, THEIRS, THEIRS_ANEW, True, Act.LOOK_AGAIN),
        (Operation.APPLY, THEIRS, THEIRS_ANEW, False, Act.APPLY),
        (Operation.PATCH, None, None, True, Act.FAIL),
        (Operation.PATCH, THEIRS, None, False, Act.FAIL),
        (Operation.PATCH, THEIRS, THEIRS, True, Act.PATCH),
        (Operation.PATCH, THEIRS, THEIRS_ANEW, True, Act.LOOK_AGAIN),
        (Operation.PATCH, None, THEIRS, False, Act.LOOK_AGAIN),
        (Operation.PATCH, THEIRS, THEIRS, False, Act.PATCH),
        (Operation.DELETE, None, None, True, Act.NOTHING),
        (Operation.DELETE, None, THEIRS, False, Act.LOOK_AGAIN),
        (Operation.DELETE, THEIRS, THEIRS, True, Act.DELETE),
        (Operation.DELETE, THEIRS, None, False, Act.NOTHING),
        (Operation.DELETE, THEIRS, THEIRS_ANEW, True, Act.LOOK_AGAIN),
        (Operation.DELETE, THEIRS, THEIRS_ANEW, False, Act.NOTHING),
        (Operation.REPLACE, None, None, True, Act.CREATE),
        (Operation.REPLACE, THEIRS, THEIRS, True, Act.REPLACE),
        (Operation.REPLACE, THEIRS, None, False, Act.CREATE),
        (Operation.REPLACE, THEIRS, MADE, False, Act.NOTHING),
        (Operation.REPLACE, THEIRS, THEIRS_ANEW, True, Act.LOOK_AGAIN),
        (Operation.REPLACE, THEIRS, THEIRS_ANEW, False, Act.FAIL),
        (Operation.REPLACE, None, THEIRS, False, Act.LOOK_AGAIN),
    ],
)
def test_forward_does_what_fits_what_was_and_what_is_there(
    operation: Operation, before: Object | None, live: Object | None, first: bool, act: Act
) -> None:
    assert decided(operation, before, live, first=first).act is act


def test_what_is_in_the_way_of_a_create_is_described() -> None:
    live = config(labels={words.LABEL_APP_MANAGED_BY: "Helm"})
    live["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    step = decided(Operation.CREATE, live, live)
    assert step.reason == Reason.CONFLICT
    assert "already exists and was not made by this action" in step.note
    assert "2026-01-01T00:00:00Z, managed by Helm" in step.note


def test_an_object_of_a_run_that_was_adopted_meanwhile_is_recognised() -> None:
    made = config(labels={**OURS, words.LABEL_EXECUTION_UID: "workflow-uid"})
    assert decided(Operation.CREATE, None, made, first=False).act is Act.NOTHING


@pytest.mark.parametrize("label", [words.LABEL_KEY, words.LABEL_EXECUTION_UID])
def test_an_object_of_another_action_or_run_is_not_ours(label: str) -> None:
    other = config(labels={**OURS, label: "another"})
    assert decided(Operation.CREATE, other, other).act is Act.FAIL


@pytest.mark.parametrize("operation", CHANGING)
def test_a_first_write_is_meant_for_the_very_version_that_was_recorded(operation: Operation) -> None:
    only = decided(operation, THEIRS, THEIRS).only
    assert only is not None
    assert (only.uid, only.resource_version) == ("u1", "1")


@pytest.mark.parametrize("operation", CHANGING)
def test_a_repeated_write_is_meant_for_whatever_is_there(operation: Operation) -> None:
    assert decided(operation, THEIRS, config(version="2"), first=False).only is None


@pytest.mark.parametrize("operation", [Operation.DELETE, Operation.REPLACE])
def test_a_deletion_is_meant_for_the_very_object_whatever_its_version(operation: Operation) -> None:
    only = decided(operation, THEIRS, config(version="2"), first=False).only
    assert only is not None
    assert (only.uid, only.resource_version) == ("u1", "")


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.APPLY, Operation.REPLACE])
def test_what_is_created_is_labelled(operation: Operation) -> None:
    assert decided(operation, None, None).labelled


@pytest.mark.parametrize("operation", CHANGING)
def test_what_existed_before_is_never_labelled(operation: Operation) -> None:
    assert not decided(operation, THEIRS, THEIRS).labelled


@pytest.mark.parametrize(
    ("operation", "before", "after", "live", "act", "did"),
    [
        (Operation.CREATE, None, MADE, MADE, Act.DELETE, Undoing.DELETED),
        (Operation.CREATE, None, None, MADE, Act.DELETE, Undoing.DELETED),
        (Operation.CREATE, None, MADE, None, Act.NOTHING, Undoing.LEFT),
        (Operation.CREATE, None, MADE, THEIRS, Act.NOTHING, Undoing.LEFT),
        (Operation.CREATE, None, None, THEIRS, Act.NOTHING, Undoing.LEFT),
        (Operation.CREATE, THEIRS, None, THEIRS, Act.NOTHING, Undoing.LEFT),
        (Operation.APPLY, None, MADE, MADE, Act.DELETE, Undoing.DELETED),
        (Operation.APPLY, None, MADE, THEIRS_ANEW, Act.NOTHING, Undoing.LEFT),
        (Operation.APPLY, THEIRS, config(version="2", a="2"), None, Act.NOTHING, Undoing.LEFT),
        (Operation.APPLY, THEIRS, config(version="2", a="2"), THEIRS_ANEW, Act.NOTHING, Undoing.LEFT),
        (Operation.APPLY, THEIRS, config(version="2", a="2"), config(version="2", a="2"), Act.PATCH, Undoing.RESTORED),
        (Operation.PATCH, THEIRS, None, config(version="2", a="2"), Act.FAIL, Undoing.LEFT),
        (Operation.PATCH, THEIRS, None, config(version="2"), Act.NOTHING, Undoing.LEFT),
        (Operation.PATCH, THEIRS, None, config(version="1"), Act.NOTHING, Undoing.LEFT),
        (Operation.DELETE, None, None, None, Act.NOTHING, Undoing.LEFT),
        (Operation.DELETE, None, None, THEIRS, Act.NOTHING, Undoing.LEFT),
        (Operation.DELETE, THEIRS, None, None, Act.CREATE, Undoing.CREATED),
        (Operation.DELETE, THEIRS, None, THEIRS, Act.NOTHING, Undoing.LEFT),
        (Operation.DELETE, THEIRS, None, config("u2", a="other"), Act.NOTHING, Undoing.LEFT),
        (Operation.DELETE, THEIRS, None, THEIRS_ANEW, Act.NOTHING, Undoing.CREATED),
        (Operation.REPLACE, None, MADE, MADE, Act.DELETE, Undoing.DELETED),
        (Operation.REPLACE, THEIRS, MADE, MADE, Act.REPLACE, Undoing.CREATED),
        (Operation.REPLACE, THEIRS, None, MADE, Act.REPLACE, Undoing.CREATED),
        (Operation.REPLACE, THEIRS, MADE, None, Act.CREATE, Undoing.CREATED),
        (Operation.REPLACE, THEIRS, MADE, THEIRS, Act.NOTHING, Undoing.LEFT),
        (Operation.REPLACE, THEIRS, MADE, config("u3", a="other"), Act.NOTHING, Undoing.LEFT),
    ],
)
def test_back_does_what_fits_what_was_recorded_and_what_is_there(
    operation: Operation, before: Object | None, after: Object | None, live: Object | None, act: Act, did: Undoing
) -> None:
    step = undone(operation, before, after, live)
    assert (step.act, step.did) == (act, did)


def test_only_the_object_that_was_made_is_deleted_though_a_namesake_bears_its_labels() -> None:
    copied = config("u10", labels=OURS)
    assert undone(Operation.CREATE, None, MADE, copied).act is Act.NOTHING


@pytest.mark.parametrize("operation", [Operation.DELETE, Operation.REPLACE])
def test_what_is_still_being_deleted_is_waited_for_and_created_again(operation: Operation) -> None:
    leaving = config()
    leaving["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/hold"]}
    step = undone(operation, THEIRS, None, leaving)
    assert (step.act, step.did) == (Act.AWAIT_AND_CREATE, Undoing.CREATED)


@pytest.mark.parametrize("operation", [Operation.DELETE, Operation.REPLACE])
def test_what_was_not_kept_cannot_be_created_again(operation: Operation) -> None:
    step = undoing_step(operation, was(THEIRS, kept=False), None, None, owner=OWNER)
    assert (step.act, step.reason) == (Act.FAIL, Reason.NOT_UNDOABLE)


def test_a_change_whose_result_was_too_large_to_keep_is_undone_while_nobody_has_touched_the_object() -> None:
    before, after = config(version="1", a="1"), config(version="2", a="2")
    untouched = undoing_step(Operation.APPLY, was(before), was(after, kept=False), after, owner=OWNER)
    assert untouched.act is Act.PATCH
    assert untouched.patch == {"data": {"a": "1"}}
    touched = config(version="3", a="2", b="theirs")
    later = undoing_step(Operation.APPLY, was(before), was(after, kept=False), touched, owner=OWNER)
    assert (later.act, later.reason) == (Act.FAIL, Reason.NOT_UNDOABLE)


def test_what_somebody_changed_since_stays_and_is_named() -> None:
    before, after = config(a="1", b="1"), config(version="2", a="2", b="2")
    step = undone(Operation.PATCH, before, after, config(version="3", a="2", b="theirs"))
    assert step.patch == {"data": {"a": "1"}}
    assert "data.b changed since and stays" in step.note
    assert step.only is not None
    assert step.only.resource_version == "3"


@pytest.mark.parametrize(
    ("operation", "before", "live", "did"),
    [
        (Operation.CREATE, None, None, Undoing.DELETED),
        (Operation.APPLY, None, None, Undoing.DELETED),
        (Operation.APPLY, config(a="1"), config(version="3", a="1"), Undoing.RESTORED),
        (Operation.PATCH, config(a="1"), config(version="3", a="1"), Undoing.RESTORED),
        (Operation.DELETE, config(a="1"), config("u2", a="1"), Undoing.CREATED),
    ],
)
def test_what_is_as_it_should_be_was_undone_by_an_attempt_that_was_lost_when_there_was_one(
    operation: Operation, before: Object | None, live: Object | None, did: Undoing
) -> None:
    made = None if operation is Operation.DELETE else was(config(version="2", a="2"))
    step = undoing_step(operation, was(before), made, live, owner=OWNER, begun=True)
    assert (step.act, step.did, step.note) == (Act.NOTHING, did, "")


texts = st.dictionaries(st.sampled_from("abc"), st.sampled_from("123"), max_size=3)


@given(operation=st.sampled_from(CHANGING), before=texts, after=texts, live=texts)
def test_undoing_a_change_twice_is_undoing_it_once(
    operation: Operation, before: dict[str, str], after: dict[str, str], live: dict[str, str]
) -> None:
    first = undone(operation, config(**before), config(version="2", **after), config(version="3", **live))
    if first.act is Act.PATCH:
        restored = json.loads(json.dumps(live))
        for name, value in (first.patch or {}).get("data", {}).items():
            restored.pop(name, None)
            if value is not None:
                restored[name] = value
        again = undone(operation, config(**before), config(version="2", **after), config(version="4", **restored))
        assert again.act is Act.NOTHING
    assert first.act in (Act.PATCH, Act.NOTHING)


objects = st.sampled_from([None, THEIRS, THEIRS_ANEW, MADE])


@given(operation=st.sampled_from(Operation), before=objects, live=objects, first=st.booleans())
def test_nothing_is_deleted_but_the_object_that_was_recorded(
    operation: Operation, before: Object | None, live: Object | None, first: bool
) -> None:
    step = decided(operation, before, live, first=first)
    if step.act in (Act.DELETE, Act.REPLACE):
        assert step.only is not None
        assert before is not None
        assert step.only.uid == before["metadata"]["uid"]


@given(operation=st.sampled_from(Operation), live=objects, first=st.booleans())
def test_recording_anew_what_is_there_always_leads_to_a_decision(
    operation: Operation, live: Object | None, first: bool
) -> None:
    seen = found(operation, NAMED, live, owner=OWNER)
    assert next_step(operation, seen, live, owner=OWNER, first=first).act is not Act.LOOK_AGAIN
