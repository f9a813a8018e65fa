"""A cluster of its own with everything of the syncer's in force, as people meet it: webhooks, policies, and kubectl.

with SyncerCluster(administrator, certificate, folder) as cluster:
    cluster.kubectl("apply", "-f", "-", given=[...])
    cluster.bench.run_to_end("pay-1", {...})          # what Argo and the runners would do, in namespace default

The syncer runs inside the bed, where the API server reaches it at 127.0.0.1, and works in all namespaces.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import yaml

from bed.build import program
from support.admission_bench import FOLDER, PROBE, webhooks
from support.api_admin import Administrator, Object, until
from support.api_proxy import Certificate
from support.api_syncer import SyncerBench
from support.command import ROOT
from support.syncer_process import free_port

NAMESPACE = "default"


class Said(NamedTuple):
    """What kubectl answered."""

    code: int
    out: str
    err: str


class Inside:
    """Starts programs in the network of a bed."""

    def __init__(self, administrator: Administrator) -> None:
        self._bed = administrator.bed

    def start(self, arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
        """Start the program with these arguments; it writes into a file."""
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        command = self._bed.inside([sys.executable, "-m", "drplan", *arguments])
        with log.open("w") as output:
            return subprocess.Popen(
                command, cwd=ROOT, env=inherited, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )


class SyncerCluster:
    """A cluster; its syncer and the plans are in namespace default."""

    def __init__(self, administrator: Administrator, certificate: Certificate, folder: Path) -> None:
        self.administrator = administrator
        self._certificate = certificate
        self._folder = folder
        self.bench = SyncerBench(administrator, certificate, folder, zygote=Inside(administrator), namespace=NAMESPACE)
        self._port = free_port()

    def __enter__(self) -> SyncerCluster:
        self.bench.__enter__()
        shown = self._folder / "certificate"
        shown.mkdir()
        for name, source in (("tls.key", self._certificate.key), ("tls.crt", self._certificate.certificate)):
            (shown / name).write_bytes(source.read_bytes())
        self.syncer = self.bench.start(
            "--namespace=", f"--webhook-address=127.0.0.1:{self._port}", f"--webhook-certificates={shown}"
        )
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bench.__exit__(kind, error, trace)

    def install(self) -> None:
        """Install webhooks and policies, and wait until they are in force."""
        for value in webhooks(self._port, self._certificate.authority.read_bytes()):
            self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=[value])
        policies = (FOLDER / "admission-policies.yaml").read_text().replace("drplan-system", NAMESPACE)
        self.kubectl("apply", "-f", "-", given=yaml.safe_load_all(policies))
        probe = ("create", "--dry-run=server", "-f", "-")
        until(lambda: "not found" in self.kubectl(*probe, given=[PROBE], fails=None).err, "admission", seconds=60)

    def uninstall_webhooks(self) -> None:
        """Take the webhooks away, and wait until they are not in force any more."""
        self.kubectl("delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "drplan")
        probe = ("create", "--dry-run=server", "-f", "-")
        until(lambda: not self.kubectl(*probe, given=[PROBE], fails=None).code, "no admission", seconds=60)

    def kubectl(self, *arguments: str, given: Iterable[Object] = (), fails: bool | None = False) -> Said:
        """Call kubectl; whether it fails is as expected, or does not matter (None)."""
        kubeconfig = self.administrator.bed.places.kubeconfig
        command = [str(program("kubectl")), f"--kubeconfig={kubeconfig}", *arguments]
        cache = {"KUBECACHEDIR": str(self._folder / "kubectl-cache")}
        text = "---\n".join(json.dumps(each) + "\n" for each in given)
        made = subprocess.run(
            command, env={**os.environ, **cache}, input=text, capture_output=True, text=True, timeout=90, check=False
        )
        said = Said(made.returncode, made.stdout.strip(), made.stderr.strip())
        assert fails is None or bool(said.code) is fails, f"{' '.join(arguments)}: {said}"
        return said
