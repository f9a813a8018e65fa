"""Tables, histories, and what the records put back into a status."""

from __future__ import annotations

from datetime import UTC, datetime

from compiler.model.phases import Phase
from drplan.view import tables
from drplan.view.details import completed
from drplan.view.outline import read
from drplan.view.past import entry, past
from support.executions import action, execution, stage, use

NOW = datetime(2026, 7, 22, 12, 0, 0, tzinfo=UTC)


def at(time, **fields):
    return execution(startTime=f"2026-07-22T{time}Z", **fields)


def test_a_table_has_the_columns_of_kubectl():
    running = at("11:59:00", phase=Phase.RUNNING, progress="1/3", spec={"mode": "Install"})
    done = at("10:00:00", name="shop-execute-0", completionTime="2026-07-22T10:01:30Z", message="All stages completed")
    assert tables.executions([running, done], now=NOW).split("\n") == [
        "NAME             PLAN   OPERATION   MODE      PHASE       PROGRESS   DURATION   AGE",
        "shop-execute-1   shop   Execute     Install   Running     1/3        1m0s       60s",
        "shop-execute-0   shop   Execute     <none>    Succeeded   <none>     1m30s      2h",
    ]
    wide = tables.executions([running, done], now=NOW, wide=True).split("\n")
    assert wide[0].endswith("AGE   WORKFLOW   MESSAGE")
    assert wide[2].endswith("2h    <none>     All stages completed")


def test_a_wide_history_says_why_it_was_done():
    switched = at("10:00:00", spec={"reason": "site A lost power"})
    assert tables.history([switched], now=NOW, wide=True).split("\n")[1].count("site A lost power") == 1
    assert "REASON" not in tables.history([switched], now=NOW)


def test_columns_stay_aligned_whatever_is_in_them():
    lines = tables.table(["A", "B"], [["名前", "x"], ["two\nlines", "y"], ["", "\x1b[1mz"]]).split("\n")
    assert lines == ["A           B", "名前        x", "two lines   y", "<none>      z"]


HISTORY = {
    "metadata": {"name": "shop"},
    "status": {
        "executionHistory": [
            {
                "name": "shop-execute-2",
                "uid": "u3",
                "namespace": "default",
                "operationType": "Execute",
                "phase": "Failed",
                "startTime": "2026-07-22T11:00:00Z",
            },
            {
                "name": "shop-revert-1",
                "uid": "u2",
                "namespace": "default",
                "operationType": "Revert",
                "phase": "Succeeded",
                "startTime": "2026-07-22T11:00:00Z",
                "revertOf": {"name": "shop-execute-1", "uid": "u1"},
            },
            {
                "name": "shop-execute-1",
                "uid": "u1",
                "namespace": "default",
                "operationType": "Execute",
                "phase": "Succeeded",
                "startTime": "2026-07-22T10:00:00Z",
                "revertedBy": {"name": "shop-revert-1", "phase": "Succeeded"},
            },
        ]
    },
}


def names(found):
    return [each["metadata"]["name"] for each in found]


def test_a_history_keeps_its_order_even_within_a_second_and_kept_executions_go_where_they_belong():
    kept = [
        at("09:00:00", name="shop-execute-0", uid="u0"),
        at("10:30:00", name="between", uid="u9"),
        at("11:30:00", name="newest", uid="u8"),
        at("10:00:00", name="shop-execute-1", uid="u1", progress="3/3"),
        at("11:45:00", name="other", uid="u7", plan="another"),
    ]
    found = past("shop", HISTORY, kept)
    assert names(found) == ["newest", "shop-execute-2", "shop-revert-1", "between", "shop-execute-1", "shop-execute-0"]
    assert found[4]["status"]["progress"] == "3/3"
    assert found[4]["status"]["revertedBy"]["name"] == "shop-revert-1"


def test_an_execution_that_has_the_name_of_an_older_one_is_another_one():
    found = past("shop", HISTORY, [at("11:30:00", name="shop-execute-2", uid="new")])
    assert names(found) == ["shop-execute-2", "shop-execute-2", "shop-revert-1", "shop-execute-1"]
    assert [each["metadata"]["uid"] for each in found][:2] == ["new", "u3"]


def test_a_plan_that_is_gone_still_has_the_executions_that_are_kept():
    assert names(past("shop", None, [at("10:00:00"), at("11:00:00", name="later")])) == ["later", "shop-execute-1"]


def test_an_entry_of_the_history_survives_the_way_through():
    found = past("shop", HISTORY, [])
    assert [entry(each)["name"] for each in found] == ["shop-execute-2", "shop-revert-1", "shop-execute-1"]
    assert entry(found[1])["revertOf"] == {"name": "shop-execute-1"}
    assert entry(found[2]) == HISTORY["status"]["executionHistory"][2]


def test_a_history_says_what_reverted_what():
    lines = tables.history(past("shop", HISTORY, []), now=NOW).split("\n")
    assert lines[0].endswith("AGE   REVERT")
    assert lines[2].endswith("reverts shop-execute-1")
    assert lines[3].endswith("reverted by shop-revert-1")


def record(key, name, **state):
    spec = {"key": key, "action": {"name": name, "type": "HTTP", "operation": "GET"}}
    return {"metadata": {"name": f"r-{key}"}, "spec": spec, "state": {"phase": "Succeeded", **state}}


def test_records_put_back_what_a_compact_status_left_out():
    made = execution(
        stage("s", use("w", action("x"), action("y", Phase.FAILED, "as folded"))), detail={"level": "Compact"}
    )
    records = [
        record(
            "s1.w1.a1",
            "x",
            message="done",
            startTime="2026-07-22T10:00:00Z",
            completionTime="2026-07-22T10:00:02Z",
            retryCount=2,
        ),
        record("s1.w1.a2", "y", phase="Started", message="half way"),
    ]
    first, second = read(completed(made, records, ["s"])).actions()
    assert (first.message, first.seconds, first.note) == ("done", 2, "2 retries")
    assert (second.phase, second.message) == (Phase.FAILED, "as folded")


def test_records_put_back_whole_actions_of_a_summary_in_their_order_even_in_a_revert():
    made = execution(
        stage("b", use("w")), stage("a", use("v")), detail={"level": "Summary"}, spec={"operationType": "Revert"}
    )
    records = [record(f"s1.w1.a{number}", f"x{number}") for number in (10, 9, 1)] + [record("s2.w1.h1", "hook")]
    outline = read(completed(made, records, ["a", "b"]))
    assert [node.key for node in outline.walk()] == [
        "s2", "s2.w1", "s2.w1.h1", "s1", "s1.w1", "s1.w1.a1", "s1.w1.a9", "s1.w1.a10",
    ]  # fmt: skip
    assert outline.remarks == ()


def test_a_complete_status_is_left_alone():
    made = execution(stage("s", use("w", action("x", message="as it is"))), detail={"level": "Full"})
    assert completed(made, [record("s1.w1.a1", "x", message="other")], ["s"]) is made
