"""What the end of one HTTP exchange means for its action: done, again, failed, or unknown. Pure.

The line between "again" and "unknown" is the one that a failover depends on: a call that may have had an effect, and
may not be made twice, is never repeated on a guess.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from runner import vocabulary as words
from runner.actions.call import Call
from runner.holes import CUT
from runner.redaction import Redactor
from runner.result import clip
from runner.spec import Retry

_TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT = 300.0
_NO_TEXT = re.compile("[\\x00-\\x1f\\x7f\ufffd]")
_URL_IN_MESSAGE = 140
_BODY_IN_MESSAGE = 200
_EXPLANATION = 404
"""Leaves room for what is said around it: all of it has to fit into the message of a lane file."""


class Answer(NamedTuple):
    """An answer came.

    Attributes:
        status: its status code.
        body: its body, at most one byte more than is kept.
        broken: whether the connection was lost in the middle of the body.
        retry_after: header `Retry-After`, empty when there is none.
        redirected: whether it is the answer to a redirect that was followed.
    """

    status: int
    body: bytes = b""
    broken: bool = False
    retry_after: str = ""
    redirected: bool = False


class Failure(NamedTuple):
    """No answer came.

    Attributes:
        text: what happened.
        transient: whether it may be better in a moment: refused, reset, DNS, time-out.
        left: whether the request may have left the building.
        redirected: whether a redirect was followed before it.
    """

    text: str
    transient: bool
    left: bool
    redirected: bool = False


class Verdict(Enum):
    """What an exchange means for its action."""

    SUCCEEDED = "succeeded"
    AGAIN = "to be tried again"
    FAILED = "failed for good"
    UNKNOWN = "nobody knows what it did"


def judge(end: Answer | Failure, call: Call, *, idempotent: bool) -> Verdict:
    """Decide what an exchange means."""
    if isinstance(end, Failure):
        if (end.left or end.redirected) and not idempotent:
            return Verdict.UNKNOWN
        return Verdict.AGAIN if end.transient else Verdict.FAILED
    if call.succeeded(end.status):
        # Half an answer is an answer: a call that must not be repeated is not repeated for the rest of it.
        return Verdict.AGAIN if end.broken and idempotent else Verdict.SUCCEEDED
    if end.redirected and not idempotent:
        # Whoever answered with the redirect had the call, and may have done what it asks for.
        return Verdict.FAILED
    return Verdict.AGAIN if end.status in _TRANSIENT_STATUS else Verdict.FAILED


def explain(end: Answer | Failure, call: Call, redactor: Redactor) -> str:
    """Say what went wrong, what was called, and how an answer begins; without secrets."""
    about = f"{call.method} {clip(_place(redactor.text(call.url)), _URL_IN_MESSAGE)}"
    if end.redirected:
        about += ", redirected,"
    if isinstance(end, Answer) and (said := _beginning(end, redactor)):
        about += f" answered: {said}"
    return clip(f"{redactor.text(_fault(end, call))} ({about.removesuffix(',')})", _EXPLANATION)


def _place(url: str) -> str:
    """Drop what may be confidential: user and password, and the query."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = re.split("[?#]", rest, maxsplit=1)[0].partition("/")
    if not separator:
        return re.split("[?#]", url, maxsplit=1)[0]
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def _beginning(answer: Answer, redactor: Redactor) -> str:
    """Return the beginning of a body in one line; empty when it is empty or no text."""
    line = " ".join(_redacted(answer, redactor).split())
    start = line[:_BODY_IN_MESSAGE]
    if _NO_TEXT.search(start):
        return ""
    shown = "".join(filter(str.isprintable, start))
    return shown if start == line else f"{shown}…"


def _redacted(answer: Answer, redactor: Redactor) -> str:
    text = answer.body.decode(errors="replace")
    return redactor.text(text) if _whole(answer) else redactor.beginning(text)


def _whole(answer: Answer) -> bool:
    return len(answer.body) <= words.VALUES_LIMIT and not answer.broken


def _fault(end: Answer | Failure, call: Call) -> str:
    if isinstance(end, Failure):
        return f"HTTP request failed: {end.text}"
    if call.succeeded(end.status):
        return f"HTTP request failed: the connection was lost within the answer of status {end.status}"
    if call.success:
        return f"status code {end.status} not in success codes"
    return f"unexpected status code: {end.status}"


def wait_before(retry: Retry, number: int, *, retry_after: float = 0.0) -> float:
    """Seconds to wait before a retry (the first is number 0); the server may ask for more."""
    try:
        growing = retry.interval * retry.multiplier**number
    except OverflowError:
        growing = _LONGEST_WAIT
    return max(min(growing, _LONGEST_WAIT), retry_after)


def seconds_asked_for(retry_after: str, *, now: float) -> float:
    """Read a header `Retry-After`: seconds, or a date; 0 when it says nothing that can be read.

    Args:
        retry_after: value of the header.
        now: seconds since the epoch.
    """
    text = retry_after.strip()
    if text.isdecimal() and text.isascii() and len(text) < 10:
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def share(remaining: float, tries_left: int, *, idempotent: bool) -> float:
    """Seconds that a single call may take.

    A call that may be repeated leaves every further try an equal share of the timeout. One that may not gets all that
    is left: cutting it off would only make its outcome unknown.
    """
    return remaining / tries_left if idempotent else remaining


def kept(answer: Answer, redactor: Redactor) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Outputs for the status, and values for later actions, of an answer.

    Values hold `statusCode`, `json` when the body is JSON, and `body`, as long as all of it fits; what does not is
    listed in `cut`, the parsed answer being kept before the text.
    """
    whole = _whole(answer)
    text = _redacted(answer, redactor)
    shown: dict[str, Any] = {"statusCode": answer.status, "body": clip(text, words.BODY_IN_OUTPUTS)}
    values: dict[str, Any] = {"statusCode": answer.status}
    room = words.VALUES_LIMIT - _size({"httpResponse": shown}) - _size({**values, CUT: ["json", "body"]})
    cut: list[str] = []
    for name, value in (("json", _parsed(answer.body, redactor) if whole else None), ("body", text if whole else None)):
        size = _size({name: value})
        if value is not None and size <= room:
            values[name] = value
            room -= size
        elif value is not None or not whole:
            cut.append(name)
    if cut:
        values[CUT] = cut
    return {"httpResponse": shown}, values


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def _parsed(body: bytes, redactor: Redactor) -> Any:
    """Parse a body that is JSON as every other reader understands it; None when it is not."""
    try:
        return redactor.value(json.loads(body, parse_constant=_no_constant, parse_float=_finite))
    except (ValueError, RecursionError):
        return None


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
