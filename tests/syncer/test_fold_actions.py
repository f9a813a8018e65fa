"""One action: the best evidence wins, and whatever the evidence, it ends in a phase with a reason."""

from __future__ import annotations

import pytest

from compiler.model.phases import DependsOnPolicy, WorkflowFailurePolicy
from support.graphs import SKIPPED, action, graph, stage, use
from support.trees import PHANTOM, SIGNALLED, Argo, entry, execution, failed, folded, opened, record
from syncer.decide.fence import Fence

ONE = graph(stage(use("a")))
THREE = graph(stage(use("a", "b", "c")))
CONTINUE = graph(stage(use("a", "b", "c", policy=WorkflowFailurePolicy.CONTINUE)))
KEY = "s1.w1.a1"
UNFENCED = execution()


def lane(state, **fields):
    return Argo().lane("s1.w1", {"a1": state}, **{"pod": "Failed", **fields})


@pytest.mark.parametrize(
    ("argo", "records", "phase"),
    [
        (Argo(), [], "Pending"),
        (lane("Running", pod="Running"), [record(KEY, "Started")], "Running"),
        (lane("Succeeded"), [record(KEY, "Failed")], "Failed"),
        (lane(failed(2), result=[entry(KEY, "Succeeded")]), [record(KEY, "Unknown")], "Unknown"),
        (lane(failed(2), result=[entry(KEY, "Succeeded")]), [], "Succeeded"),
        (lane(failed(2), result=[entry(KEY, "Succeeded")]), [record(KEY, "Started")], "Succeeded"),
        (lane("Running", pod="Running", result=[entry(KEY, "Failed")]), [], "Pending"),
        (lane(failed(2)), [], "Failed"),
        (lane(failed(2)), [record(KEY, "Started")], "Failed"),
        (lane("Succeeded", pod="Running"), [record(KEY, "Started")], "Succeeded"),
    ],
    ids=[
        "nothing known",
        "record Started",
        "record over node",
        "record over lane result",
        "lane result over node",
        "lane result over an open record",
        "result of an open pod is an earlier run's",
        "node message over nothing",
        "exit code over an open record",
        "a container's success over an open record",
    ],
)
def test_the_most_trusted_evidence_decides(argo, records, phase):
    assert folded(ONE, argo.workflow(), records).phase(KEY) == phase


def test_what_was_decided_when_compiling_is_trusted_over_everything():
    decided = graph(stage(use(action("a", decided=SKIPPED), "b")))
    tree = folded(decided, lane("Succeeded").workflow("Failed"), [record(KEY, "Succeeded")])
    assert (tree.phase(KEY), tree.reason(KEY)) == ("Skipped", "ConditionNotMet")
    assert tree.message(KEY) == SKIPPED.message


@pytest.mark.parametrize(
    ("state", "phase", "reason", "message"),
    [
        ("Succeeded", "Succeeded", "", ""),
        (failed(2, "status 500: no"), "Failed", "", "status 500: no"),
        (failed(3, "no answer in 5m"), "Failed", "TimedOut", "no answer in 5m"),
        (failed(4, "SpecChanged"), "Failed", "InvalidSpec", "SpecChanged"),
        (failed(4), "Failed", "InvalidSpec", "the runner refused its configuration (exit code 4); see the log"),
        (failed(5, "sent, no answer"), "Unknown", "OutcomeUnknown", "sent, no answer"),
        (failed(75, "cannot reach the API server; nothing was done"), "Failed", "NothingDone", None),
        (failed(77, "not run: s1.w1.a9 Failed"), "Skipped", "UpstreamFailed", "not run: s1.w1.a9 Failed"),
        (failed(64, "dependency"), "Unknown", "OutcomeUnknown", "dependency"),
        (failed(65), "Unknown", "OutcomeUnknown", None),
        (failed(143), "Failed", "NothingDone", None),
        (failed(137), "Failed", "NothingDone", None),
        (("Failed", "OOMKilled (exit code 137)"), "Failed", "NothingDone", None),
        (("Error", "Error (exit code 0)"), "Unknown", "OutcomeUnknown", None),
        (("Error", "pod deleted"), "Failed", "NothingDone", "nothing was done: pod deleted"),
        ("Running", "Failed", "NothingDone", None),
        ("Pending", "Failed", "NothingDone", None),
    ],
)
def test_a_container_without_a_record_that_is_gone_for_good_ends_as_its_exit_says(state, phase, reason, message):
    tree = folded(ONE, lane(state).workflow("Failed"))
    assert (tree.phase(KEY), tree.reason(KEY)) == (phase, reason)
    if message is not None:
        assert tree.message(KEY) == message


