"""A certificate of the syncer's own, for clusters without a cert-manager.

It is made by the `openssl` program, which is in our image anyway (Debian's `ca-certificates` needs it): Python's own
`ssl` can use certificates but not make any. It signs itself, and the API server is told to trust just it: there is no
authority whose key could sign for anybody else.

All replicas show the same one, from a Secret. Whoever finds it missing or near its end makes a new one; the Secret's
resourceVersion decides between two who do. `ca.crt` in it trusts the one before as well, and a new one is shown only
when it has been trusted for a while, so no call fails while it is replaced.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from syncer.admission.certificates import CERTIFICATE_FILE, KEY_FILE, CertificateError, KeyPair, Shown, context_of
from syncer.kube.client import Client
from syncer.kube.errors import ApiError, Conflict, NotFound
from syncer.kube.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS, Key

SECRET = "drplan-webhook-cert"
SERVICE = "drplan-webhook"
CONFIGURATION = "drplan"
"""Name of both webhook configurations."""

TRUST_FILE = "ca.crt"

DAYS = 365
RENEW_DAYS = 120
"""A third of its life is left for whatever keeps it from being renewed."""

_DAY = 24 * 60 * 60
_LOOK_SECONDS = 60.0
_ATTEMPTS = 5
_OPENSSL = "openssl"

_log = logging.getLogger(__name__)

Object = dict[str, Any]


class SelfSigned:
    """Keeps a certificate in a Secret and in the webhook configurations.

    Args:
        client: the API server.
        namespace: the syncer's namespace.
        shown: what shows the certificate.
        names: what the API server calls the server, as subject alternative names; the Service's by default.
        due: whether a certificate is to be replaced; near its end by default.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        shown: Shown,
        *,
        names: Sequence[str] = (),
        due: Callable[[bytes], Awaitable[bool]] | None = None,
    ) -> None:
        self._client = client
        self._secret = Key(namespace, SECRET)
        self._shown = shown
        self._seen: KeyPair | None = None
        service = f"{SERVICE}.{namespace}.svc"
        self._names = names or (f"DNS:{service}", f"DNS:{service}.cluster.local")
        self._due = due or is_due

    async def look(self) -> None:
        """Have a valid certificate be there and trusted, and show it; one that replaces another only the next time.

        Raises:
            CertificateError: that is not to be had.
        """
        try:
            pair, trust = await self._stored()
            told = await self._tell(trust)
        except ApiError as error:
            raise CertificateError(f"cannot keep the webhook's certificate: {error}") from error
        trusted = pair == self._seen and not told
        self._seen = pair
        if trusted or self._shown.pair is None:
            self._shown.show(pair)

    async def keep(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.look()
            except CertificateError as error:
                _log.warning("the certificate shown so far is shown still: %s", error)

    async def _stored(self) -> tuple[KeyPair, bytes]:
        """The certificate in the Secret, made anew if need be, and what is to be trusted."""
        for _ in range(_ATTEMPTS):
            try:
                secret = (await self._client.get(SECRETS, self._secret)).object
            except NotFound as error:
                message = f"there is no Secret {self._secret}: create it empty, as the installation does, or mount one"
                raise CertificateError(message) from error
            data = {name: base64.b64decode(text) for name, text in (secret.get("data") or {}).items()}
            pair = KeyPair(data.get(CERTIFICATE_FILE, b""), data.get(KEY_FILE, b""))
            trust = data.get(TRUST_FILE, b"")
            usable = _usable(pair)
            if usable and pair.certificate in trust and not await self._due(pair.certificate):
                return pair, trust
            made = await make(self._names)
            trusted = made.certificate + (pair.certificate if usable else b"")
            try:
                await self._client.replace(SECRETS, self._secret, _filled(secret, made, trusted))
            except Conflict:
                continue  # another replica was faster: its certificate is as good
            _log.info("made a certificate for the webhook, valid for %d days", DAYS)
            return made, trusted
        raise CertificateError(f"Secret {self._secret} changes all the time: is anybody else writing it?")

    async def _tell(self, trust: bytes) -> bool:
        """Have the webhook configurations trust this; returns whether any of them did not."""
        bundle = base64.b64encode(trust).decode()
        told = False
        for resource in (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS):
            key = Key("", CONFIGURATION)
            try:
                found = (await self._client.get(resource, key)).object
            except NotFound:
                _log.warning("there is no %s %s: nothing is reviewed", resource.kind, key)
                continue
            webhooks = found.get("webhooks") or []
            if any((each.get("clientConfig") or {}).get("caBundle") != bundle for each in webhooks):
                trusting = [{"name": each["name"], "clientConfig": {"caBundle": bundle}} for each in webhooks]
                await self._client.apply(resource, key, {"webhooks": trusting})
                told = True
        return told


async def make(names: Sequence[str]) -> KeyPair:
    """Make a certificate that signs itself.

    Args:
        names: its subject alternative names, such as `DNS:name` and `IP:address`.

    Raises:
        CertificateError: there is no `openssl`, or it fails.
    """
    pem = await _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", str(DAYS), "-subj", f"/CN={SERVICE}", "-keyout", "-", "-out", "-"),
        *("-addext", f"subjectAltName={','.join(names)}", "-addext", "basicConstraints=critical,CA:FALSE"),
        *("-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth"),
    )
    key, begin, certificate = pem.partition(b"-----BEGIN CERTIFICATE-----")
    return KeyPair(begin + certificate, key)


async def is_due(certificate: bytes, *, seconds: int = RENEW_DAYS * _DAY) -> bool:
    """Whether a certificate ends within a time.

    Raises:
        CertificateError: there is no `openssl`.
    """
    process = await _start("x509", "-noout", "-checkend", str(seconds))
    await process.communicate(certificate)
    return process.returncode != 0


async def _openssl(*arguments: str) -> bytes:
    process = await _start(*arguments)
    output, complaint = await process.communicate()
    if process.returncode:
        raise CertificateError(f"{_OPENSSL} {arguments[0]} failed: {complaint.decode(errors='replace').strip()}")
    return output


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec(_OPENSSL, *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as error:
        message = f"cannot run {_OPENSSL} ({error}): install it, or mount a certificate for the webhook"
        raise CertificateError(message) from error


def _usable(pair: KeyPair) -> bool:
    try:
        context_of(pair)
    except CertificateError:
        return False
    return True


def _filled(secret: Object, pair: KeyPair, trust: bytes) -> Object:
    data = {CERTIFICATE_FILE: pair.certificate, KEY_FILE: pair.key, TRUST_FILE: trust}
    written = {name: base64.b64encode(content).decode() for name, content in data.items()}
    return {**secret, "data": {**(secret.get("data") or {}), **written}}
