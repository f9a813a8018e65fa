"""What a Workflow does next, given how far its nodes are: a pure function that agrees with Argo's controller.

`settle` makes every step that needs nothing but a decision (a DAG begins, a task is omitted, a lane is tried again, a
DAG ends) and says which lanes start now. The engine starts those, tells how their containers ended, and settles again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from drplan.engine.depends import TaskResult
from drplan.engine.nodes import (
    OMITTED,
    Node,
    Nodes,
    NodeType,
    Shutdown,
    attempts,
    containers_started,
    never_started,
    stopped_with,
    task_node,
)
from drplan.engine.program import Branch, Lane, Program, Task
from syncer.nodes import OPEN_PHASES, ArgoPhase

_RESULTS = {
    ArgoPhase.SUCCEEDED: TaskResult.SUCCEEDED,
    ArgoPhase.FAILED: TaskResult.FAILED,
    ArgoPhase.ERROR: TaskResult.ERRORED,
    ArgoPhase.SKIPPED: TaskResult.SKIPPED,
    ArgoPhase.OMITTED: TaskResult.OMITTED,
}
LOCAL_HOST = "localhost"
_BAD = (ArgoPhase.FAILED, ArgoPhase.ERROR)


@dataclass(frozen=True, slots=True)
class Start:
    """A lane that starts now.

    Attributes:
        lane: the lane.
        pod: name of the Pod node of this attempt.
    """

    lane: Lane
    pod: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What `settle` came to.

    Attributes:
        nodes: all nodes.
        starts: the lanes that start now; their nodes are Running already.
    """

    nodes: Nodes
    starts: tuple[Start, ...]


def settle(
    program: Program,
    nodes: Mapping[str, Node],
    *,
    now: str,
    parallelism: int,
    host: str = LOCAL_HOST,
    suspended: bool = False,
    shutdown: Shutdown | None = None,
) -> Settled:
    """Decide everything that can be decided now.

    Args:
        program: the Workflow.
        nodes: its nodes so far.
        now: the time, for nodes that begin or end.
        parallelism: how many lanes may run at once.
        host: name of this machine, for the lanes that start.
        suspended: whether the Workflow is suspended: then nothing moves, whatever `shutdown` says.
        shutdown: whether it is shut down: what would start next fails instead.
    """
    if suspended:
        return Settled(dict(nodes), ())
    running = sum(node.type is NodeType.POD and not node.fulfilled for node in nodes.values())
    step = _Step(dict(nodes), now=now, host=host, free=max(parallelism - running, 0), shutdown=shutdown)
    step.visit(program.root, boundary="")
    return Settled(step.nodes, tuple(step.starts))


