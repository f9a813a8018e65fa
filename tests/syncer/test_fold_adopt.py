"""A Workflow that was submitted without an execution: what it says it is, and what of the plan is in it."""

from __future__ import annotations

import json

import pytest

from compiler.model.execution import DRPlanExecution
from compiler.model.names import LABEL_OPERATION, LABEL_PLAN, LABEL_PLAN_REF
from compiler.model.phases import OperationType
from support.graphs import SKIPPED, action, graph, stage, use
from support.trees import Argo, folded
from syncer.fold.adopt import Run, execution_of, keys_in_templates, restrict, run_of
from syncer.nodes import Workflow, read_workflow


def workflow(run=None, **metadata):
    arguments = [] if run is None else [{"name": "run", "value": run if isinstance(run, str) else json.dumps(run)}]
    read = read_workflow(
        {
            "metadata": {"name": "pay-x-1", "namespace": "dr", "uid": "wf-1", **metadata},
            "spec": {"arguments": {"parameters": arguments}},
        }
    )
    assert isinstance(read, Workflow)
    return read


ADOPTED = {"namespace": "dr", "plan": "pay", "execution": "", "uid": "", "epoch": 1, "operation": "Execute", "mode": ""}


class TestRun:
    def test_it_is_what_the_parameter_says(self):
        run = run_of(workflow({**ADOPTED, "execution": "pay-execute-1", "uid": "x-1", "epoch": 2, "mode": "install"}))
        assert run == Run("dr", "pay", "pay-execute-1", "x-1", 2, OperationType.EXECUTE, "install")

    @pytest.mark.parametrize(
        "run", ["{", "[]", "3", "{}", '{"plan": "pay", "epoch": "x"}', '{"plan": "p", "operation": 1}']
    )
    def test_one_that_cannot_be_read_is_refused_with_the_workflows_name(self, run):
        with pytest.raises(ValueError, match="of Argo Workflow pay-x-1 cannot be read"):
            run_of(workflow(run))

    def test_one_that_was_made_from_a_template_has_it_from_there(self):
        parameters = [{"name": "run", "value": json.dumps({**ADOPTED, "mode": "delete"})}]
        stored = {"arguments": {"parameters": parameters}, "templates": []}
        made = {
            "metadata": {"name": "pay-x7", "namespace": "dr", "uid": "wf-1"},
            "spec": {"arguments": {}, "workflowTemplateRef": {"name": "pay"}},
            "status": {"phase": "Running", "storedWorkflowTemplateSpec": stored},
        }
        assert run_of(read_workflow(made)) == Run("dr", "pay", mode="delete")

    def test_a_workflow_without_one_was_not_compiled_by_us(self):
        with pytest.raises(ValueError, match="pay-x-1 has no parameter run"):
            run_of(workflow())


class TestExecution:
    def test_without_an_execution_it_has_the_name_of_the_workflow_and_stands_for_it(self):
        found = execution_of(workflow({**ADOPTED, "mode": "install"}, creationTimestamp="2025-11-24T08:00:00Z"))
        DRPlanExecution.model_validate(found)
        assert found["metadata"]["name"] == "pay-x-1"
        assert found["metadata"]["namespace"] == "dr"
        assert "uid" not in found["metadata"]
        assert found["spec"] == {
            "planRef": "pay",
            "operationType": "Execute",
            "mode": "Install",
            "adoptWorkflow": {"name": "pay-x-1", "uid": "wf-1"},
        }

    def test_with_one_it_is_that_one(self):
        found = execution_of(workflow({**ADOPTED, "execution": "e", "uid": "x-1"}))
        assert (found["metadata"]["name"], found["metadata"]["uid"]) == ("e", "x-1")
        assert "adoptWorkflow" not in found["spec"]

    def test_a_revert_has_no_mode(self):
        found = execution_of(workflow({**ADOPTED, "operation": "Revert", "mode": "rollback"}))
        assert found["spec"]["operationType"] == "Revert"
        assert "mode" not in found["spec"]
        assert found["metadata"]["labels"] == {LABEL_PLAN: "pay", LABEL_PLAN_REF: "pay", LABEL_OPERATION: "revert"}


