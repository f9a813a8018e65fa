"""What an action notes of the objects that it changes is in its record when it has to be, and costs no more writes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from runner import record as records_of
from runner.about import Run, Workflow
from runner.acting import Acting, OutOfTime
from runner.console import Console, now
from runner.holding import Holding
from runner.record import Identity, Outcome, Round
from runner.records.files import FileRecords
from runner.server import Server
from runner.settings import Waits
from runner.spec import parse
from runner.stopping import Stop, Stopped
from runner.vocabulary import Direction, ExitCode, RecordPhase
from support.api_actions import resource

KEY = "s1.w1.a1"
RUN = Run("dr", "pay", "pay-1", "uid-1", 1, "Execute", Workflow("pay-x-1", "uid-2"))


def entry(name: str, **fields: Any) -> dict[str, Any]:
    return {"ref": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "dr", "name": name}, **fields}


class Bench:
    """An action that acts, and its record in a folder."""

    def __init__(self, folder: Path, *, timeout: float = 20.0) -> None:
        self.store = FileRecords(str(folder))
        self.stop = Stop()
        spec = parse(json.dumps(resource("Create", timeout=timeout)))
        identity = Identity(KEY, RUN, break_glass=False, direction=Direction.FORWARD, spec=spec, spec_hash="h")
        holder = records_of.holder("me", "pod", attempt=1, at=now(6))
        started = records_of.new(identity, Round(2, 1), records_of.started(holder, at=now()))
        self.holding = Holding(self.store, self.store.create(started), Waits())
        console = Console(KEY, str(folder / "termination"))
        self.acting = Acting(
            identity,
            self.holding,
            server=lambda: Server.in_cluster({}),
            waits=Waits(),
            stop=self.stop,
            console=console,
        )

    @property
    def record(self) -> dict[str, Any]:
        """The record as it is stored."""
        found = self.store.get(str(self.holding.name))
        assert found is not None
        return found

    @property
    def state(self) -> dict[str, Any]:
        """The state as it is stored."""
        state: dict[str, Any] = self.record["state"]
        return state

    @property
    def writes(self) -> int:
        """How often it was written."""
        return int(self.record["metadata"]["resourceVersion"])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_was_there_and_that_something_was_sent_is_one_write(bench: Bench) -> None:
    bench.acting.will_change([entry("a", existed=True), entry("b", existed=False)])
    assert bench.state["sent"] is True
    assert bench.state["before"] == [entry("a", existed=True), entry("b", existed=False)]
    assert bench.writes == 2


def test_a_call_after_that_needs_no_write_of_its_own(bench: Bench) -> None:
    bench.acting.will_change([entry("a", existed=True)])
    bench.acting.before_call()
    assert bench.writes == 2


def test_what_was_made_of_an_object_goes_with_the_leave_for_the_next_call(bench: Bench) -> None:
    bench.acting.will_change([entry("a", existed=True), entry("b", existed=True)])
    bench.acting.before_call()
    bench.acting.changed(entry("a", gz="A"))
    assert "after" not in bench.state
    assert bench.acting.after == [entry("a", gz="A")]
    bench.acting.before_call()
    assert bench.state["after"] == [entry("a", gz="A")]


def test_what_was_made_of_the_last_object_goes_with_the_end(bench: Bench) -> None:
    bench.acting.will_change([entry("a", existed=True)])
    bench.acting.changed(entry("a", gz="A"))
    outcome = Outcome(RecordPhase.SUCCEEDED, ExitCode.SUCCEEDED, clusters=[{"cluster": "c/one"}])
    bench.holding.end(outcome, at=now(), last_try="", retries=0, until=time.monotonic() + 1)
    assert bench.state["after"] == [entry("a", gz="A")]
    assert bench.state["clusters"] == [{"cluster": "c/one"}]
    assert bench.state["phase"] == "Succeeded"
    assert bench.writes == 3


def test_what_was_made_of_an_object_is_not_lost_when_the_record_is_let_go(bench: Bench) -> None:
    bench.acting.will_change([entry("a", existed=True)])
    bench.acting.changed(entry("a", gz="A"))
    bench.holding.release(until=time.monotonic() + 1)
    assert bench.state["after"] == [entry("a", gz="A")]


def test_an_object_that_is_recorded_anew_has_its_new_entry_in_its_old_place(bench: Bench) -> None:
    bench.acting.will_change([entry("a", existed=True, gz="1"), entry("b", existed=True)])
    bench.acting.will_change([entry("a", existed=True, gz="2")])
    assert bench.state["before"] == [entry("a", existed=True, gz="2"), entry("b", existed=True)]


def test_an_object_is_the_same_in_whatever_version_of_its_group(bench: Bench) -> None:
    old = {"ref": {"apiVersion": "apps/v1beta1", "kind": "Deployment", "name": "web"}}
    new = {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    bench.acting.will_change([old])
    bench.acting.will_change([new])
    assert bench.state["before"] == [new]


def test_what_was_not_changed_after_all_is_forgotten(bench: Bench) -> None:
    bench.acting.will_change([entry("a", existed=True), entry("b", existed=True)])
    bench.acting.unchanged([records_of.entry_id(entry("b"))])
    bench.holding.release(until=time.monotonic() + 1)
    assert bench.state["before"] == [entry("a", existed=True)]


def test_a_record_that_has_nothing_to_undo_says_nothing_of_what_was_there(bench: Bench) -> None:
    bench.acting.will_change([entry("a", existed=True)])
    bench.acting.unchanged([records_of.entry_id(entry("a"))])
    bench.holding.release(until=time.monotonic() + 1)
    assert "before" not in bench.state


def test_nothing_is_recorded_once_the_runner_was_told_to_stop(bench: Bench) -> None:
    bench.stop.since = time.monotonic()
    with pytest.raises(Stopped):
        bench.acting.will_change([entry("a", existed=True)])
    assert "before" not in bench.state


def test_nothing_is_recorded_once_the_timeout_is_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path, timeout=0.001)
    time.sleep(0.01)
    with pytest.raises(OutOfTime):
        bench.acting.will_change([entry("a", existed=True)])
    assert "before" not in bench.state


def test_only_what_is_repeated_counts_as_a_retry(bench: Bench) -> None:
    for _ in range(3):
        bench.acting.before_call()
    assert bench.acting.retries == 0
    bench.acting.note(message="refused")
    bench.acting.before_call()
    bench.acting.before_call()
    assert bench.acting.retries == 1


def test_a_try_that_failed_before_any_call_is_noted_with_a_time(bench: Bench) -> None:
    bench.acting.note(message="refused")
    (attempt,) = bench.state["attempts"]
    assert attempt["startTime"] == attempt["completionTime"]


def test_what_an_action_makes_is_labelled_with_the_round_that_acts(bench: Bench) -> None:
    assert bench.acting.labels == {
        "dr.bkbcs.tencent.com/plan": "pay",
        "dr.bkbcs.tencent.com/operation": "execute",
        "dr.bkbcs.tencent.com/execution": "pay-1",
        "dr.bkbcs.tencent.com/execution-uid": "uid-1",
        "dr.bkbcs.tencent.com/epoch": "2",
        "dr.bkbcs.tencent.com/key": KEY,
        "app.kubernetes.io/managed-by": "drplan-syncer",
    }


def test_progress_is_told_to_argo_in_its_own_form(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.acting.progress(1, 3)
    file = tmp_path / "progress"
    monkeypatch.setenv("ARGO_PROGRESS_FILE", str(file))
    bench.acting.progress(1, 3)
    assert file.read_text() == "1/3"
    bench.acting.progress(0, 0)
    assert file.read_text() == "1/3"
