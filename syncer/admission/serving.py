"""Admission as a part of the program: a certificate that is kept, and a server that shows it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from syncer.admission.certificates import Folder, Keeper, Shown
from syncer.admission.self_signed import SelfSigned
from syncer.admission.server import Server, ending_namespaces
from syncer.admission.view import View
from syncer.kube.client import Client

_BACKLOG = 128


@asynccontextmanager
async def serving(
    address: str,
    *,
    certificates: str,
    client: Client,
    namespace: str,
    view: View,
    counted: Callable[[str, str, bool], None],
) -> AsyncIterator[None]:
    """Answer reviews as long as the context lasts; nothing is served when there is no address.

    Args:
        address: `host:port`; an empty host is all interfaces.
        certificates: folder with `tls.crt` and `tls.key`; empty for a self-signed certificate.
        client: the API server.
        namespace: the syncer's own namespace, where a self-signed certificate is kept.
        view: the objects of the cluster.
        counted: told of every answer: kind, operation, whether it was allowed.

    Raises:
        CertificateError: there is no certificate to be had.
    """
    if not address:
        yield
        return
    shown = Shown()
    keeper: Keeper = Folder(Path(certificates), shown) if certificates else SelfSigned(client, namespace, shown)
    await keeper.look()
    server = Server(view, shown, ending=ending_namespaces(client), counted=counted)
    await server.start(_listener(address))
    keeping = asyncio.create_task(keeper.keep())
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        await server.stop()


def _listener(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if host:
        return socket.create_server((host, int(port)), backlog=_BACKLOG)
    return socket.create_server(("", int(port)), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
