"""What people do with kubectl, and what they see: the whole syncer in a cluster of its own, webhooks and policies too.

Each test leaves the cluster as it found it, but for the first: plans of its own are what it needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bed import argo, lifecycle
from bed.client import Bed
from bed.state import Tier
from support.admission_bench import denial
from support.api_admin import Administrator, Object, until
from support.api_proxy import Certificate
from support.api_syncer import condition
from support.command import ROOT
from support.plans import execution, http, plan, stage, use, workflow
from support.syncer_cluster import NAMESPACE, SyncerCluster

pytestmark = pytest.mark.bed

EXAMPLES = ROOT / "examples" / "bcs-drplan"
KEY = "s1.w1.a1"
DONE = {KEY: "Succeeded"}
NOT_OVER = "status.phase!=Succeeded,status.phase!=Failed"


@pytest.fixture(scope="module")
def cluster(bed: Bed, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncerCluster]:
    """A cluster with nothing in it but what an installation brings."""
    name = f"{bed.places.name}-users"
    try:
        administrator = Administrator(lifecycle.up(name, Tier.API, owner=os.getpid()))
        administrator.define(ROOT / "crds")
        argo.define(administrator.bed)
        with SyncerCluster(administrator, certificate, tmp_path_factory.mktemp("users")) as made:
            yield made
        administrator.close()
    finally:
        lifecycle.down(name, keep_logs=False)


def here(*objects: Object) -> list[Object]:
    """Objects without a namespace."""
    return [{**each, "metadata": {"name": each["metadata"]["name"]}} for each in objects]


def act(name: str = "act") -> Object:
    rollback = {"type": "HTTP", "http": {"url": "http://site.example/undo", "method": "PUT"}}
    return http(name, method="PUT", rollback=rollback)


def apply(cluster: SyncerCluster, *objects: Object, namespace: str = NAMESPACE) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", "-", given=here(*objects))


def ready(cluster: SyncerCluster, name: str, *workflows: str) -> None:
    """A plan that is Ready, with a workflow of its own unless it names others."""
    if not workflows:
        apply(cluster, workflow(name, act()))
    apply(cluster, plan(stage("only", *(workflows or (name,))), name=name))
    cluster.kubectl("wait", "drplan", name, "--for=condition=Ready", "--timeout=60s")


def execute(cluster: SyncerCluster, name: str, plan: str, **spec: str) -> None:
    cluster.kubectl("create", "-f", "-", given=here(execution(name, plan=plan, **spec)))


def to_its_end(cluster: SyncerCluster, name: str) -> Object:
    """Have all actions of an execution succeed."""
    cluster.bench.bound(name)
    uses = [use for each in cluster.bench.status(name)["stageStatuses"] for use in each["workflowExecutions"]]
    keys = [action["key"] for use in uses for action in use["actionStatuses"]]
    return cluster.bench.run_to_end(name, dict.fromkeys(keys, "Succeeded"))


def table(cluster: SyncerCluster, *arguments: str) -> list[list[str]]:
    """What `kubectl get` prints, in columns that are two spaces apart."""
    lines = cluster.kubectl("get", *arguments).out.splitlines()
    starts = [index for index in range(len(lines[0])) if index == 0 or lines[0][index - 1 : index + 1].strip(" ")]
    starts = [index for index in starts if lines[0][index] != " " and (index == 0 or lines[0][index - 1] == " ")]
    ends = [*starts[1:], None]
    return [[line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in lines]


@pytest.mark.parametrize("reverse", [False, True], ids=["as_listed", "backwards"])
def test_a_folder_is_applied_in_any_order_and_its_executions_run(cluster: SyncerCluster, reverse: bool) -> None:
    found = sorted(EXAMPLES.glob("*/*.yaml"), reverse=reverse)
    reverts = [path for path in found if path.name == "drplanexecution-revert.yaml"]
    files = [path for path in found if path not in reverts]
    for path in files:
        said = cluster.kubectl("apply", "-f", str(path), fails=None)
        if said.code:
            # Backwards an execution comes before its plan, which nobody can know of.
            assert "plan nginx-" in said.err
            assert "not found: there is no DRPlan of that name" in said.err
            assert reverse
    cluster.kubectl("wait", "drplan", "--all", "--for=condition=Ready", "--timeout=60s")
    for path in files:
        cluster.kubectl("apply", "-f", str(path))
    plans = ("nginx-install-plan", "nginx-switchover-plan")
    for path in reverts:
        said = cluster.kubectl("apply", "-f", str(path), fails=True)
        assert "must be in a terminal phase (Succeeded, Failed or Cancelled), got" in denial(said)
    for name in plans:
        done = to_its_end(cluster, f"{name}-exec-001")
        assert done["phase"] == "Succeeded", done
    for path in reverts:
        cluster.kubectl("apply", "-f", str(path))
    for name in plans:
        undone = to_its_end(cluster, f"{name}-revert-001")
        assert undone["phase"] == "Succeeded", undone
    kinds = "drplanexecution,drplan"
    cluster.kubectl("delete", "drplanexecution", "--all", "--timeout=60s")
    until(lambda: not cluster.bench.workflows(), "the Workflows to go")
    cluster.kubectl("delete", kinds, "--all", "--timeout=60s")
    until(lambda: cluster.kubectl("delete", "drworkflow", "--all", fails=None).code == 0, "nobody to use workflows")


def test_a_workflow_that_is_used_is_not_deleted_whoever_uses_it_and_from_wherever(cluster: SyncerCluster) -> None:
    apply(cluster, workflow("nginx-workflow", act()))
    apply(cluster, plan(stage("only", "nginx-workflow"), name="nginx-plan"))
    text = (
        'admission webhook "vdrworkflow.kb.io" denied the request: cannot delete DRWorkflow default/nginx-workflow: '
        "referenced by DRPlan(s): "
    )
    delete = ("delete", "drworkflow", "nginx-workflow", "-n", NAMESPACE)
    until(lambda: cluster.kubectl(*delete, "--dry-run=server", fails=None).code, "the plan to be known")
    assert denial(cluster.kubectl(*delete, fails=True)) == f"{text}[default/nginx-plan]"
    cluster.kubectl("create", "namespace", "team")
    used = use("nginx-workflow")
    used["workflowRef"]["namespace"] = NAMESPACE
    apply(cluster, plan(stage("only", used), name="far"), namespace="team")
    cluster.kubectl("delete", "drplan", "nginx-plan")
    until(lambda: "[team/far]" in cluster.kubectl(*delete, fails=None).err, "the plan of the other namespace to count")
    assert denial(cluster.kubectl(*delete, fails=True)) == f"{text}[team/far]"
    cluster.kubectl("delete", "drplan", "far", "-n", "team")
    until(lambda: not cluster.kubectl(*delete, fails=None).code, "it to be deleted")


def test_a_plan_with_a_live_execution_stays_and_a_second_execution_is_refused(cluster: SyncerCluster) -> None:
    ready(cluster, "busy")
    execute(cluster, "busy-1", "busy")
    cluster.bench.bound("busy-1")
    said = cluster.kubectl("delete", "drplan", "busy", fails=True)
    assert denial(said) == (
        'admission webhook "vdrplan.kb.io" denied the request: '
        "cannot delete plan with running execution: default/busy-1"
    )
    said = cluster.kubectl("create", "-f", "-", given=here(execution("busy-2", plan="busy")), fails=True)
    assert denial(said) == (
        'admission webhook "vdrplanexecution.kb.io" denied the request: validation failed: '
        "[plan busy already has a running execution: default/busy-1]"
    )
    run = cluster.bench.bound("busy-1")
    said = cluster.kubectl("delete", "drplanexecution", "busy-1", "--wait=false")
    assert "Warning: Deleting a running execution may leave resources in inconsistent state" in said.err
    until(lambda: run.spec.get("shutdown") or run.spec.get("suspend"), "the run to be stopped")
    run.argo("Failed", {}, "Stopped with strategy 'Stop'")
    cluster.kubectl("wait", "drplanexecution", "busy-1", "--for=delete", "--timeout=60s")
    assert cluster.bench.history("busy") == [("busy-1", "Execute", "Cancelled")]
    assert "currentExecution" not in cluster.bench.plan_status("busy")
    cluster.kubectl("delete", "drplan", "busy")


def test_one_whose_finalizer_is_torn_off_lets_go_of_its_plan_too(cluster: SyncerCluster) -> None:
    ready(cluster, "torn")
    execute(cluster, "torn-1", "torn")
    run = cluster.bench.bound("torn-1")
    cluster.kubectl("delete", "drplanexecution", "torn-1", "--wait=false")
    torn = '{"metadata": {"finalizers": null}}'
    cluster.kubectl("patch", "drplanexecution", "torn-1", "--type=merge", "-p", torn)
    until(lambda: run.spec.get("shutdown"), "its Workflow to be ended")
    run.argo("Failed", {}, f"Stopped with strategy '{run.spec['shutdown']}'")
    until(lambda: "currentExecution" not in cluster.bench.plan_status("torn"), "the plan to be free")
    assert cluster.bench.history("torn") == [("torn-1", "Execute", "Cancelled")]
    cluster.kubectl("delete", "drplan", "torn")


def test_live_executions_of_a_plan_are_listed_and_the_end_of_one_is_waited_for(cluster: SyncerCluster) -> None:
    ready(cluster, "my-plan")
    ready(cluster, "other-plan")
    execute(cluster, "mine", "my-plan")
    execute(cluster, "theirs", "other-plan")
    listing = ("get", "drplanexecution", "-l", "planRef=my-plan", "--field-selector", NOT_OVER, "-o", "name")
    cluster.bench.bound("mine")
    name = "drplanexecution.dr.bkbcs.tencent.com/mine"
    assert cluster.kubectl(*listing).out == name
    waiting = ("wait", "drplanexecution", "mine", "--for=condition=Complete")
    cluster.kubectl(*waiting, "--timeout=0s", fails=True)
    cluster.bench.run_to_end("mine", DONE)
    assert cluster.kubectl(*waiting, "--timeout=60s").out == f"{name} condition met"
    assert cluster.kubectl(*listing).out == ""
    assert cluster.kubectl("get", "dre", "-l", "planRef=my-plan", "-o", "name").out == name
    cluster.bench.run_to_end("theirs", {KEY: "Failed"})
    cluster.kubectl("wait", "dre", "theirs", "--for=condition=Complete", "--timeout=60s")
    assert cluster.kubectl("get", "dre", "-l", "planRef=other-plan", "--field-selector", NOT_OVER).out == ""


def test_what_get_prints(cluster: SyncerCluster) -> None:
    ready(cluster, "shown")
    execute(cluster, "shown-1", "shown", mode="Upgrade")
    run = cluster.bench.bound("shown-1")
    done = cluster.bench.run_to_end("shown-1", DONE)
    head, row = table(cluster, "dre", "shown-1", "-o", "wide")
    assert head == ["NAME", "PLAN", "OPERATION", "MODE", "PHASE", "PROGRESS", "DURATION", "AGE", "WORKFLOW", "MESSAGE"]
    assert row[:7] == ["shown-1", "shown", "Execute", "Upgrade", "Succeeded", "1/1", done["duration"]]
    assert row[8:] == [run.name, "All stages completed successfully"]
    assert table(cluster, "dre", "shown-1")[0] == head[:8]
    head, row = table(cluster, "drplan", "shown")
    assert head == ["NAME", "READY", "PHASE", "CURRENT", "LAST", "AGE"]
    assert row[:5] == ["shown", "True", "Executed", "", "shown-1"]
    head, row = table(cluster, "drr", "-l", f"dr.bkbcs.tencent.com/execution-uid={_uid(cluster, 'shown-1')}")
    assert head == ["NAME", "EXECUTION", "KEY", "ACTION", "PHASE", "ATTEMPT", "AGE"]
    assert row[1:3] == ["shown-1", KEY]
    assert row[4] == "Succeeded"


def test_who_asked_is_in_the_history(cluster: SyncerCluster) -> None:
    ready(cluster, "asked")
    execute(cluster, "asked-1", "asked", reason="ticket 7")
    cluster.bench.run_to_end("asked-1", DONE)
    (entry,) = cluster.bench.plan_status("asked")["executionHistory"]
    assert (entry["requestedBy"], entry["reason"]) == ("admin", "ticket 7")
    assert entry["duration"]


def test_a_plan_that_comes_before_its_workflow_heals_and_an_execution_waits_for_it(cluster: SyncerCluster) -> None:
    apply(cluster, plan(stage("only", "late"), name="early"))
    said = cluster.kubectl("create", "-f", "-", given=here(execution("early-1", plan="early")))
    assert "plan early is not ready yet" in said.err
    until(lambda: condition(cluster.bench.plan_status("early"), "Ready") == ("False", "WorkflowNotFound"), "it")
    apply(cluster, workflow("late", act()))
    cluster.bench.run_to_end("early-1", DONE)


def _uid(cluster: SyncerCluster, name: str) -> str:
    return str(cluster.bench.execution(name)["metadata"]["uid"])
