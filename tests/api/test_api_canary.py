"""A secret that runners are given, or meet in Secrets: nothing that they leave behind has it in any form.

What Secrets held before is kept in Secrets, beside the record; nowhere else.
"""

from __future__ import annotations

import base64
import json
import math

import pytest

from support import jobs, rights
from support.api_actions import KEY, ActionBench, action, assert_succeeded, config, resource, secret
from support.api_admin import Object
from support.api_faults import answer, asks, drop
from support.api_runner import Room
from support.canary import TOKEN, Canary, echo, refusal
from support.http_site import Answer, Site
from support.runner_bench import spec

pytestmark = pytest.mark.bed

WRITES = {"Create": "POST", "Apply": "PATCH", "Patch": "PATCH", "Delete": "DELETE"}
UNDOING = {"Create": "DELETE", "Apply": "PATCH", "Patch": "PATCH", "Delete": "POST"}
RETRY = {"limit": 5, "interval": 0.05, "multiplier": 1.0}
VARIABLES = ("DRPLAN_SECRET_1", "DRPLAN_SECRET_2")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture
def bench(room: Room) -> ActionBench:
    """A room in which actions may change Secrets."""
    made = ActionBench(room).granted()
    made.grant_secrets_role()
    return made


@pytest.fixture
def canary() -> Canary:
    return Canary()


def calls(site: Site, path: str, **options: object) -> Object:
    """A call with a secret in its URL, in a header and in its body."""
    quoted, given = ({"secret": name} for name in VARIABLES)
    holes = [
        {"at": "/http/url", "parts": [f"{site.url}{path}?token=", quoted]},
        {"at": "/http/headers/X-Key", "parts": ["Bearer ", given]},
        {"at": "/http/body", "parts": ['{"key": "', given, '"}']},
    ]
    return spec(url=site.url, headers={"X-Key": ""}, body="-", holes=holes, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([Answer(200, "{echo}")], 0),
        ([Answer(200, '{"echo": {json}}', {"Content-Type": "application/json"})], 0),
        ([Answer(400, "{echo}")], 2),
        ([Answer(503, "{echo}"), Answer(200, "{echo}")], 0),
        ([Answer(302, "{echo}", {"Location": "/next?token={url}"})], 0),
        ([Answer(reset=True)], 5),
    ],
    ids=["echo", "json", "refusal", "retry", "redirect", "reset"],
)
def test_a_secret_of_a_call_is_sent_and_left_nowhere(
    room: Room, site: Site, canary: Canary, answers: list[Answer], code: int
) -> None:
    in_url = Canary(plain=True)
    told = echo(canary) + echo(in_url)

    def filled(text: str) -> str:
        return text.replace("{echo}", told).replace("{json}", json.dumps(told)).replace("{url}", in_url.value)

    site.script(
        "/promote",
        *(
            Answer(one.status, filled(str(one.body)), {k: filled(v) for k, v in one.headers.items()}, reset=one.reset)
            for one in answers
        ),
    )
    given = dict(zip(VARIABLES, (in_url.value, canary.value), strict=True))
    run = room.run()
    runner = run.pod("pod").start(KEY, calls(site, "/promote", retries=1), environment=given)
    assert runner.wait() == code, runner.output
    received = site.received[0]
    assert in_url.value in received.target
    assert canary.value.encode() in received.body
    assert canary.sightings(room) + in_url.sightings(room) == []


def applied(canary: Canary) -> Object:
    """A Secret as `kubectl apply` leaves it: its content stands in an annotation, too."""
    made = secret(token=canary.value)
    made["metadata"]["annotations"] = {_APPLIED: json.dumps(made)}
    return made


@pytest.mark.parametrize("operation", ["Create", "Apply", "Patch", "Delete"])
def test_the_content_of_a_secret_is_written_taken_back_and_left_nowhere(
    bench: ActionBench, canary: Canary, operation: str
) -> None:
    old = Canary()
    if operation != "Create":
        bench.create(applied(old))
    forward = bench.forward(resource(operation, config(a="1"), secret(token=canary.value), waitReady=False))
    if operation == "Patch":
        assert forward.reason == "NotFound"
        forward = bench.forward(resource(operation, secret(token=canary.value)))
    assert_succeeded(forward)
    content = (bench.get("Secret", "password") or {}).get("data", {}).get("token")
    assert content == (None if operation == "Delete" else base64.b64encode(canary.value.encode()).decode())
    assert_succeeded(bench.revert(forward))
    content = (bench.get("Secret", "password") or {}).get("data", {}).get("token")
    assert content == (None if operation == "Create" else base64.b64encode(old.value.encode()).decode())
    assert canary.sightings(bench.room) + old.sightings(bench.room) == []


