"""The end of a run: open records end as the fold shows them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compiler.model.record import DRActionRecord
from support.graphs import graph, stage, use
from support.trees import NOW, Argo, by_key, entry, execution, failed, folded, opened, record
from syncer.decide.finish import endings, open_records

PLAN = graph(stage(use("a", "b")))
KEY = "s1.w1.a1"


def end(workflow, *records, lost=False, now=NOW, asked=None):
    asked = asked or execution(fence=opened())
    return endings(PLAN, execution=asked, workflow=workflow, records=by_key(records), now=now, lost=lost)


LOST = failed(143)


def finished(state=LOST, **fields):
    return Argo().lane("s1.w1", {"a1": state}, pod="Failed", **fields).workflow("Failed")


@pytest.mark.parametrize(
    ("workflow", "state", "phase", "reason"),
    [
        (finished(), {}, "Cancelled", "Stopped"),
        (finished(), {"sent": True}, "Unknown", "OutcomeUnknown"),
        (finished(), {"after": [{}]}, "Unknown", "OutcomeUnknown"),
        (finished("Succeeded"), {"sent": True}, "Succeeded", ""),
        (finished(failed(2, "boom")), {"sent": True}, "Failed", ""),
        (finished(result=[entry(KEY, "Succeeded")]), {"sent": True}, "Succeeded", ""),
    ],
    ids=["nothing sent", "sent", "written", "container succeeded", "container failed", "lane says so"],
)
def test_a_record_that_is_still_open_ends_by_what_is_known(workflow, state, phase, reason):
    open_record = record(KEY, "Started", **state)
    (ending,) = end(workflow, open_record, record("s1.w1.a2", "Succeeded"))
    assert (ending.key, ending.phase, ending.reason) == (KEY, phase, reason)


@pytest.mark.parametrize("state", [{}, {"sent": True}])
def test_the_record_then_says_what_the_status_said_before(state):
    known = record(KEY, "Started", holder={"id": "h", "released": False}, **state)
    before = folded(PLAN, finished(), [known])
    (ending,) = end(finished(), known)
    ended = ending.apply(known, now=NOW)
    after = folded(PLAN, finished(), [ended])
    assert after.phases() == before.phases()
    assert (after.reason(KEY), after.message(KEY)) == (before.reason(KEY), before.message(KEY))


def test_an_ended_record_is_complete():
    known = record(KEY, "Started", holder={"id": "h", "pod": "p"})
    (ending,) = end(finished(), known)
    ended = ending.apply(known, now=NOW + timedelta(minutes=1))
    assert ended["state"]["completionTime"] == "2025-11-24T09:01:00Z"
    assert ended["state"]["holder"] == {"id": "h", "pod": "p", "released": True}
    assert ended["metadata"]["labels"] == {"dr.bkbcs.tencent.com/result": "Cancelled"}
    assert known["state"]["phase"] == "Started"
    whole = {
        **ended,
        "spec": {
            "schemaVersion": 1,
            "workflow": {},
            "key": KEY,
            "direction": "Forward",
            "action": {"name": "a", "type": "HTTP"},
            "specHash": "h",
        },
    }
    DRActionRecord.model_validate(whole)


def test_as_long_as_the_workflow_goes_on_nothing_is_ended():
    running = Argo().lane("s1.w1", {"a1": "Running"}, pod="Running").workflow()
    assert end(running, record(KEY, "Started")) == ()


def test_without_open_records_there_is_nothing_to_end():
    assert end(finished(), record(KEY, "Succeeded")) == ()


class TestLost:
    def test_a_holder_that_may_live_is_waited_for(self):
        known = record(KEY, "Started", holder={"id": "h", "renewTime": "2025-11-24T08:59:30Z"})
        assert end(None, known, lost=True) == ()
        (ending,) = end(None, known, lost=True, now=NOW + timedelta(seconds=31))
        assert (ending.phase, ending.reason) == ("Unknown", "WorkflowDeleted")

    def test_the_run_then_is_lost_for_good(self):
        known = record(KEY, "Started", holder={"id": "h"})
        (ending,) = end(None, known, lost=True)
        tree = folded(PLAN, None, [ending.apply(known, now=NOW), record("s1.w1.a2", "Succeeded")], lost=True)
        assert tree.condition("Succeeded") == ("False", "WorkflowLost")


def test_open_records_are_listed_by_key():
    records = [record("s1.w1.a2", "Started"), record("s1.w1.a1", "Started"), record("s2.w1.a1", "Failed")]
    assert open_records(by_key(records)) == ("s1.w1.a1", "s1.w1.a2")
