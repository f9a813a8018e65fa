"""One execution in view until it has come to its end, whatever becomes of the API server and connections meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from drplan.cluster.server import Server
from drplan.cluster.stages import Wait
from drplan.cluster.wishes import name_of
from drplan.errors import DrplanError, Exit, InputProblem
from syncer.kube.client import Selection
from syncer.kube.errors import ApiError
from syncer.kube.informer import Informer
from syncer.kube.metrics import Metrics
from syncer.kube.resources import EXECUTIONS, Key

Object = dict[str, Any]
State = tuple[Object, str]
"""An execution, and what else there is to say about it at the moment."""

_LOOK = 1.0
"""Seconds without news after which it is looked whether there is something to say about that."""

_SILENCE = 75.0
_ENDED = "Ended"


class Vanished(DrplanError):
    """The execution was deleted before it came to its end: the history of its plan has it as Cancelled."""

    code = Exit.CANCELLED


class _Trouble(Metrics):
    """Notes that the API server is not to be had."""

    cause = ""

    def watch_restarted(self, kind: str, cause: str) -> None:  # noqa: ARG002
        if cause != _ENDED:
            self.cause = cause


async def states(server: Server, execution: Object, wait: Wait) -> AsyncGenerator[State, None]:
    """Every new state of an execution, until it has come to its end.

    Args:
        server: where it is.
        execution: the execution as it is now.
        wait: what is waited for.

    Raises:
        Vanished: it was deleted meanwhile.
        InputProblem: it was to be retried, and the syncer does not do it.
    """
    # What it would say about connections is said as a remark.
    logging.getLogger(Informer.__module__).addHandler(logging.NullHandler())
    trouble, news = _Trouble(), asyncio.Queue[Object | None]()
    key = Key(server.namespace, execution["metadata"]["name"])
    selection = Selection(EXECUTIONS, key.namespace, fields=f"metadata.name={key.name}")
    informer = Informer(server.client, selection, _read, silence=_SILENCE, metrics=trouble)
    informer.on_change(lambda _key, _old, new: news.put_nowait(new))
    following = asyncio.create_task(informer.run())
    try:
        async for state in _until_over(server, execution, wait, news, trouble):
            yield state
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def _until_over(
    server: Server, execution: Object, wait: Wait, news: asyncio.Queue[Object | None], trouble: _Trouble
) -> AsyncIterator[State]:
    shown: State | None = None
    while True:
        state = (execution, _remark(execution, wait, trouble))
        if shown is None or state[0] is not shown[0] or state[1] != shown[1]:
            shown = state
            yield state
        if wait.over(execution):
            return
        if wait.refused(execution):
            raise InputProblem(f"{name_of(execution)} is not retried; its Events say why")
        execution = _same(execution, await _next(server, execution, news, trouble))


async def _next(
    server: Server, execution: Object, news: asyncio.Queue[Object | None], trouble: _Trouble
) -> Object | None:
    """The next state; the same one when there was nothing new for a while."""
    try:
        found = await asyncio.wait_for(news.get(), _LOOK)
    except TimeoutError:
        if not trouble.cause:
            return execution
        try:
            key = Key(server.namespace, execution["metadata"]["name"])
            found = (await server.client.get(EXECUTIONS, key)).object
        except ApiError:
            return execution
    trouble.cause = ""
    return found


def _same(execution: Object, found: Object | None) -> Object:
    if found is None or found["metadata"]["uid"] != execution["metadata"]["uid"]:
        raise Vanished(f"{name_of(execution)} was deleted before it came to its end")
    return found


def _remark(execution: Object, wait: Wait, trouble: _Trouble) -> str:
    if trouble.cause:
        return f"the API server cannot be reached ({trouble.cause}); trying again"
    return wait.remark(execution, now=datetime.now(UTC))


def _read(raw: msgspec.Raw) -> Object:
    return msgspec.json.decode(raw, type=Object)
