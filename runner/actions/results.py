"""What an action came to in each cluster: in the record as soon as it is known, and in its outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from runner.acting import Acting
from runner.actions.children import Child
from runner.console import now
from runner.kube.objects import Ref, object_reference
from runner.record import Outcome
from runner.result import clip, exit_code
from runner.vocabulary import Phase, Reason, RecordPhase

_MESSAGE = 256
_SHOWN = 3


class Failure(NamedTuple):
    """Why an action failed in a cluster.

    Attributes:
        reason: the same for programs.
        message: for people.
    """

    reason: str
    message: str


class Results:
    """The results of an action, a cluster each. Safe to be used from several threads, for a cluster by one at a time.

    Args:
        acting: the frame of the action.
        parent: the Subscription that the children are of.
        children: the Subscriptions, a cluster each.
    """

    def __init__(self, acting: Acting, parent: Ref, children: Sequence[Child]) -> None:
        self._acting = acting
        self._parent = parent
        self._entries: dict[str, dict[str, Any]] = {
            child.cluster: {"cluster": child.cluster, "clusterID": child.cluster_id, "phase": Phase.PENDING.value}
            for child in children
        }
        self.failures: dict[str, Failure] = {}
        self._note()

    @property
    def clusters(self) -> list[Mapping[str, Any]]:
        """An entry a cluster."""
        return [dict(entry) for entry in list(self._entries.values())]

    @property
    def values(self) -> dict[str, Any]:
        """What later actions can ask for, and a revert: which Subscription was meant."""
        return {"ref": object_reference(self._parent)}

    def begin(self, child: Child) -> None:
        """Note that something is done in a cluster from now on."""
        self._put(child, phase=Phase.RUNNING.value, startTime=now())

    def succeed(self, child: Child, message: str) -> None:
        """Note that a cluster is done."""
        self._put(child, phase=Phase.SUCCEEDED.value, completionTime=now(), message=message)

    def fail(self, child: Child, reason: str, message: str) -> None:
        """Note that a cluster has failed; what follows from that may be noted too."""
        known = self.failures.get(child.cluster)
        failure = Failure(known.reason, f"{known.message}; {message}") if known else Failure(reason, message)
        self.failures[child.cluster] = failure
        self._put(child, phase=Phase.FAILED.value, completionTime=now(), message=clip(failure.message, _MESSAGE))

    def failed(self, outputs: Mapping[str, Any], *, summary: str = "one or more clusters failed") -> Outcome:
        """The outcome of an action that failed in a cluster."""
        named = sorted(self.failures.items())
        reasons = {failure.reason for _, failure in named}
        reason = named[0][1].reason if len(reasons) == 1 else _gravest(reasons)
        more = f"; and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        told = "; ".join(f"{cluster}: {failure.message}" for cluster, failure in named[:_SHOWN])
        code = exit_code(RecordPhase.FAILED, reason)
        message = f"{summary} ({len(named)} of {len(self._entries)}): {told}{more}"
        return Outcome(RecordPhase.FAILED, code, reason, message, outputs, self.values, clusters=self.clusters)

    def _put(self, child: Child, **fields: str) -> None:
        self._entries[child.cluster] = {**self._entries[child.cluster], **fields}
        if message := fields.get("message"):
            self._acting.console.say(f"{child.cluster}: {message}")
        self._note()

    def _note(self) -> None:
        self._acting.so_far(clusters=self.clusters, values=self.values)


def _gravest(reasons: Iterable[str]) -> str:
    """One reason for several: what time alone may mend counts least."""
    return min(reasons, key=lambda reason: (reason == Reason.TIMED_OUT, reason))
