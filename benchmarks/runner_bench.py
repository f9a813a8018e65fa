"""What the runner costs an action, at a real API server: CPU, requests, and memory while it waits for its turn.

Beside it, in the same run and at the same API server, the same change made by `kubectl apply` and by the Python client.
CPU is that of the whole process, user and system, from its start to its end. What the runner asks the API server for
besides the action itself is fence and record. It takes the test bed, so it is made only where that can run; else it
says so.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from bed import build, lifecycle, requirements  # noqa: E402
from bed.state import Tier  # noqa: E402
from benchmarks.processes import cpu_so_far, memory  # noqa: E402
from runner.vocabulary import GROUP  # noqa: E402
from support.api_actions import ActionBench, config, resource  # noqa: E402
from support.api_admin import Administrator  # noqa: E402
from support.api_proxy import Certificate  # noqa: E402
from support.api_runner import Room  # noqa: E402
from support.http_site import Site  # noqa: E402
from support.runner_bench import spec  # noqa: E402

BED = "bench-api"
KEY = "s1.w1.a1"
ROUNDS = 7
MOST_CPU = 250.0
MOST_REQUESTS = 6
MOST_MEMORY = 12.0
MOST_IDLE = 1.0
SETTLED = 2.0
WATCHED = 5.0
PYTHON_CLIENT = """
import sys
import kubernetes
port, account, namespace, name = sys.argv[1:]
settings = kubernetes.client.Configuration(host=f"https://127.0.0.1:{port}")
settings.ssl_ca_cert = f"{account}/ca.crt"
settings.api_key = {"authorization": "Bearer " + open(f"{account}/token").read()}
api = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(settings))
api.read_namespaced_config_map(name, namespace)
"""

Object = dict[str, Any]


class Cost(NamedTuple):
    """What a process cost.

    Attributes:
        cpu: milliseconds of CPU.
        beside: requests to the API server about fence and record.
        own: all other requests to it.
    """

    cpu: float
    beside: int
    own: int


class Waiting(NamedTuple):
    """What a runner costs that waits for its turn.

    Attributes:
        rss: resident memory, MiB.
        pss: the same, with each shared page divided by those who share it: what one of many in a pod takes.
        cpu: percent of a CPU.
        requests: requests to the API server.
    """

    rss: float
    pss: float
    cpu: float
    requests: int


class Measurement:
    """Measures in one namespace, through one proxy that counts."""

    def __init__(self, bench: ActionBench, site: Site) -> None:
        self._bench = bench
        self._proxy = bench.room.proxy()
        self._number = 0
        self._specs: dict[str, Callable[[int], Object]] = {
            "HTTP": lambda _: spec(url=site.url, method="PUT"),
            "KubernetesResource Apply": lambda number: resource("Apply", config(color=str(number))),
        }

    @property
    def actions(self) -> Sequence[str]:
        """The actions that are measured."""
        return list(self._specs)

    def action(self, name: str) -> Cost:
        """An action, from the start of its runner to its end."""
        self._number += 1
        made = self._specs[name](self._number)
        before = len(self._proxy.asked)
        process = self._bench.start(made, self._bench.run(), port=self._proxy.port)
        return self._cost(_ended(process.pid), before)

    def kubectl(self, *, known: bool) -> Cost:
        """`kubectl apply` of the same object; `known`: with a cache of what the API server serves."""
        self._number += 1
        room, manifest = self._bench.room, json.dumps(config(color=str(self._number)))
        cache = room.folder / ("cache" if known else f"cache-{self._number}")
        command = [
            *(str(build.program("kubectl")), f"--server=https://127.0.0.1:{self._proxy.port}"),
            f"--certificate-authority={room.account / 'ca.crt'}",
            *("--token", (room.account / "token").read_text(), "--namespace", room.namespace),
            *("--cache-dir", str(cache), "apply", "--server-side", "--force-conflicts", "-f", "-"),
        ]
        return self._peer(command, given=manifest)

    def python_client(self) -> Cost:
        """The Python client, imported, and one request."""
        room = self._bench.room
        arguments = [str(self._proxy.port), str(room.account), room.namespace, "settings"]
        return self._peer([sys.executable, "-c", PYTHON_CLIENT, *arguments])

    def waiting(self, name: str) -> Waiting:
        """A runner whose predecessor does not end."""
        proxy = self._bench.room.proxy()
        made = {**self._specs[name](0), "after": ["a9"]}
        process = self._bench.start(made, self._bench.run(), port=proxy.port, environment={"DRPLAN_START_WAIT": "1h"})
        time.sleep(SETTLED)
        begun, before = time.monotonic(), cpu_so_far(process.pid)
        time.sleep(WATCHED)
        used = (cpu_so_far(process.pid) - before) / (time.monotonic() - begun) * 100
        kinds = memory(process.pid)
        process.kill()
        return Waiting(kinds["Rss"], kinds["Pss"], used, len(proxy.asked))

    def _peer(self, command: Sequence[str], *, given: str = "") -> Cost:
        before = len(self._proxy.asked)
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        with tempfile.TemporaryFile() as file:
            file.write(given.encode())
            file.seek(0)
            process = subprocess.Popen(command, stdin=file, stdout=subprocess.DEVNULL, env=environment)
            return self._cost(_ended(process.pid), before)

    def _cost(self, cpu: float, before: int) -> Cost:
        asked = self._proxy.asked[before:]
        beside = sum(f"/{GROUP}/" in each.path for each in asked)
        return Cost(cpu, beside, len(asked) - beside)


def _ended(pid: int) -> float:
    """Wait for the end of a process; return its CPU in milliseconds."""
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"process {pid} ended with exit code {os.waitstatus_to_exitcode(status)}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def measure() -> tuple[dict[str, Cost], dict[str, Waiting]]:
    """Costs of all, ours and the peers', by name, and what waiting costs."""
    with tempfile.TemporaryDirectory() as folder:
        administrator = Administrator(lifecycle.up(BED, Tier.API, owner=os.getpid()))
        try:
            administrator.define(ROOT / "crds")
            certificate = Certificate.made(Path(folder, "certificates"))
            room = Room(administrator, Path(folder), name="runner-bench", certificate=certificate)
            with room, Site() as site:
                return _measured(Measurement(ActionBench(room).granted(), site))
        finally:
            administrator.close()
            lifecycle.down(BED)


