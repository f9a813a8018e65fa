"""The one way in which actions change Kubernetes objects, and undo it: gather, decide, record, then write.

What exists is read first, and recorded, all of it in one write, before the first of it is changed. What to do about an
object is decided in `runner.kube.changing`, over and over until there is nothing left to do: after every answer that
is a surprise the object is read again. An action that is taken over goes through the same steps with the record that
it finds, recognises what it has made, and so repeats nothing but writes of the same content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from runner.acting import Acting, OutOfTime
from runner.kube import objects
from runner.kube.answers import Conflicting, Exists, KubeError, Missing
from runner.kube.changing import Act, Change, Owner, Step, Undone, Written, found, next_step
from runner.kube.cluster import Cluster
from runner.kube.concluding import NotDone
from runner.kube.discovery import Resource
from runner.kube.images import Image
from runner.kube.noting import Notes
from runner.kube.objects import Object, Ref, ref_of
from runner.kube.reach import Reach, held_by
from runner.kube.undoing import Undoer
from runner.spec import SpecError
from runner.stopping import Stopped
from runner.vocabulary import FIELD_MANAGER, Operation

_AFTER_SURPRISE = 0.1
_Value = TypeVar("_Value")


@dataclass(slots=True)
class _Item:
    """One object that is being changed.

    Attributes:
        change: what is wanted.
        ref: the object, as wanted.
        live: what is there, as read last.
        before: what is recorded to have been there.
        stands: whether that was recorded by an earlier attempt.
        doubtful: whether a write may have had its effect, and nobody knows.
        written: whether a write had its effect.
    """

    change: Change
    ref: Ref
    live: Object | None = None
    before: Image | None = None
    stands: bool = False
    doubtful: bool = False
    written: bool = False

    @property
    def first(self) -> bool:
        """Whether nothing of ours can have been written to it."""
        return not (self.stands or self.doubtful or self.written)

    def doubt(self) -> None:
        """Note that a write may have had its effect."""
        self.doubtful = True


class Engine(Reach):
    """Changes objects for one action, and undoes what one did.

    Attributes:
        written: what was changed so far.
    """

    def __init__(self, acting: Acting, cluster: Cluster) -> None:
        super().__init__(acting, cluster)
        self.written: list[Written] = []
        self._notes = Notes(self.asking, cluster)
        self._owner = Owner(acting.identity.key, acting.identity.owner_uids)

    @classmethod
    def of(cls, acting: Acting) -> Engine:
        """Make the engine of an action.

        Raises:
            SpecError: there is no API server.
        """
        return cls(acting, Cluster(acting.server, remaining=lambda: acting.remaining))

    def forward(self, changes: Sequence[Change], *, wait_gone: bool = False) -> list[Written]:
        """Change objects, one after the other.

        Args:
            changes: what is wanted of each; every object once.
            wait_gone: whether what is deleted is waited for until it is gone.

        Raises:
            NotDone: it cannot be done.
            KubeError: the API server says no.
            OutOfTime: the timeout is over.
        """
        items = [self._gathered(change) for change in self._placed(changes)]
        try:
            for item in items:
                self._check(self._next(item), item)
            self._record([item for item in items if not item.stands])
            return [self._carry_out(item, wait_gone=wait_gone) for item in items]
        except (KubeError, NotDone, OutOfTime, Stopped):
            self._notes.unchanged([item.ref for item in items if item.before is not None and item.first])
            raise

    def _placed(self, changes: Sequence[Change]) -> list[Change]:
        """Give every object the namespace that it will have, or none."""
        placed: dict[tuple[str, ...], Change] = {}
        for change in changes:
            self.cluster.kinds.expect(change.obj)
        for change in changes:
            obj = objects.sendable(change.obj)
            ref = ref_of(obj)
            kind = self.asking.once_served(lambda ref=ref: self._kind(ref))  # type: ignore[misc]
            obj["metadata"].pop("namespace", None)
            if kind.namespaced:
                obj["metadata"]["namespace"] = ref.namespace or self.acting.spec.namespace
            ref = ref_of(obj)
            if ref.identity in placed:
                raise SpecError(f"{ref.shown} is there twice; one action can do only one thing to an object")
            placed[ref.identity] = Change(change.operation, obj)
        return list(placed.values())

    def _kind(self, ref: Ref) -> Resource:
        about = f"look for kind {ref.kind}"
        return self.read(lambda: self.cluster.kinds.resource(ref.api_version, ref.kind), about)

    def _gathered(self, change: Change) -> _Item:
        item = _Item(change, ref_of(change.obj))
        self._look(item)
        self.keep_confidential(change.obj)
        item.before = self._notes.before(item.ref)
        item.stands = item.before is not None
        if item.before is None:
            item.before = self._as_found(item)
        return item

    def _look(self, item: _Item) -> None:
        item.live = self.read(lambda: self.cluster.get(item.ref), f"read {item.ref.shown}")
        self.keep_confidential(item.live)

    def _as_found(self, item: _Item) -> Image:
        return found(item.change.operation, item.ref, item.live, owner=self._owner)

    def _record(self, items: Sequence[_Item]) -> None:
        if items:
            self._notes.will_change([item.before for item in items if item.before is not None])

    def _next(self, item: _Item) -> Step:
        assert item.before is not None
        operation = item.change.operation
        return next_step(operation, item.before, item.live, owner=self._owner, first=item.first)

    @staticmethod
    def _check(step: Step, item: _Item) -> None:
        if step.act is Act.FAIL:
            raise NotDone(step.reason, f"{item.change.operation} {item.ref.shown}: {step.note}")

    def _carry_out(self, item: _Item, *, wait_gone: bool) -> Written:
        while True:
            step = self._next(item)
            self._check(step, item)
            if step.act is Act.NOTHING:
                break
            if step.act is Act.LOOK_AGAIN:
                self._record_again(item)
                continue
            try:
                if self._done(step, item):
                    break
            except (Exists, Conflicting, Missing) as surprise:
                self._surprised(item, surprise)
        return self._told(item, step.note if step.act is Act.NOTHING else "", wait_gone=wait_gone)

    def _surprised(self, item: _Item, surprise: KubeError) -> None:
        """Read an object again that was not what it was thought to be."""
        self.acting.console.say(f"reading again: {surprise}")
        self.acting.pause(_AFTER_SURPRISE)
        self._look(item)
        self.asking.doing = str(surprise)
        if item.first:
            self._record_again(item)

    def _record_again(self, item: _Item) -> None:
        item.before = self._as_found(item)
        item.stands = False
        self._record([item])

    def _done(self, step: Step, item: _Item) -> bool:
        """Make one write; whether that is all there is to do."""
        obj = objects.labelled(item.change.obj, self.acting.labels) if step.labelled else item.change.obj
        name = item.ref.shown
        if step.act in (Act.DELETE, Act.REPLACE):
            only = step.only or item.ref
            self._change(item, lambda: self.cluster.delete(only), f"delete {name}")
            item.written = True
            if step.act is Act.REPLACE:
                self.wait_gone([only])
                item.live = None
            return step.act is Act.DELETE
        if step.act is Act.CREATE:
            made = self._change(item, lambda: self.cluster.create(obj), f"create {name}")
        elif step.act is Act.PATCH:
            only = step.only or item.ref
            made = self._change(item, lambda: self.cluster.patch(only, obj), f"patch {name}")
        else:
            made = self._change(item, lambda: self.cluster.apply(obj, only=step.only), f"apply {name}")
            if item.first and not step.only and _managers(made) - {FIELD_MANAGER}:
                # Somebody created it after it was looked for: what it was like is lost, but it is not ours to delete.
                item.before = Image(ref_of(made), existed=True, content=None)
                self._notes.will_touch([item.before])
        item.live, item.written = made, True
        return True

    def _change(self, item: _Item, call: Callable[[], _Value], doing: str) -> _Value:
        return self.asking.once_served(lambda: self.asking.change(call, doing, doubt=item.doubt))

    def _told(self, item: _Item, note: str, *, wait_gone: bool) -> Written:
        """Note what came of a change, and say it."""
        assert item.before is not None
        operation, existed = item.change.operation, item.before.existed
        if operation is Operation.DELETE:
            ref = item.ref._replace(uid=item.before.ref.uid)
            note = note or (self._deletion_of(ref, wait_gone=wait_gone) if existed else "")
            written = Written(ref, operation, existed, None, note)
        else:
            assert item.live is not None
            ref = ref_of(item.live)
            # The uid is all that it takes to delete what was created.
            self._notes.changed(ref, item.live if existed and operation is not Operation.REPLACE else None)
            written = Written(ref, operation, existed, item.live, note)
        self.written.append(written)
        return written

    def _deletion_of(self, ref: Ref, *, wait_gone: bool) -> str:
        left = self.wait_gone([ref], seconds=None if wait_gone else 0.0)
        return f", deletion accepted, {held_by(left[0])}" if left else ""

    def undo(self, forward: Mapping[str, Any]) -> list[Undone]:
        """Undo what an action did, from its record, the last of it first.

        Args:
            forward: the record.

        Raises:
            NotDone: some of it cannot be undone; all else is.
            KubeError: the API server says no.
            OutOfTime: the timeout is over.
        """
        return Undoer(self, self._notes, forward).undo()


def _managers(obj: Mapping[str, Any]) -> set[str]:
    return {str(entry.get("manager")) for entry in obj["metadata"].get("managedFields") or ()}
