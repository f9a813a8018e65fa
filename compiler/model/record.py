"""DRActionRecord: the one compare-and-swap cell of an action of an execution.

It exists before the first side effect of its action, whatever pod, Workflow or epoch acts, and holds what existed
before a change and what was made of it: a repeated pod replays from it, a revert undoes from it.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field

from compiler.model.base import Flag, Int32, Model, ObjectMeta, OpenObject, Switch, Time, cel
from compiler.model.conditions import UidReference
from compiler.model.execution import ActionOutputs, ClusterActionStatus, ObjectReference
from compiler.model.names import API_VERSION, KIND_RECORD
from compiler.model.phases import ActionType, Direction, RecordPhase

RECORD_IMMUTABLE = "cannot modify spec after creation, except execution"
"""Message of the rule that nothing in the spec of a record but its execution may change."""

_FIXED = ("schemaVersion", "workflow", "key", "direction", "action", "specHash")


class RecordedAction(Model):
    """The action that a record is about."""

    name: str
    """Name of the action."""
    type: ActionType
    """Type of the action; in a revert, of what undoes it."""
    operation: str | None = None
    """Operation of a resource type, method of an HTTP action."""


class DRActionRecordSpec(Model):
    """What a record is about."""

    model_config = ConfigDict(
        json_schema_extra=cel((" && ".join(f"self.{name} == oldSelf.{name}" for name in _FIXED), RECORD_IMMUTABLE))
    )

    schema_version: Int32 = Field(ge=1)
    """Version of the layout of the record: 1."""
    execution: UidReference | None = None
    """The DRPlanExecution; empty in a run that was submitted to Argo without one, until it is adopted."""
    workflow: UidReference
    """The Argo Workflow that created the record."""
    key: str
    """Place of the action in the plan, for example `s1.w2.a3`."""
    direction: Direction
    """Whether the action is done or undone."""
    action: RecordedAction
    """The action."""
    spec_hash: str
    """SHA-256 of the rendered action; another one means that somebody changed the Workflow, and nothing is done."""


class Holder(Model):
    """The pod that acts."""

    id: str
    """Identity of the lane of containers; a restarted container has it again."""
    pod: str | None = None
    """Name of the pod."""
    attempt: Int32 | None = None
    """1 for the first holder, one more for every later one."""
    renew_time: Time | None = None
    """When the holder last said that it lives."""
    released: Flag = False
    """Whether the holder gave the action up, so that the next one need not wait."""


class Attempt(Model):
    """One try of the action."""

    n: Int32
    """Number of the try, from 1."""
    start_time: Time | None = None
    """When it began."""
    completion_time: Time | None = None
    """When it ended."""
    message: str | None = None
    """What it came to."""


class SecretName(Model):
    """A reference to a Secret in the same namespace."""

    name: str
    """Name of the Secret."""


class Before(Model):
    """An object as it was before the action changed it."""

    ref: ObjectReference
    """The object."""
    existed: Switch | None = None
    """Whether it existed."""
    gz: str | None = None
    """The object: JSON, gzip, base64."""
    secret_ref: SecretName | None = None
    """The Secret that holds the object instead, when that is a Secret itself."""


class After(Model):
    """An object as the action left it."""

    ref: ObjectReference
    """The object."""
    gz: str | None = None
    """The object: JSON, gzip, base64; absent for one that the action created, whose uid is all that undoing needs."""
    secret_ref: SecretName | None = None
    """The Secret that holds the object instead, when that is a Secret itself."""


class UndoneBy(UidReference):
    """The revert that undid an action."""

    time: Time | None = None
    """When it was undone."""


class UndoAttempt(UidReference):
    """A revert that may have undone an action, and does not know."""

    phase: RecordPhase
    """How the undoing ended."""


class DRActionRecordState(Model):
    """What became of the action."""

    phase: RecordPhase
    """`Started` from before the first side effect on, then the end of the action."""
    reason: str | None = None
    """Why it is in this phase, as one CamelCase word for programs."""
    message: str | None = Field(default=None, max_length=1024)
    """What happened; at most 1024 characters."""
    epoch: Int32 | None = None
    """Epoch of the execution that acted last."""
    run: Int32 | None = None
    """Run of that epoch's Argo Workflow that acted last."""
    holder: Holder | None = None
    """The pod that acts, or acted last."""
    start_time: Time | None = None
    """When the action began."""
    completion_time: Time | None = None
    """When it ended."""
    retry_count: Int32 | None = None
    """How many times a transient error was tried again."""
    exit_code: Int32 | None = None
    """Exit code of the runner."""
    sent: Flag = False
    """Whether a request that changes something may have left."""
    outputs: ActionOutputs | None = None
    """What the action made or got."""
    values: OpenObject | None = None
    """What `$(outputs.<action>.<path>)` of later actions asks for, by path."""
    clusters: list[ClusterActionStatus] = Field(default_factory=list)
    """What it came to in each cluster, in cluster execution mode PerCluster."""
    attempts: list[Attempt] = Field(default_factory=list)
    """The last ten tries."""
    before: list[Before] = Field(default_factory=list)
    """The objects as they were before the action changed them."""
    after: list[After] = Field(default_factory=list)
    """The objects as the action left them."""
    undone_by: UndoneBy | None = None
    """The revert that undid the action."""
    undo_attempt: UndoAttempt | None = None
    """The last revert that may have undone the action; what cannot be repeated is undone again only by force."""


class DRActionRecord(Model):
    """What one action of an execution did. Written by the runner; a revert is made from it."""

    api_version: str = API_VERSION
    """Version of the API that the object is written for."""
    kind: str = KIND_RECORD
    """Kind of the object."""
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)
    """Metadata of the object."""
    spec: DRActionRecordSpec
    """What the record is about."""
    state: DRActionRecordState
    """What became of the action."""
