"""Answers of an API server, as it words them, and what they mean; and what is said of objects."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from runner import vocabulary as words
from runner.kube import answers
from runner.kube.answers import (
    Conflicting,
    Exists,
    KubeError,
    Missing,
    NotAllowed,
    NotServed,
    Passing,
    Refused,
)
from runner.kube.changing import Undoing, Undone, Written
from runner.kube.discovery import Kinds, Resource
from runner.kube.objects import Object, Ref, labelled, recreatable, secret_values
from runner.kube.telling import rolled_back, values_of
from runner.redaction import Redactor
from runner.server import Answer
from runner.vocabulary import Operation


def status(code: int, reason: str = "", message: str = "", **details: Any) -> Answer:
    value = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "details": details}
    return Answer(code, {}, json.dumps(value).encode())


TERMINATING = [{"reason": "NamespaceTerminating", "message": "namespace dr is being terminated"}]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (status(404, "NotFound", name="a", kind="configmaps"), Missing),
        (status(404, "NotFound", name="dr", kind="namespaces"), Refused),
        (status(404, "NotFound"), NotServed),
        (Answer(404, {}, b"404 page not found\n"), NotServed),
        (status(409, "AlreadyExists"), Exists),
        (status(409, "Conflict"), Conflicting),
        (status(403, "Forbidden", causes=TERMINATING), Refused),
        (status(403, "Forbidden", "exceeded quota"), NotAllowed),
        (status(400, "BadRequest"), Refused),
        (status(413, "RequestEntityTooLarge"), Refused),
        (status(422, "Invalid"), Refused),
        *((Answer(code, {}, b""), Passing) for code in (401, 408, 425, 429, 500, 502, 503, 504)),
        (Answer(200, {}, b"<html>"), Passing),
    ],
)
def test_an_answer_says_what_to_do(answer: Answer, error: type[KubeError]) -> None:
    with pytest.raises(KubeError) as raised:
        answers.read(answer, "apply ConfigMap dr/a", resource="configmaps")
    assert type(raised.value) is error


def test_a_namespace_that_is_asked_for_and_missing_is_a_missing_object() -> None:
    with pytest.raises(Missing):
        answers.read(status(404, "NotFound", name="dr", kind="namespaces"), "read", resource="namespaces")


def test_a_server_that_asks_to_come_again_is_heard() -> None:
    with pytest.raises(Passing) as raised:
        answers.read(Answer(429, {"retry-after": "7"}, b""), "read")
    assert raised.value.retry_after == 7
    assert not raised.value.perhaps_done


@pytest.mark.parametrize(("code", "perhaps"), [(401, False), (429, False), (500, True), (504, True)])
def test_a_write_that_was_turned_away_at_the_door_has_not_happened(code: int, perhaps: bool) -> None:
    with pytest.raises(Passing) as raised:
        answers.read(Answer(code, {}, b""), "create")
    assert raised.value.perhaps_done is perhaps


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            'deployments.apps "a" is forbidden: User "system:serviceaccount:dr:drplan-runner" cannot patch resource '
            '"deployments" in API group "apps" in the namespace "dr"',
            "not allowed: patch deployments.apps in namespace dr (service account drplan-runner); "
            "grant it: drplan rbac -f PLAN prints the Role",
        ),
        (
            'namespaces "a" is forbidden: User "u" cannot create resource "namespaces" in API group "" at the cluster '
            "scope",
            "not allowed: create namespaces at cluster scope (service account drplan-runner); "
            "grant it: drplan rbac -f PLAN prints the Role",
        ),
        (
            'pods "a" is forbidden: exceeded quota',
            'not allowed: create Pod dr/a: pods "a" is forbidden: exceeded quota',
        ),
    ],
)
def test_what_is_not_allowed_is_named_with_what_grants_it(message: str, said: str) -> None:
    with pytest.raises(NotAllowed) as raised:
        answers.read(status(403, "Forbidden", message), "create Pod dr/a")
    assert str(raised.value) == said


def test_what_is_confidential_is_taken_out_before_a_text_is_cut() -> None:
    redactor = Redactor(["correct horse battery"])
    message = "x" * 290 + "correct horse battery"
    with pytest.raises(Refused) as raised:
        answers.read(status(422, "Invalid", message), "apply", redact=redactor.text)
    assert "corr" not in str(raised.value)


def test_a_definition_makes_its_kinds_known_before_they_are_served() -> None:
    def ask(_path: str, _about: str) -> Object:
        raise NotServed("404 page not found")

    kinds = Kinds(ask)
    with pytest.raises(NotServed, match=r"no kind Gadget in apiVersion example\.com/v1"):
        kinds.resource("example.com/v1", "Gadget")
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "gadgets", "kind": "Gadget"},
            "versions": [{"name": "v1"}],
        },
    }
    kinds.expect(definition)
    assert kinds.resource("example.com/v1", "Gadget") == Resource("example.com/v1", "gadgets", namespaced=False)


def test_our_labels_win_and_others_of_the_same_name_stay() -> None:
    given = {words.LABEL_KEY: "theirs", words.LABEL_APP_MANAGED_BY: "Helm", "tier": "db"}
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": given}}
    ours = {words.LABEL_KEY: "s1.w1.a1", words.LABEL_APP_MANAGED_BY: words.APP_MANAGED_BY}
    assert labelled(obj, ours)["metadata"]["labels"] == {
        words.LABEL_KEY: "s1.w1.a1",
        words.LABEL_APP_MANAGED_BY: "Helm",
        "tier": "db",
    }
    assert given[words.LABEL_KEY] == "theirs"


def test_an_object_is_created_again_without_what_the_server_sets_and_with_owners_that_exist() -> None:
    owners = [{"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": name} for name in ("gone", "there")]
    metadata = {
        "name": "a",
        "namespace": "dr",
        "uid": "u",
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{}],
        "finalizers": ["example.com/hold"],
        "ownerReferences": owners,
    }
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n"}, "status": {"phase": "x"}}
    assert recreatable(obj, ["there"]) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "a",
            "namespace": "dr",
            "finalizers": ["example.com/hold"],
            "ownerReferences": owners[1:],
        },
        "spec": {"nodeName": "n"},
    }
    assert "ownerReferences" not in recreatable(obj, [])["metadata"]


def test_a_job_is_created_again_without_the_selector_of_the_old_one() -> None:
    labels = {"app": "sync", "controller-uid": "u", "batch.kubernetes.io/job-name": "a"}
    spec = {"selector": {"matchLabels": {"controller-uid": "u"}}, "template": {"metadata": {"labels": labels}}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": spec}
    assert recreatable(job, [])["spec"] == {"template": {"metadata": {"labels": {"app": "sync"}}}}
    own = {**job, "spec": {**spec, "manualSelector": True}}
    assert recreatable(own, [])["spec"] == own["spec"]


def test_a_secret_is_confidential_as_it_is_stored_and_as_it_is_meant() -> None:
    stored = base64.b64encode(b"horse").decode()
    obj = {"data": {"a": stored, "broken": "no base64!"}, "stringData": {"b": "battery"}}
    assert set(secret_values(obj)) == {stored, "horse", "no base64!", "battery"}


def written(obj: Object | None, kind: str = "ConfigMap") -> Written:
    return Written(Ref("v1", kind, "dr", "a", "u"), Operation.APPLY, existed=True, obj=obj)


def test_an_object_can_be_asked_for_without_its_managed_fields() -> None:
    obj = {"kind": "ConfigMap", "metadata": {"name": "a", "managedFields": [{}]}, "data": {"a": "1"}}
    assert values_of(written(obj)) == {
        "ref": {"kind": "ConfigMap", "namespace": "dr", "name": "a", "uid": "u"},
        "object": {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}},
    }


def test_an_object_that_is_too_large_is_listed_as_cut() -> None:
    obj = {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "x" * words.VALUES_LIMIT}}
    values = values_of(written(obj))
    assert values["cut"] == ["object"]
    assert "object" not in values


def test_nothing_of_a_secret_can_be_asked_for_but_which_one_it_is() -> None:
    obj = {"kind": "Secret", "metadata": {"name": "a"}, "data": {"a": "aG9yc2U="}}
    assert list(values_of(written(obj, "Secret"))) == ["ref"]


def one(name: str, did: Undoing, note: str = "", kind: str = "ConfigMap") -> Undone:
    return Undone(Ref("v1", kind, "dr", name), did, note)


@pytest.mark.parametrize(
    ("undone", "said"),
    [
        ([], "Rolled back: nothing had been changed"),
        ([one("a", Undoing.DELETED)], "Rolled back: deleted ConfigMap dr/a"),
        ([one("a", Undoing.DELETED), one("b", Undoing.DELETED)], "Rolled back: deleted 2 ConfigMaps"),
        (
            [one("a", Undoing.DELETED), one("b", Undoing.DELETED, kind="Service")],
            "Rolled back: deleted 2 resources: ConfigMap dr/a, Service dr/b",
        ),
        ([one("a", Undoing.RESTORED)], "Rolled back: restored ConfigMap dr/a"),
        ([one("a", Undoing.CREATED)], "Rolled back: created ConfigMap dr/a again"),
        (
            [one("a", Undoing.RESTORED, "data.x changed since and stays"), one("b", Undoing.DELETED)],
            "Rolled back: deleted ConfigMap dr/b, restored ConfigMap dr/a; "
            "ConfigMap dr/a data.x changed since and stays",
        ),
        ([one("a", Undoing.LEFT, "was gone already")], "Rolled back: nothing to do; ConfigMap dr/a was gone already"),
    ],
)
def test_a_rollback_says_what_it_did(undone: list[Undone], said: str) -> None:
    assert rolled_back(undone) == said
