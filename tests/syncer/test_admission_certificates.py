"""Certificates: made, shown, and replaced between two connections of a server that runs on."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from support.kube_bench import until
from syncer.admission.certificates import CertificateError, Folder, KeyPair, Shown
from syncer.admission.self_signed import DAYS, is_due, make

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")

DAY = 24 * 60 * 60
NAMES = ["DNS:webhook.test.svc", "IP:127.0.0.1"]


def put(folder: Path, pair: KeyPair) -> None:
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)


async def serving(shown: Shown, scenario: Callable[[int], Awaitable[None]]) -> None:
    """Run a scenario with the port of a server that shows a certificate."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=shown.tls)
    async with server:
        await scenario(server.sockets[0].getsockname()[1])
    await asyncio.sleep(0.1)


def meet(port: int, trusted: KeyPair, name: str, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
    """Connect as a client that trusts just this certificate, and calls the server by this name."""
    context = ssl.create_default_context(cadata=trusted.certificate.decode())
    context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname=name):
        pass


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["webhook.test.svc", "127.0.0.1"])
def test_a_certificate_of_our_own_is_trusted_by_whoever_is_told_to(name: str, version: ssl.TLSVersion) -> None:
    async def main() -> None:
        shown, pair = Shown(), await make(NAMES)
        shown.show(pair)
        await serving(shown, lambda port: asyncio.to_thread(meet, port, pair, name, version))

    asyncio.run(main())


def test_it_is_not_trusted_under_another_name_nor_by_anybody_else() -> None:
    async def main() -> None:
        shown, pair, other = Shown(), await make(NAMES), await make(NAMES)
        shown.show(pair)

        async def scenario(port: int) -> None:
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                await asyncio.to_thread(meet, port, pair, "other.test.svc")
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(meet, port, other, "127.0.0.1")

        await serving(shown, scenario)

    asyncio.run(main())


def test_a_new_certificate_is_shown_from_the_next_connection_on() -> None:
    async def main() -> None:
        shown, first, second = Shown(), await make(NAMES), await make(NAMES)
        shown.show(first)

        async def scenario(port: int) -> None:
            await asyncio.to_thread(meet, port, first, "127.0.0.1")
            shown.show(second)
            await asyncio.to_thread(meet, port, second, "127.0.0.1")
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(meet, port, first, "127.0.0.1")

        await serving(shown, scenario)

    asyncio.run(main())


def test_before_there_is_a_certificate_nobody_gets_a_connection() -> None:
    async def main() -> None:
        pair = await make(NAMES)

        async def scenario(port: int) -> None:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.to_thread(meet, port, pair, "127.0.0.1")

        await serving(Shown(), scenario)

    asyncio.run(main())


@pytest.mark.parametrize("wrong", ["certificate", "key", "both"])
def test_what_cannot_be_shown_leaves_the_one_before(wrong: str) -> None:
    async def main() -> None:
        shown, pair, other = Shown(), await make(NAMES), await make(NAMES)
        shown.show(pair)
        broken = {
            "certificate": pair._replace(certificate=b"none"),
            "key": pair._replace(key=other.key),
            "both": KeyPair(b"", b""),
        }
        with pytest.raises(CertificateError, match="cannot be used together"):
            shown.show(broken[wrong])
        assert shown.pair == pair
        await serving(shown, lambda port: asyncio.to_thread(meet, port, pair, "127.0.0.1"))

    asyncio.run(main())


def test_a_folder_is_read_again_when_its_files_change(tmp_path: Path) -> None:
    async def main() -> None:
        shown, first, second = Shown(), await make(NAMES), await make(NAMES)
        put(tmp_path, first)
        folder = Folder(tmp_path, shown, seconds=0.01)
        await folder.look()
        assert shown.pair == first
        keeping = asyncio.create_task(folder.keep())
        (tmp_path / "tls.crt").write_bytes(second.certificate)
        await asyncio.sleep(0.1)
        assert shown.pair == first
        put(tmp_path, second)
        await until(lambda: shown.pair == second, "the new certificate")
        keeping.cancel()

    asyncio.run(main())


def test_a_folder_without_a_certificate_says_so(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="cannot read the webhook's certificate"):
        asyncio.run(Folder(tmp_path, Shown()).look())


def test_a_certificate_is_due_near_its_end_and_what_is_none_is_due_as_well() -> None:
    async def main() -> None:
        pair = await make(NAMES)
        assert not await is_due(pair.certificate)
        assert not await is_due(pair.certificate, seconds=(DAYS - 1) * DAY)
        assert await is_due(pair.certificate, seconds=(DAYS + 1) * DAY)
        assert await is_due(b"none")

    asyncio.run(main())


def test_without_openssl_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CertificateError, match="install it, or mount a certificate"):
        asyncio.run(make(NAMES))
