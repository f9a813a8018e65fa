"""Settings → the objects that are installed, and their text.

The components say what differs in kind; what is a mere value is set here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from drplan.install.kustomize import DEFINITIONS, Object, build, folder
from drplan.install.settings import NAMESPACE, WATCHED, Settings

CONFIG_MAP = "drplan-syncer-config"
KIND_DEPLOYMENT = "Deployment"
KIND_NAMESPACE = "Namespace"

_SYNCER, _RUNNER, _COMPONENTS = "syncer", "runner", "components"
_NAMESPACE = re.compile(rf"(?<![\w-]){NAMESPACE}(?![\w-])")
_WATCHED = re.compile(rf"(?<![\w-]){WATCHED}(?![\w-])")
_LOG_LEVEL = "--log-level="


def render(settings: Settings) -> list[Object]:
    """Make all objects but the definitions, the namespace first."""
    objects = build(folder(_SYNCER), [folder(_COMPONENTS) / component for component in settings.components])
    for value in objects:
        if value["kind"] == KIND_DEPLOYMENT:
            _set_up(value["spec"], settings)
        elif value["kind"] == "ConfigMap" and value["metadata"]["name"] == CONFIG_MAP:
            value["data"]["image"] = settings.image
    placed = [_placed(value, settings) for value in objects]
    return sorted(placed, key=lambda value: value["kind"] != KIND_NAMESPACE) + list(_runners(settings))


def definitions() -> str:
    """The CustomResourceDefinitions, as YAML."""
    return (folder(_SYNCER) / DEFINITIONS).read_text(encoding="utf-8")


def to_text(objects: list[Object], *, with_definitions: bool) -> str:
    """Write objects as YAML documents; the definitions come behind the namespace."""
    from compiler.manifests import to_yaml

    first = [value for value in objects if value["kind"] == KIND_NAMESPACE]
    others = [value for value in objects if value["kind"] != KIND_NAMESPACE]
    parts = [to_yaml(first), *([definitions()] if with_definitions else []), to_yaml(others)]
    return "---\n".join(part.removeprefix("---\n") for part in parts)


def _set_up(spec: Object, settings: Settings) -> None:
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    if settings.replicas > 1:
        spec["replicas"] = settings.replicas
    container["image"] = settings.image
    container["args"] = [
        _LOG_LEVEL + settings.log_level if flag.startswith(_LOG_LEVEL) else flag for flag in container["args"]
    ]
    if settings.priority_class:
        pod["priorityClassName"] = settings.priority_class


def _placed(value: Any, settings: Settings) -> Any:
    """The same, in the namespaces of the settings: they are named in many places, also inside of texts."""
    if isinstance(value, dict):
        return {key: _placed(each, settings) for key, each in value.items()}
    if isinstance(value, list):
        return [_placed(each, settings) for each in value]
    if isinstance(value, str):
        text = _NAMESPACE.sub(lambda _: settings.namespace, value)
        return _WATCHED.sub(lambda _: settings.watch_namespace, text)
    return value


def _runners(settings: Settings) -> Iterator[Object]:
    for namespace in settings.runner_namespaces:
        for value in build(folder(_RUNNER)):
            value["metadata"] = {"name": value["metadata"]["name"], "namespace": namespace, **value["metadata"]}
            for subject in value.get("subjects", ()):
                subject["namespace"] = namespace
            yield value
