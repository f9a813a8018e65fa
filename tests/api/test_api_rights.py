"""What the service account may not do, what is not installed, and how a runner says so; and the audit of all that."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import lifecycle
from bed.client import Bed
from bed.state import Tier
from support.api_admin import Administrator
from support.api_faults import answer, asks
from support.api_runner import ROLE, Room
from support.http_site import Site
from support.rbac_audit import REFUSED, Audit, Right, audited, granted
from support.runner_bench import spec

pytestmark = pytest.mark.bed
KEY = "s1.w1.a1"


def test_without_its_role_nothing_is_done_and_the_message_names_the_right_that_is_missing(
    room_without_rights: Room, site: Site
) -> None:
    run = room_without_rights.run()
    pod = run.pod("pod")
    runner = pod.start(KEY, spec(url=site.url))
    assert runner.wait() == 4
    assert pod.result(KEY)["reason"] == "Forbidden"
    message = runner.last_message
    assert message.startswith("not allowed, nothing was done; apply deploy/runner/role.yaml to the namespace")
    assert 'cannot get resource "drplanexecutions" in API group "dr.bkbcs.tencent.com"' in message
    assert site.count() == 0


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_an_api_server_that_does_not_know_the_rights_yet_is_asked_again(room: Room, site: Site, method: str) -> None:
    proxy = room.proxy()
    proxy.fault(asks(method), answer(403))
    runner = room.run().pod("pod", port=proxy.port).start(KEY, spec(url=site.url))
    assert runner.wait() == 0, runner.output
    assert site.count() == 1


def test_a_run_by_hand_without_the_right_to_records_does_nothing(room_without_rights: Room, site: Site) -> None:
    run = room_without_rights.break_glass()
    pod = run.pod("pod")
    runner = pod.start(KEY, spec(url=site.url))
    assert runner.wait() == 4
    assert pod.result(KEY)["reason"] == "Forbidden"
    assert 'cannot get resource "dractionrecords"' in runner.last_message
    assert site.count() == 0


@pytest.fixture
def bare_bed() -> Iterator[Bed]:
    """A bed that knows neither our kinds nor Argo's."""
    name = f"api-bare-{os.getpid()}"
    try:
        yield lifecycle.up(name, Tier.API, owner=os.getpid())
    finally:
        lifecycle.down(name, keep_logs=False)


def test_where_no_kind_of_ours_is_installed_a_run_by_hand_does_what_may_be_repeated_and_no_other_does_anything(
    bare_bed: Bed, site: Site, tmp_path: Path
) -> None:
    administrator = Administrator(bare_bed)
    with Room(administrator, tmp_path, name="bare") as room:
        run = room.break_glass_of("pay-by-hand", uid="5f3e8a90-0000-4000-8000-000000000001")
        assert run.pod("another").start("s1.w1.a2", spec(url=site.url)).wait() == 4
        by_hand = run.pod("pod")
        runner = by_hand.start(KEY, spec(url=site.url, method="PUT"))
        assert runner.wait() == 0
        assert runner.output.count("warning: running without a record") == 1
        assert by_hand.result(KEY)["record"] == ""
        long = spec(url=site.url, after=["a9"], earlier=["a9"])
        assert by_hand.start("s1.w1.a10", long).wait() == 4
        assert by_hand.result("s1.w1.a10")["reason"] == "RecordsRequired"
    administrator.close()
    assert site.count() == 1


def test_what_a_runner_was_refused_is_seen_in_the_audit_log(room_without_rights: Room, site: Site) -> None:
    audit = Audit(room_without_rights.administrator.bed.places.audit_log)
    run = room_without_rights.run()
    run.pod("pod").start(KEY, spec(url=site.url)).wait()
    uses = [use for use in audit.uses() if use.namespace == room_without_rights.namespace]
    assert {use.right for use in uses} == {Right("dr.bkbcs.tencent.com", "drplanexecutions", "get")}
    assert {(use.name, use.status) for use in uses} == {(run.name, 403)}
    assert len(uses) == 2, "it is asked once more before it is believed"
    assert audit.refused() == []


@pytest.mark.parametrize(
    ("user", "namespace", "agent", "fails"),
    [
        ("system:serviceaccount:dr:drplan-runner", "dr", "drplan-runner", True),
        ("system:serviceaccount:dr:drplan-runner", "dr" + REFUSED, "drplan-runner", False),
        ("system:serviceaccount:dr:drplan-runner", "dr", "drplan-tests", False),
        ("system:serviceaccount:dr:another", "dr", "drplan-runner", False),
    ],
)
def test_a_refusal_that_no_test_wants_fails_the_session(
    tmp_path: Path, user: str, namespace: str, agent: str, fails: bool
) -> None:
    log = tmp_path / "audit.log"
    entry = {
        "user": {"username": user},
        "userAgent": agent,
        "verb": "get",
        "objectRef": {"resource": "pods", "subresource": "log", "namespace": namespace, "name": "p"},
        "responseStatus": {"code": 403},
    }
    log.write_text(json.dumps(entry) + "\n")

    def watch() -> None:
        with audited(log), log.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    if not fails:
        watch()
        return
    with pytest.raises(AssertionError, match=r"get pods/log p in namespace dr$"):
        watch()


def test_the_role_grants_what_a_runner_uses_and_nothing_about_actions() -> None:
    rights = granted(ROLE)
    assert Right("dr.bkbcs.tencent.com", "dractionrecords", "update") in rights
    assert not {right.resource for right in rights} & {"secrets", "jobs"}
    assert not {right.verb for right in rights} & {"delete", "deletecollection", "watch", "*"}
