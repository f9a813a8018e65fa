"""What people read: one line an event on standard output, and the termination message of the container.

Everything passes the redactor here, so that no caller can forget it.
"""

from __future__ import annotations

import sys
import time

from runner import vocabulary as words
from runner.redaction import Redactor
from runner.result import clip


def now(digits: int = 3) -> str:
    """Tell the time in UTC, in the form that Kubernetes writes, with a fraction of so many digits."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    fraction = f".{nanoseconds:09d}"[: digits + 1] if digits else ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}{fraction}Z"


class Console:
    """Speaks for one action.

    Attributes:
        subject: what a line is about: key, and the name of the action once it is known.
        redactor: what keeps secrets out.
    """

    def __init__(self, subject: str, termination_log: str) -> None:
        self.subject = subject
        self.redactor = Redactor(())
        self._termination_log = termination_log

    def say(self, text: str) -> None:
        """Print one line."""
        line = " ".join(self.redactor.text(text).splitlines())
        print(f"{now()} {self.subject}: {line}", flush=True)

    def trace(self) -> None:
        """Print where the exception came from that is being handled."""
        import traceback

        print(self.redactor.text(traceback.format_exc()), file=sys.stderr, flush=True)

    def end(self, text: str) -> None:
        """Leave the last message where the kubelet picks it up, and so Argo shows it."""
        message = clip(self.redactor.text(text), words.MESSAGE_IN_LANE)
        try:
            with open(self._termination_log, "w", encoding="utf-8") as file:
                file.write(message)
        except OSError as error:
            print(f"{now()} {self.subject}: cannot write {self._termination_log}: {error}", file=sys.stderr, flush=True)
