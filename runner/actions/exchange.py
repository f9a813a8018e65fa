"""One HTTP exchange, on a thread of its own, so that it can be given up at any moment: the only user of the network.

`urllib3` knows time-outs for a connection and between two packets, but none for the whole. So whoever waits decides
when it is over and abandons the exchange. The moment at which the request leaves is guarded by a lock: an exchange
that was abandoned before it never sends, and one that was not reports that it may have.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as AnyTimeoutError

from runner import vocabulary as words
from runner.actions.call import Call
from runner.actions.judgement import Answer, Failure
from runner.vocabulary import HttpMethod

_CONNECT_TIMEOUT = 10.0
_SLACK = 1.0
"""Whoever waits gives up first, and knows better what to say."""
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10
_WITHOUT_BODY = (301, 302, 303)
_OF_THE_BODY = ("content-type", "content-encoding", "content-language", "content-location")
_NOT_FOR_OTHERS = ("authorization", "cookie", "proxy-authorization")


class _Abandoned(Exception):
    """Nobody waits for this exchange any more."""


class _Final(http.client.HTTPResponse):
    """Reads past informational answers: the standard library knows only one of them, 100."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        informational = http.client.SWITCHING_PROTOCOLS < status < http.client.OK
        return version, http.client.CONTINUE if informational else status, reason


class Exchange:
    """One exchange, redirects included.

    Attributes:
        done: set when the end is known.
        end: how it ended, once `done` is set.
    """

    def __init__(self, call: Call, *, seconds: float, private: frozenset[str]) -> None:
        """Prepare an exchange.

        Args:
            call: what to send.
            seconds: longest silence of the server; the whole is bounded by whoever waits.
            private: lower-case names of headers that no other host may see (besides the usual ones).
        """
        self.done = threading.Event()
        self.end: Answer | Failure = Failure("not finished", transient=True, left=False)
        self._call = call
        self._seconds = seconds
        self._private = private.union(_NOT_FOR_OTHERS)
        self._lock = threading.Lock()
        self._abandoned = False
        self._left = False
        self._redirected = False
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, daemon=True, name="exchange").start()

    def abandon(self) -> bool | None:
        """Give up; tell whether the request may have left: what has not, never will. None when it had ended."""
        with self._lock:
            if self.done.is_set():
                return None
            self._abandoned = True
            if self._socket is not None:
                with contextlib.suppress(OSError):  # it may be closed already
                    # Not the method of a TLS socket: that one changes what the other thread is reading from.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            return self._left

    def _leaving(self, connection: Any) -> None:
        """Called by the connection when it stands, before the first byte of the request."""
        with self._lock:
            if self._abandoned:
                raise _Abandoned
            self._left = True
            self._socket = connection.sock

    def _run(self) -> None:
        try:
            self.end = self._follow()
        except Exception as error:
            text, transient = _describe(error)
            self.end = Failure(text, transient=transient, left=self._left, redirected=self._redirected)
        finally:
            self.done.set()

    def _follow(self) -> Answer:
        url, method, body = self._call.url, self._call.method, self._call.body.encode("utf-8", "replace") or None
        headers = _headers(self._call)
        for _ in range(_MOST_REDIRECTS):
            response = self._send(method, url, body, headers)
            target = _redirect(url, response)
            if target is None:
                return self._answer(response)
            self._redirected = True
            response.close()
            if response.status in _WITHOUT_BODY:
                # As Go's client does, for every method: plans that were written for it rely on that.
                method, body = HttpMethod.HEAD.value if method == HttpMethod.HEAD else HttpMethod.GET.value, None
                headers = _without(headers, frozenset(_OF_THE_BODY))
            if _origin(target) != _origin(url):
                headers = _without(headers, self._private | {"host"})
            url = target
        return self._answer(self._send(method, url, body, headers))

    def _answer(self, response: urllib3.BaseHTTPResponse) -> Answer:
        return _read(response)._replace(redirected=self._redirected)

    def _send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        manager = _manager(url, verify=self._call.verify)
        manager.pool_classes_by_scheme = _pools(self)
        return manager.request(
            method,
            url,
            body=body,
            headers=dict(headers),
            retries=False,
            redirect=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=min(_CONNECT_TIMEOUT, self._seconds), read=self._seconds + _SLACK),
        )


def _pools(exchange: Exchange) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        response_class = _Final

        def connect(self) -> None:
            super().connect()
            exchange._leaving(self)

    class Secure(HTTPSConnection):
        response_class = _Final

        def connect(self) -> None:
            super().connect()
            exchange._leaving(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _manager(url: str, *, verify: bool) -> urllib3.PoolManager:
    trust: dict[str, Any] = {} if verify else {"cert_reqs": "CERT_NONE", "assert_hostname": False}
    if not verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme.lower())
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return urllib3.PoolManager(**trust)
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    credentials = urllib3.util.parse_url(proxy).auth
    trust["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=unquote(credentials)) if credentials else None
    return urllib3.ProxyManager(proxy, **trust)


def _headers(call: Call) -> dict[str, str]:
    # The standard library writes headers as Latin-1; this carries UTF-8 through it unchanged.
    headers = {name: value.encode("utf-8", "replace").decode("latin-1") for name, value in call.headers.items()}
    given = {name.lower() for name in headers}
    if "user-agent" not in given:
        headers["User-Agent"] = words.RUNNER_COMMAND
    credentials = urllib3.util.parse_url(call.url).auth
    if credentials and "authorization" not in given:
        headers["Authorization"] = urllib3.make_headers(basic_auth=unquote(credentials))["authorization"]
    return headers


def _without(headers: Mapping[str, str], dropped: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in dropped}


def _redirect(url: str, response: urllib3.BaseHTTPResponse) -> str | None:
    location = response.headers.get("Location")
    if response.status not in _REDIRECTS or not location:
        return None
    target = urljoin(url, location)
    return target if urlsplit(target).scheme in ("http", "https") else None


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _read(response: urllib3.BaseHTTPResponse) -> Answer:
    body = b""
    broken = False
    try:
        while len(body) <= words.VALUES_LIMIT and (chunk := response.read(words.VALUES_LIMIT + 1 - len(body))):
            body += chunk
    except (HTTPError, OSError):
        broken = True
    finally:
        response.close()
    return Answer(response.status, body, broken=broken, retry_after=response.headers.get("Retry-After") or "")


def _describe(error: BaseException) -> tuple[str, bool]:
    """Say what happened, without the URL, and whether it is transient."""
    if isinstance(error, ProxyError):
        text, transient = _describe(error.original_error)
        return f"proxy: {text}", transient
    if isinstance(error, NameResolutionError):
        return "the name of the host cannot be resolved", True
    if isinstance(error, NewConnectionError | ProtocolError | ConnectionError):
        return _of_the_connection(error), True
    if isinstance(error, ConnectTimeoutError):
        return "no connection in time", True
    if isinstance(error, AnyTimeoutError | TimeoutError):
        return "no answer in time", True
    if isinstance(error, SSLError):
        return f"TLS: {error}", False
    return f"{type(error).__name__}: {error}", False


def _of_the_connection(error: BaseException) -> str:
    inner = error.args[1] if isinstance(error, ProtocolError) and len(error.args) > 1 else error.__cause__ or error
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return "the connection was closed without an answer"
