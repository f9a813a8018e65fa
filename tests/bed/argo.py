"""Argo Workflows: its kinds with full schemas, and its controller as a process of the bed."""

from __future__ import annotations

import http.client
import subprocess
from typing import Any

from bed import build
from bed.build import program
from bed.client import Bed
from bed.images import EXECUTOR_IMAGE

NAMESPACE = "argo"
CONTROLLER = "workflow-controller"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

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
    """Apply Argo's kinds."""
    for definition in sorted(build.argo_crds().glob("*.yaml")):
        plural = definition.stem.removeprefix("argoproj.io_")
        bed.kube.apply_text(f"{DEFINITIONS}/{plural}.argoproj.io", definition.read_bytes())


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
