"""Which finished executions are deleted, and which are still needed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncer.decide.limits import next_expiry, to_delete

NOW = datetime(2025, 11, 24, 9, 0, tzinfo=UTC)
RECORDED = {"type": "Recorded", "status": "True"}
COMPLETE = {"type": "Complete", "status": "True"}


def finished(name: str, minute: int, *, phase: str = "Succeeded", **fields: Any) -> dict[str, Any]:
    """An execution that ended at a minute past eight, with spec and status fields."""
    status = {
        "phase": phase,
        "startTime": "2025-11-24T08:00:00Z",
        "completionTime": f"2025-11-24T08:{minute:02}:00Z",
        "workflowRef": {"name": "w"},
        "conditions": [COMPLETE, RECORDED],
    }
    status |= fields.pop("status", {})
    return {
        "metadata": {"name": name, "namespace": "dr", "uid": f"uid-{name}"},
        "spec": {"planRef": "pay", "operationType": "Execute", **fields},
        "status": {key: value for key, value in status.items() if value is not None},
    }


def revert(name: str, target: str, minute: int, *, phase: str = "Succeeded", **fields: Any) -> dict[str, Any]:
    """A Revert that ended then."""
    return finished(name, minute, phase=phase, operationType="Revert", revertExecutionRef=target, **fields)


def undone(name: str, minute: int) -> dict[str, Any]:
    """An execution that was reverted."""
    return finished(name, minute, status={"revertedBy": {"name": "r", "phase": "Succeeded"}})


def gone(*executions: dict[str, Any], limit: int | None = None, **status: Any) -> list[str]:
    spec = {} if limit is None else {"executionsHistoryLimit": limit}
    plan = {"metadata": {"name": "pay", "namespace": "dr"}, "spec": spec, "status": status}
    return [each["metadata"]["name"] for each in to_delete(executions, plan, NOW)]


def test_without_limits_all_are_kept() -> None:
    assert gone(*(undone(f"e{number}", number) for number in range(20))) == []


def test_the_newest_are_kept_in_whatever_order_they_come() -> None:
    executions = [undone("second", 20), undone("fourth", 5), undone("first", 30), undone("third", 10)]

    assert sorted(gone(*executions, limit=2)) == ["fourth", "third"]
    assert gone(*executions, limit=4) == []
    assert len(gone(*executions, limit=0)) == 4


def test_the_newest_execute_that_is_in_effect_is_the_way_back_and_stays() -> None:
    executions = [finished("old", 1), finished("newest", 2), undone("undone", 3), revert("r", "undone", 4)]

    assert sorted(gone(*executions, limit=0)) == ["old", "r", "undone"]
    assert sorted(gone(*executions, limit=1)) == ["old", "undone"]


def test_of_those_that_ended_in_the_same_second_the_history_knows_the_newest() -> None:
    executions = [finished(name, 1) for name in ("second", "third", "first")]
    history = [{"name": each, "uid": f"uid-{each}"} for each in ("third", "second", "first")]

    assert gone(*executions, limit=2, executionHistory=history) == ["first"]
    assert sorted(gone(*executions, limit=0, executionHistory=history)) == ["first", "second"]
    assert gone(*executions, limit=2, executionHistory=history[:2]) == ["first"]


@pytest.mark.parametrize("phase", ["", "Pending", "Running"])
def test_the_target_of_a_revert_that_has_not_ended_stays(phase: str) -> None:
    executions = [finished("old", 1), finished("newest", 2), revert("r", "old", 3, phase=phase)]

    assert gone(*executions, limit=0) == []
    assert gone(finished("old", 1, ttlSecondsAfterFinished=0), *executions[1:]) == []


@pytest.mark.parametrize("phase", ["", "Pending", "Running"])
def test_one_that_has_not_ended_stays(phase: str) -> None:
    live = finished("live", 1, phase=phase, ttlSecondsAfterFinished=0)

    assert gone(live, finished("newest", 2), limit=0) == []


def test_one_whose_end_is_not_recorded_stays() -> None:
    ended = finished("ended", 1, ttlSecondsAfterFinished=0, status={"conditions": [COMPLETE]})

    assert gone(ended, finished("newest", 2), limit=0) == []


def test_one_that_was_refused_goes_without_being_recorded() -> None:
    refused = finished(
        "refused", 1, phase="Failed", status={"conditions": [COMPLETE], "workflowRef": None, "startTime": None}
    )

    assert gone(refused, finished("newest", 2), limit=0) == ["refused"]
    assert gone(refused, limit=0, currentExecution={"name": "refused", "uid": "uid-refused"}) == []


def test_one_that_was_cancelled_before_it_began_goes_when_the_history_has_it() -> None:
    cancelled = finished(
        "cancelled", 1, phase="Cancelled", status={"conditions": [COMPLETE], "workflowRef": None, "startTime": None}
    )

    assert gone(cancelled, limit=0) == []
    assert gone(cancelled, limit=0, executionHistory=[{"name": "cancelled", "uid": "uid-cancelled"}]) == ["cancelled"]
    assert to_delete([{**cancelled, "spec": {**cancelled["spec"], "ttlSecondsAfterFinished": 0}}], None, NOW) != []


def test_what_the_older_controller_left_is_left_alone() -> None:
    old = finished("old", 1, phase="Canceled", status={"conditions": None, "workflowRef": None})

    assert gone(old, finished("newest", 2), limit=0) == []


def test_one_that_is_being_deleted_is_not_deleted_again() -> None:
    going = undone("going", 1)
    going["metadata"]["deletionTimestamp"] = "2025-11-24T08:59:00Z"

    assert gone(going, limit=0) == []


def test_one_expires_when_its_own_time_has_passed() -> None:
    expired = finished("expired", 30, ttlSecondsAfterFinished=1800)
    later = finished("later", 50, ttlSecondsAfterFinished=900)
    forever = finished("forever", 0)

    assert gone(expired, later, forever) == ["expired"]
    assert next_expiry([expired, later, forever], None, NOW) == 300.0
    assert next_expiry([expired, forever], None, NOW) is None


def test_those_that_expire_do_not_count_for_the_limit() -> None:
    expired = finished("expired", 59, ttlSecondsAfterFinished=0)

    assert gone(expired, undone("a", 2), undone("b", 1), limit=2) == ["expired"]


def test_executions_of_a_plan_that_is_gone_expire_all_the_same() -> None:
    expired = finished("expired", 30, ttlSecondsAfterFinished=60)

    assert [each["metadata"]["name"] for each in to_delete([expired, undone("b", 1)], None, NOW)] == ["expired"]
