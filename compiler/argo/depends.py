"""Failure policies as Argo's `depends` texts: needs success, or needs the end.

`Succeeded` never accepts a dependency that failed, was skipped or was omitted. `Finished` accepts every way in which a
task can end; only a task that never gets that far holds it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from compiler.model.phases import DependsOnPolicy

ENDS = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted")
"""Results of a task that Argo knows in a `depends` text and that mean its end."""


class Member(Protocol):
    """A member of an ordered whole: a stage of the plan, a workflow use of a stage."""

    @property
    def key(self) -> str:
        """Its key."""
        ...

    @property
    def after(self) -> tuple[str, ...]:
        """Keys of the members that it waits for."""
        ...

    @property
    def needs(self) -> DependsOnPolicy:
        """What those must have come to."""
        ...


def depends_text(tasks: Sequence[str], needs: DependsOnPolicy) -> str:
    """Say that something waits for all of the given tasks.

    Args:
        tasks: names of tasks of the same DAG, at least one.
        needs: what they must have come to.
    """
    return " && ".join(_condition(task, needs) for task in tasks)


def may_pass_failure(members: Sequence[Member]) -> bool:
    """Whether a member may run, or have run, although another one failed.

    Not so only in a plain chain, in which each needs the success of the one listed before it.
    """
    return any(
        member.needs is not DependsOnPolicy.SUCCEEDED or member.after != (before.key,)
        for before, member in pairwise(members)
    )


def _condition(task: str, needs: DependsOnPolicy) -> str:
    if needs is DependsOnPolicy.SUCCEEDED:
        return f"{task}.{ENDS[0]}"
    return f"({' || '.join(f'{task}.{end}' for end in ENDS)})"
