"""Workflows of any size with the nodes of a recorded run: every node is a copy of one that Argo was seen to write.

A recording has few nodes. Here each node that a larger plan would have is made from the recorded one of its type, with
its own name, id and relations, and each action in the result of a lane from a recorded one.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.argo.node_ids import fnv1a
from compiler.graph.tree import Graph, Stage, WorkflowUse
from compiler.model.names import (
    LABEL_EXECUTION,
    LABEL_EXECUTION_UID,
    LABEL_PLAN,
    LABEL_RESULT,
    LABEL_STAGE,
    OUTPUT_RESULT,
    record_name,
    stage_of,
    task_name,
)
from support import recordings
from syncer.nodes import ArgoPhase, NodeType

RECORDING = "succeeded"
_CLOSING = "main"
_DAG = "DAG"

Object = dict[str, Any]


class Grown:
    """The status of a Workflow of a graph, as far as its lanes have come.

    Args:
        graph: the graph.
        workflow: name of the Workflow.
        execution: name and uid of its execution.
    """

    def __init__(self, graph: Graph, workflow: str, *, execution: tuple[str, str]) -> None:
        self._graph = graph
        self._name = workflow
        self._execution = execution
        recorded = recordings.load(recordings.FOLDER / RECORDING)
        self._status = (recorded.workflow or {})["status"]
        self._recorded: dict[str, Object] = {}
        for node in recorded.nodes.values():
            kind = "" if node["name"] == node["id"] else str(node["type"])
            self._recorded.setdefault(kind, node)
        self._record = next(iter(recorded.records.values()))
        self._done = json.loads(_result_of(self._recorded[NodeType.RETRY]))["actions"][0]

    @property
    def uses(self) -> list[tuple[Stage, WorkflowUse]]:
        """The workflow uses, each with its stage, in order."""
        return list(self._graph.workflows())

    def record(self, key: str, phase: str = "Succeeded") -> Object:
        """The record of an action, as its runner leaves it."""
        name, uid = self._execution
        record = copy.deepcopy(dict(self._record))
        labels = {LABEL_EXECUTION: name, LABEL_EXECUTION_UID: uid, LABEL_PLAN: self._graph.plan}
        labels |= {LABEL_STAGE: stage_of(key), LABEL_RESULT: phase}
        record["metadata"] = {
            "name": record_name(name, uid, key),
            "labels": {**record["metadata"]["labels"], **labels},
        }
        record["spec"] |= {"key": key, "execution": {"name": name, "uid": uid}}
        record["state"]["phase"] = phase
        return record

    def status(self, ended: Mapping[str, int]) -> Object:
        """The status; of each use, by key, so many containers have ended. A use that is not named has not begun."""
        nodes = {node["id"]: node for node in self._nodes(ended)}
        complete = all(ended.get(use.key, 0) > len(use.actions) for _, use in self._graph.workflows())
        status = {name: value for name, value in self._status.items() if complete or name != "finishedAt"}
        phase = ArgoPhase.SUCCEEDED if complete else ArgoPhase.RUNNING
        return {**status, "phase": phase.value, "nodes": nodes}

    def _nodes(self, ended: Mapping[str, int]) -> Iterator[Object]:
        complete = all(ended.get(use.key, 0) > len(use.actions) for _, use in self._graph.workflows())
        stages = [task_name(stage.key, stage.name) for stage in self._graph.stages]
        yield self._node("", "", "", children=[f".{stages[0]}"], over=complete)
        for stage, part in zip(self._graph.stages, stages, strict=True):
            begun = [use for use in stage.workflows if use.key in ended]
            if not begun:
                continue
            over = all(ended.get(use.key, 0) > len(use.actions) for use in stage.workflows)
            lanes = [f".{part}.{task_name(use.key, use.name)}" for use in begun]
            yield self._node(f".{part}", _DAG, "", children=lanes, over=over)
            for use, lane in zip(begun, lanes, strict=True):
                yield from self._lane(use, lane, f".{part}", ended[use.key])

    def _lane(self, use: WorkflowUse, lane: str, stage: str, ended: int) -> Iterator[Object]:
        over = ended > len(use.actions)
        outputs = self._outputs(use) if over else None
        containers = [task_name(action.key, action.name) for action in use.actions] + [_CLOSING]
        pod = f"{lane}(0)"
        yield self._node(lane, NodeType.RETRY, stage, children=[pod], over=over, outputs=outputs)
        yield self._node(
            pod,
            NodeType.POD,
            stage,
            children=[f"{pod}.{each}" for each in containers],
            over=over,
            outputs=outputs,
        )
        for index, each in enumerate(containers):
            following = [f"{pod}.{name}" for name in containers[index + 1 : index + 2]]
            yield self._node(f"{pod}.{each}", NodeType.CONTAINER, pod, children=following, over=index < ended)

    def _node(
        self, name: str, kind: str, boundary: str, *, children: list[str], over: bool, outputs: Object | None = None
    ) -> Object:
        node = copy.deepcopy(self._recorded[kind])
        before = str(node["templateScope"]).partition("/")[2]
        node |= {
            "id": self._id(name),
            "name": self._name + name,
            "displayName": name.rpartition(".")[2] or self._name,
            "children": [self._id(each) for each in children],
            "phase": (ArgoPhase.SUCCEEDED if over else ArgoPhase.RUNNING).value,
            "templateScope": node["templateScope"].replace(before, self._name),
        }
        if kind:
            node["boundaryID"] = self._id(boundary)
        if outputs is not None:
            node["outputs"] = outputs
        if not over:
            node = {key: value for key, value in node.items() if key not in ("finishedAt", "outputs")}
        return node

    def _outputs(self, use: WorkflowUse) -> Object:
        name, uid = self._execution
        done = [{**self._done, "key": each.key, "record": record_name(name, uid, each.key)} for each in use.actions]
        outputs = copy.deepcopy(self._recorded[NodeType.RETRY]["outputs"])
        for parameter in outputs["parameters"]:
            if parameter["name"] == OUTPUT_RESULT:
                parameter["value"] = json.dumps({"v": 1, "actions": done}, separators=(",", ":"))
        return dict(outputs)

    def _id(self, name: str) -> str:
        return f"{self._name}-{fnv1a(self._name + name)}" if name else self._name


def _result_of(node: Object) -> str:
    return next(str(each["value"]) for each in node["outputs"]["parameters"] if each["name"] == OUTPUT_RESULT)
