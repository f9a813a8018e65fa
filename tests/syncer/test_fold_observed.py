"""Nodes as real controllers (Argo 3.7.6 and 4.1.2) left them, folded without records: only the nodes tell."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from support.graphs import graph, stage, use
from support.trees import OMITTED, PHANTOM, SIGNALLED, Argo, execution, folded, opened

PLAN = graph(
    stage(use("a", "b", "c"), use("d"), name="one"),
    stage(use("e"), name="two"),
    stage(use("f"), name="three"),
)
STOPPED = "Stopped with strategy 'Stop'"
RESULT = {
    "exitCode": "2",
    "parameters": [
        {"name": "result", "value": '{"why":"perm"}', "valueFrom": {"default": "{}", "path": "/tmp/result.json"}}
    ],
}


def fold(argo, phase, message="", **arguments):
    workflow = argo.workflow(phase, message)
    return folded(PLAN, workflow, **{"execution": execution(), **arguments})


def dags(phase):
    return Argo("wf").node("s-1", "DAG", phase).node("s-1.w-1", "DAG", phase)


def test_a_drained_and_stopped_workflow_of_pods():
    argo = dags("Failed").node("s-1.w-1.a-1", "Pod", "Succeeded", hostNodeName="n", outputs={"exitCode": "0"})
    argo.node("s-1.w-1.a-2", "Pod", "Failed", PHANTOM)
    argo.node("s-1.w-1.a-3", "Skipped", "Omitted", OMITTED)
    for name in ("s-1.w-2", "s-2", "s-3"):
        argo.node(name, "Skipped", "Omitted", OMITTED)
    tree = fold(argo, "Failed", STOPPED)
    assert tree.phases() == ["Succeeded", *["Skipped"] * 5]
    assert {tree.reason(key) for key in ("s1.w1.a2", "s1.w1.a3", "s1.w2.a1", "s2.w1.a1")} == {"CancelledByUser"}
    assert tree.phases("s1.w1", "s1", "s2", "") == ["Cancelled", "Cancelled", "Skipped", "Cancelled"]
    assert tree.condition("Succeeded") == ("False", "StoppedInArgo")


def test_a_workflow_stopped_while_a_pod_ran():
    argo = dags("Failed").node("s-1.w-1.a-1", "Pod", "Succeeded", hostNodeName="n")
    argo.node("s-1.w-1.a-2", "Pod", "Failed", SIGNALLED, hostNodeName="n")
    tree = fold(argo, "Failed", STOPPED)
    assert tree.phases() == ["Succeeded", "Unknown", *["Skipped"] * 4]
    assert tree.phase("") == "Cancelled"


def test_a_retry_node_left_running_in_a_stopped_workflow():
    argo = dags("Failed").node("s-1.w-1.a-1", "Retry", "Running")
    argo.node("s-1.w-1.a-1(0)", "Pod", "Failed", SIGNALLED, hostNodeName="n", nodeFlag={"retried": True})
    argo.node("s-2", "Skipped", "Omitted", OMITTED).node("s-3", "Skipped", "Omitted", OMITTED)
    tree = fold(argo, "Failed", STOPPED)
    assert tree.phases() == ["Unknown", *["Skipped"] * 5]


def test_a_failed_pod_whose_result_came_with_it():
    argo = dags("Failed")
    message = "main: Error (exit code 2): replica count did not reach 3"
    argo.node("s-1.w-1.a-1", "Pod", "Failed", message, hostNodeName="n", outputs=RESULT, taskResultSynced=True)
    argo.node("s-1.w-1.a-2", "Skipped", "Omitted", OMITTED)
    tree = fold(argo, "Failed")
    assert (tree.phase("s1.w1.a1"), tree.message("s1.w1.a1")) == ("Failed", "replica count did not reach 3")
    assert tree.message("s1.w1.a2") == "not run: s1.w1.a1 Failed"
    assert (
        tree.message() == "Stage one failed: workflow dr/mysql failed: action a failed: replica count did not reach 3"
    )


@pytest.mark.parametrize(
    ("retry", "message", "phase"),
    [("Running", "Backoff for 4 seconds", "Pending"), ("Failed", "No more retries left", "Failed")],
)
def test_attempts_that_end_with_75(retry, message, phase):
    argo = dags("Running").node("s-1.w-1.a-1", "Retry", retry, message, outputs=RESULT)
    for attempt in range(3):
        text = f"main: Error (exit code 75): attempt {attempt}"
        argo.node(f"s-1.w-1.a-1({attempt})", "Pod", "Failed", text, hostNodeName="n", nodeFlag={"retried": True})
    tree = fold(argo, "Running")
    assert tree.phase("s1.w1.a1") == phase
    assert tree.message("s1.w1.a1") == ("attempt 2" if phase == "Failed" else "")


def test_the_text_of_a_failure_is_on_its_attempt_not_on_the_retry_node():
    argo = dags("Failed").node("s-1.w-1.a-1", "Retry", "Failed", "retryStrategy.expression evaluated to false")
    argo.node("s-1.w-1.a-1(0)", "Pod", "Failed", "main: Error (exit code 2): permanent", hostNodeName="n")
    assert fold(argo, "Failed").message("s1.w1.a1") == "permanent"


def test_an_action_that_succeeded_but_whose_report_was_lost_is_unknown():
    argo = dags("Error")
    message = 'wait: Error (exit code 64): Post "https://10.0.0.1/workflowtaskresults": connection refused'
    argo.node("s-1.w-1.a-1", "Pod", "Error", message, hostNodeName="n", outputs={"exitCode": "0"})
    tree = fold(argo, "Error")
    assert (tree.phase("s1.w1.a1"), tree.reason("s1.w1.a1")) == ("Unknown", "OutcomeUnknown")


def test_an_omitted_node_in_full():
    argo = dags("Running")
    argo.nodes["wf-1486753089"] = {
        "boundaryID": "wf-689868861",
        "displayName": "a-2",
        "finishedAt": "2025-11-24T08:51:50Z",
        "id": "wf-1486753089",
        "message": OMITTED,
        "name": "wf.s-1.w-1.a-2",
        "nodeFlag": {},
        "phase": "Omitted",
        "startedAt": "2025-11-24T08:51:50Z",
        "templateName": "run",
        "templateScope": "local/wf",
        "type": "Skipped",
    }
    argo.node("s-1.w-1.a-1", "Pod", "Failed", "main: Error (exit code 2): no", hostNodeName="n")
    tree = fold(argo, "Running")
    assert (tree.phase("s1.w1.a2"), tree.message("s1.w1.a2")) == ("Skipped", "not run: s1.w1.a1 Failed")
    assert tree.phase("s1.w1.a3") == "Pending"


def test_a_stage_switched_off_by_a_live_edit():
    argo = Argo("wf").node("s-1", "Skipped", "Skipped", "when 'stop == go' evaluated false")
    argo.node("s-2.w-1", "Pod", "Running", hostNodeName="n").node("s-2.w-1.a-1-e", "Container", "Running")
    tree = fold(argo, "Running")
    assert tree.phases("s1.w1.a1", "s2.w1.a1", "s3.w1.a1") == ["Skipped", "Running", "Pending"]


def lane(attempt=0):
    return f"s-1-db.w-1-x({attempt})"


def test_containers_of_a_lane_end_one_by_one_while_the_pod_runs():
    argo = Argo("wf").node("s-1-db.w-1-x", "Retry", "Running").node(lane(), "Pod", "Running", hostNodeName="n")
    argo.node(f"{lane()}.main", "Container", "Running").node(f"{lane()}.a-3-step", "Container", "Running")
    argo.node(f"{lane()}.a-2-step", "Container", "Failed", "a-2-step: Error (exit code 2): boom")
    argo.node(f"{lane()}.a-1-step", "Container", "Succeeded")
    tree = fold(argo, "Running", execution=execution(fence=opened()))
    assert tree.phases("s1.w1.a1", "s1.w1.a2", "s1.w1.a3") == ["Succeeded", "Failed", "Pending"]
    assert tree.phase("s1.w1") == "Running"


def test_a_failed_lane_with_containers_that_did_not_run():
    argo = (
        Argo("wf")
        .node("s-1-db.w-1-x", "Retry", "Failed")
        .node(lane(), "Pod", "Failed", "a-2-step: Error (exit code 2): boom")
    )
    argo.node(f"{lane()}.main", "Container", "Succeeded").node(f"{lane()}.a-1-step", "Container", "Succeeded")
    argo.node(f"{lane()}.a-2-step", "Container", "Failed", "a-2-step: Error (exit code 2): boom")
    argo.node(f"{lane()}.a-3-step", "Container", "Failed", "a-3-step: Error (exit code 77): not run: s1.w1.a2 Failed")
    argo.node("s-1-db.w-2-y", "Skipped", "Omitted", OMITTED).node("s-2-x", "Skipped", "Omitted", OMITTED)
    tree = fold(argo.node("s-3-x", "Skipped", "Omitted", OMITTED), "Failed")
    assert tree.phases("s1.w1.a1", "s1.w1.a2", "s1.w1.a3") == ["Succeeded", "Failed", "Skipped"]
    assert tree.message("s1.w1.a3") == "not run: s1.w1.a2 Failed"
    assert tree.phases("s1", "s2", "s3", "") == ["Failed", "Skipped", "Skipped", "Failed"]


def test_a_lane_whose_pod_was_deleted_and_that_runs_again():
    argo = Argo("wf").node("s-1-db.w-1-x", "Retry", "Running").node(lane(), "Pod", "Failed", hostNodeName="n")
    argo.node(f"{lane()}.a-1-step", "Container", "Succeeded")
    argo.node(f"{lane()}.a-2-step", "Container", "Failed", "a-2-step: Error (exit code 143)")
    argo.node(lane(1), "Pod", "Running", hostNodeName="m").node(f"{lane(1)}.a-1-step", "Container", "Succeeded")
    argo.node(f"{lane(1)}.a-2-step", "Container", "Running").node(f"{lane(1)}.a-3-step", "Container", "Running")
    tree = fold(argo, "Running")
    assert tree.phases("s1.w1.a1", "s1.w1.a2", "s1.w1.a3") == ["Succeeded", "Running", "Pending"]


def test_a_stopped_lane_keeps_what_had_succeeded():
    argo = (
        Argo("wf").node("s-1-db.w-1-x", "Retry", "Running").node(lane(), "Pod", "Failed", SIGNALLED, hostNodeName="n")
    )
    argo.node(f"{lane()}.a-1-step", "Container", "Succeeded")
    for step in ("a-2-step", "a-3-step", "main"):
        argo.node(f"{lane()}.{step}", "Container", "Failed", SIGNALLED)
    tree = fold(argo, "Failed", STOPPED)
    assert tree.phases("s1.w1.a1", "s1.w1.a2", "s1.w1.a3") == ["Succeeded", "Unknown", "Skipped"]
    recorded = fold(argo, "Failed", STOPPED, execution=execution(fence=opened()))
    assert recorded.phases("s1.w1.a1", "s1.w1.a2", "s1.w1.a3") == ["Succeeded", "Skipped", "Skipped"]


def test_packed_nodes_mean_the_same_as_plain_ones():
    argo = dags("Running").node("s-1.w-1.a-1", "Pod", "Failed", "main: Error (exit code 2): no", hostNodeName="n")
    plain = argo.workflow("Running")
    nodes = plain["status"].pop("nodes")
    packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    workflow = {**plain, "status": {**plain["status"], "compressedNodes": packed}}
    again = {**plain, "status": {**plain["status"], "nodes": nodes}}
    assert folded(PLAN, workflow, execution=execution()).status == folded(PLAN, again, execution=execution()).status


def test_nodes_of_exit_handlers_and_hooks_are_left_aside():
    argo = dags("Running").node("onExit", "DAG", "Failed").node("s-1.hooks.x", "Pod", "Failed")
    argo.node("s-1.onExit", "Pod", "Failed", "main: Error (exit code 2): no")
    assert set(fold(argo, "Running").phases()) == {"Pending"}


def test_a_workflow_name_with_dots_is_taken_off_as_a_whole():
    argo = Argo("pay.v1-x").node("s-1.w-1", "Pod", "Running", hostNodeName="n")
    argo.node("s-1.w-1.a-1", "Container", "Succeeded")
    assert fold(argo, "Running").phase("s1.w1.a1") == "Succeeded"
