"""Plans, workflows, actions and executions as they are written: what both kinds of release have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.manifests import Problem
from compiler.model.names import API_VERSION, KIND_EXECUTION, KIND_PLAN, KIND_WORKFLOW
from compiler.model.phases import (
    ClusterExecutionMode,
    Mode,
    OperationType,
    ParameterType,
    PlanFailurePolicy,
    WorkflowFailurePolicy,
)

Object = dict[str, Any]

FEED_NAMESPACE = "feedNamespace"
TARGET_NAMESPACE = "targetNamespace"
HOOK_IMAGE = "hookImage"
IN_FEED_NAMESPACE = f"$(params.{FEED_NAMESPACE})"
IN_TARGET_NAMESPACE = f"$(params.{TARGET_NAMESPACE})"
WITH_HOOK_IMAGE = f"$(params.{HOOK_IMAGE})"

SUBSCRIPTION_SUFFIX = "-subscription"
DEFAULT_TIMEOUT = "5m"
_DESCRIPTIONS = {
    FEED_NAMESPACE: "Namespace of the Subscriptions, in the hub.",
    TARGET_NAMESPACE: "Namespace of the release, in the child clusters.",
    HOOK_IMAGE: "Image in which the commands of hooks run.",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants, besides the release.

    Attributes:
        name: name of the release, and of the plan.
        namespace: namespace of the release, and of the plan.
        clusters: labels of the ManagedClusters that get it; none means all.
        wait: whether what is distributed is waited for.
        timeout: how long; None leaves it to the release, or to Helm's own default.
    """

    name: str
    namespace: str
    clusters: Mapping[str, str] = field(default_factory=dict)
    wait: bool = True
    timeout: str | None = None


@dataclass(frozen=True, slots=True)
class Generated:
    """What was made of a release.

    Attributes:
        plan: the DRPlan.
        workflows: its DRWorkflows, by the name of their stage.
        executions: ways to run it, by what they do.
        warnings: what it does not carry, and what has to be known about it.
        secrets: what nobody but their owner may read, for the hub.
    """

    plan: Object
    workflows: Mapping[str, Object]
    executions: Mapping[str, Object]
    warnings: tuple[Problem, ...] = ()
    secrets: tuple[Object, ...] = ()


def only_in(*modes: Mode) -> str:
    """Condition of an action for some modes."""
    return " || ".join(f'mode == "{mode.lower()}"' for mode in modes)


def each_cluster(hook: str | None = None, **cleanup: bool) -> Object:
    """Fields of a hook: it runs in each cluster by itself, and is waited for."""
    noted = {"hookType": hook} if hook else {}
    cleaned = {"hookCleanup": cleanup} if cleanup else {}
    return {"waitReady": True, "clusterExecutionMode": ClusterExecutionMode.PER_CLUSTER, **noted, **cleaned}


def workflow(wishes: Wishes, stage: str, actions: Sequence[Object], *, params: Mapping[str, str], why: str) -> Object:
    """A DRWorkflow for a stage."""
    spec = {
        "description": why,
        "failurePolicy": WorkflowFailurePolicy.FAIL_FAST,
        "parameters": [{**_declared(name), "default": value} for name, value in params.items()],
        "actions": list(actions),
    }
    return _object(KIND_WORKFLOW, f"{wishes.name}-{stage}", wishes, spec)


def plan(
    wishes: Wishes,
    stages: Sequence[Object],
    *,
    params: Mapping[str, str],
    why: str,
    policy: PlanFailurePolicy = PlanFailurePolicy.STOP,
) -> Object:
    """The DRPlan."""
    spec = {
        "description": why,
        "failurePolicy": policy,
        "globalParams": [{**_declared(name), "value": value} for name, value in params.items()],
        "stages": list(stages),
    }
    return _object(KIND_PLAN, wishes.name, wishes, spec)


def stage(wishes: Wishes, name: str, *, why: str, **fields: Any) -> Object:
    """A stage with its one workflow, which is in the namespace of the plan."""
    used = {"workflowRef": {"name": f"{wishes.name}-{name}", "namespace": wishes.namespace}}
    return {"name": name, "description": why, **fields, "workflows": [used]}


def executions(wishes: Wishes) -> dict[str, Object]:
    """An execution for each mode, and one that undoes the first."""
    made = {
        mode.lower(): {"planRef": wishes.name, "operationType": OperationType.EXECUTE, "mode": mode}
        for mode in (Mode.INSTALL, Mode.UPGRADE, Mode.DELETE)
    }
    undone = _execution_name(wishes, Mode.INSTALL.lower())
    back = OperationType.REVERT
    made[back.lower()] = {"planRef": wishes.name, "operationType": back, "revertExecutionRef": undone}
    return {what: _object(KIND_EXECUTION, _execution_name(wishes, what), wishes, spec) for what, spec in made.items()}


def _execution_name(wishes: Wishes, what: str) -> str:
    return f"{wishes.name}-{what}-001"


def _declared(name: str) -> Object:
    return {"name": name, "type": ParameterType.STRING, "description": _DESCRIPTIONS[name]}


def _object(kind: str, name: str, wishes: Wishes, spec: Object) -> Object:
    metadata = {"name": name, "namespace": wishes.namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