@pytest.mark.parametrize("code", [75, 77, 64, 143, 137])
def test_as_long_as_the_lane_is_tried_again_nothing_is_final(code):
    argo = Argo().lane("s1.w1", {"a1": failed(code)}, pod="Failed", retry="Running")
    assert folded(ONE, argo.workflow()).phase(KEY) == "Pending"


def test_an_exhausted_lane_is_final_although_the_workflow_goes_on():
    tree = folded(ONE, lane(failed(75, "cannot reach the API server; nothing was done")).workflow())
    assert (tree.phase(KEY), tree.reason(KEY)) == ("Failed", "NothingDone")
    assert tree.phase("") == "Running"


@pytest.mark.parametrize(
    ("state", "phase", "reason"),
    [
        ({}, "Cancelled", "Stopped"),
        ({"sent": False, "before": []}, "Cancelled", "Stopped"),
        ({"sent": True}, "Unknown", "OutcomeUnknown"),
        ({"before": [{"ref": {}}]}, "Unknown", "OutcomeUnknown"),
        ({"after": [{"ref": {}}]}, "Unknown", "OutcomeUnknown"),
    ],
)
@pytest.mark.parametrize("workflow", ["Failed", "Error", "Running"], ids=["failed", "error", "lane exhausted"])
def test_an_action_that_had_begun_is_cancelled_when_nothing_was_sent_or_written_else_unknown(
    state, phase, reason, workflow
):
    tree = folded(ONE, lane(failed(143)).workflow(workflow), [record(KEY, "Started", **state)])
    assert (tree.phase(KEY), tree.reason(KEY)) == (phase, reason)


def test_an_action_that_had_begun_when_the_user_cancelled_says_so():
    tree = folded(
        ONE,
        lane(("Failed", SIGNALLED)).workflow("Failed", "Stopped with strategy 'Stop'", shutdown="Stop"),
        [record(KEY, "Started")],
        execution=execution(fence=opened(), cancel="true"),
    )
    assert (tree.phase(KEY), tree.reason(KEY)) == ("Cancelled", "CancelledByUser")


