"""The sample plans, written for the older controller, are read and accepted unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.crds.definitions import KINDS, root_schema
from support.structural_schema import pruned, violations

ROOT = Path(__file__).parents[2]
KIND_BY_NAME = {kind.name: kind for kind in KINDS}
MANIFESTS = {
    f"{path.parent.name}/{path.name}": yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "examples" / "bcs-drplan").glob("*/*.yaml"))
    if yaml.safe_load(path.read_text(encoding="utf-8"))["kind"] in KIND_BY_NAME
}


def test_there_are_two_plans_each_with_an_execute_and_a_revert() -> None:
    kinds = sorted(manifest["kind"] for manifest in MANIFESTS.values())
    assert kinds == ["DRPlan"] * 2 + ["DRPlanExecution"] * 4 + ["DRWorkflow"] * 4


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_a_sample_is_read_without_losing_anything(manifest: dict[str, Any]) -> None:
    assert KIND_BY_NAME[manifest["kind"]].model.read(manifest).to_json() == manifest


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_a_sample_is_accepted_by_the_schema_without_losing_anything(manifest: dict[str, Any]) -> None:
    schema = root_schema(KIND_BY_NAME[manifest["kind"]])
    assert list(violations(schema, manifest)) == []
    assert pruned(schema, manifest)["spec"] == manifest["spec"]
