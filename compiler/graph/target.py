"""What is known of the execution that a revert undoes: its folded status, and its records, which are trusted more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compiler.graph.snapshot import ExecutionInput, RevertInput, Snapshot, TargetAction
from compiler.model.phases import Phase, RecordPhase

_REFERENCES = ("jobRef", "localizationRef", "globalizationRef", "helmChartRef", "subscriptionRef", "resourceRef")


def snapshot_of_revert(
    execution: ExecutionInput,
    *,
    target: Mapping[str, Any],
    records: Iterable[Mapping[str, Any]],
    snapshot: Snapshot,
) -> Snapshot:
    """Make the snapshot of a revert.

    Args:
        execution: what the revert brings.
        target: the DRPlanExecution that is undone, with its status.
        records: its DRActionRecords.
        snapshot: its snapshot.
    """
    metadata = target["metadata"]
    return Snapshot(
        plan=snapshot.plan,
        workflows=snapshot.workflows,
        execution=execution,
        revert=RevertInput(
            name=metadata["name"],
            uid=metadata.get("uid") or "",
            snapshot=snapshot,
            actions=target_actions(target.get("status") or {}, records),
        ),
    )


def target_actions(status: Mapping[str, Any], records: Iterable[Mapping[str, Any]]) -> dict[str, TargetAction]:
    """Join status and records of a finished execution, by action key.

    Args:
        status: `status` of the DRPlanExecution.
        records: its DRActionRecords, as objects.
    """
    found = {
        action["key"]: TargetAction(
            phase=Phase.read(action.get("phase")),
            reason=action.get("reason") or "",
            values=_values({}, action),
        )
        for action in _actions(status)
        if action.get("key")
    }
    for record in records:
        key, state = record["spec"]["key"], record.get("state") or {}
        found[key] = TargetAction(
            phase=_phase(state, found.get(key)),
            reason=state.get("reason") or "",
            record=record["metadata"]["name"],
            restorable=bool(state.get("before")),
            undo_tried_by=(state.get("undoAttempt") or {}).get("name", ""),
            undone_by=(state.get("undoneBy") or {}).get("name", ""),
            values=_values(state.get("values") or {}, state),
        )
    return found


def _phase(state: Mapping[str, Any], folded: TargetAction | None) -> Phase:
    phase = state.get("phase")
    if phase == RecordPhase.STARTED:
        return folded.phase if folded is not None and folded.phase.terminal else Phase.UNKNOWN
    return Phase.read(phase)


def _values(values: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    outputs = state.get("outputs") or {}
    known: dict[str, Any] = {"message": state.get("message") or "", **(outputs.get("httpResponse") or {}), **values}
    for field in _REFERENCES:
        if "ref" not in known and outputs.get(field):
            known["ref"] = outputs[field]
    return known


def _actions(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for stage in status.get("stageStatuses") or ():
        for workflow in stage.get("workflowExecutions") or ():
            yield from workflow.get("actionStatuses") or ()
