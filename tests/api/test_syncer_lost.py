"""What people, or accidents, take from an execution: its snapshot, its records. And what nobody keeps in memory.

One syncer works for all tests; each has a plan of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compiler.model.names import LABEL_EXECUTION_UID, LABEL_FINAL, snapshot_name
from support.api_admin import Administrator, Object, until
from support.api_proxy import Certificate
from support.api_syncer import SyncerBench, condition
from support.plans import http, stage, workflow
from support.syncer_process import Syncer
from support.syncer_runs import ArgoRun

pytestmark = pytest.mark.bed

KEY = "s1.w1.a1"
DONE = {KEY: "Succeeded"}
TERMINATED = "Stopped with strategy 'Terminate'"


@pytest.fixture(scope="module")
def bench(
    administrator: Administrator, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SyncerBench]:
    """A namespace with a syncer at work, and the workflow of all plans."""
    with SyncerBench(administrator, certificate, tmp_path_factory.mktemp("syncer")) as made:
        rollback = {"type": "HTTP", "http": {"url": "http://site.example/undo", "method": "PUT"}}
        action = http("act", method="PUT", rollback=rollback)
        made.plan(stage("db", "one"), name="first", workflows=[workflow("one", action)])
        yield made


@pytest.fixture(scope="module")
def syncer(bench: SyncerBench) -> Syncer:
    """The syncer."""
    return bench.start()


def begun(bench: SyncerBench, name: str) -> ArgoRun:
    """An execution of a plan of its own name that runs."""
    bench.plan(stage("db", "one"), name=name, workflows=[])
    bench.execute(name, plan=name)
    run = bench.bound(name)
    run.argo("Running", {KEY: "Running"})
    bench.until_phase(name, "Running")
    return run


def lose_snapshot(bench: SyncerBench, name: str) -> None:
    """Delete the snapshot of an execution."""
    uid = bench.execution(name)["metadata"]["uid"]
    bench.administrator.delete("ConfigMap", bench.namespace, snapshot_name(uid, 1))


def records(bench: SyncerBench, name: str) -> list[Object]:
    uid = bench.execution(name)["metadata"]["uid"]
    found = bench.administrator.list("DRActionRecord", bench.namespace)
    return [each for each in found if each["metadata"]["labels"].get(LABEL_EXECUTION_UID) == uid]


def test_records_are_final_once_the_end_is_recorded_and_are_taken_back_by_a_retry(
    bench: SyncerBench, syncer: Syncer
) -> None:
    begun(bench, "again")
    bench.run_to_end("again", {KEY: "Failed"})
    (record,) = records(bench, "again")
    uid = bench.execution("again")["metadata"]["uid"]
    assert record["metadata"]["labels"][LABEL_FINAL] == "true"
    assert [each["uid"] for each in record["metadata"]["ownerReferences"]] == [uid]
    bench.annotate("again", retry="1")
    until(lambda: bench.status("again")["epoch"] == 2, "the second epoch")
    (record,) = records(bench, "again")
    assert LABEL_FINAL not in record["metadata"]["labels"]
    second = bench.bound("again")
    second.record(KEY, "Succeeded", epoch=2)
    second.argo("Succeeded", DONE)
    bench.until_phase("again", "Succeeded")
    (record,) = records(bench, "again")
    assert record["metadata"]["labels"][LABEL_FINAL] == "true"


def test_an_undo_is_marked_on_records_that_are_final_and_is_not_done_twice(bench: SyncerBench, syncer: Syncer) -> None:
    begun(bench, "undone")
    bench.run_to_end("undone", DONE)
    bench.revert("undone-undo", "undone", plan="undone")
    bench.run_to_end("undone-undo", DONE)
    (record,) = records(bench, "undone")
    assert record["state"]["undoneBy"]["name"] == "undone-undo"
    assert record["metadata"]["labels"][LABEL_FINAL] == "true"


def test_a_run_that_argo_retries_has_its_records_back(bench: SyncerBench, syncer: Syncer) -> None:
    run = begun(bench, "rerun")
    bench.run_to_end("rerun", {KEY: "Failed"})
    run.argo("Running", {KEY: "Running"})
    until(lambda: run.fence["run"] == 2, "the fence to open again")
    (record,) = records(bench, "rerun")
    assert LABEL_FINAL not in record["metadata"]["labels"]
    run.record(KEY, "Succeeded", run=2)
    run.argo("Succeeded", DONE)
    bench.until_phase("rerun", "Succeeded")
    until(lambda: LABEL_FINAL in records(bench, "rerun")[0]["metadata"]["labels"], "the record to be final again")


def test_a_run_whose_workflow_is_deleted_owns_its_records(bench: SyncerBench, syncer: Syncer) -> None:
    run = begun(bench, "gone")
    run.record(KEY, "Succeeded")
    run.delete()
    bench.until_phase("gone", "Succeeded")
    (record,) = records(bench, "gone")
    assert record["metadata"]["labels"][LABEL_FINAL] == "true"
    assert record["metadata"]["ownerReferences"]


def test_executions_without_their_snapshot_are_told_of_end_and_can_be_deleted(
    bench: SyncerBench, syncer: Syncer
) -> None:
    names = ("lost-watched", "lost-deleted", "lost-cancelled", "lost-finished")
    runs = {name: begun(bench, name) for name in names}
    bench.run_to_end("lost-finished", DONE)
    runs["lost-deleted"].record(KEY, "Started", holder={"id": "h", "pod": "p", "attempt": 1, "released": True})
    for name in names:
        lose_snapshot(bench, name)
    assert syncer.stop() == 0
    bench.start()
    for name in names[:3]:
        until(lambda name=name: condition(bench.status(name), "Stalled") == ("True", "Failed"), f"{name} to be told of")
        assert "the snapshot of what it runs is gone: there is no ConfigMap drx-" in bench.status(name)["message"]

    bench.delete("lost-finished")
    bench.delete("lost-deleted")
    until(lambda: not bench.exists("lost-finished"), "the finished one to go")
    deleted = runs["lost-deleted"]
    until(lambda: deleted.spec.get("shutdown") == "Terminate", "the deleted one to be terminated")
    assert deleted.fence["state"] == "Closed"
    deleted.argo("Failed", {}, TERMINATED)
    until(lambda: not bench.exists("lost-deleted"), "the deleted one to go")
    assert bench.history("lost-deleted") == [("lost-deleted", "Execute", "Cancelled")]
    assert "currentExecution" not in bench.plan_status("lost-deleted")

    bench.annotate("lost-cancelled", cancel="true")
    cancelled = runs["lost-cancelled"]
    cancelled.record(KEY, "Succeeded")
    until(lambda: cancelled.spec.get("shutdown") == "Terminate", "the cancelled one to be terminated")
    cancelled.argo("Failed", {KEY: "Succeeded"}, TERMINATED)
    status = bench.until_phase("lost-cancelled", "Cancelled")
    assert status["summary"]["succeededActions"] == 1
    assert condition(status, "Succeeded") == ("False", "Cancelled")
    assert bench.history("lost-cancelled") == [("lost-cancelled", "Execute", "Cancelled")]

    runs["lost-watched"].record(KEY, "Succeeded")
    runs["lost-watched"].argo("Succeeded", DONE)
    status = bench.until_phase("lost-watched", "Unknown")
    assert condition(status, "Succeeded") == ("False", "OutcomeUnknown")
    assert bench.history("lost-watched") == [("lost-watched", "Execute", "Unknown")]
