"""The API server: where it is, who we are to it, and one request after the other. It decides nothing.

For whoever asks the API server for something: the records, and the actions that change resources. Small on purpose: a
client library would cost every action half a second. Nothing is tried again here, because only the caller knows how
long its step may take and whether it may be repeated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

import urllib3
from urllib3.exceptions import HTTPError

from runner import vocabulary as words
from runner.records import Unreachable
from runner.records.requests import Request
from runner.spec import SpecError

_CONNECT = 5.0
_READ = 15.0
_KEPT = 64
_AUTHORITY = "ca.crt"
_RETRY_AFTER = "retry-after"
_USER_AGENT = "drplan-runner"


class Answer(NamedTuple):
    """What the API server answered, be it an error or not.

    Attributes:
        status: status code.
        headers: headers, their names in lower case.
        body: the whole body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after(self) -> float:
        """Seconds after which the server asks to come again; 0 when it does not ask (429 and 503 may)."""
        text = self.headers.get(_RETRY_AFTER, "").strip()
        return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0.0


class Sender(Protocol):
    """Whatever requests to an API server can be sent through."""

    def send(self, request: Request, *, read: float | None = None) -> Answer:
        """Send a request once and return the answer; raises `Unreachable` when there is none."""


class Server:
    """An API server, asked in the name of a service account. Safe to be used from several threads.

    Args:
        url: `https://host:port`.
        account: folder with `token` and `ca.crt`. The token is read for every request, since the kubelet replaces it
            while we run.
    """

    def __init__(self, url: str, *, account: str) -> None:
        self._account = account
        self._pool = urllib3.connection_from_url(url, maxsize=_KEPT, ca_certs=os.path.join(account, _AUTHORITY))

    @classmethod
    def in_cluster(cls, environment: Mapping[str, str]) -> Server:
        """Return the API server of a pod, whose environment says where it is.

        Raises:
            SpecError: this is no pod.
        """
        host, port = environment.get(words.ENV_API_HOST), environment.get(words.ENV_API_PORT, "443")
        account = environment.get(words.ENV_SERVICE_ACCOUNT) or words.SERVICE_ACCOUNT_MOUNT
        if not host or not os.path.exists(os.path.join(account, words.SERVICE_ACCOUNT_TOKEN)):
            raise SpecError("this is no pod with a service account; outside a cluster give --state=DIR")
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", account=account)

    def send(
        self, request: Request, *, read: float | None = None, extra: Mapping[str, str] = MappingProxyType({})
    ) -> Answer:
        """Send a request once and return the answer, whatever its status.

        Args:
            request: what to ask.
            read: longest silence of the server in seconds, when not the usual one.
            extra: headers besides the usual ones.

        Raises:
            Unreachable: there was no answer. A request that changes something may have arrived all the same.
        """
        headers = {"Accept": request.accept, "Authorization": f"Bearer {self._token()}", "User-Agent": _USER_AGENT}
        headers.update(extra)
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        try:
            answer = self._pool.urlopen(
                request.method,
                request.path,
                body=request.body,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=_CONNECT, read=_READ if read is None else read),
            )
        except (HTTPError, OSError) as error:
            raise Unreachable(f"{request.method} {request.path.partition('?')[0]}: {error}") from error
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    def _token(self) -> str:
        try:
            with open(os.path.join(self._account, words.SERVICE_ACCOUNT_TOKEN), encoding="ascii") as file:
                return file.read().strip()
        except OSError as error:
            raise Unreachable(f"cannot read the service account's token: {error}") from error
