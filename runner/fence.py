"""The fence and the record, read: may this runner act? Pure decisions, one function a step of the frame.

The numbers in the docstrings are the steps of the frame (`runner.frame`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from runner import vocabulary as words
from runner.about import Workflow
from runner.naming import stage_of, workflow_of
from runner.turn import not_run
from runner.vocabulary import FenceState, HaltScope, Reason, RecordPhase


class Halt(NamedTuple):
    """Something that must not start any more."""

    scope: HaltScope
    key: str
    begun: tuple[str, ...]
    cause: str


class Fence(NamedTuple):
    """What the syncer allows: which Workflow may act, in which state the run is, what is halted."""

    state: FenceState
    epoch: int
    run: int
    workflow: str
    workflow_uid: str
    halts: tuple[Halt, ...]


class Halted(NamedTuple):
    """This action does not start.

    Attributes:
        reason: why.
        message: the same for people.
        ours: whether the record of the action belongs to this Workflow, so that `Skipped` may be written there.
            The record of an execution that is gone, or that another Workflow acts for, is left alone: a
            `Skipped` in it would be replayed to the runner that has the right to act.
    """

    reason: Reason
    message: str
    ours: bool = True


class NoFence(NamedTuple):
    """There is no fence (yet) that this runner can read."""

    message: str


def read_fence(text: str | None) -> Fence | NoFence:
    """Read the annotation."""
    if not text:
        return NoFence("the execution has no fence yet")
    try:
        value = json.loads(text)
        if value["v"] != words.FORMAT_VERSION:
            return NoFence(f"the fence is of version {value['v']}, this runner knows {words.FORMAT_VERSION}")
        return Fence(
            state=FenceState(value["state"]),
            epoch=int(value["epoch"]),
            run=int(value["run"]),
            workflow=str(value["workflow"]),
            workflow_uid=str(value.get("workflowUID") or ""),
            halts=tuple(
                Halt(
                    scope=HaltScope(halt["scope"]),
                    key=str(halt.get("key") or ""),
                    begun=tuple(halt.get("begun") or ()),
                    cause=str(halt.get("cause") or "another action failed"),
                )
                for halt in value.get("halts") or ()
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return NoFence(f"the fence cannot be read: {error!r}")


def binding(execution: Mapping[str, Any] | None, *, uid: str, workflow: Workflow) -> Fence | NoFence | Halted:
    """Steps 1 and 2: is the execution there, and does it know this Workflow?

    Args:
        execution: `metadata` of the execution, None when it does not exist.
        uid: uid of the execution that this runner was started for.
        workflow: the Workflow that started it.
    """
    if execution is None or execution.get("uid") != uid:
        return Halted(Reason.HALTED, not_run("the execution does not exist any more"), ours=False)
    if execution.get("deletionTimestamp"):
        return Halted(Reason.CANCELLED_BY_USER, not_run("the execution is being deleted"))
    fence = read_fence((execution.get("annotations") or {}).get(words.ANNOTATION_FENCE))
    if isinstance(fence, NoFence):
        return fence
    if fence.workflow != workflow.name or (fence.workflow_uid and fence.workflow_uid != workflow.uid):
        cause = f"the execution runs as Workflow {fence.workflow}, not as {workflow.name} ({workflow.uid})"
        return Halted(Reason.NOT_BOUND, not_run(cause), ours=False)
    return fence


class Standing(Enum):
    """Step 3: what the record says before anything is done."""

    ABSENT = "nothing was begun"
    CHANGED = "it was begun with another spec"
    REPLAY = "it has ended, and that holds"
    AGAIN = "it has ended, and is to be done again"
    STARTED = "it was begun, and not ended"


def standing(record: Mapping[str, Any] | None, *, fence: Fence | None, spec_hash: str, idempotent: bool) -> Standing:
    """Step 3: what to make of the record; `fence` is None in a break-glass run."""
    if record is None:
        return Standing.ABSENT
    if record["spec"].get("specHash") != spec_hash:
        return Standing.CHANGED
    state = record["state"]
    phase = RecordPhase(state["phase"])
    if phase is RecordPhase.STARTED:
        return Standing.STARTED
    if phase is RecordPhase.SUCCEEDED or fence is None:
        return Standing.REPLAY
    if phase is RecordPhase.UNKNOWN:
        return Standing.AGAIN if idempotent else Standing.REPLAY
    recorded = (int(state.get("epoch") or 0), int(state.get("run") or 0))
    return Standing.AGAIN if recorded < (fence.epoch, fence.run) else Standing.REPLAY


class Gate(Enum):
    """Step 4: what the fence says about starting, when it is not a halt."""

    OPEN = "go on"
    PAUSED = "wait until resumed"
    CLOSED = "wait a while, it may be opened again"
    ASK = "ask whether something of this stage has begun"


def gate(fence: Fence, key: str, *, stage_begun: bool | None = None) -> Gate | Halted:
    """Step 4: may the action of this key start?

    Args:
        fence: the fence.
        key: key of the action.
        stage_begun: whether a record of its stage says that it has begun; None while nobody has asked.
    """
    if fence.state is FenceState.DRAINING:
        return Halted(Reason.CANCELLED_BY_USER, not_run("the execution is being cancelled"))
    if fence.state is FenceState.CLOSED:
        return Gate.CLOSED
    stage = stage_of(key)
    for halt in fence.halts:
        if halt.scope is HaltScope.PLAN:
            if stage in halt.begun or stage_begun:
                continue
            if stage_begun is None:
                return Gate.ASK
        elif halt.scope is not HaltScope.EXECUTION and halt.key not in (stage, workflow_of(key)):
            continue
        return Halted(Reason.HALTED, not_run(halt.cause))
    return Gate.PAUSED if fence.state is FenceState.PAUSED else Gate.OPEN


def closed() -> Halted:
    """What a fence means that stayed closed."""
    return Halted(Reason.HALTED, not_run("the execution is closed"))


class Claim(Enum):
    """Step 5: what to do about a record that is Started."""

    MINE = "go on with it"
    TAKE = "take it over"
    WAIT = "its holder may live"


class Silence:
    """How long a holder has not renewed, on our own monotonic clock: clocks of two nodes are never compared."""

    def __init__(self) -> None:
        self._seen: tuple[str, str] | None = None
        self._since = 0.0

    def of(self, holder: Mapping[str, Any], at: float) -> float:
        """Seconds for which a holder has been seen unchanged, itself and its renewal."""
        seen = (str(holder.get("id")), str(holder.get("renewTime")))
        if seen != self._seen:
            self._seen, self._since = seen, at
        return at - self._since


def claim(holder: Mapping[str, Any], *, own_id: str, pod_gone: bool, silent: float, lease: float) -> Claim:
    """Step 5: may a Started record be taken over?

    Args:
        holder: `state.holder` of the record.
        own_id: identity of this lane.
        pod_gone: whether the holder's pod has ended.
        silent: seconds for which its renewal has been seen unchanged.
        lease: seconds after which silence means that it is dead.
    """
    if holder.get("id") == own_id:
        return Claim.MINE
    if holder.get("released") or pod_gone or silent >= lease:
        return Claim.TAKE
    return Claim.WAIT
