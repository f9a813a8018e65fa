"""The fields of a Workflow that the engine knows; a field that is not listed here might change what the Workflow means.

Some of those that are listed mean nothing on one machine (images, resources, volumes, security): they say how a pod
looks in a cluster, not what is run in which order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from drplan.engine.errors import UnknownForm

_POD = frozenset(
    {
        "affinity",
        "automountServiceAccountToken",
        "executor",
        "metadata",
        "nodeSelector",
        "podSpecPatch",
        "priorityClassName",
        "securityContext",
        "serviceAccountName",
        "tolerations",
    }
)
TEMPLATE = _POD | {"name", "inputs", "outputs", "dag", "containerSet", "volumes", "retryStrategy"}
SPEC = _POD | {
    "archiveLogs",
    "arguments",
    "entrypoint",
    "imagePullSecrets",
    "podGC",
    "podMetadata",
    "shutdown",
    "suspend",
    "synchronization",
    "templates",
    "ttlStrategy",
    "volumes",
    "workflowMetadata",
}
INPUTS = frozenset({"parameters"})
"""Fields of a template's inputs."""

CONTAINER_SET = frozenset({"containers", "volumeMounts"})
"""Fields of a `containerSet`."""

TASK = frozenset({"name", "template", "arguments", "depends"})
DAG = frozenset({"tasks", "target", "failFast"})
CONTAINER = frozenset(
    {
        "name",
        "image",
        "imagePullPolicy",
        "command",
        "args",
        "env",
        "envFrom",
        "resources",
        "securityContext",
        "volumeMounts",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "workingDir",
    }
)


def refuse_surplus(value: Mapping[str, Any], known: Collection[str], place: str) -> None:
    """Refuse an object with a field that is not known.

    Raises:
        UnknownForm: it has one.
    """
    for name in value:
        if name not in known:
            raise UnknownForm(place, f"field {name} is not known")
