"""The syncer on real Argo with real pods: an execution, its revert, and what the plan remembers of both."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.api_syncer import ACCOUNT, ROLE, condition
from support.local import wait_until
from support.plans import execution, http, plan, stage, workflow
from support.syncer_process import Syncer

pytestmark = pytest.mark.bed

Object = dict[str, Any]


@pytest.fixture
def syncer(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[Syncer]:
    """A syncer with the rights that it is installed with, for this namespace only."""
    role = ROLE.read_text().replace("drplan-system", namespace)
    cluster.kubectl("apply", "-f", "-", given=role)
    token = cluster.kubectl("create", "token", ACCOUNT, "-n", namespace, "--duration=1h").strip()
    given = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
    given["users"] = [{**each, "user": {"token": token}} for each in given["users"]]
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(given))
    started = Syncer(kubeconfig, namespace, (), tmp_path / "syncer.log")
    try:
        yield started
        assert started.stop() == 0
    finally:
        started.kill()
        cluster.kubectl("delete", "clusterrolebinding", ACCOUNT)


def objects(namespace: str, site: str) -> str:
    """The plan: two stages, the second of two workflows at once."""

    def action(name: str) -> Object:
        undo = {"type": "HTTP", "http": {"url": f"{site}/undo/{name}", "method": "PUT"}}
        return http(name, f"{site}/do/{name}", method="PUT", rollback=undo)

    made = [
        workflow("db", action("stop"), action("promote")),
        workflow("web", action("scale")),
        workflow("dns", action("switch")),
        plan(stage("data", "db"), stage("traffic", "web", "dns", parallel=True)),
    ]
    items = [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in made]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def phases(status: Object) -> dict[str, str]:
    """Phases of all actions by key."""
    return {
        action["key"]: action["phase"]
        for each in status["stageStatuses"]
        for use in each["workflowExecutions"]
        for action in use["actionStatuses"]
    }


def test_an_execution_and_its_revert_run_to_their_ends_and_the_plan_remembers_both(
    cluster: Any, namespace: str, site: str, syncer: Syncer, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.kubectl("apply", "-f", "-", given=objects(namespace, site))
    cluster.kubectl("wait", "drplan/pay", "-n", namespace, "--for=condition=Ready", "--timeout=60s")
    lags: list[float] = []

    def run(made: Object) -> Object:
        name = made["metadata"]["name"]
        made["metadata"]["namespace"] = namespace
        cluster.kubectl("create", "-f", "-", given=json.dumps(made))
        seen: set[str] = set()

        def recorded() -> bool:
            status = cluster.get("drplanexecution", name, "-n", namespace).get("status") or {}
            now = datetime.now(UTC)
            for each in status.get("stageStatuses") or ():
                for use in each["workflowExecutions"]:
                    for action in use["actionStatuses"]:
                        if action["phase"] == "Succeeded" and action["key"] not in seen:
                            seen.add(action["key"])
                            ended = datetime.fromisoformat(action["completionTime"])
                            lags.append((now - ended).total_seconds())
            return condition(status, "Recorded") is not None

        began = time.monotonic()
        wait_until(recorded, seconds=150)
        with capsys.disabled():
            print(f"\n{name}: recorded after {time.monotonic() - began:.1f} s")
        ended: Object = cluster.get("drplanexecution", name, "-n", namespace)["status"]
        return ended

    done = run(execution("pay-1"))
    assert done["phase"] == "Succeeded", done
    assert phases(done) == dict.fromkeys(("s1.w1.a1", "s1.w1.a2", "s2.w1.a1", "s2.w2.a1"), "Succeeded")
    assert condition(done, "Complete") == ("True", "Succeeded")
    assert done["summary"]["succeededActions"] == 4
    cluster.kubectl("wait", "drplanexecution/pay-1", "-n", namespace, "--for=condition=Complete", "--timeout=1s")

    undone = run(execution("pay-undo", operationType="Revert", revertExecutionRef="pay-1"))
    assert undone["phase"] == "Succeeded", undone
    assert set(phases(undone)) == set(phases(done))
    assert undone["message"].startswith("Plan reverted successfully: 2 stage(s) rolled back, 4 action(s) rolled back")
    assert cluster.get("drplanexecution", "pay-1", "-n", namespace)["status"]["revertedBy"]["name"] == "pay-undo"
    status = cluster.get("drplan", "pay", "-n", namespace)["status"]
    history = [(each["name"], each["operationType"], each["phase"]) for each in status["executionHistory"]]
    assert history == [("pay-undo", "Revert", "Succeeded"), ("pay-1", "Execute", "Succeeded")]
    assert status["lastExecutionRef"] == "pay-undo"
    assert "currentExecution" not in status
    with capsys.disabled():
        print(f"seconds from an action's end to its being seen in the status: {sorted(round(lag, 2) for lag in lags)}")
