"""What makes a DRWorkflow wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.graph import order
from compiler.graph.text import PlaceholderKind
from compiler.model.phases import ActionType
from compiler.model.workflow import DRWorkflow
from compiler.problems import Violation
from compiler.rules import action, metadata
from compiler.rules.base import Context, Rule, error, ref_of
from compiler.rules.site import ACTIONS, block_placeholders, sites
from compiler.rules.values import Wording, findings
from compiler.rules.words import listed

_PARAMETERS = Wording("parameter", reads_objects=False, declares=True)
_RESOURCE_OUTPUTS = ("phase", "message", "ref", "object")
_OUTPUTS: dict[str, Sequence[str]] = {
    **dict.fromkeys(ActionType, _RESOURCE_OUTPUTS),
    ActionType.HTTP: ("phase", "message", "statusCode", "body", "json"),
}
"""What can follow the name of an action in `$(outputs.…)`, by its type."""


def no_actions(workflow: DRWorkflow, _: Context) -> Iterator[Violation]:
    """A workflow has at least one action."""
    if not workflow.spec.actions:
        yield error(workflow, ACTIONS, "at least one action is required")


def action_names(workflow: DRWorkflow, _: Context) -> Iterator[Violation]:
    """Actions have names, each its own."""
    seen: set[str] = set()
    for index, member in enumerate(workflow.spec.actions):
        path = (*ACTIONS, index, "name")
        if not member.name:
            yield error(workflow, path, f"action[{index}]: name is required")
        elif member.name in seen:
            yield error(workflow, path, f"action[{index}]: duplicate action name '{member.name}'")
        seen.add(member.name)


def actions_invalid(workflow: DRWorkflow, _: Context) -> Iterator[Violation]:
    """Every action, and every custom rollback, keeps the rules of actions."""
    for site in sites(workflow):
        for rule in action.RULES:
            yield from rule(site)


def action_dependencies(workflow: DRWorkflow, _: Context) -> Iterator[Violation]:
    """Actions depend on other actions of the workflow."""
    names = {member.name for member in workflow.spec.actions}
    for index, member in enumerate(workflow.spec.actions):
        for position, dependency in enumerate(member.depends_on):
            path, name = (*ACTIONS, index, "dependsOn", position), dependency.strip()
            if name not in names:
                yield error(workflow, path, f'unknown action "{name}" in dependsOn of action "{member.name}"')
            elif name == member.name:
                yield error(workflow, path, f'action "{name}" depends on itself')


def action_cycle(workflow: DRWorkflow, _: Context) -> Iterator[Violation]:
    """Actions do not wait for each other in a circle."""
    names = [member.name for member in workflow.spec.actions]
    others = [[name for name in member.depends_on if name.strip() != member.name] for member in workflow.spec.actions]
    found = order.cycle(order.edges(names, others))
    if found is not None:
        shown = " ".join(names[index] for index in found)
        message = f"cycle detected in action dependsOn graph ({len(set(found))} actions in cycle): [{shown}]"
        yield error(workflow, (*ACTIONS, found[0], "dependsOn"), message)


def parameters_invalid(workflow: DRWorkflow, _: Context) -> Iterator[Violation]:
    """Entries of `parameters`."""
    for path, message, severity in findings(workflow.spec.parameters, _PARAMETERS):
        yield Violation(ref_of(workflow), ("spec", "parameters", *path), message, severity)


def outputs_unreachable(workflow: DRWorkflow, _: Context) -> Iterator[Violation]:
    """An action can use outputs of actions that have run before it; a rollback and its hooks those of all actions."""
    earlier = _ancestors(workflow)
    if earlier is None:
        return
    actions = workflow.spec.actions
    everything = set(range(len(actions)))
    for site in sites(workflow):
        known = everything if site.is_rollback or site.is_rollback_hook else earlier[site.index]
        types = {actions[index].name: str(actions[index].type) for index in sorted(known)}
        for path, found in block_placeholders(site):
            if found.kind is not PlaceholderKind.OUTPUT:
                continue
            fault = _output_fault(found.name, found.path, types)
            if fault:
                yield error(workflow, (*site.path, *path), f"{site.label}: {found.text}: {fault}")


def _output_fault(name: str, path: str, types: dict[str, str]) -> str:
    if name not in types:
        return f'"{name}" is no action of this workflow that has run before this one'
    first = path.partition(".")[0].partition("[")[0]
    outputs = _OUTPUTS.get(types[name])
    if outputs is not None and first not in outputs:
        return f'an action of type {types[name]} has no output "{first}"; it has {listed(outputs, "and")}'
    return ""


def _ancestors(workflow: DRWorkflow) -> list[set[int]] | None:
    """For each action the indexes of those that have run before it; None when they form a cycle."""
    actions = workflow.spec.actions
    after = order.edges([member.name for member in actions], [member.depends_on for member in actions])
    if order.cycle(after) is not None:
        return None
    found: list[set[int]] = [set() for _ in after]
    for index in order.topological(after):
        for before in after[index]:
            found[index] |= found[before] | {before}
    return found


RULES: tuple[Rule[DRWorkflow], ...] = (
    *metadata.RULES,
    no_actions,
    action_names,
    actions_invalid,
    action_dependencies,
    action_cycle,
    parameters_invalid,
    outputs_unreachable,
)
