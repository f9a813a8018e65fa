"""What a status leaves out for its size, put back from the records: they hold the whole truth about every action."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from compiler.model.names import local_key, stage_key, workflow_key, workflow_of
from compiler.model.phases import DetailLevel, RecordPhase
from syncer.times import duration_text

Object = Mapping[str, Any]

_FROM_RECORD = ("reason", "startTime", "completionTime", "retryCount", "message", "outputs")


def is_complete(execution: Object) -> bool:
    """Whether the status shows everything."""
    level: str = ((execution.get("status") or {}).get("detail") or {}).get("level") or DetailLevel.FULL
    return level == DetailLevel.FULL


def completed(execution: Object, records: Iterable[Object], stages: Sequence[str]) -> Object:
    """The execution with the details of its actions put back; one that is complete is returned as it is.

    Args:
        execution: the DRPlanExecution.
        records: its DRActionRecords.
        stages: names of the stages as the plan lists them; a revert has them in another order.
    """
    if is_complete(execution):
        return execution
    by_use: dict[str, dict[str, Object]] = defaultdict(dict)
    for record in records:
        key = record["spec"]["key"]
        by_use[workflow_of(key)][key] = record
    places = {name: stage_key(index) for index, name in enumerate(stages, start=1)}
    status = execution["status"]
    filled = [_stage(stage, places.get(stage["name"], ""), by_use) for stage in status.get("stageStatuses") or ()]
    detail = {**status["detail"], "level": DetailLevel.FULL}
    return {**execution, "status": {**status, "stageStatuses": filled, "detail": detail}}


def _stage(stage: Object, place: str, by_use: Mapping[str, Mapping[str, Object]]) -> Object:
    uses = stage.get("workflowExecutions") or ()
    filled = [_use(use, workflow_key(place, index), by_use) for index, use in enumerate(uses, start=1)]
    return {**stage, "workflowExecutions": filled}


def _use(use: Object, place: str, by_use: Mapping[str, Mapping[str, Object]]) -> Object:
    actions = use.get("actionStatuses") or ()
    if not actions:
        records = by_use.get(place, {})
        return {**use, "actionStatuses": [_from_record(records[key]) for key in sorted(records, key=_position)]}
    records = by_use.get(workflow_of(actions[0].get("key") or ""), {})
    return {**use, "actionStatuses": [_action(action, records.get(action.get("key") or "")) for action in actions]}


def _position(key: str) -> tuple[str, int]:
    last = local_key(key)
    return last[:1], int(last[1:])


def _from_record(record: Object) -> Object:
    spec, state = record["spec"], record.get("state") or {}
    action = {"name": spec["action"]["name"], "key": spec["key"], "type": spec["action"]["type"]}
    return _action({**action, "phase": state.get("phase")}, record)


def _action(action: Object, record: Object | None) -> Object:
    state = (record or {}).get("state") or {}
    if not state or state.get("phase") == RecordPhase.STARTED:
        return action
    details = {name: state[name] for name in _FROM_RECORD if state.get(name)}
    duration = duration_text(state.get("startTime"), state.get("completionTime"))
    if duration and state.get("phase") != RecordPhase.SKIPPED:
        details["duration"] = duration
    if state.get("clusters"):
        details["clusterStatuses"] = state["clusters"]
    return {**details, **action}
