"""How often statuses are written."""

from __future__ import annotations

from syncer.pacing import ALL_BYTES_PER_SECOND, SHORTEST, SMALL, Pace

RUNNING = {"phase": "Running", "stageStatuses": [{"phase": "Running"}]}
FURTHER = {**RUNNING, "progress": "1/2"}
NEXT = {"phase": "Running", "stageStatuses": [{"phase": "Succeeded"}]}


def test_the_first_status_is_written_at_once():
    assert Pace().wait("x", before=RUNNING, after=FURTHER, now=100.0) == 0


def test_a_small_change_waits_for_the_shortest_pause_and_a_phase_does_not():
    pace = Pace()
    pace.wrote("x", size=1000, now=100.0)
    assert pace.wait("x", before=RUNNING, after=FURTHER, now=100.0) == SHORTEST
    assert pace.wait("x", before=RUNNING, after=NEXT, now=100.0) == 0
    assert pace.wait("x", before=RUNNING, after=FURTHER, now=100.0 + SHORTEST) == 0


def test_a_large_status_waits_as_long_as_its_size_says_whatever_changes():
    pace = Pace()
    pace.wrote("x", size=4 * SMALL, now=100.0)
    assert pace.wait("x", before=RUNNING, after=NEXT, now=100.0) == 4
    assert pace.wait("y", before=RUNNING, after=NEXT, now=100.0) == 0


def test_all_together_stay_within_a_limit():
    pace = Pace()
    for number in range(8):
        pace.wrote(f"x-{number}", size=ALL_BYTES_PER_SECOND // 2, now=100.0)
    assert pace.wait("y", before=RUNNING, after=NEXT, now=100.0) == 3


def test_one_that_has_ended_is_forgotten():
    pace = Pace()
    pace.wrote("x", size=4 * SMALL, now=100.0)
    pace.forget("x")
    assert pace.wait("x", before=RUNNING, after=FURTHER, now=100.0) == 0
