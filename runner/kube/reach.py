"""What every action may do with objects besides changing them: read them, wait for them, and get rid of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from runner.acting import Acting
from runner.kube import objects
from runner.kube.answers import Conflicting, Missing, NotServed
from runner.kube.asking import Asking
from runner.kube.cluster import Cluster
from runner.kube.concluding import NotDone
from runner.kube.objects import JOB, SECRET, Object, Ref, ref_of
from runner.kube.readiness import Failed, Readiness, Waiting, readiness
from runner.redaction import Redactor
from runner.vocabulary import Propagation, Reason

_AFTER_CONFLICT = 0.1
_Value = TypeVar("_Value")


class Reach:
    """The objects of a cluster, in reach of one action. To be used by one thread.

    Attributes:
        acting: the frame of the action.
        asking: its patience.
        cluster: the objects; to be read from, through `read`.
    """

    def __init__(self, acting: Acting, cluster: Cluster) -> None:
        self.acting = acting
        self.asking = Asking(acting)
        self.cluster = cluster
        self._confidential: set[str] = set()

    @property
    def doing(self) -> str:
        """What it is at, or waits for."""
        return self.asking.doing

    def read(self, call: Callable[[], _Value], doing: str) -> _Value:
        """Make a request that changes nothing, with the retries of the action.

        Args:
            call: the request.
            doing: what it does, for messages.

        Raises:
            KubeError: it failed for good.
        """
        return self.asking.read(call, doing)

    def look_for(self, ref: Ref) -> Object | None:
        """Read an object, whatever its uid; one of a kind that is not served does not exist."""
        live = self.read(lambda: self._found(ref), f"read {ref.shown}")
        self.keep_confidential(live)
        return live

    def keep_confidential(self, obj: Object | None) -> None:
        """Keep what is in a Secret out of what is told from now on of the server's answers."""
        if obj is not None and ref_of(obj).group_kind == SECRET:
            self._confidential.update(objects.secret_values(obj))
            self.cluster.redactor = Redactor(self._confidential)

    def wait_until(
        self, poll: Callable[[], _Value | Waiting], doing: str, *, seconds: float | None = None
    ) -> _Value | Waiting:
        """Poll until the answer is no `Waiting`; see `Asking.wait_until`."""
        return self.asking.wait_until(poll, doing, seconds=seconds)

    def wait_ready(
        self, refs: Sequence[Ref], judge: Callable[[Mapping[str, Any]], Readiness] = readiness
    ) -> list[Object]:
        """Wait until objects are ready, and return them.

        Args:
            refs: the objects, with their uids.
            judge: tells whether one is ready.

        Raises:
            NotDone: one will not become ready, or is not there any more.
            OutOfTime: the timeout is over.
        """
        ready: dict[Ref, Object] = {}

        def poll() -> list[Object] | Waiting:
            reasons = []
            for ref in refs:
                if ref not in ready:
                    live = self._still(ref)
                    verdict = judge(live)
                    if isinstance(verdict, Failed):
                        raise NotDone(Reason.NOT_READY, f"{ref.shown}: {verdict.reason}")
                    if isinstance(verdict, Waiting):
                        reasons.append(f"{ref.shown}: {verdict.reason}")
                    else:
                        ready[ref] = live
            self.acting.progress(len(ready), len(refs))
            return Waiting("; ".join(reasons)) if reasons else [ready[ref] for ref in refs]

        found = self.wait_until(poll, "until it is ready" if len(refs) == 1 else "until they are ready")
        assert not isinstance(found, Waiting)
        return found

    def _still(self, ref: Ref) -> Object:
        live = self.cluster.get(ref)
        if live is None or (ref.uid and live["metadata"]["uid"] != ref.uid):
            what = "deleted" if live is None else "deleted and made anew"
            raise NotDone(Reason.CONFLICT, f"{ref.shown} was {what} by somebody else while it was waited for")
        return live

    def wait_gone(self, refs: Sequence[Ref], *, seconds: float | None = None) -> list[Object]:
        """Wait until objects are gone, and return those that are not.

        Args:
            refs: the objects; one with a uid is gone as well when another has its name.
            seconds: longest wait; else the timeout of the action.

        Raises:
            OutOfTime: the timeout is over, and no other wait was given.
        """
        left: list[Object] = []

        def poll() -> Waiting | None:
            left[:] = [live for ref in refs if (live := self._remaining(ref)) is not None]
            self.acting.progress(len(refs) - len(left), len(refs))
            return Waiting("; ".join(held_by(live) for live in left)) if left else None

        self.wait_until(poll, f"until {', '.join(ref.shown for ref in refs)} is gone", seconds=seconds)
        return left

    def _remaining(self, ref: Ref) -> Object | None:
        live = self._found(ref)
        return None if live is None or (ref.uid and live["metadata"]["uid"] != ref.uid) else live

    def _found(self, ref: Ref) -> Object | None:
        """Read an object; one of a kind that is not served does not exist."""
        try:
            return self.cluster.get(ref)
        except NotServed:
            return None

    def delete_now(self, refs: Sequence[Ref]) -> None:
        """Delete what is there of objects and wait until it is gone; nothing of it is recorded.

        Raises:
            KubeError: the API server says no.
            OutOfTime: the timeout is over.
        """
        found = [self.look_for(ref) for ref in refs]
        there = [ref_of(live)._replace(resource_version="") for live in found if live is not None]
        for ref in there:
            self.delete(ref, doubt=lambda: None)
        if there:
            self.wait_gone(there)

    def delete(self, ref: Ref, *, doubt: Callable[[], None]) -> None:
        """Delete an object; that it is not there, or another one is, comes to the same.

        Args:
            ref: the object, with its uid.
            doubt: called when a try may have had its effect though it failed.
        """
        propagation = Propagation.FOREGROUND if ref.group_kind == JOB else Propagation.BACKGROUND
        while True:
            try:
                self.asking.change(
                    lambda: self.cluster.delete(ref, propagation=propagation), f"delete {ref.shown}", doubt=doubt
                )
                return
            except (Missing, NotServed) as gone:
                self.acting.console.say(f"gone already: {gone}")
                return
            except Conflicting as conflict:
                # Mostly because another one has its name by now, but not always.
                if self.read(lambda: self._remaining(ref), f"read {ref.shown}") is None:
                    self.acting.console.say(f"gone already: {conflict}")
                    return
                self.acting.console.say(f"trying again: {conflict}")
                self.acting.pause(_AFTER_CONFLICT)


def held_by(live: Mapping[str, Any]) -> str:
    """Say why an object that is being deleted is not gone."""
    held = objects.finalizers(live)
    return f"finalizers {', '.join(held)} hold it" if held else "it is still there"
