"""Every phase, reason, policy and exit code that a plan, an execution, an action or its record can have.

One enum a concept. No other module writes one of these words as a string literal; the runner, which imports nothing
from here, keeps its own copy in `runner.vocabulary`, and a test holds the two equal.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Phase(StrEnum):
    """Phase of an execution, a stage, a workflow use, an action or a cluster."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"

    @property
    def terminal(self) -> bool:
        """Whether nothing can change this phase any more within an epoch."""
        return self not in (Phase.PENDING, Phase.RUNNING)

    @property
    def bad(self) -> bool:
        """Whether a member in this phase makes what holds it count as failed (Unknown counts as Failed)."""
        return self in (Phase.FAILED, Phase.UNKNOWN)

    @classmethod
    def read(cls, text: str | None) -> Phase:
        """Read a stored phase; the older controller's `Canceled` is `Cancelled`, an empty one is `Pending`.

        Raises:
            ValueError: the text is no phase.
        """
        if not text:
            return cls.PENDING
        return cls.CANCELLED if text == OLD_CANCELLED else cls(text)


OLD_CANCELLED = "Canceled"
"""How the older controller spelled `Cancelled`; read everywhere, written nowhere."""


class RecordPhase(StrEnum):
    """Phase of a DRActionRecord: `Started`, or a terminal phase of its action."""

    STARTED = "Started"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"


class PlanPhase(StrEnum):
    """Phase of a DRPlan."""

    READY = "Ready"
    EXECUTED = "Executed"
    INVALID = "Invalid"


class WorkflowPhase(StrEnum):
    """Phase of a DRWorkflow."""

    READY = "Ready"
    INVALID = "Invalid"


class OperationType(StrEnum):
    """What a DRPlanExecution does: run its plan, or undo an earlier run of it."""

    EXECUTE = "Execute"
    REVERT = "Revert"


class Direction(StrEnum):
    """Direction of an action's record: forward, or its revert."""

    FORWARD = "Forward"
    REVERT = "Revert"


class Mode(StrEnum):
    """`spec.mode` of an execution. Compared without case; the value seen by `when` and `$(mode)` is lower case."""

    INSTALL = "Install"
    UPGRADE = "Upgrade"
    DELETE = "Delete"
    ROLLBACK = "Rollback"


class PlanFailurePolicy(StrEnum):
    """What a failed stage does to the stages that have not begun."""

    STOP = "Stop"
    CONTINUE = "Continue"


class StageFailurePolicy(StrEnum):
    """What a failed workflow does to the other workflows of its stage."""

    STOP = "Stop"
    CONTINUE = "Continue"
    FAIL_FAST = "FailFast"


class WorkflowFailurePolicy(StrEnum):
    """What a failed action does to the other actions of its workflow."""

    FAIL_FAST = "FailFast"
    CONTINUE = "Continue"


class DependsOnPolicy(StrEnum):
    """What a dependency must have come to before its dependant starts."""

    FINISHED = "Finished"
    SUCCEEDED = "Succeeded"


class ActionType(StrEnum):
    """The seven types of action."""

    HTTP = "HTTP"
    JOB = "Job"
    LOCALIZATION = "Localization"
    GLOBALIZATION = "Globalization"
    HELM_CHART = "HelmChart"
    SUBSCRIPTION = "Subscription"
    KUBERNETES_RESOURCE = "KubernetesResource"

    @property
    def block(self) -> str:
        """Name of the field of an action that configures this type."""
        return _BLOCKS[self]


_BLOCKS = {
    ActionType.HTTP: "http",
    ActionType.JOB: "job",
    ActionType.LOCALIZATION: "localization",
    ActionType.GLOBALIZATION: "globalization",
    ActionType.HELM_CHART: "helmChart",
    ActionType.SUBSCRIPTION: "subscription",
    ActionType.KUBERNETES_RESOURCE: "resource",
}

