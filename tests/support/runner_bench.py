"""Starts real runners on real files: the folder of an execution, its lanes, and processes in them.

bench = Bench(tmp_path)
bench.open_fence()
runner = bench.lane().start("s1.w1.a1", spec(url=site.url))
assert runner.wait() == 0
assert bench.record("s1.w1.a1")["state"]["phase"] == "Succeeded"
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.about import Run, Workflow
from runner.console import Console
from runner.ending import Ending
from runner.frame import Frame
from runner.lane import Lane
from runner.naming import record_name, workflow_of
from runner.records import Records
from runner.server import Server
from runner.settings import Waits
from runner.spec import parse, spec_hash
from runner.stopping import Stop

ROOT = Path(__file__).parents[2]
EXECUTION = "pay-execute-1"
UID = "0d5c2b7e-6a3e-4f0e-9a57-0c1d2e3f4a5b"
WORKFLOW = "pay-x-1a2b3c4d-e1"
WORKFLOW_UID = "5f3e8a90-0000-4000-8000-000000000001"
QUICK = {
    "DRPLAN_FENCE_WAIT": "800ms",
    "DRPLAN_API_WAIT": "2s",
    "DRPLAN_LEASE": "3s",
    "DRPLAN_START_WAIT": "20s",
    "DRPLAN_PAUSE_POLL": "50ms",
}


def spec(
    *,
    url: str = "http://127.0.0.1:9/",
    method: str = "POST",
    body: str = "",
    headers: Mapping[str, str] | None = None,
    success: Sequence[int] = (),
    after: Sequence[str] = (),
    retries: int = 0,
    interval: float = 0.02,
    idempotent: bool | None = None,
    insecure: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    """Make the spec of an HTTP action; `changes` replaces top-level fields."""
    return {
        "v": 1,
        "name": "promote",
        "stage": "db",
        "workflow": "mysql",
        "namespace": "dr",
        "type": "HTTP",
        "operation": method,
        "after": list(after),
        "policy": "FailFast",
        "needs": "Finished",
        "timeout": 20.0,
        "retry": {"limit": retries, "interval": interval, "multiplier": 2.0},
        "idempotent": method not in ("POST", "PATCH") if idempotent is None else idempotent,
        "waitReady": False,
        "rollback": False,
        "http": {
            "url": url,
            "method": method,
            "headers": dict(headers or {}),
            "body": body,
            "successCodes": list(success),
            "insecureSkipVerify": insecure,
        },
        "holes": [],
        **changes,
    }


def run_frame(
    bench: Bench,
    what: Mapping[str, Any],
    records: Records,
    *,
    break_glass: bool = False,
    stop: Stop | None = None,
    lease: float = 3.0,
) -> Ending:
    """Run the frame of `s1.w1.a1` in this process, with a store of the test's own."""
    execution, uid = ("", "") if break_glass else (EXECUTION, UID)
    lane = bench.lane()
    frame = Frame(
        key="s1.w1.a1",
        spec=parse(json.dumps(what)),
        run=Run("dr", "pay", execution, uid, 1, "Execute", Workflow(WORKFLOW, WORKFLOW_UID)),
        revert=False,
        pod=lane.folder.name,
        lane=Lane(str(lane.folder)),
        records=records,
        waits=Waits(fence=0.3, api=0.2, lease=lease, start=5.0, pause_poll=0.02),
        stop=stop or Stop(),
        console=Console("s1.w1.a1", str(bench.folder / "termination")),
        server=lambda: Server.in_cluster({}),
        await_predecessors=lambda: True,
    )
    return frame.run()


def wait_until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"still not true after {seconds} s")
        time.sleep(0.01)