class TestRetriedLanes:
    def test_only_the_last_attempt_counts(self):
        argo = Argo().lane("s1.w1", {"a1": failed(143)}, pod="Failed", attempt=0, retry="Succeeded")
        argo.lane("s1.w1", {"a1": "Succeeded"}, pod="Succeeded", attempt=1)
        assert folded(ONE, argo.workflow()).phase(KEY) == "Succeeded"

    def test_the_order_of_the_nodes_does_not_matter(self):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded"}, pod="Succeeded", attempt=1)
        argo.lane("s1.w1", {"a1": failed(2, "old")}, pod="Failed", attempt=0, retry="Succeeded")
        assert folded(ONE, argo.workflow()).phase(KEY) == "Succeeded"

    def test_a_new_attempt_without_containers_hides_those_of_the_one_before(self):
        argo = Argo().lane("s1.w1", {"a1": failed(2, "old")}, pod="Failed", retry="Running")
        argo.lane("s1.w1", {}, pod="Pending", attempt=1, retry="Running")
        assert folded(ONE, argo.workflow()).phase(KEY) == "Pending"

    def test_the_result_is_that_of_the_last_attempt(self):
        argo = Argo().lane("s1.w1", {}, pod="Failed", retry="Failed", result=[entry(KEY, "Failed", "old")])
        argo.lane("s1.w1", {}, pod="Failed", attempt=1, retry="Failed", result=[entry(KEY, "Unknown")])
        assert folded(ONE, argo.workflow("Failed")).phase(KEY) == "Unknown"

    def test_ten_attempts_are_counted_as_numbers(self):
        argo = Argo()
        for attempt in range(11):
            state = "Succeeded" if attempt == 10 else failed(143)
            argo.lane("s1.w1", {"a1": state}, pod="Failed", attempt=attempt, retry="Failed")
        assert folded(ONE, argo.workflow()).phase(KEY) == "Succeeded"

    def test_a_lane_without_a_retry_strategy_is_its_pod(self):
        argo = Argo().lane("s1.w1", {"a1": failed(75)}, pod="Failed", retry=None)
        assert folded(ONE, argo.workflow()).reason(KEY) == "NothingDone"


class TestNeverRun:
    def test_a_use_that_argo_omits_is_skipped_at_once_and_names_the_failure(self):
        plan = graph(stage(use("a", "b"), use("c", "d")))
        argo = lane(failed(2)).omitted("s1.w2")
        records = [record("s1.w1.a1", "Succeeded"), record("s1.w1.a2", "Failed", "HTTPStatus", "status 500")]
        tree = folded(plan, argo.workflow(), records)
        assert tree.phases("s1.w2.a1", "s1.w2.a2") == ["Skipped", "Skipped"]
        assert tree.reason("s1.w2.a1") == "UpstreamFailed"
        assert tree.message("s1.w2.a2") == "not run: s1.w1.a2 Failed"

    def test_below_an_omitted_stage_there_are_no_nodes_and_all_is_skipped(self):
        plan = graph(stage(use("a")), stage(use("b"), use("c"), name="app"))
        tree = folded(plan, lane(failed(2, "no")).omitted("s2").workflow())
        assert tree.phases("s2", "s2.w1", "s2.w2.a1") == ["Skipped", "Skipped", "Skipped"]
        assert tree.message("s2.w2.a1") == "not run: s1.w1.a1 Failed"
        assert tree.message("s2") == "not run: s1.w1.a1 Failed"

    def test_the_cause_is_the_failure_that_it_waited_for_not_an_earlier_one_beside_it(self):
        plan = graph(
            stage(use("a"), name="one", after=[]),
            stage(use("b"), name="two", after=[]),
            stage(use("c"), name="three", after=["s2"]),
        )
        argo = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed")
        argo.lane("s2.w1", {"a1": failed(2)}, pod="Failed").omitted("s3")
        records = [
            record("s1.w1.a1", "Failed", completionTime="2025-11-24T08:51:00Z"),
            record("s2.w1.a1", "Failed", completionTime="2025-11-24T08:59:00Z"),
        ]
        assert folded(plan, argo.workflow("Failed"), records).message("s3.w1.a1") == "not run: s2.w1.a1 Failed"

    def test_of_two_failures_upstream_the_first_in_time_is_the_cause(self):
        plan = graph(stage(use("a"), use("b"), parallel=True), stage(use("c"), name="app"))
        argo = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed")
        argo.lane("s1.w2", {"a1": failed(2)}, pod="Failed").omitted("s2")
        records = [
            record("s1.w1.a1", "Failed", completionTime="2025-11-24T08:53:00Z"),
            record("s1.w2.a1", "Unknown", completionTime="2025-11-24T08:52:00Z"),
        ]
        assert folded(plan, argo.workflow("Failed"), records).message("s2.w1.a1") == "not run: s1.w2.a1 Unknown"

    def test_a_later_lane_that_argo_omits_is_skipped_because_of_the_earlier_one(self):
        plan = graph(stage(use(*(f"step-{index}" for index in range(1, 19)))))
        containers = {f"a{index}": "Succeeded" for index in range(1, 16)} | {"a16": failed(2, "no")}
        argo = Argo().node("s-1-x.w-1-x", "DAG", "Failed").lane("s1.w1", containers, pod="Failed", number=1)
        tree = folded(plan, argo.omitted("s1.w1", number=2).workflow("Failed"))
        assert tree.phases("s1.w1.a15", "s1.w1.a16", "s1.w1.a17", "s1.w1.a18") == [
            "Succeeded",
            "Failed",
            "Skipped",
            "Skipped",
        ]
        assert tree.message("s1.w1.a17") == "not run: s1.w1.a16 Failed"

    def test_a_later_lane_that_is_not_scheduled_yet_is_pending(self):
        plan = graph(stage(use(*(f"step-{index}" for index in range(1, 19)))))
        containers = {f"a{index}": "Succeeded" for index in range(1, 17)}
        argo = Argo().node("s-1-x.w-1-x", "DAG", "Running").lane("s1.w1", containers, number=1)
        tree = folded(plan, argo.workflow())
        assert tree.phases("s1.w1", "s1.w1.a16", "s1.w1.a17") == ["Running", "Succeeded", "Pending"]

    def test_a_node_that_a_stop_made_for_what_was_next_never_ran(self):
        argo = Argo().phantom("s1.w1")
        tree = folded(ONE, argo.workflow("Failed", "Stopped with strategy 'Stop'"), execution=UNFENCED)
        assert (tree.phase(KEY), tree.reason(KEY)) == ("Skipped", "CancelledByUser")
        assert tree.message(KEY) == "not run: stopped in Argo"

    def test_a_branch_that_was_switched_off_by_hand_says_how(self):
        argo = Argo().node("s-1-x.w-1-x", "Skipped", "Skipped", "when 'false' evaluated false")
        tree = folded(ONE, argo.workflow("Succeeded"))
        assert tree.phase(KEY) == "Skipped"


