"""A graph as members with flat fields by path, for comparing it with another graph: plan, stages, workflows, actions.

What only says where something stands is left out (keys, the action before in listed order), so that what did not change
compares equal after something else was put in front of it. Holes are shown as the placeholders that they were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from compiler.graph.durations import format_duration
from compiler.graph.tree import Action, Graph, Stage, WorkflowUse
from compiler.model.names import local_key
from compiler.model.phases import PlanFailurePolicy

Fields = Mapping[str, Any]


class What(StrEnum):
    """What a member of a plan is."""

    PLAN = "plan"
    STAGE = "stage"
    WORKFLOW = "workflow"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class Member:
    """A plan, a stage, a use of a workflow or an action.

    Attributes:
        what: which of them.
        key: its key, empty for the plan.
        names: names that lead to it: stage, workflow, action.
        identity: what makes it the same as one in another graph, inside the same parent.
        fields: what it is like, without its members.
        members: what it consists of.
    """

    what: What
    key: str
    names: tuple[str, ...]
    identity: Hashable
    fields: Fields
    members: tuple[Member, ...] = ()

    @property
    def position(self) -> int:
        """Its 1-based position in its parent."""
        return int(local_key(self.key)[1:])

    @property
    def elsewhere(self) -> Hashable:
        """What makes it the same as one inside another parent: an action must be the same in all its fields."""
        return (self.identity, repr(sorted(self.fields.items()))) if self.what is What.ACTION else self.identity


def members(graph: Graph) -> Member:
    """A graph as members."""
    return Member(
        what=What.PLAN,
        key="",
        names=(graph.plan,),
        identity=graph.plan,
        fields={
            "description": graph.description,
            "failurePolicy": graph.policy.value,
            "serviceAccountName": graph.service_account,
        },
        members=tuple(_stage(graph, stage) for stage in graph.stages),
    )


def _stage(graph: Graph, stage: Stage) -> Member:
    fields: dict[str, Any] = {
        "dependsOn": list(stage.depends_on),
        "failurePolicy": stage.policy.value,
        "parallel": stage.parallel,
    }
    if graph.policy is PlanFailurePolicy.CONTINUE:
        fields["dependsOnPolicy"] = stage.needs.value
    uses = tuple(_use(stage, use) for use in stage.workflows)
    return Member(What.STAGE, stage.key, (stage.name,), stage.name, fields, uses)


def _use(stage: Stage, use: WorkflowUse) -> Member:
    names = (stage.name, use.name)
    fields = {"failurePolicy": use.policy.value, "order": "as listed" if use.in_order else "by dependsOn"}
    actions = tuple(
        Member(What.ACTION, action.key, (*names, action.name), action.name, action_fields(action, use))
        for action in use.actions
    )
    return Member(What.WORKFLOW, use.key, names, (use.namespace, use.name), fields, actions)


_PLACE = frozenset({"v", "name", "stage", "workflow", "namespace", "operation", "after", "earlier", "policy", "holes"})
"""Fields of a spec that are its place, or are shown with the workflow or in another field."""

_NEEDS = "needs"
_SECONDS = ("timeout", "retry.interval")

RUNS = "runs"
"""The field of an action that says whether it runs at all: true, or why it does not."""

_PLAIN = re.compile(r"[\w-]+\Z")


def action_fields(action: Action, use: WorkflowUse) -> Fields:
    """Fields of an action as it is rendered for the runner; of one that does not run, why."""
    if action.decided is not None:
        return {"type": action.type.value, RUNS: f"{action.decided.phase}: {action.decided.message}"}
    names = {local_key(each.key): each.name for each in use.actions}
    spec = {name: value for name, value in action.spec.items() if name not in _PLACE and name != _NEEDS}
    fields: dict[str, Any] = {RUNS: True, "dependsOnPolicy": str(action.needs)}
    if not use.in_order:
        fields["dependsOn"] = [names[local_key(key)] for key in action.after]
    fields.update(flatten(spec))
    fields |= {name: format_duration(fields[name]) for name in _SECONDS if name in fields}
    for hole in action.spec.get("holes") or ():
        fields[_path_of(hole["at"])] = "".join(_part(part, action, names) for part in hole["parts"])
    return fields


def _part(part: Any, action: Action, names: Mapping[str, str]) -> str:
    if isinstance(part, str):
        return part
    if "output" in part:
        return f"$(outputs.{names.get(part['output'], part['output'])}.{part['path']})"
    secret = next((each for each in action.secrets if each.variable == part["secret"]), None)
    return f"$(Secret {secret.name}/{secret.key})" if secret is not None else f"$({part['secret']})"


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Fields of a JSON-shaped value by path, `http.headers.Accept` or `items[0].name`; empty ones are kept."""
    return dict(_flatten(value, path))


def _flatten(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, member in value.items():
            yield from _flatten(member, _step(path, str(key)))
    elif isinstance(value, (list, tuple)) and value:
        for index, member in enumerate(value):
            yield from _flatten(member, f"{path}[{index}]")
    else:
        yield path, str(value) if isinstance(value, str) else value


def _step(path: str, key: str) -> str:
    if not _PLAIN.match(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def _path_of(pointer: str) -> str:
    """Path of a JSON pointer; a number is an index, as a header that is one cannot be told apart from it."""
    path = ""
    for step in pointer.removeprefix("/").split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        path = f"{path}[{key}]" if key.isdecimal() else _step(path, key)
    return path
