"""What an action may ask of its frame while it acts: time, leave to make a call, and a place to note its tries.

The order is the promise: the record says `sent` before anything leaves the building, and nothing leaves once the
holder may have been taken for dead (two thirds of the lease without a renewal), was told to stop, or is out of time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from runner import record as records_of
from runner.console import Console, now
from runner.holding import Change, Holding
from runner.record import Object
from runner.records import Unreachable
from runner.settings import Waits
from runner.spec import Spec
from runner.stopping import Stop

_LOOK_EVERY = 0.05


class OutOfTime(Exception):
    """The action's timeout is over."""


class Acting:
    """The frame's side of an action.

    Attributes:
        spec: what is to be done.
        deadline: monotonic time at which its timeout is over.
        console: where it speaks.
        last_try: when the call began whose end is not noted yet, empty when there is none.
    """

    def __init__(self, spec: Spec, holding: Holding, *, waits: Waits, stop: Stop, console: Console) -> None:
        self.spec = spec
        self.deadline = time.monotonic() + spec.timeout
        self.console = console
        self.last_try = ""
        self._holding = holding
        self._waits = waits
        self._stop = stop
        self._sent = False
        self._calls = 0

    @property
    def retries(self) -> int:
        """How often its call was repeated so far."""
        return max(0, self._calls - 1)

    @property
    def remaining(self) -> float:
        """Seconds until the timeout is over."""
        return max(0.0, self.deadline - time.monotonic())

    def before_call(self) -> None:
        """Get leave for a call that changes something outside; the record says `sent` when this returns.

        Raises:
            Stopped: the runner was told to stop.
            OutOfTime: the timeout is over, perhaps while the API server could not be reached.
        """
        while not self._holding.fresh:
            self.pause(_LOOK_EVERY)
        self._stop.check()
        if not self.remaining:
            raise OutOfTime
        if not self._sent:
            self._write(lambda state: {**state, "sent": True})
            self._sent = True
        self._calls += 1
        self.last_try = now()

    def note(self, *, message: str, left: bool = True) -> None:
        """Note a try that failed and will be repeated.

        Args:
            message: how it failed.
            left: whether its request may have left the building.
        """
        text = self.console.redactor.text(message)
        retries = self.retries
        start, end = self.last_try, now()
        sent = self._sent and left

        def noted(state: Mapping[str, Any]) -> Object:
            tried = records_of.tried(state, start=start, end=end, message=text)
            return {**tried, "retryCount": retries, "sent": sent}

        self._write(noted)
        self.last_try = ""
        self._sent = sent

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

    def _write(self, change: Change) -> None:
        try:
            self._holding.change(change, until=self.deadline, sleep=self._stop.sleep)
        except Unreachable as error:
            raise OutOfTime from error
