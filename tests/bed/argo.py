"""Argo Workflows: its kinds with full schemas, and its controller as a process of the bed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from bed import build
from bed.build import program
from bed.client import Bed
from bed.images import EXECUTOR_IMAGE
from bed.kube import Object

NAMESPACE = "argo"
CONTROLLER = "workflow-controller"

CONTROLLER_CONFIG = """\
executor:
  imagePullPolicy: IfNotPresent
  resources: {requests: {cpu: 1m, memory: 16Mi}}
metricsConfig: {enabled: false}
telemetryConfig: {enabled: false}
"""

CONTROLLER_ENVIRONMENT = {
    "LEADER_ELECTION_DISABLE": "true",
    # 10 s unless said otherwise, which is what most of a short action's time would be.
    "DEFAULT_REQUEUE_TIME": "100ms",
    # A pod that is deleted in its first seconds would silently run again.
    "ARGO_POD_STATUS_CAPTURE_FINALIZER": "true",
}


def define(bed: Bed) -> None:
    """Apply Argo's kinds, and wait until the API server serves them."""
    definitions = [_read(path) for path in sorted(build.argo_crds().glob("*.yaml"))]
    for definition in definitions:
        bed.kube.apply(definition)
    served = [_served(definition) for definition in definitions]
    bed.wait("Argo's kinds are served", lambda: all(bed.kube.get(path) is not None for path in served))


def _served(definition: Object) -> str:
    spec = definition["spec"]
    return f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}?limit=1"


def _read(definition: Path) -> Object:
    """A definition, kept as JSON beside its YAML: the largest is longer than a request may be, until it is compact."""
    compact = definition.with_suffix(".json")
    if not compact.exists():
        reading = [
            str(program("kubectl")),
            "patch",
            "--local",
            "--type=merge",
            "--patch={}",
            "--output=json",
            "--filename",
        ]
        done = subprocess.run([*reading, str(definition)], stdin=subprocess.DEVNULL, capture_output=True, check=True)
        aside = compact.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(json.loads(done.stdout), separators=(",", ":")))
        aside.rename(compact)
    value: Object = json.loads(compact.read_text())
    return value


def start(bed: Bed) -> None:
    """Start the controller; its kinds are defined by now."""
    bed.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    bed.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "workflow-controller-configmap", "namespace": NAMESPACE},
            "data": {"config": CONTROLLER_CONFIG},
        }
    )
    bed.start(
        CONTROLLER,
        [
            str(program(CONTROLLER)),
            f"--kubeconfig={bed.places.kubeconfig}",
            f"--namespace={NAMESPACE}",
            f"--executor-image={EXECUTOR_IMAGE.name}",
            "--executor-image-pull-policy=IfNotPresent",
            "--qps=100",
            "--burst=200",
        ],
        CONTROLLER_ENVIRONMENT,
    )
