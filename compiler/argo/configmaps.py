"""The ConfigMaps that carry the specs of generic lanes: one a workflow use, immutable, with deterministic names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler.argo.arguments import spec_key
from compiler.argo.encoding import sha256, size
from compiler.argo.identity import Identity
from compiler.argo.layout import Layout, UseLayout
from compiler.model.names import ANNOTATION_COMPILED_HASH, spec_name
from compiler.problems import PlanTooLarge

CONFIG_MAP_BYTES = 900 * 1024
"""Most bytes of a ConfigMap's data; Kubernetes takes 1 MiB of object."""


def spec_maps(layout: Layout, identity: Identity, texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Make the ConfigMaps of all uses.

    Args:
        layout: what is compiled.
        identity: whose Workflow it is.
        texts: the spec of every live action as text, by key.

    Raises:
        PlanTooLarge: the specs of one use do not fit.
    """
    labels = identity.labels(layout.graph)
    namespace = layout.graph.namespace
    return [_spec_map(use, identity.digest, texts, namespace=namespace, labels=labels) for use in layout.uses()]


def _spec_map(
    use: UseLayout, identity: str, texts: Mapping[str, str], *, namespace: str, labels: Mapping[str, str]
) -> dict[str, Any]:
    data = {spec_key(action): texts[action.key] for lane in use.lanes for action in lane.members}
    needed = size(data)
    if needed > CONFIG_MAP_BYTES:
        raise PlanTooLarge(
            f"workflow {use.use.namespace}/{use.use.name} ({use.use.key}): the specs of its {len(data)} actions have "
            f"{needed // 1024} KiB, a ConfigMap takes {CONFIG_MAP_BYTES // 1024} KiB; split it into several workflows"
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": spec_name(identity, use.use.key),
            "namespace": namespace,
            "labels": dict(labels),
            "annotations": {ANNOTATION_COMPILED_HASH: sha256(data)},
        },
        "immutable": True,
        "data": data,
    }
