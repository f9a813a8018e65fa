"""The tree of a run with what became of it: outcomes of the actions, rolled up to workflow uses and stages.

The tree is the graph's, complete from the start; evidence only fills it in. It is kept apart from how it is shown
(`render`), because how much of it is shown depends on its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

import msgspec

from compiler.graph.tree import Action, Graph, Stage, WorkflowUse
from compiler.model.phases import Phase
from syncer.fold import rollup
from syncer.fold.actions import Settler
from syncer.fold.causes import Causes, Failure, Settled, failures_in
from syncer.fold.evidence import Evidence
from syncer.fold.outcome import Outcome
from syncer.fold.places import UsePlace
from syncer.fold.rollup import Member
from syncer.nodes import NEVER_SCHEDULED
from syncer.times import earliest, latest

_DONE_EARLIER = Outcome(Phase.SUCCEEDED, message="succeeded in an earlier epoch")


class UseResult(msgspec.Struct, gc=False):
    """A workflow use and what became of it.

    Attributes:
        use: the workflow use.
        outcomes: of its actions, in its order.
        member: how its stage sees it.
        uniform: the phase that all of its actions are in without a reason; None when they differ.
        reason: why it was skipped, if it was.
        start: when it began.
        end: when it ended.
    """

    use: WorkflowUse
    outcomes: Sequence[Outcome]
    member: Member
    uniform: Phase | None = None
    reason: str = ""
    start: str | None = None
    end: str | None = None

    @property
    def phase(self) -> Phase:
        """Its phase."""
        return self.member.phase

    def pairs(self) -> Iterator[tuple[Action, Outcome]]:
        """Its actions with their outcomes."""
        return zip(self.use.actions, self.outcomes, strict=True)

    def failures(self) -> list[Failure]:
        """Actions that Failed or are Unknown."""
        return failures_in(self.use, self.outcomes) if self.phase not in _FINE else []

    def first(self, *phases: Phase) -> tuple[Action, Outcome] | None:
        """The first action in one of some phases; of those that failed, the one that failed first."""
        failures = {failure.key: failure.time for failure in self.failures() if failure.phase in phases}
        if failures:
            key = min(failures, key=lambda each: failures[each])
            return next(pair for pair in self.pairs() if pair[0].key == key)
        return next((pair for pair in self.pairs() if pair[1].phase in phases), None)


class StageResult(msgspec.Struct, gc=False):
    """A stage and what became of it.

    Attributes:
        stage: the stage.
        uses: its workflow uses, in its order.
        member: how the execution sees it.
        start: when it began.
        end: when it ended.
    """

    stage: Stage
    uses: Sequence[UseResult]
    member: Member
    start: str | None
    end: str | None

    @property
    def phase(self) -> Phase:
        """Its phase."""
        return self.member.phase

    def first(self, *phases: Phase) -> UseResult | None:
        """The first workflow use in one of some phases; of those that failed, the one that failed first."""
        found = [use for use in self.uses if use.phase in phases]
        return min(found, key=_first_failure, default=None)


_PHASE = attrgetter("phase")
_REASON = attrgetter("reason")
_KIND = attrgetter("phase", "reason")
_START = attrgetter("start")
_END = attrgetter("end")

_FINE = frozenset({Phase.SUCCEEDED, Phase.PENDING, Phase.SKIPPED})


def _first_failure(use: UseResult) -> tuple[bool, str]:
    times = [failure.time.isoformat() for failure in use.failures()]
    return not times, min(times, default="")


def grow(graph: Graph, evidence: Evidence) -> list[StageResult]:
    """Fill the tree of a graph with what is known of its run."""
    settled = settle(graph, evidence)
    return [_stage_result(stage, settled, evidence) for stage in graph.stages]


def settle(graph: Graph, evidence: Evidence) -> dict[str, Sequence[Outcome]]:
    """Outcome of each action of each workflow use, by key of the use."""
    settler = Settler(evidence)
    settled: dict[str, Settled] = {}
    for stage, use in graph.workflows():
        settled[use.key] = _settle_use(settler, use, _place(evidence, stage, use))
    if settler.doubtful:
        Causes(graph, evidence, settled).settle_all(settler.doubtful)
    return settled  # type: ignore[return-value]  # nothing is unsettled any more


def _settle_use(settler: Settler, use: WorkflowUse, place: UsePlace | None) -> Settled:
    outcomes = settler.settle(use, place)
    if use.done:
        return [
            outcome if isinstance(outcome, Outcome) and outcome.phase.terminal else _DONE_EARLIER
            for outcome in outcomes
        ]
    return outcomes


def _place(evidence: Evidence, stage: Stage, use: WorkflowUse) -> UsePlace | None:
    place = evidence.places.uses.get(use.key)
    if place is None:
        node = evidence.places.stages.get(stage.key)
        if node is not None and node.phase in NEVER_SCHEDULED:
            return UsePlace(node=node)
    return place


def _use_result(use: WorkflowUse, outcomes: Sequence[Outcome], evidence: Evidence) -> UseResult:
    phases = set(map(_PHASE, outcomes))
    if len(phases) == 1 and not any(map(_REASON, outcomes)):
        (uniform,) = phases
        member = rollup.member_of_actions(frozenset({(uniform, "")}))
        result = UseResult(use, outcomes, member, uniform)
    else:
        member = rollup.member_of_actions(frozenset(map(_KIND, outcomes)))
        result = UseResult(use, outcomes, member)
    if member.phase is Phase.SKIPPED:
        result.reason = _reason(outcomes, unmet=member.unmet)
    if member.begun:
        result.start, result.end = _times(use, outcomes, evidence)
        if not member.phase.terminal:
            result.end = None
    return result


def _reason(outcomes: Sequence[Outcome], *, unmet: bool) -> str:
    """Reason of a skipped workflow: that of its first action that was kept from running, if there is one."""
    for outcome in outcomes:
        if unmet or not rollup.is_unmet(outcome.phase, outcome.reason):
            return outcome.reason
    return ""


def _times(use: WorkflowUse, outcomes: Sequence[Outcome], evidence: Evidence) -> tuple[str | None, str | None]:
    """Start and end of a workflow use: of its actions, or else of its pods, which take a little longer."""
    start = earliest(map(_START, outcomes))
    if start is not None:
        return start, latest(map(_END, outcomes))
    place = evidence.places.uses.get(use.key)
    if place is None:
        return None, None
    pods = [lane.pod for lane in place.lanes.values() if lane.pod is not None]
    if len(pods) == 1:
        return pods[0].started_at, pods[0].finished_at
    return earliest(pod.started_at for pod in pods), latest(pod.finished_at for pod in pods)


def _stage_result(stage: Stage, settled: dict[str, Sequence[Outcome]], evidence: Evidence) -> StageResult:
    uses = [_use_result(use, settled[use.key], evidence) for use in stage.workflows]
    members = [use.member for use in uses]
    phase = rollup.of_stage(members)
    begun = any(member.begun for member in members)
    start = earliest(use.start for use in uses)
    end = latest(use.end for use in uses) if phase.terminal else None
    return StageResult(stage, uses, Member(phase, False, begun), start, end)
