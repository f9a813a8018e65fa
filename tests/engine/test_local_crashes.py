"""The engine dies between any two writes, and another one goes on: nothing is done twice, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drplan.engine import store
from drplan.engine.api import recorded
from drplan.engine.errors import NotAllowed, PlanBusy, SecretsMissing
from support import local
from support.http_site import Answer, Site
from support.plans import NAMESPACE, http, plan, stage, workflow

pytestmark = pytest.mark.long

NAME = "pay-execute-1"


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.Engines]:
    with local.Engines(tmp_path_factory.mktemp("engines")) as started:
        yield started


def small(url: str) -> list[dict]:
    undo = {"type": "HTTP", "http": {"url": f"{url}/undo", "method": "POST"}}
    return [
        plan(stage("one", "a"), stage("two", "b")),
        workflow("a", http("a1", f"{url}/a1", method="POST", rollback=undo), http("a2", f"{url}/a2", method="POST")),
        workflow("b", http("b1", f"{url}/b1", method="POST")),
    ]


def tiny(url: str) -> list[dict]:
    undo = {"type": "HTTP", "http": {"url": f"{url}/undo", "method": "POST"}}
    return [
        plan(stage("one", "a"), stage("two", "b")),
        workflow("a", http("a1", f"{url}/a1", method="POST", rollback=undo)),
        workflow("b", http("b1", f"{url}/b1", method="POST")),
    ]


def calls(site: Site) -> list[str]:
    return sorted(request.path for request in site.received)


def test_an_execution_goes_on_after_a_crash_behind_any_write(tmp_path: Path, engines: local.Engines) -> None:
    died = 0
    while True:
        died += 1
        state = tmp_path / f"after-{died}"
        with Site() as site:
            snapshot = local.snapshot_of(*tiny(site.url))
            if engines.start(state, snapshot, name=NAME, dieAfter=died).end() is not None:
                break
            execution = _finish(state, snapshot)
            assert execution["status"]["phase"] == "Succeeded", f"after write {died}"
            assert calls(site) == ["/a1", "/b1"], f"after write {died}"
        _check_at_rest(state)
    assert died > 15


def test_a_retry_goes_on_after_a_crash_behind_any_write(tmp_path: Path, engines: local.Engines) -> None:
    died = 0
    while True:
        died += 1
        state = tmp_path / f"after-{died}"
        with Site() as site:
            site.script("/b1", Answer(404), Answer(200))
            first = local.engine(state).start(local.snapshot_of(*tiny(site.url)))
            assert first["status"]["phase"] == "Failed"
            if engines.go_on(state, "retry", NAME, dieAfter=died).end() is not None:
                break
            execution = _go_on(state)
            if execution["status"]["phase"] == "Failed":
                execution = local.engine(state).retry(NAME)
            assert execution["status"]["phase"] == "Succeeded", f"after write {died}"
            assert calls(site) == ["/a1", "/b1", "/b1"], f"after write {died}"
        _check_at_rest(state)
    assert died > 10


def test_a_revert_goes_on_after_a_crash_behind_any_write(tmp_path: Path, engines: local.Engines) -> None:
    died = 0
    while True:
        died += 1
        state = tmp_path / f"after-{died}"
        with Site() as site:
            local.engine(state).start(local.snapshot_of(*tiny(site.url)))
            snapshot = local.revert_of_recorded(state, NAME)
            if engines.start(state, snapshot, name="undo", dieAfter=died).end() is not None:
                break
            execution = _finish(state, snapshot, name="undo")
            assert execution["status"]["phase"] == "Succeeded", f"after write {died}"
            assert calls(site) == ["/a1", "/b1", "/undo"], f"after write {died}"
        by = local.stored(state, NAME)["status"]["revertedBy"]
        assert (by["name"], by["phase"]) == ("undo", "Succeeded"), f"after write {died}"
        _check_at_rest(state, name="undo")
    assert died > 15


def test_an_execution_that_an_engine_left_behind_blocks_its_plan_until_it_is_gone_on_with(
    tmp_path: Path, engines: local.Engines
) -> None:
    with local.HeldSite() as site:
        let_go: list[bool] = []
        site.hold("/a1", until=lambda: let_go)
        snapshot = local.snapshot_of(*small(site.url))
        running = engines.start(tmp_path, snapshot, name=NAME)
        site.wait_for(1)
        running.kill()
        with pytest.raises(PlanBusy, match=f"execution {NAME} is not finished"):
            local.engine(tmp_path).start(snapshot)
        let_go.append(True)
        assert local.engine(tmp_path).resume(NAME)["status"]["phase"] == "Succeeded"
        assert calls(site) == ["/a1", "/a2", "/b1"]


def test_runners_finish_their_action_although_the_engine_died_and_are_not_repeated(
    tmp_path: Path, engines: local.Engines
) -> None:
    with local.HeldSite() as site:
        let_go: list[bool] = []
        site.hold("/a1", until=lambda: let_go)
        running = engines.start(tmp_path, local.snapshot_of(*small(site.url)), name=NAME)
        site.wait_for(1)
        running.kill()
        let_go.append(True)
        # The whole lane lives on: its second action runs, too, and nothing starts behind it.
        site.wait_for(2)
        folder = store.StateFolder(tmp_path, NAMESPACE).execution(NAME)
        local.wait_until(lambda: all(store.lock_is_free(lock) for lock in folder.path.glob("lanes/*/*.lock")))
        assert calls(site) == ["/a1", "/a2"]
        execution = local.engine(tmp_path).resume(NAME)
        assert execution["status"]["phase"] == "Succeeded"
        assert calls(site) == ["/a1", "/a2", "/b1"]
    pods = [node["name"].rsplit(".", 1)[-1] for node in local.nodes(tmp_path, NAME) if node["type"] == "Pod"]
    assert pods == ["w-1-a(0)", "w-1-b(0)"]


@pytest.mark.parametrize("survivors", [[], ["s1.w1.a2"], ["s1.w1.a1"]], ids=["none", "the waiting", "the acting"])
def test_what_died_with_the_engine_is_started_again_in_its_lane(
    survivors: list[str], tmp_path: Path, engines: local.Engines
) -> None:
    with local.HeldSite() as site:
        let_go: list[bool] = []
        site.hold("/a1", until=lambda: let_go)
        manifests = [plan(stage("one", "a")), workflow("a", http("a1", f"{site.url}/a1"), http("a2", f"{site.url}/a2"))]
        running = engines.start(tmp_path, local.snapshot_of(*manifests), name=NAME)
        site.wait_for(1)
        running.kill()
        folder = store.StateFolder(tmp_path, NAMESPACE).execution(NAME).path
        for runner in local.runners(folder):
            if runner.key not in survivors:
                runner.kill()
        let_go.append(True)
        execution = local.engine(tmp_path).resume(NAME)
        assert execution["status"]["phase"] == "Succeeded"
        assert site.count("/a1") == (1 if "s1.w1.a1" in survivors else 2)
        assert site.count("/a2") == 1
    pods = [node for node in local.nodes(tmp_path, NAME) if node["type"] == "Pod"]
    assert [(pod["name"].rsplit(".", 1)[-1], pod["phase"]) for pod in pods] == [("w-1-a(0)", "Succeeded")]


def test_a_cancel_ends_what_a_dead_engine_left_running(tmp_path: Path, engines: local.Engines) -> None:
    with local.HeldSite() as site:
        site.hold("/a1", until=lambda: local.fence(tmp_path, NAME).state == "Draining")
        running = engines.start(tmp_path, local.snapshot_of(*small(site.url)), name=NAME)
        site.wait_for(1)
        running.kill()
        execution = local.engine(tmp_path).cancel(NAME)
        assert execution["status"]["phase"] == "Cancelled"
        assert local.phases(execution) == {"s1.w1.a1": "Succeeded", "s1.w1.a2": "Skipped", "s2.w1.a1": "Skipped"}


def test_a_forced_cancel_kills_what_a_dead_engine_left_running(tmp_path: Path, engines: local.Engines) -> None:
    with local.HeldSite() as site:
        site.script("/a1", Answer(silent=True))
        running = engines.start(tmp_path, local.snapshot_of(*small(site.url)), name=NAME)
        site.wait_for(1)
        running.kill()
        execution = local.engine(tmp_path).cancel(NAME, force=True)
        assert execution["status"]["phase"] == "Cancelled"
        assert local.phases(execution) == {"s1.w1.a1": "Unknown", "s1.w1.a2": "Skipped", "s2.w1.a1": "Skipped"}
        folder = store.StateFolder(tmp_path, NAMESPACE).execution(NAME)
        # The closing process that the dead engine left is told to end, and ends when it has written what there is.
        local.wait_until(lambda: all(store.lock_is_free(lock) for lock in folder.path.glob("lanes/*/*.lock")))


def kill_acting(state: Path) -> None:
    """Kill the runner of the first action."""
    folder = store.StateFolder(state, NAMESPACE).execution(NAME).path
    acting = [runner for runner in local.runners(folder) if runner.key == "s1.w1.a1"]
    assert [runner.kill() for runner in acting] == [True]


def test_a_lane_whose_runner_was_killed_is_tried_again_as_argo_does(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        let_go: list[bool] = []
        site.hold("/a1", until=lambda: let_go)
        manifests = [plan(stage("one", "a")), workflow("a", http("a1", f"{site.url}/a1"), http("a2", f"{site.url}/a2"))]
        running = local.InBackground(lambda: local.run(tmp_path, *manifests))
        site.wait_for(1)
        kill_acting(tmp_path)
        site.wait_for(2)
        let_go.append(True)
        execution = running.end()
    assert execution["status"]["phase"] == "Succeeded"
    found = {node["name"].split(".", 2)[-1]: node for node in local.nodes(tmp_path, NAME)}
    assert (found["w-1-a"]["type"], found["w-1-a"]["phase"]) == ("Retry", "Succeeded")
    assert (found["w-1-a(0)"]["phase"], found["w-1-a(0)"]["outputs"]["exitCode"]) == ("Failed", "75")
    assert found["w-1-a(0).a-1-a1"]["message"] == "a-1-a1: Error (exit code 137)"
    assert found["w-1-a(0).a-2-a2"]["message"].startswith("a-2-a2: Error (exit code 77): not run")
    assert found["w-1-a(1)"]["phase"] == "Succeeded"
    records = {each["spec"]["key"]: each["state"] for each in recorded(tmp_path, NAMESPACE, NAME).records}
    assert records["s1.w1.a1"]["holder"]["attempt"] == 2
    assert records["s1.w1.a1"]["holder"]["pod"].endswith("w-1-a(1)")


def test_a_lane_that_is_lost_three_times_is_given_up(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.script("/a1", Answer(silent=True))
        manifests = [plan(stage("one", "a")), workflow("a", http("a1", f"{site.url}/a1"), http("a2", f"{site.url}/a2"))]
        running = local.InBackground(lambda: local.run(tmp_path, *manifests))
        for attempt in (1, 2, 3):
            site.wait_for(attempt)
            kill_acting(tmp_path)
        execution = running.end()
    assert local.phases(execution) == {"s1.w1.a1": "Unknown", "s1.w1.a2": "Skipped"}
    assert execution["status"]["phase"] == "Unknown"
    assert {node["message"] for node in local.nodes(tmp_path, NAME) if node["type"] == "Retry"} == {
        "No more retries left"
    }


def test_a_post_whose_runner_was_killed_is_unknown_and_not_sent_again(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.script("/a1", Answer(silent=True))
        running = local.InBackground(lambda: local.run(tmp_path, *small(site.url)))
        site.wait_for(1)
        kill_acting(tmp_path)
        execution = running.end()
        assert calls(site) == ["/a1"]
    assert local.phases(execution) == {"s1.w1.a1": "Unknown", "s1.w1.a2": "Skipped", "s2.w1.a1": "Skipped"}


def test_a_graceful_cancel_does_not_wait_for_a_runner_that_was_killed(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        site.script("/a1", Answer(silent=True))
        running = local.InBackground(lambda: local.run(tmp_path, *small(site.url)))
        site.wait_for(1)
        local.engine(tmp_path).cancel(NAME)
        local.wait_until(lambda: local.fence(tmp_path, NAME).state == "Draining")
        kill_acting(tmp_path)
        execution = running.end()
    assert local.phases(execution) == {"s1.w1.a1": "Unknown", "s1.w1.a2": "Skipped", "s2.w1.a1": "Skipped"}
    assert execution["status"]["phase"] == "Cancelled"
    _check_at_rest(tmp_path, phase="Cancelled")


def test_a_run_that_was_left_behind_is_cancelled_without_its_secrets(tmp_path: Path, engines: local.Engines) -> None:
    token = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "pay-api", "key": "token"}}}
    with local.HeldSite() as site:
        site.hold("/a1", until=lambda: local.fence(tmp_path, NAME).state == "Draining")
        url = f"{site.url}/a2?token=$(params.token)"
        manifests = [
            plan(stage("one", "a"), globalParams=[token]),
            workflow("a", http("a1", f"{site.url}/a1"), http("a2", url)),
        ]
        started = engines.start(
            tmp_path, local.snapshot_of(*manifests), name=NAME, environment={"SECRET_PAY_API_TOKEN": "s3cr3t"}
        )
        site.wait_for(1)
        started.kill()
        with pytest.raises(SecretsMissing):
            local.engine(tmp_path).resume(NAME)
        execution = local.engine(tmp_path).cancel(NAME)
    assert execution["status"]["phase"] == "Cancelled"
    assert calls(site) == ["/a1"]


def test_a_lane_whose_closing_container_is_killed_is_tried_again_and_repeats_nothing(tmp_path: Path) -> None:
    with local.HeldSite() as site:
        let_go: list[bool] = []
        site.hold("/a1", until=lambda: let_go)
        manifests = [plan(stage("one", "a")), workflow("a", http("a1", f"{site.url}/a1", method="POST"))]
        running = local.InBackground(lambda: local.run(tmp_path, *manifests))
        site.wait_for(1)
        folder = store.StateFolder(tmp_path, NAMESPACE).execution(NAME)
        assert [runner.kill() for runner in local.runners(folder.path) if runner.closes] == [True]
        let_go.append(True)
        execution = running.end()
        assert (execution["status"]["phase"], local.phases(execution)) == ("Succeeded", {"s1.w1.a1": "Succeeded"})
        assert site.count() == 1
    _check_at_rest(tmp_path)


def test_a_retry_with_nothing_left_to_do_ends_at_once(tmp_path: Path) -> None:
    attempts = 3
    with local.HeldSite() as site:
        let_go: list[bool] = []
        site.hold("/a1", until=lambda: let_go)
        manifests = [plan(stage("one", "a")), workflow("a", http("a1", f"{site.url}/a1"))]
        running = local.InBackground(lambda: local.run(tmp_path, *manifests))
        folder = store.StateFolder(tmp_path, NAMESPACE).execution(NAME)
        for attempt in range(attempts):
            site.wait_for(attempt + 1)
            # A lane that is never closed is a failure for Argo, although its actions succeeded.
            last = attempt == attempts - 1
            killed = [runner.kill() for runner in local.runners(folder.path) if runner.closes or not last]
            assert killed
            assert all(killed)
        let_go.append(True)
        failed = running.end()
        assert (failed["status"]["phase"], local.phases(failed)) == ("Failed", {"s1.w1.a1": "Succeeded"})
        again = local.engine(tmp_path).retry(NAME)
        assert (again["status"]["phase"], again["status"]["epoch"]) == ("Succeeded", 2)
        assert site.count() == attempts
        assert not folder.workflow(2).exists()
    _check_at_rest(tmp_path)


def test_an_engine_that_waits_while_paused_can_die_and_be_resumed(tmp_path: Path, engines: local.Engines) -> None:
    with local.HeldSite() as site:
        site.hold("/a1", until=lambda: local.fence(tmp_path, NAME).state == "Paused")
        running = engines.start(tmp_path, local.snapshot_of(*small(site.url)), name=NAME)
        site.wait_for(1)
        local.engine(tmp_path).pause(NAME)
        local.wait_until(lambda: local.phases(local.stored(tmp_path, NAME))["s1.w1.a1"] == "Succeeded")
        running.kill()
        execution = local.engine(tmp_path).resume(NAME)
        assert execution["status"]["phase"] == "Succeeded"
        assert calls(site) == ["/a1", "/a2", "/b1"]


def test_a_workflow_that_was_deleted_is_not_made_again(tmp_path: Path, engines: local.Engines) -> None:
    with local.HeldSite() as site:
        let_go: list[bool] = []
        site.hold("/a1", until=lambda: let_go)
        running = engines.start(tmp_path, local.snapshot_of(*small(site.url)), name=NAME)
        site.wait_for(1)
        running.kill()
        store.StateFolder(tmp_path, NAMESPACE).execution(NAME).workflow(1).unlink()
        let_go.append(True)
        site.wait_for(2)
        execution = local.engine(tmp_path).resume(NAME)
    assert execution["status"]["phase"] == "Failed"
    assert {each["reason"] for each in execution["status"]["conditions"] if each["type"] == "Succeeded"} == {
        "WorkflowLost"
    }
    assert local.phases(execution) == {"s1.w1.a1": "Succeeded", "s1.w1.a2": "Succeeded", "s2.w1.a1": "Skipped"}


def _finish(state: Path, snapshot, *, name: str = NAME) -> dict:
    """What a user does after a crash: go on if the execution exists, start it again if it does not yet."""
    if not store.StateFolder(state, NAMESPACE).execution(name).path.exists():
        return local.engine(state).start(snapshot, name=name)
    return _go_on(state, name=name)


def _go_on(state: Path, *, name: str = NAME) -> dict:
    try:
        return local.engine(state).resume(name)
    except NotAllowed:
        return local.stored(state, name)


def _check_at_rest(state: Path, *, name: str = NAME, phase: str = "Succeeded") -> None:
    status = local.stored_plan(state)["status"]
    assert "currentExecution" not in status
    entries = [entry for entry in status["executionHistory"] if entry["name"] == name]
    assert [entry["phase"] for entry in entries] == [phase]
    assert local.fence(state, name).state == "Closed"
    conditions = {each["type"]: each["status"] for each in local.stored(state, name)["status"]["conditions"]}
    assert conditions["Recorded"] == "True"
