"""Builders of DRPlanExecutions with a status as a fold writes it."""

from __future__ import annotations

from typing import Any

from compiler.model.names import API_VERSION, KIND_EXECUTION, action_key, stage_key, workflow_key
from compiler.model.phases import ActionType, OperationType, Phase

NAMESPACE = "default"


def action(name: str, phase: Phase = Phase.SUCCEEDED, message: str = "", **fields: Any) -> dict[str, Any]:
    """Status of an action; its key is set by `status`."""
    made = {"name": name, "type": ActionType.HTTP.value, "phase": phase.value, **fields}
    return {**made, "message": message} if message else made


def use(name: str, *actions: dict[str, Any], phase: Phase = Phase.SUCCEEDED, **fields: Any) -> dict[str, Any]:
    """Status of a use of a workflow."""
    reference = {"name": name, "namespace": NAMESPACE}
    return {"workflowRef": reference, "phase": phase.value, "actionStatuses": list(actions), **fields}


def stage(name: str, *uses: dict[str, Any], phase: Phase = Phase.SUCCEEDED, **fields: Any) -> dict[str, Any]:
    """Status of a stage."""
    return {"name": name, "phase": phase.value, "workflowExecutions": list(uses), **fields}


def execution(
    *stages: dict[str, Any],
    name: str = "shop-execute-1",
    plan: str = "shop",
    phase: Phase = Phase.SUCCEEDED,
    spec: dict[str, Any] | None = None,
    annotations: dict[str, str] | None = None,
    uid: str = "uid-1",
    **status: Any,
) -> dict[str, Any]:
    """A DRPlanExecution whose actions have the keys of their places."""
    for first, each in enumerate(stages, start=1):
        for second, member in enumerate(each["workflowExecutions"], start=1):
            place = workflow_key(stage_key(first), second)
            for third, one in enumerate(member["actionStatuses"], start=1):
                one.setdefault("key", action_key(place, third))
    metadata: dict[str, Any] = {"name": name, "namespace": NAMESPACE, "uid": uid}
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": API_VERSION,
        "kind": KIND_EXECUTION,
        "metadata": metadata,
        "spec": {"planRef": plan, "operationType": OperationType.EXECUTE.value, **(spec or {})},
        "status": {"phase": phase.value, "stageStatuses": list(stages), **status},
    }


def failed_switchover(**fields: Any) -> dict[str, Any]:
    """A switchover whose smoke test failed: of everything that can happen something."""
    cause = "not run: s3.w1.a2 Failed"
    return execution(
        stage(
            "prepare",
            use(
                "back-up",
                action("take-backup", message="HTTP PUT succeeded with status 200", duration="210ms"),
                duration="210ms",
            ),
            use(
                "check-standby",
                action("is-up", message="HTTP GET succeeded with status 200", duration="40ms"),
                action("is-in-step", message="HTTP GET succeeded with status 200", duration="1.52s", retryCount=2),
                duration="1.6s",
            ),
            parallel=True,
            duration="1.6s",
        ),
        stage(
            "database",
            use(
                "move-database",
                action("freeze-writes", message="HTTP PUT succeeded with status 200", duration="90ms"),
                duration="90ms",
            ),
            duration="90ms",
        ),
        stage(
            "visitors",
            use(
                "move-visitors",
                action("open-site-b", message="HTTP PUT succeeded with status 200", duration="80ms"),
                action(
                    "smoke-test", Phase.FAILED, "unexpected status code: 503", reason="HTTPStatus", duration="10.4s"
                ),
                action("close-site-a", Phase.SKIPPED, cause, reason="UpstreamFailed"),
                phase=Phase.FAILED,
                message="action smoke-test failed: unexpected status code: 503",
                duration="10.5s",
            ),
            use(
                "tell-people",
                action("tell-operators", message="HTTP GET succeeded with status 200", duration="30ms"),
                action(
                    "tell-customers", Phase.SKIPPED, "when not matched: params.drill == no", reason="ConditionNotMet"
                ),
                duration="30ms",
            ),
            parallel=True,
            phase=Phase.FAILED,
            message="workflow default/move-visitors failed: action smoke-test failed: unexpected status code: 503",
            duration="10.5s",
        ),
        stage(
            "clean-up",
            use(
                "remove",
                action("drop-old", Phase.SKIPPED, cause, reason="UpstreamFailed"),
                action("notify", Phase.SKIPPED, cause, reason="UpstreamFailed"),
                phase=Phase.SKIPPED,
                message=cause,
            ),
            phase=Phase.SKIPPED,
            message=cause,
        ),
        phase=Phase.FAILED,
        progress="11/11",
        duration="12.31s",
        message="Stage visitors failed: workflow default/move-visitors failed: "
        "action smoke-test failed: unexpected status code: 503",
        **fields,
    )
