"""A process that takes part in an election and, while it leads, writes its name into a file, a line every moment.

    python kube_candidate.py ACCOUNT PORT NAMESPACE IDENTITY FILE LEASE RENEW RETRY

It ends at SIGTERM. The file tells who worked when: it only grows, and every line is one write that was allowed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEASE = "test"


def start(
    account: Path, port: int, namespace: str, *, identity: str, file: Path, pace: tuple[float, float, float], **env: str
) -> subprocess.Popen[bytes]:
    """Start one."""
    arguments = [str(account), str(port), namespace, identity, str(file), *map(str, pace)]
    paths = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    return subprocess.Popen([sys.executable, __file__, *arguments], env={**os.environ, **paths, **env})


async def _main(account: Path, port: int, namespace: str, identity: str, file: Path, pace: list[float]) -> None:
    from support.kube_bench import client_of
    from syncer.kube.errors import NotLeading
    from syncer.kube.leader import Leader, Pace
    from syncer.kube.resources import Key

    async with await client_of(account, port) as client:
        leader = Leader(client, Key(namespace, LEASE), identity=identity, pace=Pace(*pace))

        async def work() -> None:
            with file.open("ab", buffering=0) as lines:
                while True:
                    with contextlib.suppress(NotLeading):
                        leader.check()
                        lines.write(identity.encode() + b"\n")
                    await asyncio.sleep(0.02)

        running = asyncio.create_task(leader.run(work))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await running


if __name__ == "__main__":
    account, port, namespace, identity, file, *pace = sys.argv[1:]
    asyncio.run(_main(Path(account), int(port), namespace, identity, Path(file), [float(each) for each in pace]))
