"""Removing the Subscription of a hook: one of an earlier run before it is made, and its own when it has done its work.

What is removed here is gone for good: no revert brings back a hook that ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from runner.acting import Acting, OutOfTime
from runner.kube.answers import KubeError
from runner.kube.concluding import NotDone, reason_of
from runner.kube.engine import Engine
from runner.kube.objects import Ref
from runner.record import entry_id
from runner.vocabulary import Reason

_RESERVE = 30.0
_SHARE = 4


class HookCleanup(NamedTuple):
    """When the Subscription of a hook is removed.

    Attributes:
        before_create: one that is there, before it is made.
        on_success: when the action has succeeded.
        on_failure: when it has failed.
        begun: what an attempt of this very action that was lost may have made, by identity.
    """

    before_create: bool
    on_success: bool
    on_failure: bool
    begun: frozenset[tuple[str, ...]]

    def reserve(self, acting: Acting) -> float:
        """Seconds of the timeout that are kept for removing it at the end."""
        return min(_RESERVE, acting.spec.timeout / _SHARE) if self.on_success or self.on_failure else 0.0

    def make_room(self, engine: Engine, ref: Ref) -> None:
        """Remove what is there, unless this very action has made it.

        Raises:
            NotDone: it cannot be removed, or is not gone in time.
        """
        if self.before_create and ref.identity not in self.begun:
            with _told("hook pre-cleanup failed", engine):
                engine.delete_now([ref])

    def clear(self, engine: Engine, refs: Sequence[Ref]) -> None:
        """Remove what was made; raises as `make_room` does."""
        with _told("hook cleanup failed", engine):
            engine.delete_now(refs)


def read(acting: Acting) -> HookCleanup:
    """Read what the spec says about it; to be asked before anything is done."""
    given = acting.spec.raw.get("hookCleanup") or {}
    # An attempt that failed has ended, and is done all over again; one that was lost is gone on with.
    lost = acting.record is not None and acting.record["state"].get("sent")
    return HookCleanup(
        before_create=bool(given.get("beforeCreate")),
        on_success=bool(given.get("onSuccess")),
        on_failure=bool(given.get("onFailure")),
        begun=frozenset(map(entry_id, acting.before)) if lost else frozenset(),
    )


@contextmanager
def _told(prefix: str, engine: Engine) -> Iterator[None]:
    try:
        yield
    except NotDone as error:
        raise NotDone(error.reason, f"{prefix}: {error}") from error
    except KubeError as error:
        raise NotDone(reason_of(error), f"{prefix}: {error}") from error
    except OutOfTime as error:
        raise NotDone(Reason.TIMED_OUT, f"{prefix}: timed out: {engine.doing}") from error
