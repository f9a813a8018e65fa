"""How soon a change of a node or of a record shows in the status, with twenty executions alive.

Changes come at moments of their own. Both times are those of a raw watcher beside the syncer: when the change came to
it, and when the status came that shows it.
"""

from __future__ import annotations

import random
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks.syncer_figures import Figure, percentile
from benchmarks.syncer_world import Live, Watcher, start_executions, wait_until, workflow_of, write_status
from compiler.model.names import KIND_ARGO_WORKFLOW, KIND_EXECUTION, KIND_RECORD
from compiler.model.phases import Phase
from support import plans
from support.api_syncer import SyncerBench

LIMIT = 300.0
LIVE = 20
STAGES, USES, ACTIONS = 2, 2, 3
CHANGES = 200
PAUSE = 0.08
"""Mean pause between two changes in seconds: twelve a second."""

SEED = 6

Object = dict[str, Any]
Key = tuple[str, str]
"""Name of an execution and key of an action."""


@dataclass
class _Clock:
    """When changes came, and when they showed."""

    asked: dict[Key, float] = field(default_factory=dict)
    came: dict[Key, float] = field(default_factory=dict)
    shown: dict[Key, float] = field(default_factory=dict)
    workflows: dict[str, str] = field(default_factory=dict)
    """Execution of each Workflow."""

    pending: dict[str, list[Key]] = field(default_factory=dict)
    """What the next status of each Workflow brings."""

    def of_record(self, now: float, raw: bytes) -> None:
        spec = msgspec.json.decode(raw)["spec"]
        self.came.setdefault((spec["execution"]["name"], spec["key"]), now)

    def of_workflow(self, now: float, raw: bytes) -> None:
        for key in self.pending.pop(msgspec.json.decode(raw)["metadata"]["name"], []):
            self.came.setdefault(key, now)

    def of_execution(self, now: float, raw: bytes) -> None:
        found = msgspec.json.decode(raw)
        for stage in (found.get("status") or {}).get("stageStatuses") or ():
            for use in stage["workflowExecutions"]:
                for action in use["actionStatuses"]:
                    if action["phase"] == Phase.SUCCEEDED:
                        self.shown.setdefault((found["metadata"]["name"], action["key"]), now)


def measure(bench: SyncerBench) -> list[Figure]:
    """Milliseconds from a change to the status, by what was changed."""
    syncer = bench.start("--log-level=info")
    syncer.until_ready()
    names = [f"small-{number}" for number in range(1, LIVE + 1)]
    stages = [plans.stage(f"tier-{number}", *["tier"] * USES, parallel=True) for number in range(1, STAGES + 1)]
    for number, name in enumerate(names):
        bench.plan(*stages, name=name, workflows=[] if number else [workflow_of("tier", ACTIONS)])
    lives = start_executions(bench, names)
    clock = _Clock(workflows={live.workflow: live.name for live in lives})
    with ExitStack() as stack:
        for kind, seen in (
            (KIND_RECORD, clock.of_record),
            (KIND_ARGO_WORKFLOW, clock.of_workflow),
            (KIND_EXECUTION, clock.of_execution),
        ):
            stack.enter_context(Watcher(bench, kind, seen))
        by_node = _change(bench, lives, clock)
        wait_until(lambda: clock.asked.keys() <= clock.shown.keys(), "every change to show")
    taken = {key: (clock.shown[key] - clock.came[key]) * 1000 for key in clock.asked}
    nodes = [time for key, time in taken.items() if key in by_node]
    records = [time for key, time in taken.items() if key not in by_node]
    return [
        Figure("a change, 99 of 100 show within", "ms", percentile(taken.values(), 0.99), LIMIT),
        Figure("a change, half of them show within", "ms", statistics.median(taken.values())),
        Figure("of a node, 99 of 100", "ms", percentile(nodes, 0.99)),
        Figure("of a record, 99 of 100", "ms", percentile(records, 0.99)),
        Figure("changes", "number", len(taken)),
        Figure("live executions", "number", len(lives)),
    ]


def _change(bench: SyncerBench, lives: list[Live], clock: _Clock) -> set[Key]:
    """Let one action after the other end, of executions at random: by its record, or by its node; returns the latter.

    In every use the first action ends by a record, and those after it by their nodes.
    """
    chance = random.Random(SEED)
    ended: dict[str, dict[str, int]] = {live.name: {use.key: 0 for _, use in live.grown.uses} for live in lives}
    by_node: set[Key] = set()
    open_uses = [(live, use.key) for live in lives for _, use in live.grown.uses]
    for _ in range(CHANGES):
        live, use = chance.choice(open_uses)
        ended[live.name][use] += 1
        number = ended[live.name][use]
        key = live.name, f"{use}.a{number}"
        clock.asked[key] = time.perf_counter()
        if number == 1:
            bench.administrator.create(live.grown.record(key[1]), namespace=bench.namespace)
        else:
            by_node.add(key)
            clock.pending.setdefault(live.workflow, []).append(key)
            write_status(bench, live, live.grown.status(ended[live.name]))
        if number == ACTIONS:
            open_uses.remove((live, use))
        time.sleep(chance.expovariate(1 / PAUSE))
    return by_node
