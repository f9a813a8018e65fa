"""The closing container of a lane, `main`: waits for the others and hands all results to Argo as one output.

It ends with 75 when an action left no result: then the lane is tried again, and the records replay what was done.
"""

from __future__ import annotations

import time

from runner import vocabulary as words
from runner.arguments import Arguments
from runner.console import Console
from runner.lane import Lane
from runner.result import lane_result
from runner.settings import Waits
from runner.stopping import Stop
from runner.turn import Seen, died
from runner.vocabulary import ExitCode

_POLL = 0.05


def close(given: Arguments, *, lane: Lane, waits: Waits, stop: Stop, console: Console) -> int:
    """Wait for the members of a lane and merge their results; return the exit code."""
    # Held to its end: for as long as it is, no action that failed lets its container end.
    lane.lock(given.key, wait=lambda: time.sleep(_POLL))
    keys = [f"{given.key}.{member}" for member in given.members]
    begun = time.monotonic()
    missing: list[str] = []
    while not stop.expired(waits.closing):
        waited = time.monotonic() - begun
        # The lock before the result: one that is free then, with no result now, means a death.
        seen = [Seen(key, lane.lock_of(key), lane.result(key)) for key in keys]
        missing = [one.key for one in seen if one.result is None]
        if all(one.result is not None or died(one, waited=waited, start_wait=waits.start) for one in seen):
            break
        time.sleep(_POLL)
    results = [result for key in keys if (result := lane.result(key)) is not None]
    lane.write(words.LANE_RESULT, lane_result(results, given.limit))
    return _end(missing, len(results), stop=stop, console=console)


def _end(missing: list[str], ended: int, *, stop: Stop, console: Console) -> int:
    code, message = ExitCode.SUCCEEDED, f"{ended} actions ended"
    if missing and stop.since is not None:
        code, message = ExitCode.STOPPED, f"stopped when {ended} actions had ended"
    elif missing:
        code, message = ExitCode.NOTHING_DONE, f"no result of {', '.join(missing)}; the lane is tried again"
    console.say(message)
    console.end(message)
    return code
