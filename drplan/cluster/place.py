"""Which cluster is meant, and which namespace of it, as kubectl finds them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster.

    Attributes:
        kubeconfig: file of the kubeconfig; empty for what kubectl would use, or the pod's own service account.
        context: context of the kubeconfig; empty for its current one.
        given: the namespace; empty for that of the context.
    """

    kubeconfig: str = ""
    context: str = ""
    given: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """Options by which a command finds it again."""
        options = (("--kubeconfig", self.kubeconfig), ("--context", self.context), ("-n", self.given))
        return tuple(word for name, value in options if value for word in (name, value))


def namespace_of(cluster: Cluster, environment: Mapping[str, str] = os.environ) -> str:
    """The namespace that is meant: the one that is given, else that of the context, else of the pod this runs in."""
    if cluster.given:
        return cluster.given
    at_home = Path(environment.get("HOME", "/")) / ".kube" / "config"
    files = cluster.kubeconfig or environment.get("KUBECONFIG") or (str(at_home) if at_home.exists() else "")
    if files:
        configs = [_read(Path(file)) for file in files.split(os.pathsep) if file]
        return _of_context(configs, cluster.context) or DEFAULT_NAMESPACE
    from syncer.kube.transport import SERVICE_ACCOUNT

    try:
        return (SERVICE_ACCOUNT / "namespace").read_text().strip() or DEFAULT_NAMESPACE
    except OSError:
        return DEFAULT_NAMESPACE


def _of_context(configs: list[Mapping[str, Any]], wanted: str) -> str:
    """Namespace of a context in kubeconfigs of which the first to name something counts."""
    name = wanted or next((str(each["current-context"]) for each in configs if each.get("current-context")), "")
    contexts = (each for config in configs for each in config.get("contexts") or () if isinstance(each, dict))
    found = next((each.get("context") or {} for each in contexts if each.get("name") == name), {})
    return str(found.get("namespace") or "")


def _read(file: Path) -> Mapping[str, Any]:
    """What a kubeconfig says; what cannot be read is told by whoever connects with it."""
    import yaml

    try:
        found = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