class _Step:
    """One pass over the tree. Tasks stand behind what they depend on, so that one pass decides everything."""

    def __init__(self, nodes: Nodes, *, now: str, host: str, free: int, shutdown: Shutdown | None) -> None:
        self.nodes = nodes
        self.starts: list[Start] = []
        self._now = now
        self._host = host
        self._free = free
        self._shutdown = shutdown

    def visit(self, branch: Branch, *, boundary: str) -> None:
        if branch.node not in self.nodes:
            self._add(branch.node, NodeType.DAG, ArgoPhase.RUNNING, branch.template, boundary)
        if self.nodes[branch.node].fulfilled:
            return
        results: dict[str, TaskResult] = {}
        for task in branch.tasks:
            self._task(branch, task, results)
            node = self.nodes.get(task_node(branch, task))
            if node is not None and node.fulfilled:
                results[task.name] = _RESULTS[node.phase]
        if len(results) == len(branch.tasks):
            self.nodes[branch.node] = self.nodes[branch.node].ended(branch_phase(branch, results), self._now)

    def _task(self, branch: Branch, task: Task, results: Mapping[str, TaskResult]) -> None:
        name = task_node(branch, task)
        if name not in self.nodes:
            met = task.depends.met(results) if task.depends else True
            if met is None:
                return
            if not met:
                self._add(name, NodeType.SKIPPED, ArgoPhase.OMITTED, task.body.template, branch.node, OMITTED)
                return
        elif self.nodes[name].fulfilled:
            return
        if isinstance(task.body, Branch):
            self.visit(task.body, boundary=branch.node)
        else:
            self._lane(task.body, boundary=branch.node)

    def _lane(self, lane: Lane, *, boundary: str) -> None:
        pods = attempts(lane, self.nodes)
        if not pods or self._failed_for_now(lane, pods):
            self._attempt(lane, len(pods), boundary)
            pods = attempts(lane, self.nodes)
        if lane.retry is not None and pods and pods[-1].fulfilled:
            self._end_retry(lane, pods)

    def _failed_for_now(self, lane: Lane, pods: list[Node]) -> bool:
        """Whether the last attempt failed and is to be repeated."""
        last = pods[-1]
        if lane.retry is None or last.phase not in _BAD or self._shutdown is not None:
            return False
        return lane.retry.refusal(attempts=len(pods), status=last.phase, exit_code=last.exit_code) is None

    def _attempt(self, lane: Lane, number: int, boundary: str) -> None:
        if self._shutdown is None and self._free == 0:
            return
        if lane.retry is not None and lane.node not in self.nodes:
            self._add(lane.node, NodeType.RETRY, ArgoPhase.RUNNING, lane.template, boundary, inputs=lane.inputs)
        pod = lane.attempt(number)
        if self._shutdown is not None:
            # What would have been next gets a node, but no machine: that is how it is told from what ran.
            message = never_started(self._shutdown)
            self._add(pod, NodeType.POD, ArgoPhase.FAILED, lane.template, boundary, message, inputs=lane.inputs)
        else:
            self._free -= 1
            self._add(pod, NodeType.POD, ArgoPhase.RUNNING, lane.template, boundary, inputs=lane.inputs)
            self.nodes[pod] = replace(self.nodes[pod], host=self._host)
            for node in containers_started(lane, pod, self._now):
                self.nodes[node.name] = node
            self.starts.append(Start(lane, pod))
        self.nodes[pod] = replace(self.nodes[pod], retried=lane.retry is not None)

    def _end_retry(self, lane: Lane, pods: list[Node]) -> None:
        last = pods[-1]
        message: str | None = ""
        if last.phase is not ArgoPhase.SUCCEEDED and self._shutdown is not None:
            message = stopped_with(self._shutdown)
        elif last.phase is not ArgoPhase.SUCCEEDED and lane.retry is not None:
            message = lane.retry.refusal(attempts=len(pods), status=last.phase, exit_code=last.exit_code)
        if message is None:
            return
        ended = self.nodes[lane.node].ended(last.phase, self._now, message)
        self.nodes[lane.node] = replace(ended, exit_code=last.exit_code, result=last.result)

    def _add(
        self,
        name: str,
        kind: NodeType,
        phase: ArgoPhase,
        template: str,
        boundary: str,
        message: str = "",
        *,
        inputs: Mapping[str, str] | None = None,
    ) -> None:
        self.nodes[name] = Node(
            name=name,
            type=kind,
            phase=phase,
            template=template,
            boundary=boundary,
            started=self._now,
            finished=self._now if phase not in OPEN_PHASES else "",
            message=message,
            inputs=inputs or {},
        )


def branch_phase(branch: Branch, results: Mapping[str, TaskResult]) -> ArgoPhase:
    """Phase of a DAG all of whose tasks have ended: Failed when one of its targets counts as failed.

    A task that did not run counts as what it depended on, so that a branch that was cut by a failure is a failed one,
    but a later success hides an earlier failure unless that is a target of its own: as Argo sees it.
    """
    failed: dict[str, bool] = {}
    for task in branch.tasks:
        result = results[task.name]
        if result in (TaskResult.SKIPPED, TaskResult.OMITTED):
            failed[task.name] = any(failed[name] for name in (task.depends.tasks if task.depends else ()))
        else:
            failed[task.name] = result is not TaskResult.SUCCEEDED
    return ArgoPhase.FAILED if any(failed[name] for name in branch.targets) else ArgoPhase.SUCCEEDED
