"""Which run and which Workflow this container belongs to: two small files that travel with the pod."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from runner import vocabulary as words
from runner.spec import SpecError


class Workflow(NamedTuple):
    """The Argo Workflow that started this runner."""

    name: str
    uid: str


class Run(NamedTuple):
    """The run that this runner belongs to.

    Attributes:
        namespace: namespace of the plan, the execution and the records.
        plan: name of the plan.
        execution: name of the execution; empty in a break-glass run, which nobody made an execution for.
        uid: its uid, likewise.
        epoch: epoch that the Workflow was compiled for.
        operation: Execute or Revert.
        workflow: the Argo Workflow.
    """

    namespace: str
    plan: str
    execution: str
    uid: str
    epoch: int
    operation: str
    workflow: Workflow

    @property
    def break_glass(self) -> bool:
        """Whether there is no execution, hence no fence."""
        return not self.uid


def read(folder: str) -> Run:
    """Read both files.

    Raises:
        SpecError: one cannot be read, or is not what the compiler writes.
    """
    name, slash, uid = _text(folder, words.ABOUT_WORKFLOW).strip().partition("/")
    if not (name and slash):
        raise SpecError(f"file {words.ABOUT_WORKFLOW} in {folder} should hold <name>/<uid> of the Workflow")
    try:
        value = json.loads(_text(folder, words.ABOUT_RUN))
        return Run(
            namespace=str(value["namespace"]),
            plan=str(value["plan"]),
            execution=str(value.get("execution") or ""),
            uid=str(value.get("uid") or ""),
            epoch=int(value.get("epoch") or 1),
            operation=str(value.get("operation") or ""),
            workflow=Workflow(name=name, uid=uid),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"file {words.ABOUT_RUN} in {folder} does not say which run this is: {error}") from error


def _text(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}; does the pod mount it?") from error
