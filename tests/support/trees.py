"""Builders of what a run leaves behind: nodes as Argo writes them, records, executions; and a view of a folded status.

argo = Argo()
argo.lane("s1.w1", {"a1": "Succeeded", "a2": failed(2, "boom")}, pod="Failed")
tree = folded(graph, argo.workflow("Failed"), [record("s1.w1.a1", "Succeeded")])
assert tree.phase("s1.w1.a2") == "Failed"
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from compiler.graph.tree import Graph
from compiler.model.execution import DRPlanExecutionStatus
from compiler.model.names import ANNOTATION_FENCE
from syncer.decide.fence import Fence
from syncer.fold import fold

WORKFLOW = "pay-x-1a2b3c4d-e1"
NOW = datetime(2025, 11, 24, 9, 0, tzinfo=UTC)
STARTED = "2025-11-24T08:50:00Z"
FINISHED = "2025-11-24T08:55:00Z"

OMITTED = "omitted: depends condition not met"
PHANTOM = "workflow shutdown with strategy: Stop"
SIGNALLED = "workflow shutdown with strategy:  Stop"


def failed(code: int, text: str = "") -> tuple[str, str]:
    """Phase and message of a container that ended with an exit code."""
    return "Failed", f"Error (exit code {code})" + (f": {text}" if text else "")


class Argo:
    """Nodes of a Workflow, as Argo writes them."""

    def __init__(self, name: str = WORKFLOW) -> None:
        self.name = name
        self.nodes: dict[str, dict[str, Any]] = {}
        self._made = 0

    def node(self, name: str, kind: str, phase: str, message: str = "", **fields: Any) -> Argo:
        """Add a node by the end of its name."""
        full = f"{self.name}.{name}" if name else self.name
        self._made += 1
        written = {
            "id": f"{self.name}-{self._made}",
            "name": full,
            "displayName": full.rsplit(".", 1)[-1],
            "type": kind,
            "templateName": "t",
            "templateScope": f"local/{self.name}",
            "phase": phase,
            "startedAt": STARTED,
            "finishedAt": None if phase in ("Pending", "Running") else FINISHED,
            "progress": "1/1",
            **fields,
        }
        if message:
            written["message"] = message
        self.nodes[written["id"]] = written
        return self

    def lane(
        self,
        use: str,
        containers: Mapping[str, str | tuple[str, str]],
        *,
        pod: str = "Succeeded",
        number: int = 0,
        attempt: int = 0,
        retry: str | None = "",
        message: str = "",
        result: Iterable[Mapping[str, Any]] | None = None,
        exit_code: str = "",
    ) -> Argo:
        """Add an attempt of a lane.

        Args:
            use: key of the workflow use.
            containers: phase, or phase and message, by local key of the action.
            pod: phase of the pod's node.
            number: number of the lane, for a use with several.
            attempt: number of the attempt.
            retry: phase of the node over the attempts; as the pod's when empty, no such node when None.
            message: message of the pod's node.
            result: entries of the lane's result.
            exit_code: exit code of the container that closes the lane.
        """
        lane = task(use) + (f".l-{number}" if number else "")
        outputs: dict[str, Any] = {"exitCode": exit_code} if exit_code else {}
        if result is not None:
            value = json.dumps({"v": 1, "actions": list(result)})
            outputs["parameters"] = [{"name": "result", "value": value}]
        extra = {"outputs": outputs} if outputs else {}
        if retry is not None:
            self.nodes = {key: node for key, node in self.nodes.items() if node["name"] != f"{self.name}.{lane}"}
            self.node(lane, "Retry", retry or pod, **extra)
        name = lane if retry is None else f"{lane}({attempt})"
        self.node(name, "Pod", pod, message, hostNodeName="node-1", **extra)
        for local, state in containers.items():
            phase, text = (state, "") if isinstance(state, str) else state
            container = f"{local[0]}-{local[1:]}-step"
            text = f"{container}: {text}" if text.startswith("Error (") else text
            self.node(f"{name}.{container}", "Container", phase, text)
        return self

    def omitted(self, key: str, *, number: int = 0) -> Argo:
        """Add a node for a stage, a use or a lane that will not run."""
        return self.node(task(key) + (f".l-{number}" if number else ""), "Skipped", "Omitted", OMITTED)

    def phantom(self, use: str) -> Argo:
        """Add the node of a lane that a stop made before it had a pod."""
        return self.node(task(use), "Pod", "Failed", PHANTOM)

    def workflow(
        self,
        phase: str = "Running",
        message: str = "",
        *,
        root: str | None = "",
        labels: Mapping[str, str] | None = None,
        **spec: Any,
    ) -> dict[str, Any]:
        """The Workflow with all nodes; its root node has its phase unless `root` says otherwise."""
        if root is not None:
            self.node("", "DAG", root or phase)
        status: dict[str, Any] = {"phase": phase, "startedAt": STARTED, "nodes": self.nodes}
        if message:
            status["message"] = message
        if phase not in ("", "Pending", "Running"):
            status["finishedAt"] = FINISHED
        metadata = {"name": self.name, "namespace": "dr", "uid": "wf-1", "labels": dict(labels or {})}
        return {"metadata": metadata, "spec": spec, "status": status}


def task(key: str) -> str:
    """Part of a node's name that stands for a key: `s-1-x.w-2-x` of `s1.w2`."""
    return ".".join(f"{part[0]}-{part[1:]}-x" for part in key.split("."))


