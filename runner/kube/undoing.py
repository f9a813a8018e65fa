"""Undoes what an action did to objects, from nothing but its record, the last of it first.

What cannot be undone keeps nothing else from being undone, and is said at the end. Undoing an action again, or going
on with an undoing that was lost, finds what is done already and leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.kube.answers import Conflicting, Exists, Missing, NotAllowed
from runner.kube.changing import Act, Owner, Step, Undoing, Undone, undoing_step
from runner.kube.concluding import NotDone
from runner.kube.images import Image
from runner.kube.noting import Notes, Recorded, recorded
from runner.kube.objects import JOB, Object, Ref, owner_references, recreatable, ref_of
from runner.kube.reach import Reach, held_by
from runner.vocabulary import Operation, Reason

_GRACE = 30.0
"""Longest wait for what was deleted to be gone; Jobs, whose pods must not go on, are waited for to the end."""
_AFTER_SURPRISE = 0.1


@dataclass(slots=True)
class _Item:
    """One object whose change is undone.

    Attributes:
        recorded: what the record says about it.
        live: what is there, as read last.
        begun: whether a write for this undoing may have had its effect, here or in an attempt that was lost.
    """

    recorded: Recorded
    live: Object | None
    begun: bool

    @property
    def found(self) -> Image:
        """What is there, without its content."""
        if self.live is None:
            return Image(self.recorded.ref._replace(uid="", resource_version=""), existed=False, content=None)
        return Image(ref_of(self.live), existed=True, content=None)


class Undoer:
    """Undoes one action.

    Args:
        reach: the objects.
        notes: the record of the undoing.
        forward: the record of the action.
    """

    def __init__(self, reach: Reach, notes: Notes, forward: Mapping[str, Any]) -> None:
        spec = forward["spec"]
        uids = {(spec.get(owner) or {}).get("uid") for owner in ("execution", "workflow")}
        self._reach = reach
        self._notes = notes
        self._forward = forward
        self._operation = Operation(spec["action"]["operation"])
        self._owner = Owner(spec["key"], frozenset(filter(None, uids)))

    def undo(self) -> list[Undone]:
        """Undo it.

        Raises:
            NotDone: some of it cannot be undone; all else is.
            KubeError: the API server says no.
            OutOfTime: the timeout is over.
        """
        found = recorded(self._forward, self._reach.asking, self._reach.cluster)
        for one in found:
            for image in filter(None, (one.before, one.after)):
                self._reach.keep_confidential(image.content)
        earlier = self._notes.earlier
        items = [_Item(one, self._reach.look_for(one.ref), one.ref.identity in earlier) for one in reversed(found)]
        changing = [item for item in items if self._next(item).act not in (Act.NOTHING, Act.FAIL)]
        self._record([item for item in changing if self._notes.before(item.recorded.ref) is None])
        undone: list[Undone] = []
        impossible: list[str] = []
        for item in items:
            step = self._carried_out(item)
            if step.act is Act.FAIL:
                impossible.append(f"{item.recorded.ref.shown}: {step.note}")
            else:
                undone.append(Undone(item.recorded.ref, step.did, step.note))
        if impossible:
            raise NotDone(Reason.NOT_UNDOABLE, f"cannot be undone: {'; '.join(impossible)}")
        return undone

    def _record(self, items: list[_Item]) -> None:
        if items:
            self._notes.will_touch([item.found for item in items])

    def _next(self, item: _Item) -> Step:
        one = item.recorded
        return undoing_step(self._operation, one.before, one.after, item.live, owner=self._owner, begun=item.begun)

    def _carried_out(self, item: _Item) -> Step:
        """Do all that there is to do to one object; the last step says what that was."""
        while True:
            step = self._next(item)
            if step.act in (Act.NOTHING, Act.FAIL):
                if step.did in (Undoing.RESTORED, Undoing.CREATED) and item.live is not None:
                    self._notes.changed(ref_of(item.live), None)
                return step
            try:
                if (done := self._done(step, item)) is not None:
                    return done
            except (Exists, Conflicting, Missing) as surprise:
                self._reach.acting.console.say(f"reading again: {surprise}")
                self._reach.acting.pause(_AFTER_SURPRISE)
                item.live = self._reach.look_for(item.recorded.ref)

    def _done(self, step: Step, item: _Item) -> Step | None:
        """Make one write; None when there is more to do."""

        def doubt() -> None:
            item.begun = True

        only = step.only or item.recorded.ref
        if step.act is Act.DELETE:
            self._reach.delete(only, doubt=doubt)
            left = self._reach.wait_gone([only], seconds=None if only.group_kind == JOB else _GRACE)
            return step._replace(note=f"deletion accepted, {held_by(left[0])}" if left else step.note)
        if step.act in (Act.REPLACE, Act.AWAIT_AND_CREATE):
            if step.act is Act.REPLACE:
                self._reach.delete(only, doubt=lambda: None)
            self._reach.wait_gone([only])
            item.live = self._reach.look_for(only)
            return None
        if step.act is Act.CREATE:
            content = item.recorded.before.content or {}
            obj = recreatable(content, self._owners(content))
            made = self._change(lambda: self._reach.cluster.create(obj), f"create {only.shown}", doubt)
        else:
            patch = step.patch or {}
            made = self._change(lambda: self._reach.cluster.patch(only, patch), f"restore {only.shown}", doubt)
        self._notes.changed(ref_of(made), None)
        return step

    def _change(self, call: Callable[[], Object], doing: str, doubt: Callable[[], None]) -> Object:
        asking = self._reach.asking
        return asking.once_served(lambda: asking.change(call, doing, doubt=doubt))

    def _owners(self, content: Object) -> list[str]:
        """Uids of the owners of an object that still exist, as far as that can be seen."""
        namespace = ref_of(content).namespace
        alive = []
        for owner in owner_references(content):
            live = self._owner_of(Ref(owner["apiVersion"], owner["kind"], namespace, owner["name"]))
            if live is not None and live["metadata"]["uid"] == owner["uid"]:
                alive.append(owner["uid"])
        return alive

    def _owner_of(self, ref: Ref) -> Object | None:
        try:
            return self._reach.look_for(ref)
        except NotAllowed:
            return None
