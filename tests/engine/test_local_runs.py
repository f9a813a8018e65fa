"""Whole runs on the local engine with real runners: what is written, what is refused, retry and revert."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.model.execution import DRPlanExecution
from compiler.model.plan import DRPlan
from compiler.model.record import DRActionRecord
from compiler.problems import Refused
from drplan.engine import store
from drplan.engine.api import recorded
from drplan.engine.errors import (
    EngineRunning,
    InputRefused,
    NotAllowed,
    NotFound,
    PlanBusy,
    SecretsMissing,
    StateUnavailable,
    TypesNotSupported,
)
from support import local
from support.http_site import Answer, Site
from support.plans import NAMESPACE, http, localization, plan, stage, workflow
from syncer.fold import fold

pytestmark = pytest.mark.long


def three_by_two_by_three(url: str) -> list[dict]:
    workflows = [
        workflow(f"w-{number}", *(http(f"act-{k}", f"{url}/{number}/{k}", method="POST") for k in (1, 2, 3)))
        for number in range(1, 7)
    ]
    stages = [stage(f"stage-{n}", f"w-{2 * n - 1}", f"w-{2 * n}", parallel=n % 2 == 1) for n in (1, 2, 3)]
    return [plan(*stages), *workflows]


def test_eighteen_actions_succeed_in_their_order(tmp_path: Path) -> None:
    seen: list[str] = []
    with Site() as site:
        execution = local.run(
            tmp_path,
            *three_by_two_by_three(site.url),
            on_change=lambda changed: seen.append(changed["status"]["phase"]),
        )
        calls = [request.path for request in site.received]
    assert execution["status"]["phase"] == "Succeeded"
    assert set(local.phases(execution).values()) == {"Succeeded"}
    assert sorted(calls) == sorted(f"/{number}/{k}" for number in range(1, 7) for k in (1, 2, 3))
    assert {path[1] for path in calls[:6]} == {"1", "2"}
    assert calls[6:12] == [f"/{number}/{k}" for number in (3, 4) for k in (1, 2, 3)]
    assert {path[1] for path in calls[12:]} == {"5", "6"}
    assert seen[0] == "Pending"
    assert "Running" in seen
    assert seen[-1] == "Succeeded"


def test_everything_that_was_written_is_what_a_cluster_would_have(tmp_path: Path) -> None:
    with Site() as site:
        execution = local.run(tmp_path, *three_by_two_by_three(site.url))
    DRPlanExecution.model_validate(execution)
    name = execution["metadata"]["name"]
    assert execution == local.stored(tmp_path, name)
    folder = store.StateFolder(tmp_path, NAMESPACE).execution(name)
    files = {path.name for path in folder.path.iterdir()}
    assert files >= {"execution.json", "snapshot.json", "workflow-e1.json", "records", "lanes", "logs", "engine.lock"}
    records = recorded(tmp_path, NAMESPACE, name).records
    assert {record["spec"]["key"] for record in records} == set(local.phases(execution))
    for record in records:
        DRActionRecord.model_validate(record)
    made = DRPlan.model_validate(local.stored_plan(tmp_path))
    assert made.status is not None
    assert made.status.phase == "Executed"
    assert made.status.current_execution is None
    assert made.status.last_execution_ref == name
    history = local.stored_plan(tmp_path)["status"]["executionHistory"]
    assert [(entry["name"], entry["phase"]) for entry in history] == [(name, "Succeeded")]
    conditions = {each["type"]: each["status"] for each in execution["status"]["conditions"]}
    assert [conditions[kind] for kind in ("Complete", "Succeeded", "Recorded")] == ["True"] * 3
    assert local.fence(tmp_path, name).state == "Closed"


def test_a_log_a_runner(tmp_path: Path) -> None:
    with Site() as site:
        execution = local.run(tmp_path, *three_by_two_by_three(site.url))
    logs = store.StateFolder(tmp_path, NAMESPACE).execution(execution["metadata"]["name"]).logs
    uses = {f"s{stage}.w{use}" for stage in (1, 2, 3) for use in (1, 2)}
    assert {path.stem for path in logs.iterdir()} == {*local.phases(execution), *uses}


def test_executions_are_numbered(tmp_path: Path) -> None:
    with Site() as site:
        manifests = [plan(stage("one", "w")), workflow("w", http("act", site.url))]
        names = [local.run(tmp_path, *manifests)["metadata"]["name"] for _ in range(2)]
        named = local.engine(tmp_path).start(local.snapshot_of(*manifests), name="drill")
        with pytest.raises(NotAllowed, match="execution drill exists already; choose another --name"):
            local.engine(tmp_path).start(local.snapshot_of(*manifests), name="drill")
    assert names == ["pay-execute-1", "pay-execute-2"]
    assert named["metadata"]["name"] == "drill"
    history = local.stored_plan(tmp_path)["status"]["executionHistory"]
    assert [entry["name"] for entry in history] == ["drill", "pay-execute-2", "pay-execute-1"]


def test_outputs_reach_later_actions(tmp_path: Path) -> None:
    with Site() as site:
        site.script("/ask", Answer(200, json.dumps({"standby": {"ip": "10.0.0.7"}})))
        execution = local.run(
            tmp_path,
            plan(stage("one", "w")),
            workflow("w", http("ask", f"{site.url}/ask"), http("tell", f"{site.url}/$(outputs.ask.json.standby.ip)")),
        )
    assert execution["status"]["phase"] == "Succeeded"
    assert site.count("/10.0.0.7") == 1


def test_a_workflow_longer_than_a_lane_runs_as_a_chain(tmp_path: Path) -> None:
    with Site() as site:
        execution = local.run(
            tmp_path,
            plan(stage("one", "w")),
            workflow("w", *(http(f"act-{k}", f"{site.url}/{k}") for k in range(1, 20))),
        )
        calls = [request.path for request in site.received]
    assert execution["status"]["phase"] == "Succeeded"
    assert calls == [f"/{k}" for k in range(1, 20)]


def test_specs_too_large_for_the_workflow_reach_the_runners_in_files(tmp_path: Path) -> None:
    body = "x" * 20_000
    with Site() as site:
        undo = {"type": "HTTP", "http": {"url": f"{site.url}/undo", "method": "POST", "body": body}}
        large = http("large", f"{site.url}/large", method="POST", body=body, rollback=undo)
        execution = local.run(tmp_path, plan(stage("one", "w", "w")), workflow("w", large, http("small", site.url)))
        name = execution["metadata"]["name"]
        revert = local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, name))
        bodies = {request.path: len(request.body) for request in site.received}
    assert (execution["status"]["phase"], revert["status"]["phase"]) == ("Succeeded", "Succeeded")
    assert bodies == {"/large": 20_000, "/": 0, "/undo": 20_000}
    assert site.count("/undo") == 2
    folder = store.StateFolder(tmp_path, NAMESPACE).execution(name)
    assert len(list((folder.path / "configmaps").glob("*.json"))) == 2


def test_the_state_says_the_same_when_it_is_folded_again(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from syncer.decide.retry import graph_of
    from syncer.records import by_key

    with Site() as site:
        site.script("/2/2", Answer(404))
        execution = local.run(tmp_path, *three_by_two_by_three(site.url))
    name = execution["metadata"]["name"]
    found = recorded(tmp_path, NAMESPACE, name)
    folder = store.StateFolder(tmp_path, NAMESPACE).execution(name)
    again = fold(
        graph_of(found.snapshot, by_key(found.records), 1),
        execution=execution,
        workflow=store.read(folder.workflow(1)),
        records=by_key(found.records),
        previous=None,
        now=datetime.now(UTC),
    )
    assert local.outcome({"status": {**again, "conditions": execution["status"]["conditions"]}}) == local.outcome(
        execution
    )


# --- secrets


def secret_plan(url: str) -> list[dict]:
    token = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "pay-api", "key": "token"}}}
    used = workflow("w", http("act", url, headers={"Authorization": "Bearer $(params.token)"}), http("other", url))
    return [plan(stage("one", "w"), globalParams=[token]), used]


def test_a_secret_comes_from_the_environment_and_stays_out_of_the_state(tmp_path: Path) -> None:
    with Site() as site:
        variables = local.environment(SECRET_PAY_API_TOKEN="s3cr3t-value")
        execution = local.run(tmp_path, *secret_plan(site.url), environment=variables)
        assert execution["status"]["phase"] == "Succeeded"
        assert site.received[0].headers["authorization"] == "Bearer s3cr3t-value"
    written = [path for path in tmp_path.rglob("*") if path.is_file() and b"s3cr3t-value" in path.read_bytes()]
    assert written == []


def test_a_missing_secret_is_refused_by_its_variable_before_anything_is_written(tmp_path: Path) -> None:
    with Site() as site:
        with pytest.raises(SecretsMissing, match=r"SECRET_PAY_API_TOKEN  \(key token of Secret pay-api\)"):
            local.run(tmp_path, *secret_plan(site.url))
        assert site.count() == 0
    assert list(tmp_path.rglob("*.json")) == []


# --- refusals


def test_types_that_need_a_cluster_are_refused_by_name(tmp_path: Path) -> None:
    with Site() as site:
        manifests = [plan(stage("one", "w")), workflow("w", http("act", site.url), localization("move"))]
        with pytest.raises(TypesNotSupported, match=r"s1\.w1\.a2 move: Localization"):
            local.run(tmp_path, *manifests)
        assert site.count() == 0
    assert list(tmp_path.rglob("*.json")) == []


def test_a_plan_that_cannot_be_compiled_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        local.run(tmp_path, plan(stage("one", "w")), workflow("w", http("act", "http://$(params.nowhere)/")))
    assert list(tmp_path.rglob("*.json")) == []


def test_a_suspended_plan_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match="plan pay is suspended"):
        local.run(tmp_path, plan(stage("one", "w"), suspend=True), workflow("w", http("act")))


@pytest.mark.parametrize("name", ["../other", "UP", "a/b", ".hidden", "-x", ""])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputRefused, match="must consist of"):
        local.engine(tmp_path).resume(name)


def test_an_execution_that_does_not_exist_is_named(tmp_path: Path) -> None:
    for command in ("resume", "retry", "cancel", "pause"):
        with pytest.raises(NotFound, match="execution pay-execute-7 is not in"):
            getattr(local.engine(tmp_path), command)("pay-execute-7")


def test_a_state_folder_that_cannot_be_written_is_refused(tmp_path: Path, unwritable: Path) -> None:
    with local.unprivileged(), pytest.raises(StateUnavailable, match="must be readable and writable"):
        local.run(unwritable, plan(stage("one", "w")), workflow("w", http("act")))


def test_an_execution_that_has_ended_cannot_be_resumed_or_cancelled(tmp_path: Path) -> None:
    with Site() as site:
        name = local.run(tmp_path, plan(stage("one", "w")), workflow("w", http("act", site.url)))["metadata"]["name"]
    with pytest.raises(NotAllowed, match="is Succeeded; there is nothing to go on with"):
        local.engine(tmp_path).resume(name)
    with pytest.raises(NotAllowed, match="has ended, it is Succeeded"):
        local.engine(tmp_path).cancel(name)
    with pytest.raises(NotAllowed, match="only one that is Failed, Cancelled or Unknown is retried"):
        local.engine(tmp_path).retry(name)


# --- two at once


def test_a_second_execution_of_a_plan_is_refused_while_one_runs(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        let_go: list[bool] = []
        site.hold("/act", until=lambda: let_go)
        manifests = [plan(stage("one", "w")), workflow("w", http("act", f"{site.url}/act"))]
        first = local.InBackground(lambda: local.run(tmp_path, *manifests))
        site.wait_for(1)
        with pytest.raises(PlanBusy, match="execution pay-execute-1 is not finished"):
            local.run(tmp_path, *manifests)
        with pytest.raises(EngineRunning, match="pay-execute-1 is being run by another process"):
            local.engine(tmp_path).resume("pay-execute-1")
        assert local.engine(tmp_path).is_driven("pay-execute-1")
        other = plan(stage("one", "w"), name="other")
        assert local.run(tmp_path, other, workflow("w", http("act", site.url)))["status"]["phase"] == "Succeeded"
        let_go.append(True)
        assert first.end()["status"]["phase"] == "Succeeded"
    assert not local.engine(tmp_path).is_driven("pay-execute-1")
    assert len(list((tmp_path / NAMESPACE / "executions").iterdir())) == 2


def test_of_many_that_start_at_once_one_runs(tmp_path: Path) -> None:
    with Site() as site:
        site.script("/act", Answer(200, delay=1.0))
        manifests = [plan(stage("one", "w")), workflow("w", http("act", f"{site.url}/act", method="POST"))]
        starts = [local.InBackground(lambda: local.run(tmp_path, *manifests)) for _ in range(5)]
        ends = []
        for start in starts:
            try:
                ends.append(start.end()["status"]["phase"])
            except PlanBusy:
                ends.append("busy")
        assert sorted(ends) == ["Succeeded", "busy", "busy", "busy", "busy"]
        assert site.count() == 1


# --- retry


def test_a_retry_does_only_what_is_left(tmp_path: Path) -> None:
    with Site() as site:
        site.script("/2/2", Answer(404), Answer(200))
        first = local.run(tmp_path, *three_by_two_by_three(site.url))
        name = first["metadata"]["name"]
        assert first["status"]["phase"] == "Failed"
        again = local.engine(tmp_path).retry(name)
        calls = [request.path for request in site.received]
    assert again["status"]["phase"] == "Succeeded"
    assert again["status"]["epoch"] == 2
    assert again["metadata"]["uid"] == first["metadata"]["uid"]
    assert set(local.phases(again).values()) == {"Succeeded"}
    assert calls.count("/2/2") == 2
    assert {path for path in calls if calls.count(path) != 1} == {"/2/2"}
    history = local.stored_plan(tmp_path)["status"]["executionHistory"]
    assert [(entry["name"], entry["phase"]) for entry in history] == [(name, "Succeeded")]


def test_a_retry_of_a_cancelled_execution_forgets_the_cancel(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.hold("/1", until=lambda: local.stored(tmp_path, "pay-execute-1")["metadata"]["annotations"].get(CANCEL))
        manifests = [
            plan(stage("one", "w")),
            workflow("w", http("one", f"{site.url}/1", method="POST"), http("two", f"{site.url}/2", method="POST")),
        ]
        running = local.InBackground(lambda: local.run(tmp_path, *manifests))
        site.wait_for(1)
        local.engine(tmp_path).cancel("pay-execute-1")
        assert running.end()["status"]["phase"] == "Cancelled"
        again = local.engine(tmp_path).retry("pay-execute-1")
        assert again["status"]["phase"] == "Succeeded"
        assert [request.path for request in site.received] == ["/1", "/2"]


CANCEL = "dr.bkbcs.tencent.com/cancel"


# --- revert


def undoable(url: str, name: str) -> dict:
    undo = {"type": "HTTP", "http": {"url": f"{url}/undo/{name}", "method": "POST"}}
    return http(name, f"{url}/do/{name}", method="POST", rollback=undo)


def test_a_revert_undoes_in_reverse_and_only_once(tmp_path: Path) -> None:
    with Site() as site:
        manifests = [
            plan(stage("one", "a"), stage("two", "b")),
            workflow("a", undoable(site.url, "a1"), undoable(site.url, "a2")),
            workflow("b", undoable(site.url, "b1"), http("ask", f"{site.url}/ask")),
        ]
        target = local.run(tmp_path, *manifests)["metadata"]["name"]
        revert = local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, target))
        undone = [request.path for request in site.received if request.path.startswith("/undo")]
        assert undone == ["/undo/b1", "/undo/a2", "/undo/a1"]
        assert revert["metadata"]["name"] == "pay-revert-1"
        assert revert["status"]["phase"] == "Succeeded"
        by = local.stored(tmp_path, target)["status"]["revertedBy"]
        assert (by["name"], by["phase"]) == ("pay-revert-1", "Succeeded")
        assert local.stored_plan(tmp_path)["status"]["phase"] == "Ready"
        records = recorded(tmp_path, NAMESPACE, target).records
        marked = {record["spec"]["key"] for record in records if "undoneBy" in record["state"]}
        assert marked == {"s1.w1.a1", "s1.w1.a2", "s2.w1.a1"}
        with pytest.raises(NotAllowed, match="has already been reverted by pay-revert-1"):
            local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, target))


def test_a_failed_revert_is_repeated_without_undoing_twice(tmp_path: Path) -> None:
    with Site() as site:
        site.script("/undo/a1", Answer(404), Answer(200))
        manifests = [
            plan(stage("one", "a")),
            workflow("a", undoable(site.url, "a1"), undoable(site.url, "a2")),
        ]
        target = local.run(tmp_path, *manifests)["metadata"]["name"]
        first = local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, target))
        second = local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, target))
        undone = [request.path for request in site.received if request.path.startswith("/undo")]
    assert first["status"]["phase"] == "Failed"
    assert second["status"]["phase"] == "Succeeded"
    assert undone == ["/undo/a2", "/undo/a1", "/undo/a1"]


def test_an_out_of_order_revert_needs_force(tmp_path: Path) -> None:
    with Site() as site:
        manifests = [plan(stage("one", "a")), workflow("a", undoable(site.url, "a1"))]
        first = local.run(tmp_path, *manifests)["metadata"]["name"]
        local.run(tmp_path, *manifests)
        with pytest.raises(NotAllowed, match="is not the newest of plan pay"):
            local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, first))
        forced = local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, first), force=True, reason="drill")
    assert forced["status"]["phase"] == "Succeeded"
    assert local.stored_plan(tmp_path)["status"]["executionHistory"][0]["reason"] == "drill"


# --- where it runs


def test_a_folder_named_runner_where_the_engine_is_started_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "runner").mkdir()
    (tmp_path / "runner" / "__init__.py").write_text("raise SystemExit(1)")
    program = (
        "import sys, pathlib; sys.path[:] = [p for p in sys.path if p]; sys.path += sys.argv[1].split(':')\n"
        "from support import local\n"
        "from support.http_site import Site\n"
        "from support.plans import *\n"
        "with Site() as site:\n"
        "    done = local.run(pathlib.Path('state'), plan(stage('one', 'w')), workflow('w', http('act', site.url)))\n"
        "print(done['status']['phase'])\n"
    )
    paths = ":".join(path for path in sys.path if path)
    ran = subprocess.run(
        [sys.executable, "-P", "-c", program, paths],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.strip() == "Succeeded", ran.stderr
