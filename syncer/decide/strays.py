"""Argo Workflows that no execution answers for: their execution is gone, or they are copies that it is not bound to.

Nothing of them may go on. A copy finds another name in the fence, so nothing of it has acted, and it is terminated at
once. Of one whose execution has vanished actions may be under way: it is suspended, they end or give up their lease,
and only then it is terminated. A plan that a vanished execution held is free when nothing of it can act any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncer.decide.cancel import Shutdown
from syncer.decide.fence import Fence, FenceError
from syncer.fold.evidence import LEASE
from syncer.nodes import Workflow
from syncer.records import Record, is_started, state_of
from syncer.times import parse_time

POLL = 5.0
"""Seconds between two looks at holders that may still live."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Merge a patch into the spec of the Workflow."""

    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Later:
    """Look again after some seconds."""

    seconds: float


def is_bound(workflow: Workflow, execution: Mapping[str, Any]) -> bool:
    """Whether a Workflow is the one that an execution runs, or may yet become it."""
    try:
        fence = Fence.of(execution)
    except FenceError:
        # Nothing acts beneath a fence that cannot be read, and the name alone still tells a copy.
        fence = None
    if fence is None:
        name = ((execution.get("status") or {}).get("workflowRef") or {}).get("name")
        return not name or name == workflow.metadata.name
    return fence.workflow == workflow.metadata.name and fence.workflow_uid in ("", workflow.metadata.uid)


def end_copy(workflow: Workflow) -> Patch | None:
    """What to do about a copy; None when nothing is left to do but for Argo."""
    return None if workflow.complete else _terminate(workflow)


def end_orphan(workflow: Workflow, records: Iterable[Record], *, now: datetime) -> Patch | Later | None:
    """What to do about a Workflow whose execution is gone; None when nothing is left to do but for Argo.

    Args:
        workflow: the Workflow.
        records: the records of its execution.
        now: the time.
    """
    if workflow.complete:
        return None
    if workflow.spec.shutdown and not workflow.spec.suspend:
        return None
    if not workflow.spec.suspend:
        return Patch({"suspend": True})
    return Later(POLL) if still_act(records, now=now) else _terminate(workflow)


def still_act(records: Iterable[Record], *, now: datetime) -> bool:
    """Whether somebody may still act for one of the records."""
    return any(is_started(state_of(record)) and not _lease_is_over(state_of(record), now) for record in records)


def _lease_is_over(state: Mapping[str, Any], now: datetime) -> bool:
    holder = state.get("holder") or {}
    renewed = parse_time(holder.get("renewTime") or state.get("startTime"))
    return bool(holder.get("released")) or renewed is None or now - renewed > LEASE


def _terminate(workflow: Workflow) -> Patch | None:
    if workflow.spec.shutdown == Shutdown.TERMINATE and not workflow.spec.suspend:
        return None
    return Patch({"suspend": None, "shutdown": Shutdown.TERMINATE.value})
