"""Times as Kubernetes objects write them (RFC 3339, UTC).

Compared as texts, which is exact for times in UTC, and parsed only where they are subtracted.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from compiler.graph.durations import format_duration


def format_time(time: datetime) -> str:
    """Write a time to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str | None) -> datetime | None:
    """Read a time; None when there is none or it is no time."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@lru_cache(maxsize=16384)
def duration_text(start: str | None, end: str | None) -> str | None:
    """Duration between two times as Go writes it; None when one of them is not known.

    A status is folded again and again, mostly from the same times.
    """
    began, ended = parse_time(start), parse_time(end)
    if began is None or ended is None:
        return None
    return format_duration(max((ended - began).total_seconds(), 0.0))


def _without_zone(text: str) -> str:
    """Text that sorts by time: `…03Z` before `…03.5Z`, which the texts themselves do not."""
    return text[:-1]


def earliest(times: Iterable[str | None]) -> str | None:
    """The first of some times in UTC; None when there is none."""
    return min(filter(None, times), key=_without_zone, default=None)


def latest(times: Iterable[str | None]) -> str | None:
    """The last of some times in UTC; None when there is none."""
    return max(filter(None, times), key=_without_zone, default=None)
