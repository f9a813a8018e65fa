"""Everything that was read in one call: the documents of all files and what is wrong with their text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from compiler.manifests.documents import Document, Parsed, parse_source
from compiler.manifests.problem import MISSING_POSITION, Problem
from compiler.manifests.sources import Source, collect
from compiler.model.names import KIND_EXECUTION, KIND_PLAN, KIND_WORKFLOW
from compiler.problems import ObjectRef, Violation

if TYPE_CHECKING:
    from compiler.model.base import Model
    from compiler.model.execution import DRPlanExecution
    from compiler.model.plan import DRPlan
    from compiler.model.workflow import DRWorkflow

    ModelType = TypeVar("ModelType", bound=Model)


class Manifests:
    """Everything that was read in one call.

    Attributes:
        documents: the objects, in the order of the files and in them; of any kind.
        problems: what is wrong with files and text.
    """

    def __init__(self, parsed: Iterable[Parsed]) -> None:
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        for file in parsed:
            self.documents.extend(file.documents)
            self.problems.extend(file.problems)
        self._by_ref: dict[ObjectRef, Document] = {}
        for document in self.documents:
            self._by_ref.setdefault(document.ref, document)

    def document(self, ref: ObjectRef) -> Document | None:
        """Return the (first) object of that kind, namespace and name."""
        return self._by_ref.get(ref)

    def plans(self) -> dict[ObjectRef, DRPlan]:
        """The plans whose shape is valid."""
        from compiler.model.plan import DRPlan

        return self._typed(KIND_PLAN, DRPlan)

    def workflows(self) -> dict[ObjectRef, DRWorkflow]:
        """The workflows whose shape is valid."""
        from compiler.model.workflow import DRWorkflow

        return self._typed(KIND_WORKFLOW, DRWorkflow)

    def executions(self) -> dict[ObjectRef, DRPlanExecution]:
        """The executions whose shape is valid."""
        from compiler.model.execution import DRPlanExecution

        return self._typed(KIND_EXECUTION, DRPlanExecution)

    def _typed(self, kind: str, model: type[ModelType]) -> dict[ObjectRef, ModelType]:
        found: dict[ObjectRef, ModelType] = {}
        for document in self.documents:
            if document.ref.kind == kind and isinstance(document.reading, model):
                found.setdefault(document.ref, document.reading)
        return found


def load(paths: Sequence[str | os.PathLike[str]]) -> Manifests:
    """Read files, folders (`*.yaml`, `*.yml`, `*.json` at any depth) and `-` for standard input; never raises."""
    return Manifests(parse_source(source) for source in collect(paths))


def parse(text: bytes | str, *, file: str) -> Manifests:
    """Read a text as if it stood in a file of that name; never raises."""
    content = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    return Manifests([parse_source(Source(file, content))])


def locate(violations: Iterable[Violation], manifests: Manifests) -> list[Problem]:
    """Give violations their places; an object that is not among the manifests is named instead of a file."""
    problems = []
    for violation in violations:
        document = manifests.document(violation.ref)
        if document is not None:
            problems.append(document.problem(violation.path, violation.message, violation.severity))
            continue
        ref = violation.ref
        place = (str(ref), *MISSING_POSITION)
        problems.append(Problem(*place, ref.kind, ref.name, violation.severity, violation.message))
    return problems
