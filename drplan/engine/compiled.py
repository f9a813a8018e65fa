"""From a snapshot to what the engine can run, with everything that it must refuse before anything is written."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from compiler.graph.tree import Graph
from compiler.model.names import digest, workflow_name
from compiler.model.phases import ActionType
from compiler.problems import NothingToRun
from drplan.engine.errors import SecretsMissing, SettingsWrong, TypesNotSupported
from drplan.engine.program import Program, SecretKey, read_program
from drplan.engine.store import Object
from syncer.times import format_time

SUPPORTED = frozenset({ActionType.HTTP})
"""Types of action that need nothing but this machine."""

SECRET_PREFIX = "SECRET_"

_NO_VARIABLE = re.compile(r"[^A-Z0-9]")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A run's Workflow.

    Attributes:
        name: its name.
        workflow: the object; None when no action is to run, so that there is none.
        config_maps: what must exist before it.
    """

    name: str
    workflow: Object | None
    config_maps: tuple[Object, ...] = ()


def compile_run(graph: Graph, *, name: str, uid: str, epoch: int, snapshot_hash: str) -> Compiled:
    """Compile the Workflow of an epoch of an execution.

    Args:
        graph: the graph of that epoch.
        name: name of the execution.
        uid: its uid.
        epoch: the epoch.
        snapshot_hash: hash of what the graph was made from.

    Raises:
        TypesNotSupported: it has actions that need a cluster.
        compiler.problems.PlanTooLarge: it does not fit into a Workflow.
    """
    refuse_types(graph)
    from compiler.argo import ExecutionRef, compile_workflow

    try:
        made = compile_workflow(graph, execution=ExecutionRef(name, uid), epoch=epoch, snapshot_hash=snapshot_hash)
    except NothingToRun:
        return Compiled(workflow_name(graph.plan, revert=graph.revert, identity=digest(uid), epoch=epoch), None)
    return Compiled(made.name, made.workflow, tuple(made.config_maps))


def created(workflow: Object, now: datetime) -> Object:
    """The Workflow as an API server would have stored it."""
    metadata = {**workflow["metadata"], "uid": str(uuid.uuid4()), "creationTimestamp": format_time(now)}
    return {**workflow, "metadata": metadata, "status": {"startedAt": format_time(now)}}


def refuse_types(graph: Graph) -> None:
    """Refuse a graph with actions that need a cluster."""
    found = [
        (action.key, action.name, action.type.value)
        for _, use in graph.workflows()
        for action in use.actions
        if action.live and not use.done and action.type not in SUPPORTED
    ]
    if found:
        raise TypesNotSupported(found)


def read_secrets(
    program: Program, environment: Mapping[str, str], *, needed: bool = True
) -> dict[tuple[str, str], str]:
    """The values of the Secrets that a Workflow needs, by name and key.

    Args:
        program: the Workflow.
        environment: environment variables.
        needed: whether anything may still act; when not, what is missing is empty.

    Raises:
        SecretsMissing: the environment lacks some of them, and they are needed.
    """
    wanted = program.secrets()
    missing = [each for each in wanted if variable_of(each) not in environment]
    if missing and needed:
        raise SecretsMissing(list(dict.fromkeys((variable_of(each), each.secret, each.key) for each in missing)))
    return {(each.secret, each.key): environment.get(variable_of(each), "") for each in wanted}


def secret_variables(secrets: Iterable[SecretKey]) -> frozenset[str]:
    """The environment variables that hold the values of Secrets."""
    return frozenset(variable_of(each) for each in secrets)


def variable_of(secret: SecretKey) -> str:
    """The environment variable in which a Secret's key is expected: `SECRET_PAY_API_TOKEN`."""
    return SECRET_PREFIX + _NO_VARIABLE.sub("_", f"{secret.secret}_{secret.key}".upper())


def check(compiled: Compiled, environment: Mapping[str, str]) -> None:
    """Refuse what cannot be run here.

    Raises:
        SettingsWrong: a setting in the environment cannot be read.
        UnknownForm: the Workflow has a form that this engine does not know.
        SecretsMissing: values of Secrets are not in the environment.
    """
    check_settings(environment)
    if compiled.workflow is not None:
        read_secrets(read_program(compiled.workflow), environment)


def check_settings(environment: Mapping[str, str]) -> None:
    """Refuse settings that no runner could read.

    Raises:
        SettingsWrong: a setting in the environment cannot be read.
    """
    from runner.settings import problems

    found = problems(environment)
    if found:
        raise SettingsWrong(found)
