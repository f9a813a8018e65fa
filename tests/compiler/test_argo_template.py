"""WorkflowTemplates, and what both kinds of object owe to Hera and to lint."""

from __future__ import annotations

import pytest

from compiler.argo import RunnerConfig, compile_template, compile_workflow
from compiler.graph.tree import Graph
from compiler.model.names import LABEL_ADOPT
from compiler.problems import InternalError
from support.compiled import run_of
from support.graphs import action, graph, stage, uniform, use

PREFIX = "dr.bkbcs.tencent.com/"
SMALL = graph(stage(use("check", "promote")))
BIG = graph(stage(use(action("load", block={"body": "x" * 17_000}), "check")))


def test_a_template_gives_its_workflows_the_label_by_which_they_are_adopted() -> None:
    compiled = compile_template(SMALL)
    made = compiled.workflow["spec"]["workflowMetadata"]

    assert compiled.workflow["kind"] == "WorkflowTemplate"
    assert compiled.name == "pay"
    assert LABEL_ADOPT not in compiled.workflow["metadata"]["labels"]
    assert made["labels"][LABEL_ADOPT] == "true"
    assert made["labels"][PREFIX + "plan"] == "pay"
    assert made["annotations"]["workflows.argoproj.io/title"] == "Execute pay"
    assert made["annotations"][PREFIX + "compiled-hash"] == compiled.hash


def test_a_template_runs_without_an_execution() -> None:
    assert run_of(compile_template(SMALL))["uid"] == ""


def test_a_guarded_plan_has_a_template_a_mode() -> None:
    assert compile_template(graph(stage(use("x")), mode="install")).name == "pay-install"


def test_a_long_name_of_a_template_leaves_room_for_what_argo_appends() -> None:
    names = {compile_template(graph(stage(use("x")), plan="x" * 60, mode=mode)).name for mode in ("", "install")}

    assert len(names) == 2
    assert all(len(name) + len("-abcde") <= 63 for name in names)


def test_a_template_has_the_templates_of_the_workflow() -> None:
    assert (
        compile_template(SMALL).workflow["spec"]["templates"] == compile_workflow(SMALL).workflow["spec"]["templates"]
    )


@pytest.mark.parametrize("made", [SMALL, BIG, uniform(stages=2, uses=2, actions=20)])
def test_heras_models_take_every_field_that_is_emitted(made: Graph) -> None:
    from hera.workflows import models

    workflow = compile_workflow(made).workflow

    assert models.Workflow.model_validate(workflow).model_dump(by_alias=True, exclude_none=True) == workflow


def test_a_compiled_object_that_lint_does_not_pass_never_leaves() -> None:
    broken = RunnerConfig(image="{{workflow.nosuch}}")

    with pytest.raises(InternalError, match=r"workflow\.nosuch"):
        compile_workflow(SMALL, config=broken)
