"""A compiled plan that was submitted by hand: no execution, no fence, but records; and what adoption changes."""

from __future__ import annotations

import pytest

from support.api_faults import asks, meanwhile
from support.api_runner import Room, Run, at_once
from support.http_site import Answer, Site
from support.runner_bench import spec

pytestmark = pytest.mark.bed
KEY = "s1.w1.a1"
GROUP = "dr.bkbcs.tencent.com/"


def adopt(by_hand: Run, execution: Run) -> None:
    """Do what adoption does: a fence on the execution, labels on the Workflow, the execution in the records."""
    execution.fence(workflow=by_hand.workflow, workflowUID=by_hand.workflow_uid)
    labels = {f"{GROUP}execution": execution.name, f"{GROUP}execution-uid": execution.uid}
    administrator, namespace = by_hand.room.administrator, by_hand.room.namespace
    administrator.merge("Workflow", namespace, by_hand.workflow, {"metadata": {"labels": labels}})
    for record in administrator.list("DRActionRecord", namespace):
        patch = {"metadata": {"labels": labels}, "spec": {"execution": {"name": execution.name, "uid": execution.uid}}}
        administrator.merge("DRActionRecord", namespace, record["metadata"]["name"], patch)


def test_it_acts_once_however_many_pods_there_are_and_its_records_belong_to_the_workflow(
    room: Room, site: Site
) -> None:
    site.script("/", Answer(delay=1.0))
    run = room.break_glass()
    pods = [run.pod(name) for name in ("first", "second")]
    for pod in pods:
        pod.exists()
    what = spec(url=site.url)
    runners = [pod.start(KEY, what) for pod in pods]
    assert [runner.wait() for runner in runners] == [0, 0]
    assert site.count() == 1
    record = run.record(KEY)
    [owner] = record["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Workflow", run.workflow, run.workflow_uid)
    assert record["spec"]["execution"] == {"name": "", "uid": ""}


def test_every_end_is_replayed_and_a_lost_pod_is_followed(room: Room, site: Site) -> None:
    site.script("/failed", Answer(404))
    site.script("/lost", Answer(silent=True), Answer())
    run = room.break_glass()
    failing, lost = spec(url=f"{site.url}/failed"), spec(url=f"{site.url}/lost", method="PUT")

    def failed() -> None:
        codes = [run.pod(f"failed-{number}").start(KEY, failing).wait() for number in range(2)]
        assert codes == [2, 2]

    def followed() -> None:
        runner = run.pod("lost").start("s1.w2.a1", lost)
        site.wait_for(1, "/lost")
        runner.kill()
        assert run.pod("next").start("s1.w2.a1", lost).wait() == 0

    at_once(failed, followed)
    assert (site.count("/failed"), site.count("/lost")) == (1, 2)


def test_an_execution_that_is_gone_does_not_make_a_run_one_by_hand(room: Room, site: Site) -> None:
    run = room.run()
    room.administrator.delete("DRPlanExecution", room.namespace, run.name)
    assert run.pod("pod").start(KEY, spec(url=site.url)).wait() == 77
    assert site.count() == 0


def test_once_adopted_the_fence_of_its_execution_holds(room: Room, site: Site) -> None:
    by_hand, execution = room.break_glass(), room.run("pay-by-hand", fenced=False)
    first, second, third = (spec(url=f"{site.url}/{number}") for number in (1, 2, 3))
    assert by_hand.pod("first").start(KEY, first).wait() == 0
    adopt(by_hand, execution)

    assert by_hand.pod("again").start(KEY, first).wait() == 0
    assert by_hand.pod("second").start("s1.w1.a2", second).wait() == 0
    record = by_hand.record("s1.w1.a2")
    assert record["spec"]["execution"] == {"name": execution.name, "uid": execution.uid}
    assert record["metadata"]["labels"][f"{GROUP}execution-uid"] == execution.uid

    execution.fence(workflow=by_hand.workflow, workflowUID=by_hand.workflow_uid, state="Draining")
    assert by_hand.pod("third").start("s1.w1.a3", third).wait() == 77
    assert by_hand.state("s1.w1.a3")["reason"] == "CancelledByUser"
    assert [site.count(f"/{number}") for number in (1, 2, 3)] == [1, 1, 0]


def test_a_record_that_is_adopted_while_its_action_runs_keeps_what_adoption_wrote(room: Room, site: Site) -> None:
    site.script("/", Answer(delay=1.0))
    by_hand, execution = room.break_glass(), room.run("pay-by-hand", fenced=False)
    runner = by_hand.pod("pod").start(KEY, spec(url=site.url))
    site.wait_for(1)
    adopt(by_hand, execution)
    assert runner.wait() == 0
    record = by_hand.record(KEY)
    assert record["state"]["phase"] == "Succeeded"
    assert record["spec"]["execution"]["uid"] == record["metadata"]["labels"][f"{GROUP}execution-uid"] == execution.uid


def test_an_adoption_between_the_first_look_and_the_record_is_met_by_the_next_action(room: Room, site: Site) -> None:
    by_hand, execution, proxy = room.break_glass(), room.run("pay-by-hand", fenced=False), room.proxy()
    proxy.fault(asks("GET", "/workflows/"), meanwhile(lambda: adopt(by_hand, execution)))
    pod = by_hand.pod("pod", port=proxy.port)
    assert pod.start(KEY, spec(url=site.url)).wait() == 0
    execution.fence(workflow=by_hand.workflow, workflowUID=by_hand.workflow_uid, state="Closed")
    assert pod.start("s1.w1.a2", spec(url=site.url)).wait() == 77
    assert site.count() == 1
