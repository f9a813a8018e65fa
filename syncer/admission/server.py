"""The server that the API server asks: HTTPS, one path a kind, an answer to everything that arrives.

An answer is always an AdmissionReview, except to what is none or is too large. Whatever goes wrong in here is a refusal
that says so, never a connection that breaks.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from compiler.model.names import GROUP, VERSION
from syncer.admission import review, wire
from syncer.admission.answers import allowed
from syncer.admission.certificates import Shown
from syncer.admission.view import View
from syncer.admission.wire import Operation, Request, Response
from syncer.kube.client import Client
from syncer.kube.errors import ApiError, NotFound
from syncer.kube.resources import NAMESPACES, Key

if TYPE_CHECKING:
    from aiohttp import web

MAX_BODY = 7 * 1024 * 1024
"""Largest review: two versions of the largest object that etcd holds, with room for escapes."""

DRAIN_SECONDS = 5.0
"""How long it takes until the API server has learned that this replica is to be asked no more."""

_KEEP_SECONDS = 180.0
"""Longer than the 90 s that the API server keeps a connection: when we closed one first, its next call would fail."""

_STOP_SECONDS = 10.0
_LOOK_SECONDS = 2.0

_log = logging.getLogger(__name__)

Counted = Callable[[str, str, bool], None]
"""Is told of every answer: the kind, the operation, and whether it was allowed."""

Ending = Callable[[str], Awaitable[bool]]
"""Says whether a namespace is being deleted."""

_Answer = Callable[[Request], Awaitable[Response]]


class Server:
    """Answers reviews.

    Args:
        view: the objects of the cluster.
        shown: the certificate.
        ending: whether a namespace is being deleted; asked before a deletion is refused.
        counted: told of every answer.
    """

    def __init__(self, view: View, shown: Shown, *, ending: Ending, counted: Counted) -> None:
        self._view = view
        self._shown = shown
        self._ending = ending
        self._counted = counted
        self._runner: web.AppRunner | None = None
        self._draining = False

    async def start(self, listener: socket.socket) -> None:
        """Begin to answer.

        Args:
            listener: where; it is closed in the end.
        """
        from aiohttp import web

        application = web.Application(client_max_size=MAX_BODY)
        for kind in review.KINDS:
            application.router.add_post(path_of("validate", kind), self._handler(kind, self._validate))
        for kind in review.STAMPED:
            application.router.add_post(path_of("mutate", kind), self._handler(kind, self._mutate))
        self._runner = web.AppRunner(
            application, access_log=None, keepalive_timeout=_KEEP_SECONDS, shutdown_timeout=_STOP_SECONDS
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener, ssl_context=self._shown.tls).start()

    async def stop(self, *, drain: float = DRAIN_SECONDS) -> None:
        """Answer on for a while, but let every connection end with its answer, then finish what is being answered.

        Args:
            drain: how long.
        """
        if self._runner is None:
            return
        self._draining = True
        await asyncio.sleep(drain)
        await self._runner.cleanup()
        self._runner = None

    def _handler(self, kind: str, answer: _Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        from aiohttp import web

        async def handle(asked: web.Request) -> web.Response:
            try:
                request = wire.read(await asked.read(), kind=kind)
            except wire.Malformed as error:
                _log.warning("%s: %s", asked.path, error)
                return self._closing(web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error)))
            response = await self._answer(request, answer)
            self._counted(kind, request.operation, response.allowed)
            body = wire.write(request.uid, response)
            return self._closing(web.Response(body=body, content_type="application/json"))

        return handle

    def _closing(self, response: web.Response) -> web.Response:
        if self._draining:
            response.force_close()
        return response

    async def _answer(self, request: Request, answer: _Answer) -> Response:
        try:
            response = await answer(request)
        except Exception:  # a mistake in here must not look like a syncer that is not there
            _log.exception("reviewing %s failed", _title(request))
            message = "the syncer failed to review this, its log says why"
            return Response(allowed=False, message=message, status=HTTPStatus.INTERNAL_SERVER_ERROR)
        if not response.allowed:
            _log.info("refused %s by %s: %s", _title(request), request.user_info.username, response.message)
        return response

    async def _mutate(self, request: Request) -> Response:
        return review.mutate(request)

    async def _validate(self, request: Request) -> Response:
        if not self._view.synced:
            message = "the syncer does not know all objects yet; try again in a moment"
            return Response(allowed=False, message=message, status=HTTPStatus.SERVICE_UNAVAILABLE)
        around = review.gather(request, self._view)
        response = await asyncio.to_thread(review.judge, request, around)
        if response.allowed or request.operation is not Operation.DELETE or not await self._ending(request.namespace):
            return response
        return allowed(*response.warnings)


def path_of(what: str, kind: str) -> str:
    """Path of a webhook: `validate` or `mutate` a kind."""
    return f"/{what}-{GROUP.replace('.', '-')}-{VERSION}-{kind.lower()}"


def ending_namespaces(client: Client) -> Ending:
    """Ask the API server, which happens only before a deletion would be refused."""

    async def ending(namespace: str) -> bool:
        try:
            reply = await client.get(NAMESPACES, Key("", namespace), seconds=_LOOK_SECONDS)
        except NotFound:
            return True
        except ApiError as error:
            _log.warning("cannot see whether namespace %s is being deleted: %s", namespace, error)
            return False
        return "deletionTimestamp" in reply.object["metadata"]

    return ending


def _title(request: Request) -> str:
    return f"{request.operation} of {request.kind.kind} {request.namespace}/{request.name}"
