"""A compiled plan that was submitted by hand, without an execution: no fence, but still at most once."""

from __future__ import annotations

import json
from typing import Any

from support.http_site import Answer, Site
from support.runner_bench import UID, WORKFLOW, WORKFLOW_UID, Bench, spec

KEY = "s1.w1.a1"


def record(bench: Bench) -> dict[str, Any]:
    path = bench.record_path(KEY, execution=WORKFLOW, uid=WORKFLOW_UID)
    value: dict[str, Any] = json.loads(path.read_text())
    return value


def test_it_runs_without_a_fence_and_its_record_belongs_to_the_workflow(bench: Bench, site: Site) -> None:
    bench.open_fence(state="Closed")
    assert bench.lane(break_glass=True).start(KEY, spec(url=site.url)).wait() == 0
    made = record(bench)
    assert made["spec"]["execution"] == {"name": "", "uid": ""}
    assert made["metadata"]["ownerReferences"] == [
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": WORKFLOW, "uid": WORKFLOW_UID}
    ]
    assert "dr.bkbcs.tencent.com/execution-uid" not in made["metadata"]["labels"]
    assert (made["state"]["epoch"], made["state"]["run"]) == (1, 1)


def test_every_end_is_replayed(bench: Bench, site: Site) -> None:
    site.script("/", Answer(404))
    what = spec(url=site.url)
    assert bench.lane("first", break_glass=True).start(KEY, what).wait() == 2
    assert bench.lane("second", break_glass=True).start(KEY, what).wait() == 2
    assert site.count() == 1


def test_two_pods_act_once(bench: Bench, site: Site) -> None:
    site.script("/", Answer(delay=0.5))
    what = spec(url=site.url)
    runners = [bench.lane(name, break_glass=True).start(KEY, what) for name in ("first", "second")]
    assert [runner.wait() for runner in runners] == [0, 0]
    assert site.count() == 1


def test_what_failed_before_it_skips(bench: Bench, site: Site) -> None:
    lane = bench.lane(break_glass=True)
    lane.put("s1.w1.a9", "Failed")
    assert lane.start(KEY, spec(url=site.url)).wait() == 77
    assert record(bench)["state"]["reason"] == "UpstreamFailed"


def adopt(bench: Bench, *, uid: str = WORKFLOW_UID) -> None:
    labels = {"dr.bkbcs.tencent.com/execution": "pay-execute-1", "dr.bkbcs.tencent.com/execution-uid": UID}
    workflow = {"metadata": {"name": WORKFLOW, "uid": uid, "labels": labels}}
    (bench.state / "workflow-e1.json").write_text(json.dumps(workflow))


def test_once_adopted_it_obeys_the_fence_of_its_execution(bench: Bench, site: Site) -> None:
    adopt(bench)
    bench.open_fence(state="Draining")
    assert bench.lane(break_glass=True).start(KEY, spec(url=site.url)).wait() == 77
    assert record(bench)["state"]["reason"] == "CancelledByUser"
    assert site.count() == 0


def test_once_adopted_its_records_name_the_execution_and_keep_their_own_names(bench: Bench, site: Site) -> None:
    adopt(bench)
    assert bench.lane(break_glass=True).start(KEY, spec(url=site.url)).wait() == 0
    made = record(bench)
    assert made["spec"]["execution"] == {"name": "pay-execute-1", "uid": UID}
    assert made["metadata"]["labels"]["dr.bkbcs.tencent.com/execution-uid"] == UID


def test_an_adoption_of_another_workflow_of_the_same_name_is_nothing_to_it(bench: Bench, site: Site) -> None:
    adopt(bench, uid="another")
    bench.open_fence(state="Draining")
    assert bench.lane(break_glass=True).start(KEY, spec(url=site.url)).wait() == 0
