"""What passes unseen, what is read and written, and that nothing that arrives breaks anything."""

from __future__ import annotations

import base64
import copy
import json
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.admission import Objects, asked, create, delete, ready, request, update
from support.plans import execution, http, plan, stage, workflow
from syncer.admission import wire
from syncer.admission.review import CLEANERS, KINDS, gather, judge, mutate, review
from syncer.admission.wire import Malformed, Operation, Response

Object = dict[str, Any]

PLAN = ready(plan(stage("db", "mysql")))
MYSQL = ready(workflow("mysql", http("a")))
BROKEN = ready(plan(stage("", "gone", dependsOn=["nowhere"])))
NAMESPACE_CONTROLLER = "system:serviceaccount:kube-system:namespace-controller"


def labelled(obj: Object, **metadata: Any) -> Object:
    return {**obj, "metadata": {**obj["metadata"], **metadata}}


@pytest.mark.parametrize("old", [BROKEN, workflow("mysql"), execution(plan="")])
def test_changes_that_leave_the_spec_alone_pass_whatever_the_object_is_like(old: Object) -> None:
    old = labelled(old, finalizers=["a/b"], deletionTimestamp="2026-01-01T00:00:00Z")

    for new in (labelled(old, labels={"a": "b"}), labelled(old, finalizers=[]), old):
        assert update(old, new) == Response(allowed=True)


@pytest.mark.parametrize("user", sorted(CLEANERS))
def test_what_kubernetes_cleans_up_goes(user: str) -> None:
    running = {**execution(), "status": {"phase": "Running"}}

    assert not delete(PLAN, running).allowed
    assert delete(PLAN, running, user=user) == Response(allowed=True)
    assert not delete(MYSQL, PLAN).allowed
    assert delete(MYSQL, PLAN, user=user) == Response(allowed=True)


def test_cleaners_are_judged_like_anybody_when_they_create() -> None:
    asking = request(Operation.CREATE, BROKEN, user=NAMESPACE_CONTROLLER)

    assert not review(asking, Objects()).allowed


def test_a_request_with_its_surroundings_is_answered_the_same_later_and_changes_nothing() -> None:
    objects = [PLAN, MYSQL, {**execution("pay-0"), "status": {"phase": "Succeeded"}}]
    before = copy.deepcopy(objects)
    for asking in (
        request(Operation.CREATE, execution()),
        request(Operation.CREATE, BROKEN),
        request(Operation.UPDATE, BROKEN, PLAN),
        request(Operation.DELETE, None, MYSQL),
        request(Operation.DELETE, None, PLAN),
    ):
        subject = copy.deepcopy(asking)
        around = gather(asking, Objects(*objects))

        assert judge(asking, around) == judge(asking, around) == review(asking, Objects(*objects))
        assert asking == subject
    assert objects == before


def test_a_dry_run_is_answered_like_any_other_request() -> None:
    for body in (asked(Operation.CREATE, BROKEN, None), asked(Operation.DELETE, None, MYSQL)):
        asking = json.loads(body)
        kind = asking["request"]["kind"]["kind"]
        asking["request"]["dryRun"] = True

        dry = wire.read(json.dumps(asking).encode(), kind=kind)
        assert review(dry, Objects(PLAN)) == review(wire.read(body, kind=kind), Objects(PLAN))


def test_of_many_objects_that_are_deleted_at_once_each_has_its_own_name() -> None:
    asking = json.loads(asked(Operation.DELETE, None, MYSQL))
    asking["request"]["name"] = ""

    found = review(wire.read(json.dumps(asking).encode(), kind="DRWorkflow"), Objects(PLAN, MYSQL))

    assert found.message == "cannot delete DRWorkflow dr/mysql: referenced by DRPlan(s): [dr/pay]"


