"""Calling `drplan` against the cluster of a bench, with a kubeconfig as its users have."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bed.certificates import ADMIN
from support.command import Called, drplan, start

if TYPE_CHECKING:
    from support.api_syncer import SyncerBench


@dataclass(frozen=True)
class Commands:
    """Commands that find a cluster by their kubeconfig, and their namespace in it."""

    kubeconfig: Path

    @classmethod
    def of(cls, bench: SyncerBench, folder: Path) -> Commands:
        """Commands for a bench's namespace, as its administrator."""
        bed = bench.administrator.bed
        cluster = {
            "server": f"https://127.0.0.1:{bed.state.port}",
            "certificate-authority": str(bed.authority.ca),
        }
        user = {
            "client-certificate": str(bed.authority.certificate(ADMIN)),
            "client-key": str(bed.authority.key(ADMIN)),
        }
        return cls(written(folder / "user.kubeconfig", cluster=cluster, user=user, namespace=bench.namespace))

    def __call__(self, command: str, *arguments: str) -> Called:
        """Call a command in this process."""
        return drplan(command, *arguments, "--kubeconfig", self.kubeconfig)

    @contextmanager
    def started(self, command: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command as a process that ends with the block at the latest."""
        with start(command, *arguments, "--kubeconfig", self.kubeconfig) as process:
            try:
                yield process
            finally:
                process.kill()


def written(path: Path, *, cluster: dict[str, str], user: dict[str, str], namespace: str) -> Path:
    """Write a kubeconfig of one context."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return path
