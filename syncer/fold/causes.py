"""Why an action did not run, and how one ended whose container is gone: what a look at the other actions tells.

Nothing stays unsettled: whatever did not run names its cause, the failure upstream that kept it from running, the user
who cancelled, or what Argo says about the Workflow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from compiler.graph.tree import Action, Graph, Stage, WorkflowUse
from compiler.model.phases import DependsOnPolicy, Phase, Reason, WorkflowFailurePolicy
from syncer.fold.actions import ENDED_UNSEEN, NOTHING_DONE, Doubt, Unsettled
from syncer.fold.evidence import Evidence
from syncer.fold.outcome import Outcome
from syncer.fold.rollup import is_unmet
from syncer.times import parse_time

CANCELED_BY_USER = "canceled by user"
STOPPED_IN_ARGO = "stopped in Argo"
WORKFLOW_DELETED = "the Argo Workflow was deleted"
WORKFLOW_ENDED = "the Argo Workflow ended"

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_AFTER_ALL = datetime.max.replace(tzinfo=UTC)

Settled = list[Outcome | Unsettled]


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that Failed, or may have done so.

    Attributes:
        key: key of the action.
        phase: Failed or Unknown.
        time: when; a failure without a time counts as the first, an unknown end without one as the last.
        decided: whether it was known when compiling; such a failure keeps nothing else from running.
    """

    key: str
    phase: Phase
    time: datetime
    decided: bool = False

    def __str__(self) -> str:
        """Show it as a cause."""
        return f"{self.key} {self.phase}"


def failure_of(action: Action, outcome: Outcome) -> Failure:
    """The failure of an action that Failed or is Unknown."""
    time = parse_time(outcome.end)
    if time is None:
        time = _AFTER_ALL if outcome.phase is Phase.UNKNOWN else _BEFORE_ALL
    return Failure(action.key, outcome.phase, time, decided=action.decided is not None)


@dataclass(slots=True)
class Causes:
    """Settles what the evidence about each action alone does not.

    Attributes:
        graph: the graph of the run.
        evidence: what is known of the run.
        settled: outcomes of the actions of each workflow use, by key of the use; what is unsettled is replaced here.
    """

    graph: Graph
    evidence: Evidence
    settled: dict[str, Settled]
    _failures: dict[str, list[Failure]] = field(default_factory=dict)

    def settle_all(self, keys: Collection[str]) -> None:
        """Settle everything that is unsettled in the workflow uses of these keys."""
        doubtful = [(stage, use) for stage, use in self.graph.workflows() if use.key in keys]
        for _, use in doubtful:
            self._settle_gone(use)
        self._failures = {
            use.key: [failure for failure in failures_in(use, self.settled[use.key]) if not failure.decided]
            for _, use in self.graph.workflows()
        }
        for stage, use in doubtful:
            self._settle_not_run(stage, use)

    def _settle_gone(self, use: WorkflowUse) -> None:
        outcomes = self.settled[use.key]
        ended = {
            action.key
            for action, outcome in zip(use.actions, outcomes, strict=True)
            if isinstance(outcome, Outcome) and outcome.phase.terminal
        }
        waiting = []
        for index, action in enumerate(use.actions):
            outcome = outcomes[index]
            if isinstance(outcome, Outcome) or outcome.doubt is Doubt.NOT_RUN:
                continue
            if ended.issuperset(action.after):
                outcomes[index] = self._in_turn(outcome)
            else:
                waiting.append(index)
        for index in waiting:
            outcomes[index] = self._out_of_turn(use, use.actions[index], outcomes[index])

    def _in_turn(self, unsettled: Unsettled) -> Outcome:
        """An action whose predecessors have ended, so that it may have acted."""
        if unsettled.doubt is Doubt.WAITS_OR_RUNS:
            return Outcome(Phase.RUNNING)
        if not self.evidence.recorded:
            return Outcome(Phase.UNKNOWN, Reason.OUTCOME_UNKNOWN.value, ENDED_UNSEEN)
        if self.evidence.stopped or self.evidence.cancelled:
            return self._stopped()
        return _nothing_done(unsettled.text)

    def _out_of_turn(self, use: WorkflowUse, action: Action, unsettled: Outcome | Unsettled) -> Outcome:
        """An action that was still waiting for another one, so that it did nothing."""
        if isinstance(unsettled, Outcome):
            return unsettled
        if unsettled.doubt is Doubt.WAITS_OR_RUNS:
            return Outcome(Phase.PENDING)
        if self.evidence.stopped or self.evidence.cancelled:
            return self._stopped()
        if use.policy is WorkflowFailurePolicy.CONTINUE and action.needs is DependsOnPolicy.FINISHED:
            return _nothing_done(unsettled.text)
        cause = _first_cause([use], self.settled)
        return _not_run(Reason.UPSTREAM_FAILED, cause or WORKFLOW_ENDED)

    def _settle_not_run(self, stage: Stage, use: WorkflowUse) -> None:
        outcomes = self.settled[use.key]
        cause: Outcome | None = None
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, Outcome):
                continue
            if outcome.text:
                outcomes[index] = _not_run(Reason.HALTED, outcome.text)
            else:
                cause = cause or self._cause(stage, use)
                outcomes[index] = cause

    def _cause(self, stage: Stage, use: WorkflowUse) -> Outcome:
        evidence = self.evidence
        if evidence.lost and not evidence.complete:
            return _not_run(Reason.WORKFLOW_DELETED, WORKFLOW_DELETED)
        halted = evidence.stopped or evidence.cancelled
        failures = [failure for found in self._failures.values() for failure in found]
        if halted and stopped_first(evidence, failures):
            return self._stopped()
        upstream = self._upstream(stage, use)
        if upstream:
            return _not_run(Reason.UPSTREAM_FAILED, upstream)
        if halted:
            return self._stopped()
        if failures:
            return _not_run(Reason.HALTED, str(min(failures, key=lambda failure: failure.time)))
        status = evidence.workflow.status if evidence.workflow is not None else None
        text = f"Argo Workflow {status.phase}: {status.message}" if status and status.message else WORKFLOW_ENDED
        return _not_run(Reason.HALTED, text)

    def _stopped(self) -> Outcome:
        text = CANCELED_BY_USER if self.evidence.cancelled else STOPPED_IN_ARGO
        return _not_run(Reason.CANCELLED_BY_USER, text)

    def _upstream(self, stage: Stage, use: WorkflowUse) -> str:
        """First cause among what a use waits for: itself, the uses before it, the stages before its own."""
        uses = {each.key: each for each in stage.workflows}
        stages = {each.key: each for each in self.graph.stages}
        groups = [[use], [uses[key] for key in _closure(use.key, uses)]]
        groups += [list(stages[key].workflows) for key in _closure(stage.key, stages)]
        for group in groups:
            failures = [failure for each in group for failure in self._failures[each.key]]
            if failures:
                return str(min(failures, key=lambda failure: failure.time))
        return next((cause for cause in (_first_cause(group, self.settled) for group in groups) if cause), "")


