"""Action type HTTP and answers that are not the last: redirects, and informational ones."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from support.http_site import Answer, Site, free_port
from support.runner_bench import Bench, Process, spec

KEY = "s1.w1.a1"


def run(bench: Bench, what: dict[str, object], **environment: str) -> Process:
    process = bench.lane().start(KEY, what, environment=environment)
    process.wait()
    return process


@pytest.mark.parametrize(
    ("status", "method", "arrives"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (302, "PUT", "GET"),
        (301, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
    ],
)
def test_redirects_are_followed_as_clients_in_go_do(
    bench: Bench, site: Site, status: int, method: str, arrives: str
) -> None:
    site.script("/", Answer(status, headers={"Location": "/next"}))
    assert run(bench, spec(url=site.url, method=method, body="x")).wait() == 0
    assert [(request.method, request.path) for request in site.received] == [(method, "/"), (arrives, "/next")]
    assert site.received[1].body == (b"x" if status in (307, 308) else b"")


def test_redirects_end_after_ten(bench: Bench, site: Site) -> None:
    site.script("/", Answer(302, headers={"Location": "/"}))
    process = run(bench, spec(url=site.url, method="GET"))
    assert process.wait() == 2
    assert site.count() == 11
    assert process.last_message == f"unexpected status code: 302 (GET {site.url}, redirected)"


def test_credentials_do_not_follow_a_redirect_to_another_host(bench: Bench, site: Site) -> None:
    with Site() as other:
        site.script("/", Answer(307, headers={"Location": f"{other.url}/there"}))
        what = spec(
            url=site.url,
            headers={"Authorization": "Bearer x", "X-Key": "", "X-Team": "pay"},
            holes=[{"at": "/http/headers/X-Key", "parts": [{"secret": "DRPLAN_SECRET_1"}]}],
        )
        assert run(bench, what, DRPLAN_SECRET_1="hunter2").wait() == 0
        first, second = site.received[0].headers, other.received[0].headers
    assert (first["authorization"], first["x-key"]) == ("Bearer x", "hunter2")
    assert "authorization" not in second
    assert "x-key" not in second
    assert second["x-team"] == "pay"


def test_a_post_whose_redirect_leads_nowhere_is_unknown(bench: Bench, site: Site) -> None:
    site.script("/", Answer(307, headers={"Location": f"http://127.0.0.1:{free_port()}/"}))
    assert run(bench, spec(url=site.url, retries=3)).wait() == 5
    assert site.count() == 1


@pytest.mark.parametrize("redirect", [302, 307])
@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_post_is_not_sent_again_for_what_came_after_a_redirect(
    bench: Bench, site: Site, redirect: int, status: int
) -> None:
    site.script("/", Answer(redirect, headers={"Location": "/next"}))
    site.script("/next", Answer(status, "not now"), Answer(200))
    assert run(bench, spec(url=site.url, retries=3)).wait() == 2
    assert (site.count("/"), site.count("/next")) == (1, 1)
    state = bench.record(KEY)["state"]
    assert (state["phase"], state["reason"], state["retryCount"]) == ("Failed", "HTTPStatus", 0)
    assert state["outputs"]["httpResponse"] == {"statusCode": status, "body": "not now"}
    told = f"unexpected status code: {status} (POST {site.url}, redirected, answered: not now)"
    assert state["message"] == told


@pytest.mark.parametrize("redirect", [303, 307])
def test_a_post_whose_redirect_is_cut_off_is_unknown(bench: Bench, site: Site, redirect: int) -> None:
    site.script("/", Answer(redirect, headers={"Location": "/next"}))
    site.script("/next", Answer(reset=True), Answer(200))
    assert run(bench, spec(url=site.url, retries=3)).wait() == 5
    assert (site.count("/"), site.count("/next")) == (1, 1)
    assert bench.record(KEY)["state"]["phase"] == "Unknown"


def test_what_may_be_repeated_is_repeated_from_the_first_redirect_on(bench: Bench, site: Site) -> None:
    site.script("/", Answer(307, headers={"Location": "/next"}))
    site.script("/next", Answer(503), Answer(reset=True), Answer(200))
    assert run(bench, spec(url=site.url, method="PUT", retries=3)).wait() == 0
    assert (site.count("/"), site.count("/next")) == (3, 3)


@contextlib.contextmanager
def saying(answer: bytes) -> Iterator[str]:
    """A server that answers one request with exactly these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def test_informational_answers_are_read_past(bench: Bench) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nRetry-After: 9\r\n\r\n"
    with saying(early + hints + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone") as url:
        process = run(bench, spec(url=url))
    assert process.last_message == "HTTP POST succeeded with status 200"
    assert bench.record(KEY)["state"]["outputs"]["httpResponse"] == {"statusCode": 200, "body": "done"}


def test_a_change_of_protocol_is_a_failure_for_good(bench: Bench) -> None:
    with saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n") as url:
        process = run(bench, spec(url=url, method="GET", retries=3))
    assert process.wait() == 2
    assert process.last_message == f"unexpected status code: 101 (GET {url})"
