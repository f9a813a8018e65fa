"""Generic lanes: one template for all lanes of the same shape, specs in ConfigMaps beside the Workflow.

A shape is the sequence of local keys in a lane. A lane's input `p` is the key of its use; the container `a-3` acts for
`<p>.a3` and reads its spec at `/spec/a3`. A lane whose actions need Secrets has a template of its own, because
environment variables cannot be taken from inputs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hera.workflows import models

from compiler.argo import arguments, configmaps
from compiler.argo.forms import Call, lane_name
from compiler.argo.identity import Identity
from compiler.argo.lanes import Lane
from compiler.argo.layout import Layout, UseLayout
from compiler.argo.pods import Containers, lane_template
from compiler.model.names import PARAMETER_PREFIX, digest, spec_name

PREFIX = f"{{{{inputs.parameters.{PARAMETER_PREFIX}}}}}"
"""What Argo replaces by the key of the use."""

_ACTION = re.compile(r"a(\d+)\Z")
_SHAPE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class GenericForm:
    """Lanes as calls of shared templates.

    Attributes:
        layout: what is compiled.
        identity: whose Workflow it is.
        texts: the spec of every live action as text, by key.
        containers: makes containers.
    """

    layout: Layout
    identity: Identity
    texts: Mapping[str, str]
    containers: Containers

    def call(self, use: UseLayout, lane: Lane) -> Call:
        """A lane runs the template of its shape, for its use."""
        return Call(_template_name(use, lane), use.use.key)

    def templates(self) -> list[models.Template]:
        """One template a shape, in order of first use."""
        first: dict[str, Lane] = {}
        for use, lane in self.layout.lanes():
            first.setdefault(_template_name(use, lane), lane)
        return [self._template(name, lane) for name, lane in first.items()]

    def config_maps(self) -> list[dict[str, Any]]:
        """One ConfigMap a use."""
        return configmaps.spec_maps(self.layout, self.identity, self.texts)

    def _template(self, name: str, lane: Lane) -> models.Template:
        revert = self.layout.graph.revert
        actions = [
            self.containers.action(
                _container_name(key),
                arguments.by_reference(PREFIX, key, revert=revert),
                secrets=action.secrets,
            )
            for action, key in zip(lane.members, lane.keys, strict=True)
        ]
        return lane_template(
            name,
            [*actions, self.containers.close(arguments.close(PREFIX, lane))],
            inputs=models.Inputs(parameters=[models.Parameter(name=PARAMETER_PREFIX)]),
            spec_map=spec_name(self.identity.digest, PREFIX),
        )


def shape_name(keys: Sequence[str]) -> str:
    """Name of the template of a shape: `lane-10`, `lane-4-from-17`, or with a digest when keys are missing between."""
    numbers = [int(match[1]) for key in keys if (match := _ACTION.match(key))]
    if len(numbers) == len(keys) and numbers == list(range(numbers[0], numbers[0] + len(keys))):
        return f"lane-{len(keys)}" if numbers[0] == 1 else f"lane-{len(keys)}-from-{numbers[0]}"
    return f"lane-{len(keys)}-{digest(','.join(keys), _SHAPE_DIGITS)}"


def _template_name(use: UseLayout, lane: Lane) -> str:
    needs_secrets = any(action.secrets for action in lane.members)
    return lane_name(use, lane) if needs_secrets else shape_name(lane.keys)


def _container_name(key: str) -> str:
    return f"{key[0]}-{key[1:]}"
