"""`drplan compile` and `drplan fold`, forward and for a revert, as a person would call them."""

from __future__ import annotations

import json

import pytest

from support.command import ROOT, drplan, manifests, process
from support.http_site import Answer, Site
from support.local import actions
from support.plans import http, plan, stage, workflow

FIXTURES = [ROOT / "examples/bcs-drplan/install", ROOT / "examples/bcs-drplan/switchover"]


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda folder: folder.name)
def test_the_fixture_plans_validate_compile_and_draw_unchanged(folder):
    assert drplan("validate", "-f", folder).code == 0
    first, second = drplan("compile", "-f", folder), process("compile", "-f", folder)
    assert first.code == 0
    assert first.out == second.out
    assert first.documents[-1]["kind"] == "Workflow"
    drawn = drplan("graph", "-f", folder)
    assert drawn.code == 0
    assert drawn.out.startswith("flowchart") or "flowchart" in drawn.out


def test_an_execution_among_the_manifests_gives_mode_and_parameters(tmp_path):
    folder = manifests(
        tmp_path,
        plan(stage("s", "w")),
        workflow("w", http("x", "http://$(params.host)/$(mode)", when="mode == upgrade")),
        {
            "apiVersion": "dr.bkbcs.tencent.com/v1alpha1",
            "kind": "DRPlanExecution",
            "metadata": {"name": "e1", "namespace": "dr", "uid": "0000"},
            "spec": {
                "planRef": "pay",
                "operationType": "Execute",
                "mode": "Upgrade",
                "params": [{"name": "host", "value": "h"}],
            },
        },
    )
    called = drplan("compile", "-f", folder, "--execution", "e1", "-o", "json")
    assert called.code == 0
    labels = called.json["metadata"]["labels"]
    assert labels["dr.bkbcs.tencent.com/execution-uid"] == "0000"
    assert "http://h/upgrade" in called.out
    overridden = drplan("compile", "-f", folder, "--execution", "e1", "-p", "host=other")
    assert "http://other/upgrade" in overridden.out


def test_what_does_not_fit_comes_as_config_maps_before_the_workflow():
    folder = ROOT / "tests/golden/valid/generic-lanes/input.yaml"
    documents = drplan("compile", "-f", folder).documents
    assert [document["kind"] for document in documents] == [*["ConfigMap"] * (len(documents) - 1), "Workflow"]
    assert len(documents) > 1
    listed = drplan("compile", "-f", folder, "-o", "json").json
    assert listed["kind"] == "List"
    assert [item["kind"] for item in listed["items"]] == [document["kind"] for document in documents]


def test_a_template_has_the_name_of_its_plan_and_mode():
    folder = ROOT / "tests/golden/valid/conditions/input.yaml"
    template = drplan("compile", "-f", folder, "--template", "--mode", "Upgrade", "-o", "json").json
    assert template["kind"] == "WorkflowTemplate"
    assert template["metadata"]["name"] == "conditions-upgrade"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plan", "nosuch"], "hold no DRPlan nosuch"),
        (["--execution", "nosuch"], "hold no DRPlanExecution nosuch"),
        (["-p", "novalue"], "is not NAME=VALUE"),
        (["-p", "surplus=1"], '"surplus" is neither declared nor used'),
        (["--mode", "nosuch"], "nosuch"),
        (["--template", "--revert", "x"], "--revert takes no --template"),
    ],
)
def test_wrong_options_exit_with_1_and_say_what_is_wrong(arguments, message):
    called = drplan("compile", "-f", FIXTURES[1], *arguments)
    assert called.code == 1
    assert message in called.err
    assert called.out == ""


def test_problems_of_the_graph_have_file_line_and_column(tmp_path):
    folder = manifests(tmp_path, plan(stage("s", "w")), workflow("w", http("x", "http://$(params.nosuch)/")))
    called = drplan("compile", "-f", folder)
    assert called.code == 1
    place, _, message = called.err.partition(": ")
    file, line, column = place.rsplit(":", 2)
    assert file == str(folder / "1.yaml")
    assert "nosuch" in (folder / "1.yaml").read_text().splitlines()[int(line) - 1][int(column) - 1 :]
    assert '"nosuch"' in message


