"""What a review takes, asked as the API server asks: over TLS, one after the other on a connection that stays.

The syncer has all kinds in view, a plan whose workflows have 500 actions among them. Every execution that is reviewed
comes with parameters of its own, so that no answer was given before.
"""

from __future__ import annotations

import json
import shutil
import statistics
import time
from collections.abc import Callable
from typing import Any

import urllib3

from benchmarks.processes import cpu_so_far
from benchmarks.syncer_figures import Figure, percentile
from benchmarks.syncer_world import wait_until, workflow_of
from compiler.model.names import GROUP, KIND_EXECUTION, KIND_PLAN, KIND_WORKFLOW, VERSION
from support import plans
from support.api_syncer import SyncerBench
from support.syncer_process import Syncer, free_port
from syncer.admission.server import path_of
from syncer.admission.wire import Operation

LIMIT = 15.0
ACTIONS = 500
REVIEWS = 200
WARM = 10

Object = dict[str, Any]
Made = Callable[[int], Object]


def measure(bench: SyncerBench) -> list[Figure]:
    """Milliseconds of a review, by what is reviewed."""
    port, folder = free_port(), bench.folder / "webhook"
    folder.mkdir()
    certificate = bench.certificate
    shutil.copy(certificate.certificate, folder / "tls.crt")
    shutil.copy(certificate.key, folder / "tls.key")
    address = f"127.0.0.1:{port}"
    syncer = bench.start("--log-level=warning", f"--webhook-address={address}", f"--webhook-certificates={folder}")
    syncer.until_ready()
    small, large = plans.stage("only", "small"), plans.stage("only", "large")
    bench.plan(small, name="small", workflows=[workflow_of("small", 5)])
    bench.plan(large, large | {"name": "again"}, name="large", workflows=[workflow_of("large", ACTIONS)])
    wait_until(lambda: bench.is_ready("small") and bench.is_ready("large"), "the plans to be ready")
    ask = _Asking(f"https://{address}", str(certificate.authority), syncer, bench.namespace)
    two = [small, large | {"name": "large"}]
    cases: list[tuple[str, str, Made, float | None]] = [
        ("an execution of a plan of 5 actions", KIND_EXECUTION, lambda n: _execution("small", n), LIMIT),
        (f"an execution of a plan of 2 x {ACTIONS} actions", KIND_EXECUTION, lambda n: _execution("large", n), LIMIT),
        (f"a plan that uses workflows of 5 and {ACTIONS} actions", KIND_PLAN, lambda n: _plan(two, n), LIMIT),
        ("a workflow of 5 actions", KIND_WORKFLOW, lambda n: workflow_of(f"new-{n}", 5), LIMIT),
        (f"a workflow of {ACTIONS} actions", KIND_WORKFLOW, lambda n: workflow_of(f"new-{n}", ACTIONS), None),
    ]
    figures = ask.nothing()
    for name, kind, made, limit in cases:
        figures += ask.reviews(name, kind, made, limit)
    return figures


def _execution(plan: str, number: int) -> Object:
    return plans.execution(f"asked-{number}", plan=plan, params=[{"name": "region", "value": f"r{number}"}])


def _plan(stages: list[Object], number: int) -> Object:
    return plans.plan(*stages, name="changed", globalParams=[{"name": "region", "value": f"r{number}"}])


class _Asking:
    """Asks."""

    def __init__(self, url: str, authority: str, syncer: Syncer, namespace: str) -> None:
        self._pool = urllib3.connection_from_url(url, ca_certs=authority, maxsize=1, block=True, timeout=30.0)
        self._syncer = syncer
        self._namespace = namespace

    def nothing(self) -> list[Figure]:
        """Ask for what is not there: what connection, TLS and a busy machine take by themselves."""
        times, cpu = self._timed(lambda _: self._pool.urlopen("POST", "/nothing", body=b"{}"))
        return self._figures("a path that is not there", times, cpu, None)

    def reviews(self, name: str, kind: str, made: Made, limit: float | None) -> list[Figure]:
        """Ask for reviews."""
        bodies = [self._body(kind, made(number), number) for number in range(REVIEWS + WARM)]
        times, cpu = self._timed(lambda number: self._review(kind, bodies[number]))
        return self._figures(name, times, cpu, limit)

    def _timed(self, call: Callable[[int], object]) -> tuple[list[float], float]:
        for number in range(WARM):
            call(number)
        before, times = cpu_so_far(self._syncer.pid), []
        for number in range(WARM, REVIEWS + WARM):
            begun = time.perf_counter()
            call(number)
            times.append((time.perf_counter() - begun) * 1000)
        return times, (cpu_so_far(self._syncer.pid) - before) * 1000 / REVIEWS

    def _figures(self, name: str, times: list[float], cpu: float, limit: float | None) -> list[Figure]:
        return [
            Figure(f"{name}: 99 of 100 within", "ms", percentile(times, 0.99), limit),
            Figure(f"{name}: half within", "ms", statistics.median(times)),
            Figure(f"{name}: CPU", "ms", cpu),
        ]

    def _review(self, kind: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        answer = self._pool.urlopen("POST", path_of("validate", kind), body=body, headers=headers)
        response = json.loads(answer.data)["response"]
        if not response["allowed"]:
            raise RuntimeError(f"refused: {response['status']['message']}")

    def _body(self, kind: str, value: Object, number: int) -> bytes:
        metadata = {**value["metadata"], "namespace": self._namespace}
        request = {
            "uid": f"review-{number}",
            "kind": {"group": GROUP, "version": VERSION, "kind": kind},
            "operation": Operation.CREATE,
            "namespace": self._namespace,
            "name": metadata["name"],
            "userInfo": {"username": "somebody"},
            "object": {**value, "metadata": metadata},
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        return json.dumps(review).encode()
