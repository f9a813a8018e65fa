"""The closing container: what it waits for, what it hands on, and how it makes everything fit."""

from __future__ import annotations

import json
import time

from hypothesis import given
from hypothesis import strategies as st

from runner.result import Result, lane_result
from runner.vocabulary import RecordPhase
from support.http_site import Answer, Site
from support.runner_bench import Bench, spec, wait_until

ENDS = [phase for phase in RecordPhase if phase is not RecordPhase.STARTED]


def test_it_merges_the_results_in_the_order_of_its_members(bench: Bench) -> None:
    lane = bench.lane()
    lane.put("s1.w1.a2", "Failed", reason="HTTPStatus", message="unexpected status code: 404")
    lane.put("s1.w1.a1", "Succeeded", outputs={"httpResponse": {"statusCode": 200, "body": ""}})

    closing = lane.close(["a1", "a2"])

    assert closing.wait() == 0
    merged = json.loads((lane.folder / "result.json").read_text())
    assert merged["v"] == 1
    assert [(action["key"], action["phase"]) for action in merged["actions"]] == [
        ("s1.w1.a1", "Succeeded"),
        ("s1.w1.a2", "Failed"),
    ]
    assert merged["actions"][0]["outputs"]["httpResponse"]["statusCode"] == 200
    assert closing.last_message == "2 actions ended"


def test_it_waits_for_runners_that_live(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=0.5))
    lane = bench.lane()
    closing = lane.close(["a1"])
    lane.start("s1.w1.a1", spec(url=site.url))
    assert closing.wait() == 0
    assert json.loads((lane.folder / "result.json").read_text())["actions"][0]["phase"] == "Succeeded"


def test_it_asks_for_the_lane_to_be_tried_again_when_a_runner_died(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=20))
    lane = bench.lane()
    lane.put("s1.w1.a2", "Succeeded")
    closing = lane.close(["a1", "a2"])
    runner = lane.start("s1.w1.a1", spec(url=site.url))
    site.wait_for(1)
    runner.kill()

    assert closing.wait() == 75
    assert closing.last_message == "no result of s1.w1.a1; the lane is tried again"
    merged = json.loads((lane.folder / "result.json").read_text())
    assert [action["key"] for action in merged["actions"]] == ["s1.w1.a2"]


def test_it_does_not_wait_for_ever_for_a_container_that_never_starts(bench: Bench) -> None:
    assert bench.lane().close(["a1"], environment={"DRPLAN_START_WAIT": "200ms"}).wait() == 75


def test_an_action_that_could_do_nothing_makes_the_lane_be_tried_again(bench: Bench, site: Site) -> None:
    bench.write_execution()
    lane = bench.lane()
    closing = lane.close(["a1"])
    assert lane.start("s1.w1.a1", spec(url=site.url), environment={"DRPLAN_FENCE_WAIT": "100ms"}).wait() == 75
    assert closing.wait() == 75


def test_an_action_that_failed_stays_until_the_lane_is_closed(bench: Bench, site: Site) -> None:
    site.script("/refused", Answer(403))
    site.script("/slow", Answer(delay=1.0))
    lane = bench.lane()
    closing = lane.close(["a1", "a2"])
    wait_until(lambda: (lane.folder / "s1.w1.lock").exists())
    failing = lane.start("s1.w1.a1", spec(url=f"{site.url}/refused", policy="Continue"))
    going_on = lane.start("s1.w1.a2", spec(url=f"{site.url}/slow", policy="Continue", after=["a1"]))

    site.wait_for(2)
    assert failing.running
    assert going_on.wait() == 0
    assert closing.wait() == 0
    assert failing.wait() == 2


def test_an_action_that_failed_before_the_closing_container_is_there_waits_for_it(bench: Bench, site: Site) -> None:
    site.script("/", Answer(403))
    lane = bench.lane()
    lane.closed_later = True
    failing = lane.start("s1.w1.a1", spec(url=site.url))
    wait_until(lambda: lane.has_result("s1.w1.a1"))
    time.sleep(0.3)
    assert failing.running

    assert lane.close(["a1"]).wait() == 0
    assert failing.wait() == 2


