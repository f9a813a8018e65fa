"""Action type HTTP against a real server: success, failure, retries, time, proxies, TLS."""

from __future__ import annotations

import base64
import email.utils
import json
import re
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from runner.actions.call import Call
from runner.actions.exchange import Exchange
from support.http_site import Answer, Site, free_port
from support.runner_bench import Bench, Process, spec

KEY = "s1.w1.a1"


def run(bench: Bench, what: dict[str, object], **environment: str) -> Process:
    process = bench.lane().start(KEY, what, environment=environment)
    process.wait()
    return process


def test_the_request_is_sent_as_written(bench: Bench, site: Site) -> None:
    headers = {"X-Team": "zahlung ✓", "Host": "db.example", "Content-Type": "application/json"}
    what = spec(url=f"{site.url}/promote?to=b&x=%20", method="PATCH", body='{"å": 1}', headers=headers)

    assert run(bench, what).wait() == 0
    request = site.received[0]
    assert (request.method, request.target, request.body) == ("PATCH", "/promote?to=b&x=%20", '{"å": 1}'.encode())
    assert request.headers["x-team"].encode("latin-1").decode() == "zahlung ✓"
    assert request.headers["host"] == "db.example"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "drplan-runner"


def test_an_empty_body_is_not_sent(bench: Bench, site: Site) -> None:
    run(bench, spec(url=site.url, method="GET"))
    assert site.received[0].body == b""
    assert "content-length" not in site.received[0].headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"])
def test_every_method_succeeds_with_its_own_message(bench: Bench, site: Site, method: str) -> None:
    site.script("/", Answer(204))
    assert run(bench, spec(url=site.url, method=method)).last_message == f"HTTP {method} succeeded with status 204"
    assert site.received[0].method == method


@pytest.mark.parametrize(
    ("status", "success", "code", "message"),
    [
        (200, [], 0, "HTTP POST succeeded with status 200"),
        (299, [], 0, "HTTP POST succeeded with status 299"),
        (404, [404], 0, "HTTP POST succeeded with status 404"),
        (503, [503], 0, "HTTP POST succeeded with status 503"),
        (304, [], 2, "unexpected status code: 304"),
        (404, [], 2, "unexpected status code: 404"),
        (200, [201, 202], 2, "status code 200 not in success codes"),
    ],
)
def test_success_codes_decide_and_empty_means_any_2xx(
    bench: Bench, site: Site, status: int, success: list[int], code: int, message: str
) -> None:
    site.script("/", Answer(status))
    process = run(bench, spec(url=site.url, success=success, retries=3))
    assert process.wait() == code
    assert bench.record(KEY)["state"]["message"] == (message if code == 0 else f"{message} (POST {site.url})")
    assert site.count() == 1


