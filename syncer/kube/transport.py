"""Requests and their answers as bytes: the only module that knows the official client.

From `kubernetes.aio` come configuration, credentials and their renewal, TLS and the HTTP session. Its typed methods are
not used: they validate and rebuild every object, which for a large one costs ten times what reading it does, and its
`Watch` costs as much again.

Nothing is tried again here, because only the caller knows whether a request may be repeated and how long it may take.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from syncer.kube.errors import RETRY_AFTER, Unreachable, error_of

if TYPE_CHECKING:
    import aiohttp
    from kubernetes.aio.client import Configuration

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONNECT_SECONDS = 10.0
JSON = "application/json"

_RENEW_SECONDS = 60.0
_AUTHENTICATION = ("BearerToken",)
_FIRST_ERROR = 400
_UNAUTHORIZED = 401


@dataclass(frozen=True)
class Request:
    """What is asked.

    Attributes:
        method: HTTP method.
        path: path without a query.
        query: parameters, not yet quoted.
        body: what is sent, as JSON.
        content_type: type of the body.
        accept: type of the answer.
        headers: further headers.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    content_type: str = JSON
    accept: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class _Api(Protocol):
    """What is used of `kubernetes.aio.client.ApiClient`."""

    async def param_serialize(
        self,
        method: str,
        resource_path: str,
        *,
        query_params: list[tuple[str, str]],
        header_params: dict[str, str],
        auth_settings: list[str],
    ) -> Any: ...

    async def call_api(self, method: str, url: str, headers: Any, body: Any, *, _request_timeout: Any) -> Any: ...

    async def close(self) -> None: ...


