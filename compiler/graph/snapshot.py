"""What an execution runs: the plan, its workflows and its own input as they were when it started.

A graph is made from a snapshot alone, so that a run, its status and its later revert never look at today's plan. A
snapshot is kept with the execution (gzip, in ConfigMaps or a file) as the JSON of `to_json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from compiler.model.names import KIND_PLAN, KIND_WORKFLOW, digest
from compiler.model.parameters import Parameter
from compiler.model.phases import OperationType, Phase, Reason
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from compiler.problems import ObjectRef

if TYPE_CHECKING:
    from compiler.model.execution import DRPlanExecution

WorkflowId = tuple[str, str]
"""Namespace and name of a DRWorkflow."""

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class ExecutionInput:
    """What an execution brings to a run.

    Attributes:
        name: its name, empty when compiled without one.
        namespace: its namespace, which is the plan's.
        uid: its uid, empty when there is none.
        operation: Execute or Revert.
        mode: lower-case mode, empty when it has none.
        params: its parameters.
        force: whether a Revert may repeat what an earlier one may have done.
    """

    name: str = ""
    namespace: str = DEFAULT_NAMESPACE
    uid: str = ""
    operation: OperationType = OperationType.EXECUTE
    mode: str = ""
    params: tuple[Parameter, ...] = ()
    force: bool = False

    @classmethod
    def of(cls, execution: DRPlanExecution) -> ExecutionInput:
        """Read it from an execution object."""
        return cls(
            name=execution.metadata.name or "",
            namespace=execution.metadata.namespace or DEFAULT_NAMESPACE,
            uid=execution.metadata.uid or "",
            operation=execution.spec.operation_type,
            mode=(execution.spec.mode or "").lower(),
            params=tuple(execution.spec.params or ()),
            force=bool(execution.spec.force),
        )


@dataclass(frozen=True, slots=True)
class TargetAction:
    """What is known of an action of the execution that is to be reverted.

    Attributes:
        phase: its final phase.
        reason: why.
        record: name of its DRActionRecord, empty when there is none.
        restorable: whether the record holds what existed before a change.
        undone_by: name of the revert that has undone it already.
        undo_tried_by: name of the revert that may have undone it, in a way that cannot be repeated.
        values: what `$(outputs.…)` could reach.
    """

    phase: Phase
    reason: str = ""
    record: str = ""
    restorable: bool = False
    undone_by: str = ""
    undo_tried_by: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nothing_done(self) -> bool:
        """Whether it ended badly before anything was done."""
        return self.reason == Reason.NOTHING_DONE


@dataclass(frozen=True, slots=True)
class RevertInput:
    """The execution that a revert undoes."""

    name: str
    uid: str
    snapshot: Snapshot
    actions: Mapping[str, TargetAction]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a graph is made from.

    Attributes:
        plan: the plan.
        workflows: the workflows that it refers to, as far as they exist.
        execution: what the execution brings.
        manifest_values: values of `valueFrom.manifestRef`, by `parameter_id`.
        revert: the target, for a revert.
    """

    plan: DRPlan
    workflows: Mapping[WorkflowId, DRWorkflow]
    execution: ExecutionInput = ExecutionInput()
    manifest_values: Mapping[str, str] = field(default_factory=dict)
    revert: RevertInput | None = None

    @property
    def namespace(self) -> str:
        """Namespace of plan and execution."""
        return self.plan.metadata.namespace or DEFAULT_NAMESPACE

    @property
    def name(self) -> str:
        """Name of the plan."""
        return self.plan.metadata.name or ""

    @property
    def plan_ref(self) -> ObjectRef:
        """The plan, for messages."""
        return ObjectRef(KIND_PLAN, self.namespace, self.name)

    def to_json(self) -> dict[str, Any]:
        """Write it as a JSON-shaped dict, with keys in a fixed order."""
        written: dict[str, Any] = {
            "v": 1,
            "plan": _dump(self.plan),
            "workflows": [_dump(self.workflows[key]) for key in sorted(self.workflows)],
            "execution": {
                "name": self.execution.name,
                "namespace": self.execution.namespace,
                "uid": self.execution.uid,
                "operation": self.execution.operation,
                "mode": self.execution.mode,
                "params": [_dump(parameter) for parameter in self.execution.params],
            },
            "manifestValues": dict(sorted(self.manifest_values.items())),
        }
        if self.execution.force:
            written["execution"]["force"] = True
        if self.revert is not None:
            written["revert"] = {
                "name": self.revert.name,
                "uid": self.revert.uid,
                "snapshot": self.revert.snapshot.to_json(),
                "actions": {key: _dump_target(action) for key, action in sorted(self.revert.actions.items())},
            }
        return written

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Snapshot:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the value is no snapshot (pydantic's ValidationError is one) or of another version.
        """
        if value.get("v") != 1:
            raise ValueError(f"snapshot version {value.get('v')!r} is not known; this version reads 1")
        workflows = [DRWorkflow.model_validate(workflow) for workflow in value["workflows"]]
        execution = dict(value["execution"])
        execution["operation"] = OperationType(execution["operation"])
        execution["params"] = tuple(Parameter.model_validate(parameter) for parameter in execution["params"])
        revert = value.get("revert")
        return cls(
            plan=DRPlan.model_validate(value["plan"]),
            workflows=by_id(workflows),
            execution=ExecutionInput(**execution),
            manifest_values=value["manifestValues"],
            revert=None if revert is None else _read_revert(revert),
        )

    def hash(self) -> str:
        """SHA-256 of its canonical JSON."""
        return digest(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")), 64)


def by_id(workflows: Iterable[DRWorkflow]) -> dict[WorkflowId, DRWorkflow]:
    """Index workflows by namespace and name."""
    return {
        (workflow.metadata.namespace or DEFAULT_NAMESPACE, workflow.metadata.name or ""): workflow
        for workflow in workflows
    }


def used_workflows(plan: DRPlan, workflows: Mapping[WorkflowId, DRWorkflow]) -> dict[WorkflowId, DRWorkflow]:
    """Only those of the workflows that a plan refers to."""
    namespace = plan.metadata.namespace or DEFAULT_NAMESPACE
    used: dict[WorkflowId, DRWorkflow] = {}
    for stage in plan.spec.stages:
        for use in stage.workflows:
            key = (use.workflow_ref.namespace or namespace, use.workflow_ref.name)
            if key in workflows:
                used[key] = workflows[key]
    return used


def workflow_ref(key: WorkflowId) -> ObjectRef:
    """A workflow, for messages."""
    return ObjectRef(KIND_WORKFLOW, *key)


def _dump(model: DRPlan | DRWorkflow | Parameter) -> dict[str, Any]:
    written: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    written.pop("status", None)
    return written


def _dump_target(action: TargetAction) -> dict[str, Any]:
    tried = {"undoTriedBy": action.undo_tried_by} if action.undo_tried_by else {}
    return {
        "phase": action.phase,
        "reason": action.reason,
        "record": action.record,
        "restorable": action.restorable,
        "undoneBy": action.undone_by,
        **tried,
        "values": dict(action.values),
    }


def _read_revert(value: Mapping[str, Any]) -> RevertInput:
    actions = {
        key: TargetAction(
            phase=Phase.read(action["phase"]),
            reason=action["reason"],
            record=action["record"],
            restorable=action["restorable"],
            undone_by=action["undoneBy"],
            undo_tried_by=action.get("undoTriedBy", ""),
            values=action["values"],
        )
        for key, action in value["actions"].items()
    }
    return RevertInput(
        name=value["name"], uid=value["uid"], snapshot=Snapshot.from_json(value["snapshot"]), actions=actions
    )