def test_the_answer_is_kept_on_failure_too(bench: Bench, site: Site) -> None:
    site.script("/", Answer(409, '{"error": "standby lags"}'))
    assert run(bench, spec(url=site.url)).wait() == 2
    state = bench.record(KEY)["state"]
    assert state["reason"] == "HTTPStatus"
    assert state["outputs"]["httpResponse"] == {"statusCode": 409, "body": '{"error": "standby lags"}'}
    assert state["values"]["json"] == {"error": "standby lags"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_transient_answer_is_tried_again(bench: Bench, site: Site, method: str) -> None:
    site.script("/", Answer(503), Answer(429), Answer(200))
    process = run(bench, spec(url=site.url, method=method, retries=3))
    assert process.wait() == 0
    state = bench.record(KEY)["state"]
    assert site.count() == 3
    assert state["retryCount"] == 2
    assert [(attempt["n"], attempt["message"]) for attempt in state["attempts"]] == [
        (1, f"unexpected status code: 503 ({method} {site.url})"),
        (2, f"unexpected status code: 429 ({method} {site.url})"),
        (3, f"HTTP {method} succeeded with status 200"),
    ]
    assert bench.lane().result(KEY)["retryCount"] == 2
    assert f"unexpected status code: 503 ({method} {site.url}); retry 1 of 3 in 0.02 s" in process.output
    assert f"unexpected status code: 429 ({method} {site.url}); retry 2 of 3 in 0.04 s" in process.output


def test_retries_end_at_their_limit(bench: Bench, site: Site) -> None:
    site.script("/", Answer(502))
    assert run(bench, spec(url=site.url, retries=2)).wait() == 2
    state = bench.record(KEY)["state"]
    assert site.count() == 3
    assert state["message"] == f"action failed after 2 retries: unexpected status code: 502 (POST {site.url})"
    assert state["retryCount"] == 2


def test_only_the_last_attempts_are_kept(bench: Bench, site: Site) -> None:
    site.script("/", Answer(500))
    run(bench, spec(url=site.url, retries=13, interval=0.0))
    attempts = bench.record(KEY)["state"]["attempts"]
    assert [attempt["n"] for attempt in attempts] == list(range(5, 15))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_connection_is_tried_again_and_nothing_counts_as_sent(bench: Bench, method: str) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    process = run(bench, spec(url=url, method=method, retries=2))
    assert process.wait() == 2
    state = bench.record(KEY)["state"]
    assert state["reason"] == "HTTPFailed"
    why = f"HTTP request failed: connection refused ({method} {url})"
    assert state["message"] == f"action failed after 2 retries: {why}"


def test_a_name_that_cannot_be_resolved_is_tried_again(bench: Bench) -> None:
    process = run(bench, spec(url="http://nowhere.invalid/", retries=1))
    assert process.wait() == 2
    assert "the name of the host cannot be resolved" in process.last_message
    assert bench.record(KEY)["state"]["retryCount"] == 1


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_connection_that_is_reset_after_the_request_is_repeated_only_if_that_is_safe(
    bench: Bench, site: Site, method: str
) -> None:
    site.script("/", Answer(reset=True), Answer(200))
    process = run(bench, spec(url=site.url, method=method, retries=3))
    safe = method == "PUT"
    assert process.wait() == (0 if safe else 5)
    assert site.count() == (2 if safe else 1)
    if not safe:
        state = bench.record(KEY)["state"]
        assert (state["phase"], state["reason"]) == ("Unknown", "OutcomeUnknown")
        assert state["message"].startswith("HTTP POST was sent, but no answer came")


def test_a_post_that_says_it_is_idempotent_is_repeated(bench: Bench, site: Site) -> None:
    site.script("/", Answer(reset=True), Answer(200))
    assert run(bench, spec(url=site.url, idempotent=True, retries=3)).wait() == 0
    assert site.count() == 2


@pytest.mark.parametrize(("method", "code", "phase"), [("GET", 3, "Failed"), ("POST", 5, "Unknown")])
def test_a_server_that_never_answers_runs_into_the_timeout(
    bench: Bench, site: Site, method: str, code: int, phase: str
) -> None:
    site.script("/", Answer(silent=True))
    process = run(bench, spec(url=site.url, method=method, timeout=0.6))
    assert process.wait() == code
    state = bench.record(KEY)["state"]
    assert state["phase"] == phase
    if method == "GET":
        assert state["reason"] == "TimedOut"
        assert state["message"].startswith("timed out after 0.6 s")


def test_a_single_call_has_its_share_of_the_timeout(bench: Bench, site: Site) -> None:
    site.script("/", Answer(silent=True), Answer(200))
    assert run(bench, spec(url=site.url, method="GET", timeout=2.0, retries=1)).wait() == 0
    assert site.count() == 2
    assert "no answer within" in bench.record(KEY)["state"]["attempts"][0]["message"]


def test_a_body_that_trickles_does_not_outlive_the_timeout(bench: Bench, site: Site) -> None:
    site.script("/", Answer(200, "x" * 1000, trickle=0.1))
    assert run(bench, spec(url=site.url, method="GET", timeout=0.7)).wait() == 3
    assert bench.record(KEY)["state"]["reason"] == "TimedOut"


def test_waiting_for_a_retry_does_not_outlive_the_timeout(bench: Bench, site: Site) -> None:
    site.script("/", Answer(503))
    process = run(bench, spec(url=site.url, timeout=5.0, retries=3, interval=60.0))
    assert process.wait() == 3
    state = bench.record(KEY)["state"]
    assert state["message"] == f"timed out after 5 s: unexpected status code: 503 (POST {site.url})"
    assert (state["retryCount"], state.get("attempts")) == (0, None)
    assert state["outputs"]["httpResponse"]["statusCode"] == 503
    assert site.count() == 1


def test_the_server_may_ask_for_a_longer_wait(bench: Bench, site: Site) -> None:
    site.script("/", Answer(503, headers={"Retry-After": "1"}), Answer(200))
    assert run(bench, spec(url=site.url, retries=1, interval=0.0)).wait() == 0
    first, second = site.received
    assert second.at - first.at >= 1.0


def test_a_wait_that_the_server_asks_for_beyond_the_timeout_ends_the_action(bench: Bench, site: Site) -> None:
    later = email.utils.formatdate(time.time() + 3600, usegmt=True)
    site.script("/", Answer(503, headers={"Retry-After": later}))
    process = run(bench, spec(url=site.url, retries=3))
    assert process.wait() == 3
    assert site.count() == 1
    state = bench.record(KEY)["state"]
    assert (state["retryCount"], state.get("attempts")) == (0, None)
    assert "retry 1 of" not in process.output
    assert re.fullmatch(
        r"the server asked to wait 3[56]\d\d s, longer than what is left of the timeout \(20 s\): "
        rf"unexpected status code: 503 \(POST {site.url}\)",
        state["message"],
    )


def test_the_body_in_the_status_is_short_and_whole_for_later_actions(bench: Bench, site: Site) -> None:
    site.script("/", Answer(200, "ä" * 3000))
    run(bench, spec(url=site.url))
    state = bench.record(KEY)["state"]
    assert len(state["outputs"]["httpResponse"]["body"].encode()) <= 1000
    assert state["values"]["body"] == "ä" * 3000
    assert "json" not in state["values"]


def test_a_body_without_end_is_not_read_to_its_end(bench: Bench, site: Site) -> None:
    site.script("/", Answer(200, "x" * 50_000_000))
    assert run(bench, spec(url=site.url)).wait() == 0
    state = bench.record(KEY)["state"]
    assert state["values"] == {"statusCode": 200, "cut": ["json", "body"]}
    assert len(state["outputs"]["httpResponse"]["body"]) <= 1000


@pytest.mark.parametrize(("method", "code"), [("GET", 2), ("POST", 0)])
def test_half_an_answer_is_an_answer_only_for_what_must_not_be_repeated(
    bench: Bench, site: Site, method: str, code: int
) -> None:
    site.script("/", Answer(200, "half", promise=100))
    assert run(bench, spec(url=site.url, method=method, retries=1)).wait() == code
    assert site.count() == (2 if method == "GET" else 1)
    assert bench.record(KEY)["state"]["values"]["cut"] == ["json", "body"]


def test_credentials_in_the_url_become_a_header(bench: Bench, site: Site) -> None:
    run(bench, spec(url=site.url.replace("://", "://me:p%40ss@")))
    assert site.received[0].headers["authorization"] == f"Basic {base64.b64encode(b'me:p@ss').decode()}"


def test_a_proxy_in_the_environment_is_used(bench: Bench, site: Site) -> None:
    process = run(bench, spec(url="http://db.invalid/promote"), http_proxy=site.url.replace("://", "://user:pw@"))
    assert process.wait() == 0
    assert site.received[0].target == "http://db.invalid/promote"
    assert site.received[0].headers["proxy-authorization"] == f"Basic {base64.b64encode(b'user:pw').decode()}"


def test_a_host_that_is_excepted_is_called_without_the_proxy(bench: Bench, site: Site) -> None:
    unused = f"http://127.0.0.1:{free_port()}"
    assert run(bench, spec(url=site.url), http_proxy=unused, no_proxy="127.0.0.1").wait() == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody trusts, with its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(path) + ".crt"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + Path(str(path) + ".crt").read_text())
    return path