def test_several_plans_need_a_choice_and_a_broken_neighbour_does_not_disturb(tmp_path):
    folder = manifests(
        tmp_path, plan(stage("s", "w")), plan(stage("s", "gone"), name="other"), workflow("w", http("x"))
    )
    assert "choose one with --plan" in drplan("compile", "-f", folder).err
    assert drplan("compile", "-f", folder, "--plan", "pay").code == 0


@pytest.fixture
def finished(tmp_path):
    """A run that has ended, with everything that `kubectl get -o json` would give of it."""
    with Site() as site:
        back = {"http": {"url": f"{site.url}/back/$(outputs.find.json.ip)", "method": "POST"}}
        site.script("/find", Answer(200, '{"ip": "10.0.0.1"}'))
        folder = manifests(
            tmp_path / "plan",
            plan(stage("s", "w")),
            workflow(
                "w",
                http("find", f"{site.url}/find"),
                http("move", f"{site.url}/move", method="POST", rollback=back),
                http("later", f"{site.url}/later", when="mode == delete"),
            ),
        )
        state = tmp_path / "state"
        ran = drplan("run", "-f", folder, "--mode", "Install", "--state", state, "-o", "json")
        assert ran.code == 0
        yield folder, state, ran.json, site


def _files(state, name, tmp_path):
    folder = state / "dr/executions" / name
    records = [json.loads(path.read_text()) for path in sorted((folder / "records").glob("*.json"))]
    listed = tmp_path / f"{name}-records.json"
    listed.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": records}))
    return folder, listed


def test_folding_the_workflow_of_a_run_gives_its_execution(finished, tmp_path):
    folder, state, ran, _ = finished
    files, records = _files(state, ran["metadata"]["name"], tmp_path)
    called = drplan("fold", "-f", folder, "--workflow", files / "workflow-e1.json", "--records", records)
    assert called.code == 0
    folded = called.json
    assert folded["metadata"]["name"] == ran["metadata"]["name"]
    assert folded["status"]["phase"] == "Succeeded"
    assert actions(folded) == actions(ran)
    without = drplan("fold", "-f", folder, "--workflow", files / "workflow-e1.json").json
    assert [action["phase"] for action in actions(without).values()] == ["Succeeded", "Succeeded", "Skipped"]


def test_the_revert_of_a_run_compiles_from_state_and_from_files_to_the_same_actions(finished, tmp_path):
    folder, state, ran, site = finished
    name = ran["metadata"]["name"]
    _, records = _files(state, name, tmp_path)
    target = tmp_path / "target.json"
    target.write_text(json.dumps(ran))
    from_state = drplan("compile", "--revert", name, "--state", state, "-n", "dr", "-o", "json")
    from_files = drplan("compile", "-f", folder, "--revert", target, "--records", records, "-o", "json")
    assert (from_state.code, from_files.code) == (0, 0)
    assert from_state.json["spec"]["templates"] == from_files.json["spec"]["templates"]
    assert from_state.out == drplan("compile", "--revert", name, "--state", state, "-n", "dr", "-o", "json").out
    assert f"{site.url}/back/10.0.0.1" in from_state.out
    assert "--direction=revert" in from_state.out


def test_folding_a_revert_needs_what_it_undid(finished, tmp_path):
    folder, state, ran, _ = finished
    name = ran["metadata"]["name"]
    _, records = _files(state, name, tmp_path)
    target = tmp_path / "target.json"
    target.write_text(json.dumps(ran))
    reverted = drplan("revert", name, "--state", state, "-n", "dr", "-o", "json").json
    files, own = _files(state, reverted["metadata"]["name"], tmp_path)
    options = ["fold", "-f", folder, "--workflow", files / "workflow-e1.json", "--records", own]
    assert drplan(*options).code == 1
    called = drplan(*options, "--revert", target, "--revert-records", records)
    assert called.code == 0
    assert actions(called.json) == actions(reverted)


def test_a_file_that_is_no_workflow_is_refused(tmp_path):
    wrong = tmp_path / "wrong.json"
    for text in ("{}", "[", '{"kind": "Workflow", "metadata": {"name": "x"}}'):
        wrong.write_text(text)
        called = drplan("fold", "-f", FIXTURES[1], "--workflow", wrong)
        assert called.code == 1
        assert "wrong.json" in called.err
        assert "Traceback" not in called.err
