"""Forks syncers for tests that start many: a process that has imported everything, and asks nobody to do it again.

with Zygote() as zygote:
    process = zygote.start(["syncer", "--namespace=x"], log)
    process.kill()

What is forked runs the program from its command line on, as a process of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from support.command import ROOT

_SLOW = (
    "aiohttp.web",
    "compiler.argo.assemble",
    "drplan.cli.syncer",
    "kubernetes.aio.client",
    "kubernetes.aio.config",
    "syncer.app",
)
"""What takes long to import, and every syncer needs."""


class Zygote:
    """The process that forks."""

    def __init__(self) -> None:
        paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.syncer_zygote"],
            cwd=ROOT,
            env={**inherited, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Zygote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self, arguments: list[str], log: Path) -> Forked:
        """Start a program with these arguments that writes into a file."""
        return Forked(self, self.ask({"start": arguments, "log": str(log)}))

    def ask(self, request: dict[str, Any]) -> Any:
        """Ask the process for something."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Forked:
    """A process that was forked, as `subprocess.Popen` shows one."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        self.pid = pid
        self._zygote = zygote
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code; None as long as it runs."""
        if self._code is None:
            self._code = self._zygote.ask({"poll": self.pid})
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; returns its exit code."""
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def _serve() -> None:
    """Serve until standard input ends."""
    _import_everything()
    for line in sys.stdin:
        request = json.loads(line)
        answer = _start(request) if "start" in request else _poll(request["poll"])
        print(json.dumps(answer), flush=True)


def _import_everything() -> None:
    for name in _SLOW:
        importlib.import_module(name)


def _start(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        with open(os.devnull, "rb") as nothing, open(request["log"], "wb") as log:
            for number, file in enumerate((nothing, log, log)):
                os.dup2(file.fileno(), number)
        sys.argv = ["drplan", *request["start"]]
        from drplan.cli import main

        try:
            main()
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else 1)
        os._exit(0)
    return pid


def _poll(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


if __name__ == "__main__":
    _serve()
