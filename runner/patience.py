"""Trying again while a store is out of reach: the one loop that every step of the frame shares."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from runner.records import Forbidden, Unreachable
from runner.stopping import Stop

_FIRST = 0.1
_LONGEST = 5.0
BEFORE_BELIEVING = 2.0
"""Seconds after which a missing right is looked at again: an API server that has just begun does not know them yet."""
_Value = TypeVar("_Value")


def patiently(call: Callable[[], _Value], *, until: float, sleep: Callable[[float], None]) -> _Value:
    """Call until it is answered, with growing pauses; the last failure is raised when the time is over.

    A server that says when to come again is not asked before. That a right is missing is believed the second time.

    Args:
        call: what may raise `Unreachable` or `Forbidden`.
        until: monotonic time after which nothing is tried again.
        sleep: pauses; may raise to end it all.
    """
    pause = _FIRST
    believed = False
    while True:
        try:
            return call()
        except Forbidden:
            if believed or time.monotonic() + BEFORE_BELIEVING >= until:
                raise
            believed = True
            sleep(BEFORE_BELIEVING)
        except Unreachable as error:
            left = until - time.monotonic()
            if left <= 0:
                raise
            sleep(min(max(pause, error.retry_after), left))
            pause = min(pause * 2, _LONGEST)


class Patience:
    """Patience of a runner that has not begun to act: so many seconds a step, and none once it was told to stop."""

    def __init__(self, seconds: float, stop: Stop) -> None:
        self._seconds = seconds
        self._stop = stop

    def __call__(self, call: Callable[[], _Value]) -> _Value:
        """Call the store.

        Raises:
            Stopped: the runner was told to stop.
            Unreachable: the store could not be reached in time.
        """
        self._stop.check()
        return patiently(call, until=time.monotonic() + self._seconds, sleep=self._stop.sleep)
