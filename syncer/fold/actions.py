"""How one action ended, from the best evidence there is.

In order of trust: what was decided when compiling, a terminal record, the entry in the lane's result, what Argo says
about the container. What none of them settles is handed on as `Unsettled`: it takes a look at the other actions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from operator import attrgetter
from typing import Any

import msgspec

from compiler.graph.tree import Action, WorkflowUse
from compiler.model.phases import ExitCode, Phase, Reason, RecordPhase
from syncer.fold.evidence import Evidence
from syncer.fold.outcome import Outcome
from syncer.fold.places import Lane, UsePlace, is_phantom
from syncer.nodes import NEVER_SCHEDULED, ArgoPhase, Node
from syncer.records import has_taken_effect, is_stale, is_started, state_of

_DECIDED = attrgetter("decided")
_PHASES = {phase.value: phase for phase in Phase}
_EXIT = re.compile(r"[^()]*\(exit code (?P<code>\d+)\)(?:: (?P<text>.*))?\Z", re.DOTALL)
_EXECUTOR_CODES = frozenset({64, 65})
"""Exit codes of Argo's own executor: whatever ran behind it, its end is not known."""

MESSAGE_LIMIT = 1024
STOPPED_EARLY = "stopped before anything was sent or written"
STOPPED_LATE = "stopped after something may have been sent or written; find out by hand what happened"
REFUSED = f"the runner refused its configuration (exit code {ExitCode.CONFIGURATION.value}); see the log"
NOTHING_DONE = "nothing was done: its pod was lost and no attempt is left"
REPORT_LOST = "it may have been done: Argo lost its report; find out by hand what happened"
ENDED_UNSEEN = "its container ended and nothing tells what it had done; find out by hand what happened"


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
        outcomes: list[Outcome | Unsettled | None] = [None] * len(use.actions)
        if self._records or any(map(_DECIDED, use.actions)):
            outcomes = list(map(self._trusted, use.actions))
        if place is not None and not all(outcomes):
            self._ask_lane(use, place, outcomes)
        if not all(outcomes):
            self._settle_rest(use, place, outcomes)
        return outcomes  # type: ignore[return-value]  # each has an outcome by now

    def _trusted(self, action: Action) -> Outcome | None:
        """What is trusted most: what was decided when compiling, then a terminal record."""
        if action.decided is not None:
            return Outcome(action.decided.phase, action.decided.reason.value, action.decided.message)
        record = self._records.get(action.key)
        if record is None:
            return None
        state = state_of(record)
        return None if is_started(state) or is_stale(state, self._generation) else of_state(state)

    def _ask_lane(self, use: WorkflowUse, place: UsePlace, outcomes: list[Outcome | Unsettled | None]) -> None:
        """Fill in what the results of the lanes tell, then what Argo says about the containers."""
        results, containers, succeeded = place.results, place.containers, place.succeeded
        if succeeded and not results:
            outcomes[:] = [outcome or _SUCCEEDED for outcome in outcomes]
            return
        start = len(use.key) + 1
        for index, action in enumerate(use.actions):
            if outcomes[index] is not None:
                continue
            outcome = results.get(action.key)
            if outcome is None:
                node = containers.get(action.key[start:])
                if succeeded or (node is not None and node.phase == _SUCCEEDED_TEXT):
                    outcome = _SUCCEEDED
                elif node is not None:
                    outcome = of_failed_container(node)
            outcomes[index] = outcome

    def _settle_rest(
        self, use: WorkflowUse, place: UsePlace | None, outcomes: list[Outcome | Unsettled | None]
    ) -> None:
        """Settle what has not ended, and what will not end any more."""
        start = len(use.key) + 1
        for index, action in enumerate(use.actions):
            if outcomes[index] is not None:
                continue
            local = action.key[start:]
            lane = place.lane_of(local) if place is not None else None
            record = self._records.get(action.key)
            state = state_of(record) if record is not None else None
            over = self._over or (place is not None and place.is_over(local, lane))
            outcome = self._final(local, lane, state) if over else self._open(local, lane, state)
            outcomes[index] = outcome
            if isinstance(outcome, Unsettled):
                self.doubtful.add(use.key)

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
    get = state.get
    phase = _PHASES.get(state["phase"], Phase.UNKNOWN)
    reason, message = get("reason") or "", get("message") or ""
    if phase is Phase.SKIPPED:
        return Outcome(phase, reason, message)
    start, end = get("startTime"), get("completionTime")
    return Outcome(phase, reason, message, start, end, get("retryCount") or 0, get("outputs"), get("clusters"))


def of_failed_container(node: Node) -> Outcome | None:
    """Outcome that the node of a container that did not succeed tells by itself; None when it tells none."""
    if node.phase not in (ArgoPhase.FAILED, ArgoPhase.ERROR):
        return None
    code, text = _exit_of(node)
    if code == ExitCode.FAILED:
        return Outcome(Phase.FAILED, message=text)
    if code == ExitCode.CONFIGURATION:
        return Outcome(Phase.FAILED, Reason.INVALID_SPEC.value, text or REFUSED)
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


def _ended(state: Mapping[str, Any], phase: Phase, reason: str, message: str) -> Outcome:
    return Outcome(
        phase,
        str(reason),
        message,
        state.get("startTime"),
        state.get("completionTime"),
        state.get("retryCount") or 0,
        state.get("outputs"),
        state.get("clusters"),
    )
