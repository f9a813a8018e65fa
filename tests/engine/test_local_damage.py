"""What is lost or cannot be known: nothing is done a second time because of it, and nobody else is held up by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from drplan.engine.api import recorded
from drplan.engine.errors import InputRefused, NotAllowed, StateDamaged
from drplan.engine.store import ExecutionFolder, StateFolder
from support import local
from support.command import drplan
from support.http_site import Answer, Site
from support.plans import NAMESPACE, http, plan, stage, workflow

pytestmark = pytest.mark.long


def undoable(url: str, name: str) -> dict:
    undo = {"type": "HTTP", "http": {"url": f"{url}/undo/{name}", "method": "POST"}}
    return http(name, f"{url}/do/{name}", method="POST", rollback=undo)


def folder_of(state: Path, name: str) -> ExecutionFolder:
    return StateFolder(state, NAMESPACE).execution(name)


def lose_records(state: Path, name: str) -> Path:
    records = sorted(folder_of(state, name).records.glob("[!.]*.json"))
    for record in records:
        record.unlink()
    return records[0].parent


class TestUnknownUndo:
    """An undo whose outcome is not known is not sent again by itself."""

    @pytest.fixture
    def site(self):
        with Site() as site:
            site.script("/undo/a1", Answer(reset=True), Answer(200))
            yield site

    def begun(self, state: Path, site: Site) -> str:
        target = local.run(state, plan(stage("one", "a")), workflow("a", undoable(site.url, "a1")))
        name: str = target["metadata"]["name"]
        first = local.engine(state).start(local.revert_of_recorded(state, name))
        assert local.phases(first) == {"s1.w1.a1": "Unknown"}
        return name

    def test_the_target_knows_of_it(self, tmp_path: Path, site: Site) -> None:
        (record,) = recorded(tmp_path, NAMESPACE, self.begun(tmp_path, site)).records
        uid = local.stored(tmp_path, "pay-revert-1")["metadata"]["uid"]
        assert record["state"]["undoAttempt"] == {"name": "pay-revert-1", "uid": uid, "phase": "Unknown"}
        assert "undoneBy" not in record["state"]

    def test_a_second_revert_does_not_send_it_again(self, tmp_path: Path, site: Site) -> None:
        name = self.begun(tmp_path, site)
        second = local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, name))
        (action,) = local.actions(second).values()
        assert (action["phase"], action["reason"]) == ("Failed", "NotUndoable")
        assert action["message"] == "the undo by pay-revert-1 may have happened; look, then revert with --force"
        assert site.count("/undo/a1") == 1

    def test_compiled_or_drawn_it_is_left_out_too_but_by_force(self, tmp_path: Path, site: Site) -> None:
        of = ["--revert", self.begun(tmp_path, site), "--state", tmp_path, "-n", NAMESPACE]
        assert drplan("compile", *of).code == 1
        forced = drplan("compile", *of, "--force", "-o", "json")
        assert "/undo/a1" in json.dumps(forced.json)
        assert ":::impossible" in drplan("graph", *of).out
        assert ":::impossible" not in drplan("graph", *of, "--force").out

    def test_what_was_read_before_the_first_revert_was_written_down_changes_nothing(
        self, tmp_path: Path, site: Site
    ) -> None:
        target = local.run(tmp_path, plan(stage("one", "a")), workflow("a", undoable(site.url, "a1")))
        early = local.revert_of_recorded(tmp_path, target["metadata"]["name"])
        local.engine(tmp_path).start(early)
        local.engine(tmp_path).start(early)
        assert site.count("/undo/a1") == 1

    def test_by_force_it_is_undone_again_and_known_to_be_undone(self, tmp_path: Path, site: Site) -> None:
        name = self.begun(tmp_path, site)
        forced = local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, name), force=True)
        assert forced["status"]["phase"] == "Succeeded"
        assert site.count("/undo/a1") == 2
        (record,) = recorded(tmp_path, NAMESPACE, name).records
        assert record["state"]["undoneBy"]["name"] == "pay-revert-2"
        assert "undoAttempt" not in record["state"]


def failed(state: Path, site: Site) -> str:
    site.script("/do/a2", Answer(404))
    manifests = [plan(stage("one", "a")), workflow("a", undoable(site.url, "a1"), undoable(site.url, "a2"))]
    name: str = local.run(state, *manifests)["metadata"]["name"]
    return name


def retry(state: Path, name: str) -> object:
    return local.engine(state).retry(name)


def revert(state: Path, name: str) -> object:
    return local.revert_of_recorded(state, name)


@pytest.mark.parametrize("go_on", [retry, revert])
def test_what_lost_its_records_is_neither_retried_nor_reverted(
    go_on: Callable[[Path, str], object], tmp_path: Path
) -> None:
    with Site() as site:
        name = failed(tmp_path, site)
        lost = lose_records(tmp_path, name)
        with pytest.raises(StateDamaged, match=f"{lost}/.*json: is missing, and action s1.w1.a1 a1 is Succeeded"):
            go_on(tmp_path, name)
        assert site.count() == 2


def one(url: str, name: str) -> list[dict]:
    return [plan(stage("one", name), name=name), workflow(name, http("a", f"{url}/{name}"))]


class TestDamagedExecution:
    """One that cannot be read holds up its own plan only."""

    def damage(self, state: Path, name: str) -> Path:
        path = folder_of(state, name).execution
        path.write_text("{")
        return path

    def test_another_plan_runs_and_it_is_warned_of(self, tmp_path: Path) -> None:
        said: list[str] = []
        with Site() as site:
            local.run(tmp_path, *one(site.url, "ship"))
            path = self.damage(tmp_path, "ship-execute-1")
            ran = local.run(tmp_path, *one(site.url, "pay"), on_warning=said.append)
        assert ran["status"]["phase"] == "Succeeded"
        assert str(path) in said[0]
        assert "not of plan pay" in said[0]

    def test_its_own_plan_is_refused(self, tmp_path: Path) -> None:
        with Site() as site:
            local.run(tmp_path, *one(site.url, "pay"))
            path = self.damage(tmp_path, "pay-execute-1")
            with pytest.raises(StateDamaged, match=str(path)):
                local.run(tmp_path, *one(site.url, "pay"))

    @pytest.mark.parametrize("name", ["ship-execute-1", "given"])
    def test_without_its_snapshot_the_plans_tell_whose_it_is(self, name: str, tmp_path: Path) -> None:
        with Site() as site:
            local.engine(tmp_path).start(local.snapshot_of(*one(site.url, "ship")), name=name)
            self.damage(tmp_path, name)
            folder_of(tmp_path, name).snapshot.unlink()
            assert local.run(tmp_path, *one(site.url, "pay"))["status"]["phase"] == "Succeeded"
            with pytest.raises(StateDamaged):
                local.run(tmp_path, *one(site.url, "ship"))

    def test_one_that_nothing_tells_of_may_be_of_any_plan(self, tmp_path: Path) -> None:
        folder_of(tmp_path, "given").path.mkdir(parents=True)
        self.damage(tmp_path, "given")
        with Site() as site, pytest.raises(StateDamaged):
            local.run(tmp_path, *one(site.url, "pay"))

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"spec": None}, "has no spec.planRef"),
            ({"metadata": {}}, "has no metadata.name"),
            ({"status": {"phase": "Bananas"}}, "has a phase that nobody knows: 'Bananas'"),
        ],
    )
    def test_one_that_was_edited_by_hand_is_named(self, change: dict, problem: str, tmp_path: Path) -> None:
        with Site() as site:
            execution = local.run(tmp_path, *one(site.url, "pay"))
            path = folder_of(tmp_path, "pay-execute-1").execution
            path.write_text(json.dumps({**execution, **change}))
            with pytest.raises(StateDamaged, match=problem):
                local.engine(tmp_path).retry("pay-execute-1")


class TestSettings:
    """Settings that no runner can read are refused before anything is written."""

    WRONG = local.environment(DRPLAN_LEASE="abc")

    def test_nothing_is_started(self, tmp_path: Path) -> None:
        with Site() as site, pytest.raises(InputRefused, match="DRPLAN_LEASE"):
            local.run(tmp_path / "state", *one(site.url, "pay"), environment=self.WRONG)
        assert not (tmp_path / "state").exists()

    def test_nothing_is_retried(self, tmp_path: Path) -> None:
        with Site() as site:
            name = failed(tmp_path, site)
            before = local.stored(tmp_path, name)
            with pytest.raises(InputRefused, match="DRPLAN_LEASE"):
                local.engine(tmp_path, environment=self.WRONG).retry(name)
            assert local.stored(tmp_path, name) == before


def test_an_execution_with_unknown_actions_is_reverted_only_by_force(tmp_path: Path) -> None:
    with Site() as site:
        site.script("/do/a1", Answer(reset=True))
        manifests = [
            plan(stage("one", "a", "b", parallel=True)),
            workflow("a", undoable(site.url, "a1")),
            workflow("b", undoable(site.url, "b1")),
        ]
        name = local.run(tmp_path, *manifests)["metadata"]["name"]
        with pytest.raises(NotAllowed, match="force"):
            local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, name))
        forced = local.engine(tmp_path).start(local.revert_of_recorded(tmp_path, name), force=True)
    assert forced["status"]["phase"] == "Succeeded"
