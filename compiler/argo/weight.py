"""What Argo will keep about a Workflow: its nodes, and the ids with which they point at each other.

A node lists its children and a DAG lists its ends (`outboundNodes`); a task becomes a child of every end of what it
waits for. The ends of a pod are its containers, so these lists grow with actions times dependants, and in plans with
many edges they weigh more than the nodes. Counted for a run in which nothing is tried again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from compiler.argo.depends import Member
from compiler.argo.lanes import Lane
from compiler.argo.layout import Layout, StageLayout, UseLayout

_Member = TypeVar("_Member", bound=Member)


@dataclass(frozen=True, slots=True)
class Weight:
    """A part of a Workflow's status.

    Attributes:
        nodes: how many nodes.
        references: how many ids in their lists.
    """

    nodes: int = 0
    references: int = 0

    def __add__(self, other: Weight) -> Weight:
        """Both together."""
        return Weight(self.nodes + other.nodes, self.references + other.references)


def plan_weight(layout: Layout) -> Weight:
    """What is outside the stages: the root, and the edges between stages."""
    ends = {stage.stage.key: _ends_of_stage(stage) for stage in layout.stages}
    dependants = Counter(key for stage in layout.stages for key in stage.stage.after)
    targets = layout.stages if layout.guarded else [stage for stage in layout.stages if not dependants[stage.stage.key]]
    listed = 0
    for stage in targets:
        # An end that has children stands in the list once for each of them.
        children = dependants[stage.stage.key] + stage.guarded
        listed += ends[stage.stage.key] * max(1, children)
    return Weight(1, listed + _edges((stage.stage for stage in layout.stages), ends))


def stage_weight(stage: StageLayout) -> Weight:
    """What belongs to a stage: its node, and everything in it."""
    ends = {use.use.key: _ends_of_task(use) for use in stage.uses}
    listed = sum(ends[use.use.key] for use in _targets(stage))
    weight = Weight(1, listed + _edges((use.use for use in stage.uses), ends))
    for use in stage.uses:
        weight += _use_weight(use)
    return weight


def containers(lane: Lane) -> int:
    """How many containers a lane has: one an action, and the one that closes it."""
    return len(lane.members) + 1


def _use_weight(use: UseLayout) -> Weight:
    weight = Weight()
    for lane in use.lanes:
        weight += Weight(containers(lane) + 2, containers(lane) + 1)
        if use.wrapped(lane):
            weight += Weight(1, 2)
    if not use.chained:
        return weight
    chain = [containers(lane) if use.wrapped(lane) else 1 for lane in use.lanes]
    listed = sum(chain) if use.guarded else 1
    return weight + Weight(1, listed + 1 + sum(chain[:-1]))


def _ends_of_task(use: UseLayout) -> int:
    """Ends of a use as seen by the tasks beside it."""
    return _ends_of_pods(use) if use.chained else 1


def _ends_of_pods(use: UseLayout) -> int:
    ends = use.lanes if use.guarded else use.lanes[-1:]
    return sum(containers(lane) for lane in ends)


def _ends_of_stage(stage: StageLayout) -> int:
    return sum(_ends_of_pods(use) for use in _targets(stage))


def _targets(stage: StageLayout) -> Sequence[UseLayout]:
    awaited = {key for use in stage.uses for key in use.use.after}
    return stage.uses if stage.guarded else [use for use in stage.uses if use.use.key not in awaited]


def _edges(members: Iterable[_Member], ends: dict[str, int]) -> int:
    """Entries in the lists of children; what waits for nothing is a child of the DAG."""
    return sum(sum(ends[key] for key in member.after) or 1 for member in members)
