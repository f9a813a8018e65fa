"""What all rules share: their form, what they may look at beside their object, and how they say what is wrong.

A rule is a function `(object, context) -> violations`, named by what is wrong. It reads an object that may be broken:
what is missing or of the wrong type is empty then (`lenient`), and the shape itself is reported elsewhere (`shape`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from compiler.graph.snapshot import DEFAULT_NAMESPACE
from compiler.model.base import ObjectMeta
from compiler.model.execution import DRPlanExecution
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from compiler.problems import ObjectRef, Path, Severity, Violation

Key = tuple[str, str]
"""Namespace and name of an object."""


class Object(Protocol):
    """An object of one of our kinds."""

    kind: str
    metadata: ObjectMeta


@dataclass(frozen=True, slots=True)
class Context:
    """The other objects that a rule may look at.

    Attributes:
        plans: plans by namespace and name.
        workflows: workflows by namespace and name.
        executions: executions by namespace and name.
        unreadable: objects that exist but whose shape is broken.
        supplied: names of parameters that whoever asks will give to an execution.
        live: whether these are all objects of a cluster, with their statuses; otherwise they are what happened to be in
            some files, and an object that is missing may well exist.
    """

    plans: Mapping[Key, DRPlan] = field(default_factory=dict)
    workflows: Mapping[Key, DRWorkflow] = field(default_factory=dict)
    executions: Mapping[Key, DRPlanExecution] = field(default_factory=dict)
    unreadable: frozenset[ObjectRef] = frozenset()
    supplied: frozenset[str] = frozenset()
    live: bool = False


Checked = TypeVar("Checked", DRPlan, DRWorkflow, DRPlanExecution)
Rule = Callable[[Checked, Context], Iterable[Violation]]


def key_of(obj: Object) -> Key:
    """Return namespace and name of an object."""
    return obj.metadata.namespace or DEFAULT_NAMESPACE, obj.metadata.name or ""


def ref_of(obj: Object) -> ObjectRef:
    """Return the reference to an object."""
    return ObjectRef(obj.kind, *key_of(obj))


def error(obj: Object, path: Path, message: str) -> Violation:
    """Say that something refuses an object."""
    return Violation(ref_of(obj), path, message)


def warning(obj: Object, path: Path, message: str) -> Violation:
    """Say that something in an object is doubtful."""
    return Violation(ref_of(obj), path, message, Severity.WARNING)
