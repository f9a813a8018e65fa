"""Action type HTTP: one call, tried again when that is safe.

`timeout` bounds everything: connecting, redirects, bodies, retries and the waits between them. A single call gets its
share of it (`judgement.share`), and 10 s at most to connect. A custom rollback is a call like any other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from runner.acting import Acting, OutOfTime
from runner.actions import judgement
from runner.actions.call import Call, read
from runner.actions.exchange import Exchange
from runner.actions.judgement import Answer, Failure, Verdict
from runner.record import Outcome
from runner.spec import Secret, Spec, SpecError
from runner.stopping import Stopped
from runner.vocabulary import ExitCode, Reason, RecordPhase

_LOOK_EVERY = 0.05
_HEADERS = "/http/headers/"


def perform(block: Mapping[str, Any], acting: Acting) -> Outcome:
    """Make the call of a filled block `http`."""
    try:
        call = read(block)
    except SpecError as error:
        return Outcome(RecordPhase.FAILED, ExitCode.CONFIGURATION, Reason.INVALID_SPEC, str(error))
    last: Answer | Failure | None = None
    try:
        for tries_left in range(acting.spec.retry.limit + 1, 0, -1):
            acting.before_call()
            last = _exchange(call, acting, tries_left)
            verdict = judgement.judge(last, call, idempotent=acting.spec.idempotent)
            if verdict is not Verdict.AGAIN:
                return _outcome(verdict, last, call, acting)
            if not acting.remaining:
                break
            if tries_left == 1:
                return _outcome(Verdict.FAILED, last, call, acting)
            asked = judgement.seconds_asked_for(last.retry_after, now=time.time()) if isinstance(last, Answer) else 0.0
            if asked >= acting.remaining:
                return _asked_too_much(asked, last, call, acting)
            _before_next(last, call, acting, asked=asked)
    except OutOfTime:
        pass
    return _timed_out(last, call, acting)


def _exchange(call: Call, acting: Acting, tries_left: int) -> Answer | Failure:
    seconds = judgement.share(acting.remaining, tries_left, idempotent=acting.spec.idempotent)
    end = time.monotonic() + seconds
    exchange = Exchange(call, seconds=seconds, private=_private_headers(acting.spec))
    exchange.start()
    while not exchange.done.wait(_LOOK_EVERY):
        over = time.monotonic() >= end
        if over or acting.cut_short:
            left = exchange.abandon()
            if left is None:
                break
            if not over:
                raise Stopped
            return Failure(f"no answer within {seconds:.3g} s", transient=True, left=left)
    return exchange.end


def _before_next(end: Answer | Failure, call: Call, acting: Acting, *, asked: float) -> None:
    wait = judgement.wait_before(acting.spec.retry, acting.retries, retry_after=asked)
    if wait >= acting.remaining:
        raise OutOfTime
    message = _explain(end, call, acting)
    acting.note(message=message, left=isinstance(end, Answer) or end.left)
    acting.console.say(f"{message}; retry {acting.retries + 1} of {acting.spec.retry.limit} in {wait:.3g} s")
    acting.pause(wait)


def _outcome(verdict: Verdict, end: Answer | Failure, call: Call, acting: Acting) -> Outcome:
    outputs, values = _kept(end, acting)
    if verdict is Verdict.SUCCEEDED:
        assert isinstance(end, Answer)
        message = f"HTTP {call.method} succeeded with status {end.status}"
        return Outcome(RecordPhase.SUCCEEDED, ExitCode.SUCCEEDED, "", message, outputs, values)
    message = _explain(end, call, acting)
    if verdict is Verdict.UNKNOWN:
        message = f"HTTP {call.method} was sent, but no answer came ({message}); look at the other side before a retry"
        return Outcome(RecordPhase.UNKNOWN, ExitCode.UNKNOWN, Reason.OUTCOME_UNKNOWN, message)
    if acting.retries:
        message = f"action failed after {acting.retries} retries: {message}"
    reason = Reason.HTTP_STATUS if isinstance(end, Answer) else Reason.HTTP_FAILED
    return Outcome(RecordPhase.FAILED, ExitCode.FAILED, reason, message, outputs, values)


def _asked_too_much(asked: float, last: Answer | Failure, call: Call, acting: Acting) -> Outcome:
    limit = f"longer than what is left of the timeout ({acting.spec.timeout:g} s)"
    return _out_of_time(f"the server asked to wait {asked:.0f} s, {limit}", last, call, acting)


def _timed_out(last: Answer | Failure | None, call: Call, acting: Acting) -> Outcome:
    return _out_of_time(f"timed out after {acting.spec.timeout:g} s", last, call, acting)


def _out_of_time(message: str, last: Answer | Failure | None, call: Call, acting: Acting) -> Outcome:
    if last is not None:
        message += f": {_explain(last, call, acting)}"
    outputs, values = _kept(last, acting)
    return Outcome(RecordPhase.FAILED, ExitCode.TIMED_OUT, Reason.TIMED_OUT, message, outputs, values)


def _explain(end: Answer | Failure, call: Call, acting: Acting) -> str:
    return judgement.explain(end, call, acting.console.redactor)


def _kept(end: Answer | Failure | None, acting: Acting) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return judgement.kept(end, acting.console.redactor) if isinstance(end, Answer) else ({}, {})


def _private_headers(spec: Spec) -> frozenset[str]:
    """Headers with a secret in them: no other host gets to see them after a redirect."""
    pointers = [hole.at for hole in spec.holes if any(isinstance(part, Secret) for part in hole.parts)]
    names = [pointer.removeprefix(_HEADERS) for pointer in pointers if pointer.startswith(_HEADERS)]
    return frozenset(name.replace("~1", "/").replace("~0", "~").lower() for name in names)