class TestWithoutRecords:
    """A run without fence and records, submitted to Argo by hand: only the nodes tell."""

    def fold(self, argo, phase="Running", plan=THREE, **spec):
        return folded(plan, argo.workflow(phase, **spec), execution=UNFENCED)

    def test_a_running_container_is_running_once_its_predecessors_have_ended(self):
        argo = Argo().lane("s1.w1", {"a1": "Succeeded", "a2": "Running", "a3": "Running"}, pod="Running")
        assert self.fold(argo).phases() == ["Succeeded", "Running", "Pending"]

    def test_with_a_fence_a_running_container_without_a_record_only_waits(self):
        argo = Argo().lane("s1.w1", {"a1": "Running"}, pod="Running")
        assert folded(ONE, argo.workflow()).phase(KEY) == "Pending"

    def test_what_was_running_when_it_was_stopped_is_unknown_and_what_waited_never_ran(self):
        states = {"a1": "Succeeded", "a2": ("Failed", SIGNALLED), "a3": ("Failed", SIGNALLED)}
        argo = Argo().lane("s1.w1", states, pod="Failed", retry="Running", message=SIGNALLED)
        tree = self.fold(argo, "Failed", shutdown="Stop")
        assert tree.phases() == ["Succeeded", "Unknown", "Skipped"]
        assert tree.message("s1.w1.a3") == "not run: stopped in Argo"

    def test_a_process_that_was_lost_in_its_turn_is_unknown_and_what_waited_is_skipped(self):
        states = {"a1": "Succeeded", "a2": failed(137), "a3": failed(143)}
        tree = self.fold(Argo().lane("s1.w1", states, pod="Failed"), "Failed")
        assert tree.phases() == ["Succeeded", "Unknown", "Skipped"]
        assert tree.message("s1.w1.a3") == "not run: s1.w1.a2 Unknown"

    def test_nodes_that_cannot_be_read_leave_everything_unknown(self):
        workflow = {"metadata": {"name": "wf"}, "status": {"phase": "Failed", "offloadNodeStatusVersion": "fnv:1"}}
        tree = folded(THREE, workflow, execution=UNFENCED)
        assert tree.phases() == ["Unknown"] * 3


