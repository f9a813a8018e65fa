"""Where an action stands: in the list of its workflow, or as the `rollback` of another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from compiler.graph.facts import Remembered, texts_of
from compiler.graph.text import Placeholder
from compiler.model.actions import Action, Block
from compiler.model.phases import ActionType, HookType
from compiler.model.workflow import DRWorkflow
from compiler.problems import Path, Violation
from compiler.rules import lenient
from compiler.rules.base import error, warning

ACTIONS: Path = ("spec", "actions")
ROLLBACK = "rollback"
_TYPES = {str(member): member for member in ActionType}
_ROLLBACK_HOOKS = frozenset(str(member) for member in HookType)


@dataclass(frozen=True, slots=True)
class Site:
    """An action and its place.

    Attributes:
        workflow: the workflow.
        action: the action.
        path: where it stands in the workflow.
        label: how messages name it.
        index: position of the action in the list; of a rollback that of the action that it undoes.
        is_rollback: whether it is a custom rollback.
    """

    workflow: DRWorkflow
    action: Action
    path: Path
    label: str
    index: int
    is_rollback: bool = False

    @property
    def type(self) -> ActionType | None:
        """Type of the action; None when what is written there is none."""
        return _TYPES.get(str(self.action.type))

    @property
    def block(self) -> Block | None:
        """The block that its type asks for; None when that, or the type, is missing."""
        return self.action.block if self.type is not None else None

    @property
    def is_rollback_hook(self) -> bool:
        """Whether it runs in reverts only."""
        return not self.is_rollback and self.action.hook_type in _ROLLBACK_HOOKS

    def error(self, path: Path, message: str) -> Violation:
        """Say that something refuses it."""
        return error(self.workflow, (*self.path, *path), f"{self.label}: {message}")

    def warning(self, path: Path, message: str) -> Violation:
        """Say that something in it is doubtful."""
        return warning(self.workflow, (*self.path, *path), f"{self.label}: {message}")


def sites(workflow: DRWorkflow) -> Iterator[Site]:
    """All actions of a workflow, each followed by its custom rollback if it has one."""
    for index, action in enumerate(workflow.spec.actions):
        path = (*ACTIONS, index)
        site = Site(workflow, action, path, f"action[{index}] '{action.name}'", index)
        yield site
        rollback = rollback_of(action)
        if rollback is not None:
            yield Site(workflow, rollback, (*path, ROLLBACK), f"{site.label} rollback", index, is_rollback=True)


def _rollback(action: Action) -> Action | None:
    """Read a custom rollback; one without a name or type of its own has those of its action."""
    if action.rollback is None:
        return None
    try:
        return action.read_rollback()
    except ValidationError:
        return lenient.read(Action, {"name": action.name, "type": str(action.type), **action.rollback})


rollback_of: Callable[[Action], Action | None] = Remembered(_rollback)
"""The custom rollback of an action as it was read, if it has one."""


def block_placeholders(site: Site) -> Iterator[tuple[Path, Placeholder]]:
    """All placeholders in the block of an action, with their paths in the action."""
    if site.type is None or site.block is None:
        return
    for text in texts_of(site.block).texts:
        path = site.type.block, *text.path
        for found in text.placeholders:
            yield path, found
