"""What the process that runs an execution was asked to do by a signal: stop, stop now, stop at once."""

from __future__ import annotations

from compiler.model.names import CANCEL_FORCE, CANCEL_GRACEFUL


class CancelRequests:
    """Cancels that were asked for; the first is graceful, the second forced, the third does not wait for anything."""

    def __init__(self) -> None:
        self._asked = 0
        self._taken = 0

    def ask(self) -> None:
        """Ask once more; may be called by a signal handler and from another thread."""
        self._asked += 1

    def take(self) -> str | None:
        """Value of the cancel annotation that is asked for now; None when nothing new is."""
        if self._asked == self._taken:
            return None
        self._taken = self._asked
        return CANCEL_GRACEFUL if self._taken == 1 else CANCEL_FORCE

    @property
    def impatient(self) -> bool:
        """Whether what was asked to end is to be killed at once."""
        return self._asked > 2
