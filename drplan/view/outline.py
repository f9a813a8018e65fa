"""An execution as people think of it: a headline, and stages → workflows → actions with what became of each.

Reading is forgiving: a status may be absent, written by the older controller, or hold only a part of the tree. Keys
come from the actions; where there are none, from the position (not in a revert, whose order is another). All text is
cleaned here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from compiler.model.names import (
    ANNOTATION_CANCEL,
    ANNOTATION_PAUSE,
    ANNOTATION_TRUE,
    action_key,
    stage_key,
    stage_of,
    workflow_key,
    workflow_of,
)
from compiler.model.phases import ConditionStatus, ConditionType, DetailLevel, OperationType, Phase
from drplan.view.text import clean
from drplan.view.times import seconds_of

Object = Mapping[str, Any]

DEFAULT_NAMESPACE = "default"


_COUNTED = (
    Phase.SUCCEEDED,
    Phase.FAILED,
    Phase.UNKNOWN,
    Phase.CANCELLED,
    Phase.SKIPPED,
    Phase.RUNNING,
    Phase.PENDING,
)


class Level(IntEnum):
    """What a node of the outline is."""

    STAGE = 0
    WORKFLOW = 1
    ACTION = 2
    CLUSTER = 3


@dataclass(frozen=True, slots=True)
class Node:
    """A stage, a workflow, an action, or one cluster of an action.

    Attributes:
        level: which of them.
        key: its place, `s1.w2.a3`; empty for a cluster, and where it is not known.
        name: its name.
        phase: its phase.
        reason: why it is in this phase, as one word.
        message: why, as a sentence.
        seconds: how long it took, or has taken so far.
        start: when it began.
        end: when it ended.
        note: what else there is to say, in a few words.
        children: what it consists of.
    """

    level: Level
    key: str
    name: str
    phase: Phase
    reason: str = ""
    message: str = ""
    seconds: float | None = None
    start: str | None = None
    end: str | None = None
    note: str = ""
    children: tuple[Node, ...] = ()

    @property
    def why(self) -> str:
        """The message, or the reason when there is none."""
        return self.message or self.reason

    def walk(self) -> Iterator[Node]:
        """Itself and everything below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Outline:
    """An execution.

    Attributes:
        name: its name.
        namespace: its namespace.
        plan: name of its plan.
        operation: Execute or Revert.
        mode: its mode, empty when it has none.
        target: name of the execution that it reverts; empty for an Execute.
        phase: its phase.
        message: what happened, in one sentence.
        progress: ended and all actions, `5/9`.
        counts: how many actions are in which phase.
        seconds: how long it took, or has taken so far.
        start: when it began.
        end: when it ended.
        undone: whether a revert undid it.
        remarks: what is special about its state: paused, being cancelled, reverted later.
        stages: its stages.
    """

    name: str
    namespace: str
    plan: str
    operation: str
    mode: str
    target: str
    phase: Phase
    message: str
    progress: str
    counts: Mapping[Phase, int]
    seconds: float | None
    start: str | None
    end: str | None
    undone: bool
    remarks: tuple[str, ...]
    stages: tuple[Node, ...]

    def walk(self) -> Iterator[Node]:
        """Every node, in order."""
        for stage in self.stages:
            yield from stage.walk()

    def actions(self) -> Iterator[Node]:
        """Every action, in order."""
        return (node for node in self.walk() if node.level is Level.ACTION)


def read(execution: Object, *, now: datetime | None = None) -> Outline:
    """Read an execution.

    Args:
        execution: the DRPlanExecution.
        now: the time, for how long it has run; None to leave that open.
    """
    metadata, spec, status = (execution.get(part) or {} for part in ("metadata", "spec", "status"))
    phase = phase_of(status)
    listed = enumerate(status.get("stageStatuses") or (), start=1)
    stages = tuple(_stage(stage, "" if is_revert(execution) else stage_key(index), now) for index, stage in listed)
    return Outline(
        name=clean(metadata.get("name") or ""),
        namespace=clean(metadata.get("namespace") or DEFAULT_NAMESPACE),
        plan=clean(spec.get("planRef") or ""),
        operation=clean(spec.get("operationType") or ""),
        mode=clean(spec.get("mode") or ""),
        target=clean(spec.get("revertExecutionRef") or "") if is_revert(execution) else "",
        phase=phase,
        message=clean(status.get("message") or ""),
        progress=clean(status.get("progress") or ""),
        counts=_counts(stages, status.get("summary") or {}),
        seconds=_seconds(status, phase, now),
        start=status.get("startTime"),
        end=status.get("completionTime"),
        undone=phase_of(status.get("revertedBy") or {}) is Phase.SUCCEEDED,
        remarks=tuple(_remarks(metadata, status, phase)),
        stages=stages,
    )


def _counts(stages: Iterable[Node], summary: Object) -> dict[Phase, int]:
    """Actions by phase: as counted in the status, which knows those that are not shown, else as shown."""
    shown = Counter(node.phase for stage in stages for node in stage.walk() if node.level is Level.ACTION)
    counts = {phase: summary.get(f"{phase.lower()}Actions") or shown[phase] for phase in _COUNTED}
    return {phase: count for phase, count in counts.items() if count}


