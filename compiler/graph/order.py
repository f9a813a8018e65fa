"""Order: dependencies by name made edges by index, cycles found, members that do not run bridged.

The rule is the same for stages in a plan and for actions in a workflow: as soon as one member has `dependsOn` the whole
is a graph and only `dependsOn` counts; otherwise each member waits for the one listed before it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def edges(names: Sequence[str], depends_on: Sequence[Sequence[str]]) -> list[list[int]]:
    """For each member the indexes of those that it waits for; names that do not exist are left out.

    Args:
        names: unique names in listed order.
        depends_on: for each member the names in its `dependsOn`.
    """
    if not any(depends_on):
        return [[index - 1] if index else [] for index in range(len(names))]
    index_of = {name: index for index, name in enumerate(names)}
    return [
        list(dict.fromkeys(index_of[name.strip()] for name in wanted if name.strip() in index_of))
        for wanted in depends_on
    ]


def cycle(after: Sequence[Sequence[int]]) -> list[int] | None:
    """The first cycle, as indexes with the first one repeated at the end; None when there is none."""
    state = [0] * len(after)
    for root in range(len(after)):
        if state[root]:
            continue
        trail = [root]
        pending = [iter(after[root])]
        state[root] = 1
        while pending:
            for following in pending[-1]:
                if state[following] == 1:
                    return [*trail[trail.index(following) :], following]
                if state[following] == 0:
                    state[following] = 1
                    trail.append(following)
                    pending.append(iter(after[following]))
                    break
            else:
                state[trail.pop()] = 2
                pending.pop()
    return None


def topological(after: Sequence[Sequence[int]]) -> list[int]:
    """Indexes in an order in which each comes behind what it waits for, ties in listed order.

    Raises:
        ValueError: there is a cycle.
    """
    waiting = [len(set(before)) for before in after]
    dependants: list[list[int]] = [[] for _ in after]
    for index, before in enumerate(after):
        for earlier in set(before):
            dependants[earlier].append(index)
    ready = [index for index, count in enumerate(waiting) if count == 0]
    heapq.heapify(ready)
    done: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        done.append(index)
        for dependant in dependants[index]:
            waiting[dependant] -= 1
            if waiting[dependant] == 0:
                heapq.heappush(ready, dependant)
    if len(done) != len(after):
        raise ValueError("the dependencies form a cycle")
    return done


def reverse(after: Sequence[Sequence[int]]) -> list[list[int]]:
    """Turn all edges round: what waited for a member is now waited for by it."""
    turned: list[list[int]] = [[] for _ in after]
    for index, before in enumerate(after):
        for earlier in before:
            turned[earlier].append(index)
    return turned


def bridge(after: Sequence[Sequence[int]], live: Sequence[bool]) -> list[list[int]]:
    """Edges between live members only: what depended on another depends on that one's predecessors instead.

    Returns:
        For each member, live or not, the live ones that it waits for, without repetition.

    Raises:
        ValueError: there is a cycle.
    """
    bridged: list[list[int]] = [[] for _ in after]
    for index in topological(after):
        wanted: list[int] = []
        for earlier in after[index]:
            wanted.extend([earlier] if live[earlier] else bridged[earlier])
        bridged[index] = list(dict.fromkeys(wanted))
    return bridged
