"""The controller runtime at a real API server: a namespace, a service account that may do everything, and proxies.

with Bench(administrator, certificate, folder) as bench:
    async with bench.client(bench.proxy()) as client:
        ...
"""

from __future__ import annotations

import asyncio
import gc
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType

from support.api_admin import Administrator, Object, path_of
from support.api_proxy import Certificate, Proxy, Upstream
from syncer.kube.client import Client, Selection
from syncer.kube.errors import Forbidden, Unauthorized
from syncer.kube.resources import NAMESPACES
from syncer.kube.transport import connect

AGENT = "kube-tests"
ACCOUNT = "controller"
_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_SECONDS = 60.0


class Bench:
    """A namespace of its own and a way into it."""

    def __init__(self, administrator: Administrator, certificate: Certificate, folder: Path) -> None:
        self.administrator = administrator
        self.namespace = f"kube-{uuid.uuid4().hex[:8]}"
        self.port: int = administrator.bed.state.port
        self.account = folder / "account"
        self._certificate = certificate
        self._stack = ExitStack()

    def __enter__(self) -> Bench:
        ask = self.administrator
        ask.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        ask.create(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}, namespace=self.namespace
        )
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        subject = {"kind": "ServiceAccount", "namespace": self.namespace, "name": ACCOUNT}
        ask.ask("POST", _BINDINGS, {"metadata": {"name": self.namespace}, "roleRef": role, "subjects": [subject]})
        self.account.mkdir()
        (self.account / "token").write_text(self.token())
        authorities = (ask.bed.authority.ca, self._certificate.authority)
        (self.account / "ca.crt").write_text("".join(path.read_text() for path in authorities))
        asyncio.run(self._wait_until_known())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        # What a loop left behind is complained of here, and not in the middle of another test.
        gc.collect()
        self.administrator.ask("DELETE", f"{_BINDINGS}/{self.namespace}")
        self.administrator.delete("Namespace", "", self.namespace)

    def token(self, *, bound_to: str = "") -> str:
        """A token of the service account, which counts only as long as a Secret exists, if it is bound to one."""
        path = path_of("ServiceAccount", self.namespace, ACCOUNT) + "/token"
        bound = {"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": bound_to}} if bound_to else {}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": bound}
        token: str = self.administrator.ask("POST", path, request)["status"]["token"]
        return token

    def proxy(self) -> Proxy:
        """A proxy that ends with this."""
        upstream = Upstream(self.port, self.administrator.bed.authority.ca)
        return self._stack.enter_context(Proxy(upstream, self._certificate))

    @asynccontextmanager
    async def client(self, proxy: Proxy | None = None) -> AsyncIterator[Client]:
        """A client that finds the server, or a proxy before it, as it does in a pod."""
        async with await client_of(self.account, proxy.port if proxy else self.port) as client:
            yield client
        # TLS connections that broke take a moment to be gone, and a loop that ends before that complains.
        await asyncio.sleep(0.25)

    def keep(self, name: str, *, labels: dict[str, str] | None = None, **data: str) -> Object:
        """Create a ConfigMap."""
        metadata = {"name": name, "labels": labels or {}}
        value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        return self.administrator.create(value, namespace=self.namespace)

    def change(self, name: str, **data: str) -> None:
        """Change a ConfigMap."""
        self.administrator.merge("ConfigMap", self.namespace, name, {"data": data})

    def drop(self, name: str) -> None:
        """Delete a ConfigMap."""
        self.administrator.delete("ConfigMap", self.namespace, name)

    async def _wait_until_known(self) -> None:
        async with self.client() as client:
            end = time.monotonic() + _SECONDS
            while True:
                try:
                    async for _ in client.list(Selection(NAMESPACES), page=1):
                        return
                except (Unauthorized, Forbidden):
                    if time.monotonic() > end:
                        raise
                    await asyncio.sleep(0.05)


async def client_of(account: Path, port: int) -> Client:
    """A client with the service account of a folder."""
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port), "HOME": "/none"}
    return Client(await connect(agent=AGENT, account=account, environment=environment), manager=AGENT)


async def until(condition: Callable[[], object], what: str, *, seconds: float = _SECONDS) -> None:
    """Wait until something is true, and let others work meanwhile."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        await asyncio.sleep(0.01)
