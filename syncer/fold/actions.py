"""How one action ended, from the best evidence there is.

In order of trust: what was decided when compiling, a terminal record, the entry in the lane's result, what Argo says
about the container. What none of them settles is handed on as `Unsettled`: it takes a look at the other actions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from compiler.graph.tree import Action, WorkflowUse
from compiler.model.phases import ExitCode, Phase, Reason, RecordPhase
from syncer.fold.evidence import Evidence
from syncer.fold.places import Lane, UsePlace, is_phantom
from syncer.fold.results import LaneEntry
from syncer.nodes import NEVER_SCHEDULED, ArgoPhase, Node, NodeType
from syncer.records import has_taken_effect, is_stale, is_started, state_of

_PHASES = {phase.value: phase for phase in Phase}
_EXIT = re.compile(r"[^()]*\(exit code (?P<code>\d+)\)(?:: (?P<text>.*))?\Z", re.DOTALL)
_EXECUTOR_CODES = frozenset({64, 65})
"""Exit codes of Argo's own executor: whatever ran behind it, its end is not known."""

MESSAGE_LIMIT = 1024
STOPPED_EARLY = "stopped before anything was sent or written"
STOPPED_LATE = "stopped after something may have been sent or written; find out by hand what happened"
NOTHING_DONE = "nothing was done: its pod was lost and no attempt is left"
REPORT_LOST = "it may have been done: Argo lost its report; find out by hand what happened"
ENDED_UNSEEN = "its container ended and nothing tells what it had done; find out by hand what happened"


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """Where an action is.

    Attributes:
        phase: its phase.
        reason: why.
        message: why, for people.
        start: when it began; None for what was skipped.
        end: when it ended; None for what was skipped.
        retries: how many times it was tried again.
        outputs: what it made, as a dict or still packed.
        clusters: what it came to in each cluster.
    """

    phase: Phase
    reason: str = ""
    message: str = ""
    start: str | None = None
    end: str | None = None
    retries: int = 0
    outputs: Any = None
    clusters: Any = None


class Doubt(StrEnum):
    """What is not settled about an action."""

    NOT_RUN = "never scheduled, and it will not be"
    DEAD = "its container is gone and said nothing"
    WAITS_OR_RUNS = "its container is there and there are no records"


class Unsettled(msgspec.Struct, frozen=True, gc=False):
    """An action whose phase depends on the other actions.

    Attributes:
        doubt: what is not known.
        text: what Argo says.
    """

    doubt: Doubt
    text: str = ""


_SUCCEEDED = Outcome(Phase.SUCCEEDED)
_SUCCEEDED_TEXT = ArgoPhase.SUCCEEDED.value
_PENDING = Outcome(Phase.PENDING)


