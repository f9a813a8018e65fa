"""What a plan remembers: claims, the last ten executions, what was reverted by what; twice is the same as once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.model.plan import DRPlanStatus
from support.trees import NOW
from syncer.decide.history import claim, finish, forget, record_unstarted, reverted_by

ENDED = {
    "phase": "Succeeded",
    "completionTime": "2025-11-24T09:04:00Z",
    "duration": "4m0s",
    "message": "All stages completed successfully",
    "startTime": "2025-11-24T09:00:00Z",
}


def execution(name="pay-execute-1", *, uid="x-1", status=None, annotations=None, **spec):
    return {
        "metadata": {"name": name, "namespace": "dr", "uid": uid, "annotations": annotations or {}},
        "spec": {"planRef": "pay", "operationType": "Execute", **spec},
        "status": status or {},
    }


def revert(**fields):
    return execution(
        "pay-revert-1", **{"uid": "r-1", "operationType": "Revert", "revertExecutionRef": "pay-execute-1", **fields}
    )


def claimed(status=None, asked=None, **arguments):
    found = claim(status, asked or execution(), now=NOW, **arguments)
    DRPlanStatus.model_validate(found)
    return found


def finished(status, asked=None, **changes):
    found = finish(status, asked or execution(status={**ENDED, **changes}), now=NOW)
    DRPlanStatus.model_validate(found)
    return found


class TestClaim:
    def test_it_names_the_holder_by_uid_and_opens_an_entry(self):
        asked = execution(mode="Install", reason="drill", annotations={"dr.bkbcs.tencent.com/requested-by": "eve"})
        assert claimed({"phase": "Ready"}, asked) == {
            "phase": "Ready",
            "currentExecution": {"name": "pay-execute-1", "namespace": "dr", "uid": "x-1"},
            "executionHistory": [
                {
                    "name": "pay-execute-1",
                    "namespace": "dr",
                    "uid": "x-1",
                    "operationType": "Execute",
                    "mode": "Install",
                    "phase": "Pending",
                    "reason": "drill",
                    "requestedBy": "eve",
                    "startTime": "2025-11-24T09:00:00Z",
                }
            ],
        }

    def test_a_revert_says_what_it_undoes(self):
        entry = claimed(None, revert(), target=execution())["executionHistory"][0]
        assert entry["revertOf"] == {"name": "pay-execute-1", "uid": "x-1"}

    def test_a_second_claim_by_the_same_execution_changes_nothing(self):
        once = claimed()
        assert claim(once, execution(), now=NOW + timedelta(hours=1)) == once

    def test_the_newest_comes_first_and_the_eleventh_goes(self):
        status = None
        for number in range(1, 13):
            status = claimed(status, execution(f"e-{number}", uid=f"x-{number}"))
        assert [entry["name"] for entry in status["executionHistory"]] == [f"e-{number}" for number in range(12, 2, -1)]

    def test_an_execution_that_runs_again_opens_the_entry_that_it_has(self):
        again = claimed(finished(claimed(), phase="Failed"))
        assert again["currentExecution"]["uid"] == "x-1"
        assert len(again["executionHistory"]) == 1
        entry = again["executionHistory"][0]
        assert entry["phase"] == "Pending"
        assert not {"completionTime", "duration", "message"} & set(entry)

    def test_an_open_entry_of_the_older_controller_is_taken_over_and_gets_its_uid(self):
        old = {
            "executionHistory": [
                {"name": "pay-execute-1", "namespace": "dr", "operationType": "Execute", "phase": "Pending"}
            ]
        }
        history = claimed(old)["executionHistory"]
        assert [entry["uid"] for entry in history] == ["x-1"]

    def test_a_finished_entry_of_the_older_controller_is_another_execution(self):
        old = {
            "executionHistory": [
                {"name": "pay-execute-1", "namespace": "dr", "operationType": "Execute", "phase": "Canceled"}
            ]
        }
        assert len(claimed(old)["executionHistory"]) == 2


class TestFinish:
    def test_it_writes_the_end_down_and_lets_go_of_the_plan(self):
        status = finished(claimed({"phase": "Ready"}))
        assert "currentExecution" not in status
        assert status["lastExecutionRef"] == "pay-execute-1"
        assert status["lastExecutionTime"] == "2025-11-24T09:04:00Z"
        entry = status["executionHistory"][0]
        assert {name: entry[name] for name in ("phase", "completionTime", "duration", "message")} == {
            name: ENDED[name] for name in ("phase", "completionTime", "duration", "message")
        }

    @pytest.mark.parametrize(
        ("asked", "phase", "before", "after"),
        [
            (execution, "Succeeded", "Ready", "Executed"),
            (execution, "Succeeded", "Invalid", "Invalid"),
            (execution, "Failed", "Ready", "Ready"),
            (execution, "Cancelled", "Executed", "Executed"),
            (execution, "Unknown", "Ready", "Ready"),
            (revert, "Succeeded", "Executed", "Ready"),
            (revert, "Failed", "Executed", "Executed"),
            (revert, "Succeeded", "Invalid", "Invalid"),
        ],
    )
    def test_only_a_success_decides_the_phase_of_a_plan_that_is_valid(self, asked, phase, before, after):
        status = claimed({"phase": before}, asked())
        assert finished(status, asked(status={**ENDED, "phase": phase}))["phase"] == after

    def test_the_newest_operation_is_the_last_execution_whatever_it_came_to(self):
        status = finished(claimed(), phase="Failed")
        status = finished(claimed(status, revert()), revert(status={**ENDED, "phase": "Cancelled"}))
        assert status["lastExecutionRef"] == "pay-revert-1"

    def test_doing_it_again_changes_nothing(self):
        once = finished(claimed({"phase": "Ready"}))
        assert finish(once, execution(status=ENDED), now=NOW + timedelta(days=1)) == once

    def test_a_late_repetition_takes_nothing_from_a_newer_execution(self):
        newer = execution("pay-execute-2", uid="x-2")
        running = claimed(finished(claimed({"phase": "Ready"})), newer)
        assert finish(running, execution(status=ENDED), now=NOW) == running
        ended = finished(running, execution("pay-execute-2", uid="x-2", status={**ENDED, "phase": "Failed"}))
        assert finish(ended, execution(status=ENDED), now=NOW) == ended

    def test_a_repetition_does_not_bring_an_older_phase_of_the_plan_back(self):
        edited = {**finished(claimed({"phase": "Ready"})), "phase": "Ready"}
        assert finish(edited, execution(status=ENDED), now=NOW) == edited

    def test_an_execution_of_the_same_name_holds_nothing(self):
        status = claimed(None, execution(uid="x-2"))
        assert finish(status, execution(uid="x-1", status=ENDED), now=NOW)["currentExecution"]["uid"] == "x-2"

    def test_a_hold_of_the_older_controller_without_uid_is_let_go_by_name(self):
        old = {"currentExecution": {"name": "pay-execute-1", "namespace": "dr"}}
        assert "currentExecution" not in finished(old)

    def test_an_end_without_a_time_is_now(self):
        status = finish(claimed(), execution(status={"phase": "Failed"}), now=NOW + timedelta(minutes=2))
        assert status["executionHistory"][0]["completionTime"] == "2025-11-24T09:02:00Z"
        assert status["executionHistory"][0]["duration"] == "2m0s"


class TestReverted:
    def after(self, phase, target=None):
        status = finished(claimed())
        status = claimed(status, revert(), target=target or execution())
        return finished(status, revert(status={**ENDED, "phase": phase}))

    @pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
    def test_the_entry_of_the_target_says_by_what_and_how_it_ended(self, phase):
        newest, target = self.after(phase)["executionHistory"]
        assert newest["operationType"] == "Revert"
        assert target["revertedBy"] == {
            "name": "pay-revert-1",
            "uid": "r-1",
            "phase": phase,
            "time": "2025-11-24T09:04:00Z",
        }

    def test_a_success_is_not_overwritten_by_a_later_failure(self):
        status = self.after("Succeeded")
        again = revert(uid="r-2", status={**ENDED, "phase": "Failed"})
        again["metadata"]["name"] = "pay-revert-2"
        status = finished(claimed(status, again, target=execution()), again)
        assert status["executionHistory"][-1]["revertedBy"]["uid"] == "r-1"

    def test_a_target_that_the_older_controller_ran_is_found_by_name(self):
        old = {"name": "pay-execute-1", "namespace": "dr", "operationType": "Execute", "phase": "Succeeded"}
        status = claimed({"executionHistory": [old]}, revert(), target=execution())
        status = finished(status, revert(status=ENDED))
        assert status["executionHistory"][1]["revertedBy"]["name"] == "pay-revert-1"

    def test_the_targets_own_status_says_the_same(self):
        by = reverted_by(revert(status=ENDED))
        assert by == self.after("Succeeded")["executionHistory"][1]["revertedBy"]


class TestNeverRan:
    CANCELLED = execution(
        status={"phase": "Cancelled", "message": "canceled", "completionTime": "2025-11-24T09:00:00Z"}
    )

    def test_one_cancelled_before_its_start_has_an_entry_and_never_held_the_plan(self):
        other = claimed(None, execution("pay-execute-2", uid="x-2"))
        status = record_unstarted(other, self.CANCELLED, now=NOW)
        DRPlanStatus.model_validate(status)
        assert status["currentExecution"]["uid"] == "x-2"
        assert status["executionHistory"][0]["phase"] == "Cancelled"
        assert "startTime" not in status["executionHistory"][0]
        assert "lastExecutionRef" not in status
        assert record_unstarted(status, self.CANCELLED, now=NOW) == status

    def test_one_that_had_claimed_the_plan_lets_go_of_it(self):
        status = record_unstarted(claimed(), self.CANCELLED, now=NOW)
        assert "currentExecution" not in status
        assert [entry["phase"] for entry in status["executionHistory"]] == ["Cancelled"]

    def test_one_that_vanished_is_cancelled_and_lets_go(self):
        status = forget(claimed(), {"name": "pay-1", "uid": "x-1"}, now=NOW + timedelta(minutes=1))
        DRPlanStatus.model_validate(status)
        assert "currentExecution" not in status
        assert status["executionHistory"][0]["phase"] == "Cancelled"
        assert status["executionHistory"][0]["message"] == "the DRPlanExecution is gone"
        assert forget(status, {"name": "pay-1", "uid": "x-1"}, now=NOW + timedelta(hours=1)) == status

    def test_another_uid_is_left_alone(self):
        status = finished(claimed())
        assert (
            forget(status, {"name": "pay-1", "uid": "x-1"}, now=NOW)["executionHistory"] == status["executionHistory"]
        )
        assert forget(claimed(), {"name": "pay-9", "uid": "x-9"}, now=NOW) == claimed()


STEPS = st.lists(st.tuples(st.sampled_from(["claim", "finish", "forget"]), st.integers(1, 14)), max_size=40)


@given(STEPS)
def test_whatever_happens_a_history_is_short_has_no_execution_twice_and_one_holder_at_most(steps):
    status = {"phase": "Ready"}
    for step, number in steps:
        asked = execution(f"e-{number}", uid=f"x-{number}", status=ENDED)
        before = status
        if step == "claim" and not status.get("currentExecution"):
            status = claim(status, asked, now=NOW)
        elif step == "finish":
            status = finish(status, asked, now=NOW)
        else:
            status = forget(status, {"name": "any", "uid": f"x-{number}"}, now=NOW)
        uids = [entry["uid"] for entry in status.get("executionHistory", ())]
        assert len(uids) == len(set(uids)) <= 10
        held = before.get("currentExecution")
        if held and held["uid"] != f"x-{number}":
            assert status["currentExecution"] == held
        DRPlanStatus.model_validate(status)
