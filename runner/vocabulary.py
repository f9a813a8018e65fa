"""The words that the runner shares with the rest: phases, reasons, exit codes, labels, files, flags, environment.

A copy by intention, so that the runner stands alone; a test holds it equal to `compiler.model`. No other module of
this package writes one of these words as a literal.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class RecordPhase(StrEnum):
    """Phase of a DRActionRecord and, but for `Started`, of the result that an action leaves in its lane."""

    STARTED = "Started"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"


class Phase(StrEnum):
    """Phase of everything that runs, also of an action in one cluster."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Why an action is in its phase."""

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


class Direction(StrEnum):
    """Direction of an action's record: forward, or its revert."""

    FORWARD = "Forward"
    REVERT = "Revert"


class WorkflowFailurePolicy(StrEnum):
    """What a failed action does to the other actions of its workflow."""

    FAIL_FAST = "FailFast"
    CONTINUE = "Continue"


class DependsOnPolicy(StrEnum):
    """What a predecessor must have come to before an action starts."""

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


class HttpMethod(StrEnum):
    """Methods of an HTTP action."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    HEAD = "HEAD"
    OPTIONS = "OPTIONS"


class FenceState(StrEnum):
    """State of the fence that decides whether a runner may act."""

    OPEN = "Open"
    PAUSED = "Paused"
    DRAINING = "Draining"
    CLOSED = "Closed"


class Operation(StrEnum):
    """What an action of a resource type does to its object."""

    CREATE = "Create"
    APPLY = "Apply"
    PATCH = "Patch"
    REPLACE = "Replace"
    DELETE = "Delete"


class ClusterExecutionMode(StrEnum):
    """Whether a Subscription action acts once or once a cluster."""

    GLOBAL = "Global"
    PER_CLUSTER = "PerCluster"


class Propagation(StrEnum):
    """What becomes of an object's dependents when it is deleted: later by themselves, or before it is gone."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"


class HaltScope(StrEnum):
    """What a halt in the fence keeps from starting."""

    EXECUTION = "execution"
    PLAN = "plan"
    STAGE = "stage"
    WORKFLOW = "workflow"


GROUP = "dr.bkbcs.tencent.com"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
PREFIX = f"{GROUP}/"
KIND_EXECUTION = "DRPlanExecution"
KIND_RECORD = "DRActionRecord"
ARGO_API_VERSION = "argoproj.io/v1alpha1"
KIND_ARGO_WORKFLOW = "Workflow"

LABEL_PLAN = PREFIX + "plan"
LABEL_OPERATION = PREFIX + "operation"
LABEL_EXECUTION = PREFIX + "execution"
LABEL_EXECUTION_UID = PREFIX + "execution-uid"
LABEL_EPOCH = PREFIX + "epoch"
LABEL_STAGE = PREFIX + "stage"
LABEL_WORKFLOW = PREFIX + "workflow"
LABEL_ACTION = PREFIX + "action"
LABEL_KEY = PREFIX + "key"
LABEL_TYPE = PREFIX + "type"
LABEL_RESULT = PREFIX + "result"
LABEL_APP_NAME = "app.kubernetes.io/name"
LABEL_APP_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_APP_PART_OF = "app.kubernetes.io/part-of"
APP_NAME = "drplan"
APP_MANAGED_BY = "drplan-syncer"
ANNOTATION_FENCE = PREFIX + "fence"
FIELD_MANAGER = "drplan"
RUNNER_COMMAND = "drplan-runner"
RUNNER_SERVICE_ACCOUNT = "drplan-runner"
RUNNER_SECRETS_ROLE = "drplan-runner-secrets"

RECORDS = "dractionrecords"
EXECUTIONS = "drplanexecutions"
ARGO_WORKFLOWS = "workflows"
SCHEMA_VERSION = 1
FORMAT_VERSION = 1
"""`v` of specs, lane files, lane results and the fence."""

LANE_MOUNT = "/lane"
ABOUT_MOUNT = "/run/drplan"
SPEC_MOUNT = "/spec"
TERMINATION_LOG = "/dev/termination-log"
SERVICE_ACCOUNT_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SERVICE_ACCOUNT_TOKEN = "token"
ABOUT_RUN = "run"
ABOUT_WORKFLOW = "workflow"
RESULT_SUFFIX = ".json"
LOCK_SUFFIX = ".lock"
TURN_SUFFIX = ".turn"
LANE_RESULT = "result.json"
LANE_HOLDER = "holder"
STATE_EXECUTION = "execution.json"
STATE_RECORDS = "records"
STATE_LANES = "lanes"
STATE_LOCK = "state.lock"
STATE_WORKFLOW_PREFIX = "workflow-e"

SECRET_ENV_PREFIX = "DRPLAN_SECRET_"
ENV_FENCE_WAIT = "DRPLAN_FENCE_WAIT"
ENV_API_WAIT = "DRPLAN_API_WAIT"
ENV_LEASE = "DRPLAN_LEASE"
ENV_START_WAIT = "DRPLAN_START_WAIT"
ENV_PAUSE_POLL = "DRPLAN_PAUSE_POLL"
ENV_SERVICE_ACCOUNT = "DRPLAN_SERVICE_ACCOUNT"
ENV_API_HOST = "KUBERNETES_SERVICE_HOST"
ENV_API_PORT = "KUBERNETES_SERVICE_PORT"
ENV_PROGRESS_FILE = "ARGO_PROGRESS_FILE"

MESSAGE_IN_RECORD = 1024
MESSAGE_IN_LANE = 512
ATTEMPTS_KEPT = 10
BODY_IN_OUTPUTS = 1000
VALUES_LIMIT = 16 * 1024
IMAGES_LIMIT = 400 * 1024
"""Most bytes, compressed and encoded, that the states before, or those after, of the objects of an action may take."""
