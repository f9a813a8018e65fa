"""The life of an execution as values: what there is, and what there is after a step was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from compiler.model.names import ANNOTATION_FENCE, FINALIZER_EXECUTION, LABEL_FINAL
from support.graphs import graph, stage, use
from support.trees import NOW, WORKFLOW, execution
from syncer.decide.lifecycle import next_step
from syncer.decide.steps import (
    Keep,
    Mark,
    MarkUndone,
    Own,
    Reopen,
    Rest,
    Seen,
    SetFence,
    Show,
    ShowTarget,
    Step,
    WritePlan,
    WriteRecord,
)
from syncer.nodes import read_workflow

PLAN = graph(stage(use("a")), stage(use("b"), name="app"))
READY = {"metadata": {"name": "pay", "namespace": "dr"}, "spec": {}, "status": {"phase": "Ready"}}


def seen(**fields: Any) -> Seen:
    """What is there when an execution has just been created."""
    identity = {"epoch": 1, "snapshotRef": {"name": "drx-1-snap-1", "chunks": 1, "hash": "h"}}
    given: dict[str, Any] = {"execution": execution(), "plan": READY, "graph": PLAN, "now": NOW, "identity": identity}
    return Seen(**{**given, "workflow_name": WORKFLOW, **fields})


def after(before: Seen, step: Step) -> Seen:
    """What is there when a step was taken, as far as the step says what it writes."""
    match step:
        case Mark():
            marked = {"labels": dict(step.labels), "finalizers": [FINALIZER_EXECUTION]}
            return annotated(_with_metadata(before, marked), **step.annotations)
        case WritePlan():
            return replace(before, plan={**(before.plan or {}), "status": step.status}, holder=before.execution)
        case Keep():
            return replace(before, kept=True)
        case Show():
            return replace(before, execution={**before.execution, "status": step.status})
        case SetFence():
            return annotated(before, **{ANNOTATION_FENCE: step.fence.dump()})
        case WriteRecord():
            return replace(before, records={**before.records, step.record["spec"]["key"]: step.record})
        case MarkUndone():
            marked = {each["metadata"]["name"]: each for each in step.records}
            return replace(before, undone={**before.undone, **marked})
        case ShowTarget():
            return replace(before, target={**(before.target or {}), "status": step.status})
        case Own():
            if before.workflow is not None:
                before.workflow.metadata.labels = {LABEL_FINAL: "true"}
            return _labelled(before, {LABEL_FINAL: "true"})
        case Reopen():
            return _labelled(before, {})
        case _:
            return before


def annotated(before: Seen, **annotations: str) -> Seen:
    """The same with more annotations on the execution."""
    known = before.metadata.get("annotations") or {}
    return _with_metadata(before, {"annotations": {**known, **annotations}})


def running(workflow: Mapping[str, Any], **fields: Any) -> Seen:
    """An execution that is bound to its Workflow."""
    lived, _ = lived_until_rest(seen())
    lived = replace(lived, workflow=read_workflow(workflow))
    return replace(lived_until_rest(lived)[0], **fields)


def lived_until_rest(before: Seen, *, limit: int = 30) -> tuple[Seen, list[Step]]:
    """Take steps until there is nothing left to do, or until the Workflow or Kubernetes has to do something."""
    taken: list[Step] = []
    for _ in range(limit):
        step = next_step(before)
        taken.append(step)
        following = after(before, step)
        if isinstance(step, Rest) or (following is before and not isinstance(step, Own)):
            return following, taken
        assert next_step(following) != step, f"{step} would be taken again and again"
        before = following
    raise AssertionError(f"no rest after {limit} steps: {taken}")


def kinds(taken: list[Step]) -> list[str]:
    """Names of the steps."""
    return [type(step).__name__ for step in taken]


def _labelled(before: Seen, labels: Mapping[str, str]) -> Seen:
    records = {
        key: {**each, "metadata": {**each["metadata"], "labels": labels}} for key, each in before.records.items()
    }
    return replace(before, records=records)


def _with_metadata(before: Seen, fields: Mapping[str, Any]) -> Seen:
    return replace(before, execution={**before.execution, "metadata": {**before.metadata, **fields}})
