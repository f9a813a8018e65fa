"""Real runners on real files: what an action leaves behind, and when that is only replayed."""

from __future__ import annotations

import re

import pytest

from support.http_site import Answer, Site
from support.runner_bench import UID, WORKFLOW, WORKFLOW_UID, Bench, spec

KEY = "s1.w1.a1"
GROUP = "dr.bkbcs.tencent.com/"
FOREIGN = {"id": "another-lane", "pod": "gone", "attempt": 1, "renewTime": "2026-01-01T00:00:00.000000Z"}


def test_an_action_that_succeeds_leaves_a_record_a_lane_file_and_a_message(bench: Bench, site: Site) -> None:
    site.script("/promote", Answer(201, '{"ip": "10.0.0.7"}'))
    lane = bench.lane()

    runner = lane.start(KEY, spec(url=f"{site.url}/promote"))

    assert runner.wait() == 0
    state = bench.record(KEY)["state"]
    assert state["phase"] == "Succeeded"
    assert state["message"] == "HTTP POST succeeded with status 201"
    assert (state["epoch"], state["run"], state["exitCode"], state["sent"]) == (1, 1, 0, True)
    assert state["outputs"] == {"httpResponse": {"statusCode": 201, "body": '{"ip": "10.0.0.7"}'}}
    assert state["values"] == {"statusCode": 201, "json": {"ip": "10.0.0.7"}, "body": '{"ip": "10.0.0.7"}'}
    assert state["holder"]["pod"] == "lane-1"
    assert state["holder"]["id"] == (lane.folder / "holder").read_text()
    assert state["holder"]["attempt"] == 1
    result = lane.result(KEY)
    assert {name: result[name] for name in ("v", "key", "phase", "message", "retryCount", "record", "replayed")} == {
        "v": 1,
        "key": KEY,
        "phase": "Succeeded",
        "message": "HTTP POST succeeded with status 201",
        "retryCount": 0,
        "record": bench.record(KEY)["metadata"]["name"],
        "replayed": False,
    }
    assert result["startTime"] == state["startTime"]
    assert result["completionTime"] == state["completionTime"]
    assert result["values"]["json"] == {"ip": "10.0.0.7"}
    assert runner.last_message == "HTTP POST succeeded with status 201"
    assert re.search(r"^\S+Z s1\.w1\.a1 promote: HTTP POST succeeded with status 201$", runner.output, re.M)


def test_a_record_says_everything_about_its_action(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.lane().start(KEY, what).wait()

    record = bench.record(KEY)
    assert record["apiVersion"] == "dr.bkbcs.tencent.com/v1alpha1"
    assert record["kind"] == "DRActionRecord"
    assert {name.removeprefix(GROUP): value for name, value in record["metadata"]["labels"].items()} == {
        "plan": "pay",
        "operation": "execute",
        "execution": "pay-execute-1",
        "execution-uid": UID,
        "epoch": "1",
        "stage": "s1",
        "workflow": "s1.w1",
        "action": "promote",
        "key": KEY,
        "type": "HTTP",
        "result": "Succeeded",
        "app.kubernetes.io/name": "drplan",
        "app.kubernetes.io/managed-by": "drplan-syncer",
        "app.kubernetes.io/part-of": "pay",
    }
    assert {name: value for name, value in record["spec"].items() if name != "specHash"} == {
        "schemaVersion": 1,
        "execution": {"name": "pay-execute-1", "uid": UID},
        "workflow": {"name": WORKFLOW, "uid": WORKFLOW_UID},
        "key": KEY,
        "direction": "Forward",
        "action": {"name": "promote", "type": "HTTP", "operation": "POST"},
    }
    assert "ownerReferences" not in record["metadata"]


def test_the_record_is_there_and_says_sent_before_the_request_arrives(bench: Bench, site: Site) -> None:
    site.script("/slow", Answer(delay=2.0))
    runner = bench.lane().start(KEY, spec(url=f"{site.url}/slow"))
    site.wait_for(1)

    state = bench.record(KEY)["state"]
    assert state["phase"] == "Started"
    assert state["sent"] is True
    runner.kill()


def test_replaying_a_success_sends_nothing(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.lane("first").start(KEY, what).wait()
    before = bench.record(KEY)
    bench.open_fence(epoch=2, workflow="pay-x-1a2b3c4d-e2", workflowUID="")
    lane = bench.lane("second", workflow="pay-x-1a2b3c4d-e2")

    assert lane.start(KEY, what).wait() == 0
    assert site.count() == 1
    assert lane.result(KEY)["replayed"] is True
    assert lane.result(KEY)["message"] == "HTTP POST succeeded with status 200"
    assert lane.result(KEY)["outputs"] == before["state"]["outputs"]
    assert bench.record(KEY) == before


def test_a_failure_of_the_same_round_is_replayed_with_its_exit_code(bench: Bench, site: Site) -> None:
    site.script("/", Answer(404))
    what = spec(url=site.url)
    assert bench.lane("first").start(KEY, what).wait() == 2
    assert bench.lane("second").start(KEY, what).wait() == 2
    assert site.count() == 1


@pytest.mark.parametrize("fence", [{"epoch": 2}, {"run": 2}])
def test_a_failure_is_done_again_when_the_fence_is_newer(bench: Bench, site: Site, fence: dict[str, int]) -> None:
    site.script("/", Answer(404), Answer(200))
    what = spec(url=site.url)
    assert bench.lane("first").start(KEY, what).wait() == 2
    bench.open_fence(**fence)

    assert bench.lane("second").start(KEY, what).wait() == 0
    state = bench.record(KEY)["state"]
    assert site.count() == 2
    assert state["holder"]["attempt"] == 2
    assert (state["epoch"], state["run"]) == (fence.get("epoch", 1), fence.get("run", 1))
    assert state["phase"] == "Succeeded"
    assert "reason" not in state
    assert bench.record(KEY)["metadata"]["labels"][GROUP + "epoch"] == str(fence.get("epoch", 1))


def test_an_unknown_outcome_is_not_repeated_even_in_a_newer_epoch(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.put_record(KEY, what, phase="Unknown", reason="OutcomeUnknown", message="who knows", sent=True)
    bench.open_fence(epoch=2)
    lane = bench.lane()

    assert lane.start(KEY, what).wait() == 5
    assert site.count() == 0
    assert lane.result(KEY)["phase"] == "Unknown"


def test_an_unknown_outcome_of_something_idempotent_is_done_again(bench: Bench, site: Site) -> None:
    what = spec(url=site.url, method="PUT")
    bench.put_record(KEY, what, phase="Unknown", reason="OutcomeUnknown", sent=True, holder=FOREIGN)

    assert bench.lane().start(KEY, what).wait() == 0
    assert site.count() == 1


def test_a_record_of_another_spec_is_refused_and_left_alone(bench: Bench, site: Site) -> None:
    bench.put_record(KEY, spec(url=site.url, body="other"), phase="Failed")
    before = bench.record(KEY)
    lane = bench.lane()

    assert lane.start(KEY, spec(url=site.url)).wait() == 4
    assert lane.result(KEY)["reason"] == "SpecChanged"
    assert bench.record(KEY) == before
    assert site.count() == 0


def test_the_lane_that_a_predecessor_lies_in_does_not_change_the_spec(bench: Bench, site: Site) -> None:
    what = spec(url=site.url)
    bench.lane("first").start(KEY, what).wait()
    assert bench.lane("second").start(KEY, {**what, "earlier": ["a9"]}).wait() == 0
    assert site.count() == 1