class Settler:
    """Settles the actions of a run, one workflow use after the other.

    Attributes:
        doubtful: keys of the uses with an action that is not settled.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.doubtful: set[str] = set()
        self._records = evidence.records
        self._generation = evidence.generation
        self._over = evidence.over
        self._blind = bool(evidence.unreadable) and not evidence.recorded
        self._evidence = evidence
        self._recorded = evidence.recorded

    def settle(self, use: WorkflowUse, place: UsePlace | None) -> list[Outcome | Unsettled]:
        """Settle the actions of a workflow use, in its order.

        Args:
            use: the use.
            place: what its nodes say; None when it has none.
        """
        start = len(use.key) + 1
        only = place.lanes.get(0) if place is not None else None
        nodes = only.containers if only is not None and not self._records and not only.results else {}
        outcomes: list[Outcome | Unsettled] = []
        for action in use.actions:
            local = action.key[start:]
            if local in nodes and nodes[local].phase == _SUCCEEDED_TEXT and action.decided is None:
                # Nothing is trusted more than the node here: the short way, which most of many actions take.
                outcomes.append(_SUCCEEDED)
                continue
            lane = only if only is not None or place is None else _lane(place, local)
            outcomes.append(self._settle(action, local, place, lane))
        if Unsettled in set(map(type, outcomes)):
            self.doubtful.add(use.key)
        return outcomes

    def _settle(self, action: Action, local: str, use: UsePlace | None, lane: Lane | None) -> Outcome | Unsettled:
        if action.decided is not None:
            return Outcome(action.decided.phase, action.decided.reason.value, action.decided.message)
        record = self._records.get(action.key)
        state = None
        if record is not None:
            state = state_of(record)
            if not is_started(state) and not is_stale(state, self._generation):
                return of_state(state)
        if lane is not None:
            entry = lane.results.get(action.key)
            if entry is not None:
                return of_entry(entry)
            node = lane.containers.get(local)
            if node is not None:
                if node.phase == _SUCCEEDED_TEXT:
                    return _SUCCEEDED
                outcome = of_failed_container(node)
                if outcome is not None:
                    return outcome
        if self._over or (use is not None and _is_over(use, lane, local)):
            return self._final(local, lane, state)
        return self._open(local, lane, state)

    def _open(self, local: str, lane: Lane | None, state: Mapping[str, Any] | None) -> Outcome | Unsettled:
        if state is not None and not is_stale(state, self._generation):
            return Outcome(Phase.RUNNING, message=state.get("message") or "", start=state.get("startTime"))
        node = lane.containers.get(local) if lane is not None else None
        if not self._recorded and node is not None and node.phase == ArgoPhase.RUNNING:
            return Unsettled(Doubt.WAITS_OR_RUNS)
        return _PENDING

    def _final(self, local: str, lane: Lane | None, state: Mapping[str, Any] | None) -> Outcome | Unsettled:
        if state is not None and state.get("phase") != RecordPhase.SKIPPED:
            return self._cut_off(state)
        if lane is None or lane.never_started:
            return self._nowhere()
        node = lane.containers.get(local)
        if node is None:
            text = lane.pod.message if lane.pod is not None else ""
            return Unsettled(Doubt.DEAD, text) if lane.pod is not None else self._nowhere()
        if node.phase in NEVER_SCHEDULED or is_phantom(node):
            return Unsettled(Doubt.NOT_RUN, node.message if node.phase == ArgoPhase.SKIPPED else "")
        return _of_dead(node, lane)

    def _nowhere(self) -> Outcome | Unsettled:
        if self._blind:
            return Outcome(Phase.UNKNOWN, Reason.OUTCOME_UNKNOWN.value, self._evidence.unreadable)
        return Unsettled(Doubt.NOT_RUN)

    def _cut_off(self, state: Mapping[str, Any]) -> Outcome:
        """End of an action that had begun when the Workflow ended, or of one that a later run did not come back to."""
        if not is_started(state):
            return of_state(state)
        if self._evidence.workflow is None or self._evidence.lost:
            if not self._evidence.lease_expired(state):
                return Outcome(Phase.RUNNING, message=state.get("message") or "", start=state.get("startTime"))
            if self._evidence.lost:
                return _ended(state, Phase.UNKNOWN, Reason.WORKFLOW_DELETED, STOPPED_LATE)
        if has_taken_effect(state):
            return _ended(state, Phase.UNKNOWN, Reason.OUTCOME_UNKNOWN, STOPPED_LATE)
        reason = Reason.CANCELLED_BY_USER if self._evidence.cancelled else Reason.STOPPED
        return _ended(state, Phase.CANCELLED, reason, STOPPED_EARLY)


def of_state(state: Mapping[str, Any]) -> Outcome:
    """Outcome that a terminal record tells."""
    phase = _PHASES.get(state["phase"], Phase.UNKNOWN)
    if phase is Phase.SKIPPED:
        return Outcome(phase, state.get("reason") or "", state.get("message") or "")
    return Outcome(
        phase,
        state.get("reason") or "",
        state.get("message") or "",
        state.get("startTime"),
        state.get("completionTime"),
        state.get("retryCount") or 0,
        state.get("outputs"),
        state.get("clusters"),
    )


def of_entry(entry: LaneEntry) -> Outcome:
    """Outcome that a lane's result tells; a phase that is none is not known."""
    phase = _PHASES.get(entry.phase, Phase.UNKNOWN)
    if phase is Phase.SKIPPED:
        return Outcome(phase, entry.reason, entry.message)
    return Outcome(
        phase,
        entry.reason,
        entry.message,
        entry.start_time,
        entry.completion_time,
        entry.retry_count,
        entry,
    )