def _measured(made: Measurement) -> tuple[dict[str, Cost], dict[str, Waiting]]:
    measured: dict[str, Callable[[], Cost]] = {
        **{name: partial(made.action, name) for name in made.actions},
        "kubectl apply": partial(made.kubectl, known=False),
        "kubectl apply, knows the server": partial(made.kubectl, known=True),
        "Python client, one GET": made.python_client,
    }
    for call in measured.values():
        call()
    # In turn, so that the machine is the same for all of them.
    rounds = [{name: call() for name, call in measured.items()} for _ in range(ROUNDS)]
    costs = {
        name: Cost(
            statistics.median(each[name].cpu for each in rounds),
            max(each[name].beside for each in rounds),
            max(each[name].own for each in rounds),
        )
        for name in measured
    }
    return costs, {name: made.waiting(name) for name in made.actions}


def report(costs: Mapping[str, Cost], waits: Mapping[str, Waiting]) -> bool:
    """Print the figures; return whether one is missed."""
    missed = False

    def line(name: str, value: float, limit: float | None) -> None:
        nonlocal missed
        over = limit is not None and value > limit
        missed |= over
        print(f"{name:<60}{value:>8.1f}{'' if limit is None else f'{limit:>8.0f}'}{'  missed' if over else ''}")

    print(f"{'an action at the API server':<60}{'':>8}{'limit':>8}")
    for name, cost in costs.items():
        ours = name in waits
        line(f"{name}: CPU ms", cost.cpu, MOST_CPU if ours else None)
        if ours:
            line(f"{name}: requests for fence and record", cost.beside, MOST_REQUESTS)
        line(f"{name}: requests of its own", cost.own, None)
    for name, wait in waits.items():
        line(f"{name}, waits for its turn: RSS MiB", wait.rss, MOST_MEMORY)
        line(f"{name}, waits for its turn: PSS MiB", wait.pss, None)
        line(f"{name}, waits for its turn: % of a CPU", wait.cpu, MOST_IDLE)
        line(f"{name}, waits for its turn: requests", wait.requests, 0)
    return missed


def main() -> int:
    """Measure, print, and with --check fail when a limit is missed."""
    lacking = requirements.lacking()
    if lacking:
        print(f"an action at the API server: not measured here, the test bed needs {'; and '.join(lacking)}")
        return 0
    costs, waits = measure()
    missed = report(costs, waits)
    figures = {name: {key: round(value, 1) for key, value in cost._asdict().items()} for name, cost in costs.items()}
    waiting = {name: {key: round(value, 1) for key, value in wait._asdict().items()} for name, wait in waits.items()}
    print(json.dumps({"actions": figures, "waiting": waiting}))
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
