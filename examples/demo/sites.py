"""Two tiny sites that can take over from one another, each an HTTP server on a free port of the loopback address.

A site keeps a handful of facts that a plan changes: whether it takes visitors, whether it is frozen for writes, whether
its database is the primary. Visitors ask both sites; whoever takes visitors answers 200.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FACTS = ("active", "frozen", "primary", "backup")


@dataclass
class Site:
    """One site.

    Attributes:
        name: its name.
        facts: what a plan changes, by name.
        position: how far its copy of the data is.
        broken: whether its smoke test fails.
        calls: every change that reached it, in order.
    """

    name: str
    facts: dict[str, bool]
    position: int
    broken: bool = False
    calls: list[str] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Its address.

        Raises:
            RuntimeError: it is not started.
        """
        if self.server is None:
            raise RuntimeError(f"{self.name} is not started")
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self) -> None:
        """Listen on a free port."""
        site = self

        class Handler(_Handler):
            served = site

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a call; the only place that changes a fact."""
        name = path.strip("/")
        if method == "GET":
            return self._read(name)
        self.calls.append(f"{method} /{name}")
        if name == "promote" and method == "POST":
            wanted = json.loads(body or b"{}").get("position")
            if str(wanted) != str(self.position):
                return 409, {"error": f"{self.name} is at position {self.position}, not {wanted}"}
            self.facts["primary"] = True
            return 200, {"site": self.name, "primary": True}
        if name in FACTS and method in ("PUT", "DELETE"):
            self.facts[name] = method == "PUT"
            return 200, {"site": self.name, name: self.facts[name]}
        return 404, {"error": f"no {method} /{name} here"}

    def _read(self, name: str) -> tuple[int, dict[str, Any]]:
        if name == "smoke":
            good = not self.broken
            return (200 if good else 409), {"site": self.name, "smoke": "passed" if good else "orders are not booked"}
        if name == "replication":
            return 200, {"site": self.name, "position": self.position}
        if name == "":
            return (200 if self.facts["active"] else 421), {"served_by": self.name}
        return 200, {"site": self.name, **self.facts}


class _Handler(BaseHTTPRequestHandler):
    served: Site

    def do_GET(self) -> None:
        self._reply()

    do_PUT = do_POST = do_DELETE = do_GET

    def _reply(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        status, answer = self.served.answer(self.command, self.path, self.rfile.read(length))
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Keep the terminal for the run."""


def pair() -> tuple[Site, Site]:
    """Site a, which takes visitors, and site b, which stands by."""
    first = Site("site-a", {"active": True, "frozen": False, "primary": True, "backup": False}, position=4711)
    second = Site("site-b", {"active": False, "frozen": False, "primary": False, "backup": False}, position=4711)
    return first, second


def visitors(*sites: Site) -> list[str]:
    """Names of the sites that answer a visitor."""
    answered = []
    for site in sites:
        try:
            with urllib.request.urlopen(f"{site.url}/", timeout=5) as response:
                answered.append(json.load(response)["served_by"])
        except urllib.error.HTTPError as refusal:
            refusal.close()
    return answered
