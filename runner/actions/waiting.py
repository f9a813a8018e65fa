"""Waiting until what a Subscription distributes is ready, in all clusters at the same time.

A failure counts when it has lasted: the status of a child cluster may still be that of before our change, and
Clusternet tries again by itself what a short loss of the connection made fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import NamedTuple, Protocol

from runner.acting import Acting, OutOfTime
from runner.kube.readiness import Failed, Readiness, Waiting
from runner.vocabulary import Reason

FAILURE_LASTS = 10.0
"""Seconds after which a failure is taken for one."""

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.5, 5.0, 1.5
_LAST_LOOK = 1.0
_LISTEN = 0.2


class Denied(NamedTuple):
    """It cannot be told before somebody grants us a right."""

    reason: str


Verdict = Readiness | Denied


class Watch(Protocol):
    """Something that becomes ready, or not."""

    def look(self) -> Verdict:
        """Look once; called by a thread of its own."""


class Watches:
    """What is waited for, and how far that is. Everything is looked at for itself: what hangs delays nothing else.

    Args:
        watches: what is waited for, by its name.
        say: is told every change of what one of them waits for.
    """

    def __init__(self, watches: Mapping[str, Watch], *, say: Callable[[str], None]) -> None:
        self.verdicts: dict[str, Verdict] = dict.fromkeys(watches, Waiting("no answer yet"))
        self._watches = watches
        self._say = say
        self._failing_since: dict[str, float] = {}

    @property
    def open(self) -> list[str]:
        """Names of those that are neither ready nor failed."""
        return [name for name, verdict in self.verdicts.items() if isinstance(verdict, Waiting)]

    def told(self, names: Sequence[str]) -> str:
        """Say why some of them are not ready; the first of them stands for all."""
        what = f"{names[0]}: {self.verdicts[names[0]].reason}"
        return f"{what} (and {len(names) - 1} more)" if len(names) > 1 else what

    def judge(self, name: str, verdict: Verdict) -> bool:
        """Take a verdict for what it is worth; True when it is the last."""
        at = time.monotonic()
        if isinstance(verdict, Failed):
            if at - self._failing_since.setdefault(name, at) < FAILURE_LASTS:
                verdict = Waiting(verdict.reason)
        else:
            self._failing_since.pop(name, None)
        if verdict.reason != self.verdicts[name].reason:
            self._say(f"{name}: {verdict.reason or 'ready'}")
        self.verdicts[name] = verdict
        return not isinstance(verdict, Waiting)

    def until_ended(
        self, acting: Acting, *, reserve: float = 0.0, on_end: Callable[[str], None] = lambda _: None
    ) -> None:
        """Wait until all have ended, or the action's timeout is over: what is open then was not ready in time.

        Args:
            acting: bounds the wait.
            reserve: seconds of the timeout that are left for what comes after.
            on_end: is told the name of each that ended.

        Raises:
            Stopped: the runner was told to stop.
        """
        news: SimpleQueue[tuple[str, Verdict | Exception]] = SimpleQueue()
        over = Event()
        end = acting.deadline - reserve
        for name in self._watches:
            # Nobody waits for the last answer of a cluster that hangs.
            Thread(target=self._look, args=(name, news, over, end), daemon=True, name=f"watch {name}").start()

        def hear(timeout: float) -> bool:
            try:
                name, verdict = news.get(timeout=timeout)
            except Empty:
                return False
            if isinstance(verdict, Exception):
                raise verdict
            if name in self.open and self.judge(name, verdict):
                acting.progress(len(self.verdicts) - len(self.open), len(self.verdicts))
                on_end(name)
            return True

        acting.progress(0, len(self.verdicts))
        try:
            while self.open and time.monotonic() < end:
                acting.pause(0.0)
                hear(_LISTEN)
            while hear(0.0):
                pass
        except OutOfTime:
            pass
        finally:
            over.set()

    def _look(self, name: str, news: SimpleQueue[tuple[str, Verdict | Exception]], over: Event, end: float) -> None:
        pause = _FIRST_PAUSE
        while not over.is_set() and isinstance(self.verdicts[name], Waiting):
            try:
                news.put((name, self._watches[name].look()))
            except Exception as error:
                news.put((name, error))
            left = end - time.monotonic() - _LAST_LOOK
            over.wait(min(pause, left) if left > 0 else pause)
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def reason_of(verdict: Verdict) -> Reason:
    """Say for programs why something is not ready after all."""
    if isinstance(verdict, Denied):
        return Reason.FORBIDDEN
    return Reason.TIMED_OUT if isinstance(verdict, Waiting) else Reason.NOT_READY


def told(verdict: Verdict) -> str:
    """Say why something is not ready after all."""
    return f"timeout waiting for it: {verdict.reason}" if isinstance(verdict, Waiting) else verdict.reason
