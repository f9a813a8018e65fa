"""The syncer as a process: started, asked how it is, stopped and killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Protocol

from support.api_admin import Object, until
from support.command import ROOT
from support.syncer_zygote import Forked

_STOP_SECONDS = 20.0


class Starter(Protocol):
    """Starts programs."""

    def start(self, arguments: list[str], log: Path, /) -> subprocess.Popen[bytes] | Forked:
        """Start the program with these arguments; it writes into a file."""


class Syncer:
    """A process."""

    def __init__(
        self, kubeconfig: Path, namespace: str, flags: tuple[str, ...], log: Path, *, zygote: Starter | None = None
    ) -> None:
        self.kubeconfig = kubeconfig
        self.log = log
        self.port = free_port()
        arguments = [
            *("syncer", "--log-level=debug"),
            *(f"--kubeconfig={kubeconfig}", f"--namespace={namespace}", f"--own-namespace={namespace}"),
            f"--metrics-address=127.0.0.1:{self.port}",
            *flags,
        ]
        self._process = _spawned(arguments, log) if zygote is None else zygote.start(arguments, log)
        self.pid = self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def get(self, path: str) -> str | None:
        """What it serves at a path; None when it does not, or says that it is not well."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read(), "utf-8")
        except OSError:
            return None

    def until_ready(self) -> None:
        """Wait until it has everything in view."""
        until(lambda: self.get("/readyz"), "the syncer to be ready", seconds=60)

    def freeze(self) -> None:
        """Stop it in whatever it does, as a machine does that is suspended."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a lost node would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_STOP_SECONDS)

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.wait(60)

    def lines(self) -> list[Object]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


def _spawned(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-m", "drplan", *arguments]
    with log.open("w") as output:
        return subprocess.Popen(
            command, cwd=ROOT, env=inherited, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )


def kubeconfig_of(port: int, authority: Path, token: str) -> Object:
    """A kubeconfig for a token and a port of this machine."""
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
