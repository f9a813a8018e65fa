"""Every golden Workflow is one for Argo's own lint and for the API server with Argo's full kinds."""

from __future__ import annotations

import pytest

from support.golden import GOLDEN

WORKFLOWS = sorted((GOLDEN / "valid").glob("*/workflow.yaml"))


@pytest.mark.bed
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.parent.name)
def test_a_golden_workflow_passes_lint_and_a_dry_run_on_the_server(cluster, path):
    linted = cluster.argo("lint", "--offline", "--kinds=workflows,workflowtemplates", "-o", "simple", str(path))
    assert "no linting errors found" in linted
    text = path.read_text().replace("namespace: dr\n", "namespace: default\n")
    created = cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", given=text)
    assert "created (server dry run)" in created