class Renewal:
    """Credentials that are read again every minute, and at the next request when they were not accepted.

    Args:
        read: reads them into a configuration.
    """

    def __init__(self, read: Callable[[Configuration], Awaitable[None]]) -> None:
        self._read = read
        self._due = time.monotonic() + _RENEW_SECONDS

    def hurry(self) -> None:
        """They were not accepted: what is kept by now may be others."""
        self._due = 0.0

    async def __call__(self, configuration: Configuration) -> None:
        """Read them, if it is time; called before every request."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _RENEW_SECONDS
            await self._read(configuration)


class Transport:
    """A way to an API server. Raises nothing but `ApiError`.

    Args:
        configuration: where it is and who we are to it.
        agent: what the server is told asks.
        renewal: reads credentials again.
    """

    def __init__(self, configuration: Configuration, *, agent: str, renewal: Renewal) -> None:
        import aiohttp
        from kubernetes.aio.client import ApiClient, ApiException
        from kubernetes.aio.config import ConfigException

        api = ApiClient(configuration)
        api.user_agent = agent
        configuration.refresh_api_key_hook = renewal  # type: ignore[assignment]
        self._api: _Api = api
        self._renewal = renewal
        self._timeout = aiohttp.ClientTimeout
        # ValueError: a header that cannot be sent, such as a token with a line feed.
        self._failures = (aiohttp.ClientError, ApiException, ConfigException, OSError, ValueError)

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()

    async def ask(self, request: Request, *, seconds: float) -> bytes:
        """Send a request and return the answer.

        Args:
            request: what to ask.
            seconds: how long it may take in all.
        """
        limit = self._timeout(total=seconds, sock_connect=CONNECT_SECONDS)
        return await self._read(request, await self._send(request, limit))

    @asynccontextmanager
    async def stream(self, request: Request, *, silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send a request and yield the answer line by line, for as long as it goes on.

        Args:
            request: what to ask.
            silence: seconds without anything from the server after which it counts as dead.
        """
        response = await self._send(request, self._timeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence))
        try:
            yield self._lines(request, response.content)
        finally:
            # In the middle of an answer there is nothing to take leave of, which over TLS would take half a minute.
            if response.connection is not None and response.connection.transport is not None:
                response.connection.transport.abort()
            response.close()

    async def _send(self, request: Request, limit: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """Send a request; returns when the head of the answer is there and it is no error."""
        try:
            # This adds the token, renewed if need be. Without the body, which it would walk through and copy.
            method, url, headers, *_ = await self._api.param_serialize(
                request.method,
                request.path,
                query_params=list(request.query.items()),
                header_params={"Accept": request.accept, "Content-Type": request.content_type, **request.headers},
                auth_settings=list(_AUTHENTICATION),
            )
            answer = await self._api.call_api(method, url, headers, request.body, _request_timeout=limit)
        except self._failures as error:
            raise _unreachable(request, error) from error
        response: aiohttp.ClientResponse = answer.response
        if response.status >= _FIRST_ERROR:
            body = await self._read(request, response)
            wait = response.headers.get(RETRY_AFTER)
            if response.status == _UNAUTHORIZED:
                self._renewal.hurry()
            raise error_of(str(request), body, status=response.status, retry_after=wait)
        return response

    async def _read(self, request: Request, response: aiohttp.ClientResponse) -> bytes:
        try:
            return await response.read()
        except self._failures as error:
            raise _unreachable(request, error) from error

    async def _lines(self, request: Request, content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
        """Split a stream into lines: its own `readline` refuses long ones, and copies them with every piece it gets."""
        parts: list[bytes] = []
        try:
            async for chunk in content.iter_any():
                *ends, rest = chunk.split(b"\n")
                for end in ends:
                    yield b"".join((*parts, end))
                    parts.clear()
                parts.append(rest)
        except self._failures as error:
            raise _unreachable(request, error) from error


async def connect(
    *,
    agent: str,
    kubeconfig: str | None = None,
    context: str | None = None,
    account: Path = SERVICE_ACCOUNT,
    environment: Mapping[str, str] = os.environ,
) -> Transport:
    """Find the API server, and who we are to it; nothing is asked yet.

    As kubectl does it: a kubeconfig that is given, else that of KUBECONFIG, else the one in the home folder, else the
    service account of the pod that this runs in.

    Args:
        agent: what the server is told asks.
        kubeconfig: files, separated as in KUBECONFIG.
        context: another context than the kubeconfig's current one.
        account: folder with the service account's token and certificate.
        environment: environment variables.

    Raises:
        Unreachable: there is no configuration that can be used; the message says what to do.
    """
    files = kubeconfig or environment.get("KUBECONFIG")
    at_home = Path(environment.get("HOME", "/")) / ".kube" / "config"
    try:
        if files or at_home.exists():
            configuration, renewal = await _from_kubeconfig(files or str(at_home), context)
        else:
            configuration, renewal = _from_account(account, environment)
        return Transport(configuration, agent=agent, renewal=renewal)
    except Exception as error:  # a file that is not what the loaders expect makes them raise whatever comes
        message = f"{error}; set KUBECONFIG to a kubeconfig, or run this in a pod with a service account"
        raise Unreachable("finding the API server", message=message) from error


async def _from_kubeconfig(files: str, context: str | None) -> tuple[Configuration, Renewal]:
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import load_kube_config

    configuration = Configuration()
    loader = await load_kube_config(  # type: ignore[no-untyped-call]
        config_file=files, context=context, client_configuration=configuration, persist_config=False
    )
    # The loader reads tokens once; this makes it read token files again, and run expired credential plugins.
    return configuration, Renewal(loader.load_and_set)


def _from_account(account: Path, environment: Mapping[str, str]) -> tuple[Configuration, Renewal]:
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config.incluster_config import InClusterConfigLoader

    configuration = Configuration()
    token, authority = str(account / "token"), str(account / "ca.crt")
    loader = InClusterConfigLoader(  # type: ignore[no-untyped-call]
        token, authority, try_refresh_token=False, environ=environment
    )
    loader.load_and_set(configuration)  # type: ignore[no-untyped-call]

    async def read(configuration: Configuration) -> None:
        loader.load_and_set(configuration)  # type: ignore[no-untyped-call]

    return configuration, Renewal(read)


def _unreachable(request: Request, error: BaseException) -> Unreachable:
    return Unreachable(str(request), message=str(error) or type(error).__name__)
