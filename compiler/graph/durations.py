"""Go's text form of a duration (`1m30s`), as Kubernetes objects write it.

Grammar: https://pkg.go.dev/time#ParseDuration.
"""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def parse_duration(text: str) -> float:
    """Read a duration in seconds.

    Raises:
        ValueError: the text is no duration; the message names it and shows the form.
    """
    body = text[1:] if text[:1] in ("-", "+") else text
    if body == "0":
        return 0.0
    total, at = 0.0, 0
    while at < len(body):
        match = _PART.match(body, at)
        if match is None:
            break
        total += float(match.group(1)) * _UNITS[match.group(2)]
        at = match.end()
    if not body or at != len(body):
        raise ValueError(f'"{text}" is not a duration; write for example 30s, 5m or 1h30m')
    return -total if text.startswith("-") else total


def format_duration(seconds: float) -> str:
    """Write a duration as Go prints it, rounded to milliseconds: `0s`, `250ms`, `1m30.25s`, `2h0m1s`."""
    thousandths = round(abs(seconds) * 1000)
    sign = "-" if seconds < 0 and thousandths else ""
    if thousandths == 0:
        return "0s"
    if thousandths < 1000:
        return f"{sign}{thousandths}ms"
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"