class Process:
    """A runner that was started.

    Args:
        arguments: its arguments.
        environment: its whole environment.
        output: file for everything that it prints.
        log: file for its termination message.
        through: command that becomes the runner.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        log: Path,
        *,
        through: Sequence[str] = (),
    ) -> None:
        self._output = output
        self._log = log
        with open(output, "ab") as file:
            self._process = subprocess.Popen(
                [*through, sys.executable, "-m", "runner", *arguments],
                cwd=ROOT,
                env=dict(environment),
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def wait(self, seconds: float = 30.0) -> int:
        """Wait for its end and return the exit code; a signal is a negative number."""
        return self._process.wait(seconds)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it as a lost node would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Send it SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    @property
    def output(self) -> str:
        """Everything that it printed."""
        return self._output.read_text()

    @property
    def last_message(self) -> str:
        """Its termination message."""
        return self._log.read_text()


class BenchLane:
    """A lane, as a pod would be: its folder, its part in a Workflow, and the runners in it.

    Attributes:
        closed_later: whether a closing container is still to come; else actions find that it has come and gone, unless
            the test has started one.
    """

    closed_later = False

    def __init__(self, bench: Bench, name: str, about: Path) -> None:
        self.bench = bench
        self.folder = bench.state / "lanes" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._about = about
        self._started: list[Process] = []

    def start(
        self,
        key: str,
        what: Mapping[str, Any] | str,
        *flags: str,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """Start the runner of an action."""
        text = what if isinstance(what, str) else json.dumps(what)
        return self.start_with(key, [f"--spec={text}", f"--state={self.bench.state}", *flags], environment)

    def close(
        self,
        members: Sequence[str],
        *,
        use: str = "s1.w1",
        limit: int = 16384,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """Start the closing container."""
        return self.start_with(use, ["--close", f"--members={','.join(members)}", f"--limit={limit}"], environment)

    def start_with(self, key: str, flags: Sequence[str], environment: Mapping[str, str] | None) -> Process:
        """Start a runner with exactly these flags, besides those that every test needs."""
        if not self.closed_later:
            (self.folder / f"{workflow_of(key)}.lock").touch()
        name = f"{self.folder.name}-{key}-{len(self._started)}"
        log = self.bench.folder / f"{name}.termination"
        arguments = [key, *flags, f"--lane={self.folder}", f"--about={self._about}", f"--termination-log={log}"]
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        process = Process(
            arguments, {**inherited, **QUICK, **(environment or {})}, self.bench.folder / f"{name}.log", log
        )
        self._started.append(process)
        self.bench.started.append(process)
        return process

    def result(self, key: str) -> dict[str, Any]:
        """Read the lane file of an action."""
        value = json.loads((self.folder / f"{key}.json").read_text())
        assert isinstance(value, dict)
        return value

    def has_result(self, key: str) -> bool:
        """Whether an action has left its lane file."""
        return (self.folder / f"{key}.json").exists()

    def put(self, key: str, phase: str, **fields: Any) -> None:
        """Leave a lane file as if an action had ended."""
        result = {"v": 1, "key": key, "phase": phase, **fields}
        aside = self.folder / f".{key}.test"
        aside.write_text(json.dumps(result))
        aside.rename(self.folder / f"{key}.json")


class Bench:
    """The folder of an execution, with its fence and records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir()
        self.started: list[Process] = []

    def clean_up(self) -> None:
        """End every runner that still runs."""
        for process in self.started:
            if process.running:
                process.kill()

    def lane(
        self,
        name: str = "lane-1",
        *,
        workflow: str = WORKFLOW,
        workflow_uid: str = WORKFLOW_UID,
        break_glass: bool = False,
        epoch: int = 1,
        operation: str = "Execute",
    ) -> BenchLane:
        """Make a lane of a Workflow."""
        about = self.folder / f"about-{name}"
        about.mkdir(exist_ok=True)
        run = {
            "namespace": "dr",
            "plan": "pay",
            "execution": "" if break_glass else EXECUTION,
            "uid": "" if break_glass else UID,
            "epoch": epoch,
            "operation": operation,
            "mode": "",
        }
        (about / "run").write_text(json.dumps(run))
        (about / "workflow").write_text(f"{workflow}/{workflow_uid}")
        return BenchLane(self, name, about)

    def open_fence(self, **changes: Any) -> None:
        """Write the execution with a fence; `changes` replaces fields of the fence."""
        fence = {
            "v": 1,
            "state": "Open",
            "epoch": 1,
            "run": 1,
            "workflow": WORKFLOW,
            "workflowUID": WORKFLOW_UID,
            "halts": [],
            **changes,
        }
        self.write_execution(annotations={"dr.bkbcs.tencent.com/fence": json.dumps(fence)})

    def write_execution(self, **metadata: Any) -> None:
        """Write the execution with this metadata besides name and uid."""
        value = {
            "apiVersion": "dr.bkbcs.tencent.com/v1alpha1",
            "kind": "DRPlanExecution",
            "metadata": {"name": EXECUTION, "namespace": "dr", "uid": UID, **metadata},
            "spec": {"planRef": "pay", "operationType": "Execute"},
        }
        aside = self.state / ".execution.test"
        aside.write_text(json.dumps(value))
        aside.rename(self.state / "execution.json")

    def record_path(self, key: str, *, execution: str = EXECUTION, uid: str = UID) -> Path:
        """Path of the record of an action."""
        return self.state / "records" / f"{record_name(execution, uid, key)}.json"

    def record(self, key: str) -> dict[str, Any]:
        """Read the record of an action."""
        value = json.loads(self.record_path(key).read_text())
        assert isinstance(value, dict)
        return value

    def has_record(self, key: str) -> bool:
        """Whether an action has a record."""
        return self.record_path(key).exists()

    def put_record(self, key: str, what: Mapping[str, Any], **state: Any) -> None:
        """Write a record as if another pod had."""
        path = self.record_path(key)
        path.parent.mkdir(exist_ok=True)
        full = {"phase": "Started", "epoch": 1, "run": 1, "startTime": "2026-01-01T00:00:00.000Z", **state}
        value = {
            "apiVersion": "dr.bkbcs.tencent.com/v1alpha1",
            "kind": "DRActionRecord",
            "metadata": {
                "name": path.stem,
                "namespace": "dr",
                "resourceVersion": "7",
                "labels": {
                    "dr.bkbcs.tencent.com/execution-uid": UID,
                    "dr.bkbcs.tencent.com/stage": key.split(".")[0],
                    "dr.bkbcs.tencent.com/result": full["phase"],
                },
            },
            "spec": {"schemaVersion": 1, "key": key, "specHash": spec_hash(what)},
            "state": full,
        }
        aside = path.with_suffix(".test")
        aside.write_text(json.dumps(value))
        with open(self.state / "state.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            aside.rename(path)
