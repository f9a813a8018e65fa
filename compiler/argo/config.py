"""The platform's runner configuration: what a cluster wants of the pods, whatever the plan.

Read from a mapping: the data of the ConfigMap `drplan-runner-config`, where every value is a text, or a parsed file,
where `resources` and `podSpecPatch` may be structured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.problems import ManifestError

COMPILER_VERSION = "0.1.0"
"""Version of the compiled form; the release's own."""

GRACE_PERIOD_SECONDS = 30
"""What a runner has between SIGTERM and SIGKILL: a call in flight may take 20 s to end, its record needs the rest."""

DEFAULT_WORKFLOW_BYTES = 1024 * 1024
"""Argo's own default of MAX_WORKFLOW_SIZE."""

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")


@dataclass(frozen=True, slots=True)
class RunnerConfig:
    """What a platform sets for all runner pods.

    Attributes:
        image: image of the runner.
        image_pull_policy: when to pull it.
        pod_spec_patch: strategic merge patch of every pod (node selectors, tolerations, pull secrets, …).
        ttl_seconds: how long a completed Workflow is kept.
        requests: resources that the container of an action asks for.
        close_requests: resources that the container that closes a lane asks for.
        limits: resources that no container may exceed.
        environment: environment variables of every runner, for example a proxy.
        workflow_bytes: largest Workflow object that the controller accepts (its MAX_WORKFLOW_SIZE).
    """

    image: str = f"drplan-runner:{COMPILER_VERSION}"
    image_pull_policy: str = "IfNotPresent"
    pod_spec_patch: Mapping[str, Any] = field(default_factory=dict)
    ttl_seconds: int = 7 * 24 * 3600
    requests: Mapping[str, str] = field(default_factory=lambda: {"cpu": "2m", "memory": "32Mi"})
    close_requests: Mapping[str, str] = field(default_factory=lambda: {"cpu": "2m", "memory": "16Mi"})
    limits: Mapping[str, str] = field(default_factory=lambda: {"memory": "256Mi"})
    environment: Mapping[str, str] = field(default_factory=dict)
    workflow_bytes: int = DEFAULT_WORKFLOW_BYTES

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> RunnerConfig:
        """Read a configuration; what is not given has its default.

        Args:
            values: by the names of `KEYS`; structured values may be YAML texts.

        Raises:
            ManifestError: a key is not known, or a value is not what it should be.
        """
        unknown = sorted(set(values) - set(KEYS))
        if unknown:
            raise _wrong(unknown[0], f"is not known; known are {', '.join(KEYS)}")
        return cls(**{KEYS[key][0]: KEYS[key][1](key, value) for key, value in values.items()})

    def pod_spec_patch_text(self) -> str:
        """The patch as Argo takes it, the platform's own values over ours."""
        patch = {"terminationGracePeriodSeconds": GRACE_PERIOD_SECONDS, **self.pod_spec_patch}
        return json.dumps(patch, separators=(",", ":"))


def _wrong(key: str, problem: str) -> ManifestError:
    return ManifestError(f"runner configuration: {key} {problem}")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(key, "must be a text that is not empty")
    return value.strip()


def _pull_policy(key: str, value: Any) -> str:
    text = _text(key, value)
    if text not in _PULL_POLICIES:
        raise _wrong(key, f'"{text}" must be one of {", ".join(_PULL_POLICIES)}')
    return text


def _positive(key: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number <= 0 or isinstance(value, bool):
        raise _wrong(key, f'"{value}" must be a whole number above 0')
    return number


def _mapping(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        import yaml

        try:
            value = yaml.safe_load(value) or {}
        except yaml.YAMLError as problem:
            raise _wrong(key, f"is no YAML: {problem}") from None
    if not isinstance(value, Mapping):
        raise _wrong(key, "must be a mapping")
    return dict(value)


def _texts(key: str, value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in _mapping(key, value).items()}


KEYS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "image": ("image", _text),
    "imagePullPolicy": ("image_pull_policy", _pull_policy),
    "podSpecPatch": ("pod_spec_patch", _mapping),
    "ttlSecondsAfterCompletion": ("ttl_seconds", _positive),
    "requests": ("requests", _texts),
    "closeRequests": ("close_requests", _texts),
    "limits": ("limits", _texts),
    "env": ("environment", _texts),
    "maxWorkflowSize": ("workflow_bytes", _positive),
}
"""Keys of the mapping that `RunnerConfig.read` takes, with attribute and reader of each."""
