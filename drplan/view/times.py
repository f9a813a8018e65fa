"""Times and durations for people: short, and rounded to what matters at that length."""

from __future__ import annotations

from datetime import UTC, datetime

from compiler.graph.durations import parse_duration
from syncer.times import parse_time

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def short_duration(seconds: float | None) -> str:
    """A duration to read at a glance: `40ms`, `12.4s`, `1m30s`, `2h5m`; empty when it is not known."""
    if seconds is None:
        return ""
    thousandths = round(max(seconds, 0) * 1000)
    if thousandths < 1000:
        return f"{thousandths}ms" if thousandths else "0s"
    tenths = round(seconds * 10)
    if tenths < _MINUTE * 10:
        return f"{tenths // 10}.{tenths % 10}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE}s"
    return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE}m"


def age(since: str | None, now: datetime) -> str:
    """How long ago something was, as kubectl shows it: `45s`, `12m`, `5h`, `3d`; `<unknown>` when that is not known."""
    then = parse_time(since)
    if then is None:
        return "<unknown>"
    seconds = max(int((now - then).total_seconds()), 0)
    if seconds < 2 * _MINUTE:
        return f"{seconds}s"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR}h"
    return f"{seconds // _DAY}d"


def seconds_of(duration: str | None, start: str | None, end: str | None, *, now: datetime | None) -> float | None:
    """How long something took, or has taken so far.

    Args:
        duration: the duration, if one is written.
        start: when it began.
        end: when it ended.
        now: the time for what has not ended; None to leave that open.
    """
    if duration:
        try:
            return parse_duration(duration)
        except ValueError:
            return None
    began = parse_time(start)
    ended = parse_time(end) or now
    return max((ended - began).total_seconds(), 0.0) if began and ended else None


def clock(time: str | None, now: datetime) -> str:
    """Time of day of an event in UTC, `12:00:01Z`; the present one when the event has none."""
    return f"{(parse_time(time) or now).astimezone(UTC):%H:%M:%S}Z"
