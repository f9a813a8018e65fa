"""How far the syncer has come with an execution that somebody waits for, and what there is to say meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from compiler.model.names import ANNOTATION_RETRIED, ANNOTATION_RETRY
from drplan.view.outline import is_over
from syncer.decide.fence import Fence, FenceError
from syncer.decide.recorded import is_recorded
from syncer.times import parse_time

Object = Mapping[str, Any]

_TAKEN_UP = timedelta(seconds=10)
"""How long an execution may lie there before something is said about it."""

UNTOUCHED = "no syncer has taken it up yet; see whether the syncer runs"
UNRECORDED = "it has ended; the syncer has yet to write that down in the history of its plan"


@dataclass(frozen=True, slots=True)
class Wait:
    """What is waited for.

    Attributes:
        epoch: the execution has to end in a later epoch than this one: it was asked to be retried then.
    """

    epoch: int = 0

    def over(self, execution: Object) -> bool:
        """Whether it has come to its end, and that is written down, so that whatever comes next may begin."""
        status = execution.get("status") or {}
        if not is_over(execution) or int(status.get("epoch") or 1) <= self.epoch:
            return False
        # The older controller left no conditions at all.
        return is_recorded(execution) or not status.get("conditions")

    def refused(self, execution: Object) -> bool:
        """Whether the syncer has looked at the retry and does not carry it out."""
        annotations = (execution.get("metadata") or {}).get("annotations") or {}
        if not self.epoch or annotations.get(ANNOTATION_RETRY) != annotations.get(ANNOTATION_RETRIED):
            return False
        return _epoch(execution) <= self.epoch

    def remark(self, execution: Object, *, now: datetime) -> str:
        """What to say about an execution beside what its status shows; empty for nothing."""
        status = execution.get("status") or {}
        if is_over(execution):
            return "" if self.over(execution) or self.epoch else UNRECORDED
        created = parse_time((execution.get("metadata") or {}).get("creationTimestamp"))
        untouched = not status.get("phase") and created is not None and now - created > _TAKEN_UP
        return UNTOUCHED if untouched else ""


def retry_of(execution: Object) -> Wait:
    """What to wait for when an execution is retried: the end of the epoch after this one."""
    return Wait(_epoch(execution))


def _epoch(execution: Object) -> int:
    """The latest epoch that an execution was opened for."""
    shown = int((execution.get("status") or {}).get("epoch") or 1)
    try:
        fence = Fence.of(execution)
    except FenceError:
        return shown
    return max(shown, fence.epoch if fence else shown)
