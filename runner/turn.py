"""Whose turn it is: pure decisions on what the predecessors of an action have left in the lane.

The order of the questions is the contract: first whether a predecessor died (then the lane, tried again, decides
anew), then whether all has been waited for, and only after the record was asked whether the action began before, what
the results upstream mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from runner.lane import Lock
from runner.result import Result
from runner.vocabulary import DependsOnPolicy, RecordPhase, WorkflowFailurePolicy

_NOT_RUN = "not run: "


class Turn(Enum):
    """What a waiting runner does next."""

    WAIT = "wait"
    READY = "ready"
    DIED = "a predecessor died"


class Seen(NamedTuple):
    """What is seen of another action: its result, and its lock as it was *before* the result was looked for.

    The lock is None when nobody looked.
    """

    key: str
    lock: Lock | None
    result: Result | None


def died(seen: Seen, *, waited: float, start_wait: float) -> bool:
    """Whether an action's runner ended without a result, or never came."""
    if seen.result is not None:
        return False
    return seen.lock is Lock.FREE or (seen.lock is Lock.ABSENT and waited >= start_wait)


def turn(
    after: Sequence[Seen],
    *,
    policy: WorkflowFailurePolicy,
    others: Iterable[Result],
    begun: bool,
    waited: float,
    start_wait: float,
) -> Turn:
    """Decide whether a runner goes on waiting.

    Args:
        after: the predecessors in this lane.
        policy: failure policy of the workflow.
        others: every result of the same workflow use in this lane.
        begun: whether this action began in an earlier attempt; then it waits for all predecessors, whatever failed.
        waited: seconds since it began to wait.
        start_wait: seconds after which a container that has not started counts as dead.
    """
    if any(died(seen, waited=waited, start_wait=start_wait) for seen in after):
        return Turn.DIED
    if not begun and policy is WorkflowFailurePolicy.FAIL_FAST and not all(result.good for result in others):
        return Turn.READY
    return Turn.WAIT if any(seen.result is None for seen in after) else Turn.READY


def upstream(
    *,
    policy: WorkflowFailurePolicy,
    needs: DependsOnPolicy,
    predecessors: Mapping[str, Result | None],
    others: Iterable[Result],
) -> str | None:
    """Tell why an action is not run because of what came before it; None when it is run.

    Args:
        policy: failure policy of the workflow.
        needs: what the predecessors must have come to.
        predecessors: result by key; None for one of an earlier lane that has no record.
        others: every result of the same workflow use in this lane.
    """
    missing = next((key for key, result in predecessors.items() if result is None), None)
    if missing is not None:
        return f"{_NOT_RUN}{missing} has no record"
    results = {key: result for key, result in predecessors.items() if result is not None}
    if policy is WorkflowFailurePolicy.FAIL_FAST:
        results.update((result.key, result) for result in others)
    elif needs is not DependsOnPolicy.SUCCEEDED:
        return None
    bad = [result for result in results.values() if not result.good]
    return _cause(bad) if bad else None


def _cause(bad: Iterable[Result]) -> str:
    """Name the first that went wrong by itself; what was only skipped knows its own cause."""
    first = min(bad, key=lambda result: (result.phase is RecordPhase.SKIPPED, result.completion, result.key))
    if first.phase is RecordPhase.SKIPPED and first.message.startswith(_NOT_RUN):
        return first.message
    return f"{_NOT_RUN}{first.key} {first.phase}"


def not_run(cause: str) -> str:
    """Message of an action that is not run."""
    return cause if cause.startswith(_NOT_RUN) else _NOT_RUN + cause
