"""What stalls a run, and when it no longer does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.graphs import graph, stage, use
from support.trees import NOW, Argo, execution, folded, opened, record
from syncer.fold.stalls import PENDING_LIMIT, SILENCE

PLAN = graph(stage(use("a"), use("a"), parallel=True))
SECOND = timedelta(seconds=1)
UNSCHEDULABLE = "Unschedulable: 0/3 nodes are available: 3 node(s) had untolerated taint"


def ago(time):
    return (NOW - time).isoformat().replace("+00:00", "Z")


def held(key="s1.w1.a1", *, since, **holder):
    return record(key, "Started", holder={"id": "h", "pod": "pod-1", "renewTime": ago(since), **holder})


def waiting(since, message=UNSCHEDULABLE):
    argo = Argo().lane("s1.w1", {}, pod="Pending", retry="Running", message=message)
    for node in argo.nodes.values():
        node["startedAt"] = ago(since)
    return argo.workflow()


def message(tree):
    return next(each["message"] for each in tree.status["conditions"] if each["type"] == "Stalled")


class TestSilentRunners:
    def test_a_runner_that_has_not_been_heard_of_for_long_stalls_the_run(self):
        tree = folded(PLAN, Argo().workflow(), [held(since=SILENCE + SECOND)])
        assert tree.condition("Stalled") == ("True", "RunnerSilent")
        assert message(tree).startswith("action s1.w1.a1: pod pod-1 has not been heard of since 2025-11-24T08:58:29")
        assert tree.phase("") == "Running"

    @pytest.mark.parametrize(
        "found",
        [
            held(since=SILENCE),
            held(since=SILENCE * 2, released=True),
            record("s1.w1.a1", "Succeeded", holder={"id": "h", "renewTime": ago(SILENCE * 2)}),
        ],
        ids=["lately", "has let go", "has ended"],
    )
    def test_one_that_was_heard_of_or_has_nothing_under_way_does_not(self, found):
        assert folded(PLAN, Argo().workflow(), [found]).condition("Stalled") is None

    def test_it_is_over_when_somebody_goes_on(self):
        stalled = folded(PLAN, Argo().workflow(), [held(since=SILENCE + SECOND)])
        again = folded(PLAN, Argo().workflow(), [held(since=SECOND)], previous=stalled.status)
        assert again.condition("Stalled") is None

    def test_without_its_workflow_nobody_is_waited_for(self):
        tree = folded(PLAN, None, [held(since=SILENCE * 2)], lost=True)
        assert tree.condition("Stalled") == ("True", "Failed")


class TestPods:
    def test_a_pod_that_does_not_begin_for_long_stalls_the_run_with_what_argo_says(self):
        tree = folded(PLAN, waiting(PENDING_LIMIT + SECOND))
        assert tree.condition("Stalled") == ("True", "PodsUnschedulable")
        assert message(tree) == f"the pod of s1.w1 has not begun since {ago(PENDING_LIMIT + SECOND)}: {UNSCHEDULABLE}"

    def test_one_that_may_still_pull_its_image_does_not(self):
        assert folded(PLAN, waiting(PENDING_LIMIT)).condition("Stalled") is None

    def test_it_is_over_when_the_pod_runs(self):
        stalled = folded(PLAN, waiting(PENDING_LIMIT + SECOND))
        runs = folded(PLAN, Argo().lane("s1.w1", {}, pod="Running").workflow(), previous=stalled.status)
        assert runs.condition("Stalled") is None

    def test_a_run_that_has_ended_waits_for_no_pod(self):
        argo = Argo().lane("s1.w1", {}, pod="Pending", retry="Running")
        stopped = argo.workflow("Failed", "Stopped with strategy 'Stop'", shutdown="Stop")
        tree = folded(PLAN, stopped, now=NOW + timedelta(hours=1))
        assert tree.condition("Stalled") is None


def test_of_many_only_some_are_told():
    wide = graph(stage(*(use("a") for _ in range(5)), parallel=True))
    tree = folded(wide, Argo().workflow(), [held(f"s1.w{n}.a1", since=SILENCE * 2) for n in range(1, 6)])
    assert message(tree).count("has not been heard of") == 3
    assert "; and 2 more; " in message(tree)


def test_a_silent_runner_comes_before_a_pod_that_waits():
    tree = folded(PLAN, waiting(PENDING_LIMIT * 2), [held("s1.w2.a1", since=SILENCE * 2)])
    assert tree.condition("Stalled") == ("True", "RunnerSilent")


def test_a_fence_that_cannot_be_read_is_told_of_first():
    broken = execution(fence="{")
    tree = folded(PLAN, waiting(PENDING_LIMIT * 2), execution=broken)
    assert tree.condition("Stalled") == ("True", "NodesUnreadable")
    assert folded(PLAN, waiting(SECOND), execution=execution(fence=opened())).condition("Stalled") is None
