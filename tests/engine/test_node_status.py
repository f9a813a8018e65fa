"""Nodes in Argo's shape: ids, what holds what, what comes after what."""

from __future__ import annotations

from typing import Any

import pytest

from drplan.engine import depends, retries
from drplan.engine.nodes import Exit, Nodes, Shutdown, container_ended, container_node, pod_ended
from drplan.engine.nodestatus import node_id, read_nodes, status
from drplan.engine.program import Branch, Container, Lane, Program, Task
from drplan.engine.scheduler import settle
from syncer.nodes import ArgoPhase, Node, read_workflow
from syncer.nodes import read_nodes as read_folded_nodes

NOW = "2026-01-02T03:04:05Z"
LATER = "2026-01-02T03:04:09Z"
RETRY = retries.parse({"limit": 2, "retryPolicy": "Always", "expression": "lastRetry.exitCode == '75'"})


def lane(node: str) -> Lane:
    names = ("main", "s1.w1"), ("a-1-ask", "s1.w1.a1"), ("a-2-tell", "s1.w1.a2")
    return Lane(node, "w-1-1", {"p": "s1.w1"}, tuple(Container(n, (k,), {}, ()) for n, k in names), RETRY, None)


def program() -> Program:
    inner = Branch(
        "wf.s-1",
        "s-1",
        (
            Task("w-1", None, lane("wf.s-1.w-1")),
            Task("w-2", depends.parse("w-1.Succeeded"), lane("wf.s-1.w-2")),
        ),
        ("w-2",),
    )
    last = Branch("wf.s-2", "s-2", (Task("w-1", None, lane("wf.s-2.w-1")),), ("w-1",))
    tasks = (Task("s-1", None, inner), Task("s-2", depends.parse("s-1.Succeeded"), last))
    return Program("wf", Branch("wf", "plan", tasks, ("s-2",)), "{}", 30)


def run(codes: dict[str, dict[str, int]]) -> Nodes:
    """Run it to its end; exit codes by pod and container, 0 where nothing is said."""
    nodes: Nodes = {}
    while True:
        settled = settle(program(), nodes, now=NOW, parallelism=4, host="here")
        nodes = settled.nodes
        if not settled.starts:
            return nodes
        for start in settled.starts:
            ended = []
            for container in start.lane.containers:
                name = container_node(start.pod, container.name)
                code = codes.get(start.pod, {}).get(container.name, 0)
                nodes[name] = container_ended(nodes[name], Exit(code, "why" if code else ""), LATER, None)
                ended.append(nodes[name])
            code = codes.get(start.pod, {}).get("main", 0)
            nodes[start.pod] = pod_ended(nodes[start.pod], ended, LATER, exit_code=code, result='{"v":1}')


def written(nodes: Nodes, *, shutdown: Shutdown | None = None) -> dict[str, dict[str, Any]]:
    found = status(program(), nodes, started=NOW, shutdown=shutdown)
    by_id = found["nodes"]
    assert all(node["id"] == key for key, node in by_id.items())
    return {node["name"]: node for node in by_id.values()}


@pytest.mark.parametrize(
    ("workflow", "name", "expected"),
    [
        ("pipeline-jndha0-scacfg", "pipeline-jndha0-scacfg.main-3", "pipeline-jndha0-scacfg-2220851766"),
        ("test-workflow-kqxvv", "test-workflow-kqxvv.onExit[0]", "test-workflow-kqxvv-113404891"),
        ("custom-job-thbh7", "custom-job-thbh7[0]", "custom-job-thbh7-1277661780"),
        ("wf", "wf", "wf"),
    ],
)
def test_ids_are_those_of_real_clusters(workflow: str, name: str, expected: str) -> None:
    assert node_id(workflow, name) == expected


def test_every_node_knows_what_holds_it() -> None:
    found = written(run({}))
    held = {name: node.get("boundaryID") for name, node in found.items()}
    assert held["wf"] is None
    assert held["wf.s-1"] == "wf"
    assert held["wf.s-1.w-1"] == node_id("wf", "wf.s-1")
    assert held["wf.s-1.w-1(0)"] == node_id("wf", "wf.s-1")
    assert held["wf.s-1.w-1(0).a-1-ask"] == node_id("wf", "wf.s-1.w-1(0)")
    assert found["wf.s-1.w-1(0).a-1-ask"]["displayName"] == "a-1-ask"
    assert found["wf.s-1.w-1(0)"]["displayName"] == "w-1(0)"
    assert found["wf"]["displayName"] == "wf"


