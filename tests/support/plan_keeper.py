"""The controllers of plans, workflows, templates and limits at work in this process, in a thread of their own.

with Keeper(bench):
    bench.administrator.create(plan, namespace=…)      # and wait for what they make of it

They have the rights that the syncer's ClusterRole grants, and no others.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol

import yaml

from support import rights
from support.api_proxy import Proxy
from support.command import ROOT
from support.kube_bench import Bench
from syncer.controllers.limits import Limits
from syncer.controllers.plans import Plans
from syncer.controllers.templates import Templates
from syncer.controllers.workflows import Workflows
from syncer.kube.client import Client
from syncer.kube.controller import Controller, Result
from syncer.kube.queue import WorkQueue
from syncer.kube.resources import Key
from syncer.observed import Observed
from syncer.writing import Writer

ROLE = ROOT / "deploy" / "syncer" / "role.yaml"
_SECONDS = 60.0


class _Keeps(Protocol):
    def follow(self, queue: WorkQueue[Key]) -> None: ...

    def reconcile(self, key: Key) -> Coroutine[Any, Any, Result | None]: ...


class Keeper:
    """Controllers with their caches, for as long as the context lasts."""

    def __init__(self, bench: Bench, *, proxy: Proxy | None = None) -> None:
        self._bench = bench
        self._proxy = proxy
        self._account = Key(bench.namespace, "syncer")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Keeper:
        name = self._name = f"syncer-{uuid.uuid4().hex[:8]}"
        documents = yaml.load_all(ROLE.read_text(), yaml.CSafeLoader)
        (role,) = [each for each in documents if each["kind"] == "ClusterRole"]
        subject = {"kind": "ServiceAccount", "namespace": self._account.namespace, "name": self._account.name}
        reference = {"apiGroup": rights.GROUP, "kind": "ClusterRole", "name": name}
        binding = {"kind": "ClusterRoleBinding", "metadata": {"name": name}, "roleRef": reference}
        self._bench.administrator.create({**role, "metadata": {"name": name}})
        self._bench.administrator.create({**binding, "subjects": [subject]})
        self._thread.start()
        assert self._ready.wait(_SECONDS), "the caches are not there"
        assert self._failure is None, self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_SECONDS)
        for role in ("ClusterRoleBinding", "ClusterRole"):
            self._bench.administrator.delete(role, "", self._name)
        assert self._failure is None, self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._failure = error
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._bench.client(self._proxy) as administrator:
            client = administrator.as_service_account(self._account)
            observed = Observed(client)
            controllers = self._controllers(observed, client)
            tasks = [asyncio.create_task(informer.run()) for informer in observed.informers]
            await observed.wait()
            tasks += [asyncio.create_task(controller.run()) for controller in controllers]
            self._ready.set()
            await self._stop.wait()
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends

    def _controllers(self, observed: Observed, client: Client) -> list[Controller[Key]]:
        writer = Writer(client, observed, check=lambda: None)
        keepers: dict[str, _Keeps] = {
            "workflows": Workflows(observed, writer),
            "plans": Plans(observed, writer),
            "templates": Templates(observed, writer),
            "limits": Limits(observed, writer),
        }
        made = []
        for name, keeper in keepers.items():
            queue: WorkQueue[Key] = WorkQueue(name)
            keeper.follow(queue)
            made.append(Controller(name, queue, keeper.reconcile))
        return made


def run(bench: Bench, scenario: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    """Do something with a client in a loop of its own."""

    async def main() -> None:
        async with bench.client() as client:
            await scenario(client)

    asyncio.run(main())