@pytest.mark.parametrize(("insecure", "code"), [(False, 2), (True, 0)])
def test_a_certificate_that_nobody_trusts_fails_for_good_unless_it_is_not_checked(
    bench: Bench, certificate: Path, insecure: bool, code: int
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Site(tls=context) as site:
        process = run(bench, spec(url=site.url, insecure=insecure, retries=3))
        assert process.wait() == code
        assert site.count() == int(insecure)
    if not insecure:
        assert "TLS: " in process.last_message
        assert bench.record(KEY)["state"]["retryCount"] == 0


def test_a_certificate_of_a_trusted_authority_is_accepted(bench: Bench, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Site(tls=context) as site:
        assert run(bench, spec(url=site.url), SSL_CERT_FILE=str(certificate) + ".crt").wait() == 0


@pytest.mark.parametrize("url", ["ftp://db/", "db/promote", "http://", "http://[::1/", "http://db:0/", "http://db/\nx"])
def test_a_url_that_is_none_is_a_mistake_of_configuration(bench: Bench, url: str) -> None:
    assert run(bench, spec(url=url, retries=3)).wait() == 4
    state = bench.record(KEY)["state"]
    assert state["reason"] == "InvalidSpec"
    assert "sent" not in state


def test_a_secret_that_ends_in_a_line_break_is_named_as_such(bench: Bench, site: Site) -> None:
    what = spec(
        url=site.url,
        headers={"X-Key": ""},
        holes=[{"at": "/http/headers/X-Key", "parts": [{"secret": "DRPLAN_SECRET_1"}]}],
    )
    process = run(bench, what, DRPLAN_SECRET_1="hunter2\n")
    assert process.wait() == 4
    assert "header 'X-Key' has a line break in it; does a Secret end in one?" in process.last_message
    assert site.count() == 0


def test_values_of_numbers_that_json_does_not_know_are_not_taken_for_json(bench: Bench, site: Site) -> None:
    site.script("/", Answer(200, '{"x": NaN, "y": 1e999}'))
    run(bench, spec(url=site.url))
    assert "json" not in bench.record(KEY)["state"]["values"]
    json.loads(bench.record_path(KEY).read_text(), parse_constant=lambda text: pytest.fail(text))


def test_a_request_that_was_given_up_before_it_left_never_leaves(certificate: Path) -> None:
    # A server that is slow with its TLS handshake: the connection stands, the request has not left.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        exchange = Exchange(Call(url, "POST", {}, "", (), False), seconds=20.0, private=frozenset())
        exchange.start()
        connection, _ = server.accept()
        assert exchange.abandon() is False
        with context.wrap_socket(connection, server_side=True) as tls:
            assert tls.recv(1) == b""
    assert exchange.done.wait(20)


def test_a_request_that_was_given_up_on_its_way_may_have_left(site: Site) -> None:
    site.script("/", Answer(silent=True))
    exchange = Exchange(Call(f"{site.url}/", "POST", {}, "", (), True), seconds=20.0, private=frozenset())
    exchange.start()
    site.wait_for(1)
    assert exchange.abandon() is True
    assert exchange.done.wait(20)


def test_an_exchange_that_has_ended_cannot_be_given_up(site: Site) -> None:
    exchange = Exchange(Call(f"{site.url}/", "POST", {}, "", (), True), seconds=20.0, private=frozenset())
    exchange.start()
    assert exchange.done.wait(20)
    assert exchange.abandon() is None