def dag(name, **tasks):
    listed = [{"name": task.replace("_", "-"), "template": template} for task, template in tasks.items()]
    return {"name": name, "dag": {"tasks": listed}}


def containers(name, *names):
    return {"name": name, "containerSet": {"containers": [{"name": each} for each in ("main", *names)]}}


NAMED = {
    "metadata": {"name": "wf"},
    "spec": {
        "entrypoint": "plan",
        "templates": [
            dag("plan", s_1_db="s-1", s_2_app="s-2"),
            dag("s-1", w_1_mysql="w-1-1", w_2_long="w-1-2"),
            containers("w-1-1", "a-3-verify", "a-1-check"),
            dag("w-1-2", l_1="w-1-2-l-1", l_2="w-1-2-l-2"),
            containers("w-1-2-l-1", "a-1-x"),
            containers("w-1-2-l-2", "a-17-y", "h-18-z"),
            dag("s-2", w_1_web="gone"),
        ],
    },
}
GENERIC = {
    "spec": {"workflowTemplateRef": {"name": "pay"}},
    "status": {
        "storedWorkflowTemplateSpec": {
            "entrypoint": "plan",
            "templates": [
                dag("plan", s_1_db="s-1"),
                dag("s-1", w_1_a="lane-2", w_3_b="lane-2"),
                containers("lane-2", "a-2", "a-1"),
            ],
        }
    },
}


class TestTemplates:
    def test_actions_in_named_lanes_are_found_through_the_tasks(self):
        assert keys_in_templates(NAMED) == {"s1.w1.a1", "s1.w1.a3", "s1.w2.a1", "s1.w2.a17", "s1.w2.h18"}

    def test_a_lane_that_several_uses_share_counts_for_each_of_them(self):
        assert keys_in_templates(GENERIC) == {"s1.w1.a1", "s1.w1.a2", "s1.w3.a1", "s1.w3.a2"}

    @pytest.mark.parametrize("source", [{}, {"spec": {}}, {"spec": {"templates": []}, "status": {}}])
    def test_without_templates_there_is_nothing_to_say(self, source):
        assert keys_in_templates(source) is None

    def test_templates_that_call_themselves_come_to_an_end(self):
        loop = {"spec": {"templates": [dag("plan", s_1_a="plan", w_1_b="plan", l_1="plan")]}}
        assert keys_in_templates(loop) == frozenset()


class TestRestrict:
    PLAN = graph(stage(use("a", "b", "c")), stage(use("d"), name="two"), stage(use("e"), name="three"))

    def test_what_the_workflow_leaves_out_is_decided_not_to_run(self):
        tree = folded(restrict(self.PLAN, {"s1.w1.a1", "s1.w1.a3", "s3.w1.a1"}, workflow="wf"), Argo().workflow())
        assert tree.phases() == ["Pending", "Skipped", "Pending", "Skipped", "Pending"]
        assert tree.reason("s1.w1.a2") == "ConditionNotMet"
        assert tree.message("s1.w1.a2") == "not part of Argo Workflow wf"
        assert tree.phase("s2") == "Succeeded"

    def test_edges_lead_past_what_is_left_out(self):
        restricted = restrict(self.PLAN, {"s1.w1.a1", "s1.w1.a3", "s3.w1.a1"}, workflow="wf")
        first, second, third = restricted.stages[0].workflows[0].actions
        assert (first.after, second.after, third.after) == ((), (), ("s1.w1.a1",))
        assert [each.after for each in restricted.stages] == [(), (), ("s1",)]

    def test_a_plan_that_is_whole_is_left_as_it_is(self):
        keys = {each.key for each in self.PLAN.actions()}
        assert restrict(self.PLAN, keys, workflow="wf") == self.PLAN

    def test_what_was_decided_before_keeps_its_own_reason(self):
        plan = graph(stage(use(action("a", decided=SKIPPED), "b")))
        assert restrict(plan, set(), workflow="wf").stages[0].workflows[0].actions[0].decided == SKIPPED
