"""Serves `/healthz`, `/readyz` and `/metrics` over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

_NOT_READY = 503
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serving(
    address: str, *, ready: Callable[[], bool], metrics: Callable[[], bytes]
) -> AsyncIterator[tuple[str, int]]:
    """Serve as long as the context lasts; gives the host and port that are listened on.

    Args:
        address: `host:port`; an empty host is all interfaces, port 0 any free one.
        ready: whether this process can answer questions: its caches are in view.
        metrics: the metrics as Prometheus reads them.
    """
    from aiohttp import web

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="ok\n")
        return web.Response(text="not everything is in view yet\n", status=_NOT_READY)

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": _METRICS_TYPE})

    served = web.Application()
    served.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    runner = web.AppRunner(served, access_log=None)
    await runner.setup()
    try:
        host, _, port = address.rpartition(":")
        site = web.TCPSite(runner, host or None, int(port))
        await site.start()
        listening: tuple[str, int] = runner.addresses[0][:2]
        yield listening
    finally:
        await runner.cleanup()
