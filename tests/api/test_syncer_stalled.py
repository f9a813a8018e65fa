"""Condition `Stalled` at the real API server: what stalls an execution is said, and taken back when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.api_admin import Administrator, until
from support.api_proxy import Certificate
from support.api_syncer import SyncerBench, condition
from support.plans import http, stage, workflow

pytestmark = pytest.mark.bed

DONE = {"s1.w1.a1": "Succeeded"}


@pytest.fixture
def bench(administrator: Administrator, certificate: Certificate, tmp_path: Path) -> Iterator[SyncerBench]:
    """A namespace with a plan of one action, and a syncer."""
    with SyncerBench(administrator, certificate, tmp_path) as made:
        made.plan(stage("db", "one"), workflows=[workflow("one", http("act", method="PUT"))])
        made.start()
        yield made


def until_stalled(bench: SyncerBench, reason: str) -> None:
    until(
        lambda: condition(bench.status("pay-1"), "Stalled") == ("True", reason),
        f"it to be stalled: {reason}",
        seconds=60,
    )


def until_it_goes_on(bench: SyncerBench) -> None:
    until(lambda: condition(bench.status("pay-1"), "Stalled") is None, "it not to be stalled any more", seconds=60)


def test_nodes_that_cannot_be_read_and_a_runner_that_is_silent_stall_an_execution(bench: SyncerBench) -> None:
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    run.argo("Running", {"s1.w1.a1": "Running"})
    bench.until_phase("pay-1", "Running")
    assert condition(bench.status("pay-1"), "Stalled") is None

    nodes = (run.get() or {})["status"]["nodes"]
    patch = {"status": {"nodes": None, "compressedNodes": "KLUv/Q=="}}
    bench.administrator.merge("Workflow", bench.namespace, run.name, patch)
    until_stalled(bench, "NodesUnreadable")
    patch = {"status": {"nodes": nodes, "compressedNodes": None}}
    bench.administrator.merge("Workflow", bench.namespace, run.name, patch)
    until_it_goes_on(bench)

    silent = (datetime.now(UTC) - timedelta(minutes=3)).isoformat()
    run.record("s1.w1.a1", "Started", holder={"id": "h", "pod": "lane-1", "attempt": 1, "renewTime": silent})
    until_stalled(bench, "RunnerSilent")
    until(lambda: "RunnerSilent" in bench.events("pay-1"), "an event about it")
    now = datetime.now(UTC).isoformat()
    run.record("s1.w1.a1", "Started", holder={"id": "h2", "pod": "lane-2", "attempt": 2, "renewTime": now})
    until_it_goes_on(bench)
    bench.run_to_end("pay-1", DONE)


def test_a_workflow_of_somebody_else_that_has_its_name_is_never_taken_for_its_own(bench: SyncerBench) -> None:
    bench.execute("pay-1")
    bench.run_to_end("pay-1", {"s1.w1.a1": "Failed"})
    name = bench.bound("pay-1").name.removesuffix("1") + "2"
    spec = {"entrypoint": "x", "templates": [{"name": "x", "suspend": {}}]}
    made = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec}
    bench.administrator.create(made, namespace=bench.namespace)
    bench.annotate("pay-1", retry="1")
    until_stalled(bench, "WorkflowConflict")
    until(lambda: "WorkflowConflict" in bench.events("pay-1"), "an event about it")
    found = bench.administrator.get("Workflow", bench.namespace, name)
    assert found is not None
    assert found["spec"] == spec
    bench.administrator.delete("Workflow", bench.namespace, name)
    again = bench.bound("pay-1")
    assert again.name == name
    until_it_goes_on(bench)
    again.record("s1.w1.a1", "Succeeded", epoch=2)
    again.argo("Succeeded", DONE)
    bench.until_phase("pay-1", "Succeeded")


def test_a_workflow_that_was_replaced_by_one_of_its_name_is_lost_and_the_new_one_is_terminated(
    bench: SyncerBench,
) -> None:
    bench.execute("pay-1")
    run = bench.bound("pay-1")
    before = run.get()
    assert before is not None
    run.delete()
    kept = {name: before["metadata"][name] for name in ("name", "labels", "annotations")}
    bench.administrator.create({**before, "metadata": kept, "status": {}}, namespace=bench.namespace)
    status = bench.until_phase("pay-1", "Failed")
    assert condition(status, "Succeeded") == ("False", "WorkflowLost")
    until(lambda: run.spec.get("shutdown") == "Terminate", "the new one to be terminated")
    assert run.fence["workflowUID"] == before["metadata"]["uid"]


def test_a_workflow_that_argo_retries_is_terminated_when_another_execution_came_after_it(bench: SyncerBench) -> None:
    bench.execute("pay-1")
    bench.run_to_end("pay-1", {"s1.w1.a1": "Failed"})
    run = bench.bound("pay-1")
    bench.execute("pay-2")
    bench.run_to_end("pay-2", DONE)
    run.argo("Running", {"s1.w1.a1": "Running"})
    until(lambda: "RetryRefused" in bench.events("pay-1"), "the refusal")
    until(lambda: run.spec.get("shutdown") == "Terminate", "the Workflow to be terminated")
    assert run.fence["state"] == "Closed"
    assert bench.history() == [("pay-2", "Execute", "Succeeded"), ("pay-1", "Execute", "Failed")]