def record(key: str, phase: str, reason: str = "", message: str = "", **state: Any) -> dict[str, Any]:
    """A record of an action; the times are those of a short action unless given."""
    known: dict[str, Any] = {"phase": phase, "epoch": 1, "run": 1, "startTime": "2025-11-24T08:51:00.000Z"}
    if phase != "Started":
        known["completionTime"] = "2025-11-24T08:51:01.500Z"
    known |= {"reason": reason, "message": message} | state
    return {
        "metadata": {"name": f"record-{key}", "labels": {}},
        "spec": {"key": key, "action": {"name": key, "type": "HTTP"}},
        "state": {name: value for name, value in known.items() if value not in ("", None)},
    }


def entry(key: str, phase: str, reason: str = "", message: str = "", **fields: Any) -> dict[str, Any]:
    """An entry of a lane's result."""
    written = {"v": 1, "key": key, "phase": phase, "reason": reason, "message": message, "retryCount": 0}
    times = {"startTime": "2025-11-24T08:52:00Z", "completionTime": "2025-11-24T08:52:01Z"}
    return {**written, **times, **fields}


def by_key(records: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Records by the key of their action."""
    return {each["spec"]["key"]: each for each in records}


def execution(*, fence: Fence | str | None = None, **annotations: str) -> dict[str, Any]:
    """An execution; annotations by the last part of their name."""
    written = {f"dr.bkbcs.tencent.com/{name}": value for name, value in annotations.items()}
    if fence is not None:
        written[ANNOTATION_FENCE] = fence if isinstance(fence, str) else fence.dump()
    return {
        "metadata": {
            "name": "pay-execute-1",
            "namespace": "dr",
            "uid": "x-1",
            "generation": 1,
            "annotations": written,
            "creationTimestamp": "2025-11-24T08:49:00Z",
        },
        "spec": {"planRef": "pay", "operationType": "Execute"},
    }


def opened(**fields: Any) -> Fence:
    """The fence of a run that is bound to the Workflow of these builders."""
    return Fence(WORKFLOW, workflow_uid="wf-1", **fields)


class Tree:
    """A folded status, looked at by key."""

    def __init__(self, graph: Graph, status: Mapping[str, Any]) -> None:
        self.status = status
        self._entries: dict[str, Mapping[str, Any]] = {"": status}
        for stage, shown in zip(graph.stages, status["stageStatuses"], strict=True):
            self._entries[stage.key] = shown
            for use, entry in zip(stage.workflows, shown["workflowExecutions"], strict=True):
                self._entries[use.key] = entry
                self._entries |= {action["key"]: action for action in entry.get("actionStatuses", ())}

    def __getitem__(self, key: str) -> Mapping[str, Any]:
        return self._entries[key]

    def phase(self, key: str) -> str:
        return str(self[key]["phase"])

    def phases(self, *keys: str) -> list[str]:
        """Phases of some keys; of all actions without any."""
        return [self.phase(key) for key in keys or [key for key in self._entries if key.count(".") == 2]]

    def reason(self, key: str) -> str:
        return str(self[key].get("reason", ""))

    def message(self, key: str = "") -> str:
        return str(self[key].get("message", ""))

    def condition(self, kind: str) -> tuple[str, str] | None:
        """Status and reason of a condition; None when it is not there."""
        for condition in self.status["conditions"]:
            if condition["type"] == kind:
                return condition["status"], condition["reason"]
        return None


def folded(
    graph: Graph,
    workflow: Mapping[str, Any] | None = None,
    records: Iterable[Mapping[str, Any]] = (),
    **arguments: Any,
) -> Tree:
    """Fold, check the status against the API's model, and look at it."""
    arguments = {"execution": execution(fence=opened()), "now": NOW, "previous": None, **arguments}
    status = fold(graph, workflow=workflow, records=by_key(records), **arguments)
    DRPlanExecutionStatus.model_validate(status)
    assert json.loads(json.dumps(status)) == status
    return Tree(graph, status)
