"""Kubernetes Events: their reasons. Where one tells of a condition, it has that condition's reason."""

from __future__ import annotations

from enum import StrEnum


class EventReason(StrEnum):
    """Reasons of the Kubernetes Events about executions and plans."""

    EXECUTION_STARTED = "ExecutionStarted"
    EXECUTION_SUCCEEDED = "ExecutionSucceeded"
    EXECUTION_FAILED = "ExecutionFailed"
    EXECUTION_CANCELLED = "ExecutionCancelled"
    REVERT_STARTED = "RevertStarted"
    REVERT_SUCCEEDED = "RevertSucceeded"
    REVERT_FAILED = "RevertFailed"
    STAGE_STARTED = "StageStarted"
    STAGE_SUCCEEDED = "StageSucceeded"
    STAGE_FAILED = "StageFailed"
    WORKFLOW_STARTED = "WorkflowStarted"
    WORKFLOW_SUCCEEDED = "WorkflowSucceeded"
    WORKFLOW_FAILED = "WorkflowFailed"
    ACTION_FAILED = "ActionFailed"
    ACTION_RETRYING = "ActionRetrying"
    HALTED = "Halted"
    PAUSED = "Paused"
    RESUMED = "Resumed"
    DRAINING = "Draining"
    WORKFLOW_LOST = "WorkflowLost"
    WORKFLOW_CONFLICT = "WorkflowConflict"
    WORKFLOW_NOT_BOUND = "WorkflowNotBound"
    RETRY_REFUSED = "RetryRefused"
    ADOPTION_REFUSED = "AdoptionRefused"
    ADOPTED = "Adopted"
    RESTORED_COPY = "RestoredCopy"
    NAME_REUSED = "NameReused"
    FOREIGN_RUN = "ForeignRun"
    RUNNER_SILENT = "RunnerSilent"
    LOCK_RELEASED = "LockReleased"
    EXECUTION_CLAIMED = "ExecutionClaimed"
    EXECUTION_RECORDED = "ExecutionRecorded"

    @property
    def warns(self) -> bool:
        """Whether somebody should look at it."""
        return self in _WARNINGS


_WARNINGS = frozenset(
    {
        EventReason.EXECUTION_FAILED,
        EventReason.EXECUTION_CANCELLED,
        EventReason.REVERT_FAILED,
        EventReason.STAGE_FAILED,
        EventReason.WORKFLOW_FAILED,
        EventReason.ACTION_FAILED,
        EventReason.WORKFLOW_LOST,
        EventReason.WORKFLOW_CONFLICT,
        EventReason.WORKFLOW_NOT_BOUND,
        EventReason.RETRY_REFUSED,
        EventReason.ADOPTION_REFUSED,
        EventReason.RESTORED_COPY,
        EventReason.NAME_REUSED,
        EventReason.FOREIGN_RUN,
        EventReason.RUNNER_SILENT,
    }
)