def test_an_object_whose_name_the_server_will_make_is_judged_by_the_rest() -> None:
    generated = execution()
    generated["metadata"] = {"generateName": "pay-", "namespace": "dr"}

    assert create(generated, PLAN, MYSQL).allowed


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"request": null}',
        b'{"request": {"uid": "a"}}',
        b'{"request": {"uid": 5, "kind": {}, "operation": "CREATE"}}',
        b'{"request": {"uid": "a", "kind": {}, "operation": "GUESS"}}',
        b'{"request": {"uid": "a", "kind": {}, "operation": "CREATE", "object": [1]}}',
        b"[" * 100_000,
        asked(Operation.CREATE, MYSQL, None),
    ],
)
def test_what_is_no_review_of_the_kind_of_its_path_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(Malformed, match=r"this is no AdmissionReview|this path is for .* DRPlan, not for"):
        wire.read(body, kind="DRPlan")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("obj", [None, {}, {"metadata": None}, {"metadata": []}])
def test_a_review_without_an_object_is_answered(kind: str, operation: Operation, obj: Object | None) -> None:
    asking = json.loads(asked(operation, obj, obj))
    asking["request"]["kind"]["kind"] = kind
    read = wire.read(json.dumps(asking).encode(), kind=kind)

    found = review(read, Objects())

    if operation is Operation.CREATE:
        assert (found.allowed, found.status) == (False, HTTPStatus.BAD_REQUEST)
        assert "has no object to create" in found.message
    assert isinstance(mutate(read), Response)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "namespace", "spec", "stages", "workflows", "workflowRef", "actions", "type", "http", "params"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(spec=_VALUES, status=_VALUES, kind=st.sampled_from(KINDS), operation=st.sampled_from(list(Operation)))
def test_whatever_an_object_holds_there_is_an_answer(spec: Any, status: Any, kind: str, operation: Operation) -> None:
    obj = {"apiVersion": "dr.bkbcs.tencent.com/v1alpha1", "kind": kind, "spec": spec, "status": status}
    obj["metadata"] = {"name": "pay", "namespace": "dr", "annotations": {}}

    found = review(request(operation, obj, {**obj, "spec": {}}), Objects(PLAN, MYSQL))

    assert json.loads(wire.write("u-1", found))["response"]["allowed"] is found.allowed


def test_an_answer_is_written_as_the_api_server_reads_it() -> None:
    refused = json.loads(wire.write("u-1", create(BROKEN)))
    assert (refused["apiVersion"], refused["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert refused["response"]["uid"] == "u-1"
    assert refused["response"]["status"]["code"] == HTTPStatus.FORBIDDEN
    assert refused["response"]["status"]["reason"] == "Forbidden"
    assert refused["response"]["status"]["message"].startswith("validation failed: [stage[0]: name is required ")
    assert refused["response"]["warnings"] == ["stage[0] '' workflow[0]: workflow dr/gone not found"]

    stamped = json.loads(wire.write("u-2", mutate(request(Operation.CREATE, execution()))))["response"]
    assert (stamped["uid"], stamped["allowed"], stamped["patchType"]) == ("u-2", True, "JSONPatch")
    assert [each["op"] for each in json.loads(base64.b64decode(stamped["patch"]))] == ["add"]

    assert json.loads(wire.write("u-3", Response(allowed=True)))["response"] == {"uid": "u-3", "allowed": True}


def test_warnings_fit_into_headers() -> None:
    many = Response(allowed=True, warnings=(*(f"warning {number} ü" * 10 for number in range(100)), "a\nb\tc"))

    written = json.loads(wire.write("u", many))["response"]["warnings"]

    assert sum(len(warning.encode()) for warning in written) < 4096
    assert written[-1] == f"… and {101 - len(written) + 1} more warning(s); `drplan validate` shows all"
    few = Response(allowed=True, warnings=("a\nb\tc", "a\nb\tc"))
    assert json.loads(wire.write("u", few))["response"]["warnings"] == ["a b c"]


def test_a_refusal_that_nobody_would_read_to_its_end_is_cut() -> None:
    huge = Response(allowed=False, message="x" * 1_000_000)

    message = json.loads(wire.write("u", huge))["response"]["status"]["message"]

    assert len(message) < 20_000
    assert message.endswith("… (`drplan validate` shows the rest)")
