"""Options and files that cannot be used: refused in one line, before anything is written."""

from __future__ import annotations

import json

import pytest

from support.command import drplan, manifests
from support.plans import http, plan, stage, workflow


@pytest.fixture
def folder(tmp_path):
    guarded = http("a", when='mode == "install"')
    counted = http("b", "http://site.example/$(params.count)")
    declared = [{"name": "count", "type": "number", "default": "1"}]
    return manifests(tmp_path / "plan", plan(stage("s", "w")), workflow("w", guarded, counted, parameters=declared))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-p", "x=\udcff"], 'value of "x" is no UTF-8 text'),
        (["-p", "mode=x"], 'parameter name "mode" is reserved; use --mode'),
        (["--state", ""], "must not be empty"),
        (["--name", ""], "must not be empty"),
        (["--name", "\udcff"], "is no UTF-8 text"),
        (["--reason", "\udcff"], "is no UTF-8 text"),
    ],
)
def test_an_option_that_cannot_be_used_is_a_usage_error(options, message, folder, tmp_path):
    where = [] if "--state" in options else ["--state", tmp_path / "state"]
    refused = drplan("run", "-f", folder, *where, *options)
    assert refused.code == 1
    assert message in refused.err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mode", "install", "-p", "nosuch=1"], "Execution, option -p: "),
        (["--mode", "install", "-p", "count=x"], "Execution, option -p: "),
    ],
)
@pytest.mark.parametrize("command", ["run", "compile", "graph"])
def test_what_is_wrong_with_an_option_has_the_options_name_and_no_place(command, options, message, folder, tmp_path):
    refused = drplan(command, "-f", folder, *options, "--state", tmp_path / "state")
    assert refused.code == 1
    assert message in refused.err
    assert ":1:1" not in refused.err


def test_a_missing_mode_is_asked_for_by_its_option(folder, tmp_path):
    refused = drplan("run", "-f", folder, "--state", tmp_path / "state")
    assert refused.code == 1
    assert "--mode" in refused.err
    assert "spec.mode" not in refused.err


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1"},
        {"kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1", "metadata": {}},
        {"kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1", "metadata": "x"},
    ],
)
def test_a_workflow_without_a_name_is_not_folded(content, folder, tmp_path):
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(content))
    refused = drplan("fold", "-f", folder, "--workflow", path)
    assert refused.code == 1
    assert refused.err == f"{path}: the Workflow has no metadata.name\n"