class TestDeadLanes:
    """An exhausted lane with a fence: an action without a record has done nothing."""

    def test_the_action_in_turn_failed_and_what_waited_for_it_was_not_run(self):
        states = {"a1": "Succeeded", "a2": failed(143), "a3": failed(143)}
        tree = folded(THREE, Argo().lane("s1.w1", states, pod="Failed").workflow("Failed"))
        assert tree.phases() == ["Succeeded", "Failed", "Skipped"]
        assert tree.reason("s1.w1.a2") == "NothingDone"
        assert (tree.reason("s1.w1.a3"), tree.message("s1.w1.a3")) == ("UpstreamFailed", "not run: s1.w1.a2 Failed")

    def test_under_continue_every_action_would_have_had_its_turn_and_failed(self):
        states = {"a1": "Succeeded", "a2": failed(143), "a3": failed(143)}
        tree = folded(CONTINUE, Argo().lane("s1.w1", states, pod="Failed").workflow("Failed"))
        assert tree.phases() == ["Succeeded", "Failed", "Failed"]
        assert tree.reason("s1.w1.a3") == "NothingDone"

    def test_under_continue_what_needs_a_success_was_not_run(self):
        plan = graph(
            stage(
                use("a", action("b", needs=DependsOnPolicy.SUCCEEDED), policy=WorkflowFailurePolicy.CONTINUE),
            )
        )
        states = {"a1": failed(143), "a2": failed(143)}
        tree = folded(plan, Argo().lane("s1.w1", states, pod="Failed").workflow("Failed"))
        assert tree.phases() == ["Failed", "Skipped"]

    def test_a_pod_that_never_started_its_containers_did_nothing(self):
        argo = Argo().lane("s1.w1", {}, pod="Error", message="pod deleted")
        tree = folded(ONE, argo.workflow("Error"))
        assert (tree.phase(KEY), tree.reason(KEY)) == ("Failed", "NothingDone")
        assert tree.message(KEY) == "nothing was done: pod deleted"

    def test_a_lane_whose_report_argo_lost_leaves_what_it_does_not_know_unknown(self):
        argo = Argo().lane("s1.w1", {"a1": "Running"}, pod="Error", message="wait: Error (exit code 64)", exit_code="0")
        tree = folded(ONE, argo.workflow("Error"))
        assert (tree.phase(KEY), tree.reason(KEY)) == ("Unknown", "OutcomeUnknown")

    def test_when_the_run_was_stopped_nothing_failed(self):
        argo = lane(("Failed", SIGNALLED), retry="Running", message=SIGNALLED)
        tree = folded(ONE, argo.workflow("Failed", shutdown="Stop"))
        assert (tree.phase(KEY), tree.reason(KEY)) == ("Skipped", "CancelledByUser")

    def test_a_phantom_among_pods_never_ran(self):
        argo = Argo().node("s-1-x.w-1-x.a-1-x", "Pod", "Failed", PHANTOM)
        tree = folded(ONE, argo.workflow("Failed", shutdown="Stop"), execution=UNFENCED)
        assert (tree.phase(KEY), tree.reason(KEY)) == ("Skipped", "CancelledByUser")


