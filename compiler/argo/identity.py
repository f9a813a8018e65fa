"""Who a compiled Workflow belongs to: the execution that it runs, or nobody yet.

With an execution, names are made from its uid. Without one (break-glass: `argo submit` of a compiled file) they are
made from the graph itself, and the Workflow carries the label by which the syncer adopts it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from compiler.argo.spec_text import safe_json
from compiler.graph.tree import Graph
from compiler.model.names import (
    ANNOTATION_TRUE,
    APP_MANAGED_BY,
    APP_NAME,
    LABEL_ADOPT,
    LABEL_APP_MANAGED_BY,
    LABEL_APP_NAME,
    LABEL_APP_PART_OF,
    LABEL_EPOCH,
    LABEL_EXECUTION,
    LABEL_EXECUTION_UID,
    LABEL_OPERATION,
    LABEL_PLAN,
    digest,
    label_value,
)

_DIGITS = 10


@dataclass(frozen=True, slots=True)
class ExecutionRef:
    """The execution that a Workflow is compiled for; without a uid it does not exist yet."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What names and labels are made from.

    Attributes:
        execution: name of the execution, empty in a break-glass run.
        uid: its uid, empty in a break-glass run.
        epoch: 1 for the first run, one more for every retry.
        digest: start of the SHA-256 of the uid, or of the graph.
    """

    execution: str
    uid: str
    epoch: int
    digest: str

    @classmethod
    def of(cls, graph: Graph, execution: ExecutionRef | None, *, epoch: int = 1) -> Identity:
        """Identity of a graph's Workflow."""
        if execution is not None and execution.uid:
            return cls(execution.name, execution.uid, epoch, digest(execution.uid, _DIGITS))
        return cls("", "", 1, graph_hash(graph)[:_DIGITS])

    @property
    def adoptable(self) -> bool:
        """Whether it runs without an execution, until the syncer makes one."""
        return not self.uid

    def run_parameter(self, graph: Graph) -> str:
        """Value of the Workflow's parameter `run`: what every runner knows about the run."""
        return safe_json(
            {
                "namespace": graph.namespace,
                "plan": graph.plan,
                "execution": self.execution,
                "uid": self.uid,
                "epoch": self.epoch,
                "operation": str(graph.operation),
                "mode": graph.mode,
            }
        )

    def labels(self, graph: Graph) -> dict[str, str]:
        """Labels of every object of the run."""
        labels = {
            LABEL_APP_NAME: APP_NAME,
            LABEL_APP_MANAGED_BY: APP_MANAGED_BY,
            LABEL_APP_PART_OF: label_value(graph.plan),
            LABEL_PLAN: label_value(graph.plan),
            LABEL_OPERATION: graph.operation.lower(),
            LABEL_EPOCH: str(self.epoch),
        }
        if not self.adoptable:
            labels[LABEL_EXECUTION] = label_value(self.execution)
            labels[LABEL_EXECUTION_UID] = self.uid
        return labels

    def workflow_labels(self, graph: Graph) -> dict[str, str]:
        """Labels of the Workflow."""
        adopt = {LABEL_ADOPT: ANNOTATION_TRUE} if self.adoptable else {}
        return {**self.labels(graph), **adopt}


def graph_hash(graph: Graph) -> str:
    """SHA-256 of the canonical JSON of a graph."""
    return hashlib.sha256(msgspec.json.encode(graph, order="sorted")).hexdigest()