def phase_of(status: Object) -> Phase:
    """The phase in a status; one that is not known is Unknown."""
    try:
        return Phase.read(status.get("phase"))
    except ValueError:
        return Phase.UNKNOWN


def is_revert(execution: Object) -> bool:
    """Whether an execution undoes another one."""
    return (execution.get("spec") or {}).get("operationType") == OperationType.REVERT


def is_over(execution: Object) -> bool:
    """Whether an execution has ended."""
    return phase_of(execution.get("status") or {}).terminal


def is_paused(execution: Object) -> bool:
    """Whether somebody wants an execution to start nothing further."""
    return ((execution.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION_PAUSE) == ANNOTATION_TRUE


def _remarks(metadata: Object, status: Object, phase: Phase) -> Iterator[str]:
    annotations = metadata.get("annotations") or {}
    true = {
        condition.get("type"): clean(condition.get("message") or condition.get("reason") or "")
        for condition in status.get("conditions") or ()
        if condition.get("status") == ConditionStatus.TRUE
    }
    if not phase.terminal:
        if annotations.get(ANNOTATION_CANCEL):
            yield "cancel was requested: what runs is finished, nothing else starts"
        if ConditionType.PAUSED in true:
            yield _joined("paused", true[ConditionType.PAUSED])
        elif annotations.get(ANNOTATION_PAUSE) == ANNOTATION_TRUE:
            yield "pause was requested: what runs is finished, nothing else starts until it is resumed"
        if ConditionType.STALLED in true:
            yield _joined("stalled", true[ConditionType.STALLED])
    epoch = status.get("epoch") or 1
    if epoch > 1:
        yield f"retried: this is attempt {epoch}"
    reverted = status.get("revertedBy") or {}
    if reverted.get("name"):
        yield clean(revert_of(reverted))
    level = (status.get("detail") or {}).get("level") or DetailLevel.FULL
    if level != DetailLevel.FULL:
        yield f"the status holds a part of the details ({clean(level)}); the rest is in the records"


def revert_of(reverted: Object) -> str:
    """What `revertedBy` says: that an execution was reverted, or what became of the attempt."""
    phase = phase_of(reverted)
    if phase is Phase.SUCCEEDED:
        return f"reverted by {reverted['name']}"
    return f"not reverted: {reverted['name']} is {phase}"


def _joined(word: str, text: str) -> str:
    return f"{word}: {text}" if text else word


def _stage(stage: Object, place: str, now: datetime | None) -> Node:
    uses = stage.get("workflowExecutions") or ()
    key = next((stage_of(key) for use in uses for key in _keys(use)), place)
    return _node(
        Level.STAGE,
        key,
        stage.get("name"),
        stage,
        now,
        note="parallel" if stage.get("parallel") else "",
        children=tuple(_use(use, key, position, now) for position, use in enumerate(uses, start=1)),
    )


def _use(use: Object, stage: str, index: int, now: datetime | None) -> Node:
    actions = use.get("actionStatuses") or ()
    key = next((workflow_of(key) for key in _keys(use)), workflow_key(stage, index) if stage else "")
    reference = use.get("workflowRef") or {}
    return _node(
        Level.WORKFLOW,
        key,
        reference.get("name"),
        use,
        now,
        note="" if actions else use.get("progress") or "",
        children=tuple(_action(action, key, position, now) for position, action in enumerate(actions, start=1)),
    )


def _keys(use: Object) -> Iterator[str]:
    return (action["key"] for action in use.get("actionStatuses") or () if action.get("key"))


def _action(action: Object, use: str, index: int, now: datetime | None) -> Node:
    retries = action.get("retryCount") or 0
    return _node(
        Level.ACTION,
        action.get("key") or (action_key(use, index) if use else ""),
        action.get("name"),
        action,
        now,
        note=f"{retries} {'retry' if retries == 1 else 'retries'}" if retries else "",
        children=tuple(
            _node(Level.CLUSTER, "", cluster.get("cluster"), cluster, now)
            for cluster in action.get("clusterStatuses") or ()
        ),
    )


def _node(
    level: Level,
    key: str,
    name: str | None,
    status: Object,
    now: datetime | None,
    *,
    note: str = "",
    children: tuple[Node, ...] = (),
) -> Node:
    phase = phase_of(status)
    return Node(
        level=level,
        key=clean(key),
        name=clean(name or ""),
        phase=phase,
        reason=clean(status.get("reason") or ""),
        message=clean(status.get("message") or ""),
        seconds=_seconds(status, phase, now),
        start=status.get("startTime"),
        end=status.get("completionTime"),
        note=clean(note),
        children=children,
    )


def _seconds(status: Object, phase: Phase, now: datetime | None) -> float | None:
    if phase in (Phase.PENDING, Phase.SKIPPED):
        return None
    return seconds_of(
        status.get("duration"),
        status.get("startTime"),
        status.get("completionTime"),
        now=None if phase.terminal else now,
    )
