"""What can go wrong between a client and an API server: which request, and what is done with it.

    nth(3), nth_write(2), asks("POST", "/dractionrecords")      which request
    kill, answer, drop, hold, delay, meanwhile, refuse          what is done with it

`support.api_proxy` does it. An answer that is not the API server's own is one that stands for its absence: nothing
here re-implements Kubernetes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

_SECONDS = 60.0


@dataclass(frozen=True)
class Asked:
    """A request as it arrived, and its end once there is one.

    Attributes:
        number: how many requests had arrived, with this one: from 1.
        write: how many of them change something, with this one; 0 when this one does not.
        method: HTTP method.
        path: path without its query.
        query: the query, empty when there is none.
        sent: bytes of the request's body.
        at: monotonic time of its arrival.
        status: status code that was answered; 0 when none was.
        received: bytes of the answer's body.
        forwarded: whether the API server got to see it.
    """

    number: int
    write: int
    method: str
    path: str
    query: str
    sent: int
    at: float
    status: int = 0
    received: int = 0
    forwarded: bool = False


When = Callable[[Asked], bool]


def nth(number: int) -> When:
    """Fit the request of this number, whatever it asks: the first is 1."""
    return lambda asked: asked.number == number


def nth_write(number: int) -> When:
    """Fit the write of this number: the first is 1."""
    return lambda asked: asked.write == number


def asks(method: str, path: str = "") -> When:
    """Fit requests of a method whose path has this in it; `*` is any method."""
    return lambda asked: method in ("*", asked.method) and path in asked.path


class Victim:
    """A process to be killed. Its pid may be set after the proxy has a rule for it: whoever kills waits for that."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._pid = 0

    @property
    def pid(self) -> int:
        """Its process id, once that is known."""
        if not self._known.wait(_SECONDS):
            raise AssertionError("nobody has set the pid of the process that is to be killed")
        return self._pid

    @pid.setter
    def pid(self, pid: int) -> None:
        self._pid = pid
        self._known.set()

    def kill(self) -> None:
        """End it as a lost node would; it sees nothing of what happens after."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Reply(NamedTuple):
    """An answer that is not the API server's own."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


@dataclass(frozen=True)
class Fault:
    """What is done with a request; made by the functions below, which can be read aloud.

    Attributes:
        before: called before the request is forwarded, if at all.
        forward: whether the API server gets to see it.
        after: called when it has answered, before its answer goes back.
        reply: answer in place of its own.
        drop: whether the connection is cut instead of any answer.
        refuse: whether all connections are refused from now on.
    """

    before: Callable[[], object] = lambda: None
    forward: bool = True
    after: Callable[[], object] = lambda: None
    reply: Reply | None = None
    drop: bool = False
    refuse: bool = False


def kill(victim: Victim, *, forwarded: bool) -> Fault:
    """Kill a process before its request is forwarded, or when it is answered, before the answer is sent back."""
    if forwarded:
        return Fault(after=victim.kill, drop=True)
    return Fault(before=victim.kill, forward=False, drop=True)


def answer(status: int, *, body: bytes = b"", retry_after: int | None = None) -> Fault:
    """Answer in the place of the API server, which does not get to see the request."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Fault(forward=False, reply=Reply(status, body, headers))


def drop(*, forwarded: bool = True) -> Fault:
    """Cut the connection instead of answering: an answer that is lost, or a request that never arrived."""
    return Fault(forward=forwarded, drop=True)


def hold(until: threading.Event) -> Fault:
    """Keep a request back until something is set."""
    return Fault(before=lambda: until.wait(_SECONDS))


def delay(seconds: float) -> Fault:
    """Keep a request back for a while."""
    return Fault(before=lambda: time.sleep(seconds))


def meanwhile(do: Callable[[], object], *, forwarded: bool = True) -> Fault:
    """Let something happen when a request was answered (or has just arrived), before the answer is sent back."""
    return Fault(after=do) if forwarded else Fault(before=do)


def refuse(*, forwarded: bool = False) -> Fault:
    """Drop a request, and refuse all connections until `Proxy.accept`."""
    return Fault(forward=forwarded, drop=True, refuse=True)
