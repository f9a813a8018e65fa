"""From manifests to problems: shape, unknown fields and all rules of every object, and what objects say together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from compiler.graph.snapshot import used_workflows
from compiler.manifests import Document, Manifests, Problem
from compiler.manifests.kinds import model_of
from compiler.model.actions import Action
from compiler.model.base import Model
from compiler.model.execution import DRPlanExecution
from compiler.model.names import KIND_WORKFLOW
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from compiler.problems import ObjectRef, Path, Severity, Violation
from compiler.rules import execution, lenient, plan, shape, supply, workflow
from compiler.rules.base import Context, key_of, ref_of
from compiler.rules.site import ACTIONS, ROLLBACK
from compiler.rules.unknown import unknown_fields

_PLAN_RULES = (*plan.RULES, supply.undeclared_in_plan, supply.unknown_parameters, supply.values_unfit)
_WORKFLOW_RULES = (*workflow.RULES, supply.undeclared_in_workflow)
_EXECUTION_RULES = (*execution.RULES, supply.mode_missing)


def check(manifests: Manifests, *, supplied: Iterable[str] = ()) -> list[Problem]:
    """Say everything that is wrong with manifests, sorted by file, line and column.

    Args:
        manifests: what was read.
        supplied: names of parameters that will be given to the execution, and so need no declaration.
    """
    context = replace(context_of(manifests), supplied=frozenset(supplied))
    problems = [*manifests.problems, *_duplicates(manifests)]
    broken = set(context.unreadable)
    for document in manifests.documents:
        for violation in violations_of(document, context):
            problems.append(_placed(violation, document, manifests))
            if violation.severity is Severity.ERROR:
                broken.add(violation.ref)
    problems.extend(_refused_executions(manifests, context, broken))
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column))


def context_of(manifests: Manifests) -> Context:
    """Return what rules may look at when these manifests are all there is."""
    plans, workflows, executions = manifests.plans(), manifests.workflows(), manifests.executions()
    return Context(
        plans={(ref.namespace, ref.name): found for ref, found in plans.items()},
        workflows={(ref.namespace, ref.name): found for ref, found in workflows.items()},
        executions={(ref.namespace, ref.name): found for ref, found in executions.items()},
        unreadable=frozenset(
            document.ref for document in manifests.documents if isinstance(document.reading, ValidationError)
        ),
    )


def violations_of(document: Document, context: Context) -> list[Violation]:
    """Say what is wrong with one object beside others; nothing for an object that is none of ours."""
    reading = document.reading
    if reading is None:
        return []
    shapes = list(_shape(document))
    model = (
        lenient.read(model_of(document.ref.kind), document.value) if isinstance(reading, ValidationError) else reading
    )
    unreadable = {violation.path for kind, violation in shapes if kind not in shape.ABSENT_TYPES}
    found = [violation for violation in _judged(model, context) if not _inside(violation.path, unreadable)]
    errors = {violation.path for violation in found if violation.severity is Severity.ERROR}
    kept = [
        violation for kind, violation in shapes if not (kind in shape.ABSENT_TYPES and _near(violation.path, errors))
    ]
    return [*kept, *found, *unknown_fields(document)]


def _judged(model: Model, context: Context) -> Iterator[Violation]:
    if isinstance(model, DRPlan):
        for plan_rule in _PLAN_RULES:
            yield from plan_rule(model, context)
    elif isinstance(model, DRWorkflow):
        for workflow_rule in _WORKFLOW_RULES:
            yield from workflow_rule(model, context)
    elif isinstance(model, DRPlanExecution):
        for execution_rule in _EXECUTION_RULES:
            yield from execution_rule(model, context)


def _inside(path: Path, places: set[Path]) -> bool:
    """Whether a path lies at or below one of these places: rules read it as empty, which it is not."""
    return any(path[:length] in places for length in range(len(path) + 1))


def _near(path: Path, errors: set[Path]) -> bool:
    """Whether a rule has reported the same place, or the field around it or in it, in its own words."""
    return path in errors or path[:-1] in errors or any(error[:-1] == path for error in errors)


def _shape(document: Document) -> Iterator[tuple[str, Violation]]:
    """What is wrong with the shape of an object, custom rollbacks included."""
    if isinstance(document.reading, ValidationError):
        yield from shape.violations(document.reading, document.ref, document.value)
    if document.ref.kind != KIND_WORKFLOW:
        return
    for index, action in enumerate(_raw_actions(document.value)):
        rollback = action.get(ROLLBACK) if isinstance(action, dict) else None
        if not isinstance(rollback, dict):
            continue
        inherited = {name: action[name] for name in ("name", "type") if name in action and rollback.get(name) is None}
        try:
            Action.read({**rollback, **inherited})
        except ValidationError as error:
            base = (*ACTIONS, index, ROLLBACK)
            for kind, violation in shape.violations(error, document.ref, {**rollback, **inherited}, base):
                if violation.path[len(base) :] not in {(name,) for name in ("name", "type") if name not in rollback}:
                    yield kind, violation


def _raw_actions(value: dict[str, Any]) -> list[Any]:
    spec = value.get("spec")
    actions = spec.get("actions") if isinstance(spec, dict) else None
    return actions if isinstance(actions, list) else []


def _placed(violation: Violation, document: Document, manifests: Manifests) -> Problem:
    """Give a violation its place; one of another object is placed there."""
    other = document if violation.ref == document.ref else manifests.document(violation.ref)
    return (other or document).problem(violation.path, violation.message, violation.severity)


def _duplicates(manifests: Manifests) -> Iterator[Problem]:
    """The same object twice in the input: which one would count?"""
    for document in manifests.documents:
        first = manifests.document(document.ref)
        if document.ours and document.ref.name and first is not None and first is not document:
            line, _ = first.position(())
            yield document.problem(("metadata", "name"), f"{document.ref} is already defined at {first.file}:{line}")


def _refused_executions(manifests: Manifests, context: Context, broken: set[ObjectRef]) -> Iterator[Problem]:
    for found in context.executions.values():
        namespace, name = key_of(found)[0], found.spec.plan_ref
        used = context.plans.get((namespace, name))
        if used is None:
            continue
        refs = {ref_of(found), ref_of(used)}
        refs |= {ObjectRef(KIND_WORKFLOW, *key) for key in used_workflows(used, context.workflows)}
        document = manifests.document(ref_of(found))
        if document is not None and not refs & broken:
            for violation in supply.refused(found, context):
                yield document.problem(violation.path, violation.message, violation.severity)
