"""DRPlanExecutions at admission: what may be started, in the words that users know."""

from __future__ import annotations

from typing import Any

import pytest

from support.admission import USER, asked, create, delete, ready, refusal, request, update
from support.plans import execution, http, plan, stage, use, workflow
from syncer.admission import wire
from syncer.admission.review import mutate
from syncer.admission.wire import Operation

UNDONE = {"http": {"url": "http://site.example/undo"}}
MYSQL = ready(workflow("mysql", http("promote", rollback=UNDONE)))
PLAN = ready(plan(stage("db", "mysql")))
REVERT = {"operationType": "Revert", "revertExecutionRef": "pay-0"}
REQUESTED_BY = "dr.bkbcs.tencent.com/requested-by"
STARTED_UID = "dr.bkbcs.tencent.com/started-uid"
ALLOW_RERUN = "dr.bkbcs.tencent.com/allow-rerun"

Object = dict[str, Any]


def ended(phase: str = "Succeeded", name: str = "pay-0", **spec: Any) -> Object:
    status = spec.pop("status", {})
    made = execution(name, **spec)
    made["metadata"]["uid"] = f"uid-of-{name}"
    return {**made, "status": {"phase": phase, **status}}


def annotated(obj: Object, **annotations: str) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def history(*entries: Object) -> Object:
    return ready(plan(stage("db", "mysql")), phase="Executed", executionHistory=list(entries))


def entry(name: str, operation: str = "Execute", **fields: Any) -> Object:
    started = {"startTime": "2026-01-01T00:00:00Z"}
    return {"name": name, "uid": f"uid-of-{name}", "operationType": operation, **started, **fields}


def test_an_execution_of_a_plan_that_is_ready_is_let_in_without_a_word() -> None:
    for phase in ("Ready", "Executed"):
        found = create(execution(), ready(PLAN, phase=phase), MYSQL)
        assert (found.allowed, found.warnings) == (True, ())


@pytest.mark.parametrize(
    ("manifest", "others", "error"),
    [
        (execution(plan=""), [PLAN, MYSQL], "planRef is required"),
        (
            execution(),
            [],
            "plan pay not found: there is no DRPlan of that name in namespace dr",
        ),
        (execution(), [ready(PLAN, phase="Invalid"), MYSQL], "plan pay is not ready (phase=Invalid)"),
        (execution(), [plan(stage("db", "mysql")), MYSQL], "plan pay is not ready (phase=)"),
        (
            execution(),
            [ready(plan(stage("db", "mysql"), suspend=True)), MYSQL],
            "plan pay is suspended (spec.suspend): it takes no executions",
        ),
        (
            execution(operationType="Revert"),
            [PLAN, MYSQL],
            "revertExecutionRef is required for Revert operation",
        ),
        (
            execution(**REVERT),
            [PLAN, MYSQL],
            "referenced execution pay-0 not found: there is no DRPlanExecution of that name in namespace dr",
        ),
        (
            execution(**REVERT),
            [PLAN, MYSQL, ended(operationType="Revert", revertExecutionRef="x")],
            "referenced execution pay-0 must be an Execute operation, got Revert",
        ),
        (
            execution(**REVERT),
            [PLAN, MYSQL, ended("Unknown")],
            "referenced execution pay-0 must be in a terminal phase (Succeeded, Failed or Cancelled), got Unknown; "
            "set spec.force to revert it all the same",
        ),
        (
            execution(**REVERT),
            [PLAN, MYSQL, ended(plan="other")],
            "referenced execution pay-0 must belong to the same plan (expected pay, got other)",
        ),
        (
            execution(**REVERT),
            [PLAN, MYSQL, ended(status={"revertedBy": {"name": "r", "uid": "u", "phase": "Succeeded"}})],
            "referenced execution pay-0 was already reverted by r",
        ),
        (
            execution(),
            [PLAN, MYSQL, ended("Running", "pay-9")],
            "plan pay already has a running execution: dr/pay-9",
        ),
        (
            execution(),
            [ready(PLAN, currentExecution={"name": "pay-9", "namespace": "dr"}), MYSQL, ended("Running", "pay-9")],
            "plan pay already has a running execution: dr/pay-9",
        ),
        (
            execution(),
            [PLAN, MYSQL, execution("pay-9")],
            "plan pay already has a running execution: dr/pay-9",
        ),
        (
            execution(**REVERT, name="r-1"),
            [PLAN, MYSQL, ended(), ended("Pending", "pay-9")],
            "plan pay already has a running execution: dr/pay-9",
        ),
    ],
)
def test_an_execution_that_cannot_be_run_is_refused(manifest: Object, others: list[Object], error: str) -> None:
    found = create(manifest, *others)

    assert not found.allowed
    assert found.message == refusal(error)


