"""The commands that ask something of the syncer, at the real API server and with the real syncer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api_admin import Administrator, until
from support.api_proxy import Certificate
from support.api_syncer import SyncerBench, condition
from support.cluster_commands import Commands
from support.plans import http, stage, workflow

pytestmark = pytest.mark.bed

_POLICIES = ("policies", "policybindings")
BOTH = {"s1.w1.a1": "Succeeded", "s2.w1.a1": "Succeeded"}


@pytest.fixture(scope="module")
def bench(
    administrator: Administrator, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SyncerBench]:
    """A namespace in which a syncer lives."""
    with SyncerBench(administrator, certificate, tmp_path_factory.mktemp("syncer")) as made:
        undo = http("undo", method="PUT")
        action = http("act", method="PUT", rollback={"type": "HTTP", "http": undo["http"]})
        made.plan(stage("db", "one"), name="unused", workflows=[workflow("one", action), workflow("two", action)])
        made.start().until_ready()
        yield made


@pytest.fixture
def plan(bench: SyncerBench, request: pytest.FixtureRequest) -> str:
    """A plan of two stages that is ready."""
    name = f"p{abs(hash(request.node.name)) % 10**8}"
    bench.plan(stage("db", "one"), stage("app", "two"), name=name, workflows=[])
    until(lambda: bench.is_ready(name), "the plan to be ready", seconds=60)
    return name


@pytest.fixture
def call(bench: SyncerBench, tmp_path: Path) -> Commands:
    """The commands, with the bench's namespace in their kubeconfig."""
    return Commands.of(bench, tmp_path)


def test_a_plan_is_executed_reverted_and_both_ends_are_waited_for(
    bench: SyncerBench, plan: str, call: Commands
) -> None:
    with call.started("execute", plan, "--wait", "--reason", "drill 7", "-o", "json") as executing:
        bench.run_to_end(f"{plan}-execute-1", BOTH)
        out, err = executing.communicate(timeout=60)
    assert executing.returncode == 0, err
    ended = json.loads(out)
    assert ended["metadata"]["name"] == f"{plan}-execute-1"
    assert ended["spec"]["reason"] == "drill 7"
    assert ended["status"]["phase"] == "Succeeded"
    with call.started("revert", f"{plan}-execute-1", "--watch") as reverting:
        bench.run_to_end(f"{plan}-revert-1", BOTH)
        out, err = reverting.communicate(timeout=60)
    assert reverting.returncode == 0, err
    assert f"DRPlanExecution {bench.namespace}/{plan}-revert-1 created" in out
    assert "Plan reverted successfully" in out
    assert bench.history(plan) == [
        (f"{plan}-revert-1", "Revert", "Succeeded"),
        (f"{plan}-execute-1", "Execute", "Succeeded"),
    ]


def test_a_failure_is_retried_and_its_second_end_is_the_one_that_counts(
    bench: SyncerBench, plan: str, call: Commands
) -> None:
    with call.started("execute", plan, "--name", f"{plan}-x", "--wait") as executing:
        bench.run_to_end(f"{plan}-x", {"s1.w1.a1": "Failed"})
        out, _ = executing.communicate(timeout=60)
    assert executing.returncode == 2
    assert f"DRPlanExecution {bench.namespace}/{plan}-x is Failed" in out
    with call.started("retry", f"{plan}-x", "--wait") as retrying:
        until(lambda: bench.status(f"{plan}-x").get("epoch") == 2, "the second epoch", seconds=60)
        bench.bound(f"{plan}-x").record("s1.w1.a1", "Succeeded", epoch=2)
        bench.run_to_end(f"{plan}-x", {"s2.w1.a1": "Succeeded"})
        out, err = retrying.communicate(timeout=60)
    assert retrying.returncode == 0, out + err
    assert f"{plan}-x is Succeeded" in out
    refused = call("retry", f"{plan}-x")
    assert refused.code == 1
    assert f"{plan}-x is Succeeded, only one that is Failed, Cancelled or Unknown is retried" in refused.err


