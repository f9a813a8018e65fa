"""The next write of an execution in the cluster, decided from the objects alone. Pure.

    mark      finalizer, labels, the uid that it starts as     ─┐
    claim     the plan is this execution's                      │ until its tree is shown it may be refused
    keep      snapshot and specs, immutable                     │
    show      status: Pending, the whole tree, the Workflow's name
    fence     Open                                             ─┐
    create    the Argo Workflow                                 │ from here on it is brought to an end
    bind      fence to the Workflow's uid                       │
    (run)     halts and cancel go into the fence, then into the Workflow; the status follows
    close     fence Closed; records that are still open are ended; final status
    record    history of the plan, the plan is free; what was undone; owners; Recorded

Whether a step is still to be done is read from the objects, never remembered: whoever dies behind a write is followed
by somebody who decides the same next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from compiler.graph.tree import Graph
from compiler.model.names import (
    ANNOTATION_CANCEL,
    ANNOTATION_STARTED_UID,
    CANCEL_FORCE,
    CANCEL_GRACEFUL,
    FINALIZER_EXECUTION,
    LABEL_FINAL,
    LABEL_OPERATION,
    LABEL_PLAN,
    LABEL_PLAN_REF,
    label_value,
)
from compiler.model.phases import FenceState, Phase
from syncer.decide import abandoned, again, history
from syncer.decide.cancel import next_step as next_cancel_step
from syncer.decide.fence import Fence
from syncer.decide.finish import endings, open_records
from syncer.decide.halts import halts
from syncer.decide.outcome import Refuse, Start, Wait
from syncer.decide.recorded import as_recorded, is_recorded
from syncer.decide.start import is_cancelled, may_start
from syncer.decide.steps import (
    Adopt,
    ChangeWorkflow,
    CreateWorkflow,
    Keep,
    Mark,
    MarkUndone,
    Own,
    Release,
    Rest,
    Seen,
    SetFence,
    Show,
    ShowTarget,
    Step,
    WritePlan,
    WriteRecord,
)
from syncer.decide.undone import marks
from syncer.fold import fold, refused, waiting
from syncer.fold.evidence import gather
from syncer.records import BAD, is_final, state_of
from syncer.times import parse_time

Object = Mapping[str, Any]

LEASE_POLL = 5.0
"""Seconds between two looks at holders that may still live."""

POD_POLL = 1.0
"""Seconds between two looks at pods that were deleted."""

STALL_POLL = 15.0
"""Seconds between two looks at whether a run is stalled, or is not any more: nothing tells of that."""

LAST_CHANCE = timedelta(seconds=60)
"""How long the end of an execution is waited for when it is deleted together with its namespace."""


def next_step(seen: Seen) -> Step:
    """Decide the next step of an execution."""
    if not seen.metadata.get("deletionTimestamp"):
        return _next(seen)
    if FINALIZER_EXECUTION not in (seen.metadata.get("finalizers") or ()):
        return Rest()
    if is_given_up(seen):
        return Release(unrecorded=not _may_go(seen))
    step = _next(replace(seen, execution=_cancelled(seen)))
    if isinstance(step, Rest) and _may_go(seen):
        return Release()
    if isinstance(step, Rest) and seen.vanishing:
        return Rest(min(step.seconds or LEASE_POLL, LEASE_POLL))
    return step


def is_given_up(seen: Seen) -> bool:
    """Whether a deleted execution is let go however far it came: what it needs to be ended goes with its namespace."""
    return seen.vanishing and seen.now - _deleted_at(seen) >= LAST_CHANCE


def _deleted_at(seen: Seen) -> datetime:
    return parse_time(seen.metadata.get("deletionTimestamp")) or seen.now


def _next(seen: Seen) -> Step:
    if seen.phase.terminal and not seen.runs_again:
        return again.next_step(seen) or _recorded(seen)
    return _go_on(seen) if seen.shown else _begin(seen)


def _cancelled(seen: Seen) -> Object:
    """The execution as if it had been cancelled: one that is deleted drains, and ends by force when that is long."""
    how = CANCEL_FORCE if seen.now - _deleted_at(seen) >= seen.drain_limit else CANCEL_GRACEFUL
    annotations = {**(seen.metadata.get("annotations") or {}), ANNOTATION_CANCEL: how}
    return {**seen.execution, "metadata": {**seen.metadata, "annotations": annotations}}


def _may_go(seen: Seen) -> bool:
    return seen.phase.terminal and (is_recorded(seen.execution) or not seen.shown)


# --- until its tree is shown


def _begin(seen: Seen) -> Step:
    answer = may_start(seen.execution, plan=seen.plan, current=seen.holder, target=seen.target, now=seen.now)
    if isinstance(answer, Start) and seen.refusal is not None:
        answer = seen.refusal
    if isinstance(answer, Refuse):
        return Show(
            refused(
                seen.status,
                phase=answer.phase,
                reason=answer.reason,
                message=answer.message,
                now=seen.now,
                generation=seen.generation,
            )
        )
    if isinstance(answer, Wait):
        status = waiting(seen.status, message=answer.message, now=seen.now, generation=seen.generation)
        return Rest(answer.seconds) if status == seen.status else Show(status)
    return _mark(seen) or _claim(seen) or _keep(seen) or _show_tree(seen)


def _mark(seen: Seen) -> Step | None:
    spec = seen.execution["spec"]
    labels = {
        LABEL_PLAN: label_value(spec["planRef"]),
        LABEL_PLAN_REF: label_value(spec["planRef"]),
        LABEL_OPERATION: spec["operationType"].lower(),
    }
    annotations = {ANNOTATION_STARTED_UID: seen.metadata["uid"]}
    marked = (
        labels.items() <= (seen.metadata.get("labels") or {}).items()
        and annotations.items() <= (seen.metadata.get("annotations") or {}).items()
        and FINALIZER_EXECUTION in (seen.metadata.get("finalizers") or ())
    )
    return None if marked else Mark(labels, annotations)


def _claim(seen: Seen) -> Step | None:
    if seen.plan is None or history.is_holder(seen.plan.get("status") or {}, seen.execution):
        return None
    return WritePlan(history.claim(seen.plan.get("status"), seen.execution, now=seen.now, target=seen.target))


def _keep(seen: Seen) -> Step | None:
    return None if seen.kept else Keep()


def _show_tree(seen: Seen) -> Step:
    status = _folded(seen, {**seen.identity, **seen.status, "workflowRef": {"name": seen.workflow_name}})
    return Show({**status, "workflowRef": {"name": seen.workflow_name}})


# --- from its tree to its end


def _go_on(seen: Seen) -> Step:
    if seen.graph is None:
        return abandoned.next_step(seen)
    fence = Fence.of(seen.execution)
    if fence is None:
        return SetFence(Fence(workflow=seen.workflow_name, epoch=int(seen.status.get("epoch") or 1)))
    if seen.unlabelled:
        return Adopt()
    if seen.stall is not None and not (seen.in_the_way and is_cancelled(seen.execution)):
        return _follow(seen)
    if seen.over or (seen.empty and seen.workflow is None) or fence.state is FenceState.CLOSED:
        return _close(seen, seen.graph, fence)
    if seen.workflow is None:
        # What was cancelled before its Workflow was made never gets one.
        return SetFence(fence.close()) if is_cancelled(seen.execution) else CreateWorkflow()
    if fence.workflow_uid != seen.workflow.metadata.uid:
        return SetFence(fence.bind(seen.workflow.metadata.uid))
    return _halt(seen, seen.graph, fence) or _obey(seen, seen.graph, fence) or _follow(seen)


def _halt(seen: Seen, graph: Graph, fence: Fence) -> Step | None:
    """Put into the fence what failures keep from starting."""
    if not any(state_of(record).get("phase") in BAD for record in seen.records.values()):
        return None
    evidence = gather(seen.execution, seen.workflow, seen.records, now=seen.now)
    missing = halts(
        graph,
        records=seen.records,
        fence=fence,
        begun=frozenset(evidence.places.started_stages()),
        cancelled=is_cancelled(seen.execution),
        now=seen.now,
    )
    return SetFence(fence.halt(missing)) if missing else None


def _obey(seen: Seen, graph: Graph, fence: Fence) -> Step | None:
    """Go one step further with a cancel, a pause or a resume: the fence before the Workflow."""
    step = next_cancel_step(
        graph,
        execution=seen.execution,
        fence=fence,
        workflow=seen.workflow,
        records=seen.records,
        now=seen.now,
        idle=seen.idle,
    )
    resumes = fence.state is FenceState.PAUSED and step.fence.state is FenceState.OPEN
    if step.fence != fence and not (resumes and step.spec is not None):
        return SetFence(step.fence)
    # A resume lets the Workflow go first: once the fence is open, nothing says any more who had suspended it.
    if step.spec is not None or step.delete_workflow or (step.delete_pods and seen.pods and not seen.doomed):
        return ChangeWorkflow(step.spec, delete=step.delete_workflow, delete_pods=step.delete_pods)
    return None


def _follow(seen: Seen) -> Step:
    status = _folded(seen, seen.status)
    return Rest(STALL_POLL) if status == seen.status else Show(status)


def _folded(seen: Seen, previous: Object) -> Object:
    assert seen.graph is not None
    return fold(
        seen.graph,
        execution=seen.execution,
        workflow=seen.workflow,
        records=seen.records,
        previous=previous,
        now=seen.now,
        lost=seen.lost,
        stall=seen.stall,
    )


def _close(seen: Seen, graph: Graph, fence: Fence) -> Step:
    """End a run whose Workflow has ended: nobody may act any more, and every record says how its action ended."""
    if seen.workflow is not None and not seen.workflow.complete:
        # By force: the fence was closed first, the Workflow follows, and its processes after it.
        return _obey(seen, graph, fence) or _follow(seen)
    if fence.state is not FenceState.CLOSED:
        return SetFence(fence.close())
    if seen.pods and seen.workflow is not None and seen.workflow.stopped and is_cancelled(seen.execution):
        return _obey(seen, graph, fence) or Rest(POD_POLL)
    found = endings(
        graph,
        execution=seen.execution,
        workflow=seen.workflow,
        records=seen.records,
        now=seen.now,
        lost=seen.lost,
    )
    for ending in found:
        return WriteRecord(ending.apply(seen.records[ending.key], now=seen.now))
    if open_records(seen.records):
        # Without its Workflow nobody knows who still lives: the holders' leases have to run out.
        return Rest(LEASE_POLL)
    status = _folded(seen, seen.status)
    return Rest(LEASE_POLL) if status == seen.status else Show(status)


# --- after its end


def _recorded(seen: Seen) -> Step:
    return (
        _write_history(seen) or _mark_undone(seen) or _mark_target(seen) or _own(seen) or _say_recorded(seen) or Rest()
    )


def _write_history(seen: Seen) -> Step | None:
    if seen.plan is None:
        return None
    before = seen.plan.get("status") or {}
    holds = history.is_holder(before, seen.execution)
    if is_recorded(seen.execution) and not holds:
        # One that holds it still claimed it to run again, which then did not come about.
        return None
    if seen.shown or holds:
        after = history.finish(before, seen.execution, now=seen.now)
    elif seen.phase is Phase.CANCELLED and seen.status.get("conditions"):
        # One without conditions was ended by the older controller, which has written its own history.
        after = history.record_unstarted(before, seen.execution, now=seen.now)
    else:
        return None
    return None if after == before else WritePlan(after)


def _mark_target(seen: Seen) -> Step | None:
    """Say on the target that it was reverted, unless it says so of another revert that succeeded."""
    if seen.target is None or not seen.shown or is_recorded(seen.execution):
        return None
    status = history.with_revert(seen.target.get("status"), history.reverted_by(seen.execution))
    return None if status is None else ShowTarget(status)


def _mark_undone(seen: Seen) -> Step | None:
    if seen.graph is None or not seen.graph.revert or is_recorded(seen.execution):
        return None
    by = {"name": seen.metadata["name"], "uid": seen.metadata["uid"]}
    found = tuple(marks(seen.graph, records=seen.records, undone=seen.undone, by=by))
    return MarkUndone(found) if found else None


def _own(seen: Seen) -> Step | None:
    workflow = seen.workflow
    if workflow is not None and not workflow.complete:
        return None
    all_final = all(map(is_final, seen.records.values()))
    return None if all_final and (workflow is None or LABEL_FINAL in (workflow.metadata.labels or {})) else Own()


def _say_recorded(seen: Seen) -> Step | None:
    if not seen.shown or is_recorded(seen.execution):
        return None
    plan_gone = seen.plan is None
    return Show(as_recorded(seen.status, plan_gone=plan_gone, generation=seen.generation, now=seen.now))
