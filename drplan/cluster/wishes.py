"""What is asked of the syncer: new executions, and annotations on those that there are. Pure.

Whether a new execution may start is decided by admission and by the syncer. Annotations are judged by nobody, so what
makes no sense is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from compiler.model.names import (
    ANNOTATION_CANCEL,
    ANNOTATION_PAUSE,
    ANNOTATION_RETRY,
    ANNOTATION_TRUE,
    CANCEL_FORCE,
    CANCEL_GRACEFUL,
    KIND_EXECUTION,
)
from compiler.model.phases import OperationType
from drplan.errors import InputProblem
from drplan.view.outline import is_over, is_paused, phase_of
from syncer.decide.outcome import Refuse
from syncer.decide.recorded import is_recorded
from syncer.decide.retry import may_retry
from syncer.times import format_time

Object = dict[str, Any]
Annotations = dict[str, str | None]
"""Annotations to set; None removes one. Empty: all is as it is wanted already."""


def named(namespace: str, name: str, kind: str = KIND_EXECUTION) -> str:
    """How messages name an object."""
    return f"{kind} {namespace}/{name}"


def name_of(execution: Mapping[str, Any]) -> str:
    """How messages name an execution."""
    metadata = execution["metadata"]
    return named(metadata.get("namespace") or "", metadata["name"])


def execute(name: str, *, plan: str, mode: str | None, params: Mapping[str, str], reason: str) -> Object:
    """Make the execution that runs a plan."""
    spec = {"planRef": plan, "operationType": str(OperationType.EXECUTE), "mode": mode}
    return _execution(name, spec, params, reason)


def revert(name: str, *, target: Mapping[str, Any], force: bool, params: Mapping[str, str], reason: str) -> Object:
    """Make the execution that undoes another one."""
    spec = {
        "planRef": target["spec"]["planRef"],
        "operationType": str(OperationType.REVERT),
        "revertExecutionRef": target["metadata"]["name"],
        "force": force,
    }
    return _execution(name, spec, params, reason)


def _execution(name: str, spec: Mapping[str, Any], params: Mapping[str, str], reason: str) -> Object:
    given = [{"name": key, "value": value} for key, value in params.items()]
    whole = {**spec, "params": given, "reason": reason}
    return {"metadata": {"name": name}, "spec": {key: value for key, value in whole.items() if value}}


def cancel(execution: Mapping[str, Any], *, force: bool) -> Annotations:
    """Have an execution cancelled. What was asked to end now is not told to take its time.

    Raises:
        InputProblem: it has ended.
    """
    _refuse_ended(execution, "there is nothing to cancel")
    wanted = CANCEL_FORCE if force else CANCEL_GRACEFUL
    given = _annotations(execution).get(ANNOTATION_CANCEL)
    return {} if given in (wanted, CANCEL_FORCE) else {ANNOTATION_CANCEL: wanted}


def pause(execution: Mapping[str, Any]) -> Annotations:
    """Have an execution start nothing further.

    Raises:
        InputProblem: it has ended.
    """
    _refuse_ended(execution, "there is nothing to pause")
    return {} if is_paused(execution) else {ANNOTATION_PAUSE: ANNOTATION_TRUE}


def resume(execution: Mapping[str, Any]) -> Annotations:
    """Take a pause back.

    Raises:
        InputProblem: it has ended.
    """
    _refuse_ended(execution, "run again what did not succeed with `drplan retry`")
    return {ANNOTATION_PAUSE: None} if ANNOTATION_PAUSE in _annotations(execution) else {}


def retry(execution: Mapping[str, Any], plan: Mapping[str, Any] | None, *, now: datetime) -> Annotations:
    """Have what did not succeed in an execution run again.

    Args:
        execution: the execution.
        plan: its plan; None when it is gone.
        now: the time, which tells one retry from the next.

    Raises:
        InputProblem: it may not be retried.
    """
    answer = may_retry(execution, plan)
    if isinstance(answer, Refuse):
        raise InputProblem(f"{name_of(execution)}: {answer.message}")
    if not is_recorded(execution):
        raise InputProblem(
            f"{name_of(execution)} has ended, and its end is being written down; try again in a moment, "
            "and if that does not help, see whether the syncer runs"
        )
    return {ANNOTATION_RETRY: format_time(now)}


def patch(execution: Mapping[str, Any], annotations: Annotations) -> Object:
    """The merge patch that sets annotations of this execution, and of no other that has its name by then."""
    return {"metadata": {"uid": execution["metadata"]["uid"], "annotations": annotations}}


def _refuse_ended(execution: Mapping[str, Any], advice: str) -> None:
    if is_over(execution):
        phase = phase_of(execution.get("status") or {})
        raise InputProblem(f"{name_of(execution)} has ended ({phase}); {advice}")


def _annotations(execution: Mapping[str, Any]) -> Mapping[str, str]:
    return (execution.get("metadata") or {}).get("annotations") or {}
