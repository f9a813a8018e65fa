"""The server's certificate: what it shows, replaced while it serves, and a folder that somebody else keeps it in.

A certificate that is mounted (cert-manager's, or a company's own) is read again when its files change. Without one the
syncer makes its own (`self_signed`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from pathlib import Path
from typing import NamedTuple, Protocol

CERTIFICATE_FILE = "tls.crt"
KEY_FILE = "tls.key"

LOOK_SECONDS = 10.0

_log = logging.getLogger(__name__)


class CertificateError(Exception):
    """There is no certificate that can be shown; the message says what to do."""


class KeyPair(NamedTuple):
    """A certificate, with those that vouch for it, and its key, both as PEM."""

    certificate: bytes
    key: bytes


class Keeper(Protocol):
    """Keeps the certificate of a server valid."""

    async def look(self) -> None:
        """Show the certificate that there is now.

        Raises:
            CertificateError: there is none; what was shown so far is shown still.
        """

    async def keep(self) -> None:
        """Go on doing so until cancelled."""


class Shown:
    """What a server shows to its clients; can be replaced while it serves.

    Attributes:
        tls: the TLS context for the server.
        pair: what is shown; None before there is anything.
    """

    def __init__(self) -> None:
        self.pair: KeyPair | None = None
        self._current: ssl.SSLContext | None = None
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        # Asked in every handshake, whether the client names a server or not. A whole new context, because one that
        # loads a second certificate goes on to show the first to some clients when their keys are of two kinds.
        self.tls.sni_callback = self._choose

    def show(self, pair: KeyPair) -> None:
        """Show this from the next connection on.

        Raises:
            CertificateError: it is none that can be shown.
        """
        if pair != self.pair:
            self._current = context_of(pair)
            self.pair = pair

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
        if self._current is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._current
        return None


class Folder:
    """A certificate in a folder that somebody else keeps, as a Secret of type `kubernetes.io/tls` is mounted.

    Args:
        folder: the folder with `tls.crt` and `tls.key`.
        shown: what shows it.
        seconds: how often it is looked at.
    """

    def __init__(self, folder: Path, shown: Shown, *, seconds: float = LOOK_SECONDS) -> None:
        self._folder = folder
        self._shown = shown
        self._seconds = seconds

    async def look(self) -> None:
        """Show what is in the folder now.

        Raises:
            CertificateError: that cannot be shown.
        """
        try:
            pair = KeyPair((self._folder / CERTIFICATE_FILE).read_bytes(), (self._folder / KEY_FILE).read_bytes())
        except OSError as error:
            raise CertificateError(f"cannot read the webhook's certificate: {error}") from error
        before = self._shown.pair
        self._shown.show(pair)
        if before is not None and before != pair:
            _log.info("the certificate in %s has changed and is shown from now on", self._folder)

    async def keep(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.look()
            except CertificateError as error:
                # In the middle of a change the two files may not belong together.
                _log.warning("the certificate shown so far is shown still: %s", error)


def context_of(pair: KeyPair) -> ssl.SSLContext:
    """Make the TLS context that shows a certificate. Its key is written to no disk.

    Raises:
        CertificateError: it is none, or the key is not its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    memory = os.memfd_create("certificate")
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(pair.key.rstrip() + b"\n" + pair.certificate)
        context.load_cert_chain(f"/proc/self/fd/{memory}")
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"the webhook's certificate and key cannot be used together: {error}") from error
    finally:
        os.close(memory)
    return context
