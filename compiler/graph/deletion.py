"""Which actions of a workflow run in a mode: mode Delete on a workflow that does not say how to delete.

A workflow says what Delete means when one of its actions has operation Delete, or a condition that holds in mode
Delete. Otherwise its Clusternet objects are deleted in reverse order (`delete-<name>`) and its other actions do not
take part. A workflow from which nothing can be derived, or whose object was only patched (it may belong to somebody
else), is refused: nothing runs forward in mode Delete by accident.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compiler.graph import conditions
from compiler.graph.tree import Decided
from compiler.model.actions import Action as ActionModel
from compiler.model.phases import CLUSTERNET_TYPES, ActionType, Mode, Operation, Phase, Reason
from compiler.model.workflow import DRWorkflow
from compiler.problems import Path

DELETE = Mode.DELETE.lower()
_OF_RESOURCES = CLUSTERNET_TYPES | {ActionType.KUBERNETES_RESOURCE}


@dataclass(frozen=True, slots=True)
class Listed:
    """An action as it is listed for a run.

    Attributes:
        position: 1-based position in the workflow.
        name: name to show.
        action: the action.
        path: where it stands in the workflow.
        decided: set when it does not take part.
    """

    position: int
    name: str
    action: ActionModel
    path: Path
    decided: Decided | None = None


def listed_actions(workflow: DRWorkflow, *, mode: str, refuse: Callable[[Path, str], None]) -> list[Listed]:
    """The actions of a workflow in the order in which a run in `mode` lists them.

    Args:
        workflow: the workflow.
        mode: lower-case mode, empty when there is none.
        refuse: is told what is wrong, with its path in the workflow.
    """
    listed = [
        Listed(index + 1, action.name, action, ("spec", "actions", index))
        for index, action in enumerate(workflow.spec.actions)
    ]
    if mode != DELETE or any(_says_delete(entry.action) for entry in listed):
        return listed
    return _inferred(listed, workflow, refuse)


def _says_delete(action: ActionModel) -> bool:
    if action.type in _OF_RESOURCES and operation_of(action) is Operation.DELETE:
        return True
    if not action.when:
        return False
    try:
        condition = conditions.parse(action.when)
    except ValueError:
        return True
    return conditions.needs_mode(condition) and conditions.evaluate(condition, mode=DELETE, params={})


def operation_of(action: ActionModel) -> Operation | None:
    """Operation of a resource type's action; None for HTTP and Job, or when the block is missing."""
    block = {
        ActionType.LOCALIZATION: action.localization,
        ActionType.GLOBALIZATION: action.globalization,
        ActionType.HELM_CHART: action.helm_chart,
        ActionType.SUBSCRIPTION: action.subscription,
        ActionType.KUBERNETES_RESOURCE: action.resource,
    }.get(action.type)
    return None if block is None else Operation(block.operation or Operation.CREATE)


def _inferred(listed: list[Listed], workflow: DRWorkflow, refuse: Callable[[Path, str], None]) -> list[Listed]:
    derivable = [entry for entry in listed if entry.action.type in CLUSTERNET_TYPES]
    if not derivable:
        refuse(
            ("spec", "actions"),
            f"mode Delete: nothing to delete can be derived from workflow {workflow.metadata.name}; "
            'give it actions with operation Delete or when: mode == "delete"',
        )
    for entry in derivable:
        if operation_of(entry.action) is Operation.PATCH:
            refuse(
                entry.path,
                f"mode Delete: action '{entry.name}' patches an object that may belong to somebody else; "
                "say with an action of operation Delete what is to be deleted",
            )
    dropped = Decided(Phase.SKIPPED, Reason.CONDITION_NOT_MET, "not part of mode Delete")
    rest = [
        Listed(entry.position, entry.name, _unordered(entry.action), entry.path, dropped)
        for entry in listed
        if entry not in derivable
    ]
    return [_deletion(entry) for entry in reversed(derivable)] + rest


def _unordered(action: ActionModel) -> ActionModel:
    return action.model_copy(update={"depends_on": None, "when": None})


def _deletion(entry: Listed) -> Listed:
    action = entry.action
    field = {
        ActionType.LOCALIZATION: "localization",
        ActionType.GLOBALIZATION: "globalization",
        ActionType.HELM_CHART: "helm_chart",
        ActionType.SUBSCRIPTION: "subscription",
    }[action.type]
    block = getattr(action, field)
    if block is not None:
        block = block.model_copy(update={"operation": Operation.DELETE, "spec": None})
    changed = action.model_copy(
        update={
            "name": f"delete-{action.name}",
            "when": None,
            "depends_on": None,
            "rollback": None,
            "wait_ready": False,
            field: block,
        }
    )
    return Listed(entry.position, f"delete-{entry.name}", changed, entry.path)
