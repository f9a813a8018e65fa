"""Nodes in Argo's own shape: the `status` of a Workflow, written and read back.

Ids, boundaries and children are made as Argo makes them, so that the fold reads a local run and a real one alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from compiler.argo.node_ids import fnv1a
from compiler.model.names import OUTPUT_RESULT
from drplan.engine.nodes import (
    Node,
    Nodes,
    NodeType,
    Shutdown,
    attempts,
    container_node,
    stopped_with,
    task_node,
)
from drplan.engine.program import Branch, Lane, Program, Task
from syncer.nodes import OPEN_PHASES, ArgoPhase


@lru_cache(maxsize=65536)
def node_id(workflow: str, name: str) -> str:
    """Argo's id of a node: the Workflow's name for the root, else that and the hash of the node's name."""
    return workflow if name == workflow else f"{workflow}-{fnv1a(name)}"


def status(program: Program, nodes: Nodes, *, started: str, shutdown: Shutdown | None) -> dict[str, Any]:
    """Write nodes as the status of an Argo Workflow."""
    root = nodes.get(program.workflow)
    phase = ArgoPhase.RUNNING if root is None else root.phase
    children = _children(program, nodes)
    pods = [node for node in nodes.values() if node.type is NodeType.POD]
    done = sum(node.phase is ArgoPhase.SUCCEEDED for node in pods)
    written: dict[str, Any] = {
        "phase": phase,
        "startedAt": started,
        "finishedAt": (root.finished or None) if root else None,
        "progress": f"{done}/{len(pods)}",
    }
    if phase is ArgoPhase.FAILED and shutdown is not None:
        written["message"] = stopped_with(shutdown)
    running = any(not node.fulfilled for node in pods)
    written["conditions"] = [
        {"type": "PodRunning", "status": str(running)},
        {"type": "Completed", "status": str(phase not in OPEN_PHASES)},
    ]
    written["nodes"] = {
        node_id(program.workflow, node.name): _write_node(program, node, children) for node in nodes.values()
    }
    return written


def read_nodes(workflow: Mapping[str, Any]) -> Nodes:
    """Read the nodes that `status` wrote; a Workflow that has not begun has none."""
    written = workflow.get("status", {}).get("nodes", {})
    nodes: Nodes = {}
    for value in written.values():
        outputs = value.get("outputs", {})
        results = [parameter["value"] for parameter in outputs.get("parameters", ())]
        boundary = written.get(value.get("boundaryID", ""), {})
        nodes[value["name"]] = Node(
            name=value["name"],
            type=NodeType(value["type"]),
            phase=ArgoPhase(value["phase"]),
            template=value["templateName"],
            boundary=boundary.get("name", ""),
            started=value["startedAt"],
            finished=value["finishedAt"] or "",
            message=value.get("message", ""),
            inputs={item["name"]: item["value"] for item in value.get("inputs", {}).get("parameters", ())},
            exit_code=int(outputs["exitCode"]) if "exitCode" in outputs else None,
            result=results[0] if results else None,
            retried=value.get("nodeFlag", {}).get("retried", False),
            host=value.get("hostNodeName", ""),
        )
    return nodes


def _write_node(program: Program, node: Node, children: Mapping[str, list[str]]) -> dict[str, Any]:
    display = node.name.removeprefix(f"{node.boundary}.") if node.boundary else node.name
    written: dict[str, Any] = {
        "id": node_id(program.workflow, node.name),
        "name": node.name,
        "displayName": display,
        "type": node.type,
        "templateName": node.template,
        "templateScope": f"local/{program.workflow}",
        "phase": node.phase,
        "startedAt": node.started,
        "finishedAt": node.finished or None,
    }
    if node.boundary:
        written["boundaryID"] = node_id(program.workflow, node.boundary)
    if node.message:
        written["message"] = node.message
    if node.inputs:
        written["inputs"] = {"parameters": [{"name": name, "value": value} for name, value in node.inputs.items()]}
    outputs: dict[str, Any] = {}
    if node.result is not None:
        outputs["parameters"] = [{"name": OUTPUT_RESULT, "value": node.result}]
    if node.exit_code is not None:
        outputs["exitCode"] = str(node.exit_code)
    if outputs:
        written["outputs"] = outputs
    if node.retried:
        written["nodeFlag"] = {"retried": True}
    if node.host:
        written["hostNodeName"] = node.host
    if node.name in children:
        written["children"] = [node_id(program.workflow, name) for name in children[node.name]]
    return written


def _children(program: Program, nodes: Nodes) -> dict[str, list[str]]:
    """Argo's `children`: the order of execution, not what holds what."""
    found: dict[str, list[str]] = {}
    _branch_children(program.root, nodes, found)
    return found


def _branch_children(branch: Branch, nodes: Nodes, found: dict[str, list[str]]) -> None:
    by_name = {task.name: task for task in branch.tasks}
    for task in branch.tasks:
        node = task_node(branch, task)
        if node not in nodes:
            continue
        _body_children(task, nodes, found)
        before = [by_name[name] for name in task.depends.tasks] if task.depends else []
        parents = [end for earlier in before for end in _ends(task_node(branch, earlier), earlier.body, nodes)]
        for parent in parents if task.depends else [branch.node]:
            found.setdefault(parent, []).append(node)


def _body_children(task: Task, nodes: Nodes, found: dict[str, list[str]]) -> None:
    if isinstance(task.body, Branch):
        _branch_children(task.body, nodes, found)
        return
    for pod in attempts(task.body, nodes):
        if task.body.retry is not None:
            found.setdefault(task.body.node, []).append(pod.name)
        containers = [container_node(pod.name, container.name) for container in task.body.containers]
        present = [name for name in containers if name in nodes]
        if present:
            found.setdefault(pod.name, []).extend(present)


def _ends(node: str, body: Branch | Lane, nodes: Nodes) -> list[str]:
    """The nodes that what comes next hangs under: the last ones that a task consists of."""
    if nodes[node].type is NodeType.SKIPPED:
        return [node]
    if isinstance(body, Lane):
        pod = attempts(body, nodes)[-1]
        containers = [container_node(pod.name, container.name) for container in body.containers]
        return [name for name in containers if name in nodes] or [pod.name]
    depended = {name for task in body.tasks if task.depends for name in task.depends.tasks}
    return [
        end
        for task in body.tasks
        if task.name not in depended
        for end in _ends(task_node(body, task), task.body, nodes)
    ]
