"""Running plans on the local engine in tests: in this process, or in one of its own that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any

from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from drplan.engine.api import Engine, recorded
from drplan.engine.store import StateFolder, read
from drplan.targets import revert_snapshot
from support.http_site import Answer, Site
from support.plans import NAMESPACE, parameters
from syncer.decide.fence import Fence

QUICK = {
    "DRPLAN_LEASE": "3s",
    "DRPLAN_FENCE_WAIT": "2s",
    "DRPLAN_PAUSE_POLL": "50ms",
}
"""Waiting times of runners that tests can wait for."""

Object = dict[str, Any]


def environment(**variables: str) -> dict[str, str]:
    """Environment of an engine in tests."""
    return {**os.environ, **QUICK, **variables}


def snapshot_of(manifest: Object, *workflows: Object, mode: str = "", params: dict[str, str] | None = None) -> Snapshot:
    """The snapshot of an Execute that has no name yet."""
    return Snapshot(
        plan=DRPlan.model_validate(manifest),
        workflows=by_id(DRWorkflow.model_validate(member) for member in workflows),
        execution=ExecutionInput(namespace=NAMESPACE, mode=mode, params=parameters(params or {})),
    )


def revert_of_recorded(state: Path, name: str) -> Snapshot:
    """The snapshot of a revert of a recorded execution."""
    target = recorded(state, NAMESPACE, name)
    return revert_snapshot(target.execution, target.records, target.snapshot)


def engine(state: Path, **options: Any) -> Engine:
    """An engine for the namespace of the builders."""
    return Engine(state, NAMESPACE, **{"environment": environment(), **options})


def run(state: Path, manifest: Object, *workflows: Object, **options: Any) -> Object:
    """Run a plan to its end; return the execution."""
    return engine(state, **options).start(snapshot_of(manifest, *workflows))


def actions(execution: Object) -> dict[str, Object]:
    """Status of every action by key."""
    return {
        action["key"]: action
        for stage in execution["status"]["stageStatuses"]
        for workflow in stage["workflowExecutions"]
        for action in workflow["actionStatuses"]
    }


def phases(execution: Object) -> dict[str, str]:
    """Phase of every action by key."""
    return {key: action["phase"] for key, action in actions(execution).items()}


def outcome(execution: Object) -> Object:
    """What a run came to, without times, names and uids: two runs of one plan can be compared."""
    status = execution["status"]
    return {
        "phase": status["phase"],
        "stages": [stage["phase"] for stage in status["stageStatuses"]],
        "workflows": [
            workflow["phase"] for stage in status["stageStatuses"] for workflow in stage["workflowExecutions"]
        ],
        "actions": phases(execution),
        "conditions": {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]},
        "summary": status["summary"],
    }


def stored(state: Path, name: str) -> Object:
    """An execution as it is in the state folder."""
    found = read(StateFolder(state, NAMESPACE).execution(name).execution)
    assert found is not None
    return found


def fence(state: Path, name: str) -> Fence:
    """The fence of an execution."""
    found = Fence.of(stored(state, name))
    assert found is not None
    return found


def nodes(state: Path, name: str, *, epoch: int = 1) -> list[Object]:
    """The nodes of an execution's Workflow."""
    found = read(StateFolder(state, NAMESPACE).execution(name).workflow(epoch))
    assert found is not None
    return list(found["status"]["nodes"].values())


def stored_plan(state: Path, name: str = "pay") -> Object:
    """A plan as it is in the state folder."""
    found = read(StateFolder(state, NAMESPACE).plan(name))
    assert found is not None
    return found


def wait_until(holds: Callable[[], Any], *, seconds: float = 30.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"it did not come true in {seconds} s")
        time.sleep(0.01)


class HeldSite(Site):
    """A site that holds its answers for a path back until something has happened."""

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[str, Callable[[], Any]] = {}

    def hold(self, path: str, until: Callable[[], Any]) -> None:
        """Answer requests for a path only when something holds."""
        self._held[path] = until

    def _answer(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if handler.path in self._held:
            wait_until(self._held[handler.path])
        super()._answer(handler, answer)


class InBackground:
    """A call in a thread.

    Attributes:
        result: what it returned, once it has.
    """

    def __init__(self, call: Callable[[], Object]) -> None:
        self.result: Object | None = None
        self._error: BaseException | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:
            self._error = error

    def end(self, *, seconds: float = 60.0) -> Object:
        """Wait for its end."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"it did not end in {seconds} s"
        if self._error is not None:
            raise self._error
        assert self.result is not None
        return self.result


@dataclass(frozen=True)
class Runner:
    """A runner that lives.

    Attributes:
        pid: its process id.
        key: what it is about.
        node: name of the node of its lane, without the number of the attempt.
        closes: whether it closes the lane.
    """

    pid: int
    key: str
    node: str
    closes: bool

    def kill(self) -> bool:
        """Kill it; whether it still lived."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True


def runners(folder: Path) -> list[Runner]:
    """The runners of the execution in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if f"--state={folder}" in words:
            lane = next(word for word in words if word.startswith("--lane="))
            node = Path(lane).name.partition("(")[0]
            key = words[words.index("runner") + 1]
            found.append(Runner(int(entry.parent.name), key, node, "--close" in words))
    return sorted(found, key=lambda runner: runner.pid)


class EngineProcess:
    """An engine in a process of its own.

    Attributes:
        pid: its process id.
    """

    def __init__(self, pid: int, answer: Path) -> None:
        self.pid = pid
        self._answer = answer

    @property
    def alive(self) -> bool:
        """Whether it lives."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """Kill it; the runners that it started live on."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        wait_until(lambda: not self.alive)

    def end(self, *, seconds: float = 60.0) -> Object | None:
        """Wait for its end; the execution that it returned, None when it died or had nothing to do."""
        wait_until(lambda: not self.alive, seconds=seconds)
        if not self._answer.exists():
            return None
        answer: Object = json.loads(self._answer.read_text())
        if "error" in answer:
            raise AssertionError(answer["error"])
        execution: Object | None = answer.get("execution")
        return execution


class Engines:
    """Starts engines as processes; they are forked from one that has everything imported, which takes no time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "support.local_zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
        )

    def __enter__(self) -> Engines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.close()
        self._zygote.wait()
        self._zygote.stdout.close()

    def start(self, state: Path, snapshot: Snapshot, *, name: str = "", **more: Any) -> EngineProcess:
        """Start an execution."""
        return self._fork(state, "start", snapshot=snapshot.to_json(), name=name, **more)

    def go_on(self, state: Path, command: str, name: str, **more: Any) -> EngineProcess:
        """Resume, retry or cancel an execution."""
        return self._fork(state, command, name=name, **more)

    def _fork(self, state: Path, command: str, **given: Any) -> EngineProcess:
        self._count += 1
        answer = self._folder / f"answer-{self._count}.json"
        request = {"state": str(state), "namespace": NAMESPACE, "command": command, "answer": str(answer), **given}
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(request).encode() + b"\n")
        self._zygote.stdin.flush()
        return EngineProcess(int(self._zygote.stdout.readline()), answer)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without the rights of root, who may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
