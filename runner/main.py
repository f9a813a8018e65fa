"""The program: reads the command line, waits for its turn, and hands over to the frame.

Until the predecessors act only what waiting needs is imported, because sixteen of these wait in one pod. Then whoever
comes next gets ready: what it needs takes longer to load than many a call takes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from runner import about, arguments, settings, spec, support
from runner import vocabulary as words
from runner.arguments import Arguments
from runner.console import Console, now
from runner.lane import Lane, Lock
from runner.naming import within, workflow_of
from runner.redaction import Redactor
from runner.result import Result, exit_code
from runner.settings import Waits
from runner.spec import Spec, SpecError
from runner.stopping import Stop, Stopped
from runner.turn import Seen, Turn, turn
from runner.vocabulary import ExitCode, Reason, RecordPhase

if TYPE_CHECKING:
    from runner.ending import Ending
    from runner.records import Records
    from runner.server import Server

_POLL = 0.04
_POLL_WHEN_READY = 0.01
_LOOK_AT_LOCKS_EVERY = 10
"""Locks are looked at every so many polls: a death may be noticed later than a result."""


def main() -> NoReturn:
    """Run with the arguments of the process, and end it."""
    code = run(sys.argv[1:], os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # Without the interpreter's own end: a thread of an abandoned call may still be in it.
    os._exit(code)


def run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run with a command line; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    if "--help" in argv or "-h" in argv:
        print(arguments.USAGE)
        return ExitCode.SUCCEEDED
    stop = Stop()
    stop.listen()
    try:
        given = arguments.parse(argv)
    except arguments.UsageError as error:
        print(f"drplan-runner: {error}", file=sys.stderr)
        return ExitCode.CONFIGURATION
    wrong = settings.problems(environment)
    # With wrong settings nothing is done, but the lane still has to end with a result that says so.
    waits = Waits() if wrong else settings.from_environment(environment)
    console = Console(given.key, given.termination_log)
    lane = Lane(given.lane)
    if given.close:
        from runner.close import close

        return close(given, lane=lane, waits=waits, stop=stop, console=console)
    return Runner(given, environment, lane=lane, waits=waits, stop=stop, console=console).run(wrong)


class Runner:
    """One action, from its first moment to its last."""

    def __init__(
        self,
        given: Arguments,
        environment: Mapping[str, str],
        *,
        lane: Lane,
        waits: Waits,
        stop: Stop,
        console: Console,
    ) -> None:
        self._given = given
        self._environment = environment
        self._lane = lane
        self._waits = waits
        self._stop = stop
        self._console = console
        self._begun_waiting = time.monotonic()
        self._server = cache(self._connect)
        self._ready = False

    def run(self, wrong: Sequence[str] = ()) -> int:
        """Wait, act, and leave the result; return the exit code.

        Args:
            wrong: what is wrong with the settings; with any, the action is Failed before anything is done.
        """
        key = self._given.key
        try:
            self._lane.lock(key, wait=lambda: self._stop.sleep(_POLL))
            left = self._lane.result(key)
            if left is not None:
                return self._end(exit_code(left.phase, left.reason), left.message, None)
            if wrong:
                raise SpecError("; ".join(wrong))
            return self._take_turn()
        except Stopped:
            return self._end(ExitCode.STOPPED, "stopped before anything was done", None)
        except SpecError as error:
            message = str(error)
            result = Result(key, RecordPhase.FAILED, Reason.INVALID_SPEC, message, completion=now())
            return self._end(ExitCode.CONFIGURATION, message, result)
        except Exception as error:
            self._console.trace()
            why = f"error in the runner, please report it: {type(error).__name__}: {error}"
            return self._end(ExitCode.NOTHING_DONE, why, None)

    def _take_turn(self) -> int:
        what = self._spec()
        self._console.subject = f"{self._given.key} {what.name}"
        self._console.redactor = Redactor(support.secrets(what, self._environment))
        run = about.read(self._given.about)
        if self._wait(what, begun=False) is Turn.DIED:
            return self._end(ExitCode.NOT_RUN, "not run: a predecessor died; the lane decides anew", None)
        ending = self._act(what, run)
        return self._end(ending.code, ending.message, ending.result)

    def _spec(self) -> Spec:
        """Read and check the spec.

        Raises:
            SpecError: it is wrong, or this runner cannot do it.
        """
        text = self._given.spec
        if text is None:
            path = os.path.join(self._given.specs, self._given.spec_ref)
            try:
                with open(path, encoding="utf-8") as file:
                    text = file.read()
            except OSError as error:
                raise SpecError(f"cannot read spec {path}: {error.strerror}; is its ConfigMap mounted?") from error
        what = spec.parse(text)
        what = what._replace(undo=self._given.undo or what.undo)
        support.check(what, self._environment)
        return what

    def _wait(self, what: Spec, *, begun: bool) -> Turn:
        """Wait until the predecessors in this lane are done with."""
        use = workflow_of(self._given.key)
        keys = [within(self._given.key, local) for local in what.after if local not in what.earlier]
        listed: frozenset[str] = frozenset()
        polls = 0
        while True:
            look = polls % _LOOK_AT_LOCKS_EVERY == 0
            before, listed = listed, self._lane.listing()
            if look or listed != before:
                # The lock before the result: one that is free then, with no result now, means a death.
                locks = {key: self._lane.lock_of(key) for key in keys} if look else {}
                seen = [Seen(key, locks.get(key), self._lane.result(key)) for key in keys]
                decided = turn(
                    seen,
                    policy=what.policy,
                    others=self._lane.results(use).values(),
                    begun=begun,
                    waited=time.monotonic() - self._begun_waiting,
                    start_wait=self._waits.start,
                )
                if decided is not Turn.WAIT:
                    return decided
                self._get_ready(what, [one.key for one in seen if one.result is None], listed)
            polls += 1
            self._stop.sleep(_POLL_WHEN_READY if self._ready else _POLL)

    def _get_ready(self, what: Spec, awaited: Sequence[str], listed: frozenset[str]) -> None:
        """Load what acting needs, once all that is still waited for acts itself."""
        if self._ready or not all(key + words.TURN_SUFFIX in listed for key in awaited):
            return
        from runner import frame  # noqa: F401

        support.performer(what.type)
        if not self._given.state:
            with suppress(SpecError):  # that there is no server is told at the turn
                self._server()
        self._ready = True

    def _act(self, what: Spec, run: about.Run) -> Ending:
        from runner.frame import Frame

        self._lane.mark_turn(self._given.key)
        frame = Frame(
            key=self._given.key,
            spec=what,
            run=run,
            revert=self._given.revert,
            pod=self._pod(),
            lane=self._lane,
            records=self._records(run),
            waits=self._waits,
            stop=self._stop,
            console=self._console,
            server=self._server,
            await_predecessors=lambda: self._wait(what, begun=True) is not Turn.DIED,
        )
        return frame.run()

    def _connect(self) -> Server:
        from runner.server import Server

        return Server.in_cluster(self._environment)

    def _pod(self) -> str:
        return self._lane.name if self._given.state else os.uname().nodename

    def _records(self, run: about.Run) -> Records:
        if self._given.state:
            from runner.records.files import FileRecords

            return FileRecords(self._given.state)
        from runner.records.api import ApiRecords

        return ApiRecords(self._server(), run.namespace, own_pod=self._pod())

    def _end(self, code: ExitCode, message: str, result: Result | None) -> int:
        """Leave the last message and, as the very last, the result."""
        self._console.say(f"{message or code.name.lower()} (exit code {code.value})" if code else message)
        self._console.end(message)
        if result is not None:
            self._lane.leave(result)
        if code:
            self._stay()
        return code

    def _stay(self) -> None:
        """Stay until the lane is closed: Argo stops all containers of a pod when one ends with anything but 0."""
        if self._lane.result(self._given.key) is None:
            return
        with suppress(Stopped):
            while not self._closed():
                self._stop.sleep(_POLL)

    def _closed(self) -> bool:
        """Whether the closing container has come and gone, or never comes."""
        closing = self._lane.lock_of(workflow_of(self._given.key))
        waited = time.monotonic() - self._begun_waiting
        return closing is Lock.FREE or (closing is Lock.ABSENT and waited >= self._waits.start)
