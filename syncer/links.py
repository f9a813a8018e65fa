"""Edges of a graph some of whose members are left out: what waited for one of them waits for what that waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from compiler.graph import order
from compiler.graph.tree import Action, Stage, WorkflowUse

_Member = TypeVar("_Member", Action, Stage, WorkflowUse)


def relink(members: Sequence[_Member]) -> tuple[_Member, ...]:
    """Lead the edges of the live members past those that are not live any more, and give the latter none."""
    place = {member.key: index for index, member in enumerate(members)}
    after = [[place[key] for key in member.after if key in place] for member in members]
    bridged = order.bridge(after, [member.live for member in members])
    return tuple(
        replace(member, after=tuple(members[index].key for index in before) if member.live else ())
        for member, before in zip(members, bridged, strict=True)
    )
