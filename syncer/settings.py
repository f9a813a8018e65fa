"""What the program is told when it starts."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from syncer.kube.resources import Key

SYNCER_NAMESPACE = "drplan-system"
LEASE = "drplan-syncer"
OLDER_LEASE = "65498215.bkbcs.tencent.com"
"""Lease of the older controller, which must not work beside this one."""

ENV_NAMESPACE = "POD_NAMESPACE"
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a process.

    Attributes:
        kubeconfig: files as in KUBECONFIG; empty for what kubectl, or a pod, would use.
        context: context of the kubeconfig; empty for the current one.
        watch_namespace: only what is in this namespace; empty for all.
        own_namespace: where Leases, and what else is the syncer's own, are kept.
        health_address: where `/healthz`, `/readyz` and `/metrics` are served, `host:port`.
        webhook_address: where admission is served, `host:port`; empty for not at all.
        webhook_certificates: folder with `tls.crt` and `tls.key`; empty for a self-signed certificate.
        runner_defaults: folder of what holds for the runners of all namespaces; empty for nothing.
        drain_timeout: how long the actions of an execution that is deleted may take to end.
        workers: how many plans are worked on at once.
        identity: who this process is among its replicas.
    """

    kubeconfig: str = ""
    context: str = ""
    watch_namespace: str = ""
    own_namespace: str = SYNCER_NAMESPACE
    health_address: str = ":8080"
    webhook_address: str = ""
    webhook_certificates: str = ""
    runner_defaults: str = ""
    drain_timeout: timedelta = timedelta(minutes=5)
    workers: int = 4
    identity: str = field(default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4()}")

    @property
    def lease(self) -> Key:
        """The Lease that the leader holds."""
        return Key(self.own_namespace, LEASE)

    @property
    def older_lease(self) -> Key:
        """The Lease of the older controller, held too."""
        return Key(self.own_namespace, OLDER_LEASE)


def own_namespace(environment: Mapping[str, str] = os.environ) -> str:
    """The namespace that this process runs in; the usual one outside of a cluster."""
    given = environment.get(ENV_NAMESPACE)
    if given:
        return given
    try:
        return _NAMESPACE_FILE.read_text().strip() or SYNCER_NAMESPACE
    except OSError:
        return SYNCER_NAMESPACE
