"""What the two forms of lanes have in common: where a lane's template is, and which templates and objects there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from compiler.argo.lanes import Lane
from compiler.argo.layout import UseLayout, lane_task

if TYPE_CHECKING:
    from hera.workflows import models


@dataclass(frozen=True, slots=True)
class Call:
    """How a task runs a lane.

    Attributes:
        template: name of the template.
        prefix: value of its input `p`, the key of the use; empty when it has none.
    """

    template: str
    prefix: str = ""


class Form(Protocol):
    """A way to write lanes."""

    def call(self, use: UseLayout, lane: Lane) -> Call:
        """How the task of a lane runs it."""
        ...

    def templates(self) -> list[models.Template]:
        """The templates of all lanes."""
        ...

    def config_maps(self) -> list[dict[str, Any]]:
        """Objects that must exist before the Workflow."""
        ...


def lane_name(use: UseLayout, lane: Lane) -> str:
    """Name of the template of a lane that is its own."""
    return f"{use.template}-{lane_task(lane)}" if use.chained else use.template
