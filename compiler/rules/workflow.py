"""What makes a DRWorkflow wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.graph import order
from compiler.graph.facts import Earlier
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
    actions = workflow.spec.actions
    names = [member.name for member in actions]
    after = order.edges(names, [member.depends_on for member in actions])
    if order.cycle(after) is not None:
        return
    earlier = Earlier.of(names, after)
    for site in sites(workflow):
        everything = site.is_rollback or site.is_rollback_hook
        for path, found in block_placeholders(site):
            if found.kind is not PlaceholderKind.OUTPUT:
                continue
            source = earlier.last(found.name) if everything else earlier.find(site.index, found.name)
            fault = _output_fault(found.name, found.path, None if source is None else str(actions[source].type))
            if fault:
                yield error(workflow, (*site.path, *path), f"{site.label}: {found.text}: {fault}")


def _output_fault(name: str, path: str, kind: str | None) -> str:
    if kind is None:
        return f'"{name}" is no action of this workflow that has run before this one'
    first = path.partition(".")[0].partition("[")[0]
    outputs = _OUTPUTS.get(kind)
    if outputs is not None and first not in outputs:
        return f'an action of type {kind} has no output "{first}"; it has {listed(outputs, "and")}'
    return ""


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