def failures_in(use: WorkflowUse, outcomes: Sequence[Outcome | Unsettled]) -> list[Failure]:
    """Failures among the actions of a workflow use, in its order."""
    return [
        failure_of(action, outcome)
        for action, outcome in zip(use.actions, outcomes, strict=True)
        if isinstance(outcome, Outcome) and outcome.phase.bad
    ]


def stopped_first(evidence: Evidence, failures: Iterable[Failure]) -> bool:
    """Whether the run was cancelled or stopped before anything had failed."""
    return all(_came_later(failure, evidence) for failure in failures)


def _came_later(failure: Failure, evidence: Evidence) -> bool:
    """Whether a failure came after the stop; in the second of the stop that is told from what it was."""
    if failure.time == _AFTER_ALL:
        return True
    # A stop makes what is under way Unknown, and fails nothing.
    stop = evidence.stopped_at if failure.phase is Phase.UNKNOWN else evidence.stopped_by
    return stop is not None and stop <= failure.time


def _first_cause(uses: Iterable[WorkflowUse], settled: dict[str, Settled]) -> str:
    """The first action that did not end well, as a cause; empty when there is none."""
    found = [
        (action, outcome)
        for use in uses
        for action, outcome in zip(use.actions, settled[use.key], strict=True)
        if isinstance(outcome, Outcome) and action.decided is None and _has_not_done(outcome)
    ]
    failures = [failure_of(action, outcome) for action, outcome in found if outcome.phase.bad]
    if failures:
        return str(min(failures, key=lambda failure: failure.time))
    return f"{found[0][0].key} {found[0][1].phase}" if found else ""


def _has_not_done(outcome: Outcome) -> bool:
    if outcome.phase is Phase.SKIPPED:
        return not is_unmet(outcome.phase, outcome.reason)
    return outcome.phase.terminal and outcome.phase is not Phase.SUCCEEDED


def _closure(key: str, members: dict[str, WorkflowUse] | dict[str, Stage]) -> Iterator[str]:
    """Keys of all that a member waits for, nearest first."""
    seen = {key}
    wave = [key]
    while wave:
        following = []
        for each in wave:
            for before in members[each].after:
                if before not in seen and before in members:
                    seen.add(before)
                    following.append(before)
                    yield before
        wave = following


def _not_run(reason: Reason, cause: str) -> Outcome:
    return Outcome(Phase.SKIPPED, reason.value, f"not run: {cause}")


def _nothing_done(text: str) -> Outcome:
    message = f"nothing was done: {text}" if text else NOTHING_DONE
    return Outcome(Phase.FAILED, Reason.NOTHING_DONE.value, message)
