"""Asks the fence until it has a plain answer: steps 1, 2 and 4 of the frame.

What an answer means is decided in `fence`; here is the waiting: for a fence that is not there yet, for one that is
closed and may be opened again, and, without an end, for a paused execution to be resumed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from runner import fence as fences
from runner import vocabulary as words
from runner.about import Run
from runner.console import Console
from runner.fence import Fence, Gate, Halted, NoFence
from runner.naming import stage_of
from runner.patience import Patience
from runner.record import Round
from runner.records import Forbidden, KindUnknown, Records
from runner.settings import Waits
from runner.stopping import Stop

_POLL = 1.0


class Gatekeeper:
    """The fence of one run, as asked by one action. In a break-glass run every answer is None: there is no fence.

    Attributes:
        run: the run; a break-glass run that was adopted meanwhile has its execution here.
    """

    def __init__(
        self, *, key: str, run: Run, records: Records, ask: Patience, waits: Waits, stop: Stop, console: Console
    ) -> None:
        self.run = run
        self._key = key
        self._records = records
        self._ask = ask
        self._waits = waits
        self._stop = stop
        self._console = console
        self._said_paused = False

    def look_for_adoption(self) -> None:
        """Find out whether somebody has made an execution for a break-glass run: then its rules hold."""
        run = self.run
        if not run.break_glass:
            return
        try:
            metadata = self._ask(lambda: self._records.workflow(run.workflow.name)) or {}
        except (Forbidden, KindUnknown):
            return
        labels = metadata.get("labels") or {}
        uid = labels.get(words.LABEL_EXECUTION_UID)
        if uid and metadata.get("uid", run.workflow.uid) == run.workflow.uid:
            self.run = run._replace(execution=labels.get(words.LABEL_EXECUTION) or run.workflow.name, uid=uid)

    def bound(self) -> Fence | NoFence | Halted | None:
        """Steps 1 and 2: is the execution there, and does it know this Workflow?"""
        if self.run.break_glass:
            return None
        until = time.monotonic() + self._waits.fence
        while True:
            found = fences.binding(self._execution(), uid=self.run.uid, workflow=self.run.workflow)
            if not isinstance(found, NoFence) or time.monotonic() >= until:
                return found
            self._poll()

    def opened(self, seen: Fence | None = None) -> Fence | NoFence | Halted | None:
        """Steps 1, 2 and 4: the fence, once it lets the action start; `seen` is one that was read just now."""
        closed_until: float | None = None
        stage_begun: bool | None = None
        while True:
            bound, seen = seen or self.bound(), None
            if not isinstance(bound, Fence):
                return bound
            decided = fences.gate(bound, self._key, stage_begun=stage_begun)
            if decided is Gate.ASK:
                stage_begun = self._stage_begun()
                decided = fences.gate(bound, self._key, stage_begun=stage_begun)
            if isinstance(decided, Halted):
                return decided
            if decided is Gate.OPEN:
                return bound
            if decided is Gate.PAUSED:
                self._wait_paused()
                continue
            closed_until = closed_until or time.monotonic() + self._waits.fence
            if time.monotonic() >= closed_until:
                return fences.closed()
            self._poll()

    def round(self) -> Round:
        """Epoch and run that a record of this runner belongs to, also when the fence says no."""
        metadata = None if self.run.break_glass else self._execution()
        fence = fences.read_fence(((metadata or {}).get("annotations") or {}).get(words.ANNOTATION_FENCE))
        return Round(fence.epoch, fence.run) if isinstance(fence, Fence) else Round(self.run.epoch, 1)

    def _execution(self) -> Mapping[str, Any] | None:
        try:
            return self._ask(lambda: self._records.execution(self.run.execution))
        except KindUnknown:
            return None

    def _stage_begun(self) -> bool:
        return self._ask(lambda: self._records.begun(self.run.uid, stage_of(self._key)))

    def _wait_paused(self) -> None:
        if not self._said_paused:
            self._console.say("waiting: the execution is paused")
        self._said_paused = True
        self._stop.sleep(self._waits.pause_poll)

    def _poll(self) -> None:
        self._stop.sleep(min(_POLL, self._waits.fence / 10))