def test_an_action_that_failed_stays_no_longer_than_a_container_takes_to_start(bench: Bench, site: Site) -> None:
    site.script("/", Answer(403))
    lane = bench.lane()
    lane.closed_later = True
    assert lane.start("s1.w1.a1", spec(url=site.url), environment={"DRPLAN_START_WAIT": "200ms"}).wait() == 2


def test_an_action_that_failed_stays_no_longer_than_the_container_that_closes_the_lane(
    bench: Bench, site: Site
) -> None:
    site.script("/", Answer(403))
    lane = bench.lane()
    closing = lane.close(["a1", "a2"])
    wait_until(lambda: (lane.folder / "s1.w1.lock").exists())
    failing = lane.start("s1.w1.a1", spec(url=site.url))
    wait_until(lambda: (lane.folder / "s1.w1.a1.json").exists())
    assert failing.running
    closing.kill()

    assert failing.wait() == 2


def test_told_to_stop_it_still_collects_what_ends_in_time(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=0.5))
    lane = bench.lane()
    closing = lane.close(["a1", "a2"])
    lane.start("s1.w1.a1", spec(url=site.url))
    site.wait_for(1)
    wait_until(lambda: (lane.folder / "s1.w1.a1.lock").exists())
    closing.stop()

    assert closing.wait() == 143
    merged = json.loads((lane.folder / "result.json").read_text())
    assert [action["key"] for action in merged["actions"]] == ["s1.w1.a1"]


def test_told_to_stop_it_is_content_when_every_action_has_ended(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=0.5))
    lane = bench.lane()
    closing = lane.close(["a1"])
    lane.start("s1.w1.a1", spec(url=site.url))
    site.wait_for(1)
    closing.stop()

    assert closing.wait() == 0
    merged = json.loads((lane.folder / "result.json").read_text())
    assert [action["phase"] for action in merged["actions"]] == ["Succeeded"]


def full(number: int, phase: RecordPhase = RecordPhase.SUCCEEDED, size: int = 600) -> Result:
    return Result(
        key=f"s1.w1.a{number}",
        phase=phase,
        reason="HTTPStatus" if phase is RecordPhase.FAILED else "",
        message="m" * 300,
        start="2026-01-01T00:00:00.000Z",
        completion="2026-01-01T00:00:01.000Z",
        record="pay-execute-1-0123456789",
        outputs={"httpResponse": {"statusCode": 200, "body": "o" * size}},
        values={"statusCode": 200, "body": "v" * size},
    )


def actions(text: str) -> list[dict[str, object]]:
    value = json.loads(text)
    assert value["v"] == 1
    found: list[dict[str, object]] = value["actions"]
    return found


def test_everything_is_kept_when_it_fits() -> None:
    results = [full(1), full(2)]
    assert actions(lane_result(results, 16384)) == [result.to_json() for result in results]


def test_values_go_before_outputs_and_outputs_before_messages() -> None:
    results = [full(number) for number in range(1, 4)]
    everything = len(lane_result(results, 10**6))
    without_values = actions(lane_result(results, everything - 3 * 600))
    assert not any("values" in action for action in without_values)
    assert all("outputs" in action for action in without_values)
    without_outputs = actions(lane_result(results, everything - 6 * 600))
    assert not any("outputs" in action for action in without_outputs)
    assert all(action["message"] == "m" * 300 for action in without_outputs)


def test_the_message_of_a_failure_outlives_that_of_a_success() -> None:
    found = actions(lane_result([full(1), full(2, RecordPhase.FAILED), full(3)], 750))
    assert [len(str(action.get("message", ""))) > 50 for action in found] == [False, True, False]


@given(
    phases=st.lists(st.sampled_from(ENDS), min_size=1, max_size=16),
    size=st.integers(0, 2000),
    limit=st.integers(0, 40000),
)
def test_the_result_fits_a_hundred_bytes_an_action_and_no_end_is_ever_lost(
    phases: list[RecordPhase], size: int, limit: int
) -> None:
    results = [full(number, phase, size) for number, phase in enumerate(phases, 1)]
    text = lane_result(results, limit)
    assert len(text) <= max(limit, 30 + 100 * len(results))
    assert [(action["key"], action["phase"], action["reason"]) for action in actions(text)] == [
        (result.key, result.phase, result.reason) for result in results
    ]