class TestLaterRuns:
    """Records of an earlier epoch or run, under a newer fence."""

    @pytest.mark.parametrize(
        ("phase", "shown"),
        [("Succeeded", "Succeeded"), ("Failed", "Pending"), ("Unknown", "Pending"), ("Skipped", "Pending")],
    )
    @pytest.mark.parametrize("fence", [{"epoch": 2}, {"run": 2}], ids=["drplan retry", "argo retry"])
    def test_what_succeeded_stands_and_the_rest_is_tried_again(self, phase, shown, fence):
        tree = folded(ONE, Argo().workflow(), [record(KEY, phase)], execution=execution(fence=opened(**fence)))
        assert tree.phase(KEY) == shown

    def test_what_the_new_run_did_not_come_back_to_keeps_its_end(self):
        plan = graph(stage(use("a")), stage(use("b"), name="app"))
        argo = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed").omitted("s2")
        records = [record("s1.w1.a1", "Failed", run=2), record("s2.w1.a1", "Unknown")]
        tree = folded(plan, argo.workflow("Failed"), records, execution=execution(fence=opened(run=2)))
        assert tree.phases("s1.w1.a1", "s2.w1.a1") == ["Failed", "Unknown"]

    def test_what_was_skipped_before_and_is_not_run_now_names_the_cause_of_now(self):
        plan = graph(stage(use("a")), stage(use("b"), name="app"))
        argo = Argo().lane("s1.w1", {"a1": failed(2)}, pod="Failed").omitted("s2")
        records = [record("s1.w1.a1", "Failed", run=2), record("s2.w1.a1", "Skipped", "Halted", "not run: old")]
        tree = folded(plan, argo.workflow("Failed"), records, execution=execution(fence=opened(run=2)))
        assert tree.message("s2.w1.a1") == "not run: s1.w1.a1 Failed"

    def test_a_use_done_in_an_earlier_epoch_is_shown_from_its_records(self):
        plan = graph(stage(use("a", "b", done=True)), stage(use("c"), name="app"))
        records = [record("s1.w1.a1", "Succeeded", message="HTTP POST succeeded with status 200")]
        tree = folded(plan, Argo().workflow(), records, execution=execution(fence=opened(epoch=2)))
        assert tree.phases("s1.w1.a1", "s1.w1.a2", "s2.w1.a1") == ["Succeeded", "Succeeded", "Pending"]
        assert tree.message("s1.w1.a1") == "HTTP POST succeeded with status 200"
        assert tree.message("s1.w1.a2") == "succeeded in an earlier epoch"

    def test_without_a_fence_a_record_is_never_old(self):
        tree = folded(ONE, Argo().workflow(), [record(KEY, "Failed")], execution=UNFENCED)
        assert tree.phase(KEY) == "Failed"


@pytest.mark.parametrize("state", [{}, {"phase": "Odd"}, {"phase": None}])
def test_a_record_that_makes_no_sense_breaks_nothing(state):
    odd = {"metadata": {}, "spec": {"key": KEY}, "state": state}
    tree = folded(ONE, lane("Succeeded").workflow("Succeeded"), [odd])
    assert tree.phase(KEY) in ("Succeeded", "Unknown", "Cancelled")


@pytest.mark.parametrize("result", ["", "no json", '{"actions": 3}', '{"actions": [{"key": "s1.w1.a1"}]}', "{}"])
def test_a_lane_result_that_cannot_be_read_says_nothing(result):
    argo = lane(failed(2, "from the node"))
    for node in argo.nodes.values():
        if node["type"] == "Pod":
            node["outputs"] = {"parameters": [{"name": "result", "value": result}]}
    assert folded(ONE, argo.workflow()).message(KEY) == "from the node"


def test_a_fence_that_cannot_be_read_stalls_nothing_but_is_reported():
    tree = folded(ONE, lane("Running", pod="Running").workflow(), execution=execution(fence="{}"))
    assert tree.phase(KEY) == "Pending"
    assert tree.condition("Stalled") == ("True", "NodesUnreadable")


def test_a_fence_of_an_epoch_without_a_workflow_yet_leaves_all_pending():
    tree = folded(ONE, None, execution=execution(fence=Fence("pay-x-1a2b3c4d-e1")))
    assert (tree.phase(KEY), tree.phase("")) == ("Pending", "Pending")
