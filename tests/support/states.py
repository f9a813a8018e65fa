"""State folders for tests of the commands that only look: written with the store, as an engine would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compiler.graph.snapshot import Snapshot
from compiler.model.names import API_VERSION, KIND_PLAN
from drplan.engine.store import StateFolder, update
from support.executions import NAMESPACE

Object = dict[str, Any]


def put(path: Path, value: Object) -> None:
    """Write an object."""
    update(path, lambda _: value)


def keep(state: Path, *executions: Object) -> None:
    """Keep executions."""
    folder = StateFolder(state, NAMESPACE)
    for execution in executions:
        put(folder.execution(execution["metadata"]["name"]).execution, execution)


def keep_plan(state: Path, name: str, *history: Object) -> None:
    """Keep a plan with its history."""
    value = {"apiVersion": API_VERSION, "kind": KIND_PLAN, "metadata": {"name": name, "namespace": NAMESPACE}}
    put(StateFolder(state, NAMESPACE).plan(name), {**value, "status": {"executionHistory": list(history)}})


def keep_snapshot(state: Path, execution: str, snapshot: Snapshot) -> None:
    """Keep what an execution ran."""
    put(StateFolder(state, NAMESPACE).execution(execution).snapshot, snapshot.to_json())


def keep_record(state: Path, execution: str, key: str, name: str, **fields: Any) -> None:
    """Keep a record of an action."""
    spec = {"key": key, "action": {"name": name, "type": "HTTP", "operation": "GET"}}
    record = {"metadata": {"name": f"r-{key}"}, "spec": spec, "state": {"phase": "Succeeded", **fields}}
    put(StateFolder(state, NAMESPACE).execution(execution).records / f"r-{key}.json", record)


def log(state: Path, execution: str, key: str, *lines: str, end: str = "\n") -> Path:
    """Add lines to the log of an action."""
    path = StateFolder(state, NAMESPACE).execution(execution).logs / f"{key}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        file.write("\n".join(lines) + end)
    return path
