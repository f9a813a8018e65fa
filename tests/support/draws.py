"""Hypothesis strategies for objects of the four kinds, as plain JSON values.

With `ours=False` they draw what the older CRDs accept: every field that they have, with every value of every enum, in
any combination that a schema alone cannot refuse. With `ours=True` also the fields that we added.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from support.draws_actions import actions
from support.draws_base import (
    ACTION_TYPES,
    DURATIONS,
    FLAGS,
    INT32,
    INT64,
    MODES,
    NAMES,
    NATURAL,
    OLD_CLUSTER_PHASES,
    OLD_EXECUTION_PHASES,
    OLD_PHASES,
    PHASES,
    TEXT_MAPS,
    TEXTS,
    TIMES,
    Objects,
    anything,
    objects,
    one_of,
    open_objects,
    some,
)


def metadata() -> Objects:
    """Draw the metadata of an object, with fields that our models do not name."""
    return objects(
        {"name": NAMES},
        {
            "namespace": NAMES,
            "uid": NAMES,
            "labels": TEXT_MAPS,
            "annotations": TEXT_MAPS,
            "generation": INT64,
            "resourceVersion": NAMES,
            "creationTimestamp": TIMES,
            "deletionTimestamp": TIMES,
            "finalizers": some(NAMES),
            "ownerReferences": some(objects({"apiVersion": NAMES, "kind": NAMES, "name": NAMES, "uid": NAMES}, {})),
            "managedFields": some(open_objects(TEXTS)),
        },
    )


def whole(kind: str, *, spec: Objects, status: Objects) -> Objects:
    """Draw an object of a kind that has a spec and perhaps a status."""
    head = {"apiVersion": st.just("dr.bkbcs.tencent.com/v1alpha1"), "kind": st.just(kind), "metadata": metadata()}
    return objects({**head, "spec": spec}, {"status": status})


def conditions() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw a list of conditions, at most one of each type."""
    condition = objects(
        {
            "type": one_of("Ready", "Complete", "Executing"),
            "status": one_of("True", "False", "Unknown"),
            "reason": one_of("ValidationSucceeded", "ValidationFailed", "x:y"),
            "message": TEXTS,
            "lastTransitionTime": TIMES,
        },
        {"observedGeneration": INT64},
    )
    return st.lists(condition, max_size=2, unique_by=lambda drawn: drawn["type"])


def parameters(*, ours: bool) -> Objects:
    """Draw a parameter."""
    manifest_ref = objects(
        {"apiVersion": TEXTS, "kind": TEXTS, "jsonPath": TEXTS},
        {"namespace": TEXTS, "name": TEXTS, "labelSelector": TEXTS, "select": one_of("Last", "First", "Single", "Any")},
    )
    value_from: dict[str, st.SearchStrategy[Any]] = {"manifestRef": manifest_ref}
    if ours:
        value_from["secretKeyRef"] = objects({"name": TEXTS, "key": TEXTS}, {})
    return objects(
        {"name": TEXTS},
        {
            "type": one_of("string", "number", "boolean"),
            "required": FLAGS,
            "value": TEXTS,
            "default": TEXTS,
            "description": TEXTS,
            "valueFrom": objects({}, value_from),
        },
    )


def workflow_objects(*, ours: bool) -> Objects:
    """Draw a DRWorkflow."""
    ttl = {f"secondsAfter{end}": INT32 for end in ("Completion", "Success", "Failure")}
    argo = objects({}, {"namespace": TEXTS, "serviceAccountName": TEXTS, "ttlStrategy": objects({}, ttl)})
    spec = objects(
        {"actions": some(actions(ours=ours), least=1)},
        {
            "executor": objects({}, {"type": one_of("Native", "Argo"), "argoOptions": argo}),
            "parameters": some(parameters(ours=ours)),
            "failurePolicy": one_of("FailFast", "Continue"),
            **({"description": TEXTS} if ours else {}),
        },
    )
    status = objects({}, {"phase": one_of("Ready", "Invalid"), "conditions": conditions(), "observedGeneration": INT64})
    return whole("DRWorkflow", spec=spec, status=status)


def plan_objects(*, ours: bool) -> Objects:
    """Draw a DRPlan."""
    use = objects(
        {"workflowRef": objects({"name": TEXTS}, {"namespace": TEXTS})}, {"params": some(parameters(ours=ours))}
    )
    stage = objects(
        {"name": NAMES, "workflows": some(use, least=1)},
        {
            "description": TEXTS,
            "dependsOn": some(NAMES),
            "parallel": FLAGS,
            "failurePolicy": one_of("Stop", "Continue", "FailFast"),
            **({"dependsOnPolicy": one_of("Finished", "Succeeded")} if ours else {}),
        },
    )
    added = {"suspend": FLAGS, "serviceAccountName": NAMES, "executionsHistoryLimit": NATURAL} if ours else {}
    spec = objects(
        {"stages": some(stage, least=1)},
        {
            "description": TEXTS,
            "globalParams": some(parameters(ours=ours)),
            "failurePolicy": one_of("Stop", "Continue"),
            **added,
        },
    )
    return whole("DRPlan", spec=spec, status=plan_statuses(ours=ours))


