"""Where an action is, as one value; and the same as a lane reports it at its end.

A lane hands over output parameter `result` of its pod: an entry for each action, trusted less than a terminal record
and more than what Argo says about a container. Entries are read straight into outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from compiler.model.phases import Phase

_NAMES = {"start": "startTime", "end": "completionTime", "retries": "retryCount"}
"""How a lane's result calls the fields that have another name here."""


class Outcome(msgspec.Struct, frozen=True, gc=False, rename=_NAMES):
    """Where an action is.

    Attributes:
        phase: its phase.
        reason: why.
        message: why, for people.
        start: when it began; None for what was skipped.
        end: when it ended; None for what was skipped.
        retries: how many times it was tried again.
        outputs: what it made, as a dict or still packed.
        clusters: what it came to in each cluster.
    """

    phase: Phase
    reason: str = ""
    message: str = ""
    start: str | None = None
    end: str | None = None
    retries: int = 0
    outputs: Any = None
    clusters: Any = None

    def read_outputs(self) -> Any:
        """Outputs as plain values; None when there are none."""
        if not isinstance(self.outputs, msgspec.Raw):
            return self.outputs
        return msgspec.json.decode(self.outputs) if bytes(self.outputs) else None


class Reported(Outcome, frozen=True, gc=False, kw_only=True):
    """The end of an action as its runner left it in the lane; outputs stay packed until somebody shows them.

    Attributes:
        key: key of the action.
        replayed: whether nothing was done, because a record told the end.
    """

    key: str
    replayed: bool = False
    outputs: msgspec.Raw = msgspec.Raw()


class _Result(msgspec.Struct, gc=False):
    actions: list[Reported] = []


_RESULT = msgspec.json.Decoder(_Result)


def read_result(text: str | None) -> Mapping[str, Outcome]:
    """Read a lane's result, by action key; one that is absent or cannot be read says nothing."""
    if not text:
        return {}
    try:
        reported = _RESULT.decode(text).actions
    except msgspec.MsgspecError:
        return {}
    return {entry.key: without_times(entry) if entry.phase is Phase.SKIPPED else entry for entry in reported}


def without_times(outcome: Outcome) -> Outcome:
    """An outcome of what never began."""
    return Outcome(outcome.phase, outcome.reason, outcome.message)
