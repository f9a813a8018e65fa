"""The size budget: a Workflow and its status are one object, of which Argo takes 1 MiB.

The status is predicted as Argo stores it once it is large: nodes as compressed JSON. What is left goes to the results
of the lanes, each at least `RESULT_BYTES_PER_ACTION` an action; a plan for which not even that fits is refused.

The weights are what compressed nodes of the compiled forms come to, with a margin on each. Two runs on Argo 3.7.6,
compressed, without results:

    32 lanes of 2 actions, one by one    193 nodes  580 references   46.7 and 6.0 bytes   12.5 kB, 14.2 kB predicted
    24 lanes of 10 actions, four at once 319 nodes  601 references   39.7 and 6.1 bytes   16.3 kB, 20.8 kB predicted

Results came to a tenth of their text (470 bytes an action). As plain JSON that was 3.0 and 1.9 kB an action.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.argo.arguments import RESULT_BYTES
from compiler.argo.layout import Layout, StageLayout
from compiler.argo.weight import Weight, plan_weight, stage_weight
from compiler.problems import PlanTooLarge

NODE_BYTES = 52
REFERENCE_BYTES = 7
RESULT_SHARE = 0.3
RESULT_BYTES_PER_ACTION = 100
RESULT_COPIES = 2
"""A lane's result stands in the node of its pod and in the node over its attempts."""

METADATA_BYTES = 4 * 1024
"""What is in the object beside spec and nodes: metadata, the rest of the status.

Managed fields name each node as long as nodes are plain (350 bytes a node), and are short again once they are packed.
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a plan takes of the limit.

    Attributes:
        object_bytes: size of the Workflow as it is created.
        status_bytes: predicted size of its nodes, without results.
        least_result_bytes: predicted size of the smallest results.
        limit: what Argo takes.
        lanes: number of lanes.
    """

    object_bytes: int
    status_bytes: int
    least_result_bytes: int
    limit: int
    lanes: int

    @property
    def needed(self) -> int:
        """Bytes without which the run cannot end."""
        return self.object_bytes + self.status_bytes + self.least_result_bytes

    @property
    def fits(self) -> bool:
        """Whether the run can end."""
        return self.needed <= self.limit

    def result_limit(self, actions: int) -> int:
        """Most bytes of the result of a lane with so many actions."""
        left = self.limit - self.object_bytes - self.status_bytes
        share = min(RESULT_BYTES, left // (RESULT_COPIES * self.lanes))
        return max(share, RESULT_BYTES_PER_ACTION * actions)


def budget(layout: Layout, *, object_bytes: int, limit: int) -> Budget:
    """Predict what a run takes.

    Args:
        layout: what is compiled.
        object_bytes: size of the Workflow as it is created.
        limit: what Argo takes.
    """
    weight = plan_weight(layout)
    for stage in layout.stages:
        weight += stage_weight(stage)
    return Budget(
        object_bytes=object_bytes,
        status_bytes=_bytes(weight),
        least_result_bytes=sum(_least_results(stage) for stage in layout.stages),
        limit=limit,
        lanes=sum(1 for _ in layout.lanes()),
    )


def check(layout: Layout, found: Budget) -> None:
    """Refuse a plan that does not fit.

    Raises:
        PlanTooLarge: with the stage that takes most.
    """
    if found.fits:
        return
    largest = max(layout.stages, key=lambda stage: _bytes(stage_weight(stage)) + _least_results(stage))
    graph = layout.graph
    raise PlanTooLarge(
        f"plan {graph.namespace}/{graph.plan}: its Workflow and the status of a run need about "
        f"{_kib(found.needed)} KiB, Argo takes {_kib(found.limit)} KiB; the largest stage is {largest.stage.key} "
        f'"{largest.stage.name}" with {largest.live_actions} actions in {len(largest.uses)} workflows: move stages to '
        "a second plan, or put actions of small workflows together"
    )


def _bytes(weight: Weight) -> int:
    return weight.nodes * NODE_BYTES + weight.references * REFERENCE_BYTES


def _least_results(stage: StageLayout) -> int:
    return int(stage.live_actions * RESULT_BYTES_PER_ACTION * RESULT_COPIES * RESULT_SHARE)


def _kib(count: int) -> int:
    return -(-count // 1024)
