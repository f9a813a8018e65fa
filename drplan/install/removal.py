"""What is left of an installation in a cluster, and what is to be done about it. Pure.

An execution is kept by our finalizer so that its end gets into the history of its plan. Without a syncer nobody takes
the finalizer off, and the execution, its namespace and its kind cannot be deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.model.names import APP_NAME, FINALIZER_EXECUTION, KIND_EXECUTION, LABEL_APP_NAME
from compiler.model.phases import Phase
from drplan.install.render import KIND_NAMESPACE, render
from drplan.install.settings import Settings, Webhooks
from syncer.decide.recorded import is_recorded

Object = Mapping[str, Any]
Identity = tuple[str, str, str, str]
"""API version, kind, namespace and name."""


def is_held(execution: Object) -> bool:
    """Whether our finalizer keeps an execution from being deleted."""
    return FINALIZER_EXECUTION in (execution["metadata"].get("finalizers") or ())


def is_live(execution: Object) -> bool:
    """Whether an execution has begun, and has not ended or is not in the history of its plan yet."""
    status = execution.get("status") or {}
    if not Phase.read(status.get("phase")).terminal:
        return is_held(execution)
    # The older controller has no reference to a Workflow, and writes its history before the phase.
    return is_held(execution) and bool(status.get("workflowRef")) and not is_recorded(execution)


def is_ours(value: Object) -> bool:
    """Whether an object says that it belongs to drplan."""
    return (value["metadata"].get("labels") or {}).get(LABEL_APP_NAME) == APP_NAME


def without_finalizer(execution: Object) -> dict[str, Any]:
    """The patch that takes our finalizer off an execution, and leaves those of others."""
    kept = [each for each in execution["metadata"]["finalizers"] if each != FINALIZER_EXECUTION]
    return {"metadata": {"finalizers": kept}}


def refusal(live: Iterable[Object]) -> list[str]:
    """Why nothing is removed while executions are live, a line each."""
    return [
        f"{name_of(each)} is {_phase(each)}: without a syncer nothing halts it, and its end gets into no history; let"
        f" it end, cancel it ({_cancel(each['metadata'])}), or give --force"
        for each in live
    ]


def told(execution: Object) -> str:
    """What to say about an execution whose finalizer was taken off."""
    if not is_live(execution):
        return f"finalizer removed from {name_of(execution)}"
    return (
        f"finalizer removed from {name_of(execution)}, which is {_phase(execution)}: its end is in no history, and its"
        f" Workflow {_workflow(execution)} goes on until Argo is told to stop it"
    )


def name_of(value: Object) -> str:
    """Kind, namespace and name of an execution."""
    return f"{KIND_EXECUTION} {value['metadata']['namespace']}/{value['metadata']['name']}"


def installed(settings: Settings) -> list[Identity]:
    """Everything that an installation in these namespaces may consist of, however it was made.

    In the order in which it goes: what asks the syncer before the syncer, its rights after it, the namespace last.
    """
    found: dict[Identity, None] = {}
    for webhooks in Webhooks:
        for watched in {"", settings.watch_namespace}:
            possible = Settings(
                namespace=settings.namespace,
                webhooks=webhooks,
                watch_namespace=watched,
                runner_namespaces=settings.runner_namespaces,
                replicas=2,
                network_policies=True,
            )
            found |= dict.fromkeys(map(identity, render(possible)))
    return sorted(found, key=_turn)


def identity(value: Object) -> Identity:
    """What an object is found by."""
    metadata = value["metadata"]
    return value["apiVersion"], value["kind"], metadata.get("namespace", ""), metadata["name"]


def _turn(found: Identity) -> int:
    _, kind, _, _ = found
    if kind.startswith(("Validating", "Mutating")):
        return 0
    return {"Deployment": 1, KIND_NAMESPACE: 3}.get(kind, 2)


def _cancel(metadata: Object) -> str:
    return f"drplan cancel {metadata['name']} -n {metadata['namespace']}"


def _phase(execution: Object) -> str:
    phase = Phase.read((execution.get("status") or {}).get("phase"))
    return f"{phase}, and not recorded," if phase.terminal else str(phase)


def _workflow(execution: Object) -> str:
    return ((execution.get("status") or {}).get("workflowRef") or {}).get("name") or "(which it may have)"
