"""The proxy in front of the API server: what it lets through, and what it does when it is told to."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from runner.records import Unreachable, requests
from runner.records.requests import Request
from runner.server import Answer, Server
from support.api_faults import Victim, answer, asks, delay, drop, hold, kill, meanwhile, nth, nth_write, refuse
from support.api_proxy import Proxy
from support.api_runner import Room

pytestmark = pytest.mark.bed


@pytest.fixture
def proxy(room: Room) -> Proxy:
    return room.proxy()


@pytest.fixture
def server(room: Room, proxy: Proxy) -> Server:
    return Server(f"https://127.0.0.1:{proxy.port}", account=str(room.account))


def absent(room: Room, name: str = "none") -> Request:
    return requests.get_record(room.namespace, name)


def post(room: Room) -> Request:
    return requests.create_record(room.namespace, {})


def test_requests_and_answers_pass_unchanged(room: Room, proxy: Proxy, server: Server) -> None:
    direct = Server(f"https://127.0.0.1:{room.port}", account=str(room.account))
    run = room.run()
    report = f"/apis/argoproj.io/v1alpha1/namespaces/{room.namespace}/workflowtaskresults/none"
    for request in (
        requests.execution(room.namespace, run.name),
        requests.begun_records(room.namespace, run.uid, "s1"),
        absent(room),
        post(room),
        Request("PATCH", report, body="{}", content_type="application/merge-patch+json"),
        Request("PATCH", report, body="{}", content_type="application/x-unheard-of"),
        Request("GET", "/version"),
    ):
        through, straight = server.send(request), direct.send(request)
        assert (through.status, through.body) == (straight.status, straight.body)
        assert through.headers["content-type"] == straight.headers["content-type"]
    asked = proxy.asked
    assert [one.status for one in asked] == [200, 200, 404, 400, 404, 415, 200]
    assert [one.write for one in asked] == [0, 0, 0, 1, 2, 3, 0]
    assert "labelSelector=" in asked[1].query
    assert (asked[3].sent, asked[4].sent) == (2, 2)
    assert asked[0].received == len(server.send(requests.execution(room.namespace, run.name)).body)


def test_a_rule_counts_for_as_many_requests_as_it_says(room: Room, proxy: Proxy, server: Server) -> None:
    proxy.fault(nth(2), answer(500))
    proxy.fault(nth_write(1), answer(503, body=b"not now"))
    proxy.fault(asks("GET", "/dractionrecords/b"), answer(429, retry_after=7), times=2)
    ends = [server.send(request) for request in (absent(room), absent(room), post(room), post(room))]
    assert [end.status for end in ends] == [404, 500, 503, 400]
    assert ends[2] == Answer(503, ends[2].headers, b"not now")
    ends = [server.send(absent(room, "b")) for _ in range(3)]
    assert [(end.status, end.retry_after) for end in ends] == [(429, 7.0), (429, 7.0), (404, 0.0)]
    assert proxy.count("GET", "/dractionrecords/b") == 3
    assert [one.forwarded for one in proxy.asked] == [True, False, False, True, False, False, True]


@pytest.mark.parametrize("forwarded", [True, False])
def test_a_dropped_answer_is_no_answer(room: Room, proxy: Proxy, server: Server, forwarded: bool) -> None:
    proxy.fault(nth(1), drop(forwarded=forwarded))
    with pytest.raises(Unreachable):
        server.send(absent(room))
    assert (proxy.asked[0].status, proxy.asked[0].forwarded) == (0, forwarded)
    assert server.send(absent(room)).status == 404


@pytest.mark.parametrize("forwarded", [True, False])
def test_a_process_is_killed_even_if_it_is_known_only_later(
    room: Room, proxy: Proxy, server: Server, forwarded: bool
) -> None:
    victim = Victim()
    proxy.fault(nth(1), kill(victim, forwarded=forwarded))
    with subprocess.Popen(["sleep", "600"]) as process:
        threading.Timer(0.1, lambda: setattr(victim, "pid", process.pid)).start()
        with pytest.raises(Unreachable):
            server.send(absent(room))
        assert process.wait(30) == -9
    assert proxy.asked[0].forwarded is forwarded


def test_what_is_held_goes_on_when_it_may(room: Room, proxy: Proxy, server: Server) -> None:
    may = threading.Event()
    ends: list[int] = []
    proxy.fault(nth(1), hold(may))
    proxy.fault(nth(2), delay(0.01))
    asking = threading.Thread(target=lambda: ends.append(server.send(absent(room)).status))
    asking.start()
    proxy.wait_for(1)
    assert server.send(absent(room)).status == 404
    assert ends == []
    may.set()
    asking.join()
    assert ends == [404]


def test_something_happens_behind_a_request_before_it_is_answered(room: Room, proxy: Proxy, server: Server) -> None:
    run = room.run(fenced=False)
    proxy.fault(nth(1), meanwhile(lambda: run.annotate(seen="after"), forwarded=True))
    proxy.fault(nth(2), meanwhile(lambda: run.annotate(seen="before"), forwarded=False))
    first, second = (server.send(requests.execution(room.namespace, run.name)).body for _ in range(2))
    assert b'"seen"' not in first
    assert b'"seen":"before"' in second


def test_refused_connections_are_accepted_again_on_the_same_port(room: Room, proxy: Proxy, server: Server) -> None:
    proxy.fault(nth(2), refuse())
    assert server.send(absent(room)).status == 404
    with pytest.raises(Unreachable):
        server.send(absent(room))
    for _ in range(3):
        with pytest.raises(Unreachable, match="refused"):
            server.send(absent(room))
    proxy.accept()
    assert server.send(absent(room)).status == 404
    assert len(proxy.asked) == 3


def test_a_client_that_does_not_know_the_authority_is_not_served(room: Room, proxy: Proxy, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(room.administrator.bed.authority.ca.read_text())
    (tmp_path / "token").write_text("x")
    with pytest.raises(Unreachable, match="certificate"):
        Server(f"https://127.0.0.1:{proxy.port}", account=str(tmp_path)).send(absent(room))
    assert proxy.asked == []
