"""A syncer that starts where two thousand executions have ended: how soon all is in view, and what that takes.

The executions are copies of one that the syncer has brought to its end itself, with the records of its actions.
"""

from __future__ import annotations

import copy
import time
from functools import partial
from typing import Any

from benchmarks.processes import cpu_so_far, memory
from benchmarks.syncer_figures import Figure
from benchmarks.syncer_world import Live, at_once, start_executions, wait_until, workflow_of, write_status
from compiler.model.names import (
    ANNOTATION_STARTED_UID,
    KIND_EXECUTION,
    KIND_RECORD,
    LABEL_EXECUTION_UID,
)
from support import plans
from support.api_admin import path_of
from support.api_syncer import SyncerBench, condition

SYNCED_LIMIT = 3.0
MEMORY_LIMIT = 150.0
FINISHED = 2000
RECORDS = 3
"""Records of each: of the actions that it had."""

SETTLED = 5.0
WATCHED = 8.0

Object = dict[str, Any]


def measure(bench: SyncerBench) -> list[Figure]:
    """Seconds until everything is in view, and memory and CPU from then on."""
    _finish(bench)
    begun = time.perf_counter()
    syncer = bench.start("--log-level=info")
    wait_until(lambda: syncer.get("/readyz"), "everything to be in view")
    synced, cpu = time.perf_counter() - begun, cpu_so_far(syncer.pid)
    at_once_memory = memory(syncer.pid)["Rss"]
    time.sleep(SETTLED)
    settled = cpu_so_far(syncer.pid)
    time.sleep(WATCHED)
    idle = (cpu_so_far(syncer.pid) - settled) / WATCHED * 100
    return [
        Figure("from the start of the process to all in view", "s", synced, SYNCED_LIMIT),
        Figure("the CPU of that", "s", cpu),
        Figure("RSS when all is in view", "MiB", at_once_memory, MEMORY_LIMIT),
        Figure("RSS after that, when it leads", "MiB", memory(syncer.pid)["Rss"], MEMORY_LIMIT),
        Figure("idle", "% of a CPU", idle),
        Figure("finished executions", "number", FINISHED),
        Figure("records", "number", FINISHED * RECORDS),
    ]


def _finish(bench: SyncerBench) -> None:
    """Have one execution come to its end, and put copies of it and of its records beside it."""
    syncer = bench.start("--log-level=info")
    syncer.until_ready()
    bench.plan(plans.stage("only", "tier"), name="done", workflows=[workflow_of("tier", RECORDS)])
    (live,) = start_executions(bench, ["done"])
    for _, use in live.grown.uses:
        for action in use.actions:
            bench.administrator.create(live.grown.record(action.key), namespace=bench.namespace)
        write_status(bench, live, live.grown.status({use.key: RECORDS + 1}))
    wait_until(lambda: condition(bench.status(live.name), "Recorded"), "the end to be recorded")
    assert syncer.stop() == 0
    ended = bench.execution(live.name)
    records = [live.grown.record(action.key) for _, use in live.grown.uses for action in use.actions]
    at_once([partial(_copy, bench, live, ended, records, number) for number in range(1, FINISHED)])


def _copy(bench: SyncerBench, live: Live, ended: Object, records: list[Object], number: int) -> None:
    ask, name = bench.administrator, f"{live.name}-{number}"
    kept = {key: ended["metadata"][key] for key in ("labels", "annotations", "finalizers")}
    made = ask.create(
        {**{key: ended[key] for key in ("apiVersion", "kind", "spec")}, "metadata": {**kept, "name": name}},
        namespace=bench.namespace,
    )
    uid = made["metadata"]["uid"]
    annotations = {ANNOTATION_STARTED_UID: uid}
    patch = {"metadata": {"annotations": annotations}, "status": ended["status"]}
    ask.merge(KIND_EXECUTION, bench.namespace, name, patch)
    ask.merge(KIND_EXECUTION, bench.namespace, name, patch, part="/status")
    for index, record in enumerate(records):
        value = copy.deepcopy(record)
        value["metadata"]["name"] = f"{name}-{index}"
        value["metadata"]["labels"][LABEL_EXECUTION_UID] = uid
        value["spec"]["execution"] = {"name": name, "uid": uid}
        ask.ask("POST", path_of(KIND_RECORD, bench.namespace), value)
