"""The site that drawn plans call, in this process or alone in a pod."""

from __future__ import annotations

import inspect
import json
import socket
import struct
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAUSE = 3.0
"""Seconds on Argo between a failure and whatever happens beside it."""


class Site:
    """The site that plans call; also runs alone, in a pod, so it knows nothing but the standard library.

    `/act/RUN/ACTION?status=503,200&delay=2` answers with these statuses one after the other, the last one repeated;
    `reset` resets the connection and `silent` never answers. `GET /events/RUN` says what happened in a run, and
    `PUT /order/RUN` makes a run repeat what happened in another.
    """

    LONGEST = 90.0

    def __init__(self, *, address: str = "127.0.0.1", port: int = 0, pause: float = 0.0) -> None:
        self._pause = pause
        self._changed = threading.Condition()
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._orders: dict[str, list[tuple[str, ...]]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                site._handle(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer((address, port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        self.url = f"http://{address}:{self.server.server_address[1]}"

    def events(self, run: str) -> list[dict[str, Any]]:
        """What happened in a run so far."""
        with self._changed:
            return list(self._events.get(run, ()))

    def _handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        parts = urllib.parse.urlsplit(handler.path)
        verb, _, rest = parts.path.strip("/").partition("/")
        run, _, action = rest.partition("/")
        if verb == "act":
            self._act(handler, run, action, dict(urllib.parse.parse_qsl(parts.query)))
        elif verb == "order":
            with self._changed:
                self._orders[run] = [tuple(each) for each in json.loads(body)]
            self._answer(handler, 200, "{}")
        else:
            self._answer(handler, 200, json.dumps(self.events(run)))

    def _act(self, handler: BaseHTTPRequestHandler, run: str, action: str, script: dict[str, str]) -> None:
        statuses = script.get("status", "200").split(",")
        with self._changed:
            happened = self._events.setdefault(run, [])
            number = sum(each["what"] == "asked" and each["action"] == action for each in happened)
            status = statuses[min(number, len(statuses) - 1)]
            critical = status != "200" or "critical" in script
            event = {"action": action, "number": str(number), "status": status, "critical": critical}
            happened.append({**event, "what": "asked", "time": time.monotonic()})
            self._changed.notify_all()
        if status == "silent" or run not in self._orders:
            time.sleep(float(script.get("delay", 0)))
        with self._changed:
            late = status != "silent" and not self._wait(run, ("answered", action, str(number)), critical)
            happened.append({**event, "what": "answered", "time": time.monotonic(), "late": late})
            self._changed.notify_all()
        if status in ("reset", "silent"):
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        else:
            self._answer(handler, int(status), json.dumps({"action": action, "number": number}))

    def _wait(self, run: str, answer: tuple[str, ...], critical: bool) -> bool:
        """Wait for the turn of an answer; False when what should come before it does not happen."""
        until = time.monotonic() + self.LONGEST
        order = self._orders.get(run, [])
        before = set(order[: order.index(answer)]) if answer in order else set()
        while True:
            happened = self._events[run]
            missing = before - {(each["what"], each["action"], each["number"]) for each in happened}
            near = [each["time"] for each in happened if critical or (each["critical"] and each["what"] == "answered")]
            now = time.monotonic()
            rest = max(near, default=0.0) + self._pause - now
            if now > until or not (missing or rest > 0):
                return not missing
            self._changed.wait(1.0 if missing else rest + 0.01)

    def _answer(self, handler: BaseHTTPRequestHandler, status: int, body: str) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body.encode())


def site_source(port: int) -> str:
    """The site as a program of its own."""
    modules = "json, socket, struct, threading, time, urllib.parse"
    server = "from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer\nfrom typing import Any"
    serve = f'Site(address="0.0.0.0", port={port}, pause={PAUSE}).server.serve_forever()'
    return f"from __future__ import annotations\nimport {modules}\n{server}\n\n{inspect.getsource(Site)}\n\n{serve}\n"
