"""The admission server as a process of its own, with the syncer's own caches: what `AdmissionBench` starts.

    python -m support.admission_server KUBECONFIG FOLDER

It serves on the socket that is its standard input, shows the certificate in the folder, says `serving` when everything
is in view, then a line `KIND OPERATION ALLOWED` for each answer, and stops on SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from pathlib import Path

from syncer.admission.certificates import Folder, Shown
from syncer.admission.server import Server, ending_namespaces
from syncer.kube.client import Client
from syncer.observed import Observed


def say(*words: object) -> None:
    print(*words, flush=True)


async def serve(kubeconfig: str, folder: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with await Client.connect(agent="admission-tests", kubeconfig=kubeconfig) as client:
        view, shown = Observed(client), Shown()
        keeper = Folder(Path(folder), shown, seconds=0.1)
        await keeper.look()
        watching = [asyncio.create_task(informer.run()) for informer in view.informers]
        watching.append(asyncio.create_task(keeper.keep()))
        server = Server(view, shown, ending=ending_namespaces(client), counted=say)
        await server.start(socket.socket(fileno=sys.stdin.fileno()))
        say("listening")
        await view.wait()
        say("serving")
        await stopped.wait()
        await server.stop(drain=0.1)
        for task in watching:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
