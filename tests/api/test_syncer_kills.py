"""A syncer that is killed at any of its writes leaves nothing that the next one does not bring to the same end."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.model.names import ANNOTATION_FENCE, KIND_PLAN
from support.api_admin import Administrator, until
from support.api_faults import Asked, Victim, kill
from support.api_proxy import Certificate
from support.api_syncer import SyncerBench, condition
from support.plans import http, stage, workflow
from support.syncer_process import Syncer
from support.syncer_runs import ArgoRun

pytestmark = [pytest.mark.bed, pytest.mark.timeout(900)]

DONE = {"s1.w1.a1": "Succeeded", "s2.w1.a1": "Succeeded"}
STRIDE = 4
"""Every which write is tried, unless all are asked for."""

_NAMES = ("workflowRef", "resolvedParams", "planRef", "message")
_CHANGES = re.compile(r"(Time|uid|duration|snapshotRef)$")


@pytest.fixture
def bench(administrator: Administrator, certificate: Certificate, tmp_path: Path) -> Iterator[SyncerBench]:
    """A namespace with two workflows."""
    with SyncerBench(administrator, certificate, tmp_path) as made:
        action = http("act", method="PUT")
        made.plan(stage("db", "one"), name="first", workflows=[workflow("one", action), workflow("two", action)])
        yield made


def lasting(value: object) -> object:
    """What must be the same in every run: not its times, nor what is named after the uid of its execution."""
    if isinstance(value, dict):
        return {
            name: lasting(each)
            for name, each in value.items()
            if not _CHANGES.search(name)
            and name not in ("workflowRef", "resolvedParams", "namespace", "message", "planRef")
        }
    return [lasting(each) for each in value] if isinstance(value, list) else value


def end(bench: SyncerBench, name: str) -> tuple[object, object, int]:
    """What a run has come to: its status, what its plan remembers, and how many Workflows there were."""
    uid = bench.execution(name)["metadata"]["uid"]
    labels = (each["metadata"]["labels"] for each in bench.workflows())
    found = sum(each.get("dr.bkbcs.tencent.com/execution-uid") == uid for each in labels)
    history = [(operation, phase) for _, operation, phase in bench.history(name)]
    return lasting(bench.status(name)), history, found


def test_a_kill_at_a_write_changes_nothing_of_the_end(bench: SyncerBench) -> None:
    proxy = bench.proxy()
    calm = bench.start(proxy=proxy)
    live(bench, calm, "calm")
    assert calm.stop() == 0
    expected = end(bench, "calm")
    writes = sum(is_work(asked) for asked in proxy.asked)
    numbers = range(1, writes + 1) if os.environ.get("DRPLAN_MATRIX") == "all" else range(2, writes + 1, STRIDE)
    for number in numbers:
        for forwarded in (True, False):
            name = f"kill-{number}-{'after' if forwarded else 'before'}"
            disturb(bench, name, number, forwarded=forwarded)
            assert end(bench, name) == expected, name


def disturb(bench: SyncerBench, name: str, number: int, *, forwarded: bool) -> None:
    """Run an execution with a syncer that dies at a write, and another one after it."""
    proxy, victim = bench.proxy(), Victim()
    numbers = itertools.count(1)
    proxy.fault(lambda asked: is_work(asked) and next(numbers) == number, kill(victim, forwarded=forwarded))
    first = bench.start(proxy=proxy, victim=victim)
    live(bench, first, name)
    first.kill()
    bench.forget_leader()
    second = bench.start()
    live(bench, second, name)
    second.until_ready()
    assert second.stop() == 0


def live(bench: SyncerBench, syncer: Syncer, name: str) -> None:
    """Have an execution, and let Argo and runners do their part, for as long as the syncer lives or the run lasts."""
    if bench.administrator.get(KIND_PLAN, bench.namespace, name) is None:
        bench.plan(stage("db", "one"), stage("app", "two"), name=name, workflows=[])
    until(lambda: not syncer.running or bench.is_ready(name), f"plan {name} to be ready", seconds=60)
    if not syncer.running:
        return
    if not bench.exists(name):
        bench.execute(name, plan=name)
    until(lambda: not syncer.running or is_recorded(bench, name) or played(bench, name), f"{name}", seconds=120)
    until(lambda: not syncer.running or is_recorded(bench, name), f"{name} to be recorded", seconds=120)


def played(bench: SyncerBench, name: str) -> bool:
    """Do the part of Argo and of the runners, if the Workflow is bound; tells whether it is done."""
    text = (bench.execution(name)["metadata"].get("annotations") or {}).get(ANNOTATION_FENCE)
    fence = json.loads(text) if text else {}
    if not fence.get("workflowUID"):
        return False
    run = ArgoRun(bench, name, fence["workflow"])
    for key, phase in DONE.items():
        run.record(key, phase)
    run.argo("Succeeded", DONE)
    return True


def is_recorded(bench: SyncerBench, name: str) -> bool:
    """Whether an execution is at its end."""
    return condition(bench.status(name), "Recorded") is not None


def is_work(asked: Asked) -> bool:
    """Whether a request is a write of what the syncer does, and not about who leads or what people are told."""
    return asked.write > 0 and not any(part in asked.path for part in ("/leases", "/events"))
