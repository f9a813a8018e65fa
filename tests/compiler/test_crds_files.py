"""The files in `crds/`: what the models do not say, and that they are what the generator writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from compiler.crds.__main__ import different_files, main
from compiler.crds.definitions import KINDS, files
from compiler.crds.structural import SchemaError, structural_schema
from compiler.model.base import Model, OpenObject
from compiler.model.names import GROUP

ROOT = Path(__file__).parents[2]
CRDS = {kind.name: yaml.safe_load(files()[kind.file_name]) for kind in KINDS}


def version_of(kind: str) -> dict[str, Any]:
    [version] = CRDS[kind]["spec"]["versions"]
    return dict(version)


def field_of(kind: str, path: str) -> dict[str, Any]:
    """Return the schema of a field by its path, stepping into the items of lists."""
    node = version_of(kind)["schema"]["openAPIV3Schema"]
    for name in path.split("."):
        node = node.get("items", node)["properties"][name]
    return dict(node)


def test_the_files_in_the_repository_are_what_the_generator_writes() -> None:
    assert different_files(ROOT / "crds") == {}


def test_the_generator_writes_the_same_text_every_time() -> None:
    assert files() == files()


def test_writing_and_checking_agree(tmp_path: Path) -> None:
    assert main([str(tmp_path / "new")]) == 0
    assert main(["--check", str(tmp_path / "new")]) == 0


def test_the_check_names_files_that_differ_are_missing_or_too_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(tmp_path)])
    changed, missing = sorted(tmp_path.glob("*.yaml"))[:2]
    changed.write_text("kind: x\n")
    missing.unlink()
    (tmp_path / "zz.yaml").write_text("")
    assert main(["--check", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(";")[0] for line in lines] == [
        f"{changed}: differs from the models",
        f"{missing}: is missing",
        f"{tmp_path / 'zz.yaml'}: is not generated from any model",
    ]


def test_the_check_writes_nothing(tmp_path: Path) -> None:
    assert main(["--check", str(tmp_path)]) == 1
    assert list(tmp_path.iterdir()) == []


def test_field_names_that_kubectl_takes_for_booleans_are_quoted() -> None:
    [text] = [text for name, text in files().items() if "dractionrecords" in name]
    assert "'n':" in text
    assert "\n  n:" not in text.replace("    ", "  ")


@pytest.mark.parametrize(
    ("kind", "plural", "short", "columns"),
    [
        ("DRPlan", "drplans", "drp", "Ready Phase Current Last Age"),
        ("DRWorkflow", "drworkflows", "drwf", "Ready Phase Age"),
        (
            "DRPlanExecution",
            "drplanexecutions",
            "dre",
            "Plan Operation Mode Phase Progress Duration Age Workflow* Message*",
        ),
        ("DRActionRecord", "dractionrecords", "drr", "Execution Key Action Phase Attempt Age"),
    ],
)
def test_names_and_columns(kind: str, plural: str, short: str, columns: str) -> None:
    crd = CRDS[kind]
    assert crd["metadata"]["name"] == f"{plural}.{GROUP}"
    assert crd["spec"]["names"] == {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": [short],
        "categories": ["drplans-all"],
    }
    shown = version_of(kind)["additionalPrinterColumns"]
    assert " ".join(column["name"] + "*" * column.get("priority", 0) for column in shown) == columns


@pytest.mark.parametrize("kind", CRDS)
def test_there_is_one_version_served_and_stored(kind: str) -> None:
    version = version_of(kind)
    assert (version["name"], version["served"], version["storage"]) == ("v1alpha1", True, True)
    assert (CRDS[kind]["spec"]["group"], CRDS[kind]["spec"]["scope"]) == ("dr.bkbcs.tencent.com", "Namespaced")


def test_only_a_record_is_written_as_one_object() -> None:
    assert {kind for kind in CRDS if "subresources" not in version_of(kind)} == {"DRActionRecord"}
    assert version_of("DRPlanExecution")["subresources"] == {"status": {}}


@pytest.mark.parametrize(
    ("kind", "paths"),
    [
        ("DRPlan", []),
        ("DRWorkflow", []),
        ("DRPlanExecution", [".spec.planRef", ".spec.operationType", ".status.phase"]),
        ("DRActionRecord", [".spec.execution.name", ".spec.execution.uid", ".spec.key", ".state.phase"]),
    ],
)
def test_fields_that_can_be_selected(kind: str, paths: list[str]) -> None:
    assert [field["jsonPath"] for field in version_of(kind).get("selectableFields", [])] == paths


@pytest.mark.parametrize(
    ("kind", "path", "default"),
    [
        ("DRPlan", "spec.failurePolicy", "Stop"),
        ("DRPlan", "spec.stages.parallel", False),
        ("DRPlan", "spec.stages.dependsOnPolicy", "Finished"),
        ("DRPlan", "spec.globalParams.type", "string"),
        ("DRPlan", "spec.globalParams.valueFrom.manifestRef.select", "Last"),
        ("DRWorkflow", "spec.failurePolicy", "FailFast"),
        ("DRWorkflow", "spec.executor.type", "Native"),
        ("DRWorkflow", "spec.actions.dependsOnPolicy", "Finished"),
        ("DRWorkflow", "spec.actions.http.method", "GET"),
        ("DRWorkflow", "spec.actions.retryPolicy.limit", 3),
        ("DRWorkflow", "spec.actions.retryPolicy.interval", "5s"),
        ("DRWorkflow", "spec.actions.retryPolicy.backoffMultiplier", "2.0"),
        *(
            ("DRWorkflow", f"spec.actions.{block}.operation", "Create")
            for block in ("localization", "globalization", "helmChart", "subscription", "resource")
        ),
        ("DRPlanExecution", "spec.params.type", "string"),
    ],
)
def test_defaults_that_the_api_server_writes(kind: str, path: str, default: object) -> None:
    assert field_of(kind, path)["default"] == default


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("DRPlan", "spec.stages.failurePolicy"),
        ("DRPlan", "spec.suspend"),
        ("DRPlan", "spec.stages.workflows.workflowRef.namespace"),
        ("DRPlan", "spec.globalParams.required"),
        ("DRWorkflow", "spec.actions.timeout"),
        ("DRWorkflow", "spec.actions.waitReady"),
        ("DRWorkflow", "spec.actions.retryPolicy"),
        ("DRWorkflow", "spec.actions.clusterExecutionMode"),
        ("DRWorkflow", "spec.actions.localization.spec.priority"),
        ("DRWorkflow", "spec.actions.localization.spec.overridePolicy"),
        ("DRWorkflow", "spec.actions.helmChart.spec.createNamespace"),
        ("DRWorkflow", "spec.actions.subscription.spec.schedulingStrategy"),
        ("DRPlanExecution", "status.summary.totalStages"),
    ],
)
def test_what_means_the_same_or_depends_has_no_written_default(kind: str, path: str) -> None:
    assert "default" not in field_of(kind, path)


class Sample(Model):
    """A model with the shapes that our kinds do not have."""

    above: int = Field(default=1, gt=0)
    """A number above zero."""
    port: int | str | None = None
    """A number or a name."""
    nested: dict[str, OpenObject] = Field(default_factory=dict)
    """A map of objects."""


class Undescribed(Model):
    """A model with an attribute that has no text."""

    name: str


class Endless(Model):
    """A model that contains itself."""

    inner: Endless | None = None
    """The same again."""


class Undecided(Model):
    """A model with a choice of shapes."""

    either: dict[str, str] | list[str]
    """An object or a list."""


def test_the_generator_writes_the_forms_of_structural_schemas() -> None:
    assert structural_schema(Sample)["properties"] == {
        "above": {
            "description": "A number above zero.",
            "type": "integer",
            "default": 1,
            "minimum": 0,
            "exclusiveMinimum": True,
        },
        "port": {"description": "A number or a name.", "x-kubernetes-int-or-string": True},
        "nested": {
            "description": "A map of objects.",
            "type": "object",
            "additionalProperties": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Undescribed, "Undescribed: no text below name"),
        (Endless, "Endless contains itself"),
        (Undecided, "Undecided.either: a choice of shapes has no structural form"),
    ],
)
def test_the_generator_refuses_what_has_no_structural_form(model: type[Model], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        structural_schema(model)
