"""Lanes: how the live actions of one workflow use are spread over pods.

A lane is one pod. Up to `LANE_LENGTH` actions share it; a longer use is a chain of lanes: topological order, ties in
listed order, cut after every `LANE_LENGTH`th. So an edge lies inside a lane or leads to an earlier one, never ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from compiler.graph.order import topological
from compiler.graph.tree import Action, WorkflowUse
from compiler.model.names import LANE_LENGTH, local_key
from compiler.problems import InternalError


@dataclass(frozen=True, slots=True)
class Lane:
    """The actions of one pod.

    Attributes:
        number: 1-based position in the chain of its use.
        members: in topological order.
        earlier: by key of a member, the local keys of those in an earlier lane that it waits for or takes an output
            of; absent when there are none.
    """

    number: int
    members: tuple[Action, ...]
    earlier: Mapping[str, tuple[str, ...]]

    @property
    def keys(self) -> tuple[str, ...]:
        """Local keys of its members, in order."""
        return tuple(local_key(action.key) for action in self.members)


def lanes_of(use: WorkflowUse) -> tuple[Lane, ...]:
    """Cut the live actions of a use into lanes.

    Raises:
        InternalError: its edges form a cycle, or lead to what is not live.
    """
    ordered = _in_order(use)
    chunks = [ordered[start : start + LANE_LENGTH] for start in range(0, len(ordered), LANE_LENGTH)]
    lane_of = {local_key(action.key): number for number, chunk in enumerate(chunks, 1) for action in chunk}
    return tuple(Lane(number, tuple(chunk), _earlier(chunk, number, lane_of)) for number, chunk in enumerate(chunks, 1))


def _in_order(use: WorkflowUse) -> list[Action]:
    live = [action for action in use.actions if action.live]
    index_of = {action.key: index for index, action in enumerate(live)}
    try:
        order = topological([[index_of[key] for key in action.after] for action in live])
    except KeyError as missing:
        raise InternalError(f"{use.key}: an action waits for {missing.args[0]}, which is not live in it") from None
    except ValueError:
        raise InternalError(f"{use.key}: its actions wait for each other in a circle") from None
    return [live[index] for index in order]


def _earlier(chunk: Sequence[Action], number: int, lane_of: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    earlier: dict[str, tuple[str, ...]] = {}
    for action in chunk:
        needed = dict.fromkeys([*(local_key(key) for key in action.after), *_sources(action, lane_of)])
        found = tuple(key for key in needed if lane_of[key] < number)
        if found:
            earlier[action.key] = found
    return earlier


def _sources(action: Action, lane_of: Mapping[str, int]) -> Iterator[str]:
    """Local keys of the actions whose outputs an action takes."""
    for hole in action.spec.get("holes", ()):
        for part in hole["parts"]:
            if isinstance(part, Mapping) and "output" in part:
                source = part["output"]
                if source not in lane_of:
                    raise InternalError(f"{action.key} takes an output of {source}, which is not live beside it")
                yield source
