"""Where the syncer is measured: a namespace of a bed with plans and live executions, and watchers beside the syncer.

Nothing runs the Workflows: what Argo and the runners would write of them is written as data.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import msgspec

from benchmarks.syncer_grown import Grown
from compiler.graph import build
from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id
from compiler.model.execution import DRPlanExecution
from compiler.model.names import KIND_ARGO_WORKFLOW
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from support import plans
from support.api_admin import path_of, until
from support.api_syncer import SyncerBench

LONGEST = 60.0
_WATCHED = 600.0
WRITERS = 8
"""How many requests are under way at once when much is to be written."""

Object = dict[str, Any]


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


class Watcher:
    """Sees every line of a watch the moment it arrives, as raw as it comes.

    Args:
        bench: where.
        kind: of what kind.
        seen: is given the time and the object of each line.
    """

    def __init__(self, bench: SyncerBench, kind: str, seen: Callable[[float, bytes], None]) -> None:
        path = path_of(kind, bench.namespace)
        version = bench.administrator.ask("GET", f"{path}?limit=1")["metadata"]["resourceVersion"]
        query = f"watch=true&resourceVersion={version}&timeoutSeconds={_WATCHED:.0f}"
        self._answer = bench.administrator.stream(f"{path}?{query}", seconds=_WATCHED)
        self._seen = seen
        self._ended = False
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._answer.shutdown()
        self._thread.join(LONGEST)
        self._answer.close()

    def _follow(self) -> None:
        decode = msgspec.json.Decoder(_Line).decode
        try:
            for line in self._lines():
                now = time.perf_counter()
                read = decode(line)
                if read.type in ("ADDED", "MODIFIED"):
                    self._seen(now, bytes(read.object))
        except Exception:
            if not self._ended:
                raise

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self._answer.stream(1 << 20, decode_content=False):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines


@dataclass(frozen=True)
class Live:
    """A live execution.

    Attributes:
        name: its name.
        uid: its uid.
        workflow: name of its Workflow.
        grown: makes statuses for that.
    """

    name: str
    uid: str
    workflow: str
    grown: Grown


def workflow_of(name: str, actions: int) -> Object:
    """A DRWorkflow of HTTP actions, each with a way back and two parameters."""
    made = [
        plans.http(
            f"step-{index}",
            f"http://$(params.host)/act/step-{index}?plan=$(planName)",
            method="POST",
            body=f'{{"step": {index}, "region": "$(params.region)"}}',
            headers={"content-type": "application/json"},
            rollback={"type": "HTTP", "http": {"url": "http://$(params.host)/undo", "method": "PUT"}},
        )
        for index in range(1, actions + 1)
    ]
    return plans.workflow(name, *made, parameters=parameters(host="site.example", region="eu"))


def parameters(**values: str) -> list[Object]:
    """Declarations of parameters with their defaults."""
    return [{"name": name, "default": value} for name, value in values.items()]


def start_executions(bench: SyncerBench, names: list[str]) -> list[Live]:
    """Execute plans, each by an execution of its own name, and wait until they run."""
    for name in names:
        bench.execute(name, plan=name)
    return [_live(bench, name) for name in names]


def _live(bench: SyncerBench, name: str) -> Live:
    run = bench.bound(name)
    execution = bench.execution(name)
    found = bench.administrator.get("DRPlan", bench.namespace, name)
    snapshot = Snapshot(
        plan=DRPlan.read(found),
        workflows=by_id(map(DRWorkflow.read, bench.administrator.list("DRWorkflow", bench.namespace))),
        execution=ExecutionInput.of(DRPlanExecution.read(execution)),
    )
    uid = execution["metadata"]["uid"]
    return Live(name, uid, run.name, Grown(build(snapshot), run.name, execution=(name, uid)))


def write_status(bench: SyncerBench, live: Live, status: Object) -> None:
    """Let the Workflow of an execution have this status."""
    bench.administrator.merge(KIND_ARGO_WORKFLOW, bench.namespace, live.workflow, {"status": status})


def at_once(calls: list[Callable[[], object]]) -> None:
    """Do many things, some of them at once."""
    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(call) for call in calls]:
            done.result()


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait until something is true."""
    until(condition, what, seconds=LONGEST)
