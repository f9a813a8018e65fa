"""What to do to an object, decided from what was there before, what is there now, and whose it is. Pure.

The engine asks again after every surprise, so an answer only has to be right for what is known when it is given.
What is recorded as `before` stands, however often an action is taken over: only while nothing of ours can have been
written (`first`) may a surprise lead to recording it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from runner import vocabulary as words
from runner.kube.images import Image
from runner.kube.objects import Object, Ref, bare, being_deleted, ref_of
from runner.kube.restoring import merge_patch, restore
from runner.vocabulary import Operation, Reason

_MAKING = (Operation.CREATE, Operation.APPLY, Operation.REPLACE)
_PATHS_SHOWN = 5


class Change(NamedTuple):
    """What an action wants of an object.

    Attributes:
        operation: what is done.
        obj: what is sent; for Patch a merge patch with apiVersion, kind and name, for Delete those suffice.
    """

    operation: Operation
    obj: Object


class Written(NamedTuple):
    """What came of a change.

    Attributes:
        ref: the object as it was left, or as it was before it was deleted.
        operation: what was done.
        existed: whether there was one before.
        obj: the object as it was left; None after a Delete.
        note: what else is to be said, empty or beginning with a comma.
    """

    ref: Ref
    operation: Operation
    existed: bool
    obj: Object | None
    note: str = ""


class Undoing(Enum):
    """What came of undoing a change to an object."""

    DELETED = "deleted"
    RESTORED = "restored"
    CREATED = "created again"
    LEFT = "left as it is"


class Undone(NamedTuple):
    """What came of undoing a change.

    Attributes:
        ref: the object.
        did: what was done.
        note: what else is to be said, empty when nothing is.
    """

    ref: Ref
    did: Undoing
    note: str = ""


class Owner(NamedTuple):
    """The action that created objects are recognised by.

    Attributes:
        key: key of the action.
        uids: what their label execution-uid may be.
    """

    key: str
    uids: frozenset[str]

    def has(self, obj: Mapping[str, Any] | None) -> bool:
        """Whether the action created this object."""
        labels = obj["metadata"].get("labels") or {} if obj else {}
        return labels.get(words.LABEL_KEY) == self.key and labels.get(words.LABEL_EXECUTION_UID) in self.uids


class Act(Enum):
    """What to do next to an object."""

    NOTHING = "it is as it should be"
    LOOK_AGAIN = "record what is there now, and decide again"
    CREATE = "create it"
    APPLY = "apply it"
    PATCH = "patch it"
    DELETE = "delete it"
    REPLACE = "delete it, wait until it is gone, create another"
    AWAIT_AND_CREATE = "wait until it is gone, create another"
    FAIL = "it cannot be done"


class Step(NamedTuple):
    """The next step.

    Attributes:
        act: what to do.
        only: the object that it may be done to: a uid, and a version where it matters; None for any.
        labelled: whether what is written gets the labels of objects that we create.
        patch: the merge patch that restores the object, when undoing.
        did: what it comes to, when undoing.
        reason: why it fails.
        note: what is to be said about it.
    """

    act: Act
    only: Ref | None = None
    labelled: bool = False
    patch: Mapping[str, Any] | None = None
    did: Undoing = Undoing.LEFT
    reason: str = ""
    note: str = ""


_LOOK_AGAIN = Step(Act.LOOK_AGAIN)


def found(operation: Operation, ref: Ref, live: Object | None, *, owner: Owner) -> Image:
    """Return what is recorded to be there before a change: what the action has made itself does not count."""
    if live is None or (operation in _MAKING and owner.has(live)):
        return Image(ref, existed=False, content=None)
    return Image(ref_of(live), existed=True, content=live)


def next_step(operation: Operation, before: Image, live: Object | None, *, owner: Owner, first: bool) -> Step:
    """Decide the next step of a change.

    Args:
        operation: what is wanted.
        before: what is recorded to have been there.
        live: what is there.
        owner: the action.
        first: whether nothing of this action can have been written to this object yet.
    """
    decide = {
        Operation.CREATE: _create,
        Operation.APPLY: _apply,
        Operation.PATCH: _patch,
        Operation.DELETE: _delete,
        Operation.REPLACE: _replace,
    }[operation]
    return decide(before, live, owner.has(live), first)


def _create(_before: Image, live: Object | None, ours: bool, _first: bool) -> Step:
    if live is None:
        return Step(Act.CREATE, labelled=True)
    if ours:
        return Step(Act.NOTHING, note=", by an earlier attempt")
    return Step(Act.FAIL, reason=Reason.CONFLICT, note=_stranger(live))


def _apply(before: Image, live: Object | None, ours: bool, first: bool) -> Step:
    if not before.existed:
        # One that is there by now and is not ours was made by somebody else: it must not come to be taken for ours.
        return _LOOK_AGAIN if live is not None and not ours else Step(Act.APPLY, labelled=True)
    if first and (live is None or _uid(live) != before.ref.uid):
        return _LOOK_AGAIN
    return Step(Act.APPLY, only=before.ref if first else None, labelled=live is None)


def _patch(before: Image, live: Object | None, _ours: bool, first: bool) -> Step:
    if live is None:
        return Step(Act.FAIL, reason=Reason.NOT_FOUND, note="it does not exist, and Patch changes what exists")
    if not before.existed or (first and _uid(live) != before.ref.uid):
        return _LOOK_AGAIN
    return Step(Act.PATCH, only=before.ref if first else None)


def _delete(before: Image, live: Object | None, _ours: bool, first: bool) -> Step:
    if not before.existed:
        return Step(Act.NOTHING, note=", it was not there") if live is None else _LOOK_AGAIN
    if live is None:
        return Step(Act.NOTHING)
    if _uid(live) == before.ref.uid:
        return Step(Act.DELETE, only=ref_of(live)._replace(resource_version=""))
    return _LOOK_AGAIN if first else Step(Act.NOTHING, note=", one of the same name was made since and is left alone")


def _replace(before: Image, live: Object | None, ours: bool, first: bool) -> Step:
    if ours:
        return Step(Act.NOTHING)
    if live is None:
        return Step(Act.CREATE, labelled=True)
    if before.existed and _uid(live) == before.ref.uid:
        return Step(Act.REPLACE, only=ref_of(live)._replace(resource_version=""), labelled=True)
    if first or not before.existed:
        return _LOOK_AGAIN
    note = f"it was deleted to be replaced, and {_stranger(live)}"
    return Step(Act.FAIL, reason=Reason.CONFLICT, note=note)


def undoing_step(
    operation: Operation,
    before: Image,
    after: Image | None,
    live: Object | None,
    *,
    owner: Owner,
    begun: bool = False,
) -> Step:
    """Decide the next step of undoing a change.

    Args:
        operation: what was done.
        before: what is recorded to have been there.
        after: what is recorded to have been made of it; None when that was not noted.
        live: what is there.
        owner: the action that is undone.
        begun: whether it may have been written for this undoing already: what is as it should be is so because of it.
    """
    ours = owner.has(live) if after is None or not after.ref.uid else _uid(live) == after.ref.uid
    if not before.existed or operation is Operation.CREATE:
        return _undo_creation(operation, live, ours, begun)
    if operation is Operation.DELETE:
        return _undo_deletion(before, live)
    if operation is Operation.REPLACE:
        return _undo_replacement(before, live, ours)
    return _undo_modification(before, after, live, begun)


def _undo_creation(operation: Operation, live: Object | None, ours: bool, begun: bool) -> Step:
    if operation is Operation.DELETE:
        return Step(Act.NOTHING, note="was not there to be deleted")
    if live is None:
        return Step(Act.NOTHING, did=Undoing.DELETED) if begun else Step(Act.NOTHING, note="was gone already")
    if not ours:
        return Step(Act.NOTHING, note="is not the one that was made, and is left alone")
    return Step(Act.DELETE, only=ref_of(live)._replace(resource_version=""), did=Undoing.DELETED)


def _undo_deletion(before: Image, live: Object | None) -> Step:
    if live is None:
        return _again(before, Act.CREATE)
    if _uid(live) == before.ref.uid:
        if being_deleted(live):
            return _again(before, Act.AWAIT_AND_CREATE, ref_of(live))
        return Step(Act.NOTHING, note="had not been deleted")
    if before.content is not None and bare(live) == bare(before.content):
        return Step(Act.NOTHING, did=Undoing.CREATED)
    return Step(Act.NOTHING, note="exists again, and is left alone")


def _undo_replacement(before: Image, live: Object | None, ours: bool) -> Step:
    if live is None or not ours:
        return _undo_deletion(before, live)
    return _again(before, Act.REPLACE, ref_of(live)._replace(resource_version=""))


def _again(before: Image, act: Act, instead_of: Ref | None = None) -> Step:
    if before.content is None:
        return Step(Act.FAIL, reason=Reason.NOT_UNDOABLE, note="what it was before was not kept")
    return Step(act, only=instead_of, did=Undoing.CREATED)


def _undo_modification(before: Image, after: Image | None, live: Object | None, begun: bool) -> Step:
    if live is None:
        return Step(Act.NOTHING, note="was deleted since, and is left alone")
    if _uid(live) != before.ref.uid:
        return Step(Act.NOTHING, note="was made anew since, and is left alone")
    if _version(live) == before.ref.resource_version:
        return Step(Act.NOTHING, note="had not been changed")
    if before.content is None:
        return Step(Act.FAIL, reason=Reason.NOT_UNDOABLE, note="what it was before was not kept")
    made = _known_result(before.content, after, live)
    if made is None:
        note = "what was made of it was not kept, so it cannot be told from what others have changed since"
        return Step(Act.FAIL, reason=Reason.NOT_UNDOABLE, note=note)
    restored = restore(before.content, made, live)
    note = _changed_since(restored.changed_since)
    if restored.nothing and begun:
        return Step(Act.NOTHING, did=Undoing.RESTORED, note=note)
    if restored.nothing:
        return Step(Act.NOTHING, note=note or "is as it was before")
    return Step(Act.PATCH, only=ref_of(live), patch=merge_patch(live, restored.target), did=Undoing.RESTORED, note=note)


def _known_result(before: Object, after: Image | None, live: Object) -> Object | None:
    """What our change had made of an object; None when that cannot be said any more."""
    if after is not None and after.content is not None:
        return after.content
    untouched = after is not None and _version(live) == after.ref.resource_version
    return live if untouched or bare(live) == bare(before) else None


def _changed_since(paths: list[str]) -> str:
    if not paths:
        return ""
    more = f" and {len(paths) - _PATHS_SHOWN} more" if len(paths) > _PATHS_SHOWN else ""
    return f"{', '.join(paths[:_PATHS_SHOWN])}{more} changed since and stays"


def _stranger(live: Mapping[str, Any]) -> str:
    """Say what is in the way, so that whoever reads it can tell whose it is."""
    metadata = live["metadata"]
    labels = metadata.get("labels") or {}
    managers = {entry.get("manager") for entry in metadata.get("managedFields") or ()}
    manager = labels.get(words.LABEL_APP_MANAGED_BY) or ", ".join(sorted(filter(None, managers)))
    by = f", managed by {manager}" if manager else ""
    return f"it already exists and was not made by this action (created {metadata.get('creationTimestamp')}{by})"


def _uid(obj: Mapping[str, Any] | None) -> str:
    return str(obj["metadata"].get("uid") or "") if obj else ""


def _version(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("resourceVersion") or "")
