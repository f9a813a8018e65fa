"""A record while this runner is its holder: every write of it goes through here, and a thread keeps it alive.

Each write is a compare-and-swap and renews the holder. A conflict is looked into once: when the record is still ours
(its labels were edited, its execution was adopted) the change is made again on what is there now; when it is not, the
runner has been taken for dead, and stops at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from runner import record as records_of
from runner.console import now
from runner.patience import patiently
from runner.record import Object, Outcome
from runner.records import Conflict, Gone, Records, RecordsError, Unreachable
from runner.settings import Waits
from runner.vocabulary import RecordPhase

Change = Callable[[Mapping[str, Any]], Object]
"""Makes a new `state` out of the present one; made again on a fresh record, so it must bear that."""


class Lost(Exception):
    """Another holder has the record, or it was ended or deleted: this runner has no say any more."""


class Holding:
    """The record of this runner, as long as it acts. Also used, without a record, when there is none to be had."""

    def __init__(self, records: Records, record: Object | None, waits: Waits) -> None:
        self._records = records
        self._record = record
        self._waits = waits
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._later: list[Change] = []
        self._renewed = time.monotonic()

    @property
    def record(self) -> Object | None:
        """The record as last written."""
        return self._record

    @property
    def in_cluster(self) -> bool:
        """Whether there is a record, and it is an object of a cluster, which others can belong to."""
        return self._record is not None and self._records.in_cluster

    @property
    def name(self) -> str:
        """Name of the record, empty when there is none."""
        return str(self._record["metadata"]["name"]) if self._record else ""

    def keep_alive(self, on_lost: Callable[[Lost], None]) -> None:
        """Renew the record from a thread of its own, until it is ended; `on_lost` is called on that thread."""
        if self._record is not None:
            threading.Thread(target=self._renew, args=(on_lost,), daemon=True, name="renew").start()

    def _renew(self, on_lost: Callable[[Lost], None]) -> None:
        pause = self._waits.renew
        while not self._over.wait(pause):
            try:
                self.change(dict, until=0.0)
                pause = self._waits.renew
            except Unreachable:
                pause = self._waits.renew / 10
            except Lost as lost:
                on_lost(lost)
                return
            except RecordsError:
                pause = self._waits.renew

    @property
    def fresh(self) -> bool:
        """Whether the last renewal is young enough to start something new."""
        return self._record is None or time.monotonic() - self._renewed < self._waits.fencing

    def later(self, change: Change) -> None:
        """Make a change with the next write, whatever that is for: worth keeping, but not worth a write of its own."""
        with self._lock:
            self._later.append(change)

    @property
    def due(self) -> bool:
        """Whether a change waits for the next write."""
        return bool(self._later)

    def change(self, change: Change, *, until: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Change the record's state, and renew it.

        Args:
            change: what to change.
            until: monotonic time until which an unreachable store is tried again.
            sleep: pauses between two tries.

        Raises:
            Lost: the record is not ours any more.
            Unreachable: the store could not be reached in time.
        """
        with self._lock:
            if self._record is not None and not self._over.is_set():
                tried: dict[str, float] = {}
                patiently(lambda: self._write(change, tried), until=until, sleep=sleep)

    def _write(self, change: Change, tried: dict[str, float]) -> None:
        """Write once; `tried` collects when which renewal was sent, because the answer to one may have been lost."""
        while True:
            assert self._record is not None
            begun = time.monotonic()
            at = now(6)
            state: Object = dict(self._record["state"])
            for earlier in (*self._later, change):
                state = earlier(state)
            state["holder"] = {**state["holder"], "renewTime": at}
            tried[at] = begun
            try:
                self._record = self._records.replace(records_of.with_state(self._record, state))
            except (Conflict, Gone) as error:
                if not self._look_again(error, tried):
                    continue
                # Others count from the write that arrived, not from the one that found out.
                begun = tried[records_of.holder_of(self._record)["renewTime"]]
            self._later.clear()
            self._renewed = begun
            return

    def _look_again(self, error: RecordsError, tried: Mapping[str, float]) -> bool:
        """Read the record after a conflict; True when it was our own write that had arrived after all."""
        assert self._record is not None
        found = self._records.get(self._record["metadata"]["name"])
        if found is None:
            raise Lost("the record was deleted") from error
        own, other = records_of.holder_of(self._record), records_of.holder_of(found)
        if own.get("id") != other.get("id") or own.get("attempt") != other.get("attempt"):
            raise Lost(f"the record was taken over by pod {other.get('pod')}") from error
        self._record = found
        if other.get("renewTime") in tried:
            return True
        if found["state"]["phase"] != RecordPhase.STARTED:
            raise Lost(f"the record was ended as {found['state']['phase']}") from error
        return False

    def end(self, outcome: Outcome, *, at: str, last_try: str, retries: int, until: float) -> None:
        """Write the end of the action; no renewal follows. Raises as `change` does.

        Args:
            outcome: the end.
            at: when it was.
            last_try: when the last try began, empty when it is noted; it is noted when there was more than one.
            retries: how often the call was repeated; 0 leaves the count that is there.
            until: monotonic time until which an unreachable store is tried again.
        """

        def ended(state: Mapping[str, Any]) -> Object:
            if last_try and state.get("attempts"):
                state = records_of.tried(state, start=last_try, end=at, message=outcome.message)
            if retries:
                state = {**state, "retryCount": retries}
            return records_of.ended(state, outcome, at=at)

        self._finally(ended, until)

    def put_back(self, state: Mapping[str, Any], *, until: float) -> None:
        """Write a state as if we had never held the record: nothing was done. Raises as `change` does."""

        def put(current: Mapping[str, Any]) -> Object:
            turn = {"epoch": current["epoch"], "run": current["run"]}
            return {**turn, **state, "holder": current["holder"]}

        self._finally(put, until)

    def release(self, *, until: float) -> None:
        """Let go of the record without ending it, so that the next pod need not wait. Raises as `change` does."""

        def released(state: Mapping[str, Any]) -> Object:
            return {**state, "holder": {**state["holder"], "released": True}}

        self._finally(released, until)

    def _finally(self, change: Change, until: float) -> None:
        try:
            self.change(change, until=until)
        finally:
            self._over.set()
