"""May an execution start: every answer with its reason, its phase and the text that tells a user what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compiler.model.phases import ConditionReason, Phase
from support.trees import NOW
from syncer.decide.outcome import Refuse, Start, Wait
from syncer.decide.start import may_start

RECORDED = [{"type": "Recorded", "status": "True"}]
TREE = [{"name": "db", "phase": "Succeeded"}]


def plan(phase="Ready", *, history=(), current=None, **spec):
    status = {"phase": phase, "executionHistory": list(history)}
    if current:
        status["currentExecution"] = current
    return {"metadata": {"name": "pay", "namespace": "dr", "uid": "p-1"}, "spec": spec, "status": status}


def execution(name="pay-execute-2", *, uid="x-2", status=None, annotations=None, **spec):
    prefixed = {f"dr.bkbcs.tencent.com/{key}": value for key, value in (annotations or {}).items()}
    metadata = {"name": name, "namespace": "dr", "uid": uid, "annotations": prefixed}
    metadata["creationTimestamp"] = "2025-11-24T08:59:30Z"
    return {
        "metadata": metadata,
        "spec": {"planRef": "pay", "operationType": "Execute", **spec},
        **({"status": status} if status else {}),
    }


def revert(**spec):
    return execution("pay-revert-1", operationType="Revert", **{"revertExecutionRef": "pay-execute-1", **spec})


def target(phase="Succeeded", *, conditions=RECORDED, operation="Execute", plan_ref="pay", **status):
    known = {"phase": phase, "conditions": conditions, "stageStatuses": TREE, **status}
    return execution("pay-execute-1", uid="x-1", status=known, operationType=operation, planRef=plan_ref)


def entry(name, uid="", phase="Succeeded", **fields):
    written = {"name": name, "uid": uid, "namespace": "dr", "operationType": "Execute", "phase": phase}
    return {**written, "startTime": "2025-11-24T08:00:00Z", **fields}


TARGET_ENTRY = entry("pay-execute-1", "x-1")


def ask(asked=None, **arguments):
    known = {"plan": plan(history=[TARGET_ENTRY]), "current": None, "target": None, "now": NOW, **arguments}
    return may_start(asked or execution(), **known)


@pytest.mark.parametrize("phase", ["Ready", "Executed"])
def test_a_free_plan_that_is_ready_may_be_executed(phase):
    assert ask(plan=plan(phase)) == Start()


def not_judged(reason=""):
    made = plan("Invalid" if reason else "")
    if reason:
        made["status"]["conditions"] = [{"type": "Ready", "status": "False", "reason": reason}]
    return made


@pytest.mark.parametrize("reason", ["", "WorkflowNotFound", "WorkflowNotReady"])
def test_a_plan_that_was_applied_in_the_same_moment_is_waited_for_but_not_for_long(reason):
    answer = ask(plan=not_judged(reason))
    assert isinstance(answer, Wait)
    assert answer.reason is ConditionReason.WAITING_FOR_PLAN
    later = ask(plan=not_judged(reason), now=NOW + timedelta(seconds=60))
    assert isinstance(later, Refuse)
    assert (later.reason, later.phase) == (ConditionReason.PLAN_NOT_READY, Phase.FAILED)


def test_a_plan_that_is_wrong_in_itself_is_not_waited_for():
    assert isinstance(ask(plan=not_judged("ValidationFailed")), Refuse)


@pytest.mark.parametrize(
    ("asked", "of", "reason", "phase", "message"),
    [
        (execution(), None, ConditionReason.PLAN_NOT_FOUND, Phase.FAILED, "plan pay not found"),
        (
            execution(),
            plan("Invalid"),
            ConditionReason.PLAN_NOT_READY,
            Phase.FAILED,
            "plan pay is not ready (phase=Invalid)",
        ),
        (execution(), plan(suspend=True), ConditionReason.PLAN_SUSPENDED, Phase.FAILED, "plan pay is suspended; set"),
        (
            execution(annotations={"started-uid": "x-0"}),
            plan(),
            ConditionReason.RESTORED_COPY,
            Phase.CANCELLED,
            "execution pay-execute-2 is a copy of one that started as uid x-0",
        ),
        (
            execution(),
            plan(history=[entry("pay-execute-2", "x-0")]),
            ConditionReason.NAME_REUSED,
            Phase.FAILED,
            "the plan's history has another execution named pay-execute-2",
        ),
        (
            execution(status={"phase": "Running"}),
            plan(),
            ConditionReason.FOREIGN_RUN,
            Phase.UNKNOWN,
            "the execution was begun by another controller",
        ),
        (
            execution(annotations={"cancel": "true"}),
            None,
            ConditionReason.CANCELLED,
            Phase.CANCELLED,
            "Execution canceled by user before it started",
        ),
    ],
)
def test_what_is_refused_ends_in_a_phase_with_a_reason_and_a_text(asked, of, reason, phase, message):
    answer = ask(asked, plan=of)
    assert isinstance(answer, Refuse)
    assert (answer.reason, answer.phase) == (reason, phase)
    assert answer.message.startswith(message)


@pytest.mark.parametrize(
    ("asked", "of"),
    [
        (execution(annotations={"started-uid": "x-2"}), plan()),
        (execution(annotations={"started-uid": "x-0", "allow-rerun": "true"}), plan()),
        (execution(annotations={"allow-rerun": "true"}), plan(history=[entry("pay-execute-2", "x-0")])),
        (execution(), plan(history=[entry("pay-execute-2", "x-2")])),
        (execution(), plan(history=[entry("pay-execute-2", "")])),
        (execution(status={"phase": "Running", "workflowRef": {"name": "wf"}}), plan()),
        (execution(annotations={"cancel": "no"}), plan()),
    ],
    ids=["own uid", "copy allowed", "reuse allowed", "own entry", "old entry", "own run", "no cancel"],
)
def test_what_looks_like_it_and_is_not_may_start(asked, of):
    assert ask(asked, plan=of) == Start()


class TestBusy:
    HELD = plan(current={"name": "pay-execute-9", "namespace": "dr", "uid": "x-9"})
    MESSAGE = "plan pay already has a running execution: dr/pay-execute-9"

    def holder(self, phase="Running", uid="x-9"):
        return execution("pay-execute-9", uid=uid, status={"phase": phase, "workflowRef": {"name": "w"}})

    @pytest.mark.parametrize("phase", ["", "Pending", "Running"])
    def test_a_plan_that_a_live_execution_holds_is_waited_for(self, phase):
        answer = ask(plan=self.HELD, current=self.holder(phase))
        assert answer == Wait(ConditionReason.WAITING_FOR_PLAN, self.MESSAGE, 2.0)

    def test_for_a_minute_and_no_longer(self):
        answer = ask(plan=self.HELD, current=self.holder(), now=NOW + timedelta(seconds=31))
        assert answer == Refuse(ConditionReason.PLAN_BUSY, self.MESSAGE, Phase.CANCELLED)

    def test_not_longer_than_is_left_of_the_minute(self):
        answer = ask(plan=self.HELD, current=self.holder(), now=NOW + timedelta(seconds=29))
        assert isinstance(answer, Wait)
        assert answer.seconds == 1.0

    @pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Canceled", "Cancelled", "Unknown"])
    def test_one_that_has_ended_holds_nothing(self, phase):
        assert ask(plan=self.HELD, current=self.holder(phase)) == Start()

    def test_one_that_is_gone_holds_nothing(self):
        assert ask(plan=self.HELD, current=None) == Start()

    def test_one_of_the_same_name_that_came_later_holds_nothing(self):
        assert ask(plan=self.HELD, current=self.holder(uid="x-10")) == Start()

    def test_the_holder_itself_may_go_on(self):
        assert ask(execution("pay-execute-9", uid="x-9"), plan=self.HELD, current=self.holder()) == Start()

    def test_a_holder_that_the_older_controller_wrote_down_without_uid_holds_it_too(self):
        held = plan(current={"name": "pay-execute-9", "namespace": "dr"})
        assert isinstance(ask(plan=held, current=self.holder()), Wait)


class TestRevert:
    def test_the_newest_execution_may_be_reverted(self):
        for phase in ("Succeeded", "Failed", "Cancelled", "Canceled"):
            assert ask(revert(), target=target(phase)) == Start()

    @pytest.mark.parametrize(
        ("asked", "of", "message"),
        [
            (revert(revertExecutionRef=""), target(), "revertExecutionRef is required for Revert operation"),
            (revert(), None, "referenced execution pay-execute-1 not found"),
            (
                revert(),
                target(operation="Revert"),
                "referenced execution pay-execute-1 must be an Execute operation, got Revert",
            ),
            (
                revert(),
                target("Running"),
                "referenced execution pay-execute-1 must be in a terminal phase (Succeeded, Failed or Cancelled), "
                "got Running",
            ),
            (
                revert(),
                target("Unknown"),
                "referenced execution pay-execute-1 must be in a terminal phase (Succeeded, Failed or Cancelled), "
                "got Unknown; set spec.force to revert it all the same",
            ),
            (
                revert(),
                target(plan_ref="other"),
                "referenced execution pay-execute-1 must belong to the same plan (expected pay, got other)",
            ),
            (
                revert(),
                target(revertedBy={"name": "pay-revert-0", "phase": "Succeeded"}),
                "referenced execution pay-execute-1 has already been reverted by pay-revert-0",
            ),
            (
                revert(),
                target(stageStatuses=[]),
                "referenced execution pay-execute-1 has no stage statuses to revert",
            ),
        ],
    )
    def test_a_target_that_is_none_is_refused(self, asked, of, message):
        assert ask(asked, target=of) == Refuse(ConditionReason.TARGET_INVALID, message)

    def test_a_failed_revert_may_be_repeated(self):
        assert ask(revert(), target=target(revertedBy={"name": "r", "phase": "Failed"})) == Start()

    def test_force_reverts_one_whose_outcome_is_unknown(self):
        assert ask(revert(force=True), target=target("Unknown")) == Start()

    def test_a_target_whose_end_is_not_in_the_history_yet_is_waited_for(self):
        answer = ask(revert(), target=target(conditions=[{"type": "Complete", "status": "True"}]))
        assert isinstance(answer, Wait)

    def test_a_target_of_the_older_controller_has_no_conditions(self):
        assert ask(revert(), target=target(conditions=[])) == Start()

    def test_a_revert_whose_plan_is_gone_runs_from_its_targets_snapshot(self):
        assert ask(revert(), plan=None, target=target()) == Start()
        assert isinstance(ask(revert(), plan=None, target=None), Refuse)


class TestUnknownActions:
    TREE = (
        {"workflowExecutions": [{"actionStatuses": [{"key": f"s1.w1.a{n}", "phase": "Unknown"} for n in range(1, 8)]}]},
    )

    @pytest.mark.parametrize("phase", ["Cancelled", "Failed", "Succeeded"])
    def test_what_is_unknown_has_to_be_looked_at_first_however_the_execution_ended(self, phase):
        answer = ask(revert(), target=target(phase, stageStatuses=self.TREE))
        assert isinstance(answer, Refuse)
        assert answer.reason is ConditionReason.TARGET_INVALID
        assert answer.message == (
            "referenced execution pay-execute-1 has actions whose outcome is Unknown "
            "(s1.w1.a1, s1.w1.a2, s1.w1.a3, s1.w1.a4, s1.w1.a5, …); "
            "find out by hand what they did, then set spec.force to revert it all the same"
        )

    def test_the_summary_tells_when_the_tree_does_not(self):
        answer = ask(revert(), target=target("Failed", summary={"unknownActions": 1}))
        assert isinstance(answer, Refuse)
        assert "has actions whose outcome is Unknown; find out" in answer.message

    def test_force_allows_it(self):
        assert ask(revert(force=True), target=target("Failed", stageStatuses=self.TREE)) == Start()


class TestOrder:
    def newer(self, **fields):
        return plan(history=[entry("pay-execute-3", "x-3", **fields), TARGET_ENTRY])

    def test_one_behind_a_newer_one_is_refused_with_that_ones_name(self):
        answer = ask(revert(), plan=self.newer(), target=target())
        assert isinstance(answer, Refuse)
        assert answer.message == (
            "referenced execution pay-execute-1 is not the newest of plan pay: pay-execute-3 came after it; "
            "revert that one first, or set spec.force"
        )

    def test_force_allows_it(self):
        assert ask(revert(force=True), plan=self.newer(), target=target()) == Start()

    @pytest.mark.parametrize(
        "fields",
        [
            {"revertedBy": {"name": "r", "phase": "Succeeded"}},
            {"operationType": "Revert"},
            {"startTime": None, "phase": "Cancelled"},
        ],
        ids=["reverted already", "a revert", "never started"],
    )
    def test_a_newer_one_that_has_no_effect_any_more_is_in_nobodys_way(self, fields):
        assert ask(revert(), plan=self.newer(**fields), target=target()) == Start()

    def test_a_newer_one_whose_revert_failed_is(self):
        fields = {"revertedBy": {"name": "r", "phase": "Failed"}}
        assert isinstance(ask(revert(), plan=self.newer(**fields), target=target()), Refuse)

    def test_one_that_has_left_the_history_is_behind_all_that_is_in_it(self):
        assert isinstance(ask(revert(), plan=plan(history=[entry("e", "x-8")]), target=target()), Refuse)
        assert ask(revert(), plan=plan(), target=target()) == Start()

    def test_an_entry_of_the_older_controller_is_found_by_name(self):
        old = plan(history=[entry("pay-execute-1"), entry("pay-execute-0", "x-0")])
        assert ask(revert(), plan=old, target=target()) == Start()
