"""Peers of the syncer on the same stream, as processes: the official client's `Watch`, and kopf's bare event handler.

    python -m benchmarks.syncer_peers watch|kopf KUBECONFIG NAMESPACE

Each does nothing with an event but count it: a line on standard output when it has begun, and one for every event.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from syncer.kube.resources import ARGO_WORKFLOWS

ROOT = Path(__file__).parent.parent
WATCH, KOPF = "watch", "kopf"
_GROUP, _VERSION, _PLURAL = ARGO_WORKFLOWS.group, ARGO_WORKFLOWS.version, ARGO_WORKFLOWS.plural
_STOP_SECONDS = 20.0


class Peer:
    """A peer that runs.

    Attributes:
        pid: its process.
    """

    def __init__(self, which: str, kubeconfig: Path, namespace: str) -> None:
        command = [sys.executable, "-m", "benchmarks.syncer_peers", which, str(kubeconfig), namespace]
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.pid = self._process.pid
        self._counted = 0
        self._thread = threading.Thread(target=self._count, daemon=True)

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join()

    @property
    def events(self) -> int:
        """How many events it has seen since it began."""
        return max(self._counted - 1, 0)

    @property
    def begun(self) -> bool:
        """Whether it has begun."""
        return self._counted > 0

    def _count(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for _ in lines:
                self._counted += 1


def say() -> None:
    """Tell that something happened."""
    print(flush=True)


async def watch(kubeconfig: str, namespace: str) -> None:
    """The official client: a list, then its `Watch` from there."""
    from kubernetes.aio import client, config
    from kubernetes.aio.watch import Watch

    await config.load_kube_config(kubeconfig)
    async with client.ApiClient() as api:
        objects = client.CustomObjectsApi(api)
        listed = await objects.list_namespaced_custom_object(_GROUP, _VERSION, namespace, _PLURAL, limit=1)
        version = listed["metadata"]["resourceVersion"]
        say()
        events = Watch().stream(
            objects.list_namespaced_custom_object, _GROUP, _VERSION, namespace, _PLURAL, resource_version=version
        )
        async for _ in events:
            say()


def operate(kubeconfig: str, namespace: str) -> None:
    """Let kopf call a handler that does nothing, at every event."""
    import kopf

    os.environ["KUBECONFIG"] = kubeconfig

    @kopf.on.startup()
    def settle(settings: kopf.OperatorSettings, **_: object) -> None:
        settings.peering.standalone = True
        settings.posting.enabled = False
        settings.scanning.disabled = True

    @kopf.on.event(_GROUP, _VERSION, _PLURAL)
    def see(type: str | None, **_: object) -> None:
        if type is not None:
            say()

    async def run() -> None:
        ready = asyncio.Event()
        running = asyncio.create_task(kopf.operator(namespaces=[namespace], standalone=True, ready_flag=ready))
        await ready.wait()
        say()
        await running

    asyncio.run(run())


def main() -> None:
    """Run one until it is terminated."""
    which, kubeconfig, namespace = sys.argv[1:]
    if which == WATCH:
        asyncio.run(watch(kubeconfig, namespace))
    else:
        operate(kubeconfig, namespace)


if __name__ == "__main__":
    main()
