"""What a whole run came to: phase, reason and message of the execution.

Order of the questions: did the Workflow vanish; was the run cancelled or stopped before anything failed; what do the
stages say; and does Argo agree that all is well. A run is never green because of a phase alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.graph.tree import Graph
from compiler.model.phases import ConditionReason, Phase, Reason
from syncer.fold import messages, rollup
from syncer.fold.causes import stopped_first
from syncer.fold.evidence import Evidence
from syncer.fold.tree import StageResult
from syncer.nodes import ArgoPhase

CANCELED = "Execution canceled by user"
WORKFLOW_DELETED = "The Argo Workflow was deleted while it ran; drplan retry goes on from what is recorded"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to, so far.

    Attributes:
        phase: phase of the execution.
        reason: reason of its condition Succeeded.
        message: message of the execution.
    """

    phase: Phase
    reason: ConditionReason
    message: str = ""


_REASONS = {
    Phase.FAILED: ConditionReason.STAGE_FAILED,
    Phase.UNKNOWN: ConditionReason.OUTCOME_UNKNOWN,
    Phase.CANCELLED: ConditionReason.CANCELLED,
}


def judge(graph: Graph, evidence: Evidence, stages: Sequence[StageResult]) -> Verdict:
    """Say what a run came to."""
    if any(not stage.phase.terminal for stage in stages) or _argo_goes_on(evidence):
        return _open(evidence, stages)
    if evidence.lost and not evidence.complete and _something_lost(stages):
        return Verdict(Phase.FAILED, ConditionReason.WORKFLOW_LOST, WORKFLOW_DELETED)
    stopped = _stopped(evidence, stages)
    if stopped is not None:
        return stopped
    members = [stage.member for stage in stages]
    phase = rollup.of_revert(members) if graph.revert else rollup.of_execution(members)
    if evidence.complete and _argo_disagrees(evidence, phase):
        return _argo_failed(evidence)
    return _judged(graph, stages, phase)


def _argo_goes_on(evidence: Evidence) -> bool:
    return evidence.workflow is not None and not evidence.complete and not evidence.lost


def _open(evidence: Evidence, stages: Sequence[StageResult]) -> Verdict:
    begun = any(stage.member.begun for stage in stages)
    workflow = evidence.workflow
    unseen = workflow is None and not evidence.unreadable
    if not begun and (unseen or (workflow is not None and workflow.waits_for_lock)):
        message = workflow.status.message if workflow is not None else ""
        return Verdict(Phase.PENDING, ConditionReason.IN_PROGRESS, message)
    return Verdict(Phase.RUNNING, ConditionReason.IN_PROGRESS)


def _something_lost(stages: Sequence[StageResult]) -> bool:
    return any(
        outcome.reason == Reason.WORKFLOW_DELETED for stage in stages for use in stage.uses for outcome in use.outcomes
    )


def _stopped(evidence: Evidence, stages: Sequence[StageResult]) -> Verdict | None:
    """The verdict on a run that was cancelled or stopped before anything had failed; None on any other."""
    if not (evidence.cancelled or evidence.stopped):
        return None
    failures = [failure for stage in stages for use in stage.uses for failure in use.failures()]
    if not stopped_first(evidence, failures):
        return None
    if not _cut_short(stages) and (evidence.cancelled or evidence.green):
        return None
    if evidence.cancelled:
        return Verdict(Phase.CANCELLED, ConditionReason.CANCELLED, CANCELED)
    message = evidence.workflow.status.message if evidence.workflow is not None else ""
    return Verdict(Phase.CANCELLED, ConditionReason.STOPPED_IN_ARGO, f"Stopped in Argo: {message}".rstrip(": "))


def _cut_short(stages: Sequence[StageResult]) -> bool:
    """Whether something did not run, or not to its end, for another reason than that there was nothing to do."""
    return any(
        outcome.phase is Phase.CANCELLED
        or (outcome.phase is Phase.SKIPPED and not rollup.is_unmet(outcome.phase, outcome.reason))
        for stage in stages
        for use in stage.uses
        for outcome in use.outcomes
    )


def _argo_disagrees(evidence: Evidence, phase: Phase) -> bool:
    if evidence.cancelled or evidence.green:
        return False
    if phase is Phase.SUCCEEDED:
        return True
    if phase is not Phase.CANCELLED or evidence.workflow is None or evidence.unreadable:
        return False
    return evidence.workflow.status.phase == ArgoPhase.ERROR or evidence.places.root is None


def _argo_failed(evidence: Evidence) -> Verdict:
    workflow = evidence.workflow
    phase = workflow.status.phase if workflow is not None else ""
    message = workflow.status.message if workflow is not None else ""
    root = evidence.places.root
    if phase == ArgoPhase.SUCCEEDED:
        phase = f"{phase} with a root node {root.phase}" if root is not None else f"{phase} without a root node"
    text = f"The Argo Workflow is {phase}" + (f": {message}" if message else "")
    return Verdict(Phase.FAILED, ConditionReason.WORKFLOW_ERROR, text)


def _judged(graph: Graph, stages: Sequence[StageResult], phase: Phase) -> Verdict:
    if phase is Phase.SUCCEEDED:
        return _succeeded(graph, stages)
    if phase is Phase.FAILED and graph.revert:
        return Verdict(phase, ConditionReason.REVERT_INCOMPLETE, messages.of_failed_revert(graph, stages))
    if phase is Phase.FAILED:
        message = messages.of_failed_execution(graph, stages)
    elif phase is Phase.UNKNOWN:
        message = messages.of_unknown_execution(stages)
    else:
        message = messages.of_cut_execution(stages, revert=graph.revert)
    return Verdict(phase, _REASONS[phase], message)


def _succeeded(graph: Graph, stages: Sequence[StageResult]) -> Verdict:
    if not graph.revert:
        return Verdict(Phase.SUCCEEDED, ConditionReason.ALL_STAGES_SUCCEEDED, messages.ALL_STAGES_COMPLETED)
    undone = any(use.phase is Phase.SUCCEEDED for stage in stages for use in stage.uses)
    reason = ConditionReason.REVERTED if undone else ConditionReason.NOTHING_TO_DO
    return Verdict(Phase.SUCCEEDED, reason, messages.of_reverted_execution(graph, stages))
