"""How a runner ends: exit code, last message, and what it leaves in its lane."""

from __future__ import annotations

from typing import NamedTuple

from runner.console import now
from runner.fence import Halted
from runner.result import Result
from runner.vocabulary import ExitCode, Reason, RecordPhase


class Ending(NamedTuple):
    """How a runner ends.

    Attributes:
        code: its exit code.
        message: its last message.
        result: what it leaves in the lane; None to leave nothing, so that the lane is tried again.
    """

    code: ExitCode
    message: str
    result: Result | None = None


def nothing_done(why: str) -> Ending:
    """End because something is out of reach; the lane is tried again."""
    return Ending(ExitCode.NOTHING_DONE, f"nothing was done: {why}")


def refused(key: str, reason: Reason, message: str, *, record: str = "") -> Ending:
    """End because of configuration or rights; another try would come to the same."""
    result = Result(key, RecordPhase.FAILED, reason, message, completion=now(), record=record)
    return Ending(ExitCode.CONFIGURATION, message, result)


def skipped(key: str, halted: Halted, *, record: str) -> Ending:
    """End without having begun."""
    result = Result(key, RecordPhase.SKIPPED, halted.reason, halted.message, completion=now(), record=record)
    return Ending(ExitCode.NOT_RUN, halted.message, result)