def test_a_run_is_paused_resumed_and_cancelled(bench: SyncerBench, plan: str, call: Commands) -> None:
    name = f"{plan}-execute-1"
    assert call("execute", plan, "-o", "name").out == f"{name}\n"
    run = bench.bound(name)
    run.argo("Running")
    paused = call("pause", name)
    assert (paused.code, paused.err) == (0, "")
    assert f"drplan resume {name}" in paused.out
    until(lambda: condition(bench.status(name), "Paused") == ("True", "PausedByUser"), "the pause to be shown")
    assert "is paused already" in call("pause", name).out
    assert "the syncer will go on with it" in call("resume", name).out
    until(lambda: run.fence["state"] == "Open" and "suspend" not in run.spec, "the run to go on")
    assert "is not paused" in call("resume", name).out
    with call.started("cancel", name, "--wait") as cancelling:
        until(lambda: run.spec.get("shutdown") == "Stop", "the Workflow to be stopped", seconds=60)
        run.argo("Failed", {}, "Stopped with strategy 'Stop'")
        out, err = cancelling.communicate(timeout=60)
    assert cancelling.returncode == 0, err
    assert f"{name} is Cancelled" in out
    for command in ("cancel", "pause", "resume"):
        refused = call(command, name)
        assert refused.code == 1
        assert f"DRPlanExecution {bench.namespace}/{name} has ended (Cancelled)" in refused.err


def test_a_forced_cancel_is_not_taken_back_by_a_graceful_one(bench: SyncerBench, plan: str, call: Commands) -> None:
    name = f"{plan}-execute-1"
    call("execute", plan)
    bench.bound(name).argo("Running")
    bench.administrator.merge(
        "DRPlanExecution", bench.namespace, name, {"metadata": {"finalizers": ["tests.drplan.local/lives"]}}
    )
    assert call("cancel", name, "--force").code == 0
    after = call("cancel", name)
    assert "is being cancelled already" in after.out or "has ended" in after.err
    annotations = bench.execution(name)["metadata"]["annotations"]
    assert annotations["dr.bkbcs.tencent.com/cancel"] == "force"


def test_nothing_is_started_by_a_dry_run(bench: SyncerBench, plan: str, call: Commands) -> None:
    tried = call("execute", plan, "--dry-run=server", "--mode", "install", "-p", "site=b", "-o", "json")
    assert tried.code == 0, tried.err
    wanted = {"planRef": plan, "operationType": "Execute", "mode": "Install"}
    assert wanted.items() <= tried.json["spec"].items()
    assert [(each["name"], each["value"]) for each in tried.json["spec"]["params"]] == [("site", "b")]
    assert "nothing was started" in tried.err
    assert not bench.exists(f"{plan}-execute-1")


def test_what_has_not_ended_in_time_goes_on(bench: SyncerBench, plan: str, call: Commands) -> None:
    late = call("execute", plan, "--wait", "--timeout", "1s")
    assert late.code == 4
    assert f"DRPlanExecution {bench.namespace}/{plan}-execute-1 has not ended in time" in late.err
    assert bench.exists(f"{plan}-execute-1")


def test_what_admission_says_is_shown_as_it_is(bench: SyncerBench, plan: str, call: Commands) -> None:
    policies, bindings = (f"/apis/admissionregistration.k8s.io/v1/validatingadmission{each}" for each in _POLICIES)
    name = f"refuses-{bench.namespace}"
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": bench.namespace}},
            "resourceRules": [
                {
                    "apiGroups": ["dr.bkbcs.tencent.com"],
                    "apiVersions": ["*"],
                    "operations": ["CREATE"],
                    "resources": ["drplanexecutions"],
                }
            ],
        },
        "validations": [{"expression": "object.spec.reason != 'no'", "message": "never on a Friday"}],
    }
    ask = bench.administrator
    ask.ask("POST", policies, {"metadata": {"name": name}, "spec": spec})
    ask.ask(
        "POST",
        bindings,
        {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}},
    )
    try:
        until(lambda: call("execute", plan, "--dry-run=server", "--reason", "no").code, "the policy to be in force")
        refused = call("execute", plan, "--reason", "no")
    finally:
        ask.ask("DELETE", f"{bindings}/{name}")
        ask.ask("DELETE", f"{policies}/{name}")
    assert refused.code == 1
    assert "never on a Friday" in refused.err
    assert f"DRPlanExecution {bench.namespace}/{plan}-execute-1" in refused.err
