"""The models read every object that the CRDs accept, and give back what they know of it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from compiler.model.actions import Action, HttpAction
from compiler.model.base import Model
from compiler.model.execution import DRPlanExecution, DRPlanExecutionStatus
from compiler.model.phases import ActionType, ClusterExecutionMode, Operation, Phase, WorkflowFailurePolicy
from compiler.model.plan import DRPlan
from compiler.model.record import DRActionRecord
from compiler.model.workflow import DRWorkflow
from support import draws

SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

READABLE = {
    "older DRPlan": (DRPlan, draws.plan_objects(ours=False)),
    "DRPlan": (DRPlan, draws.plan_objects(ours=True)),
    "older DRWorkflow": (DRWorkflow, draws.workflow_objects(ours=False)),
    "DRWorkflow": (DRWorkflow, draws.workflow_objects(ours=True)),
    "older DRPlanExecution": (DRPlanExecution, draws.execution_objects(ours=False)),
    "DRPlanExecution": (DRPlanExecution, draws.execution_objects(ours=True)),
    "DRActionRecord": (DRActionRecord, draws.record_objects()),
}


def as_read(value: Any, field: str = "") -> Any:
    """What is expected back: the two values that have another spelling in our vocabulary, spelled that way."""
    if isinstance(value, dict):
        return {name: item if name in ("rollback", "values") else as_read(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [as_read(item) for item in value]
    return {("phase", "Canceled"): "Cancelled", ("clusterExecutionMode", ""): "Global"}.get((field, str(value)), value)


@pytest.mark.parametrize("which", READABLE)
@SLOW
@given(data=st.data())
def test_no_known_field_is_lost_between_reading_and_writing(which: str, data: st.DataObject) -> None:
    model, strategy = READABLE[which]
    drawn = data.draw(strategy)
    assert model.read(drawn).to_json() == as_read(drawn)


def workflow_with(**action: Any) -> dict[str, Any]:
    return {"spec": {"actions": [{"name": "a", "type": "HTTP", **action}]}}


def action_with(**fields: Any) -> Action:
    return Action.read({"name": "a", "type": "HTTP", **fields})


def test_unknown_fields_are_ignored_at_every_depth() -> None:
    read = DRWorkflow.read({**workflow_with(http={"url": "x", "expected": 1}, colour="red"), "extra": True})
    assert read.to_json() == workflow_with(http={"url": "x"})


def test_a_field_of_the_python_spelling_is_unknown() -> None:
    assert action_with(depends_on=["b"]).depends_on == []


def test_null_means_absent_and_gives_the_default() -> None:
    read = action_with(http={"url": "x", "method": None, "headers": None}, retryPolicy=None, timeout=None)
    assert isinstance(read.http, HttpAction)
    assert (read.http.method, read.http.headers, read.retry_policy.limit, read.timeout) == ("GET", {}, 3, None)


def test_a_required_field_that_is_null_is_missing() -> None:
    with pytest.raises(ValidationError, match="spec\n  Field required"):
        DRPlan.read({"spec": None})


def test_the_creation_time_that_kubectl_writes_as_null_is_absent() -> None:
    plan = DRPlan.read({"metadata": {"creationTimestamp": None}, "spec": plan_spec()})
    assert plan.metadata.creation_timestamp is None


def plan_spec() -> dict[str, Any]:
    return {"stages": [{"name": "s", "workflows": [{"workflowRef": {"name": "w"}}]}]}


@pytest.mark.parametrize(
    ("model", "value", "where"),
    [
        (DRPlan, {"spec": {"stages": []}}, "spec.stages"),
        (DRPlan, {"spec": {"stages": [{"name": "", "workflows": [{"workflowRef": {"name": "w"}}]}]}}, "stages.0.name"),
        (DRPlan, {"spec": {"stages": [{"name": "s", "workflows": []}]}}, "stages.0.workflows"),
        (DRPlan, {"spec": {**plan_spec(), "failurePolicy": "FailFast"}}, "spec.failurePolicy"),
        (DRPlan, {"spec": {**plan_spec(), "description": 5}}, "spec.description"),
        (DRPlan, {"spec": {**plan_spec(), "suspend": "true"}}, "spec.suspend"),
        (DRPlan, {"spec": {**plan_spec(), "executionsHistoryLimit": "3"}}, "spec.executionsHistoryLimit"),
        (DRPlan, {"spec": {**plan_spec(), "executionsHistoryLimit": -1}}, "spec.executionsHistoryLimit"),
        (DRWorkflow, {"spec": {"actions": []}}, "spec.actions"),
        (DRWorkflow, workflow_with(type="Shell"), "actions.0.type"),
        (DRWorkflow, workflow_with(http={}), "actions.0.http.url"),
        (DRWorkflow, workflow_with(http={"url": "x", "method": "FETCH"}), "actions.0.http.method"),
        (DRWorkflow, workflow_with(job={"template": {}}), "actions.0.job.template.spec"),
        (DRWorkflow, workflow_with(localization={"name": "n"}), "actions.0.localization.namespace"),
        (DRWorkflow, workflow_with(resource={"manifest": "x", "operation": "Replace"}), "actions.0.resource.operation"),
        (
            DRWorkflow,
            workflow_with(helmChart={"name": "n", "namespace": "m", "spec": {"repo": "ftp://x"}}),
            "actions.0.helmChart.spec.repo",
        ),
        (
            DRWorkflow,
            workflow_with(globalization={"name": "n", "spec": {"priority": 1001}}),
            "actions.0.globalization.spec.priority",
        ),
        (DRPlanExecution, {"spec": {"planRef": "p"}}, "spec.operationType"),
        (DRPlanExecution, {"spec": {"planRef": "p", "operationType": "Execute", "mode": "install"}}, "spec.mode"),
        (DRActionRecord, {"spec": {}}, "spec.schemaVersion"),
    ],
)
def test_what_the_api_server_refuses_is_refused_with_its_place(
    model: type[Model], value: dict[str, Any], where: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.read(value)
    assert any(".".join(map(str, error["loc"])).endswith(where) for error in refused.value.errors())


@pytest.mark.parametrize("repo", ["https://x", "http://x", "oci://x", "$(params.repo)", "{{ .params.repo }}"])
def test_a_chart_repository_is_an_address_or_a_placeholder(repo: str) -> None:
    spec = {"repo": repo, "chart": "c", "targetNamespace": "n"}
    read = action_with(type="HelmChart", helmChart={"name": "n", "namespace": "m", "spec": spec})
    assert read.to_json()["helmChart"]["spec"]["repo"] == repo


def test_the_older_spelling_of_cancelled_is_read_in_every_status() -> None:
    stage = {
        "name": "s",
        "phase": "Canceled",
        "workflowExecutions": [
            {"workflowRef": {"name": "w"}, "phase": "Canceled", "actionStatuses": [{"name": "a", "phase": "Canceled"}]}
        ],
    }
    status = DRPlanExecutionStatus.read({"phase": "Canceled", "stageStatuses": [stage]})
    workflow = status.stage_statuses[0].workflow_executions[0]
    phases = [status.phase, status.stage_statuses[0].phase, workflow.phase, workflow.action_statuses[0].phase]
    assert phases == [Phase.CANCELLED] * 4


def test_the_older_spelling_of_cancelled_is_read_in_the_history() -> None:
    entry = {"name": "e", "namespace": "n", "operationType": "whatever", "phase": "Canceled"}
    plan = DRPlan.read({"spec": plan_spec(), "status": {"executionHistory": [entry]}})
    assert plan.status is not None
    assert plan.status.execution_history[0].phase == Phase.CANCELLED


def test_an_empty_cluster_execution_mode_is_global() -> None:
    assert action_with(clusterExecutionMode="").cluster_execution_mode is ClusterExecutionMode.GLOBAL


def test_a_plan_without_anything_optional_has_the_defaults() -> None:
    plan = DRPlan.read({"spec": plan_spec()})
    stage = plan.spec.stages[0]
    assert (plan.kind, plan.spec.failure_policy, plan.spec.suspend) == ("DRPlan", "Stop", False)
    assert (stage.parallel, stage.failure_policy, stage.depends_on_policy) == (False, None, "Finished")


def test_an_action_without_anything_optional_has_the_defaults() -> None:
    action = action_with()
    assert (action.timeout, action.wait_ready, action.depends_on, action.depends_on_policy) == (
        None,
        None,
        [],
        "Finished",
    )
    retry = action.retry_policy
    assert (retry.limit, retry.interval, retry.backoff_multiplier) == (3, "5s", "2.0")


@pytest.mark.parametrize("action_type", ActionType)
def test_every_type_has_the_block_of_its_name(action_type: ActionType) -> None:
    block = {
        "url": "u",
        "template": {"spec": {}},
        "name": "n",
        "namespace": "m",
        "manifest": "x",
    }
    action = action_with(type=action_type.value, **{action_type.block: block})
    assert action.block is not None
    assert set(action.block.to_json()) <= set(block)
    assert action_with(type=action_type.value).block is None


def test_an_operation_that_is_not_given_is_create() -> None:
    subscription = action_with(type="Subscription", subscription={"name": "n"}).subscription
    assert subscription is not None
    assert subscription.operation is Operation.CREATE


def test_the_spec_of_a_clusternet_object_keeps_fields_that_we_do_not_know() -> None:
    spec = {"repo": "oci://x", "valuesFrom": [{"name": "v"}], "chartPullSecret": {"name": "s", "kind": "k"}}
    read = action_with(type="HelmChart", helmChart={"name": "n", "namespace": "m", "spec": spec})
    assert read.to_json()["helmChart"]["spec"] == spec


def test_the_spec_of_a_job_is_kept_whole() -> None:
    spec = {"template": {"spec": {"containers": [{"name": "c"}]}}, "anything": None}
    assert action_with(type="Job", job={"template": {"spec": spec}}).to_json()["job"]["template"]["spec"] == spec


def test_a_patch_has_only_what_somebody_wrote() -> None:
    block = {"name": "n", "namespace": "m", "operation": "Patch", "spec": {"overridePolicy": "ApplyNow"}}
    assert action_with(type="Localization", localization=block).to_json()["localization"]["spec"] == {
        "overridePolicy": "ApplyNow"
    }


def test_a_rollback_is_read_as_an_action_of_the_type_that_it_names() -> None:
    rollback = {"name": "undo", "type": "KubernetesResource", "resource": {"operation": "Delete", "manifest": "m"}}
    read = action_with(rollback=rollback).read_rollback()
    assert read is not None
    assert (read.name, read.type, read.block) == ("undo", ActionType.KUBERNETES_RESOURCE, read.resource)


def test_a_rollback_without_name_and_type_has_those_of_its_action() -> None:
    read = action_with(rollback={"http": {"url": "u"}, "type": None}).read_rollback()
    assert read is not None
    assert (read.name, read.type) == ("a", ActionType.HTTP)


def test_an_action_without_rollback_reads_none() -> None:
    assert action_with().read_rollback() is None


def test_a_rollback_that_is_no_action_is_refused_only_when_it_is_read() -> None:
    action = action_with(rollback={"http": {"method": "POST"}})
    with pytest.raises(ValidationError, match=r"http\.url"):
        action.read_rollback()


def test_models_can_be_made_in_python_by_attribute_names() -> None:
    workflow = DRWorkflow.model_validate(
        {"spec": {"failure_policy": "Continue", "actions": [{"name": "a", "type": "HTTP"}]}}
    )
    assert workflow.spec.failure_policy is WorkflowFailurePolicy.CONTINUE


def test_the_models_load_nothing_heavy() -> None:
    code = (
        "import sys, compiler.model.plan, compiler.model.workflow, compiler.model.execution, compiler.model.record;"
        "print([name for name in ('hera', 'kubernetes', 'aiohttp', 'yaml', 'rich', 'click') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
