"""Executions as they are found in a state folder: whole, or named as damaged, and whose a damaged one may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from compiler.model.names import record_name
from compiler.model.phases import Phase
from drplan.engine import store
from drplan.engine.errors import StateDamaged, StateUnavailable
from drplan.engine.store import ExecutionFolder, Object, StateFolder
from syncer.decide.missing import without_record

OnWarning = Callable[[str], None]

_GENERATED = re.compile(r"(?P<plan>.+)-(?:execute|revert)-\d+\Z")


def read_execution(folder: ExecutionFolder) -> Object | None:
    """Read an execution; None when there is none.

    Raises:
        StateDamaged: it is none that a command could do anything with.
        StateUnavailable: it cannot be read.
    """
    found = store.read(folder.execution)
    problem = _problem(found) if found is not None else ""
    if problem:
        raise StateDamaged(folder.execution, problem)
    return found


def _problem(execution: Mapping[str, Any]) -> str:
    metadata, spec, status = (execution.get(name) for name in ("metadata", "spec", "status"))
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return "has no metadata.name"
    if not isinstance(spec, dict) or not isinstance(spec.get("planRef"), str):
        return "has no spec.planRef"
    if status is not None and not isinstance(status, dict):
        return "has a status that is no object"
    try:
        Phase.read((status or {}).get("phase"))
    except ValueError:
        return f"has a phase that nobody knows: {(status or {}).get('phase')!r}"
    return ""


def executions_of(state: StateFolder, plan: str, warn: OnWarning) -> list[tuple[ExecutionFolder, Object]]:
    """The executions of a plan.

    Args:
        state: the namespace.
        plan: name of the plan.
        warn: gets what is wrong with executions that are not of this plan.

    Raises:
        StateUnavailable: one that may be of this plan cannot be read.
    """
    found: list[tuple[ExecutionFolder, Object]] = []
    for folder in state.list_executions():
        try:
            execution = read_execution(folder)
        except StateUnavailable as problem:
            if _may_be_of(state, folder, plan):
                raise
            warn(f"warning: {problem}; it is not of plan {plan}")
            continue
        if execution is not None and execution["spec"]["planRef"] == plan:
            found.append((folder, execution))
    return found


def _may_be_of(state: StateFolder, folder: ExecutionFolder, plan: str) -> bool:
    """Whether an execution that cannot be read may be of a plan: what is beside it tells, then plans, then its name."""
    try:
        snapshot = store.read(folder.snapshot) or {}
        return bool(snapshot["plan"]["metadata"]["name"] == plan)
    except (StateUnavailable, LookupError, TypeError):
        pass
    owners = {owner for owner, name in _claims(state) if name == folder.name}
    if owners:
        return plan in owners
    generated = _GENERATED.match(folder.name)
    return generated is None or generated["plan"] == plan


def _claims(state: StateFolder) -> Iterator[tuple[str, str]]:
    """Plans with the names of the executions that they know."""
    for path in state.plans.glob(f"[!.]*{store.SUFFIX}"):
        try:
            status = (store.read(path) or {}).get("status") or {}
            known = [status.get("currentExecution") or {}, *(status.get("executionHistory") or ())]
            yield from ((path.name.removesuffix(store.SUFFIX), each["name"]) for each in known if "name" in each)
        except (StateUnavailable, AttributeError, TypeError):
            continue


def refuse_missing_records(folder: ExecutionFolder, execution: Object, keys: Collection[str]) -> None:
    """Refuse an execution whose records do not tell all that its status does: what is lost would be done again.

    Args:
        folder: its folder.
        execution: the execution.
        keys: keys of the actions that have a record.

    Raises:
        StateDamaged: the record of an action that had begun is missing.
    """
    for action in without_record(execution.get("status") or {}, keys):
        path = folder.record(record_name(folder.name, execution["metadata"].get("uid") or "", action["key"]))
        raise StateDamaged(path, f"is missing, and action {action['key']} {action.get('name')} is {action['phase']}")
