"""What is counted of the steps that were taken and of the records that changed, as Prometheus reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.lives import after, lived_until_rest, running
from support.recordings import FOLDER
from support.trees import Argo, by_key, record
from syncer.controllers.reporting import Reporter
from syncer.decide.steps import Show
from syncer.fold.places import find_places
from syncer.metrics import Metrics
from syncer.nodes import read_nodes, read_workflow

DONE = by_key([record("s1.w1.a1", "Succeeded"), record("s2.w1.a1", "Succeeded")])


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def reporter(metrics):
    return Reporter(lambda happening: None, metrics)


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def held(attempt, **state):
    made = record("s1.w1.a1", "Started")
    return {**made, "state": {**made["state"], "holder": {"id": "h", "attempt": attempt}, **state}}


class TestTakeovers:
    def test_one_is_counted_when_another_pod_holds_the_record(self, reporter, metrics):
        reporter.saw_record(held(1), held(2))
        assert value(metrics, "drplan_takeovers_total") == 1

    def test_several_that_were_not_seen_one_by_one_are_counted_all(self, reporter, metrics):
        reporter.saw_record(held(1), held(3))
        assert value(metrics, "drplan_takeovers_total") == 2

    @pytest.mark.parametrize(
        ("before", "now"),
        [
            pytest.param(None, held(2), id="it has just come into view"),
            pytest.param(held(2), None, id="it is gone"),
            pytest.param(held(2), held(2, phase="Succeeded"), id="it has ended"),
            pytest.param(held(2), held(1), id="another one of its name"),
            pytest.param(record("s1.w1.a1", "Skipped"), record("s1.w1.a1", "Skipped"), id="nobody ever held it"),
        ],
    )
    def test_nothing_else_is_one(self, reporter, metrics, before, now):
        reporter.saw_record(before, now)
        assert value(metrics, "drplan_takeovers_total") == 0


class TestReplays:
    def ended(self, reporter, *results):
        """Have the end of a run told whose lane has these results."""
        lived = running(Argo().lane("s1.w1", {"a1": "Running"}, pod="Running").workflow())
        workflow = Argo().lane("s1.w1", {"a1": "Succeeded"}, result=results).lane("s2.w1", {"a1": "Succeeded"})
        lived = replace(lived, workflow=read_workflow(workflow.workflow("Succeeded")), records=DONE)
        _, taken = lived_until_rest(lived)
        for step in taken:
            if isinstance(step, Show):
                reporter.took(step, lived, size=0, lag=None)
            lived = after(lived, step)

    def test_what_a_lane_found_done_is_counted_when_the_run_has_ended(self, reporter, metrics):
        self.ended(reporter, {"key": "s1.w1.a1", "phase": "Succeeded", "replayed": True})
        assert value(metrics, "drplan_replays_total") == 1
        assert value(metrics, "drplan_executions_total", operation="Execute", phase="Succeeded") == 1

    @pytest.mark.parametrize("results", [(), ({"key": "s1.w1.a1", "phase": "Succeeded", "replayed": False},)])
    def test_what_was_done_is_no_replay(self, reporter, metrics, results):
        self.ended(reporter, *results)
        assert value(metrics, "drplan_replays_total") == 0

    @pytest.mark.parametrize(("name", "count"), [("succeeded", 0), ("deleted-pod", 1), ("retried-lane", 2)])
    def test_lanes_of_real_runs_say_what_they_replayed(self, name, count):
        workflow = read_workflow((FOLDER / name / "workflow.json").read_bytes())
        assert find_places(read_nodes(workflow), workflow.metadata.name).replays == count
