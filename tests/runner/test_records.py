"""The stores: files that are compared and swapped, and what an API server is asked and answers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from runner.records import Conflict, Forbidden, Gone, KindUnknown, RecordsError, Unreachable, requests
from runner.records.files import FileRecords

RECORD: dict[str, Any] = {"metadata": {"name": "pay-0123456789", "labels": {}}, "spec": {}, "state": {"n": 0}}


def test_a_record_is_created_once(tmp_path: Path) -> None:
    store = FileRecords(str(tmp_path))
    created = store.create(RECORD)
    assert created["metadata"]["resourceVersion"] == "1"
    assert created["metadata"]["uid"]
    assert store.get("pay-0123456789") == created
    with pytest.raises(Conflict):
        store.create(RECORD)


def test_a_record_is_replaced_only_as_it_was_read(tmp_path: Path) -> None:
    store = FileRecords(str(tmp_path))
    first = store.create(RECORD)
    second = store.replace({**first, "state": {"n": 1}})
    assert second["metadata"] == {**first["metadata"], "resourceVersion": "2"}
    with pytest.raises(Conflict):
        store.replace({**first, "state": {"n": 2}})
    assert store.get("pay-0123456789") == second


def test_a_record_that_is_gone_cannot_be_replaced(tmp_path: Path) -> None:
    with pytest.raises(Gone):
        FileRecords(str(tmp_path)).replace(RECORD)


def test_of_many_writers_at_once_each_change_counts(tmp_path: Path) -> None:
    FileRecords(str(tmp_path)).create(RECORD)

    def add_one(_: int) -> None:
        store = FileRecords(str(tmp_path))
        while True:
            record = store.get("pay-0123456789")
            assert record is not None
            try:
                store.replace({**record, "state": {"n": record["state"]["n"] + 1}})
                return
            except Conflict:
                continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_one, range(20)))
    record = FileRecords(str(tmp_path)).get("pay-0123456789")
    assert record is not None
    assert (record["state"]["n"], record["metadata"]["resourceVersion"]) == (20, "21")
    assert [path.name for path in (tmp_path / "records").iterdir()] == ["pay-0123456789.json"]


def test_a_pod_of_the_local_engine_lives_as_long_as_a_lock_in_its_lane_is_held(tmp_path: Path) -> None:
    import fcntl

    store = FileRecords(str(tmp_path))
    assert store.pod_gone("lane-1")
    lane = tmp_path / "lanes" / "lane-1"
    lane.mkdir(parents=True)
    (lane / "s1.w1.a1.lock").touch()
    assert store.pod_gone("lane-1")
    with open(lane / "s1.w1.a2.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not store.pod_gone("lane-1")
    assert store.pod_gone("lane-1")


API = "/apis/dr.bkbcs.tencent.com/v1alpha1/namespaces/dr"


def test_an_execution_is_asked_for_its_metadata_alone_and_from_a_quorum() -> None:
    request = requests.execution("dr", "pay-execute-1")
    assert (request.method, request.path) == ("GET", f"{API}/drplanexecutions/pay-execute-1")
    assert request.accept == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


def test_records_pods_and_workflows_are_asked_for_where_they_are() -> None:
    assert requests.get_record("dr", "r").path == f"{API}/dractionrecords/r"
    assert requests.pod("dr", "p").path == "/api/v1/namespaces/dr/pods/p"
    assert requests.workflow("dr", "w").path == "/apis/argoproj.io/v1alpha1/namespaces/dr/workflows/w"
    assert requests.get_record("dr", "../x?y").path == f"{API}/dractionrecords/..%2Fx%3Fy"


def test_writes_carry_the_whole_record() -> None:
    create, replace = requests.create_record("dr", RECORD), requests.replace_record("dr", RECORD)
    assert (create.method, urlsplit(create.path).path) == ("POST", f"{API}/dractionrecords")
    assert (replace.method, urlsplit(replace.path).path) == ("PUT", f"{API}/dractionrecords/pay-0123456789")
    for request in (create, replace):
        assert json.loads(request.body or "") == RECORD
        assert parse_qs(urlsplit(request.path).query)["fieldManager"] == ["drplan"]


def test_whether_a_stage_has_begun_is_one_list_of_one() -> None:
    request = requests.begun_records("dr", "u-1", "s2")
    query = parse_qs(urlsplit(request.path).query)
    prefix = "dr.bkbcs.tencent.com/"
    assert query["limit"] == ["1"]
    assert request.accept == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    assert query["labelSelector"] == [f"{prefix}execution-uid=u-1,{prefix}stage=s2,{prefix}result!=Skipped"]


MISSING = json.dumps({"kind": "Status", "message": "not found", "details": {"name": "r", "kind": "x"}}).encode()
GET, PUT = requests.get_record("dr", "r"), requests.replace_record("dr", RECORD)


def test_an_object_is_read() -> None:
    assert requests.read_answer(GET, 200, b'{"a": 1}') == {"a": 1}
    assert requests.read_answer(PUT, 201, b'{"a": 1}') == {"a": 1}


def test_an_object_that_does_not_exist_is_none_and_one_that_cannot_be_replaced_is_gone() -> None:
    assert requests.read_answer(GET, 404, MISSING) is None
    with pytest.raises(Gone):
        requests.read_answer(PUT, 404, MISSING)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, b"404 page not found\n", KindUnknown),
        (403, b'{"message": "forbidden: no"}', Forbidden),
        (409, b"{}", Conflict),
        (401, b"{}", Unreachable),
        (408, b"{}", Unreachable),
        (429, b"{}", Unreachable),
        (500, b"\xff", Unreachable),
        (503, b"", Unreachable),
        (200, b"<html>", Unreachable),
        (200, b"[]", Unreachable),
    ],
)
def test_an_answer_says_what_to_do(status: int, body: bytes, error: type[RecordsError]) -> None:
    for request in (GET, PUT):
        with pytest.raises(error):
            requests.read_answer(request, status, body)


def test_a_right_that_is_missing_is_named_however_long_the_name_of_the_object_is() -> None:
    missing = 'User "system:serviceaccount:dr:drplan-runner" cannot get resource "dractionrecords"'
    body = json.dumps({"message": f'dractionrecords "{"x" * 253}" is forbidden: {missing}'}).encode()
    with pytest.raises(Forbidden) as raised:
        requests.read_answer(GET, 403, body)
    assert str(raised.value) == missing


@pytest.mark.parametrize("status", [400, 405, 413, 422])
def test_an_answer_that_no_patience_mends_is_no_reason_to_wait(status: int) -> None:
    with pytest.raises(RecordsError) as raised:
        requests.read_answer(PUT, status, b'{"message": "spec.key: Invalid value"}')
    assert not isinstance(raised.value, Unreachable | Conflict | Gone | Forbidden | KindUnknown)
    assert "spec.key: Invalid value" in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (None, True),
        ({"status": {"phase": "Succeeded"}}, True),
        ({"status": {"phase": "Failed"}}, True),
        ({"status": {"phase": "Running"}}, False),
        ({"status": {"phase": "Unknown"}}, False),
        ({}, False),
    ],
)
def test_a_pod_has_ended_when_it_says_so_or_is_gone(answer: dict[str, Any] | None, ended: bool) -> None:
    assert requests.has_ended(answer) is ended
