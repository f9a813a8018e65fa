"""How an action on Kubernetes objects ends: whatever stops it becomes an outcome with a reason and an exit code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.acting import OutOfTime
from runner.kube.answers import (
    Conflicting,
    Exists,
    KubeError,
    Missing,
    NotAllowed,
    NotServed,
    Passing,
    Refused,
)
from runner.kube.changing import Written
from runner.record import Outcome
from runner.result import exit_code
from runner.spec import SpecError
from runner.vocabulary import ExitCode, Reason, RecordPhase

if TYPE_CHECKING:
    from runner.kube.engine import Engine

Outputs = Callable[[Sequence[Written]], Mapping[str, Any]]
"""Makes outputs for the status of what was written so far."""

_REASONS: Mapping[type[KubeError], Reason] = {
    Missing: Reason.NOT_FOUND,
    NotServed: Reason.KIND_UNKNOWN,
    Exists: Reason.CONFLICT,
    Conflicting: Reason.CONFLICT,
    NotAllowed: Reason.FORBIDDEN,
    Refused: Reason.REFUSED,
    Passing: Reason.UNREACHABLE,
}


class NotDone(Exception):
    """The action failed; the message says why.

    Attributes:
        reason: the same for programs.
    """

    def __init__(self, reason: Reason | str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def succeeded(
    message: str,
    outputs: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    clusters: Sequence[Mapping[str, Any]] = (),
) -> Outcome:
    """Make the outcome of an action that succeeded."""
    return Outcome(
        RecordPhase.SUCCEEDED, ExitCode.SUCCEEDED, "", message, outputs or {}, values or {}, clusters=clusters
    )


def concluded(engine: Engine, act: Callable[[], Outcome], *, outputs: Outputs = lambda _written: {}) -> Outcome:
    """Act; what fails becomes an outcome, which still names what was written.

    Args:
        engine: the engine that acts.
        act: what to do.
        outputs: makes outputs of what was written.
    """
    try:
        return act()
    except OutOfTime:
        message = f"timed out after {engine.acting.spec.timeout:g} s"
        reason: Reason | str = Reason.TIMED_OUT
        if engine.doing:
            message += f": {engine.doing}"
    except NotDone as error:
        reason, message = error.reason, str(error)
    except SpecError as error:
        reason, message = Reason.INVALID_SPEC, str(error)
    except KubeError as error:
        reason, message = reason_of(error), _explained(error, engine.acting.retries)
    code = exit_code(RecordPhase.FAILED, reason)
    return Outcome(RecordPhase.FAILED, code, reason, message, outputs(engine.written))


def reason_of(error: KubeError) -> Reason:
    """Say for programs what an error means for its action."""
    if isinstance(error, Passing) and error.unauthorized:
        return Reason.FORBIDDEN
    return _REASONS[type(error)]


def _explained(error: KubeError, retries: int) -> str:
    if isinstance(error, Passing) and retries:
        return f"action failed after {retries} retries: {error}"
    return str(error)