def plan_statuses(*, ours: bool) -> Objects:
    """Draw the status of a DRPlan."""
    uid = {"uid": NAMES} if ours else {}
    entry = objects(
        {"name": TEXTS, "namespace": TEXTS, "operationType": one_of("Execute", "Revert", "", "anything")},
        {
            "phase": one_of(*OLD_EXECUTION_PHASES, "Cancelled", "", "anything"),
            "startTime": TIMES,
            "completionTime": TIMES,
            **(added_history() if ours else {}),
        },
    )
    return objects(
        {},
        {
            "phase": one_of("Ready", "Executed", "Invalid"),
            "conditions": conditions(),
            "observedGeneration": INT64,
            "currentExecution": objects({"name": TEXTS}, {"namespace": TEXTS, **uid}),
            "lastExecutionRef": TEXTS,
            "lastExecutionTime": TIMES,
            "executionHistory": st.lists(entry, max_size=3),
            "lastProcessedTrigger": TEXTS,
        },
    )


def added_history() -> dict[str, st.SearchStrategy[Any]]:
    """Return the fields that we added to an entry of a plan's history."""
    return {
        "uid": NAMES,
        "mode": one_of(*MODES),
        "message": TEXTS,
        "reason": TEXTS,
        "requestedBy": TEXTS,
        "duration": DURATIONS,
        "revertOf": objects({}, {"name": TEXTS, "uid": NAMES}),
        "revertedBy": reverted_by(),
    }


def reverted_by() -> Objects:
    """Draw a reference to the revert that undid an execution."""
    return objects({}, {"name": TEXTS, "uid": NAMES, "phase": one_of(*PHASES), "time": TIMES})


def execution_objects(*, ours: bool) -> Objects:
    """Draw a DRPlanExecution."""
    added = {
        "force": FLAGS,
        "reason": TEXTS,
        "ttlSecondsAfterFinished": NATURAL,
        "adoptWorkflow": objects({"name": TEXTS, "uid": NAMES}, {}),
    }
    spec = objects(
        {"planRef": TEXTS, "operationType": one_of("Execute", "Revert")},
        {
            "mode": one_of(*MODES),
            "revertExecutionRef": TEXTS,
            "params": some(parameters(ours=ours)),
            **(added if ours else {}),
        },
    )
    return whole("DRPlanExecution", spec=spec, status=execution_statuses(ours=ours))


def execution_statuses(*, ours: bool) -> Objects:
    """Draw the status of a DRPlanExecution."""
    return objects(
        {},
        {
            "phase": one_of(*(PHASES if ours else OLD_EXECUTION_PHASES)),
            "startTime": TIMES,
            "completionTime": TIMES,
            "stageStatuses": some(stage_statuses(ours=ours)),
            "summary": summaries(ours=ours),
            "message": TEXTS,
            "conditions": conditions(),
            **(added_execution_status() if ours else {}),
        },
    )


def added_execution_status() -> dict[str, st.SearchStrategy[Any]]:
    """Return the fields that we added to the status of an execution."""
    sources = one_of("WorkflowDefault", "Plan", "Stage", "Execution", "Manifest", "Secret")
    secret = objects({"name": TEXTS, "key": TEXTS}, {})
    return {
        "observedGeneration": INT64,
        "epoch": INT32,
        "runs": INT32,
        "workflowRef": objects({}, {"name": TEXTS, "uid": NAMES}),
        "planRef": objects({"name": TEXTS}, {"uid": NAMES, "generation": INT64}),
        "snapshotRef": objects({"name": TEXTS}, {"chunks": INT32, "hash": TEXTS}),
        "resolvedParams": some(objects({"name": TEXTS}, {"value": TEXTS, "secretKeyRef": secret, "source": sources})),
        "progress": one_of("0/3", "3/3"),
        "duration": DURATIONS,
        "detail": objects({"level": one_of("Full", "Compact", "Summary")}, {"records": INT32}),
        "revertedBy": reverted_by(),
    }


def summaries(*, ours: bool) -> Objects:
    """Draw the counts of an execution."""
    counted = ["total", "completed", "running", "pending", "failed"]
    added = ["succeeded", "skipped", "cancelled", "unknown"] if ours else []
    counts = [f"{count}{what}" for what in ("Stages", "Workflows") for count in (*counted, *added)]
    actions_counted = ("total", "succeeded", "failed", "skipped", "running", "pending") if ours else ()
    return objects({}, dict.fromkeys((*counts, *(f"{count}Actions" for count in actions_counted)), NATURAL))


