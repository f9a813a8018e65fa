"""How long the runner waits for what: from the environment, so that a platform can change it and tests can be short.

Everything about the lease follows from one figure, so that the parts cannot be set against each other: a holder renews
six times a lease and stops starting calls at two thirds of it, long before anybody may take over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from runner import vocabulary as words
from runner.result import clip

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_STOP = 20.0
_LONGEST = 365 * 24 * 3600.0
_VARIABLES = {
    "fence": words.ENV_FENCE_WAIT,
    "api": words.ENV_API_WAIT,
    "lease": words.ENV_LEASE,
    "start": words.ENV_START_WAIT,
    "pause_poll": words.ENV_PAUSE_POLL,
}
_NEVER_ZERO = ("lease", "pause_poll")


class SettingError(Exception):
    """An environment variable of ours cannot be read."""


class Waits(NamedTuple):
    """Waiting times in seconds.

    Attributes:
        fence: for a fence that is not there yet, or to be opened again.
        api: for the API server, before anything was done.
        lease: how long a holder may stay silent before its record is taken over.
        start: for a container of the lane that has not started.
        pause_poll: between two looks at a paused execution.
    """

    fence: float = 60.0
    api: float = 300.0
    lease: float = 60.0
    start: float = 600.0
    pause_poll: float = 5.0

    @property
    def renew(self) -> float:
        """Between two renewals of a held record."""
        return self.lease / 6

    @property
    def fencing(self) -> float:
        """Age of the last renewal at which no new call is started."""
        return self.lease * 2 / 3

    @property
    def stop(self) -> float:
        """For the call in flight, after the runner was told to stop (a pod has 30 s in all)."""
        return min(_LONGEST_STOP, self.lease / 3)

    @property
    def closing(self) -> float:
        """For the writers of a lane to end, after the closing container was told to stop."""
        return self.stop * 1.25

    @property
    def last_write(self) -> float:
        """For the API server, when only the end of an action is left to be written."""
        return self.api * 2


def parse_duration(text: str) -> float:
    """Read a duration such as `90s`, `1m30s` or `500ms` as seconds.

    Raises:
        ValueError: the text is no duration.
    """
    position = 0
    seconds = 0.0
    while match := _PART.match(text, position):
        seconds += float(match.group(1)) * _SECONDS[match.group(2)]
        position = match.end()
    if not text or position != len(text):
        raise ValueError(f"{clip(text, 20)!r} is no duration; write it like 90s, 1m30s or 500ms")
    return seconds


def problems(environment: Mapping[str, str]) -> list[str]:
    """Say what is wrong with the waiting times; empty when `from_environment` can read them all.

    Pure: whoever starts runners can ask before it starts any.
    """
    return _read(environment)[1]


def from_environment(environment: Mapping[str, str]) -> Waits:
    """Read all waiting times; what is not set has its default.

    Raises:
        SettingError: a variable holds no duration that can be used.
    """
    found, wrong = _read(environment)
    if wrong:
        raise SettingError("; ".join(wrong))
    return Waits(**found)


def _read(environment: Mapping[str, str]) -> tuple[dict[str, float], list[str]]:
    found: dict[str, float] = {}
    wrong: list[str] = []
    for field, variable in _VARIABLES.items():
        if text := environment.get(variable):
            try:
                found[field] = _usable(field, text)
            except ValueError as error:
                wrong.append(f"environment variable {variable}: {error}")
    return found, wrong


def _usable(field: str, text: str) -> float:
    seconds = parse_duration(text)
    if seconds > _LONGEST:
        raise ValueError(f"{clip(text, 20)!r} is longer than a year; write it like 90s, 1m30s or 500ms")
    if not seconds and field in _NEVER_ZERO:
        raise ValueError(f"{text!r} should be longer than nothing; write it like 90s, 1m30s or 500ms")
    return seconds
