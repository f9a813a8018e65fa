"""Carries connections from a port of the machine's loopback address to the same port of the bed's.

    python -m bed.forwarder DESCRIPTOR PORT

A socket belongs to the network in which it was made, and the descriptor is of one that was made in the machine's, while
this process lives in the bed's. So the same kubeconfig is right on both sides, and no address is shared.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress

CHUNK = 1 << 16


async def forward(listener: socket.socket, port: int) -> None:
    """Carry every connection of the listener to the port, for ever."""

    async def carry(near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            # Nobody listens there now: the caller is told as it would be on the inside.
            near_writer.transport.abort()
            return
        await asyncio.gather(_pump(near_reader, far_writer), _pump(far_reader, near_writer))
        far_writer.close()
        near_writer.close()

    server = await asyncio.start_server(carry, sock=listener)
    await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    with suppress(OSError):
        # One direction may end before the other.
        writer.write_eof()


def main() -> None:
    """Forward as the command line says."""
    descriptor, port = map(int, sys.argv[1:])
    asyncio.run(forward(socket.socket(fileno=descriptor), port))


if __name__ == "__main__":
    main()
