"""An HTTPS proxy in front of a real API server that passes everything on unchanged, except where a test says otherwise.

with Proxy(upstream, certificate) as proxy:
    victim = Victim()
    proxy.fault(nth(3), kill(victim, forwarded=True))        # dies when its third request has arrived
    proxy.fault(asks("POST", "/dractionrecords"), answer(429, retry_after=1))
    victim.pid = start_a_runner(proxy.port, proxy.authority)
    ...
    assert [asked.method for asked in proxy.asked] == ["GET", "GET", "POST"]

A watch is passed on as it comes, and `cut_streams` ends it in the middle.

What goes wrong is a rule: which request, what is done with it (both from `support.api_faults`), and how often. The
first rule that fits and is not used up counts.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from bed.certificates import Authority
from support.api_faults import Asked, Fault, Reply, When, asks

WRITES = ("POST", "PUT", "PATCH", "DELETE")
_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer", "upgrade")
_SECONDS = 60.0
_WATCH = "watch=true"


class Upstream(NamedTuple):
    """The real API server.

    Attributes:
        port: its port on 127.0.0.1.
        authority: certificate that it is checked by.
    """

    port: int
    authority: Path


class Certificate(NamedTuple):
    """What a proxy shows to its clients, for 127.0.0.1.

    Attributes:
        authority: certificate that clients check it by.
        certificate: its own.
        key: its key.
    """

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def made(cls, folder: Path) -> Certificate:
        """Make an authority and a certificate in a folder that does not exist yet."""
        authority = Authority(folder)
        authority.make()
        return cls(authority.ca, authority.certificate("apiserver"), authority.key("apiserver"))


@dataclass
class _Rule:
    when: When
    fault: Fault
    left: float


class Proxy:
    """The proxy; listens on a port of its own on 127.0.0.1.

    Attributes:
        port: where it listens.
        authority: certificate that clients check it by.
    """

    def __init__(self, upstream: Upstream, certificate: Certificate) -> None:
        self.authority = certificate.authority
        self._upstream = upstream
        self._tls = ssl.create_default_context(cafile=str(upstream.authority))
        self._own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._own.load_cert_chain(certificate.certificate, certificate.key)
        self._rules: list[_Rule] = []
        self._asked: list[Asked] = []
        self._changed = threading.Condition()
        self._connections: set[socket.socket] = set()
        self._streams: dict[socket.socket, http.client.HTTPSConnection] = {}
        self._listener = _bound(0)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = False
        self._closed = False

    def __enter__(self) -> Proxy:
        self.accept()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self.refuse()
        self._listener.close()

    def fault(self, when: When, fault: Fault, *, times: float = 1) -> None:
        """Add a rule.

        Args:
            when: which requests it is about.
            fault: what is done with them.
            times: for how many of them; `math.inf` for all.
        """
        with self._changed:
            self._rules.append(_Rule(when, fault, times))

    @property
    def asked(self) -> list[Asked]:
        """Every request so far, in the order of arrival."""
        with self._changed:
            return list(self._asked)

    def count(self, method: str = "*", path: str = "") -> int:
        """How many requests of a method (`*`: any) there were whose path has this in it."""
        return sum(map(asks(method, path), self.asked))

    def wait_for(self, count: int, method: str = "*", path: str = "", *, seconds: float = _SECONDS) -> None:
        """Wait until so many of these requests have arrived."""
        fits = asks(method, path)
        with self._changed:
            arrived = self._changed.wait_for(lambda: sum(map(fits, self._asked)) >= count, seconds)
        if not arrived:
            raise AssertionError(f"{self.count(method, path)} of {count} requests {method} {path} in {seconds:g} s")

    def refuse(self) -> None:
        """Refuse all connections from now on, and cut those that there are."""
        with self._changed:
            # A socket that is bound and does not listen keeps the port, and refuses.
            listener, self._listener, self._accepting = self._listener, _bound(self.port), False
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            for connection in self._connections:
                _cut(connection)

    def cut_streams(self) -> None:
        """Cut the watches that there are; new ones are let through."""
        with self._changed:
            for connection, upstream in self._streams.items():
                _cut(connection)
                if upstream.sock is not None:
                    _cut(upstream.sock)

    def accept(self) -> None:
        """Accept connections (again)."""
        with self._changed:
            if not self._accepting:
                self._accepting = True
                self._listener.listen(128)
                threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with self._changed:
            if not self._accepting:
                connection.close()
                return
            self._connections.add(connection)
        upstream = http.client.HTTPSConnection("127.0.0.1", self._upstream.port, timeout=_SECONDS, context=self._tls)
        try:
            with contextlib.suppress(OSError, http.client.HTTPException), _shaken(self._own, connection) as shaken:
                _Conversation(self, connection, shaken, upstream)
        finally:
            upstream.close()
            with self._changed:
                self._connections.discard(connection)
                self._streams.pop(connection, None)
            connection.close()

    def arrived(self, method: str, target: str, sent: int) -> tuple[Asked, Fault]:
        """Note a request and tell what is done with it (for the conversations)."""
        path, _, query = target.partition("?")
        with self._changed:
            writes = sum(one.write > 0 for one in self._asked)
            asked = Asked(
                number=len(self._asked) + 1,
                write=writes + 1 if method in WRITES else 0,
                method=method,
                path=path,
                query=query,
                sent=sent,
                at=time.monotonic(),
            )
            self._asked.append(asked)
            rule = next((rule for rule in self._rules if rule.left > 0 and rule.when(asked)), None)
            if rule is not None:
                rule.left -= 1
            self._changed.notify_all()
            return asked, rule.fault if rule else Fault()

    def streams(self, connection: socket.socket, upstream: http.client.HTTPSConnection) -> None:
        """Note that a watch has begun (for the conversations)."""
        with self._changed:
            self._streams[connection] = upstream

    def ended(self, asked: Asked, *, status: int, received: int, forwarded: bool) -> None:
        """Note the end of a request (for the conversations)."""
        with self._changed:
            ended = replace(asked, status=status, received=received, forwarded=forwarded)
            self._asked[asked.number - 1] = ended
            self._changed.notify_all()


class _Conversation(BaseHTTPRequestHandler):
    """One connection of a client: its requests, one after the other."""

    protocol_version = "HTTP/1.1"

    def __init__(
        self, proxy: Proxy, plain: socket.socket, connection: ssl.SSLSocket, upstream: http.client.HTTPSConnection
    ) -> None:
        self._proxy = proxy
        self._plain = plain
        self._upstream = upstream
        super().__init__(connection, ("127.0.0.1", 0), None)  # type: ignore[arg-type]

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked, fault = self._proxy.arrived(self.command, self.path, len(body))
        fault.before()
        if fault.forward and _WATCH in asked.query and not (fault.drop or fault.reply):
            self._stream(asked)
            return
        reply = self._forward(body) if fault.forward else None
        fault.after()
        reply = fault.reply or reply
        if fault.refuse:
            self._proxy.refuse()
        gone = fault.drop or reply is None
        status, size = (0, 0) if gone or reply is None else (reply.status, len(reply.body))
        self._proxy.ended(asked, status=status, received=size, forwarded=fault.forward)
        if gone or reply is None:
            self.close_connection = True
        else:
            self._reply(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def _forward(self, body: bytes) -> Reply | None:
        """Ask the API server; None when it does not answer."""
        try:
            self._upstream.request(self.command, self.path, body or None, self._passed())
            response = self._upstream.getresponse()
            kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
            return Reply(response.status, response.read(), kept)
        except (OSError, http.client.HTTPException):
            self._upstream.close()
            return None

    def _passed(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}

    def _stream(self, asked: Asked) -> None:
        """Pass a watch on as it comes, until one of the two ends it."""
        self.close_connection = True
        received = status = 0
        try:
            self._upstream.request("GET", self.path, None, self._passed())
            response = self._upstream.getresponse()
            self._proxy.streams(self._plain, self._upstream)
            status = response.status
            self.send_response_only(status)
            self.send_header("Content-Type", response.headers["Content-Type"])
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while piece := response.read1():
                received += len(piece)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        finally:
            self._proxy.ended(asked, status=status, received=received, forwarded=True)

    def _reply(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Of two sockets on one port, the one that listens is asked; so a port can change hands without ever being free.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


def _shaken(context: ssl.SSLContext, connection: socket.socket) -> ssl.SSLSocket:
    # A duplicate is wrapped, so that the connection itself stays ours to cut.
    return context.wrap_socket(connection.dup(), server_side=True)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not a TLS socket's own `shutdown`, which takes TLS away from the thread that reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