def test_a_target_that_still_runs_is_refused_for_both_reasons() -> None:
    found = create(execution(**REVERT), PLAN, MYSQL, ended("Running"))

    assert found.message == refusal(
        "plan pay already has a running execution: dr/pay-0",
        "referenced execution pay-0 must be in a terminal phase (Succeeded, Failed or Cancelled), got Running",
    )


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Cancelled", "Canceled"])
def test_a_target_that_has_ended_can_be_reverted(phase: str) -> None:
    assert create(execution(**REVERT), PLAN, MYSQL, ended(phase)).allowed


@pytest.mark.parametrize(
    "others",
    [
        [ready(PLAN, currentExecution={"name": "gone", "namespace": "dr"})],
        [ready(PLAN, currentExecution={"name": "pay-0", "namespace": "dr"}), ended()],
        [PLAN, ended("Running", "other-1", plan="other")],
    ],
)
def test_what_is_gone_or_has_ended_or_is_of_another_plan_holds_nothing(others: list[Object]) -> None:
    assert create(execution(), *others, MYSQL).allowed


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ([{"name": ""}], "params[0]: name must not be empty"),
        ([{"name": "1x"}], 'params[0]: parameter name "1x" must match [a-zA-Z][a-zA-Z0-9_-]*'),
        ([{"name": "mode"}], 'params[0]: parameter name "mode" is reserved; use spec.mode field instead'),
        ([{"name": "x"}, {"name": "x"}], 'params[1]: duplicate parameter name "x"'),
        (
            [{"name": "x", "value": "1", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
            "params[0](x): value and valueFrom are mutually exclusive",
        ),
        (
            [{"name": "x", "valueFrom": {"manifestRef": {"kind": "A", "name": "n", "jsonPath": "{.a}"}}}],
            "params[0](x).valueFrom.manifestRef: apiVersion is required",
        ),
        (
            [{"name": "x", "valueFrom": {"manifestRef": {"apiVersion": "v1", "name": "n", "jsonPath": "{.a}"}}}],
            "params[0](x).valueFrom.manifestRef: kind is required",
        ),
        (
            [{"name": "x", "valueFrom": {"manifestRef": {"apiVersion": "v1", "kind": "A", "name": "n"}}}],
            "params[0](x).valueFrom.manifestRef: jsonPath is required",
        ),
        (
            [
                {
                    "name": "x",
                    "valueFrom": {
                        "manifestRef": {
                            "apiVersion": "v1",
                            "kind": "A",
                            "name": "n",
                            "labelSelector": "a=b",
                            "jsonPath": "{.a}",
                        }
                    },
                }
            ],
            "params[0](x).valueFrom.manifestRef: name and labelSelector are mutually exclusive",
        ),
        (
            [
                {
                    "name": "x",
                    "valueFrom": {
                        "manifestRef": {
                            "apiVersion": "v1",
                            "kind": "A",
                            "name": "n",
                            "select": "Best",
                            "jsonPath": "{.a}",
                        }
                    },
                }
            ],
            'params[0](x).valueFrom.manifestRef: select must be one of Last/First/Single/Any, got "Best"',
        ),
    ],
)
def test_parameters_that_are_wrong_are_refused(params: list[Object], error: str) -> None:
    asking = ready(workflow("mysql", http("a", rollback=UNDONE), parameters=[{"name": "x"}]))

    found = create(execution(params=params), PLAN, asking)

    assert not found.allowed
    assert error in found.message.removeprefix("validation failed: [").removesuffix("]")


def test_a_parameter_that_an_action_needs_and_nobody_gives_is_refused_before_anything_runs() -> None:
    asking = ready(workflow("ask", http("a", "http://$(params.host)/")))
    needing = ready(plan(stage("db", "ask")))

    found = create(execution(), needing, asking)

    assert not found.allowed
    assert '"host"' in found.message
    assert create(execution(params=[{"name": "host", "value": "site.example"}]), needing, asking).allowed


def test_a_value_of_the_wrong_type_is_refused() -> None:
    counting = ready(workflow("ask", http("a", "http://s/$(params.n)"), parameters=[{"name": "n", "type": "number"}]))

    found = create(execution(params=[{"name": "n", "value": "three"}]), ready(plan(stage("db", "ask"))), counting)

    assert not found.allowed
    assert '"three" is not a number' in found.message


def test_a_parameter_that_nothing_knows_is_refused() -> None:
    found = create(execution(params=[{"name": "hots", "value": "1"}]), PLAN, MYSQL)

    assert not found.allowed
    assert '"hots"' in found.message


def test_a_plan_with_conditions_on_the_mode_asks_for_one() -> None:
    guarded = ready(workflow("mysql", http("a", when='mode == "install"', rollback=UNDONE)))

    assert not create(execution(), PLAN, guarded).allowed
    assert create(execution(mode="Install"), PLAN, guarded).allowed


