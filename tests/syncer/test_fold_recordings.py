"""What real runs on Argo left behind folds to the status beside it, and to nothing better when part of it is missing.

`make recordings` records the runs anew, `DRPLAN_REGENERATE=1` writes the statuses; read the difference before you keep
it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from compiler.model.execution import DRPlanExecutionStatus
from support import recordings
from support.golden import assert_golden
from support.local import phases
from support.recordings import Recording

NAMES = sorted(folder.name for folder in recordings.FOLDER.iterdir())
RECORDINGS = {name: recordings.load(recordings.FOLDER / name) for name in NAMES}
WITH_NODES = [name for name in NAMES if RECORDINGS[name].nodes]
OPEN = {"Pending", "Running"}
BAD = {"Failed", "Unknown"}
HALVES = 20

with_and_without_records = pytest.mark.parametrize("without_records", [False, True], ids=["records", "nodes alone"])


def statuses(recording: Recording, *, without_records: bool) -> tuple[str, dict[str, str]]:
    status = recording.folded(without_records=without_records)
    DRPlanExecutionStatus.model_validate(status)
    return status["phase"], phases({"status": status})


def turned_green(before: tuple[str, dict[str, str]], after: tuple[str, dict[str, str]]) -> Iterator[str]:
    """What had not succeeded and now claims to have."""
    if after[0] == "Succeeded" != before[0]:
        yield "the execution"
    yield from (key for key, phase in after[1].items() if phase == "Succeeded" != before[1][key])


def drawn(recording: Recording) -> Iterator[set[str]]:
    """Halves of the nodes."""
    ids = sorted(recording.nodes)
    for seed in range(HALVES):
        yield set(random.Random(seed).sample(ids, len(ids) // 2))


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_folds_to_its_golden_status(name):
    status = RECORDINGS[name].folded()
    DRPlanExecutionStatus.model_validate(status)
    text = json.dumps(status, indent=1, ensure_ascii=False) + "\n"
    assert_golden(recordings.FOLDER / name / "status.json", text)


@pytest.mark.parametrize("name", NAMES)
def test_without_records_a_run_that_failed_is_still_not_green(name):
    whole, alone = (statuses(RECORDINGS[name], without_records=each) for each in (False, True))
    assert alone[0] != "Succeeded" or whole[0] == "Succeeded"
    assert not [key for key, phase in alone[1].items() if phase == "Succeeded" and whole[1][key] in BAD]


@with_and_without_records
@pytest.mark.parametrize("name", WITH_NODES)
def test_packed_and_shuffled_nodes_fold_to_the_same(name, without_records):
    recording = RECORDINGS[name]
    expected = recording.folded(without_records=without_records)
    nodes = list(recording.nodes.items())
    random.Random(name).shuffle(nodes)
    assert recording.with_nodes(dict(nodes)).folded(without_records=without_records) == expected
    assert recording.packed().folded(without_records=without_records) == expected


@with_and_without_records
@pytest.mark.parametrize("name", WITH_NODES)
def test_missing_nodes_turn_nothing_green(name, without_records):
    recording = RECORDINGS[name]
    before = statuses(recording, without_records=without_records)
    for half in drawn(recording):
        rest = {key: node for key, node in recording.nodes.items() if key not in half}
        after = statuses(recording.with_nodes(rest), without_records=without_records)
        assert list(turned_green(before, after)) == [], f"without {sorted(half)}"


@with_and_without_records
@pytest.mark.parametrize("name", WITH_NODES)
def test_nodes_left_running_turn_nothing_green_and_keep_no_finished_run_open(name, without_records):
    recording = RECORDINGS[name]
    before = statuses(recording, without_records=without_records)
    for half in drawn(recording):
        nodes = {
            key: {**node, "phase": "Running", "finishedAt": None} if key in half else node
            for key, node in recording.nodes.items()
        }
        after = statuses(recording.with_nodes(nodes), without_records=without_records)
        assert list(turned_green(before, after)) == [], f"with {sorted(half)} running"
        if recording.workflow["status"]["phase"] not in OPEN:
            assert not OPEN & {after[0], *after[1].values()}, f"with {sorted(half)} running"
