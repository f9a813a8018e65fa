"""What a Job and its pods say about themselves, and what a Job is called."""

from __future__ import annotations

from typing import Any

import pytest

from runner.actions.job_end import completions, judge, last_words
from runner.kube.readiness import Failed, Ready, Waiting
from runner.naming import job_name

UID = "0d5c2b7e"


def job(*conditions: tuple[str, str, str], spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    said = [{"type": kind, "status": "True", "reason": reason, "message": text} for kind, reason, text in conditions]
    return {"metadata": {"name": "j"}, "spec": spec or {}, "status": {**status, "conditions": said}}


def pod(name: str, *containers: dict[str, Any], owner: str = UID, **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "ownerReferences": [{"uid": owner}]}
    return {"metadata": metadata, "status": {"containerStatuses": list(containers), **status}}


def ended(code: int, at: str = "2026-01-01T00:00:00Z", **fields: str) -> dict[str, Any]:
    return {"name": "main", "state": {"terminated": {"exitCode": code, "finishedAt": at, **fields}}}


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (job(("Complete", "", "")), Ready()),
        (job(("SuccessCriteriaMet", "", ""), active=1), Waiting("0 of 1 completed, 1 active")),
        (job(("Failed", "DeadlineExceeded", "too\nlong")), Failed("DeadlineExceeded: too long")),
        (job(("FailureTarget", "BackoffLimitExceeded", ""), failed=2), Waiting("0 of 1 completed, 0 active, 2 failed")),
        (job(("Failed", "", "")), Failed("it does not say why")),
        (job(spec={"suspend": True}), Waiting("it is suspended, until somebody resumes it")),
        ({"metadata": {"name": "j"}}, Waiting("0 of 1 completed, 0 active")),
        ({"metadata": {"name": "j", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, Waiting("it is being deleted")),
    ],
)
def test_a_job_has_ended_when_it_says_so_itself(given: dict[str, Any], verdict: object) -> None:
    found = judge(given)
    assert (type(found), found) == (type(verdict), verdict)


def test_a_condition_that_is_not_true_is_none() -> None:
    given = job(("Failed", "", ""))
    given["status"]["conditions"][0]["status"] = "False"
    assert isinstance(judge(given), Waiting)


@pytest.mark.parametrize(
    ("spec", "status", "counted"),
    [
        ({"completions": 3}, {"succeeded": 2}, (2, 3)),
        ({"parallelism": 3}, {"succeeded": 3}, (1, 1)),
        ({"completions": 0}, {}, (0, 1)),
        ({}, {}, (0, 1)),
    ],
)
def test_completions_are_never_more_than_are_wanted_nor_is_that_none(
    spec: dict[str, Any], status: dict[str, Any], counted: tuple[int, int]
) -> None:
    assert completions(job(spec=spec, **status)) == counted


def test_the_pod_that_failed_last_has_the_last_words() -> None:
    pods = [
        pod("second", ended(3, "2026-01-01T00:00:02Z", reason="Error", message="later\n")),
        pod("first", ended(2, "2026-01-01T00:00:01Z", reason="Error")),
        pod("good", ended(0, "2026-01-01T00:00:09Z", reason="Completed", message="fine")),
        pod("stranger", ended(9, "2026-01-01T00:00:09Z"), owner="another"),
    ]
    assert last_words(pods, UID) == "pod second: container main exited with code 3: later"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (pod("p", ended(137, reason="OOMKilled")), "pod p: container main exited with code 137 (OOMKilled)"),
        (
            pod(
                "p", {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
            ),
            "pod p: container main did not start: ImagePullBackOff: no such image",
        ),
        (
            pod("p", reason="Evicted", message="The node was low on memory"),
            "pod p: Evicted: The node was low on memory",
        ),
        (pod("p", initContainerStatuses=[ended(1)]), "pod p: container main exited with code 1"),
        (pod("p"), ""),
    ],
)
def test_a_pod_tells_how_it_ended_whatever_ended_it(given: dict[str, Any], words: str) -> None:
    assert last_words([given], UID) == words


def test_a_long_message_is_cut() -> None:
    assert len(last_words([pod("p", ended(1, message="x" * 4096))], UID)) < 400


@pytest.mark.parametrize(
    ("action", "head"),
    [
        ("sync", "sync"),
        ("Move DB (now)!", "move-db-now"),
        ("x" * 80, "x" * 40),
        ("a" * 39 + "-b", "a" * 39),
        ("数据", "job"),
    ],
)
def test_a_job_is_called_after_its_action_and_always_the_same(action: str, head: str) -> None:
    name = job_name(action, "uid", "s1.w1.a1")
    assert name.rpartition("-")[0] == head
    assert name == job_name(action, "uid", "s1.w1.a1")
    assert len({name, job_name(action, "other", "s1.w1.a1"), job_name(action, "uid", "s1.w1.a2")}) == 3