def test_an_execution_for_a_workflow_that_was_submitted_first_is_not_compiled_again() -> None:
    asking = ready(workflow("ask", http("a", "http://$(params.host)/")))
    adopting = execution("pay-x-1", adoptWorkflow={"name": "pay-x-1", "uid": "u"})

    assert create(adopting, ready(plan(stage("db", "ask"))), asking).allowed


def test_a_revert_out_of_order_needs_force() -> None:
    executed = history(entry("pay-1"), entry("pay-0"))
    out_of_order = execution("r-1", **REVERT)

    found = create(out_of_order, executed, MYSQL, ended())

    assert found.message == refusal(
        "referenced execution pay-0 is not the newest of plan pay: pay-1 came after it; revert that one first, or set "
        "spec.force"
    )
    assert create(execution("r-1", force=True, **REVERT), executed, MYSQL, ended()).allowed


def test_a_revert_of_actions_whose_outcome_is_unknown_needs_force() -> None:
    target = ended("Failed", status={"summary": {"unknownActions": 1}})

    found = create(execution("r-1", **REVERT), PLAN, MYSQL, target)

    assert not found.allowed
    assert "has actions whose outcome is Unknown" in found.message
    assert create(execution("r-1", force=True, **REVERT), PLAN, MYSQL, target).allowed


def test_a_revert_runs_from_what_was_recorded_also_when_its_plan_is_gone() -> None:
    assert create(execution("r-1", **REVERT), ended()).allowed


def test_a_copy_from_a_backup_is_let_in_whatever_else_is_there_and_says_that_it_will_not_run() -> None:
    copy = annotated(execution(plan="not-restored-yet"), **{STARTED_UID: "before"})

    found = create(copy)

    assert found.allowed
    assert found.warnings == (
        "execution pay-1 is a copy of one that started as uid before; annotate it with "
        f'{ALLOW_RERUN}: "true" to run it all the same; until then it is kept and does not run',
    )


def test_a_copy_that_is_to_run_is_judged_like_any_other() -> None:
    copy = annotated(execution(), **{STARTED_UID: "before", ALLOW_RERUN: "true"})

    assert not create(copy).allowed
    assert create(copy, PLAN, MYSQL).allowed


def test_a_name_that_stands_in_the_history_is_refused_unless_that_is_meant() -> None:
    executed = history(entry("pay-1"))

    found = create(execution(), executed, MYSQL)

    assert found.message == refusal(
        "the plan's history has another execution named pay-1; use a new name, or annotate it with "
        f'{ALLOW_RERUN}: "true" to run it all the same'
    )
    assert create(annotated(execution(), **{ALLOW_RERUN: "true"}), executed, MYSQL).allowed


@pytest.mark.parametrize("changed", [execution(plan="other"), execution(mode="Install"), execution(force=True)])
def test_nothing_in_the_spec_of_an_execution_changes(changed: Object) -> None:
    found = update(execution(), changed, PLAN, MYSQL)

    assert not found.allowed
    assert found.message == "cannot modify spec after creation"


def test_a_running_execution_may_be_deleted_with_a_warning_and_any_other_without() -> None:
    warning = "Deleting a running execution may leave resources in inconsistent state"

    assert delete(ended("Running")).warnings == (warning,)
    assert delete(ended("Running")).allowed
    for other in (ended(), ended("Pending"), execution()):
        assert (delete(other).allowed, delete(other).warnings) == (True, ())


def test_whoever_asks_for_an_execution_is_written_down_and_nothing_else_is() -> None:
    bare, known = execution(), annotated(execution(), a="b")
    claimed = annotated(execution(), **{REQUESTED_BY: "somebody-else"})
    pointer = f"/metadata/annotations/{REQUESTED_BY.replace('/', '~1')}"

    assert _patch(bare) == ({"op": "add", "path": "/metadata/annotations", "value": {REQUESTED_BY: USER}},)
    for obj in (known, claimed):
        assert _patch(obj) == ({"op": "add", "path": pointer, "value": USER},)


def test_nothing_is_written_into_what_is_no_new_execution() -> None:
    for obj in (plan(stage("db", "mysql")), workflow("mysql", http("a"))):
        assert mutate(request(Operation.CREATE, obj)).patch == ()
    assert mutate(request(Operation.UPDATE, execution(), execution())).patch == ()


def _patch(obj: Object) -> tuple[Object, ...]:
    return mutate(wire.read(asked(Operation.CREATE, obj, None), kind="DRPlanExecution")).patch


def test_the_largest_stage_parameters_do_not_stand_in_the_way() -> None:
    many = [{"name": f"p{number}", "default": "0"} for number in range(200)]
    wide = ready(workflow("wide", http("a", rollback=UNDONE), parameters=many))
    setting = ready(plan(stage("db", use("wide", **{f"p{number}": "1" for number in range(200)}))))

    assert create(execution(), setting, wide).allowed
