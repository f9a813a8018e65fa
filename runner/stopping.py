"""Being told to stop: by a drain or a stop of the Workflow, which look alike.

The signal only leaves a mark. Whoever waits looks at it, so that nothing is ever torn in the middle of a write.
"""

from __future__ import annotations

import signal
import time
from types import FrameType

_LOOK_EVERY = 0.05


class Stopped(Exception):
    """The runner was told to stop, and the place where it noticed allows it."""


class Stop:
    """Whether the runner was told to stop.

    Attributes:
        since: monotonic time of the first signal, None before it.
    """

    def __init__(self) -> None:
        self.since: float | None = None

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT."""
        signal.signal(signal.SIGTERM, self._heard)
        signal.signal(signal.SIGINT, self._heard)

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        if self.since is None:
            self.since = time.monotonic()

    def check(self) -> None:
        """Raise `Stopped` once the runner was told to stop."""
        if self.since is not None:
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Sleep, but notice the signal."""
        end = time.monotonic() + seconds
        while True:
            self.check()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _LOOK_EVERY))

    def expired(self, grace: float) -> bool:
        """Whether the time that was left after the signal is over."""
        return self.since is not None and time.monotonic() - self.since >= grace
