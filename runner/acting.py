"""What an action may ask of its frame while it acts: time, leave to make a call, and a place to note what it does.

The order is the promise: the record says `sent`, and what existed before, before anything leaves the building, and
nothing leaves once the holder may have been taken for dead (two thirds of the lease without a renewal), was told to
stop, or is out of time.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import record as records_of
from runner.console import Console, now
from runner.holding import Change, Holding
from runner.record import Identity, Object
from runner.records import Unreachable
from runner.settings import Waits
from runner.stopping import Stop
from runner.vocabulary import ENV_PROGRESS_FILE

if TYPE_CHECKING:
    from runner.server import Server

_LOOK_EVERY = 0.05


class OutOfTime(Exception):
    """The action's timeout is over."""


class Acting:
    """The frame's side of an action.

    Attributes:
        spec: what is to be done.
        identity: which action of which run this is.
        deadline: monotonic time at which its timeout is over.
        console: where it speaks.
        last_try: when the call began whose end is not noted yet, empty when there is none.
        retries: how often a call was repeated so far.
    """

    def __init__(
        self,
        identity: Identity,
        holding: Holding,
        *,
        server: Callable[[], Server],
        waits: Waits,
        stop: Stop,
        console: Console,
    ) -> None:
        spec = identity.spec
        self.identity = identity
        self.spec = spec
        self.deadline = time.monotonic() + spec.timeout
        self.console = console
        self.last_try = ""
        self._holding = holding
        self._waits = waits
        self._stop = stop
        self._make_server = server
        self._server: Server | None = None
        self._sent = False
        self._failed = False
        self._noted: Object = dict(holding.record["state"]) if holding.record else {}
        self._lock = threading.Lock()
        self.retries = 0

    @property
    def remaining(self) -> float:
        """Seconds until the timeout is over."""
        return max(0.0, self.deadline - time.monotonic())

    def extend(self, seconds: float) -> None:
        """Allow so many seconds from now on: for clearing up when the timeout is over."""
        self.deadline = time.monotonic() + seconds

    def before_call(self) -> None:
        """Get leave for a call that changes something outside; the record says `sent` when this returns.

        Raises:
            Stopped: the runner was told to stop.
            OutOfTime: the timeout is over, perhaps while the API server could not be reached.
        """
        self._leave()
        if not self._sent or self._holding.due:
            self._write(lambda state: {**state, "sent": True})
            self._sent = True
            self._await_renewal()
        self.retries += self._failed
        self._failed = False
        self.last_try = now()

    def will_change(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Note what exists before it is changed; the record says so, and `sent`, when this returns.

        Args:
            entries: entries of `before`, as `runner.kube.images` makes them.

        Raises:
            Stopped: the runner was told to stop.
            OutOfTime: the timeout is over.
        """
        self._leave()
        self._write(lambda state: {**records_of.with_before(state, entries), "sent": True})
        self._sent = True

    def changed(self, entry: Mapping[str, Any]) -> None:
        """Note what was made of an object, with the next write: an entry of `after`."""
        self._note_later(lambda state: records_of.with_after(state, [entry]))

    def unchanged(self, objects: Collection[tuple[str, ...]]) -> None:
        """Forget, with the next write, entries of `before`, by their `entry_id`: nothing was changed after all."""
        self._note_later(lambda state: records_of.without_before(state, objects))

    def so_far(self, **known: Any) -> None:
        """Note, with the next write, what is known of the end before it is there, such as `clusters`."""
        shown = self.console.redactor.value(known, names=False)
        self._note_later(lambda state: {**state, **shown})

    @property
    def record(self) -> Mapping[str, Any] | None:
        """The record of the action as last written; None in a run without records."""
        return self._holding.record

    @property
    def recorded_in_cluster(self) -> bool:
        """Whether the record is an object of a cluster, which others can belong to."""
        return self._holding.in_cluster

    @property
    def before(self) -> Sequence[Object]:
        """Entries of `before` of the record; at first those of earlier attempts, which stand."""
        return self._entries("before")

    @property
    def after(self) -> Sequence[Object]:
        """Entries of `after` of the record, also those that are noted with its next write."""
        return self._entries("after")

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every object that the action creates."""
        record = self._holding.record
        epoch = record["state"].get("epoch") if record else None
        return self.identity.labels_of_made(int(epoch or self.identity.run.epoch))

    @property
    def server(self) -> Server:
        """The API server, asked in the name of the runner's service account.

        Raises:
            SpecError: there is none.
        """
        if self._server is None:
            self._server = self._make_server()
        return self._server

    def progress(self, done: int, of: int) -> None:
        """Tell Argo how far the action is."""
        path = os.environ.get(ENV_PROGRESS_FILE)
        if path and of > 0:
            try:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(f"{min(done, of)}/{of}")
            except OSError as error:
                self.console.say(f"warning: cannot write {path}: {error}")

    def note(self, *, message: str, left: bool = True) -> None:
        """Note a try that failed and will be repeated.

        Args:
            message: how it failed.
            left: whether its request may have left the building.
        """
        text = self.console.redactor.text(message)
        retries = self.retries
        end = now()
        start = self.last_try or end
        sent = self._sent and left

        def noted(state: Mapping[str, Any]) -> Object:
            tried = records_of.tried(state, start=start, end=end, message=text)
            return {**tried, "retryCount": retries, "sent": sent}

        self._write(noted)
        self.last_try = ""
        self._sent = sent
        self._failed = True

    def pause(self, seconds: float) -> None:
        """Wait before the next call.

        Raises:
            Stopped: the runner was told to stop.
            OutOfTime: the timeout is over.
        """
        if seconds >= self.remaining:
            self._stop.check()
            raise OutOfTime
        self._stop.sleep(seconds)

    @property
    def cut_short(self) -> bool:
        """Whether the call in flight has had its time since the runner was told to stop."""
        return self._stop.expired(self._waits.stop)

    def _await_renewal(self) -> None:
        # Also behind a write: one that was answered late is as old as the moment it was sent.
        while not self._holding.fresh:
            self.pause(_LOOK_EVERY)

    def _leave(self) -> None:
        self._await_renewal()
        self._stop.check()
        if not self.remaining:
            raise OutOfTime

    def _entries(self, name: str) -> list[Object]:
        return list(self._noted.get(name) or ())

    def _note_later(self, change: Change) -> None:
        self._note_here(change)
        self._holding.later(change)

    def _note_here(self, change: Change) -> None:
        with self._lock:
            self._noted = change(self._noted)

    def _write(self, change: Change) -> None:
        self._note_here(change)
        try:
            self._holding.change(change, until=self.deadline, sleep=self._stop.sleep)
        except Unreachable as error:
            raise OutOfTime from error
