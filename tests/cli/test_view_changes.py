"""What is new in an execution since the last look."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

from hypothesis import given

from compiler.model.phases import Phase
from drplan.view import changes
from drplan.view.outline import Level, read
from support.draws_views import executions_of_any_shape
from support.executions import action, execution, stage, use

NOW = datetime(2026, 7, 22, 12, 0, 1, tzinfo=UTC)


def run(*phases, of=Phase.RUNNING, **fields):
    actions = (action(f"x{number}", phase) for number, phase in enumerate(phases))
    return execution(stage("s", use("w", *actions, phase=of), phase=of), phase=of, **fields)


def lines(before, after):
    outline = read(after)
    old = changes.phases(read(before)) if before else {}
    return [changes.line(change, now=NOW, cells=changes.widest(outline)) for change in changes.changes(old, outline)]


def test_what_begins_is_told_before_what_is_in_it_and_what_ends_after_it():
    pending, running = run(Phase.PENDING, Phase.PENDING, of=Phase.PENDING), run(Phase.RUNNING, Phase.PENDING)
    assert lines(pending, running) == [
        "12:00:01Z shop-execute-1  Running            Execute of plan shop, namespace default",
        "12:00:01Z s1 s            Running",
        "12:00:01Z s1.w1 w         Running",
        "12:00:01Z s1.w1.a1 x0     Running",
    ]
    done = run(Phase.SUCCEEDED, Phase.FAILED, of=Phase.FAILED, message="it failed", duration="3s")
    assert lines(running, done) == [
        "12:00:01Z s1.w1.a1 x0     Succeeded",
        "12:00:01Z s1.w1.a2 x1     Failed",
        "12:00:01Z s1.w1 w         Failed",
        "12:00:01Z s1 s            Failed",
        "12:00:01Z shop-execute-1  Failed       3.0s  1 succeeded, 1 failed: it failed",
    ]


def test_a_line_has_time_key_name_phase_duration_and_message():
    ended = action(
        "promote",
        message="HTTP POST succeeded\nwith status 200",
        duration="1.2s",
        completionTime="2026-07-22T11:59:58Z",
    )
    before = run(Phase.RUNNING)
    after = execution(stage("s", use("w", ended, phase=Phase.RUNNING), phase=Phase.RUNNING), phase=Phase.RUNNING)
    assert lines(before, after) == [
        "11:59:58Z s1.w1.a1 promote  Succeeded    1.2s  HTTP POST succeeded with status 200"
    ]


def test_nothing_is_told_twice_and_what_has_not_begun_is_nothing_new():
    assert lines(run(Phase.RUNNING), run(Phase.RUNNING)) == []
    assert lines(None, run(Phase.PENDING, of=Phase.PENDING)) == [
        "12:00:01Z shop-execute-1  Pending            Execute of plan shop, namespace default"
    ]


def test_a_first_look_tells_all_that_has_happened():
    assert len(lines(None, run(Phase.SUCCEEDED, Phase.SKIPPED, Phase.PENDING))) == 5


@given(executions_of_any_shape(), executions_of_any_shape())
def test_each_change_of_phase_is_told_exactly_once(before, after):
    old, new = read(before), read(after)
    told = [change.label for change in changes.changes(changes.phases(old), new)]
    known = changes.phases(old)
    now = changes.phases(new)
    expected = sum(phase is not known.get(place, Phase.PENDING) for place, phase in now.items())
    assert len(told) == expected


@given(executions_of_any_shape())
def test_looking_twice_at_the_same_tells_nothing(made):
    assert list(changes.changes(changes.phases(read(made)), read(copy.deepcopy(made)))) == []


@given(executions_of_any_shape())
def test_a_first_look_tells_of_every_action_that_is_not_pending(made):
    told = [change.label.split(" ")[0] for change in changes.changes({}, read(made))]
    actions = [node.key for node in read(made).walk() if node.level is Level.ACTION and node.phase is not Phase.PENDING]
    assert [key for key in told if ".a" in key] == actions
