"""The fence at a real API server: what may act, what is halted, and that nothing is written where it must not be."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from support.api_faults import asks, meanwhile
from support.api_runner import Room, Run, at_once
from support.http_site import Answer, Site
from support.runner_bench import spec, wait_until

pytestmark = pytest.mark.bed
KEY = "s1.w1.a1"
HOLDER = {"id": "o", "pod": "gone", "attempt": 1, "renewTime": "2026-01-01T00:00:00.000000Z", "released": False}
HALT = {"scope": "execution", "key": "", "begun": [], "cause": "s1.w2.a3 Failed: no", "time": ""}


def halt(scope: str, key: str = "", *begun: str) -> dict[str, Any]:
    return {**HALT, "scope": scope, "key": key, "begun": list(begun)}


def test_two_pods_for_one_action_act_once_and_the_other_replays(room: Room, site: Site) -> None:
    site.script("/", Answer(body='{"ip": "10.0.0.7"}', delay=1.0))
    what = spec(url=site.url)
    run = room.run()
    pods = [run.pod(f"pod-{number}") for number in range(2)]
    for pod in pods:
        pod.exists()
    runners = [pod.start(KEY, what) for pod in pods]

    assert [runner.wait() for runner in runners] == [0, 0]
    assert site.count() == 1
    results = [pod.result(KEY) for pod in pods]
    assert sorted(result["replayed"] for result in results) == [False, True]
    assert results[0]["values"] == results[1]["values"] != {}


def test_the_record_is_there_and_says_sent_before_the_first_side_effect(room: Room, site: Site) -> None:
    site.script("/", Answer(silent=True))
    run = room.run()
    run.pod("pod").start(KEY, spec(url=site.url))
    site.wait_for(1)
    state = run.state(KEY)
    assert (state["phase"], state["sent"], state["holder"]["pod"]) == ("Started", True, f"{run.workflow}-pod")


def test_an_action_costs_six_small_requests_however_large_its_execution_is(room: Room, site: Site) -> None:
    run, proxy = room.run(), room.proxy()
    large = {"status": {"message": "x" * 300_000}}
    room.administrator.merge("DRPlanExecution", room.namespace, run.name, large, part="/status")
    assert run.pod("pod", port=proxy.port).start(KEY, spec(url=site.url)).wait() == 0

    seen = [(asked.method, asked.path.split("/")[-2 if asked.method != "POST" else -1]) for asked in proxy.asked]
    fence, record = "drplanexecutions", "dractionrecords"
    assert seen == [
        ("GET", fence),
        ("GET", record),
        ("POST", record),
        ("GET", fence),
        ("PUT", record),
        ("PUT", record),
    ]
    assert sum(asked.sent + asked.received for asked in proxy.asked) < 30_000


def test_a_halt_counts_for_the_scope_that_it_names_by_whole_segments(room: Room, site: Site) -> None:
    def check(number: int, key: str, found: dict[str, Any], code: int) -> None:
        what = spec(url=f"{site.url}/{number}")
        run = room.run(f"halt-{number}")
        run.fence(halts=[found])
        pod = run.pod("pod")
        assert pod.start(key, what).wait() == code, (found, key)
        assert site.count(f"/{number}") == (code == 0), (found, key)
        if code:
            assert run.state(key)["reason"] == pod.result(key)["reason"] == "Halted"
            assert pod.result(key)["message"] == "not run: s1.w2.a3 Failed: no"

    cases: list[tuple[str, dict[str, Any], int]] = [
        (KEY, halt("execution"), 77),
        (KEY, halt("stage", "s1"), 77),
        ("s11.w1.a1", halt("stage", "s1"), 0),
        (KEY, halt("stage", "s11"), 0),
        (KEY, halt("workflow", "s1.w1"), 77),
        ("s1.w11.a1", halt("workflow", "s1.w1"), 0),
        (KEY, halt("workflow", "s1.w11"), 0),
        (KEY, halt("plan", "", "s2"), 77),
        ("s21.w1.a1", halt("plan", "", "s2"), 77),
        ("s2.w1.a1", halt("plan", "", "s2"), 0),
    ]
    at_once(*(lambda n=number, case=case: check(n, *case) for number, case in enumerate(cases)))


@pytest.mark.parametrize(
    ("other", "phase", "code"),
    [
        ("s1.w9.a1", "Succeeded", 0),
        ("s1.w9.a1", "Started", 0),
        ("s1.w9.a1", "Skipped", 77),
        ("s11.w1.a1", "Succeeded", 77),
    ],
)
def test_a_halt_of_the_plan_spares_a_stage_of_which_something_has_begun(
    room: Room, site: Site, other: str, phase: str, code: int
) -> None:
    what = spec(url=site.url)
    run, another = room.run(), room.run("another")
    another.put_record("s1.w9.a1", what, phase="Succeeded")
    run.put_record(other, what, phase=phase)
    run.fence(halts=[halt("plan")])
    assert run.pod("pod").start(KEY, what).wait() == code
    assert site.count() == (code == 0)


def test_a_paused_run_waits_and_goes_on_when_it_is_resumed(room: Room, site: Site) -> None:
    run = room.run()
    run.fence(state="Paused")
    runner = run.pod("pod").start(KEY, spec(url=site.url))
    wait_until(lambda: "waiting: the execution is paused" in runner.output)
    assert not run.has_record(KEY)
    assert site.count() == 0
    run.fence()
    assert runner.wait() == 0
    assert site.count() == 1


def test_a_paused_run_that_is_cancelled_does_not_go_on(room: Room, site: Site) -> None:
    run = room.run()
    run.fence(state="Paused")
    runner = run.pod("pod").start(KEY, spec(url=site.url))
    wait_until(lambda: "waiting: the execution is paused" in runner.output)
    run.fence(state="Draining")
    assert runner.wait() == 77
    assert run.state(KEY)["reason"] == "CancelledByUser"
    assert site.count() == 0


def test_a_closed_run_is_halted_unless_it_is_opened_again(room: Room, site: Site) -> None:
    what = spec(url=site.url)

    def stays_closed() -> None:
        run = room.run("closed")
        run.fence(state="Closed")
        assert run.pod("pod").start(KEY, what).wait() == 77
        assert run.state(KEY)["reason"] == "Halted"

    def is_opened_again() -> None:
        run, proxy = room.run("retried"), room.proxy()
        run.put_record(KEY, what, phase="Failed", reason="HTTPStatus", exitCode=2)
        # A retry of the Workflow is faster than its fence: closed, the record's end would be replayed.
        run.fence(state="Closed", run=2)
        runner = run.pod("pod", port=proxy.port).start(KEY, what, environment={"DRPLAN_FENCE_WAIT": "60s"})
        proxy.wait_for(4)
        run.fence(run=2)
        assert runner.wait() == 0
        assert (run.state(KEY)["phase"], run.state(KEY)["run"]) == ("Succeeded", 2)

    at_once(stays_closed, is_opened_again)
    assert site.count() == 1


def test_an_execution_that_is_gone_replaced_or_being_deleted_halts(room: Room, site: Site) -> None:
    what = spec(url=site.url)
    administrator, kind = room.administrator, "DRPlanExecution"

    def check(run: Run, reason: str, *, recorded: bool) -> None:
        pod = run.pod("pod")
        assert pod.start(KEY, what).wait() == 77
        assert pod.result(KEY)["reason"] == reason
        assert run.has_record(KEY) is recorded

    def gone() -> None:
        run = room.run("gone")
        administrator.delete(kind, room.namespace, run.name)
        check(run, "Halted", recorded=False)

    def replaced() -> None:
        run = room.run("replaced")
        administrator.delete(kind, room.namespace, run.name)
        again = room.run("replaced")
        again.fence(workflowUID=run.workflow_uid)
        check(run, "Halted", recorded=False)
        assert not again.has_record(KEY)

    def deleting() -> None:
        run = room.run("deleting")
        held = {"metadata": {"finalizers": ["dr.bkbcs.tencent.com/execution-finalizer"]}}
        administrator.merge(kind, room.namespace, run.name, held)
        administrator.delete(kind, room.namespace, run.name)
        check(run, "CancelledByUser", recorded=True)
        administrator.merge(kind, room.namespace, run.name, {"metadata": {"finalizers": None}})

    at_once(gone, replaced, deleting)
    assert site.count() == 0


def test_a_fence_that_is_written_late_is_waited_for_and_one_that_never_comes_is_not(room: Room, site: Site) -> None:
    what = spec(url=site.url)

    def late() -> None:
        run, proxy = room.run("late", fenced=False), room.proxy()
        runner = run.pod("pod", port=proxy.port).start(KEY, what, environment={"DRPLAN_FENCE_WAIT": "60s"})
        proxy.wait_for(2)
        assert {asked.path.split("/")[-2] for asked in proxy.asked} == {"drplanexecutions"}
        run.fence()
        assert runner.wait() == 0

    def never() -> None:
        run = room.run("never", fenced=False)
        pod = run.pod("pod")
        runner = pod.start(KEY, what)
        assert runner.wait() == 75
        assert runner.last_message == "nothing was done: the execution has no fence yet"
        assert not run.has_record(KEY)
        assert not pod.has_result(KEY)

    at_once(late, never)
    assert site.count() == 1


def test_an_action_that_was_begun_with_another_spec_is_refused(room: Room, site: Site) -> None:
    run = room.run()
    run.put_record(KEY, spec(url=f"{site.url}/before"), phase="Failed", exitCode=2)
    before = run.record(KEY)
    run.fence(epoch=2)
    pod = run.pod("pod")
    assert pod.start(KEY, spec(url=site.url)).wait() == 4
    assert pod.result(KEY)["reason"] == "SpecChanged"
    assert run.record(KEY) == before
    assert site.count() == 0


@pytest.mark.parametrize("phase", ["", "Started", "Failed", "Skipped", "Succeeded"])
def test_a_workflow_that_is_not_bound_acts_not_and_writes_nothing(room: Room, site: Site, phase: str) -> None:
    what = spec(url=site.url)

    def check(name: str, *, workflow: str = "", uid: str = "", fence: Mapping[str, Any] = MappingProxyType({})) -> None:
        run = room.run(name)
        run.fence(**fence)
        if phase:
            run.put_record(KEY, what, phase=phase, holder=HOLDER)
        before = run.record(KEY) if phase else None
        pod = run.pod("pod", workflow=workflow or None, workflow_uid=uid or None)
        assert pod.start(KEY, what).wait() == 77, name
        assert pod.result(KEY)["reason"] == "NotBound", name
        assert (run.record(KEY) if run.has_record(KEY) else None) == before, name

    at_once(
        lambda: check("stale", uid="5f3e8a90-0000-4000-8000-000000000001"),
        lambda: check("old-epoch", fence={"epoch": 2, "workflow": "old-epoch-e2", "workflowUID": ""}),
        lambda: check("resubmitted", workflow="resubmitted-e1-x7k2p", uid="5f3e8a90-0000-4000-8000-000000000002"),
    )
    assert site.count() == 0


def test_a_newer_epoch_or_run_acts_again_and_counts_the_attempt(room: Room, site: Site) -> None:
    def check(name: str, phase: str, again: bool, **fence: Any) -> None:
        what = spec(url=f"{site.url}/{name}")
        run = room.run(name)
        code = {"Failed": 2, "Skipped": 77, "Cancelled": 77, "Unknown": 5, "Succeeded": 0}[phase]
        run.put_record(KEY, what, phase=phase, exitCode=code, holder=HOLDER, message="earlier")
        run.fence(**fence)
        pod = run.pod("pod")
        assert pod.start(KEY, what).wait() == (0 if again else code), name
        assert site.count(f"/{name}") == again, name
        assert pod.result(KEY)["replayed"] is not again, name
        if again:
            state = run.state(KEY)
            expected = ("Succeeded", fence.get("epoch", 1), fence.get("run", 1), 2)
            assert (state["phase"], state["epoch"], state["run"], state["holder"]["attempt"]) == expected, name

    at_once(
        lambda: check("same", "Failed", False),
        lambda: check("same-skip", "Skipped", False),
        lambda: check("newer-run", "Failed", True, run=2),
        lambda: check("newer-epoch", "Failed", True, epoch=2),
        lambda: check("newer-skip", "Skipped", True, run=2),
        lambda: check("newer-cancel", "Cancelled", True, epoch=2),
        lambda: check("newer-success", "Succeeded", False, epoch=2),
        lambda: check("newer-unknown", "Unknown", False, epoch=2),
    )


@pytest.mark.parametrize(
    ("fence", "reason"),
    [({"state": "Draining"}, "CancelledByUser"), ({"halts": [HALT]}, "Halted"), ({"state": "Closed"}, "Halted")],
)
def test_a_fence_that_changes_while_the_record_is_made_still_keeps_the_action_from_beginning(
    room: Room, site: Site, fence: dict[str, Any], reason: str
) -> None:
    run, proxy = room.run(), room.proxy()
    proxy.fault(asks("POST"), meanwhile(lambda: run.fence(**fence)))
    assert run.pod("pod", port=proxy.port).start(KEY, spec(url=site.url)).wait() == 77
    state = run.state(KEY)
    assert (state["phase"], state["reason"], "startTime" in state) == ("Skipped", reason, False)
    assert site.count() == 0
