"""What the platform says about the runners of a namespace, read from its ConfigMap."""

from __future__ import annotations

from compiler.argo import RunnerConfig
from compiler.model.names import RUNNER_CONFIG_MAP
from syncer.kube.client import Client
from syncer.kube.errors import NotFound
from syncer.kube.resources import CONFIG_MAPS, Key


async def runner_config(client: Client, namespace: str) -> RunnerConfig:
    """The platform's configuration of the runners in a namespace.

    Raises:
        ManifestError: it is not what it should be.
    """
    try:
        found = (await client.get(CONFIG_MAPS, Key(namespace, RUNNER_CONFIG_MAP))).object
    except NotFound:
        return RunnerConfig()
    return RunnerConfig.read(found.get("data") or {})
