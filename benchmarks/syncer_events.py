"""What an event of a Workflow with 500 nodes costs the syncer, from the socket to the status that is written.

Several runs are half done: their lanes have ended with results and records, and in one lane after the other a further
container ends. Every such event changes the status of an execution. The official client and kopf see the same events at
the same time, and do nothing with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import msgspec

from benchmarks.processes import cpu_so_far
from benchmarks.syncer_figures import Figure
from benchmarks.syncer_peers import KOPF, WATCH, Peer
from benchmarks.syncer_world import Live, Watcher, at_once, start_executions, wait_until, workflow_of, write_status
from compiler.model.names import KIND_EXECUTION
from support import plans
from support.api_syncer import SyncerBench

LIMIT = 4.0
RUNS = 4
STAGES, USES, ACTIONS = 4, 7, 15
"""With a closing container and two nodes more a use, and the nodes of stages and plan: 509 nodes."""

ROUNDS = 15

Object = dict[str, Any]


class _Shown(msgspec.Struct, rename="camel"):
    name: str


class _Progress(msgspec.Struct):
    progress: str = ""


class _Execution(msgspec.Struct):
    metadata: _Shown
    status: _Progress = msgspec.field(default_factory=_Progress)


def measure(bench: SyncerBench) -> list[Figure]:
    """Milliseconds of CPU per event, of the syncer and of its peers."""
    syncer = bench.start("--log-level=info")
    syncer.until_ready()
    lives = _half_done(bench)
    shown: dict[str, str] = {}
    writes = 0

    def seen(_: float, raw: bytes) -> None:
        nonlocal writes
        found = msgspec.json.decode(raw, type=_Execution)
        if shown.get(found.metadata.name) != found.status.progress:
            writes += 1
        shown[found.metadata.name] = found.status.progress

    with ExitStack() as stack:
        peers = {which: stack.enter_context(Peer(which, syncer.kubeconfig, bench.namespace)) for which in (WATCH, KOPF)}
        wait_until(lambda: all(peer.begun for peer in peers.values()), "the peers to have begun")
        stack.enter_context(Watcher(bench, KIND_EXECUTION, seen))
        pids = {"": syncer.pid, **{which: peer.pid for which, peer in peers.items()}}
        steps = _steps(lives)
        _take(bench, next(steps), shown)
        seen_before = {which: peer.events for which, peer in peers.items()}
        before = {which: cpu_so_far(pid) for which, pid in pids.items()}
        events = writes = 0
        for step in steps:
            _take(bench, step, shown)
            events += len(step)
        wait_until(lambda: all(peers[w].events - seen_before[w] >= events for w in peers), "the peers to see them")
        spent = {which: (cpu_so_far(pid) - before[which]) * 1000 / events for which, pid in pids.items()}
    size = len(json.dumps(lives[0].grown.status(_ended(lives[0], 1)), separators=(",", ":"))) / 1024
    return [
        Figure("syncer, socket to status write", "CPU ms an event", spent[""], LIMIT),
        Figure("kubernetes.aio.watch.Watch, nothing done", "CPU ms an event", spent[WATCH]),
        Figure("kopf, bare event handler, nothing done", "CPU ms an event", spent[KOPF]),
        Figure("events", "number", events),
        Figure("statuses written", "number", writes),
        Figure("nodes of a Workflow", "number", _count_nodes(lives[0])),
        Figure("status of a Workflow", "KiB", size),
    ]


def _half_done(bench: SyncerBench) -> list[Live]:
    names = [f"large-{number}" for number in range(1, RUNS + 1)]
    stages = [plans.stage(f"tier-{number}", *["tier"] * USES, parallel=True) for number in range(1, STAGES + 1)]
    for number, name in enumerate(names):
        bench.plan(*stages, name=name, workflows=[] if number else [workflow_of("tier", ACTIONS)])
    lives = start_executions(bench, names)
    for live in lives:
        records = [live.grown.record(f"{use}.a{index}") for use in _first_uses(live) for index in range(1, ACTIONS + 1)]
        at_once([partial(bench.administrator.create, record, namespace=bench.namespace) for record in records])
    return lives


def _first_uses(live: Live) -> list[str]:
    uses = [use.key for _, use in live.grown.uses]
    return uses[: len(uses) // 2]


def _ended(live: Live, containers: int) -> dict[str, int]:
    """How far the lanes have come: the first half is done, the next one is under way."""
    uses = [use.key for _, use in live.grown.uses]
    half = len(uses) // 2
    lane, ended = divmod(containers, ACTIONS)
    done = dict.fromkeys(uses[: half + lane], ACTIONS + 1)
    return {**dict.fromkeys(uses, 0), **done, uses[half + lane]: ended}


def _steps(lives: list[Live]) -> Iterator[list[tuple[Live, Object, str]]]:
    for number in range(ROUNDS + 1):
        yield [(live, live.grown.status(_ended(live, number + 1)), _progress(live, number + 1)) for live in lives]


def _progress(live: Live, containers: int) -> str:
    total = len(live.grown.uses) * ACTIONS
    return f"{total // 2 + containers}/{total}"


def _take(bench: SyncerBench, step: list[tuple[Live, Object, str]], shown: dict[str, str]) -> None:
    at_once([partial(write_status, bench, live, status) for live, status, _ in step])
    wait_until(lambda: all(shown.get(live.name) == progress for live, _, progress in step), "the statuses")


def _count_nodes(live: Live) -> int:
    return len(live.grown.status(_ended(live, 1))["nodes"])
