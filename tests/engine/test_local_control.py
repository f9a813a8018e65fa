"""Pause, resume and cancel of a local run, from another process and from the one that runs it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from compiler.model.names import ANNOTATION_CANCEL, ANNOTATION_PAUSE
from drplan.engine import store
from drplan.engine.errors import NotAllowed
from support import local
from support.http_site import Answer
from support.plans import NAMESPACE, http, plan, stage, workflow

NAME = "pay-execute-1"


def two_stages(url: str) -> list[dict]:
    def post(name: str) -> dict:
        return http(name, f"{url}/{name}", method="POST", timeout="60s")

    return [
        plan(stage("one", "a"), stage("two", "b")),
        workflow("a", post("a1"), post("a2")),
        workflow("b", post("b1")),
    ]


def annotation(state: Path, name: str) -> str | None:
    return local.stored(state, NAME)["metadata"]["annotations"].get(name)


def calls(site: local.HeldSite) -> list[str]:
    return [request.path for request in site.received]


def test_a_paused_run_finishes_what_acts_starts_nothing_and_goes_on_when_resumed(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.hold("/a1", until=lambda: local.fence(tmp_path, NAME).state == "Paused")
        running = local.InBackground(lambda: local.run(tmp_path, *two_stages(site.url)))
        site.wait_for(1)
        local.engine(tmp_path).pause(NAME)
        local.wait_until(lambda: local.phases(local.stored(tmp_path, NAME))["s1.w1.a1"] == "Succeeded")
        time.sleep(0.5)
        paused = local.stored(tmp_path, NAME)
        assert calls(site) == ["/a1"]
        assert paused["status"]["phase"] == "Running"
        assert {each["type"]: each["reason"] for each in paused["status"]["conditions"]}["Paused"] == "PausedByUser"
        resumed = local.engine(tmp_path).resume(NAME)
        assert ANNOTATION_PAUSE not in resumed["metadata"]["annotations"]
        execution = running.end()
    assert execution["status"]["phase"] == "Succeeded"
    assert calls(site) == ["/a1", "/a2", "/b1"]


def test_a_run_is_paused_between_its_stages(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.hold("/a2", until=lambda: local.fence(tmp_path, NAME).state == "Paused")
        running = local.InBackground(lambda: local.run(tmp_path, *two_stages(site.url)))
        site.wait_for(2)
        local.engine(tmp_path).pause(NAME)
        local.wait_until(lambda: local.phases(local.stored(tmp_path, NAME))["s1.w1.a2"] == "Succeeded")
        time.sleep(0.5)
        assert calls(site) == ["/a1", "/a2"]
        local.engine(tmp_path).resume(NAME)
        assert running.end()["status"]["phase"] == "Succeeded"
    assert calls(site) == ["/a1", "/a2", "/b1"]


def test_a_graceful_cancel_finishes_what_acts_and_skips_the_rest(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.hold("/a1", until=lambda: local.fence(tmp_path, NAME).state == "Draining")
        running = local.InBackground(lambda: local.run(tmp_path, *two_stages(site.url)))
        site.wait_for(1)
        local.engine(tmp_path).cancel(NAME)
        execution = running.end()
    assert execution["status"]["phase"] == "Cancelled"
    assert local.phases(execution) == {"s1.w1.a1": "Succeeded", "s1.w1.a2": "Skipped", "s2.w1.a1": "Skipped"}
    assert {action["reason"] for key, action in local.actions(execution).items() if key != "s1.w1.a1"} == {
        "CancelledByUser"
    }
    assert calls(site) == ["/a1"]
    history = local.stored_plan(tmp_path)["status"]["executionHistory"]
    assert history[0]["phase"] == "Cancelled"
    assert "currentExecution" not in local.stored_plan(tmp_path)["status"]


def test_a_cancel_that_comes_when_everything_is_done_changes_nothing(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.hold("/b1", until=lambda: local.fence(tmp_path, NAME).state == "Draining")
        running = local.InBackground(lambda: local.run(tmp_path, *two_stages(site.url)))
        site.wait_for(3)
        local.engine(tmp_path).cancel(NAME)
        execution = running.end()
    assert execution["status"]["phase"] == "Succeeded"


def test_a_paused_run_can_be_cancelled(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.hold("/a1", until=lambda: local.fence(tmp_path, NAME).state == "Paused")
        running = local.InBackground(lambda: local.run(tmp_path, *two_stages(site.url)))
        site.wait_for(1)
        local.engine(tmp_path).pause(NAME)
        local.wait_until(lambda: local.phases(local.stored(tmp_path, NAME))["s1.w1.a1"] == "Succeeded")
        local.engine(tmp_path).cancel(NAME)
        execution = running.end()
    assert execution["status"]["phase"] == "Cancelled"
    assert calls(site) == ["/a1"]


def test_a_forced_cancel_ends_the_runners_and_waits_for_them(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.hold("/a1", until=lambda: local.fence(tmp_path, NAME).state == "Closed")
        running = local.InBackground(lambda: local.run(tmp_path, *two_stages(site.url)))
        site.wait_for(1)
        local.engine(tmp_path).cancel(NAME, force=True)
        execution = running.end()
        folder = store.StateFolder(tmp_path, NAMESPACE).execution(NAME)
        assert all(store.lock_is_free(lock) for lock in folder.path.glob("lanes/*/*.lock"))
    assert execution["status"]["phase"] == "Cancelled"
    assert local.phases(execution) == {"s1.w1.a1": "Succeeded", "s1.w1.a2": "Skipped", "s2.w1.a1": "Skipped"}
    assert calls(site) == ["/a1"]


def test_a_call_that_never_ends_is_given_up_by_a_forced_cancel_and_its_outcome_is_unknown(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.script("/a1", Answer(silent=True))
        running = local.InBackground(lambda: local.run(tmp_path, *two_stages(site.url)))
        site.wait_for(1)
        local.engine(tmp_path).cancel(NAME, force=True)
        execution = running.end()
    assert local.phases(execution) == {"s1.w1.a1": "Unknown", "s1.w1.a2": "Skipped", "s2.w1.a1": "Skipped"}
    assert execution["status"]["phase"] == "Cancelled"


def test_asking_once_cancels_gracefully_twice_at_once_and_three_times_kills(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.script("/a1", Answer(silent=True))
        made = local.engine(tmp_path, environment=local.environment(DRPLAN_LEASE="60s"))
        running = local.InBackground(lambda: made.start(local.snapshot_of(*two_stages(site.url))))
        site.wait_for(1)
        made.request_cancel()
        local.wait_until(lambda: annotation(tmp_path, ANNOTATION_CANCEL) == "true")
        local.wait_until(lambda: local.fence(tmp_path, NAME).state == "Draining")
        made.request_cancel()
        local.wait_until(lambda: annotation(tmp_path, ANNOTATION_CANCEL) == "force")
        made.request_cancel()
        execution = running.end()
    # A runner that was only told to stop says so when it ends; one that was killed says nothing any more.
    log = store.StateFolder(tmp_path, NAMESPACE).execution(NAME).logs / "s1.w1.a1.log"
    assert "stopped before it had ended" not in log.read_text()
    assert local.phases(execution)["s1.w1.a1"] == "Unknown"
    assert local.actions(execution)["s1.w1.a2"]["phase"] == "Skipped"


def test_a_cancel_from_a_signal_handler_of_another_thread_reaches_the_run(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.hold("/a1", until=lambda: local.fence(tmp_path, NAME).state == "Draining")
        made = local.engine(tmp_path)
        running = local.InBackground(lambda: made.start(local.snapshot_of(*two_stages(site.url))))
        site.wait_for(1)
        threading.Thread(target=made.request_cancel).start()
        assert running.end()["status"]["phase"] == "Cancelled"


@pytest.mark.parametrize("command", ["pause", "cancel"])
def test_what_has_ended_is_neither_paused_nor_cancelled(command: str, tmp_path: Path) -> None:
    with local.HeldSite() as site:
        local.run(tmp_path, *two_stages(site.url))
    with pytest.raises(NotAllowed, match="has ended"):
        getattr(local.engine(tmp_path), command)(NAME)
