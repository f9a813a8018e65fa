"""What is told of executions: statuses of a Revert in full, the history of a plan, conditions, and who may run when.

One syncer works for all tests; each has a plan of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.api_admin import Administrator, Object, until
from support.api_proxy import Certificate
from support.api_syncer import SyncerBench, condition
from support.plans import http, stage, workflow

pytestmark = pytest.mark.bed

BUSY_SECONDS = 60
ALL = dict.fromkeys(("s1.w1.a1", "s1.w1.a2", "s2.w1.a1", "s2.w2.a1"), "Succeeded")
ONE = {"s1.w1.a1": "Succeeded"}


def undone(name: str, **fields: Any) -> Object:
    """An action, and how it is undone."""
    rollback = {"type": "HTTP", "http": {"url": "http://site.example/undo", "method": "PUT"}}
    return http(name, method="PUT", rollback=rollback, **fields)


@pytest.fixture(scope="module")
def bench(
    administrator: Administrator, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SyncerBench]:
    """A namespace with a syncer at work and the workflows of all plans."""
    with SyncerBench(administrator, certificate, tmp_path_factory.mktemp("syncer")) as made:
        workflows = [
            workflow("db", undone("stop"), undone("promote")),
            workflow("web", undone("scale")),
            workflow("dns", undone("switch")),
            workflow("modes", undone("fresh", when='mode == "install"'), undone("again", when='mode == "upgrade"')),
            workflow("one", undone("act")),
        ]
        made.plan(stage("only", "one"), name="busy", workflows=workflows)
        made.start()
        yield made


@pytest.fixture(scope="module", autouse=True)
def rivals(bench: SyncerBench) -> tuple[str, str]:
    """Two executions of one plan from the begin on: the one that holds it and the one that waits."""
    bench.execute("busy-1", plan="busy")
    bench.bound("busy-1")
    bench.execute("busy-2", plan="busy")
    return "busy-1", "busy-2"


def one(bench: SyncerBench, name: str, **spec: Any) -> None:
    """A plan of one action."""
    bench.plan(stage("only", "one"), name=name, workflows=[], **spec)


def tree(status: Object) -> list[tuple[str, str, list[tuple[str, str, list[tuple[str, str, str]]]]]]:
    """Names and phases of all stages, workflows and actions."""
    return [
        (
            each["name"],
            each["phase"],
            [
                (
                    use["workflowRef"]["name"],
                    use["phase"],
                    [(action["key"], action["name"], action["phase"]) for action in use["actionStatuses"]],
                )
                for use in each["workflowExecutions"]
            ],
        )
        for each in status["stageStatuses"]
    ]


def all_undone(phase: str) -> list[Any]:
    """What `tree` makes of a Revert when everything in it is in one phase: stages backwards, actions as they were."""
    return [
        (
            "traffic",
            phase,
            [
                ("web", phase, [("s2.w1.a1", "scale", phase)]),
                ("dns", phase, [("s2.w2.a1", "switch", phase)]),
            ],
        ),
        ("data", phase, [("db", phase, [("s1.w1.a1", "stop", phase), ("s1.w1.a2", "promote", phase)])]),
    ]


def test_a_revert_shows_stages_workflows_and_actions_with_summary_and_messages(bench: SyncerBench) -> None:
    bench.plan(stage("data", "db"), stage("traffic", "web", "dns", parallel=True), name="full", workflows=[])
    bench.execute("full-1", plan="full")
    bench.run_to_end("full-1", ALL)
    bench.revert("full-undo", "full-1", plan="full")
    run = bench.bound("full-undo")
    shown = bench.until_phase("full-undo", "Running")
    assert tree(shown) == all_undone("Pending")
    run.record("s2.w1.a1", "Succeeded")
    run.argo("Running", {"s2.w1.a1": "Succeeded"})
    until(lambda: bench.status("full-undo").get("progress") == "1/4", "the first of four to be undone")
    shown = bench.status("full-undo")
    assert condition(shown, "Running") == ("True", "Reverting")
    assert (shown["summary"]["succeededActions"], shown["summary"]["pendingActions"]) == (1, 3)
    ended = bench.run_to_end("full-undo", ALL)
    assert tree(ended) == all_undone("Succeeded")
    assert ended["message"] == "Plan reverted successfully: 2 stage(s) rolled back, 4 action(s) rolled back"
    assert condition(ended, "Succeeded") == ("True", "Reverted")
    summary = ended["summary"]
    assert (summary["totalStages"], summary["completedStages"], summary["totalWorkflows"]) == (2, 2, 3)
    assert (summary["totalActions"], summary["succeededActions"]) == (4, 4)
    traffic, data = ended["stageStatuses"]
    assert traffic["message"] == "Stage reverted successfully: 2 workflow(s) rolled back"
    assert data["message"] == "Stage reverted successfully: 1 workflow(s) rolled back"
    uses = [use for each in (traffic, data) for use in each["workflowExecutions"]]
    assert [(use["message"], use["progress"]) for use in uses] == [
        ("Workflow reverted successfully", "1/1 actions rolled back"),
        ("Workflow reverted successfully", "1/1 actions rolled back"),
        ("Workflow reverted successfully", "2/2 actions rolled back"),
    ]
    assert all({"startTime", "completionTime", "duration"} <= each.keys() for each in (traffic, data, *uses))


def test_a_history_tells_of_each_execution_what_it_was_and_what_became_of_it(bench: SyncerBench) -> None:
    one(bench, "told")
    bench.execute("told-1", plan="told", mode="Upgrade", reason="drill 7")
    bench.run_to_end("told-1", ONE)
    first = bench.execution("told-1")
    bench.revert("told-undo", "told-1", plan="told")
    bench.run_to_end("told-undo", ONE)
    second = bench.execution("told-undo")
    newest, oldest = bench.plan_status("told")["executionHistory"]
    times = {"startTime", "completionTime", "duration", "message"}
    assert times <= newest.keys()
    assert times <= oldest.keys()
    assert {name: value for name, value in newest.items() if name not in times} == {
        "name": "told-undo",
        "namespace": bench.namespace,
        "uid": second["metadata"]["uid"],
        "operationType": "Revert",
        "phase": "Succeeded",
        "revertOf": {"name": "told-1", "uid": first["metadata"]["uid"]},
    }
    by = {
        "name": "told-undo",
        "uid": second["metadata"]["uid"],
        "phase": "Succeeded",
        "time": second["status"]["completionTime"],
    }
    assert {name: value for name, value in oldest.items() if name not in times} == {
        "name": "told-1",
        "namespace": bench.namespace,
        "uid": first["metadata"]["uid"],
        "operationType": "Execute",
        "mode": "Upgrade",
        "reason": "drill 7",
        "phase": "Succeeded",
        "revertedBy": by,
    }
    assert bench.status("told-1")["revertedBy"] == by


def test_last_execution_is_the_last_one_each_time_and_a_failed_one_counts(bench: SyncerBench) -> None:
    one(bench, "last")
    for name, phase, plan_phase in (("a", "Succeeded", "Executed"), ("b", "Failed", "Executed")):
        bench.execute(f"last-{name}", plan="last")
        bench.run_to_end(f"last-{name}", {"s1.w1.a1": phase})
        status = bench.plan_status("last")
        assert status["lastExecutionRef"] == f"last-{name}"
        assert status["lastExecutionTime"] == bench.status(f"last-{name}")["completionTime"]
        assert (status["phase"], "currentExecution" in status) == (plan_phase, False)
    bench.revert("last-undo", "last-b", plan="last")
    bench.run_to_end("last-undo", ONE)
    assert bench.plan_status("last")["lastExecutionRef"] == "last-undo"
    assert bench.history("last") == [
        ("last-undo", "Revert", "Succeeded"),
        ("last-b", "Execute", "Failed"),
        ("last-a", "Execute", "Succeeded"),
    ]


def test_of_eleven_executions_the_last_ten_are_remembered(bench: SyncerBench) -> None:
    one(bench, "many")
    names = [f"many-{number}" for number in range(11)]
    for name in names:
        bench.execute(name, plan="many")
        bench.run_to_end(name, ONE)
    assert [name for name, _, _ in bench.history("many")] == names[:0:-1]
    assert bench.exists("many-0")


def test_conditions_are_of_this_generation_and_say_to_others_how_it_is(bench: SyncerBench) -> None:
    one(bench, "conditions")
    bench.execute("conditions-1", plan="conditions")
    bench.bound("conditions-1")
    running = bench.until_phase("conditions-1", "Running")
    assert kstatus(bench.execution("conditions-1")) == "InProgress"
    ended = bench.run_to_end("conditions-1", {"s1.w1.a1": "Failed"})
    assert kstatus(bench.execution("conditions-1")) == "Failed"
    bench.execute("conditions-2", plan="conditions")
    bench.run_to_end("conditions-2", ONE)
    assert kstatus(bench.execution("conditions-2")) == "Current"
    bench.execute("conditions-3", plan="conditions", params=[{"name": "none", "value": "x"}])
    refused = bench.until_phase("conditions-3", "Failed")
    assert kstatus(bench.execution("conditions-3")) == "Failed"
    for status in (running, ended, refused):
        assert status["observedGeneration"] == 1
        assert {each["observedGeneration"] for each in status["conditions"]} == {1}
        assert all(each["lastTransitionTime"] for each in status["conditions"])


def kstatus(execution: Object) -> str:
    """What tools that know no kind of ours make of an object: those that deploy from git, for example."""
    status, generation = execution.get("status") or {}, execution["metadata"]["generation"]
    if status.get("observedGeneration") != generation:
        return "InProgress"
    for kind, meaning in (("Reconciling", "InProgress"), ("Stalled", "Failed")):
        if (condition(status, kind) or ("", ""))[0] == "True":
            return meaning
    return "Current"


def test_only_what_a_mode_is_for_runs(bench: SyncerBench) -> None:
    bench.plan(stage("only", "modes"), name="modes", workflows=[])
    bench.execute("modes-none", plan="modes")
    refused = bench.until_phase("modes-none", "Failed")
    assert condition(refused, "Accepted") == ("False", "InvalidParameters")
    bench.execute("modes-1", plan="modes", mode="Upgrade")
    ended = bench.run_to_end("modes-1", {"s1.w1.a2": "Succeeded"})
    (use,) = ended["stageStatuses"][0]["workflowExecutions"]
    assert [(each["name"], each["phase"], each.get("reason")) for each in use["actionStatuses"]] == [
        ("fresh", "Skipped", "ConditionNotMet"),
        ("again", "Succeeded", None),
    ]
    assert bench.plan_status("modes")["executionHistory"][0]["mode"] == "Upgrade"


def test_a_suspended_plan_starts_nothing_and_one_that_is_not_runs_again(bench: SyncerBench) -> None:
    one(bench, "still")
    until(lambda: bench.is_ready("still"), "the plan to be ready")
    bench.administrator.merge("DRPlan", bench.namespace, "still", {"spec": {"suspend": True}})
    until(lambda: condition(bench.plan_status("still"), "Ready") == ("False", "Suspended"), "the plan to be suspended")
    bench.administrator.create(
        {
            "apiVersion": "dr.bkbcs.tencent.com/v1alpha1",
            "kind": "DRPlanExecution",
            "metadata": {"name": "still-1"},
            "spec": {"planRef": "still", "operationType": "Execute"},
        },
        namespace=bench.namespace,
    )
    assert condition(bench.until_phase("still-1", "Failed"), "Accepted") == ("False", "PlanSuspended")
    bench.administrator.merge("DRPlan", bench.namespace, "still", {"spec": {"suspend": False}})
    bench.execute("still-2", plan="still")
    bench.run_to_end("still-2", ONE)
    assert bench.history("still") == [("still-2", "Execute", "Succeeded")]


def test_finished_executions_go_when_their_plan_or_they_say_so_and_stay_in_the_history(bench: SyncerBench) -> None:
    one(bench, "short", executionsHistoryLimit=2)
    for number in (1, 2, 3):
        bench.execute(f"short-{number}", plan="short")
        bench.run_to_end(f"short-{number}", ONE)
    until(lambda: not bench.exists("short-1"), "the oldest to go")
    bench.execute("short-4", plan="short", ttlSecondsAfterFinished=1)
    run = bench.bound("short-4")
    run.record("s1.w1.a1", "Succeeded")
    run.argo("Succeeded", ONE)
    until(lambda: not bench.exists("short-4"), "the one that expires to go")
    assert [name for name, _, _ in bench.history("short")] == ["short-4", "short-3", "short-2", "short-1"]
    assert bench.exists("short-3")
    left = [each["metadata"]["name"] for each in bench.workflows()]
    assert run.name not in left


def test_workflows_run_as_the_service_account_of_their_plan(bench: SyncerBench) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "switcher"}}
    bench.administrator.create(account, namespace=bench.namespace)
    one(bench, "served", serviceAccountName="switcher")
    bench.execute("served-1", plan="served")
    assert bench.bound("served-1").spec["serviceAccountName"] == "switcher"


def test_values_from_objects_are_kept_and_secrets_are_in_nothing(bench: SyncerBench) -> None:
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "site"}, "data": {"host": "b.example"}}
    bench.administrator.create(kept, namespace=bench.namespace)
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    api = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": {"name": "values"}, "rules": [rule]}
    bench.administrator.create(role, namespace=bench.namespace)
    subject = {"kind": "ServiceAccount", "namespace": bench.namespace, "name": "drplan-runner"}
    reference = {"apiGroup": api, "kind": "Role", "name": "values"}
    binding = {"kind": "RoleBinding", "metadata": {"name": "values"}, "roleRef": reference, "subjects": [subject]}
    bench.administrator.create({"apiVersion": f"{api}/v1", **binding}, namespace=bench.namespace)
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "namespace": bench.namespace, "name": "site"}
    params = [
        {"name": "host", "valueFrom": {"manifestRef": {**manifest, "jsonPath": "{.data.host}"}}},
        {"name": "token", "valueFrom": {"secretKeyRef": {"name": "site-token", "key": "token"}}},
    ]
    call = undone("call", headers={"Authorization": "$(params.token)"})
    call["http"]["url"] = "http://$(params.host)/"
    bench.plan(stage("only", "valued"), name="valued", workflows=[workflow("valued", call)], globalParams=params)
    bench.execute("valued-1", plan="valued")
    run = bench.bound("valued-1")
    found = {each["name"]: each for each in bench.status("valued-1")["resolvedParams"]}
    assert found["host"]["value"] == "b.example"
    assert found["token"]["secretKeyRef"] == {"name": "site-token", "key": "token"}
    assert "value" not in found["token"]
    assert "http://b.example/" in str(run.spec)
    bench.run_to_end("valued-1", ONE)
    bench.administrator.merge("ConfigMap", bench.namespace, "site", {"data": {"host": "c.example"}})
    bench.revert("valued-undo", "valued-1", plan="valued")
    undo = bench.bound("valued-undo")
    assert {each["name"]: each.get("value") for each in bench.status("valued-undo")["resolvedParams"]}["host"] == (
        "b.example"
    )
    assert "c.example" not in str(undo.spec)


def test_one_whose_plan_stays_held_gives_up_after_a_minute(bench: SyncerBench, rivals: tuple[str, str]) -> None:
    holder, waits = rivals
    message = f"plan busy already has a running execution: {bench.namespace}/{holder}"
    created = datetime.fromisoformat(bench.execution(waits)["metadata"]["creationTimestamp"])
    if (datetime.now(created.tzinfo) - created).total_seconds() < BUSY_SECONDS - 5:
        status = bench.status(waits)
        assert (status["phase"], status["message"]) == ("Pending", message)
        assert condition(status, "Running") == ("False", "WaitingForPlan")
    status = bench.until_phase(waits, "Cancelled", seconds=BUSY_SECONDS + 30)
    assert condition(status, "Accepted") == ("False", "PlanBusy")
    assert status["message"] == message
    ended = datetime.fromisoformat(status["completionTime"])
    assert ended - created >= timedelta(seconds=BUSY_SECONDS)
    until(lambda: len(bench.history("busy")) == 2, "both to be in the history")
    assert bench.history("busy")[0] == (waits, "Execute", "Cancelled")
    assert bench.plan_status("busy")["currentExecution"]["name"] == holder
    bench.run_to_end(holder, ONE)
    assert bench.plan_status("busy")["lastExecutionRef"] == holder
