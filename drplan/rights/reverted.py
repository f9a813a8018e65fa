"""What a plan runs, and what a revert of it would run if every action had succeeded, before anything has run.

Outputs and other values that only a run can tell are stood in for by a text that occurs nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from compiler.graph import build
from compiler.graph.forward import is_guarded
from compiler.graph.parameters import parameter_id
from compiler.graph.snapshot import ExecutionInput, RevertInput, Snapshot, TargetAction
from compiler.graph.text import PlaceholderKind, in_value
from compiler.graph.tree import Graph
from compiler.model.actions import Action
from compiler.model.parameters import Parameter
from compiler.model.phases import Mode, OperationType, ParameterSource, Phase
from compiler.problems import Refused

UNKNOWN = "known-when-it-runs"
"""Stands in a text for what only a run can tell."""

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_RECORD = "record"


def runs_of(snapshot: Snapshot) -> list[tuple[Graph, Graph]]:
    """Graphs of a plan and of its revert: one pair, or one for each mode when the plan needs a mode and has none.

    Raises:
        compiler.problems.Refused: it cannot run, in no mode.
    """
    snapshot = replace(snapshot, manifest_values={**_manifest_values(snapshot), **snapshot.manifest_values})
    if snapshot.execution.mode or not _guarded(snapshot):
        return [_pair(snapshot)]
    pairs, refused = [], None
    for mode in Mode:
        try:
            pairs.append(_pair(replace(snapshot, execution=replace(snapshot.execution, mode=mode.lower()))))
        except Refused as problem:
            refused = refused or problem
    if not pairs and refused is not None:
        raise refused
    return pairs


def filled(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec whose holes are stood in for."""
    made: dict[str, Any] = _copied(spec)
    for hole in spec.get("holes") or ():
        *path, last = [_unescaped(step) for step in hole["at"].split("/")[1:]]
        place: Any = made
        for step in path:
            place = place[int(step)] if isinstance(place, list) else place[step]
        text = "".join(part if isinstance(part, str) else UNKNOWN for part in hole["parts"])
        place[int(last) if isinstance(place, list) else last] = text
    return made


def manifest_parameters(snapshot: Snapshot) -> list[tuple[ParameterSource, Parameter]]:
    """Parameters of a plan and its execution that are read from objects of the cluster."""
    layers = (
        (ParameterSource.PLAN, snapshot.plan.spec.global_params),
        (ParameterSource.EXECUTION, snapshot.execution.params),
    )
    return [
        (source, parameter)
        for source, parameters in layers
        for parameter in parameters
        if parameter.value_from is not None and parameter.value_from.manifest_ref is not None
    ]


def _manifest_values(snapshot: Snapshot) -> dict[str, str]:
    return {parameter_id(source, parameter.name): UNKNOWN for source, parameter in manifest_parameters(snapshot)}


def _guarded(snapshot: Snapshot) -> bool:
    return any(is_guarded(action.when) for workflow in snapshot.workflows.values() for action in workflow.spec.actions)


def _pair(snapshot: Snapshot) -> tuple[Graph, Graph]:
    forward = build(snapshot)
    actions = {
        action.key: TargetAction(Phase.SUCCEEDED, record=_RECORD, restorable=True, values=values)
        for _, use in forward.workflows()
        for values in [_asked_for(snapshot, use.namespace, use.name)]
        for action in use.actions
        if action.live
    }
    revert = Snapshot(
        plan=snapshot.plan,
        workflows=snapshot.workflows,
        execution=ExecutionInput(namespace=snapshot.namespace, operation=OperationType.REVERT),
        revert=RevertInput(name="", uid="", snapshot=snapshot, actions=actions),
    )
    return forward, build(revert)


def _asked_for(snapshot: Snapshot, namespace: str, name: str) -> dict[str, Any]:
    """Everything that rollbacks and hooks of a workflow ask of any action's outputs, stood in for."""
    values: dict[str, Any] = {}
    for action in snapshot.workflows[namespace, name].spec.actions:
        for found in in_value(_dumped(action)):
            if found[1].kind is PlaceholderKind.OUTPUT:
                _set(values, found[1].path)
    return values


def _dumped(action: Action) -> dict[str, Any]:
    written: dict[str, Any] = action.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return written


def _set(values: dict[str, Any], path: str) -> None:
    """Let a path lead to the stand-in; a list has as many items as it takes."""
    place: Any = values
    steps = [int(index) if index else name for name, index in _STEP.findall(path)]
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        empty: Any = UNKNOWN if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int) and isinstance(place, list):
            place.extend([UNKNOWN] * (step + 1 - len(place)))
            known = place[step]
        elif isinstance(step, str) and isinstance(place, dict):
            known = place.setdefault(step, empty)
        else:
            return
        if known == UNKNOWN and empty != UNKNOWN:
            place[step] = known = empty
        place = known


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copied(member) for name, member in value.items()}
    return [_copied(member) for member in value] if isinstance(value, (list, tuple)) else value


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
