"""Sentences for people: what became of a workflow use, a stage and an execution, forward and in a revert.

A sentence about a failure leads from the whole to the action that failed first. The texts are those that the older
controller wrote, wherever what they say is still true.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.graph.tree import Action, Graph
from compiler.model.phases import Phase, PlanFailurePolicy, WorkflowFailurePolicy
from syncer.fold.outcome import Outcome
from syncer.fold.rollup import is_unmet
from syncer.fold.tree import StageResult, UseResult

ALL_ACTIONS_COMPLETED = "All actions completed successfully"
ALL_ACTIONS_SKIPPED = "All actions were skipped"
SOME_ACTIONS_FAILED = "One or more actions failed"
ALL_WORKFLOWS_SKIPPED = "All workflows skipped"
SOME_WORKFLOWS_FAILED = "One or more workflows failed"
ALL_STAGES_COMPLETED = "All stages completed successfully"
SOME_STAGES_FAILED = "One or more stages failed"
WORKFLOW_REVERTED = "Workflow reverted successfully"
PRE_HOOK_FAILED = "Pre-rollback hook failed"
POST_HOOK_FAILED = "Post-rollback hook failed"
NOTHING_TO_UNDO = "Nothing to undo"


def of_workflow(result: UseResult, *, revert: bool) -> str:
    """Message of a workflow use."""
    if result.phase is Phase.FAILED:
        return _workflow_not_reverted(result) if revert else _workflow_failed(result)
    if result.phase is Phase.UNKNOWN:
        return _about_action("outcome of action {} is unknown", result, Phase.UNKNOWN)
    if result.phase is Phase.CANCELLED:
        return _workflow_cancelled(result)
    if result.phase is Phase.SUCCEEDED:
        return WORKFLOW_REVERTED if revert else ALL_ACTIONS_COMPLETED
    if result.phase is Phase.SKIPPED:
        return _workflow_skipped(result, revert=revert)
    return ""


def of_stage(result: StageResult, *, revert: bool) -> str:
    """Message of a stage."""
    if result.phase is Phase.FAILED:
        return _stage_not_reverted(result) if revert else _stage_failed(result)
    if result.phase is Phase.SUCCEEDED:
        succeeded = sum(use.phase is Phase.SUCCEEDED for use in result.uses)
        if not succeeded:
            return ALL_WORKFLOWS_SKIPPED
        return f"Stage reverted successfully: {succeeded} workflow(s) rolled back" if revert else ""
    if result.phase in (Phase.UNKNOWN, Phase.CANCELLED):
        use = result.first(result.phase) or result.first(Phase.SKIPPED)
        return f"workflow {name_of(use)}: {of_workflow(use, revert=revert)}" if use else ""
    if result.phase is Phase.SKIPPED:
        use = next((use for use in result.uses if use.phase is Phase.SKIPPED and not use.member.unmet), None)
        return of_workflow(use, revert=revert) if use else ""
    return ""


def of_failed_execution(graph: Graph, stages: Sequence[StageResult]) -> str:
    """Message of an Execute in which a stage Failed."""
    failed = [stage for stage in stages if stage.phase is Phase.FAILED]
    if not failed or graph.policy is PlanFailurePolicy.CONTINUE:
        return SOME_STAGES_FAILED
    first = first_of(failed)
    message = of_stage(first, revert=False)
    name = first.stage.name
    return f"Stage {name} failed" if message == SOME_WORKFLOWS_FAILED else f"Stage {name} failed: {message}"


def of_unknown_execution(stages: Sequence[StageResult]) -> str:
    """Message of an Execute with an action whose outcome is not known."""
    first = first_of([stage for stage in stages if stage.phase is Phase.UNKNOWN])
    return f"Outcome of stage {first.stage.name} is unknown: {of_stage(first, revert=False)}"


def of_cut_execution(stages: Sequence[StageResult], *, revert: bool) -> str:
    """Message of an execution that nobody cancelled and of which something did not run all the same."""
    cut = next((stage for stage in stages if stage.phase in (Phase.CANCELLED, Phase.SKIPPED)), None)
    return f"Stage {cut.stage.name} did not run to its end: {of_stage(cut, revert=revert)}" if cut else ""


def of_reverted_execution(graph: Graph, stages: Sequence[StageResult]) -> str:
    """Message of a Revert that Succeeded."""
    rolled_back = [stage for stage in stages if any(use.phase is Phase.SUCCEEDED for use in stage.uses)]
    uses = [use for stage in stages for use in stage.uses]
    actions = sum(outcome.phase is Phase.SUCCEEDED for use in uses for outcome in use.outcomes)
    skipped = len(stages) - len(rolled_back)
    parts = [f"{len(rolled_back)} stage(s) rolled back, {actions} action(s) rolled back"]
    if skipped:
        parts.append(f"{skipped} stage(s) skipped")
    message = "Plan reverted successfully: " + ", ".join(parts) if rolled_back else NOTHING_TO_UNDO
    return message + without_way_back(graph)


def of_failed_revert(graph: Graph, stages: Sequence[StageResult]) -> str:
    """Message of a Revert that could not undo something."""
    bad = [stage for stage in stages if stage.phase in (Phase.FAILED, Phase.UNKNOWN)]
    if not bad:
        return ""
    first = first_of(bad)
    use = first.first(Phase.FAILED, Phase.UNKNOWN)
    found = use.first(Phase.FAILED, Phase.UNKNOWN) if use else None
    if use is None or found is None:
        return f"Failed to revert stage {first.stage.name}"
    action, outcome = found
    step = "rollback hook {} failed" if is_hook(action) else "failed to rollback action {}"
    cause = f"{step.format(action.name)}: {_said(outcome)}"
    return (
        f"Failed to revert stage {first.stage.name}: failed to revert workflow {name_of(use)}: {cause}"
        f"{without_way_back(graph)}"
    )


def without_way_back(graph: Graph) -> str:
    """End of the message of a revert some of whose actions have nothing that undoes them."""
    return f", {graph.without_way_back} action(s) without a way back" if graph.without_way_back else ""


def progress_of(result: UseResult, *, revert: bool) -> str:
    """Progress of a workflow use."""
    if not revert:
        total = len(result.outcomes)
        done = total if result.phase.terminal else sum(outcome.phase.terminal for outcome in result.outcomes)
        return f"{done}/{total} actions completed"
    undone = sum(outcome.phase is Phase.SUCCEEDED for outcome in result.outcomes)
    wanted = sum(not is_unmet(outcome.phase, outcome.reason) for outcome in result.outcomes)
    return f"{undone}/{wanted} actions rolled back"


def name_of(result: UseResult) -> str:
    """Namespace and name of a workflow."""
    return f"{result.use.namespace}/{result.use.name}"


def first_of(stages: Sequence[StageResult]) -> StageResult:
    """The stage that failed first; the first one when no times are known."""
    return min(stages, key=_first_failure)


def is_hook(action: Action) -> bool:
    """Whether an action of a revert is a rollback hook."""
    return action.key.rsplit(".", 1)[-1].startswith("h")


def _first_failure(stage: StageResult) -> str:
    return min((failure.time.isoformat() for use in stage.uses for failure in use.failures()), default="~")


def _workflow_failed(result: UseResult) -> str:
    if result.use.policy is WorkflowFailurePolicy.CONTINUE:
        return SOME_ACTIONS_FAILED
    return _about_action("action {} failed", result, Phase.FAILED)


def _workflow_not_reverted(result: UseResult) -> str:
    found = result.first(Phase.FAILED)
    if found is None:
        return ""
    action = found[0]
    if not is_hook(action):
        return f"Failed to rollback action {action.name}"
    keys = [each.key for each in result.use.actions]
    undone = [keys.index(each.key) for each in result.use.actions if not is_hook(each)]
    return PRE_HOOK_FAILED if not undone or keys.index(action.key) < min(undone) else POST_HOOK_FAILED


def _workflow_cancelled(result: UseResult) -> str:
    found = result.first(Phase.CANCELLED)
    if found is not None:
        return f"action {found[0].name} was stopped: {_said(found[1])}"
    return next(
        (
            f"action {action.name} {outcome.message}"
            for action, outcome in result.pairs()
            if outcome.phase is Phase.SKIPPED and not is_unmet(outcome.phase, outcome.reason)
        ),
        "",
    )


def _workflow_skipped(result: UseResult, *, revert: bool) -> str:
    if result.member.unmet:
        return NOTHING_TO_UNDO if revert else ALL_ACTIONS_SKIPPED
    return next(outcome.message for outcome in result.outcomes if not is_unmet(outcome.phase, outcome.reason))


def _stage_failed(result: StageResult) -> str:
    use = result.first(Phase.FAILED)
    if use is None:
        return SOME_WORKFLOWS_FAILED
    if use.use.policy is WorkflowFailurePolicy.FAIL_FAST:
        return f"workflow {name_of(use)} failed: {_workflow_failed(use)}"
    return SOME_WORKFLOWS_FAILED if result.stage.parallel else f"workflow {name_of(use)} failed"


def _stage_not_reverted(result: StageResult) -> str:
    use = result.first(Phase.FAILED)
    return f"Failed to revert workflow {name_of(use)}" if use else ""


def _about_action(text: str, result: UseResult, phase: Phase) -> str:
    found = result.first(phase)
    return f"{text.format(found[0].name)}: {_said(found[1])}" if found else ""


def _said(outcome: Outcome) -> str:
    return outcome.message or outcome.reason or str(outcome.phase)
