"""The status as a whole: identity, times, counts, conditions, and how much of it is shown."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from compiler.model.execution import DRPlanExecutionStatus
from compiler.model.names import LABEL_EPOCH
from compiler.model.phases import ActionType, ConditionReason, Phase
from support.graphs import SKIPPED, action, graph, stage, uniform, use
from support.trees import NOW, Argo, entry, execution, failed, folded, opened, record
from syncer.fold import fold, refused, waiting
from syncer.fold.render import COMPACT_LIMIT, FULL_LIMIT, encoded_size
from syncer.fold.stalls import Stall

PLAN = graph(stage(use("a", action("job", type=ActionType.JOB))), stage(use("b"), name="app"))
DONE = [
    record("s1.w1.a1", "Succeeded", startTime="2025-11-24T08:51:00Z", completionTime="2025-11-24T08:51:00.250Z"),
    record("s1.w1.a2", "Succeeded", startTime="2025-11-24T08:51:01Z", completionTime="2025-11-24T08:52:31.250Z"),
    record("s2.w1.a1", "Succeeded", startTime="2025-11-24T08:53:00Z", completionTime="2025-11-24T08:54:00Z"),
]


def finished(**arguments):
    return folded(PLAN, Argo().workflow("Succeeded"), DONE, **arguments)


class TestIdentity:
    def test_what_no_fold_can_find_out_is_carried_over(self):
        previous = {
            "planRef": {"name": "pay", "uid": "p-1", "generation": 3},
            "snapshotRef": {"name": "drx-1", "chunks": 1, "hash": "h"},
            "resolvedParams": [{"name": "region", "value": "b", "source": "Execution"}],
            "revertedBy": {"name": "r", "uid": "r-1", "phase": "Failed"},
            "startTime": "2025-11-24T08:49:30Z",
            "message": "old",
            "stageStatuses": [{"name": "old", "phase": "Running"}],
        }
        status = folded(PLAN, Argo().workflow(), previous=previous).status
        assert {name: status[name] for name in previous if name not in ("message", "stageStatuses")} == {
            name: value for name, value in previous.items() if name not in ("message", "stageStatuses")
        }
        assert "message" not in status
        assert [each["name"] for each in status["stageStatuses"]] == ["db", "app"]

    def test_the_workflow_is_the_one_of_this_epoch(self):
        assert finished().status["workflowRef"] == {"name": "pay-x-1a2b3c4d-e1", "uid": "wf-1"}
        previous = {"workflowRef": {"name": "pay-x-1a2b3c4d-e1", "uid": "wf-1"}, "epoch": 1}
        assert folded(PLAN, None, previous=previous).status["workflowRef"] == previous["workflowRef"]
        retried = opened().next_epoch("pay-x-1a2b3c4d-e2")
        status = folded(PLAN, None, previous=previous, execution=execution(fence=retried)).status
        assert status["workflowRef"] == {"name": "pay-x-1a2b3c4d-e2"}

    def test_epoch_and_runs_are_the_fences(self):
        status = folded(PLAN, Argo().workflow(), execution=execution(fence=opened(epoch=2, run=3))).status
        assert (status["epoch"], status["runs"]) == (2, 3)

    def test_without_a_fence_the_epoch_is_the_workflows(self):
        workflow = Argo().workflow(labels={LABEL_EPOCH: "4"})
        status = folded(PLAN, workflow, execution=execution()).status
        assert (status["epoch"], status["runs"]) == (4, 1)

    def test_the_generation_is_observed(self):
        assert finished().status["observedGeneration"] == 1
        assert {each["observedGeneration"] for each in finished().status["conditions"]} == {1}


class TestTimes:
    def test_actions_have_the_times_of_their_records_and_a_duration_as_go_writes_it(self):
        tree = finished()
        assert tree["s1.w1.a1"]["duration"] == "250ms"
        assert tree["s1.w1.a2"]["duration"] == "1m30.25s"

    def test_a_workflow_and_a_stage_last_from_their_first_start_to_their_last_end(self):
        tree = finished()
        for key in ("s1.w1", "s1"):
            assert tree[key]["startTime"] == "2025-11-24T08:51:00Z"
            assert tree[key]["completionTime"] == "2025-11-24T08:52:31.250Z"
            assert tree[key]["duration"] == "1m31.25s"

    def test_an_execution_lasts_from_its_start_to_the_end_of_its_workflow(self):
        status = finished().status
        assert status["startTime"] == "2025-11-24T08:50:00Z"
        assert status["completionTime"] == "2025-11-24T08:55:00Z"
        assert status["duration"] == "5m0s"

    def test_while_it_runs_nothing_has_an_end(self):
        tree = folded(PLAN, Argo().workflow(), [DONE[0], record("s1.w1.a2", "Started")])
        assert "completionTime" not in tree["s1.w1"]
        assert "completionTime" not in tree.status
        assert tree["s1.w1"]["currentAction"] == "job"
        assert tree["s1.w1.a2"]["startTime"] == "2025-11-24T08:51:00.000Z"

    def test_without_records_the_times_are_those_in_the_lanes_result(self):
        entries = [entry("s1.w1.a1", "Succeeded"), entry("s1.w1.a2", "Skipped", "UpstreamFailed")]
        tree = folded(PLAN, Argo().lane("s1.w1", {}, pod="Failed", result=entries).workflow())
        assert tree["s1.w1.a1"]["startTime"] == "2025-11-24T08:52:00Z"
        assert "startTime" not in tree["s1.w1.a2"]

    def test_without_either_a_workflow_has_the_times_of_its_pods(self):
        tree = folded(PLAN, Argo().lane("s1.w1", {"a1": "Succeeded", "a2": "Succeeded"}).workflow())
        assert (tree["s1.w1"]["startTime"], tree["s1.w1"]["duration"]) == ("2025-11-24T08:50:00Z", "5m0s")
        assert "startTime" not in tree["s1.w1.a1"]

    def test_what_was_skipped_has_no_times(self):
        skipped = record("s2.w1.a1", "Skipped", "Halted", "not run")
        tree = folded(PLAN, Argo().workflow("Failed"), [record("s1.w1.a1", "Failed"), skipped])
        assert not {"startTime", "completionTime", "duration"} & set(tree["s2.w1.a1"])
        assert not {"startTime", "completionTime", "duration"} & set(tree["s2"])

    def test_an_end_that_nobody_wrote_down_is_now_and_stays(self):
        plan = graph(stage(use(action("a", decided=SKIPPED))))
        first = folded(plan)
        assert first.status["completionTime"] == "2025-11-24T09:00:00Z"
        assert folded(plan, previous=first.status, now=NOW + timedelta(hours=1)).status == first.status

    def test_times_that_make_no_sense_have_no_duration(self):
        odd = record("s1.w1.a1", "Succeeded", startTime="soon", completionTime="later")
        assert "duration" not in folded(PLAN, None, [odd])["s1.w1.a1"]


class TestCounts:
    def test_progress_counts_actions_that_have_ended(self):
        tree = folded(PLAN, Argo().workflow(), [DONE[0], record("s1.w1.a2", "Started")])
        assert tree.status["progress"] == "1/3"
        assert tree["s1.w1"]["progress"] == "1/2 actions completed"

    def test_the_summary_counts_everything_and_leaves_zeros_out(self):
        tree = folded(PLAN, Argo().workflow(), [DONE[0], record("s1.w1.a2", "Started")])
        assert tree.status["summary"] == {
            "totalStages": 2,
            "runningStages": 1,
            "pendingStages": 1,
            "totalWorkflows": 2,
            "runningWorkflows": 1,
            "pendingWorkflows": 1,
            "totalActions": 3,
            "succeededActions": 1,
            "runningActions": 1,
            "pendingActions": 1,
        }

    def test_completed_means_succeeded(self):
        summary = finished().status["summary"]
        assert summary["completedStages"] == summary["succeededStages"] == 2
        assert summary["completedWorkflows"] == summary["succeededWorkflows"] == 2

    def test_every_phase_of_a_stage_and_a_workflow_has_its_count(self):
        plan = graph(*(stage(use("a"), name=f"n{index}", after=[]) for index in range(5)))
        phases = ["Succeeded", "Failed", "Skipped", "Cancelled", "Unknown"]
        records = [record(f"s{index}.w1.a1", phase, "Halted") for index, phase in enumerate(phases, 1)]
        summary = folded(plan, Argo().workflow("Failed"), records).status["summary"]
        for phase in phases:
            assert summary[f"{phase.lower()}Stages"] == summary[f"{phase.lower()}Workflows"] == 1

    def test_an_action_shows_all_that_its_record_knows(self):
        outputs = {"httpResponse": {"statusCode": 200, "body": "ok"}}
        clusters = [{"cluster": "c/1", "clusterID": "id", "phase": "Succeeded"}]
        known = record("s1.w1.a1", "Succeeded", message="done", retryCount=2, outputs=outputs, clusters=clusters)
        shown = folded(PLAN, None, [known])["s1.w1.a1"]
        assert shown["type"] == "HTTP"
        assert shown["retryCount"] == 2
        assert shown["outputs"] == outputs
        assert shown["clusterStatuses"] == clusters

    def test_outputs_of_a_lanes_result_are_shown_too(self):
        outputs = {"jobRef": {"kind": "Job", "name": "j"}}
        entries = [entry("s1.w1.a1", "Failed", outputs=outputs, retryCount=3)]
        shown = folded(PLAN, Argo().lane("s1.w1", {}, pod="Failed", result=entries).workflow())["s1.w1.a1"]
        assert (shown["outputs"], shown["retryCount"]) == (outputs, 3)


class TestConditions:
    def test_a_finished_run_has_its_conditions_in_a_fixed_order(self):
        kinds = ["Accepted", "Running", "Reconciling", "Complete", "Succeeded"]
        assert [each["type"] for each in finished().status["conditions"]] == kinds

    def test_a_condition_keeps_its_time_as_long_as_its_status_stays(self):
        first = folded(PLAN, Argo().workflow(), DONE[:1])
        later = folded(PLAN, Argo().workflow(), DONE[:2], previous=first.status, now=NOW + timedelta(hours=1))
        assert later.status["conditions"] == first.status["conditions"]
        ended = finished(previous=later.status, now=NOW + timedelta(hours=2))
        times = {each["type"]: each["lastTransitionTime"] for each in ended.status["conditions"]}
        assert times["Accepted"] == "2025-11-24T09:00:00Z"
        assert times["Complete"] == times["Running"] == "2025-11-24T11:00:00Z"

    def test_another_reason_is_no_other_status(self):
        first = folded(PLAN, Argo().workflow())
        cancelled = execution(fence=opened().drain(time="2025-11-24T09:00:00Z"))
        tree = folded(PLAN, Argo().workflow(), execution=cancelled, previous=first.status, now=NOW + timedelta(hours=1))
        found = next(each for each in tree.status["conditions"] if each["type"] == "Reconciling")
        assert (found["reason"], found["lastTransitionTime"]) == ("Draining", "2025-11-24T09:00:00Z")

    def test_a_failed_run_is_stalled_and_a_succeeded_one_is_not(self):
        failure = folded(PLAN, Argo().workflow("Failed"), [record("s1.w1.a1", "Failed")])
        assert failure.condition("Stalled") == ("True", "Failed")
        assert finished().condition("Stalled") is None

    def test_recorded_stays_until_another_run_begins(self):
        recorded = {
            "type": "Recorded",
            "status": "True",
            "reason": "Recorded",
            "message": "",
            "lastTransitionTime": "t",
        }
        previous = {"conditions": [recorded]}
        assert recorded in finished(previous=previous).status["conditions"]
        assert folded(PLAN, Argo().workflow(), previous=previous).condition("Recorded") is None

    def test_a_stall_that_others_found_is_shown_while_they_find_it_and_the_run_goes_on(self):
        stall = Stall(ConditionReason.WORKFLOW_CONFLICT, "another Workflow is in the way")
        shown = folded(PLAN, Argo().workflow(), stall=stall)
        assert shown.condition("Stalled") == ("True", "WorkflowConflict")
        assert folded(PLAN, Argo().workflow(), previous=shown.status).condition("Stalled") is None
        assert finished(previous=shown.status, stall=stall).condition("Stalled") is None

    def test_nodes_that_cannot_be_read_stall_the_run_until_they_can(self):
        unreadable = {"metadata": {"name": "wf"}, "status": {"phase": "Running", "compressedNodes": "%"}}
        stalled = folded(PLAN, unreadable, DONE[:1])
        assert stalled.condition("Stalled") == ("True", "NodesUnreadable")
        assert stalled.phase("s1.w1.a1") == "Succeeded"
        assert folded(PLAN, Argo().workflow(), DONE[:1], previous=stalled.status).condition("Stalled") is None

    def test_records_alone_are_enough_for_the_end_when_nodes_cannot_be_read(self):
        unreadable = {"metadata": {"name": "wf"}, "status": {"phase": "Succeeded", "compressedNodes": "%"}}
        assert folded(PLAN, unreadable, DONE).phase("") == "Succeeded"


class TestFinal:
    def test_folding_again_changes_nothing(self):
        first = finished()
        assert finished(previous=first.status, now=NOW + timedelta(days=1)).status == first.status

    def test_a_workflow_that_is_cleaned_up_later_takes_nothing_back(self):
        argo = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed").omitted("s2")
        first = folded(PLAN, argo.workflow("Failed"))
        assert folded(PLAN, None, previous=first.status, now=NOW + timedelta(days=1)).status == first.status

    def test_another_epoch_starts_from_what_is_recorded(self):
        first = folded(PLAN, Argo().workflow("Failed"), [DONE[0], record("s1.w1.a2", "Failed")])
        retried = execution(fence=opened().next_epoch("pay-x-1a2b3c4d-e2"))
        records = [DONE[0], record("s1.w1.a2", "Failed")]
        tree = folded(PLAN, None, records, previous=first.status, execution=retried)
        assert tree.phases("s1.w1.a1", "s1.w1.a2", "s2.w1.a1") == ["Succeeded", "Pending", "Pending"]
        assert tree.phase("") == "Running"
        assert "completionTime" not in tree.status
        assert tree.status["startTime"] == first.status["startTime"]

    @pytest.mark.parametrize("phase", ["", "Canceled", "Strange"])
    def test_a_previous_status_of_another_controller_is_no_hindrance(self, phase):
        tree = folded(PLAN, Argo().workflow(), previous={"phase": phase, "stageStatuses": None, "conditions": None})
        assert tree.phase("") == "Running"


class TestDetail:
    def status(self, actions, message="x", **changes):
        plan = uniform(stages=1, uses=actions // 10, actions=10)
        keys = [each.key for each in plan.actions()]
        records = [record(key, "Succeeded", message=message, **changes) for key in keys]
        known = {each["spec"]["key"]: each for each in records}
        return fold(plan, execution=execution(), workflow=None, records=known, now=NOW), len(keys)

    def test_a_small_tree_is_shown_in_full(self):
        status, count = self.status(100)
        assert status["detail"] == {"level": "Full", "records": count}
        assert status["stageStatuses"][0]["workflowExecutions"][0]["actionStatuses"][0]["message"] == "x"

    def test_a_larger_one_without_what_succeeded_had_to_say(self):
        status, _ = self.status(2000, message="x" * 300)
        assert status["detail"]["level"] == "Compact"
        assert encoded_size(status["stageStatuses"]) < FULL_LIMIT
        shown = status["stageStatuses"][0]["workflowExecutions"][0]["actionStatuses"][0]
        assert shown == {"name": "step-1", "key": "s1.w1.a1", "type": "HTTP", "phase": "Succeeded"}

    def test_in_a_compact_tree_a_failure_keeps_all_it_says_and_what_was_skipped_its_reason(self):
        plan = uniform(stages=1, uses=200, actions=10)
        records = {each.key: record(each.key, "Succeeded", message="y" * 300) for each in plan.actions()}
        records["s1.w1.a1"] = record("s1.w1.a1", "Failed", "HTTPStatus", "boom", retryCount=3)
        records["s1.w1.a2"] = record("s1.w1.a2", "Skipped", "UpstreamFailed", "not run: s1.w1.a1 Failed")
        status = fold(plan, execution=execution(), workflow=None, records=records, now=NOW)
        first, second = status["stageStatuses"][0]["workflowExecutions"][0]["actionStatuses"][:2]
        assert status["detail"]["level"] == "Compact"
        assert (first["message"], first["retryCount"], first["duration"]) == ("boom", 3, "1.5s")
        assert second == {
            "name": "step-2",
            "key": "s1.w1.a2",
            "type": "HTTP",
            "phase": "Skipped",
            "reason": "UpstreamFailed",
        }

    def test_the_largest_show_actions_only_where_one_did_not_succeed(self):
        plan = uniform(stages=1, uses=1600, actions=10)
        records = {each.key: record(each.key, "Succeeded") for each in plan.actions()}
        records["s1.w2.a1"] = record("s1.w2.a1", "Failed", "HTTPStatus", "boom")
        status = fold(plan, execution=execution(), workflow=None, records=records, now=NOW)
        first, second = status["stageStatuses"][0]["workflowExecutions"][:2]
        assert status["detail"]["level"] == "Summary"
        assert "actionStatuses" not in first
        assert first["progress"] == "10/10 actions completed"
        assert second["actionStatuses"][0]["message"] == "boom"
        assert encoded_size(status["stageStatuses"]) < COMPACT_LIMIT


class TestWithoutARun:
    @pytest.mark.parametrize(
        ("phase", "reason", "complete", "succeeded"),
        [
            (Phase.FAILED, ConditionReason.PLAN_NOT_FOUND, "Failed", "CompileFailed"),
            (Phase.CANCELLED, ConditionReason.PLAN_BUSY, "Cancelled", "Cancelled"),
            (Phase.UNKNOWN, ConditionReason.FOREIGN_RUN, "Unknown", "OutcomeUnknown"),
        ],
    )
    def test_a_refused_execution_says_why_it_was_not_accepted(self, phase, reason, complete, succeeded):
        status = refused({}, phase=phase, reason=reason, message="why", now=NOW, generation=1)
        DRPlanExecutionStatus.model_validate(status)
        found = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
        assert found["Accepted"] == ("False", reason)
        assert found["Complete"] == ("True", complete)
        assert found["Succeeded"] == ("False", succeeded)
        assert (status["phase"], status["message"]) == (phase, "why")
        assert status["completionTime"] == "2025-11-24T09:00:00Z"

    def test_one_cancelled_before_its_start_was_not_refused(self):
        reason = ConditionReason.CANCELLED
        status = refused(None, phase=Phase.CANCELLED, reason=reason, message="canceled", now=NOW)
        assert "Accepted" not in {each["type"] for each in status["conditions"]}

    def test_one_that_waits_for_its_plan_is_pending(self):
        status = waiting({"planRef": {"name": "pay"}}, message="plan pay is busy", now=NOW)
        DRPlanExecutionStatus.model_validate(status)
        found = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
        assert status["phase"] == "Pending"
        assert found["Running"] == ("False", "WaitingForPlan")
        assert status["planRef"] == {"name": "pay"}


def test_a_status_is_plain_json_without_enums():
    tree = finished()
    assert json.loads(json.dumps(tree.status)) == tree.status

    def kinds(value):
        if isinstance(value, dict):
            return {type(value)} | {kind for each in (*value, *value.values()) for kind in kinds(each)}
        if isinstance(value, list):
            return {type(value)} | {kind for each in value for kind in kinds(each)}
        return {type(value)}

    assert kinds(tree.status) <= {dict, list, str, int, bool}
