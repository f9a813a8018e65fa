"""Jobs that runners create, wait for, give up and delete; a test says what a Job controller would say of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.api_admin import Administrator, until
from support.api_faults import Victim, asks, kill
from support.api_runner import Room, Run
from support.jobs import Jobs, spec
from support.rbac_audit import REFUSED
from support.rights import grant, revoke, rule
from support.runner_bench import Process

pytestmark = pytest.mark.bed
KEY = "s1.w1.a1"
JOBS = rule("jobs.batch", "get", "create", "delete")
PODS = rule("pods", "list")


@pytest.fixture
def room(room: Room) -> Room:
    """A room in which the runner may do what a Job takes."""
    grant(room.administrator, JOBS, PODS, to=room.namespace)
    return room


def started(run: Run, what: dict[str, Any], *, pod: str = "pod", **options: Any) -> tuple[Process, Jobs]:
    """Start an action, and wait until its Job is there."""
    process = run.pod(pod).start(KEY, what, **options)
    job = Jobs(run, KEY)
    job.made()
    return process, job


def waiting(process: Process, text: str) -> None:
    until(lambda: text in process.output, f"the runner to say: {text}")


def test_a_job_is_created_under_its_name_and_waited_for(room: Room, tmp_path: Path) -> None:
    run, progress = room.run(), tmp_path / "progress"
    what = spec(room.namespace, ttl=600, job={"completions": 3}, timeout=45.5)
    process, job = started(run, what, environment={"ARGO_PROGRESS_FILE": str(progress)})
    made = job.made()
    labels = made["metadata"]["labels"]
    assert {name.removeprefix("dr.bkbcs.tencent.com/"): value for name, value in labels.items()} == {
        "plan": "pay",
        "operation": "execute",
        "execution": run.name,
        "execution-uid": run.uid,
        "epoch": "1",
        "key": KEY,
        "app.kubernetes.io/managed-by": "drplan-syncer",
    }
    assert made["spec"]["ttlSecondsAfterFinished"] == 600
    assert made["spec"]["activeDeadlineSeconds"] == 46
    waiting(process, "0 of 3 completed, 0 active")
    job.says({"active": 1, "succeeded": 2})
    waiting(process, "2 of 3 completed, 1 active")
    assert progress.read_text() == "2/3"
    job.completes()
    assert process.wait() == 0
    state = run.state(KEY)
    assert state["message"] == f"{job.shown} completed successfully"
    uid = made["metadata"]["uid"]
    ref = {"kind": "Job", "namespace": room.namespace, "name": job.name, "uid": uid}
    assert state["outputs"] == {"jobRef": {"apiVersion": "batch/v1", **ref}}
    assert state["values"]["ref"] == ref
    assert state["values"]["object"]["status"]["succeeded"] == 3


def test_without_a_namespace_it_is_made_in_default(room: Room) -> None:
    grant(room.administrator, JOBS, to=room.namespace, namespace="default")
    run = room.run()
    assert run.pod("pod").start(KEY, spec(None, wait=False)).wait() == 0
    job = Jobs(run, KEY, namespace="default")
    assert job.get() is not None
    job.vanishes()
    revoke(room.administrator, to=room.namespace, namespace="default")


def test_a_job_that_is_not_waited_for_has_succeeded_when_it_is_made_and_keeps_its_own_times(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace, wait=False, ttl=0))
    assert process.wait() == 0
    assert run.state(KEY)["message"] == f"{job.shown} created successfully"
    made = job.made()
    assert made["spec"]["ttlSecondsAfterFinished"] == 0
    assert "activeDeadlineSeconds" not in made["spec"]


def test_a_deadline_of_its_own_stays_and_a_short_life_after_its_end_is_made_long_enough_to_be_seen(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace, ttl=1, job={"activeDeadlineSeconds": 7}))
    made = job.made()
    assert made["spec"]["activeDeadlineSeconds"] == 7
    assert made["spec"]["ttlSecondsAfterFinished"] == 60
    job.completes()
    assert process.wait() == 0


def test_a_failed_job_fails_its_action_with_its_reason_and_the_last_words_of_its_pod(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace))
    ended = {"exitCode": 3, "reason": "Error", "message": "no space\nleft", "finishedAt": "2026-01-01T00:00:00Z"}
    image = {"name": "main", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    job.pod("sync-1", {"phase": "Failed", "containerStatuses": [{**image, "state": {"terminated": ended}}]})
    job.fails("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert process.wait() == 2
    state = run.state(KEY)
    assert (state["phase"], state["reason"]) == ("Failed", "JobFailed")
    assert state["message"] == (
        f"{job.shown} failed: BackoffLimitExceeded: Job has reached the specified backoff limit; "
        "pod sync-1: container main exited with code 3: no space left"
    )
    assert state["outputs"]["jobRef"]["name"] == job.name


@pytest.fixture
def room_without_pods(administrator: Administrator, tmp_path: Path) -> Iterator[Room]:
    """A room in which the runner may not look at pods."""
    with Room(administrator, tmp_path, name=f"job-no-pods-{uuid.uuid4().hex[:6]}{REFUSED}") as made:
        grant(administrator, JOBS, to=made.namespace)
        yield made


def test_where_pods_may_not_be_looked_at_the_message_says_so_and_still_why_the_job_failed(
    room_without_pods: Room,
) -> None:
    run = room_without_pods.run()
    process, job = started(run, spec(run.room.namespace))
    job.fails("DeadlineExceeded", "Job was active longer than specified deadline")
    assert process.wait() == 2
    state = run.state(KEY)
    assert state["reason"] == "JobFailed"
    assert "failed: DeadlineExceeded: Job was active longer than specified deadline; " in state["message"]
    assert "not allowed: list pods in namespace" in state["message"]


def test_a_job_that_somebody_deletes_has_failed(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace))
    waiting(process, "0 of 1 completed")
    job.vanishes()
    assert process.wait() == 2
    assert run.state(KEY)["message"] == f"{job.shown} was deleted by somebody else before it had ended"


def test_a_suspended_job_is_waited_for_and_the_log_says_so(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace, job={"suspend": True}))
    waiting(process, "it is suspended, until somebody resumes it")
    job.administrator.merge("Job", room.namespace, job.name, {"spec": {"suspend": False}})
    job.completes()
    assert process.wait() == 0


def test_a_job_that_is_not_done_in_time_is_deleted_with_its_pods(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace, timeout=1.5))
    job.pods_end()
    assert process.wait() == 3
    state = run.state(KEY)
    assert (state["phase"], state["reason"]) == ("Failed", "TimedOut")
    assert state["message"] == (
        f"timed out after 1.5 s: waiting for the end of {job.shown}: 0 of 1 completed, 0 active; "
        f"{job.shown} was deleted with its pods"
    )
    assert job.get() is None


def test_a_stopped_runner_leaves_its_job_to_the_next_one(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace))
    waiting(process, "0 of 1 completed")
    process.stop()
    assert process.wait() == 143
    uid = job.made()["metadata"]["uid"]
    following = run.pod("next").start(KEY, spec(room.namespace))
    waiting(following, "0 of 1 completed")
    job.completes()
    assert following.wait() == 0
    assert job.made()["metadata"]["uid"] == uid
    assert run.state(KEY)["message"] == f"{job.shown} completed successfully, by an earlier attempt"


def test_a_job_whose_creation_nobody_lived_to_see_is_found_and_not_made_again(room: Room) -> None:
    run, proxy, victim = room.run(), room.proxy(), Victim()
    proxy.fault(asks("POST", "/jobs"), kill(victim, forwarded=True))
    assert run.pod("lost", port=proxy.port).start(KEY, spec(room.namespace), victim=victim).wait() == -9
    job = Jobs(run, KEY)
    uid = job.made()["metadata"]["uid"]
    following = run.pod("next").start(KEY, spec(room.namespace))
    waiting(following, "0 of 1 completed")
    job.completes()
    assert following.wait() == 0
    assert job.made()["metadata"]["uid"] == uid


def test_a_job_that_is_gone_when_its_action_is_taken_over_is_not_made_again(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace))
    waiting(process, "0 of 1 completed")
    process.kill()
    job.vanishes()
    assert run.pod("next").start(KEY, spec(room.namespace)).wait() == 5
    state = run.state(KEY)
    assert (state["phase"], state["reason"]) == ("Unknown", "OutcomeUnknown")
    assert "was made by an earlier attempt and is gone" in state["message"]
    assert job.get() is None


def test_a_retry_makes_a_new_job_in_the_place_of_the_one_that_failed(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace))
    first = job.made()["metadata"]["uid"]
    job.fails("BackoffLimitExceeded", "")
    assert process.wait() == 2
    run.fence(epoch=2)
    again = run.pod("again", epoch=2).start(KEY, spec(room.namespace))
    job.pods_end()
    until(lambda: (job.get() or {"metadata": {}})["metadata"].get("uid") not in (None, first), "another Job")
    assert job.made()["metadata"]["labels"]["dr.bkbcs.tencent.com/epoch"] == "2"
    job.completes()
    assert again.wait() == 0
    assert run.state(KEY)["phase"] == "Succeeded"


def test_a_retry_takes_a_job_that_has_succeeded_meanwhile_for_done(room: Room) -> None:
    run, what = room.run(), spec(room.namespace)
    process, job = started(run, what)
    waiting(process, "0 of 1 completed")
    process.kill()
    job.completes()
    ended = {"phase": "Failed", "reason": "OutcomeUnknown", "exitCode": 2, "holder": None}
    run.change_record(KEY, {"state": ended})
    run.fence(epoch=2)
    uid = job.made()["metadata"]["uid"]
    assert run.pod("again", epoch=2).start(KEY, what).wait() == 0
    assert job.made()["metadata"]["uid"] == uid


def test_a_job_of_the_same_name_that_is_not_ours_is_left_alone(room: Room) -> None:
    run = room.run()
    job = Jobs(run, KEY)
    template = spec(room.namespace)["job"]["template"]
    stranger = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job.name}, **template}
    uid = room.administrator.create(stranger, namespace=room.namespace)["metadata"]["uid"]
    assert run.pod("pod").start(KEY, spec(room.namespace)).wait() == 2
    state = run.state(KEY)
    assert state["reason"] == "Conflict"
    assert "it already exists and was not made by this action" in state["message"]
    assert job.made()["metadata"]["uid"] == uid


def test_a_template_that_the_api_server_refuses_fails_at_once_with_its_words(room: Room) -> None:
    run = room.run()
    assert run.pod("pod").start(KEY, spec(room.namespace, pod={"restartPolicy": "Never", "containers": []})).wait() == 2
    state = run.state(KEY)
    assert state["reason"] == "Refused"
    assert "spec.template.spec.containers: Required value" in state["message"]


def test_a_revert_deletes_a_job_that_still_runs_with_its_pods_and_waits_for_that(room: Room) -> None:
    run, what = room.run(), spec(room.namespace, wait=False)
    process, job = started(run, what)
    assert process.wait() == 0
    revert = room.run("pay-revert-1")
    undoing = revert.pod("undo").start(KEY, what, "--direction=revert", f"--undo={run.record_name(KEY)}")
    job.pods_end()
    assert undoing.wait() == 0
    assert job.get() is None
    assert revert.state(KEY)["message"] == f"Rolled back: deleted {job.shown}"
    assert run.state(KEY)["undoneBy"]["name"] == "pay-revert-1"


def test_a_revert_is_content_with_a_job_that_is_gone(room: Room) -> None:
    run, what = room.run(), spec(room.namespace, wait=False)
    process, job = started(run, what)
    assert process.wait() == 0
    job.vanishes()
    revert = room.run("pay-revert-1")
    undoing = revert.pod("undo").start(KEY, what, "--direction=revert", f"--undo={run.record_name(KEY)}")
    assert undoing.wait() == 0
    assert "was gone already" in revert.state(KEY)["message"]


def test_a_revert_that_takes_over_from_a_lost_one_waits_for_the_pods_as_well(room: Room) -> None:
    run, what = room.run(), spec(room.namespace, wait=False)
    process, job = started(run, what)
    assert process.wait() == 0
    revert, proxy, victim = room.run("pay-revert-1"), room.proxy(), Victim()
    undo = ("--direction=revert", f"--undo={run.record_name(KEY)}")
    proxy.fault(asks("DELETE", "/jobs"), kill(victim, forwarded=True))
    assert revert.pod("lost", port=proxy.port).start(KEY, what, *undo, victim=victim).wait() == -9
    undoing = revert.pod("next").start(KEY, what, *undo)
    waiting(undoing, "finalizers foregroundDeletion hold it")
    job.pods_end()
    assert undoing.wait() == 0
    assert revert.state(KEY)["message"] == f"Rolled back: deleted {job.shown}"


def test_a_job_as_a_custom_rollback_is_another_job(room: Room) -> None:
    run = room.run()
    process, job = started(run, spec(room.namespace, wait=False))
    assert process.wait() == 0
    revert = room.run("pay-revert-1")
    rollback = spec(room.namespace, wait=False, rollback=True)
    undo = ("--direction=revert", f"--undo={run.record_name(KEY)}")
    assert revert.pod("undo").start(KEY, rollback, *undo).wait() == 0
    assert revert.state(KEY)["message"] == "Rolled back: executed custom rollback action"
    own = Jobs(revert, KEY)
    assert own.name != job.name
    assert {each["metadata"]["name"] for each in room.administrator.list("Job", room.namespace)} == {own.name, job.name}
