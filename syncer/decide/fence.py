"""The fence: the annotation on an execution that says which Workflow may act, and what must not start any more.

Only the engine or the syncer writes it, with a compare-and-swap; every runner reads it before it acts. Within a run
the halts only grow. `drplan retry` opens a new epoch and `argo retry` a new run of the same epoch; both start without
halts, for otherwise nothing that was halted could ever be done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from compiler.model.names import ANNOTATION_FENCE
from compiler.model.phases import FenceState, HaltScope

VERSION = 1
CANCEL_CAUSE = "canceled by user"


class FenceError(ValueError):
    """A fence cannot be read, or must not be changed in this way."""


@dataclass(frozen=True, slots=True)
class Halt:
    """One thing that must not start any more.

    Attributes:
        scope: what is halted.
        key: key of the stage or workflow use; empty for the plan and the execution.
        cause: why, with the action that caused it first.
        time: when it was decided, RFC 3339.
        begun: keys of the stages that had begun then, for scope plan: those go on.
    """

    scope: HaltScope
    key: str
    cause: str
    time: str
    begun: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write it as it stands in the annotation."""
        return {
            "scope": self.scope.value,
            "key": self.key,
            "begun": list(self.begun),
            "cause": self.cause,
            "time": self.time,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Halt:
        """Read it back."""
        return cls(
            scope=HaltScope(value["scope"]),
            key=value.get("key") or "",
            cause=value.get("cause") or "",
            time=value.get("time") or "",
            begun=tuple(value.get("begun") or ()),
        )


@dataclass(frozen=True, slots=True)
class Fence:
    """Who may act, and what is halted.

    Attributes:
        workflow: name of the Argo Workflow that may act.
        state: whether it may at all.
        epoch: 1, and one more for every `drplan retry`.
        run: 1, and one more for every `argo retry` in this epoch.
        workflow_uid: uid of that Workflow, empty until it is created.
        halts: what must not start any more.
    """

    workflow: str
    state: FenceState = FenceState.OPEN
    epoch: int = 1
    run: int = 1
    workflow_uid: str = ""
    halts: tuple[Halt, ...] = ()

    @property
    def generation(self) -> tuple[int, int]:
        """Epoch and run; greater is newer."""
        return self.epoch, self.run

    @property
    def cancelled_at(self) -> str | None:
        """When the execution was cancelled; None when it was not, or when that is not known."""
        return next((halt.time for halt in self.halts if halt.scope is HaltScope.EXECUTION), None)

    def bind(self, uid: str) -> Fence:
        """Bind it to the Workflow that was created.

        Raises:
            FenceError: it is bound to another one.
        """
        if self.workflow_uid and self.workflow_uid != uid:
            raise FenceError(
                f"the fence is bound to Workflow {self.workflow} with uid {self.workflow_uid}, not {uid}; "
                "a new Workflow needs a new epoch"
            )
        return replace(self, workflow_uid=uid)

    def pause(self) -> Fence:
        """Let no further action start; one that drains or is closed stays so."""
        return replace(self, state=FenceState.PAUSED) if self.state is FenceState.OPEN else self

    def resume(self) -> Fence:
        """Take a pause back."""
        return replace(self, state=FenceState.OPEN) if self.state is FenceState.PAUSED else self

    def drain(self, *, time: str, cause: str = CANCEL_CAUSE) -> Fence:
        """Cancel: what acts finishes, nothing else starts, and the time of the request is kept."""
        if self.state in (FenceState.DRAINING, FenceState.CLOSED):
            return self
        return replace(self, state=FenceState.DRAINING).halt((_execution_halt(cause, time),))

    def close(self, *, time: str | None = None, cause: str = CANCEL_CAUSE) -> Fence:
        """End it: nobody may act any more.

        Args:
            time: when it was cancelled, if this is a forced cancel; None at an ordinary end.
            cause: why it was cancelled.
        """
        closed = replace(self, state=FenceState.CLOSED)
        if time is None or self.cancelled_at is not None or self.state is FenceState.CLOSED:
            return closed
        return closed.halt((_execution_halt(cause, time),))

    def halt(self, halts: Iterable[Halt]) -> Fence:
        """Add halts; what is halted already keeps its first cause."""
        known = {(halt.scope, halt.key) for halt in self.halts}
        added = []
        for halt in halts:
            if (halt.scope, halt.key) not in known:
                known.add((halt.scope, halt.key))
                added.append(halt)
        return replace(self, halts=(*self.halts, *added)) if added else self

    def next_run(self) -> Fence:
        """Open it again for the same Workflow, which `argo retry` has set going again."""
        return replace(self, state=FenceState.OPEN, run=self.run + 1, halts=())

    def next_epoch(self, workflow: str) -> Fence:
        """Open it for the Workflow of a new epoch."""
        return Fence(workflow=workflow, epoch=self.epoch + 1)

    def dump(self) -> str:
        """Write the annotation."""
        value = {
            "v": VERSION,
            "state": self.state.value,
            "epoch": self.epoch,
            "run": self.run,
            "workflow": self.workflow,
            "workflowUID": self.workflow_uid,
            "halts": [halt.to_json() for halt in self.halts],
        }
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def parse(cls, text: str) -> Fence:
        """Read the annotation.

        Raises:
            FenceError: it is not a fence that this version knows.
        """
        try:
            value = json.loads(text)
            if value["v"] != VERSION:
                raise FenceError(f"version {value['v']} of the fence is not known; upgrade drplan")
            return cls(
                workflow=value["workflow"],
                state=FenceState(value["state"]),
                epoch=int(value["epoch"]),
                run=int(value["run"]),
                workflow_uid=value.get("workflowUID") or "",
                halts=tuple(Halt.from_json(halt) for halt in value.get("halts") or ()),
            )
        except FenceError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise FenceError(f"annotation {ANNOTATION_FENCE} is not a fence: {problem!r}") from problem

    @classmethod
    def of(cls, execution: Mapping[str, Any]) -> Fence | None:
        """Fence of an execution; None when it has none yet.

        Raises:
            FenceError: it has one that cannot be read.
        """
        annotations = (execution.get("metadata") or {}).get("annotations") or {}
        text = annotations.get(ANNOTATION_FENCE)
        return cls.parse(text) if text else None


def _execution_halt(cause: str, time: str) -> Halt:
    return Halt(HaltScope.EXECUTION, "", cause, time)