def stage_statuses(*, ours: bool) -> Objects:
    """Draw the status of a stage, with its workflows and actions."""
    phases = one_of(*(PHASES if ours else OLD_PHASES))
    times = {"startTime": TIMES, "completionTime": TIMES, "message": TEXTS}
    added = {"key": TEXTS, "type": one_of(*ACTION_TYPES), "reason": TEXTS, "duration": DURATIONS} if ours else {}
    action = objects(
        {"name": TEXTS, "phase": phases},
        {
            **times,
            "retryCount": INT32,
            "outputs": outputs(),
            "clusterStatuses": some(cluster_statuses(ours=ours)),
            **added,
        },
    )
    workflow = objects(
        {"workflowRef": objects({"name": TEXTS}, {"namespace": TEXTS}), "phase": phases},
        {
            **times,
            "duration": DURATIONS,
            "progress": TEXTS,
            "currentAction": TEXTS,
            "actionStatuses": some(action),
        },
    )
    return objects(
        {"name": TEXTS, "phase": phases},
        {
            **times,
            "duration": DURATIONS,
            "parallel": FLAGS,
            "dependsOn": some(TEXTS),
            "workflowExecutions": some(workflow),
        },
    )


def cluster_statuses(*, ours: bool) -> Objects:
    """Draw what an action came to in one cluster."""
    return objects(
        {"cluster": TEXTS, "clusterID": TEXTS, "phase": one_of(*(PHASES if ours else OLD_CLUSTER_PHASES))},
        {"startTime": TIMES, "completionTime": TIMES, "message": TEXTS},
    )


def references() -> Objects:
    """Draw a reference to a Kubernetes object."""
    fields = ("apiVersion", "kind", "namespace", "name", "uid", "resourceVersion", "fieldPath")
    return objects({}, dict.fromkeys(fields, TEXTS))


def outputs() -> Objects:
    """Draw what an action made or got."""
    single = ("jobRef", "localizationRef", "globalizationRef", "helmChartRef", "subscriptionRef", "resourceRef")
    return objects(
        {},
        {
            **{name: references() for name in single},
            "subscriptionRefs": some(references()),
            "httpResponse": objects({}, {"statusCode": st.integers(100, 599), "body": TEXTS}),
        },
    )


def record_objects() -> Objects:
    """Draw a DRActionRecord."""
    identity = objects({}, {"name": TEXTS, "uid": NAMES})
    action = objects({"name": TEXTS, "type": one_of(*ACTION_TYPES)}, {"operation": one_of("Create", "POST")})
    spec = objects(
        {
            "schemaVersion": st.just(1),
            "workflow": identity,
            "key": one_of("s1.w1.a1", "s1.w2.h3"),
            "direction": one_of("Forward", "Revert"),
            "action": action,
            "specHash": TEXTS,
        },
        {"execution": identity},
    )
    head = {
        "apiVersion": st.just("dr.bkbcs.tencent.com/v1alpha1"),
        "kind": st.just("DRActionRecord"),
        "metadata": metadata(),
    }
    return objects({**head, "spec": spec, "state": record_states()}, {})


def record_states() -> Objects:
    """Draw the state of a DRActionRecord."""
    holder = objects({"id": NAMES}, {"pod": NAMES, "attempt": INT32, "renewTime": TIMES, "released": FLAGS})
    attempt = objects({"n": INT32}, {"startTime": TIMES, "completionTime": TIMES, "message": TEXTS})
    before = objects({"ref": references()}, {"existed": FLAGS, "gz": TEXTS, "secretRef": objects({"name": TEXTS}, {})})
    return objects(
        {"phase": one_of("Started", "Succeeded", "Failed", "Skipped", "Cancelled", "Unknown")},
        {
            "reason": TEXTS,
            "message": st.one_of(TEXTS, st.just("m" * 1024)),
            "epoch": INT32,
            "run": INT32,
            "holder": holder,
            "startTime": TIMES,
            "completionTime": TIMES,
            "retryCount": INT32,
            "exitCode": st.sampled_from([0, 2, 3, 4, 5, 75, 77, 143]),
            "sent": FLAGS,
            "outputs": outputs(),
            "values": open_objects(anything()),
            "clusters": some(cluster_statuses(ours=True)),
            "attempts": some(attempt),
            "before": some(before),
            "after": some(objects({"ref": references()}, {"gz": TEXTS})),
            "undoneBy": objects({}, {"name": TEXTS, "uid": NAMES, "time": TIMES}),
            "undoAttempt": objects({"phase": st.sampled_from(["Unknown"])}, {"name": TEXTS, "uid": NAMES}),
        },
    )
