"""Nodes: how far every DAG, lane and container of a Workflow is.

`Node` is what the scheduler works on, by node name; here is also what a node becomes when its container or lane ends,
with the messages that Argo would write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from drplan.engine.program import Branch, Lane, Task
from syncer.nodes import OPEN_PHASES, ArgoPhase


class NodeType(StrEnum):
    """The types of node that a compiled Workflow can have."""

    DAG = "DAG"
    POD = "Pod"
    CONTAINER = "Container"
    RETRY = "Retry"
    SKIPPED = "Skipped"


class Shutdown(StrEnum):
    """`spec.shutdown` of a Workflow."""

    STOP = "Stop"
    TERMINATE = "Terminate"


OMITTED = "omitted: depends condition not met"


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        name: its full name.
        type: its type.
        phase: its phase.
        template: name of its template.
        boundary: name of the node that holds it, empty for the root.
        started: when it started.
        finished: when it ended, empty as long as it has not.
        message: why it is in its phase.
        inputs: input parameters of its template.
        exit_code: exit code of its `main`, for a pod that ended.
        result: its output parameter `result`.
        retried: whether it is an attempt of a Retry node.
        host: where its processes run.
    """

    name: str
    type: NodeType
    phase: ArgoPhase
    template: str
    boundary: str
    started: str
    finished: str = ""
    message: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    exit_code: int | None = None
    result: str | None = None
    retried: bool = False
    host: str = ""

    @property
    def fulfilled(self) -> bool:
        """Whether it has ended, or will never begin."""
        return self.phase not in OPEN_PHASES

    def ended(self, phase: ArgoPhase, now: str, message: str = "") -> Node:
        """The node at its end."""
        return replace(self, phase=phase, finished=now, message=message)


Nodes = dict[str, Node]
"""All nodes of a Workflow by name."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended.

    Attributes:
        code: its exit code.
        message: its termination message.
        stopped: whether it was ended by a shutdown of the Workflow.
    """

    code: int
    message: str = ""
    stopped: bool = False


def container_node(pod: str, container: str) -> str:
    """Name of the node of a container."""
    return f"{pod}.{container}"


def containers_started(lane: Lane, pod: str, now: str) -> list[Node]:
    """Nodes of the containers of a lane that has just started: all of them turn Running together."""
    return [
        Node(
            container_node(pod, container.name),
            NodeType.CONTAINER,
            ArgoPhase.RUNNING,
            lane.template,
            boundary=pod,
            started=now,
        )
        for container in lane.containers
    ]


def container_ended(node: Node, outcome: Exit, now: str, shutdown: Shutdown | None) -> Node:
    """The node of a container that has ended."""
    if outcome.code == 0:
        return node.ended(ArgoPhase.SUCCEEDED, now)
    if outcome.stopped and shutdown is not None:
        return node.ended(ArgoPhase.FAILED, now, running_stopped(shutdown))
    display = node.name.rsplit(".", 1)[-1]
    detail = f": {outcome.message}" if outcome.message else ""
    return node.ended(ArgoPhase.FAILED, now, f"{display}: Error (exit code {outcome.code}){detail}")


def pod_ended(pod: Node, containers: list[Node], now: str, *, exit_code: int, result: str | None) -> Node:
    """The node of a lane all of whose containers have ended; it takes the text of the first failure.

    Args:
        pod: its node.
        containers: the nodes of its containers, in the order in which they ended.
        now: the time.
        exit_code: exit code of `main`.
        result: content of the lane's result file, None when there is none.
    """
    failed = [node for node in containers if node.phase is not ArgoPhase.SUCCEEDED]
    ended = pod.ended(ArgoPhase.FAILED if failed else ArgoPhase.SUCCEEDED, now, failed[0].message if failed else "")
    return replace(ended, exit_code=exit_code, result=result)


def running_stopped(shutdown: Shutdown) -> str:
    """Message of what ran when the Workflow was shut down (Argo writes two spaces here)."""
    return f"workflow shutdown with strategy:  {shutdown}"


def never_started(shutdown: Shutdown) -> str:
    """Message of what would have been next when the Workflow was shut down (one space)."""
    return f"workflow shutdown with strategy: {shutdown}"


def stopped_with(shutdown: Shutdown) -> str:
    """Message of a Workflow, or a Retry node, that was shut down."""
    return f"Stopped with strategy '{shutdown}'"


def task_node(branch: Branch, task: Task) -> str:
    """Name of the node of a task."""
    return f"{branch.node}.{task.name}"


def attempts(lane: Lane, nodes: Nodes) -> list[Node]:
    """The Pod nodes of a lane, first attempt first."""
    if lane.retry is None:
        return [nodes[lane.node]] if lane.node in nodes else []
    found: list[Node] = []
    while (name := lane.attempt(len(found))) in nodes:
        found.append(nodes[name])
    return found
