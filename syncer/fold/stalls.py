"""What keeps a run from going on until somebody looks: found again at each fold, and gone as soon as its cause is.

What stands in the way is told with what to do about it. A run that has ended is never stalled by any of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from compiler.model.phases import ConditionReason
from syncer.fold.evidence import LEASE, Evidence
from syncer.nodes import ArgoPhase, Node
from syncer.records import is_started, state_of
from syncer.times import format_time, parse_time

SILENCE = LEASE + timedelta(seconds=30)
"""How long a runner that holds a record may not renew it: whoever takes over has done so by then."""

PENDING_LIMIT = timedelta(seconds=60)
"""How long a pod may take to begin: an image is pulled meanwhile, or a node comes up."""

_LISTED = 3
"""How many of several a message tells of."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Something that keeps a run from going on.

    Attributes:
        reason: reason of the condition Stalled.
        message: what it is, and what to do.
    """

    reason: ConditionReason
    message: str


def stall_of(evidence: Evidence) -> Stall | None:
    """What stalls a run that is not over; None when nothing does."""
    if evidence.unreadable:
        return Stall(ConditionReason.NODES_UNREADABLE, evidence.unreadable)
    if evidence.over:
        return None
    silent = _listed(_silent(evidence))
    if silent:
        text = "delete the pod, or its node, if it does not come back, and another one goes on"
        return Stall(ConditionReason.RUNNER_SILENT, f"{silent}; {text}")
    pending = _listed(_pending(evidence))
    return Stall(ConditionReason.PODS_UNSCHEDULABLE, pending) if pending else None


def _silent(evidence: Evidence) -> Iterator[str]:
    """Actions that are under way, and whose runner has not been heard of for long."""
    for key, record in evidence.records.items():
        state = state_of(record)
        if not is_started(state):
            continue
        holder = state.get("holder") or {}
        heard = parse_time(holder.get("renewTime") or state.get("startTime"))
        if heard is None or holder.get("released") or evidence.now - heard <= SILENCE:
            continue
        pod = f"pod {holder['pod']}" if holder.get("pod") else "its runner"
        yield f"action {key}: {pod} has not been heard of since {format_time(heard)}"


def _pending(evidence: Evidence) -> Iterator[str]:
    """Lanes whose pod has not begun for long, with what Argo says about it."""
    for key, use in evidence.places.uses.items():
        for lane in use.lanes.values():
            pod = lane.pod
            if pod is not None and _waits_long(pod, evidence):
                why = pod.message or "Argo does not say why"
                yield f"the pod of {key} has not begun since {pod.started_at}: {why}"


def _waits_long(pod: Node, evidence: Evidence) -> bool:
    since = parse_time(pod.started_at)
    return pod.phase == ArgoPhase.PENDING and since is not None and evidence.now - since > PENDING_LIMIT


def _listed(found: Iterator[str]) -> str:
    """The first of several, and how many more there are; empty when there are none."""
    told = sorted(found)
    more = f"; and {len(told) - _LISTED} more" if len(told) > _LISTED else ""
    return "; ".join(told[:_LISTED]) + more
