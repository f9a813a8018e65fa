"""Whether an execution that has ended goes on: a retry was asked for, or Argo runs its Workflow again by itself.

Either takes the plan, then the label back that says of records that they are final, and last opens the fence: for a
retry that of the next epoch, where another Workflow acts, else that of the next run of the same one.
"""

from __future__ import annotations

from compiler.model.names import ANNOTATION_CANCEL, ANNOTATION_PAUSE, ANNOTATION_RETRIED, ANNOTATION_RETRY
from compiler.model.phases import FenceState
from syncer.decide import history
from syncer.decide.fence import Fence
from syncer.decide.missing import told, without_record
from syncer.decide.outcome import Refuse
from syncer.decide.recorded import is_recorded
from syncer.decide.retry import may_retry, superseded_by
from syncer.decide.steps import ChangeWorkflow, Mark, Reopen, Rest, Seen, SetFence, Step, WritePlan
from syncer.decide.strays import end_copy
from syncer.records import is_final

_POLL = 5.0
"""Seconds between two looks at a Workflow that ends."""


def next_step(seen: Seen) -> Step | None:
    """Decide the next step of an execution that has ended and is to go on; None when it is not."""
    return _retried(seen) or _reopened(seen)


def _retried(seen: Seen) -> Step | None:
    """Go on in a new epoch, when that is asked for by an annotation with a value that was not acted on yet."""
    annotations = seen.metadata.get("annotations") or {}
    wanted = annotations.get(ANNOTATION_RETRY)
    if not wanted or wanted == annotations.get(ANNOTATION_RETRIED) or seen.metadata.get("deletionTimestamp"):
        return None
    if not is_recorded(seen.execution):
        return None
    refusal = _retry_refusal(seen)
    if refusal:
        return Mark({}, {ANNOTATION_RETRIED: wanted}, finalizer=False, refused=refusal)
    if seen.plan is not None and not history.is_holder(seen.plan.get("status") or {}, seen.execution):
        return WritePlan(history.claim(seen.plan.get("status"), seen.execution, now=seen.now))
    if any(map(is_final, seen.records.values())):
        return Reopen()
    before = Fence.of(seen.execution) or Fence(workflow="", epoch=seen.epoch)
    asked = {ANNOTATION_RETRIED: wanted, ANNOTATION_CANCEL: None, ANNOTATION_PAUSE: None}
    return SetFence(before.next_epoch(seen.next_workflow), asked)


def _retry_refusal(seen: Seen) -> str:
    """Why an execution is not retried; empty when it is."""
    answer = may_retry(seen.execution, seen.plan)
    if isinstance(answer, Refuse):
        return answer.message
    if seen.refusal is not None:
        return seen.refusal.message
    held = _held_by_another(seen)
    if held:
        return held
    lost = next(without_record(seen.status, seen.records), None)
    return f"{told(lost)}: what it did would be done again; start a new execution" if lost else ""


def _reopened(seen: Seen) -> Step | None:
    """Go on with an execution whose Workflow Argo has begun to run again."""
    workflow, fence = seen.workflow, Fence.of(seen.execution)
    if workflow is None or workflow.complete or fence is None or fence.state is not FenceState.CLOSED:
        return None
    if not is_recorded(seen.execution) or seen.metadata.get("deletionTimestamp"):
        return None
    refusal = superseded_by(seen.execution, seen.plan) or _held_by_another(seen)
    if refusal:
        step = end_copy(workflow)
        return Rest(_POLL) if step is None else ChangeWorkflow(step.spec, refused=refusal)
    if seen.plan is not None and not history.is_holder(seen.plan.get("status") or {}, seen.execution):
        return WritePlan(history.claim(seen.plan.get("status"), seen.execution, now=seen.now))
    return Reopen() if any(map(is_final, seen.records.values())) else SetFence(fence.next_run())


def _held_by_another(seen: Seen) -> str:
    """Why an execution that has ended cannot go on now; empty when nobody else holds its plan."""
    status = (seen.plan or {}).get("status") or {}
    held = status.get("currentExecution")
    if not held or history.is_holder(status, seen.execution):
        return ""
    plan = seen.execution["spec"]["planRef"]
    return f"plan {plan} is held by execution {held.get('name')}; try again when that has ended"