def test_children_follow_the_order_of_execution() -> None:
    found = written(run({"wf.s-1.w-1(0)": {"main": 75}}))

    def children(name: str) -> list[str]:
        names = {node["id"]: node["name"] for node in found.values()}
        return [names[child] for child in found[name].get("children", ())]

    assert children("wf") == ["wf.s-1"]
    assert children("wf.s-1") == ["wf.s-1.w-1"]
    assert children("wf.s-1.w-1") == ["wf.s-1.w-1(0)", "wf.s-1.w-1(1)"]
    assert children("wf.s-1.w-1(0)") == [f"wf.s-1.w-1(0).{name}" for name in ("main", "a-1-ask", "a-2-tell")]
    assert children("wf.s-1.w-1(0).a-1-ask") == []
    assert children("wf.s-1.w-1(1).a-1-ask") == ["wf.s-1.w-2"]
    assert children("wf.s-1.w-2(0).main") == ["wf.s-2"]


def test_an_omitted_node_is_written_whole() -> None:
    omitted = written(run({"wf.s-1.w-1(0)": {"a-1-ask": 2}}))["wf.s-2"]
    assert omitted == {
        "id": node_id("wf", "wf.s-2"),
        "name": "wf.s-2",
        "displayName": "s-2",
        "type": "Skipped",
        "templateName": "s-2",
        "templateScope": "local/wf",
        "phase": "Omitted",
        "boundaryID": "wf",
        "message": "omitted: depends condition not met",
        "startedAt": NOW,
        "finishedAt": NOW,
    }


def test_a_failed_lane_has_its_first_failure_exit_code_and_result() -> None:
    found = written(run({"wf.s-1.w-1(0)": {"a-1-ask": 2, "a-2-tell": 77}}))
    pod = found["wf.s-1.w-1(0)"]
    assert pod["phase"] == "Failed"
    assert pod["message"] == "a-1-ask: Error (exit code 2): why"
    assert pod["outputs"] == {"parameters": [{"name": "result", "value": '{"v":1}'}], "exitCode": "0"}
    assert pod["nodeFlag"] == {"retried": True}
    assert pod["inputs"] == {"parameters": [{"name": "p", "value": "s1.w1"}]}
    assert found["wf.s-1.w-1"]["outputs"] == pod["outputs"]
    assert "message" not in found["wf.s-1"]


def test_the_workflow_has_the_phase_of_its_root_and_counts_its_pods() -> None:
    done = status(program(), run({}), started=NOW, shutdown=None)
    assert (done["phase"], done["progress"], done["finishedAt"]) == ("Succeeded", "3/3", NOW)
    assert "message" not in done
    begun = status(program(), settle(program(), {}, now=NOW, parallelism=4).nodes, started=NOW, shutdown=None)
    assert (begun["phase"], begun["progress"], begun["finishedAt"]) == ("Running", "0/1", None)
    stopped = settle(program(), {}, now=NOW, parallelism=4, shutdown=Shutdown.STOP).nodes
    ended = status(program(), stopped, started=NOW, shutdown=Shutdown.STOP)
    assert (ended["phase"], ended["message"]) == ("Failed", "Stopped with strategy 'Stop'")


def test_the_fold_reads_what_is_written() -> None:
    found = status(program(), run({"wf.s-1.w-1(0)": {"a-1-ask": 2}}), started=NOW, shutdown=None)
    workflow = read_workflow({"metadata": {"name": "wf"}, "spec": {}, "status": _plain(found)})
    nodes = read_folded_nodes(workflow)
    by_name: dict[str, Node] = {node.name: node for node in nodes.values()}
    assert by_name["wf.s-1.w-1(0)"].result == '{"v":1}'
    assert by_name["wf.s-1.w-1(0)"].host_node_name == "here"
    assert by_name["wf"].phase == ArgoPhase.FAILED


@pytest.mark.parametrize("codes", [{}, {"wf.s-1.w-1(0)": {"a-1-ask": 2}}, {"wf.s-1.w-1(0)": {"main": 75}}])
def test_what_is_written_is_read_back_as_it_was(codes: dict[str, dict[str, int]]) -> None:
    nodes = run(codes)
    found = _plain(status(program(), nodes, started=NOW, shutdown=None))
    assert read_nodes({"status": found}) == nodes


def test_a_workflow_that_has_not_begun_has_no_nodes() -> None:
    assert read_nodes({"status": {"startedAt": NOW}}) == {}


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    import json

    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain
