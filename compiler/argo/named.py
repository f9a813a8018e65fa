"""Named lanes: a template a workflow use, containers with their actions' names, specs inline.

One self-contained object that reads well in the UI and in a review; for plans that are small enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hera.workflows import models

from compiler.argo import arguments
from compiler.argo.forms import Call, lane_name
from compiler.argo.lanes import Lane
from compiler.argo.layout import Layout, UseLayout
from compiler.argo.pods import Containers, lane_template
from compiler.model.names import task_name


@dataclass(frozen=True, slots=True)
class NamedForm:
    """Lanes as templates of their own.

    Attributes:
        layout: what is compiled.
        texts: the spec of every live action as text, by key.
        containers: makes containers.
    """

    layout: Layout
    texts: Mapping[str, str]
    containers: Containers

    def call(self, use: UseLayout, lane: Lane) -> Call:
        """Each lane has the template that is named after it."""
        return Call(lane_name(use, lane))

    def templates(self) -> list[models.Template]:
        """One template a lane."""
        return [self._template(use, lane) for use, lane in self.layout.lanes()]

    def config_maps(self) -> list[dict[str, Any]]:
        """None: everything is inline."""
        return []

    def _template(self, use: UseLayout, lane: Lane) -> models.Template:
        revert = self.layout.graph.revert
        actions = [
            self.containers.action(
                task_name(action.key, action.name),
                arguments.inline(action, self.texts[action.key], revert=revert),
                secrets=action.secrets,
            )
            for action in lane.members
        ]
        close = self.containers.close(arguments.close(use.use.key, lane))
        return lane_template(lane_name(use, lane), [*actions, close])
