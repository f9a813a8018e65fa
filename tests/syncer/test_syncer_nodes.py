"""Reading an Argo Workflow: from bytes or a dict, packed or not, and what cannot be read."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from syncer.nodes import ArgoPhase, Unreadable, Workflow, read_nodes, read_workflow

NODES = {
    "wf-1": {
        "id": "wf-1",
        "name": "wf.s-1-db",
        "type": "DAG",
        "phase": "Running",
        "startedAt": "2025-11-24T08:50:00Z",
        "finishedAt": None,
        "nodeFlag": {},
        "children": ["wf-2"],
    }
}


def packed(data: bytes) -> dict[str, Any]:
    return {"status": {"compressedNodes": base64.b64encode(data).decode()}}


def nodes_of(source: Any) -> Any:
    workflow = read_workflow(source)
    assert isinstance(workflow, Workflow)
    return read_nodes(workflow)


@pytest.mark.parametrize("form", [lambda value: value, lambda value: json.dumps(value).encode(), json.dumps])
def test_a_workflow_is_read_from_a_dict_from_bytes_and_from_text(form):
    source = {
        "metadata": {"name": "wf", "uid": "u", "labels": {"a": "b"}, "managedFields": [{}]},
        "spec": {"suspend": True, "arguments": {"parameters": [{"name": "run", "value": "{}"}]}, "templates": [{}]},
        "status": {"phase": "Running", "nodes": NODES},
    }
    workflow = read_workflow(form(source))
    assert isinstance(workflow, Workflow)
    assert workflow.metadata.name == "wf"
    assert workflow.spec.suspend is True
    assert workflow.argument("run") == "{}"
    assert workflow.argument("absent") is None
    assert read_nodes(workflow)["wf-1"].finished_at is None


def test_a_workflow_that_has_not_begun_has_no_nodes():
    assert nodes_of({"metadata": {"name": "wf"}, "status": {}}) == {}
    assert nodes_of({"metadata": {"name": "wf"}}) == {}


def test_fields_that_are_null_are_absent():
    workflow = read_workflow(
        {
            "metadata": {"labels": None},
            "spec": {"suspend": None, "shutdown": None, "arguments": None},
            "status": {"startedAt": None, "nodes": None, "conditions": None},
        }
    )
    assert isinstance(workflow, Workflow)
    assert not workflow.stopped


def test_nodes_packed_with_gzip_are_unpacked():
    found = nodes_of(packed(gzip.compress(json.dumps(NODES).encode())))
    assert found["wf-1"].name == "wf.s-1-db"
    assert found["wf-1"].phase == ArgoPhase.RUNNING


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ({"compressedNodes": "%%%"}, "not base64"),
        (packed(b"\x28\xb5\x2f\xfdxxxx")["status"], "zstd"),
        (packed(b"\x0b\x02\x80brotli")["status"], "another algorithm than gzip"),
        (packed(gzip.compress(b"{}")[:-4])["status"], "it ends early"),
        (packed(gzip.compress(b"not json"))["status"], "cannot be read"),
        (packed(gzip.compress(b'{"a":{"phase":1}}'))["status"], "cannot be read"),
        ({"offloadNodeStatusVersion": "fnv:1"}, "offloaded"),
    ],
)
def test_nodes_that_cannot_be_read_are_an_outcome_with_a_reason(status, problem):
    found = nodes_of({"status": status})
    assert isinstance(found, Unreadable)
    assert problem in found.problem


@pytest.mark.parametrize("source", [b"{", b"\xff\xfe", "[]", {"status": {"phase": 3}}, {"status": {"nodes": []}}])
def test_a_workflow_that_cannot_be_read_is_an_outcome(source):
    assert isinstance(read_workflow(source), Unreadable)


@pytest.mark.parametrize(
    ("phase", "complete"),
    [("", False), ("Pending", False), ("Running", False), ("Succeeded", True), ("Failed", True), ("Error", True)],
)
def test_a_workflow_is_complete_in_a_final_phase(phase, complete):
    workflow = read_workflow({"status": {"phase": phase}})
    assert isinstance(workflow, Workflow)
    assert workflow.complete is complete


def test_only_an_open_workflow_waits_for_its_lock():
    message = "Waiting for dr/Mutex/drplan-dr-p lock. Lock status: 0/1"
    waiting = read_workflow({"status": {"phase": "Pending", "message": message}})
    ended = read_workflow({"status": {"phase": "Succeeded", "message": message}})
    assert isinstance(waiting, Workflow)
    assert isinstance(ended, Workflow)
    assert waiting.waits_for_lock
    assert not ended.waits_for_lock


def test_packed_nodes_that_would_fill_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr("syncer.nodes._PACKED_LIMIT", 100)
    found = nodes_of(packed(gzip.compress(json.dumps(NODES).encode() + b" " * 1000)))
    assert isinstance(found, Unreadable)
    assert "more than 100 bytes" in found.problem
