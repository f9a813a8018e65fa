"""Reverts: custom rollbacks, hooks, and what is noted on the record that was undone."""

from __future__ import annotations

from support.http_site import Answer, Site
from support.runner_bench import UID, Bench, BenchLane, spec

KEY = "s1.w1.a1"
FORWARD = "pay-execute-0-0123456789"


def forward_record(bench: Bench, **state: object) -> None:
    """A record of the execution that is undone."""
    bench.put_record("s1.w1.a9", spec(), phase="Succeeded", **state)
    path = bench.record_path("s1.w1.a9")
    path.write_text(path.read_text().replace(path.stem, FORWARD))
    path.rename(path.with_name(f"{FORWARD}.json"))


def forward_state(bench: Bench) -> dict[str, object]:
    import json

    state: dict[str, object] = json.loads((bench.state / "records" / f"{FORWARD}.json").read_text())["state"]
    return state


def revert(bench: Bench, name: str = "lane-1") -> BenchLane:
    return bench.lane(name, operation="Revert")


def test_a_custom_rollback_is_called_and_noted_on_the_record_that_it_undid(bench: Bench, site: Site) -> None:
    forward_record(bench)
    what = spec(url=f"{site.url}/undo", rollback=True)
    runner = revert(bench).start(KEY, what, "--direction=revert", f"--undo={FORWARD}")

    assert runner.wait() == 0
    assert runner.last_message == "Rolled back: executed custom HTTP rollback action"
    record = bench.record(KEY)
    assert record["spec"]["direction"] == "Revert"
    assert record["metadata"]["labels"]["dr.bkbcs.tencent.com/operation"] == "revert"
    undone = forward_state(bench)["undoneBy"]
    assert isinstance(undone, dict)
    assert (undone["name"], undone["uid"], len(undone)) == ("pay-execute-1", UID, 3)


def test_a_custom_rollback_that_fails_leaves_the_record_as_it_was(bench: Bench, site: Site) -> None:
    forward_record(bench)
    site.script("/", Answer(404))
    runner = revert(bench).start(KEY, spec(url=site.url, rollback=True), "--direction=revert", f"--undo={FORWARD}")
    assert runner.wait() == 2
    assert runner.last_message == f"Custom rollback failed: unexpected status code: 404 (POST {site.url})"
    assert "undoneBy" not in forward_state(bench)


def test_a_replay_notes_what_a_lost_pod_could_not(bench: Bench, site: Site) -> None:
    forward_record(bench)
    what = spec(url=site.url, rollback=True)
    bench.put_record(KEY, what, phase="Succeeded", message="Rolled back: executed custom HTTP rollback action")
    runner = revert(bench).start(KEY, what, "--direction=revert", f"--undo={FORWARD}")
    assert runner.wait() == 0
    assert site.count() == 0
    assert "undoneBy" in forward_state(bench)


def test_a_record_that_says_who_undid_it_is_not_rewritten(bench: Bench, site: Site) -> None:
    first = {"name": "earlier", "uid": "u", "time": "2026-01-01T00:00:00Z"}
    forward_record(bench, undoneBy=first)
    what = spec(url=site.url, rollback=True)
    assert revert(bench).start(KEY, what, "--direction=revert", f"--undo={FORWARD}").wait() == 0
    assert forward_state(bench)["undoneBy"] == first


def test_a_forward_record_that_is_gone_is_only_a_warning(bench: Bench, site: Site) -> None:
    runner = revert(bench).start(KEY, spec(url=site.url, rollback=True), "--direction=revert", "--undo=gone")
    assert runner.wait() == 0
    assert "warning: record gone of the action that was undone does not exist" in runner.output


def test_a_forward_call_is_never_made_to_undo_something(bench: Bench, site: Site) -> None:
    runner = revert(bench).start(KEY, spec(url=site.url), "--direction=revert", f"--undo={FORWARD}")
    assert runner.wait() == 4
    assert site.count() == 0


def test_the_record_to_be_marked_may_be_named_in_a_spec_that_comes_as_a_file(bench: Bench, site: Site) -> None:
    forward_record(bench)
    what = spec(url=site.url, rollback=True)
    assert revert(bench).start(KEY, {**what, "undo": FORWARD}, "--direction=revert").wait() == 0
    assert "undoneBy" in forward_state(bench)
    assert revert(bench, "again").start(KEY, what, "--direction=revert", f"--undo={FORWARD}").wait() == 0
    assert site.count() == 1


def test_a_hook_of_a_revert_is_a_plain_call(bench: Bench, site: Site) -> None:
    runner = revert(bench).start("s1.w1.h1", spec(url=site.url), "--direction=revert")
    assert runner.wait() == 0
    assert runner.last_message == "HTTP POST succeeded with status 200"
    assert bench.record("s1.w1.h1")["spec"]["direction"] == "Revert"
