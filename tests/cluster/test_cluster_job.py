"""Jobs with real pods: what becomes of them when they end, fail, take too long, are let go, and are undone.

All of it in one run of one plan and its revert, with just the rights that `drplan rbac` prints.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compiler.argo import RunnerConfig
from support.command import drplan, manifests
from support.local import wait_until
from support.plans import plan, stage, workflow

pytestmark = pytest.mark.bed

SLEEP = "import time; time.sleep(600)"
FAIL = "open('/dev/termination-log', 'w').write('no space left'); raise SystemExit(3)"
Object = dict[str, Any]


def job(name: str, code: str, *, ttl: int | None = None, **fields: Any) -> Object:
    """A workflow of one Job action that runs a piece of Python."""
    container = {
        "name": "main",
        "image": RunnerConfig().image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3.11", "-c", code],
    }
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    block = {"namespace": "$(namespace)", "template": {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}}
    if ttl is not None:
        block["ttlSecondsAfterFinished"] = ttl
    return workflow(name, {"name": name, "type": "Job", "job": block, **fields})


WORKFLOWS = (
    job("good", ""),
    job("bad", FAIL),
    job("slow", SLEEP, timeout="10s"),
    job("going", SLEEP, waitReady=False),
    job("brief", "", ttl=0, waitReady=False),
)
NAMES = tuple(each["metadata"]["name"] for each in WORKFLOWS)


class Cluster:
    """What the plan has left in the namespace, by the name of its action."""

    def __init__(self, cluster: Any, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def submit(self, compiled: Object, folder: Path) -> Object:
        """Submit a Workflow, and wait until all its actions have ended."""
        name = compiled["metadata"]["name"]
        path = folder / f"{name}.json"
        path.write_text(json.dumps(compiled))
        self._cluster.argo("submit", "-n", self._namespace, "-o", "name", str(path))
        wait_until(lambda: self._get("workflow", name)["status"].get("finishedAt"), seconds=120)
        return self._get("workflow", name)

    def records(self, name: str) -> list[Object]:
        """Records of the actions of a Workflow."""
        return [each for each in self._get("dractionrecords")["items"] if each["spec"]["workflow"]["name"] == name]

    def jobs(self) -> set[str]:
        """Actions whose Jobs exist."""
        return {_action(each["metadata"]["name"]) for each in self._get("jobs")["items"]}

    def pods(self) -> dict[str, str]:
        """Phases of the pods of Jobs, by action."""
        found = self._cluster.get("pods", "-n", self._namespace, "-l", "job-name")["items"]
        return {_action(each["metadata"]["labels"]["job-name"]): each["status"]["phase"] for each in found}

    def _get(self, *what: str) -> Any:
        return self._cluster.get(*what, "-n", self._namespace)


def _action(name: str) -> str:
    return name.rpartition("-")[0]


@pytest.fixture
def folder(cluster: Any, namespace: str, tmp_path: Path) -> Path:
    """The plan; the runner has just the rights that it needs."""
    written = [plan(stage("one", *NAMES, parallel=True, failurePolicy="Continue")), *WORKFLOWS]
    placed = [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in written]
    made = manifests(tmp_path / "plan", *placed)
    cluster.kubectl("apply", "-f", "-", given=drplan("rbac", "-q", "-f", made).out)
    return made


def test_jobs_end_as_their_pods_do_and_nothing_of_them_outlives_the_timeout_or_the_revert(
    cluster: Any, namespace: str, folder: Path, tmp_path: Path
) -> None:
    left = Cluster(cluster, namespace)
    compiled = drplan("compile", "-q", "-f", folder, "-o", "json").json
    name = compiled["metadata"]["name"]
    done = left.submit(compiled, tmp_path)
    records = left.records(name)
    states = {each["spec"]["action"]["name"]: each["state"] for each in records}
    assert {action: state["phase"] for action, state in states.items()} == {
        "good": "Succeeded",
        "bad": "Failed",
        "slow": "Failed",
        "going": "Succeeded",
        "brief": "Succeeded",
    }
    assert states["good"]["values"]["object"]["status"]["succeeded"] == 1
    assert states["bad"]["reason"] == "JobFailed"
    assert "failed: BackoffLimitExceeded" in states["bad"]["message"]
    assert states["bad"]["message"].endswith("container main exited with code 3: no space left")
    assert states["slow"]["reason"] == "TimedOut"
    assert states["slow"]["message"].endswith("was deleted with its pods")
    wait_until(lambda: left.jobs() == {"good", "bad", "going"})
    wait_until(lambda: left.pods() == {"good": "Succeeded", "bad": "Failed", "going": "Running"})

    paths = {kind: tmp_path / f"{kind}.json" for kind in ("workflow", "records", "execution")}
    paths["workflow"].write_text(json.dumps(done))
    paths["records"].write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": records}))
    given = ("-f", folder, "--records", paths["records"])
    folded = drplan("fold", *given, "--workflow", paths["workflow"])
    assert folded.json["status"]["phase"] == "Failed", folded.err
    paths["execution"].write_text(folded.out)
    reverse = drplan("compile", *given, "--revert", paths["execution"], "-o", "json").json
    left.submit(reverse, tmp_path)
    undone = {each["spec"]["action"]["name"]: each["state"] for each in left.records(reverse["metadata"]["name"])}
    assert {state["phase"] for state in undone.values()} == {"Succeeded"}
    assert sorted(undone) == sorted(NAMES)
    for action in ("good", "bad", "going"):
        ref = states[action]["outputs"]["jobRef"]
        assert undone[action]["message"] == f"Rolled back: deleted Job {namespace}/{ref['name']}"
    assert left.jobs() == set()
    assert left.pods() == {}