CLUSTERNET_TYPES = frozenset(
    {ActionType.LOCALIZATION, ActionType.GLOBALIZATION, ActionType.HELM_CHART, ActionType.SUBSCRIPTION}
)
"""The types that mode Delete can infer a deletion for."""


class Operation(StrEnum):
    """What an action of a resource type does to its object."""

    CREATE = "Create"
    APPLY = "Apply"
    PATCH = "Patch"
    REPLACE = "Replace"
    DELETE = "Delete"


class Propagation(StrEnum):
    """What becomes of an object's dependents when it is deleted: later by themselves, or before it is gone."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"


class HttpMethod(StrEnum):
    """Methods of an HTTP action."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    HEAD = "HEAD"
    OPTIONS = "OPTIONS"

    @property
    def idempotent(self) -> bool:
        """Whether the call may be made again after an unknown outcome (RFC 9110, section 9.2.2)."""
        return self not in (HttpMethod.POST, HttpMethod.PATCH)

    @property
    def safe(self) -> bool:
        """Whether the call only reads, so that there is nothing to undo (RFC 9110, section 9.2.1)."""
        return self in (HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS)


class HookType(StrEnum):
    """The hook types that change what a revert does; any other text makes a plain action."""

    PRE_ROLLBACK = "pre-rollback"
    POST_ROLLBACK = "post-rollback"


class ClusterExecutionMode(StrEnum):
    """Whether a Subscription action acts once or once a cluster."""

    GLOBAL = "Global"
    PER_CLUSTER = "PerCluster"


class ParameterType(StrEnum):
    """Declared type of a parameter's text."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Select(StrEnum):
    """Which of several matched objects a `manifestRef` takes its value from."""

    LAST = "Last"
    FIRST = "First"
    SINGLE = "Single"
    ANY = "Any"


class ParameterSource(StrEnum):
    """Where the value of a resolved parameter came from, lowest precedence first."""

    WORKFLOW_DEFAULT = "WorkflowDefault"
    PLAN = "Plan"
    STAGE = "Stage"
    EXECUTION = "Execution"
    MANIFEST = "Manifest"
    SECRET = "Secret"


class ExecutorType(StrEnum):
    """`spec.executor.type` of a DRWorkflow; kept for the older manifests, every workflow runs on Argo."""

    NATIVE = "Native"
    ARGO = "Argo"


class DetailLevel(StrEnum):
    """How much of an execution's tree its status holds; the whole truth is in the records."""

    FULL = "Full"
    COMPACT = "Compact"
    SUMMARY = "Summary"


class FenceState(StrEnum):
    """State of the fence that decides whether a runner may act."""

    OPEN = "Open"
    PAUSED = "Paused"
    DRAINING = "Draining"
    CLOSED = "Closed"


class HaltScope(StrEnum):
    """What a halt in the fence keeps from starting."""

    EXECUTION = "execution"
    PLAN = "plan"
    STAGE = "stage"
    WORKFLOW = "workflow"


class ExitCode(IntEnum):
    """Exit codes of the runner."""

    SUCCEEDED = 0
    FAILED = 2
    TIMED_OUT = 3
    CONFIGURATION = 4
    UNKNOWN = 5
    NOTHING_DONE = 75
    NOT_RUN = 77
    STOPPED = 143


