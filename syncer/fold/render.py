"""The tree as a status shows it: JSON-shaped, as complete as its size allows, with counts of everything.

How much is shown is decided by the encoded size. What is left out is in the records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from compiler.graph.tree import Action
from compiler.model.phases import ActionType, DetailLevel, Phase
from syncer.fold import messages
from syncer.fold.outcome import Outcome
from syncer.fold.tree import StageResult, UseResult
from syncer.times import duration_text

FULL_LIMIT = 512 * 1024
"""Most bytes of a tree that shows everything."""

COMPACT_LIMIT = 900 * 1024
"""Most bytes of a tree that shows all actions."""

_LEAST_ACTION = len('{"name":"a","key":"s1.w1.a1","type":"Job","phase":"Failed"},')
"""Fewest bytes that any action takes; when more of them cannot fit, nothing needs to be measured."""

_PHASE = attrgetter("phase")
_TEXT = {phase: phase.value for phase in Phase}
_TYPES = {kind: kind.value for kind in ActionType}
_QUIET = frozenset({Phase.SUCCEEDED, Phase.SKIPPED, Phase.PENDING})
"""Phases of actions that are shown in short when there are many; one that is Pending has nothing more to show."""

_COUNTED = (Phase.SUCCEEDED, Phase.RUNNING, Phase.PENDING, Phase.FAILED, Phase.SKIPPED, Phase.CANCELLED, Phase.UNKNOWN)
_COUNTED_ACTIONS = _COUNTED[:5]


def render(stages: Sequence[StageResult], *, revert: bool) -> tuple[DetailLevel, list[dict[str, Any]]]:
    """Show the tree at the highest level of detail that fits, and say which that is."""
    actions = sum(len(use.outcomes) for stage in stages for use in stage.uses)
    if actions * _LEAST_ACTION <= FULL_LIMIT:
        tree = render_at(DetailLevel.FULL, stages, revert=revert)
        if encoded_size(tree) <= FULL_LIMIT:
            return DetailLevel.FULL, tree
    tree = render_at(DetailLevel.COMPACT, stages, revert=revert)
    if encoded_size(tree) <= COMPACT_LIMIT:
        return DetailLevel.COMPACT, tree
    return DetailLevel.SUMMARY, render_at(DetailLevel.SUMMARY, stages, revert=revert)


def encoded_size(value: Any) -> int:
    """Bytes that a value takes in an object."""
    return len(msgspec.json.encode(value))


def render_at(level: DetailLevel, stages: Iterable[StageResult], *, revert: bool) -> list[dict[str, Any]]:
    """Show the tree at one level of detail."""
    return [_stage(stage, level, revert=revert) for stage in stages]


def summarize(stages: Sequence[StageResult]) -> dict[str, int]:
    """Count stages, workflow uses and actions by phase; a count of zero is left out."""
    uses = [use for stage in stages for use in stage.uses]
    counts: Counter[Phase] = Counter()
    for use in uses:
        counts.update(map(_PHASE, use.outcomes) if use.uniform is None else {use.uniform: len(use.outcomes)})
    return counted(Counter(stage.phase for stage in stages), Counter(use.phase for use in uses), counts)


def counted(stages: Counter[Phase], uses: Counter[Phase], actions: Counter[Phase]) -> dict[str, int]:
    """The summary of how many stages, workflow uses and actions are in each phase."""
    summary = {
        **_counts("Stages", stages),
        **_counts("Workflows", uses),
        "totalActions": actions.total(),
        **{f"{phase.value.lower()}Actions": actions[phase] for phase in _COUNTED_ACTIONS},
    }
    return {name: count for name, count in summary.items() if count}


def _counts(kind: str, counts: Counter[Phase]) -> dict[str, int]:
    return {
        f"total{kind}": counts.total(),
        f"completed{kind}": counts[Phase.SUCCEEDED],
        **{f"{phase.value.lower()}{kind}": counts[phase] for phase in _COUNTED},
    }


def _stage(result: StageResult, level: DetailLevel, *, revert: bool) -> dict[str, Any]:
    stage = result.stage
    entry: dict[str, Any] = {"name": stage.name, "phase": _TEXT[result.phase], "parallel": stage.parallel}
    if stage.depends_on:
        entry["dependsOn"] = list(stage.depends_on)
    add_times(entry, result.start, result.end)
    message = messages.of_stage(result, revert=revert)
    if message:
        entry["message"] = message
    entry["workflowExecutions"] = [_use(use, level, revert=revert) for use in result.uses]
    return entry


def _use(result: UseResult, level: DetailLevel, *, revert: bool) -> dict[str, Any]:
    use = result.use
    entry: dict[str, Any] = {
        "workflowRef": {"name": use.name, "namespace": use.namespace},
        "phase": _TEXT[result.phase],
    }
    add_times(entry, result.start, result.end)
    entry["progress"] = messages.progress_of(result, revert=revert)
    current = result.first(Phase.RUNNING) if result.phase is Phase.RUNNING else None
    if current is not None:
        entry["currentAction"] = current[0].name
    message = messages.of_workflow(result, revert=revert)
    if message:
        entry["message"] = message
    if level is not DetailLevel.SUMMARY or result.phase is not Phase.SUCCEEDED:
        entry["actionStatuses"] = (
            [_action(action, outcome) for action, outcome in result.pairs()]
            if level is DetailLevel.FULL
            else _actions_in_short(result)
        )
    return entry


def _actions_in_short(result: UseResult) -> list[dict[str, Any]]:
    if result.uniform in _QUIET:
        phase = _TEXT[result.uniform]
        return [
            {"name": action.name, "key": action.key, "type": _TYPES[action.type], "phase": phase}
            for action in result.use.actions
        ]
    return [
        {"name": action.name, "key": action.key, "type": _TYPES[action.type], "phase": _TEXT[outcome.phase]}
        if outcome.phase in _QUIET and not outcome.reason
        else _action(action, _in_short(outcome))
        for action, outcome in result.pairs()
    ]


def _in_short(outcome: Outcome) -> Outcome:
    return Outcome(outcome.phase, outcome.reason) if outcome.phase in _QUIET else outcome


def _action(action: Action, outcome: Outcome) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": action.name,
        "key": action.key,
        "type": _TYPES[action.type],
        "phase": _TEXT[outcome.phase],
    }
    if outcome.reason:
        entry["reason"] = outcome.reason
    add_times(entry, outcome.start, outcome.end)
    if outcome.retries:
        entry["retryCount"] = outcome.retries
    if outcome.message:
        entry["message"] = outcome.message
    outputs = outcome.read_outputs()
    if outputs:
        entry["outputs"] = outputs
    if outcome.clusters:
        entry["clusterStatuses"] = outcome.clusters
    return entry


def add_times(entry: dict[str, Any], start: str | None, end: str | None) -> None:
    """Add start, end and duration to an entry, as far as they are known."""
    if start:
        entry["startTime"] = start
    if end:
        entry["completionTime"] = end
    duration = duration_text(start, end)
    if duration:
        entry["duration"] = duration
