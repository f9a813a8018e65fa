"""Asking the API server with patience: what passes is tried again, and what is not so yet is waited for.

A single request is tried again as the retry policy of the action says. A wait ends with what it waits for or with the
timeout of the action: an API server that is away for a moment does not end it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from runner.acting import Acting
from runner.actions.judgement import wait_before
from runner.kube.answers import NotAllowed, NotServed, Passing
from runner.kube.readiness import Waiting
from runner.patience import BEFORE_BELIEVING

_FIRST_POLL = 0.2
_LONGEST_POLL = 2.0
_SERVED_WITHIN = 30.0
_Value = TypeVar("_Value")


class Asking:
    """The patience of one action.

    Attributes:
        acting: its frame.
        doing: what it is at, or waits for: what a timeout is blamed on.
    """

    def __init__(self, acting: Acting) -> None:
        self.acting = acting
        self.doing = ""

    def read(self, call: Callable[[], _Value], doing: str) -> _Value:
        """Make a request that changes nothing.

        Raises:
            KubeError: it failed for good, or passed as often as the retry policy allows.
        """
        return self._tried(call, doing, None)

    def change(self, call: Callable[[], _Value], doing: str, *, doubt: Callable[[], None]) -> _Value:
        """Make a request that changes something, with the leave of the frame for each try.

        Args:
            call: the request.
            doing: what it does.
            doubt: called when a try may have had its effect though it failed.

        Raises:
            KubeError: it failed for good, or passed as often as the retry policy allows.
        """
        return self._tried(call, doing, doubt)

    def _tried(self, call: Callable[[], _Value], doing: str, doubt: Callable[[], None] | None) -> _Value:
        acting = self.acting
        retry = acting.spec.retry
        again = 0
        new_token = False
        believed = False
        self.doing = doing
        while True:
            if doubt is not None:
                acting.before_call()
            try:
                return call()
            except NotAllowed:
                # An API server that has just begun does not know the rights yet.
                if believed or acting.remaining <= BEFORE_BELIEVING:
                    raise
                believed = True
                acting.pause(BEFORE_BELIEVING)
            except Passing as error:
                if doubt is not None and error.perhaps_done:
                    doubt()
                if again >= retry.limit and (new_token or not error.unauthorized):
                    raise
                new_token = new_token or error.unauthorized
                wait = wait_before(retry, again, retry_after=error.retry_after)
                again += 1
                self.doing = str(error)
                acting.note(message=str(error))
                acting.console.say(f"{error}; retry {again} of {retry.limit} in {wait:.3g} s")
                acting.pause(wait)

    def once_served(self, call: Callable[[], _Value]) -> _Value:
        """Call; while the kind is not served, wait for it: its definition may have been created a moment ago.

        Raises:
            NotServed: it is not served after half a minute.
        """
        end = time.monotonic() + min(_SERVED_WITHIN, self.acting.remaining)
        while True:
            try:
                return call()
            except NotServed as error:
                if time.monotonic() + _FIRST_POLL >= end:
                    raise
                self.doing = str(error)
                self.acting.pause(_FIRST_POLL)

    def wait_until(
        self, poll: Callable[[], _Value | Waiting], doing: str, *, seconds: float | None = None
    ) -> _Value | Waiting:
        """Poll until the answer is no `Waiting`.

        Args:
            poll: looks once; may raise `Passing`.
            doing: what is waited for: `until ConfigMap dr/settings is gone`.
            seconds: longest wait, after which the last `Waiting` is returned; else the timeout of the action.

        Raises:
            OutOfTime: the timeout of the action is over, and no other wait was given.
        """
        end = None if seconds is None else time.monotonic() + min(seconds, self.acting.remaining)
        pause, said = _FIRST_POLL, ""
        believed = False
        while True:
            asked = 0.0
            try:
                found = poll()
            except NotAllowed as error:
                if believed:
                    raise
                believed = True
                found, asked = Waiting(str(error)), BEFORE_BELIEVING
            except Passing as error:
                found, asked = Waiting(str(error)), error.retry_after
            else:
                believed = False
            if not isinstance(found, Waiting):
                return found
            self.doing = f"waiting {doing}: {found.reason}"
            if found.reason != said:
                said = found.reason
                self.acting.console.say(self.doing)
            if end is not None and time.monotonic() + pause >= end:
                return found
            self.acting.pause(max(pause, asked))
            pause = min(pause * 1.5, _LONGEST_POLL)
