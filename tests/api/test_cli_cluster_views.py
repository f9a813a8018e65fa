"""The commands that look at executions in a cluster, at the real API server and with the real syncer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api_admin import Administrator, until
from support.api_proxy import Certificate
from support.api_syncer import ACCOUNT, SyncerBench
from support.cluster_commands import Commands, written
from support.plans import http, stage, workflow
from support.syncer_process import free_port

pytestmark = pytest.mark.bed

BOTH = {"s1.w1.a1": "Succeeded", "s2.w1.a1": "Succeeded"}


@pytest.fixture(scope="module")
def bench(
    administrator: Administrator, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SyncerBench]:
    """A namespace in which a syncer lives, with a plan of two stages that has run."""
    with SyncerBench(administrator, certificate, tmp_path_factory.mktemp("syncer")) as made:
        action = http("act", method="PUT")
        made.plan(stage("db", "one"), stage("app", "two"), workflows=[workflow("one", action), workflow("two", action)])
        made.start().until_ready()
        made.execute("pay-1")
        made.run_to_end("pay-1", BOTH)
        yield made


@pytest.fixture
def call(bench: SyncerBench, tmp_path: Path) -> Commands:
    """The commands, with the bench's namespace in their kubeconfig."""
    return Commands.of(bench, tmp_path)


def token_of(bench: SyncerBench, account: str) -> str:
    """A token of a service account."""
    path = f"/api/v1/namespaces/{bench.namespace}/serviceaccounts/{account}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str(bench.administrator.ask("POST", path, request)["status"]["token"])


def test_executions_are_shown_as_a_tree_a_table_and_objects(bench: SyncerBench, call: Commands) -> None:
    tree = call("get", "pay-1")
    assert (tree.code, tree.err) == (0, "")
    assert "Execute of plan pay, namespace " + bench.namespace in tree.out
    assert "s2.w1.a1" in tree.out
    table = call("get", "-o", "wide")
    assert table.out.splitlines()[0].startswith("NAME")
    assert "All stages completed successfully" in table.out
    assert call("get", "pay-1", "-o", "json").json["status"]["phase"] == "Succeeded"
    assert call("get", "pay-1", "-o", "yaml").documents[0]["kind"] == "DRPlanExecution"
    assert call("get", "-n", "default").err == "no executions in namespace default\n"


def test_a_history_has_what_is_kept_and_what_only_the_plan_remembers_once_each(
    bench: SyncerBench, call: Commands
) -> None:
    bench.plan(stage("db", "one"), name="old", workflows=[])
    for name in ("old-1", "old-2"):
        bench.execute(name, plan="old")
        bench.run_to_end(name, {"s1.w1.a1": "Succeeded"})
    bench.delete("old-1")
    until(lambda: not bench.exists("old-1"), "the execution to be gone", seconds=60)
    shown = call("history", "old", "-o", "json")
    assert [(each["name"], each["phase"]) for each in shown.json] == [("old-2", "Succeeded"), ("old-1", "Succeeded")]
    nothing = call("history", "none")
    assert nothing.code == 1
    assert f"there is no DRPlan {bench.namespace}/none" in nothing.err


def test_a_watch_goes_on_through_cut_connections_and_a_server_that_is_away(bench: SyncerBench, tmp_path: Path) -> None:
    proxy = bench.proxy()
    # A proxy ends TLS, so that certificates of clients do not come through.
    server = {"server": f"https://127.0.0.1:{proxy.port}", "certificate-authority": str(proxy.authority)}
    user = {"token": token_of(bench, ACCOUNT)}
    call = Commands(written(tmp_path / "proxied", cluster=server, user=user, namespace=bench.namespace))
    bench.execute("pay-2")
    run = bench.bound("pay-2")
    with call.started("watch", "pay-2", "-o", "json") as watching:
        until(lambda: any("watch=true" in asked.query for asked in proxy.asked), "the watch", seconds=60)
        proxy.cut_streams()
        proxy.refuse()
        run.record("s1.w1.a1", "Succeeded")
        until(lambda: bench.status("pay-2")["stageStatuses"][0]["phase"] == "Succeeded", "the first stage")
        proxy.accept()
        bench.run_to_end("pay-2", BOTH)
        out, err = watching.communicate(timeout=90)
    assert watching.returncode == 0, err
    assert json.loads(out)["status"]["phase"] == "Succeeded"
    assert "s1.w1.a1 act" in err


def test_a_watch_of_what_failed_or_was_deleted_ends_as_it_ended(bench: SyncerBench, call: Commands) -> None:
    bench.plan(stage("db", "one"), name="bad", workflows=[])
    bench.execute("bad-1", plan="bad")
    bench.run_to_end("bad-1", {"s1.w1.a1": "Failed"})
    assert call("watch", "bad-1").code == 2
    bench.plan(stage("db", "one"), name="gone", workflows=[], suspend=False)
    bench.execute("gone-1", plan="gone")
    run = bench.bound("gone-1")
    with call.started("watch", "gone-1") as watching:
        assert watching.stdout is not None
        watching.stdout.readline()
        bench.delete("gone-1")
        until(lambda: run.spec.get("shutdown"), "the Workflow to be stopped", seconds=60)
        run.argo("Failed", {}, "Stopped with strategy 'Stop'")
        _, err = watching.communicate(timeout=60)
    assert watching.returncode == 3, err


def test_what_is_not_there_is_said_with_its_name(bench: SyncerBench, call: Commands) -> None:
    for command in ("get", "watch", "cancel", "pause", "resume", "retry", "revert"):
        called = call(command, "none")
        assert called.code == 1
        assert f"there is no DRPlanExecution {bench.namespace}/none" in called.err
    missing = call("execute", "none")
    assert missing.code == 1
    assert f"there is no DRPlan {bench.namespace}/none; apply it first" in missing.err


def test_a_server_that_cannot_be_had_is_exit_code_4(bench: SyncerBench, tmp_path: Path) -> None:
    server = {"server": f"https://127.0.0.1:{free_port()}", "insecure-skip-tls-verify": True}
    nobody = written(tmp_path / "nobody", cluster=server, user={"token": "t"}, namespace="x")
    away = Commands(nobody)("get")
    assert away.code == 4
    assert "cannot reach the API server" in away.err
    lost = Commands(tmp_path / "none")("get")
    assert lost.code == 4
    assert "set KUBECONFIG to a kubeconfig" in lost.err
    bed = bench.administrator.bed
    server = {"server": f"https://127.0.0.1:{bed.state.port}", "certificate-authority": str(bed.authority.ca)}
    stranger = Commands(written(tmp_path / "stranger", cluster=server, user={"token": "t"}, namespace="x"))("get")
    assert stranger.code == 4
    assert "the API server does not accept these credentials" in stranger.err


def test_who_may_not_look_is_told_so(bench: SyncerBench, tmp_path: Path) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "visitor"}}
    bench.administrator.create(account, namespace=bench.namespace)
    token = token_of(bench, "visitor")
    bed = bench.administrator.bed
    server = {"server": f"https://127.0.0.1:{bed.state.port}", "certificate-authority": str(bed.authority.ca)}
    call = Commands(written(tmp_path / "visitor", cluster=server, user={"token": token}, namespace=bench.namespace))
    refused = call("pause", "pay-1")
    assert refused.code == 4
    assert "forbidden" in refused.err
    assert "ask for the rights" in refused.err