class Reason(StrEnum):
    """Why an action, a workflow use or a record is in its phase."""

    CONDITION_NOT_MET = "ConditionNotMet"
    UPSTREAM_FAILED = "UpstreamFailed"
    HALTED = "Halted"
    NOT_BOUND = "NotBound"
    CANCELLED_BY_USER = "CancelledByUser"
    WORKFLOW_DELETED = "WorkflowDeleted"
    NOTHING_TO_UNDO = "NothingToUndo"
    NOT_UNDOABLE = "NotUndoable"
    NOTHING_DONE = "NothingDone"
    SPEC_CHANGED = "SpecChanged"
    RECORDS_REQUIRED = "RecordsRequired"
    TIMED_OUT = "TimedOut"
    HTTP_STATUS = "HTTPStatus"
    HTTP_FAILED = "HTTPFailed"
    OUTPUT_TOO_LARGE = "OutputTooLarge"
    OUTPUT_MISSING = "OutputMissing"
    INVALID_SPEC = "InvalidSpec"
    FORBIDDEN = "Forbidden"
    CONFLICT = "Conflict"
    NOT_FOUND = "NotFound"
    REFUSED = "Refused"
    UNREACHABLE = "Unreachable"
    KIND_UNKNOWN = "KindUnknown"
    NOT_READY = "NotReady"
    JOB_FAILED = "JobFailed"
    PRE_IMAGE_TOO_LARGE = "PreImageTooLarge"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    STOPPED = "Stopped"


class ConditionType(StrEnum):
    """Types of the conditions of the four kinds."""

    READY = "Ready"
    EXECUTING = "Executing"
    ACCEPTED = "Accepted"
    RUNNING = "Running"
    PAUSED = "Paused"
    RECONCILING = "Reconciling"
    COMPLETE = "Complete"
    SUCCEEDED = "Succeeded"
    STALLED = "Stalled"
    RECORDED = "Recorded"


class ConditionStatus(StrEnum):
    """Status of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class ConditionReason(StrEnum):
    """Reasons of conditions; an event has the reason of its condition."""

    VALIDATION_SUCCEEDED = "ValidationSucceeded"
    VALIDATION_FAILED = "ValidationFailed"
    WORKFLOW_NOT_FOUND = "WorkflowNotFound"
    WORKFLOW_NOT_READY = "WorkflowNotReady"
    SUSPENDED = "Suspended"
    EXECUTION_RUNNING = "ExecutionRunning"
    IDLE = "Idle"
    ACCEPTED = "Accepted"
    PLAN_NOT_FOUND = "PlanNotFound"
    PLAN_NOT_READY = "PlanNotReady"
    PLAN_SUSPENDED = "PlanSuspended"
    PLAN_BUSY = "PlanBusy"
    INVALID_PARAMETERS = "InvalidParameters"
    TARGET_INVALID = "TargetInvalid"
    SERVICE_ACCOUNT_NOT_FOUND = "ServiceAccountNotFound"
    NAME_REUSED = "NameReused"
    RESTORED_COPY = "RestoredCopy"
    FOREIGN_RUN = "ForeignRun"
    PLAN_TOO_LARGE = "PlanTooLarge"
    COMPILE_FAILED = "CompileFailed"
    RUNNING = "Running"
    REVERTING = "Reverting"
    WAITING_FOR_PLAN = "WaitingForPlan"
    WAITING_FOR_LOCK = "WaitingForLock"
    PAUSED = "Paused"
    FINISHED = "Finished"
    PAUSED_BY_USER = "PausedByUser"
    SUSPENDED_IN_ARGO = "SuspendedInArgo"
    RESUMED = "Resumed"
    PROGRESSING = "Progressing"
    DRAINING = "Draining"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"
    IN_PROGRESS = "InProgress"
    ALL_STAGES_SUCCEEDED = "AllStagesSucceeded"
    REVERTED = "Reverted"
    NOTHING_TO_DO = "NothingToDo"
    STAGE_FAILED = "StageFailed"
    REVERT_INCOMPLETE = "RevertIncomplete"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    WORKFLOW_LOST = "WorkflowLost"
    STOPPED_IN_ARGO = "StoppedInArgo"
    WORKFLOW_ERROR = "WorkflowError"
    WORKFLOW_CONFLICT = "WorkflowConflict"
    RUNNER_SILENT = "RunnerSilent"
    NODES_UNREADABLE = "NodesUnreadable"
    PODS_UNSCHEDULABLE = "PodsUnschedulable"
    RECORDED = "Recorded"
    PLAN_GONE = "PlanGone"
