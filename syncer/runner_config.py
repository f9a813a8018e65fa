"""What the platform says about the runners of a namespace: in its ConfigMap, else for all namespaces.

What holds for all lies in a folder with a file a key, as a ConfigMap is mounted: it is read anew each time, and needs
no right to read ConfigMaps of the syncer's own namespace.
"""

from __future__ import annotations

from pathlib import Path

from compiler.argo import RunnerConfig
from compiler.model.names import RUNNER_CONFIG_MAP
from syncer.kube.client import Client
from syncer.kube.errors import NotFound
from syncer.kube.resources import CONFIG_MAPS, Key

_BOOKKEEPING = ".."
"""What the names of the kubelet's own entries in a mounted folder begin with."""


async def runner_config(client: Client, namespace: str, *, defaults: Path | None = None) -> RunnerConfig:
    """The platform's configuration of the runners in a namespace.

    Args:
        client: the API server.
        namespace: the namespace.
        defaults: folder of what holds where the namespace does not say otherwise.

    Raises:
        ManifestError: it is not what it should be.
    """
    said = {} if defaults is None else _files(defaults)
    try:
        found = (await client.get(CONFIG_MAPS, Key(namespace, RUNNER_CONFIG_MAP))).object
    except NotFound:
        return RunnerConfig.read(said)
    return RunnerConfig.read({**said, **(found.get("data") or {})})


def _files(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    files = (path for path in folder.iterdir() if not path.name.startswith(_BOOKKEEPING) and path.is_file())
    return {path.name: path.read_text(encoding="utf-8") for path in files}