def of_failed_container(node: Node) -> Outcome | None:
    """Outcome that the node of a container that did not succeed tells by itself; None when it tells none."""
    if node.phase not in (ArgoPhase.FAILED, ArgoPhase.ERROR):
        return None
    code, text = _exit_of(node)
    if code == ExitCode.FAILED or code == ExitCode.CONFIGURATION:
        return Outcome(Phase.FAILED, message=text)
    if code == ExitCode.TIMED_OUT:
        return Outcome(Phase.FAILED, Reason.TIMED_OUT.value, text)
    if code == ExitCode.UNKNOWN:
        return Outcome(Phase.UNKNOWN, Reason.OUTCOME_UNKNOWN.value, text)
    return None


def _of_dead(node: Node, lane: Lane) -> Outcome | Unsettled:
    """Outcome of an action without a record whose container is gone for good."""
    code, text = _exit_of(node)
    if code == ExitCode.NOTHING_DONE:
        return Outcome(Phase.FAILED, Reason.NOTHING_DONE.value, text or NOTHING_DONE)
    if code == ExitCode.NOT_RUN:
        return Outcome(Phase.SKIPPED, Reason.UPSTREAM_FAILED.value, text)
    if code in _EXECUTOR_CODES:
        return Outcome(Phase.UNKNOWN, Reason.OUTCOME_UNKNOWN.value, text or node.message[:MESSAGE_LIMIT])
    if lane.report_lost or (node.phase in (ArgoPhase.FAILED, ArgoPhase.ERROR) and code == ExitCode.SUCCEEDED):
        return Outcome(Phase.UNKNOWN, Reason.OUTCOME_UNKNOWN.value, REPORT_LOST)
    return Unsettled(Doubt.DEAD, node.message)


def _exit_of(node: Node) -> tuple[int | None, str]:
    """Exit code and termination message of a node; without a code the message is Argo's."""
    match = _EXIT.match(node.message)
    if node.outputs is not None and node.outputs.exit_code and node.outputs.exit_code.isdigit():
        return int(node.outputs.exit_code), _cut(match["text"] or "") if match else _cut(node.message)
    return (int(match["code"]), _cut(match["text"] or "")) if match else (None, _cut(node.message))


def _cut(text: str) -> str:
    return text[:MESSAGE_LIMIT]


def _ended(state: Mapping[str, Any], phase: Phase, reason: Reason, message: str) -> Outcome:
    return Outcome(
        phase,
        reason.value,
        message,
        state.get("startTime"),
        state.get("completionTime"),
        state.get("retryCount") or 0,
        state.get("outputs"),
        state.get("clusters"),
    )


def _lane(use: UsePlace, local: str) -> Lane | None:
    """The lane of several that an action is in: the one with its container, else one without any yet."""
    for lane in use.lanes.values():
        if local in lane.containers:
            return lane
    return next((lane for lane in use.lanes.values() if lane.pod is not None and not lane.containers), None)


def _is_over(use: UsePlace, lane: Lane | None, local: str) -> bool:
    """Whether nothing will act on an action any more, although the Workflow goes on."""
    if use.node is not None and use.node.phase in NEVER_SCHEDULED:
        return True
    if lane is None:
        return any(each.retry is not None and each.retry.phase in NEVER_SCHEDULED for each in use.lanes.values())
    retry, node = lane.retries.get(local), lane.containers.get(local)
    if retry is not None:
        return retry.ended
    if node is not None and node.type != NodeType.CONTAINER:
        return node.ended
    return lane.ended
