"""The decided graph of one run: stages → workflow uses → actions, complete, with explicit edges.

Complete means that what will not run is in it too, with what is decided about it: the status tree of an execution is
built from here and overlaid with what happened, so nothing ever vanishes from a status. Edges connect only what is
live: what depended on a member that is not live depends on that member's predecessors instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.model.phases import (
    ActionType,
    DependsOnPolicy,
    OperationType,
    Phase,
    PlanFailurePolicy,
    Reason,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)


@dataclass(frozen=True, slots=True)
class Decided:
    """The end of an action that is known when compiling, so that it is not in the Workflow."""

    phase: Phase
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A key of a Secret in the runner's namespace; it reaches the runner as the environment variable `variable`."""

    name: str
    key: str
    variable: str


@dataclass(frozen=True, slots=True)
class Action:
    """An action, a rollback hook or the undoing of an action.

    Attributes:
        key: position key, `s1.w2.a3` (`s1.w2.h3` for a rollback hook in a revert).
        name: name to show.
        type: type that runs (of the custom rollback, in a revert that has one).
        operation: operation of a resource type, method of an HTTP action, else empty.
        after: keys of the live actions of the same workflow use that it waits for.
        needs: what those must have come to.
        spec: what the runner gets as JSON (see `compiler.graph.spec`); empty when decided.
        secrets: Secrets whose values the spec has holes for.
        undo: name of the forward action's record, in a revert.
        decided: set when it is known not to run.
    """

    key: str
    name: str
    type: ActionType
    operation: str = ""
    after: tuple[str, ...] = ()
    needs: DependsOnPolicy = DependsOnPolicy.FINISHED
    spec: Mapping[str, Any] = field(default_factory=dict)
    secrets: tuple[SecretRef, ...] = ()
    undo: str | None = None
    decided: Decided | None = None

    @property
    def live(self) -> bool:
        """Whether it is in the Workflow."""
        return self.decided is None


@dataclass(frozen=True, slots=True)
class WorkflowUse:
    """One use of a DRWorkflow in a stage.

    Attributes:
        key: position key, `s1.w2`.
        name: name of the DRWorkflow.
        namespace: its namespace.
        policy: its failure policy.
        after: keys of the live uses of the same stage that it waits for.
        needs: what those must have come to.
        actions: in the order of the snapshot; in a revert pre-hooks first, post-hooks last.
        done: wholly Succeeded in an earlier epoch: not compiled again, its statuses come from the records.
        in_order: whether no action has `dependsOn`, so that listed order holds.
    """

    key: str
    name: str
    namespace: str
    policy: WorkflowFailurePolicy
    actions: tuple[Action, ...]
    after: tuple[str, ...] = ()
    needs: DependsOnPolicy = DependsOnPolicy.SUCCEEDED
    done: bool = False
    in_order: bool = True

    @property
    def live(self) -> bool:
        """Whether it is in the Workflow."""
        return not self.done and any(action.live for action in self.actions)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage.

    Attributes:
        key: position key, `s1`.
        name: name of the stage.
        policy: effective failure policy.
        parallel: whether its workflows run all at once.
        depends_on: names as written in the plan, for the status.
        after: keys of the live stages that it waits for.
        needs: what those must have come to.
        workflows: in the order of the snapshot.
    """

    key: str
    name: str
    policy: StageFailurePolicy
    workflows: tuple[WorkflowUse, ...]
    parallel: bool = False
    depends_on: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    needs: DependsOnPolicy = DependsOnPolicy.SUCCEEDED

    @property
    def live(self) -> bool:
        """Whether it is in the Workflow."""
        return any(workflow.live for workflow in self.workflows)


@dataclass(frozen=True, slots=True)
class Graph:
    """The decided graph of one run.

    Attributes:
        plan: name of the plan.
        namespace: namespace of plan, execution and Workflow.
        operation: Execute or Revert.
        mode: lower-case mode, empty when there is none.
        policy: effective failure policy of the plan.
        stages: in the order of the status: snapshot order, in a revert the order of the revert.
        service_account: service account of the runner.
        description: `spec.description` of the plan.
        without_way_back: in a revert, how many actions have nothing that undoes them (HTTP calls that do
            more than read, without `rollback`).
    """

    plan: str
    namespace: str
    operation: OperationType
    mode: str
    policy: PlanFailurePolicy
    stages: tuple[Stage, ...]
    service_account: str
    description: str = ""
    without_way_back: int = 0

    @property
    def revert(self) -> bool:
        """Whether it undoes an earlier run."""
        return self.operation is OperationType.REVERT

    def workflows(self) -> Iterator[tuple[Stage, WorkflowUse]]:
        """All workflow uses with their stages, in status order."""
        for stage in self.stages:
            for workflow in stage.workflows:
                yield stage, workflow

    def actions(self) -> Iterator[Action]:
        """All actions, in status order."""
        for _, workflow in self.workflows():
            yield from workflow.actions
