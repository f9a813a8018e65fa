"""The fields of a Workflow that Argo 3.7 and 4.x both know and that we emit: a frozen list.

A field that only one of them knows is dropped in silence by the other, so a new one is added here by hand, after a look
at the types of both. `ANY` stands for a value without fields of its own, or for a map whose keys are data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Shape: TypeAlias = "Mapping[str, Shape]"

ANY: Shape = {}

_PARAMETERS: Shape = {"parameters": {"name": ANY, "value": ANY, "valueFrom": {"path": ANY, "default": ANY}}}

_METADATA: Shape = {"labels": ANY, "annotations": ANY}

_CONTAINER: Shape = {
    "name": ANY,
    "image": ANY,
    "imagePullPolicy": ANY,
    "command": ANY,
    "args": ANY,
    "env": {"name": ANY, "value": ANY, "valueFrom": {"secretKeyRef": {"name": ANY, "key": ANY}}},
    "resources": {"requests": ANY, "limits": ANY},
    "securityContext": {
        "allowPrivilegeEscalation": ANY,
        "readOnlyRootFilesystem": ANY,
        "capabilities": {"drop": ANY},
    },
}

_VOLUMES: Shape = {
    "name": ANY,
    "emptyDir": {"medium": ANY, "sizeLimit": ANY},
    "downwardAPI": {"items": {"path": ANY, "fieldRef": {"fieldPath": ANY}}},
    "configMap": {"name": ANY},
}

_TEMPLATE: Shape = {
    "name": ANY,
    "inputs": _PARAMETERS,
    "outputs": _PARAMETERS,
    "metadata": _METADATA,
    "retryStrategy": {"limit": ANY, "retryPolicy": ANY, "expression": ANY},
    "volumes": _VOLUMES,
    "dag": {
        "target": ANY,
        "failFast": ANY,
        "tasks": {"name": ANY, "template": ANY, "depends": ANY, "arguments": _PARAMETERS},
    },
    "containerSet": {"volumeMounts": {"name": ANY, "mountPath": ANY}, "containers": _CONTAINER},
}

WORKFLOW: Shape = {
    "apiVersion": ANY,
    "kind": ANY,
    "metadata": {"name": ANY, "namespace": ANY, **_METADATA},
    "spec": {
        "entrypoint": ANY,
        "arguments": _PARAMETERS,
        "serviceAccountName": ANY,
        "workflowMetadata": _METADATA,
        "podMetadata": _METADATA,
        "synchronization": {"mutexes": {"name": ANY}},
        "podGC": {"strategy": ANY, "deleteDelayDuration": ANY},
        "ttlStrategy": {"secondsAfterCompletion": ANY},
        "securityContext": {
            "runAsNonRoot": ANY,
            "runAsUser": ANY,
            "runAsGroup": ANY,
            "fsGroup": ANY,
            "seccompProfile": {"type": ANY},
        },
        "podSpecPatch": ANY,
        "volumes": _VOLUMES,
        "templates": _TEMPLATE,
    },
}
"""The fields of a Workflow or a WorkflowTemplate; a list has the fields of its items."""


def unknown_fields(value: Any, shape: Shape = WORKFLOW, place: str = "") -> Iterator[str]:
    """Places of the fields that are not in the list.

    Args:
        value: an object, or a part of one.
        shape: the fields that it may have.
        place: where it is.
    """
    if not shape:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_fields(item, shape, f"{place}[{index}]")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name in shape:
                yield from unknown_fields(inner, shape[name], f"{place}.{name}" if place else name)
            else:
                yield f"{place}.{name}" if place else name