@pytest.mark.parametrize("status", [422, 500])
@pytest.mark.parametrize("operation", ["Create", "Apply", "Patch", "Delete"])
def test_a_server_that_quotes_the_content_of_a_secret_is_not_quoted(
    bench: ActionBench, canary: Canary, operation: str, status: int
) -> None:
    old = Canary()
    if operation != "Create":
        bench.create(applied(old))
    what = resource(operation, secret(token=canary.value))
    # A Delete is not told what a Secret is to hold, and a Create finds none.
    known = {"Create": [canary], "Delete": [old]}.get(operation, [canary, old])
    keeping = [] if operation == "Create" else ["POST"]
    for method in (*keeping, WRITES[operation]):
        refused = bench.forward(what, port=quoting(bench, method, status, *known))
        assert (refused.phase, "***" in refused.message) == ("Failed", True), refused.message
    forward = bench.forward(what)
    assert_succeeded(forward)
    back = bench.revert(forward, port=quoting(bench, UNDOING[operation], status, *known))
    assert (back.phase, "***" in back.message) == ("Failed", True), back.message
    assert canary.sightings(bench.room) + old.sightings(bench.room) == []


def quoting(bench: ActionBench, method: str, status: int, *canaries: Canary) -> int:
    """Port of a server that quotes what Secrets hold when it is to write one."""
    proxy = bench.room.proxy()
    proxy.fault(asks(method, "/secrets"), answer(status, body=refusal(*canaries, status=status)), times=math.inf)
    return proxy.port


@pytest.mark.parametrize(
    "broken",
    [
        'data: {token: "%s',
        "data:\n  token: %s\n  token: %s",
        "data:\n  - token: %s\n token: 1",
        "data: {token: *%s}",
        "data: {token: !%s 1}",
        "stringData: %s\nmetadata: {name: no name}",
        "data: {token: '%s'}",
    ],
)
def test_a_manifest_that_cannot_be_read_is_not_quoted(bench: ActionBench, broken: str) -> None:
    canary = Canary(plain=True)
    manifest = "apiVersion: v1\nkind: Secret\nmetadata: {name: password}\n" + broken.replace("%s", canary.value)
    done = bench.forward(action("KubernetesResource", "resource", "Apply", {"manifest": manifest}))
    assert done.phase == "Failed"
    assert canary.sightings(bench.room) == []


def test_a_job_that_gets_a_secret_by_its_name_is_told_of_without_it(bench: ActionBench, canary: Canary) -> None:
    bench.create(secret(token=canary.value))
    namespace = bench.room.namespace
    rights.grant(bench.administrator, rights.rule("jobs.batch", "get", "create"), to=namespace, name="jobs")
    variable = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "password", "key": "token"}}}
    pod = {**jobs.POD, "containers": [{**jobs.POD["containers"][0], "env": [variable]}]}
    done = bench.forward(jobs.spec(namespace, wait=False, pod=pod))
    assert_succeeded(done)
    assert canary.sightings(bench.room) == []


def test_the_token_of_the_service_account_is_left_nowhere(bench: ActionBench) -> None:
    proxy = bench.room.proxy()
    proxy.fault(asks("PATCH", "/configmaps"), drop(forwarded=False), times=2)
    proxy.fault(asks("PATCH", "/configmaps"), answer(401), times=1)
    done = bench.forward(resource("Apply", config(a="1"), retry=RETRY), port=proxy.port)
    assert_succeeded(done)
    files = [path for path in bench.room.folder.rglob("*") if path.is_file() and bench.room.account not in path.parents]
    assert [path for path in files if TOKEN.search(path.read_text())] == []
    assert TOKEN.search(json.dumps(done.run.record(KEY))) is None
