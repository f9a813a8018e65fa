"""A small real HTTP server on 127.0.0.1 that counts what it is asked and answers as it is told.

with Site() as site:
    site.script("/promote", Answer(503), Answer(200, "done"))     # the last answer repeats
    ...
    assert site.count("/promote") == 2
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What is answered.

    Attributes:
        status: status code.
        body: body, text or bytes.
        headers: headers besides the length.
        delay: seconds before the answer (cut short when the site closes).
        reset: reset the connection instead of answering, after the request was read.
        silent: never answer; the connection stays open until the site closes.
        trickle: seconds between two bytes of the body.
        promise: length to announce, if it is not that of the body: the connection closes before it is kept.
    """

    status: int = 200
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    reset: bool = False
    silent: bool = False
    trickle: float = 0.0
    promise: int | None = None


@dataclass(frozen=True)
class Received:
    """A request as it arrived; header names are in lower case."""

    method: str
    path: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float


class Site:
    """The server; answers 200 with an empty body until told otherwise."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._answers: dict[str, list[Answer]] = {}
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5.0

            def handle_any(self) -> None:
                site._handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # so that closing waits for them
        self._server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; answers that are being delayed are dropped."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def script(self, path: str, *answers: Answer) -> None:
        """Answer requests for a path one after the other; the last answer repeats."""
        with self._changed:
            self._answers[path] = list(answers)

    @property
    def received(self) -> list[Received]:
        """Every request so far, in the order of arrival."""
        with self._changed:
            return list(self._received)

    def count(self, path: str | None = None) -> int:
        """How many requests there were, for a path or in all."""
        return sum(path is None or request.path == path for request in self.received)

    def wait_for(self, count: int, path: str | None = None, *, seconds: float = 20.0) -> None:
        """Wait until so many requests have arrived."""
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: sum(path is None or request.path == path for request in self._received) >= count, seconds
            )
        if not arrived:
            raise AssertionError(f"{self.count(path)} of {count} requests for {path or 'anything'} in {seconds} s")

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path = urlsplit(handler.path).path
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._changed:
            self._received.append(Received(handler.command, path, handler.path, headers, body, time.monotonic()))
            script = self._answers.get(path) or [Answer()]
            answer = script.pop(0) if len(script) > 1 else script[0]
            self._changed.notify_all()
        self._answer(handler, answer)

    def _answer(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.silent:
            self._closing.wait()
        if answer.delay and self._closing.wait(answer.delay):
            return
        if answer.reset or answer.silent:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()
            return
        data = answer.body.encode() if isinstance(answer.body, str) else answer.body
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data) if answer.promise is None else answer.promise))
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if answer.trickle:
            for byte in data:
                handler.wfile.write(bytes([byte]))
                if self._closing.wait(answer.trickle):
                    break
        else:
            handler.wfile.write(data)
        handler.close_connection = answer.promise is not None or handler.close_connection


def free_port() -> int:
    """Find a port on 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
