"""Records as `kubectl get drr -o json` prints them: of every run in the namespace, and only some are of this one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import drplan, manifests
from support.http_site import Answer, Site
from support.plans import http, plan, stage, workflow

pytestmark = pytest.mark.long


@pytest.fixture
def two_runs(tmp_path):
    """A plan that ran twice, the first time with a failure, and the records of both in one file."""
    state = tmp_path / "state"
    with Site() as site:
        site.script("/b", Answer(403), Answer(200))
        back = {"http": {"url": f"{site.url}/back", "method": "DELETE"}}
        steps = [http(name, f"{site.url}/{name}", method="PUT", rollback=back) for name in ("a", "b")]
        folder = manifests(tmp_path / "plan", plan(stage("one", "w")), workflow("w", *steps))
        codes = [drplan("run", "-f", folder, "--state", state).code for _ in range(2)]
    assert codes == [2, 0]
    runs = state / "dr" / "executions"
    records = [json.loads(path.read_text()) for path in sorted(runs.glob("*/records/*.json"))]
    assert len(records) == 4
    (tmp_path / "records.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": records}))
    return tmp_path


def of(folder: Path, number: int, name: str) -> Path:
    return folder / "state" / "dr" / "executions" / f"pay-execute-{number}" / name


@pytest.mark.parametrize(("number", "phase"), [(1, "Failed"), (2, "Succeeded")])
def test_a_fold_takes_its_own(two_runs, number, phase):
    workflow_file = of(two_runs, number, "workflow-e1.json")
    asked = ["fold", "-f", two_runs / "plan", "--workflow", workflow_file, "--records", two_runs / "records.json"]
    folded = drplan(*asked, "-o", "json")
    assert folded.code == 0, folded.err
    (use,) = folded.json["status"]["stageStatuses"][0]["workflowExecutions"]
    assert [action["phase"] for action in use["actionStatuses"]] == ["Succeeded", phase]


@pytest.mark.parametrize("number", [1, 2])
def test_a_revert_takes_its_own(two_runs, number):
    execution = of(two_runs, number, "execution.json")
    asked = ["compile", "-f", two_runs / "plan", "--revert", execution, "--records", two_runs / "records.json"]
    compiled = drplan(*asked, "-o", "json")
    assert compiled.code == 0, compiled.err
    own = {path.stem for path in of(two_runs, number, "records").glob("*.json")}
    text = json.dumps(compiled.json)
    assert {name for name in own if f"--undo={name}" in text} == own
    others = {path.stem for path in of(two_runs, 3 - number, "records").glob("*.json")}
    assert not {name for name in others if f"--undo={name}" in text}


def test_a_revert_without_a_record_of_its_own_is_refused(two_runs):
    path = two_runs / "records.json"
    uid = json.loads(of(two_runs, 1, "execution.json").read_text())["metadata"]["uid"]
    listed = json.loads(path.read_text())
    listed["items"] = [each for each in listed["items"] if each["spec"]["execution"]["uid"] == uid]
    path.write_text(json.dumps(listed))
    execution = of(two_runs, 2, "execution.json")
    refused = drplan("compile", "-f", two_runs / "plan", "--revert", execution, "--records", path)
    assert refused.code == 1
    assert "holds no record of execution pay-execute-2; nothing could be undone" in refused.err


def test_a_revert_of_other_manifests_than_those_that_were_run_is_refused(two_runs):
    other = manifests(two_runs / "other", plan(stage("one", "w")), workflow("w", http("b", method="PUT")))
    execution = of(two_runs, 2, "execution.json")
    refused = drplan("compile", "-f", other, "--revert", execution, "--records", two_runs / "records.json")
    assert refused.code == 1
    assert "s1.w1.a1 was HTTP action a and is HTTP action b in the manifests; give those that were run" in refused.err
    assert "s1.w1.a2 was HTTP action b and is no action in the manifests" in refused.err
    assert refused.out == ""
