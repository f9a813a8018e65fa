"""Builders of graphs, so that a test says only what it is about.

    graph(stage(use("check", "promote"), name="db"), stage(use("deploy", name="app")))

A name stands for an HTTP action of that name. Keys are counted by what encloses a member, and without `after` a live
member waits for the live one listed before it. Edges are given as last segments of keys: `a1`, `w1`, `s1`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.graph.tree import Action, Decided, Graph, SecretRef, Stage, WorkflowUse
from compiler.model.names import RUNNER_SERVICE_ACCOUNT, action_key, local_key, stage_key, workflow_key
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

NAMESPACE = "dr"

SKIPPED = Decided(Phase.SKIPPED, Reason.CONDITION_NOT_MET, 'when "mode == install" does not match')
"""The end of an action that a condition leaves out."""


@dataclass(frozen=True)
class ActionDraft:
    """An action that does not know its place yet."""

    name: str
    type: ActionType = ActionType.HTTP
    operation: str = "GET"
    after: Sequence[str] | None = None
    needs: DependsOnPolicy = DependsOnPolicy.FINISHED
    block: Mapping[str, Any] = field(default_factory=dict)
    holes: Sequence[Mapping[str, Any]] = ()
    secrets: Sequence[SecretRef] = ()
    undo: str | None = None
    decided: Decided | None = None
    hook: bool = False


@dataclass(frozen=True)
class UseDraft:
    """A workflow use that does not know its place yet."""

    actions: Sequence[ActionDraft]
    name: str = "mysql"
    namespace: str = NAMESPACE
    policy: WorkflowFailurePolicy = WorkflowFailurePolicy.FAIL_FAST
    done: bool = False

    @property
    def live(self) -> bool:
        return not self.done and any(action.decided is None for action in self.actions)


@dataclass(frozen=True)
class StageDraft:
    """A stage that does not know its place yet."""

    uses: Sequence[UseDraft]
    name: str = "db"
    policy: StageFailurePolicy | None = None
    parallel: bool = False
    after: Sequence[str] | None = None
    needs: DependsOnPolicy | None = None

    @property
    def live(self) -> bool:
        return any(use.live for use in self.uses)


def action(name: str, **fields: Any) -> ActionDraft:
    return ActionDraft(name, **fields)


def use(*actions: str | ActionDraft, **fields: Any) -> UseDraft:
    drafts = [draft if isinstance(draft, ActionDraft) else ActionDraft(draft) for draft in actions]
    return UseDraft(drafts, **fields)


def stage(*uses: UseDraft, **fields: Any) -> StageDraft:
    return StageDraft(uses, **fields)


def graph(
    *stages: StageDraft,
    plan: str = "pay",
    policy: PlanFailurePolicy = PlanFailurePolicy.STOP,
    operation: OperationType = OperationType.EXECUTE,
    mode: str = "",
    description: str = "",
) -> Graph:
    keys = [stage_key(index) for index in range(1, len(stages) + 1)]
    edges = _edges([draft.after for draft in stages], keys, [draft.live for draft in stages])
    return Graph(
        plan=plan,
        namespace=NAMESPACE,
        operation=operation,
        mode=mode,
        policy=policy,
        stages=tuple(_stage(draft, key, after, policy) for draft, key, after in zip(stages, keys, edges, strict=True)),
        service_account=RUNNER_SERVICE_ACCOUNT,
        description=description,
    )


def uniform(*, stages: int, uses: int, actions: int, parallel: bool = True, plan: str = "pay") -> Graph:
    """A graph of equal stages with equal workflow uses."""
    names = [f"step-{index}" for index in range(1, actions + 1)]
    drafts = [use(*names, name=f"service-{index}") for index in range(1, uses + 1)]
    return graph(
        *(stage(*drafts, name=f"tier-{index}", parallel=parallel) for index in range(1, stages + 1)), plan=plan
    )


def _stage(draft: StageDraft, key: str, after: tuple[str, ...], plan_policy: PlanFailurePolicy) -> Stage:
    policy = draft.policy or StageFailurePolicy(plan_policy)
    keys = [workflow_key(key, index) for index in range(1, len(draft.uses) + 1)]
    given = [() if draft.parallel else None for _ in draft.uses]
    edges = _edges(given, keys, [use.live for use in draft.uses])
    return Stage(
        key=key,
        name=draft.name,
        policy=policy,
        workflows=tuple(
            _use(use, place, before, policy, draft.name)
            for use, place, before in zip(draft.uses, keys, edges, strict=True)
        ),
        parallel=draft.parallel,
        depends_on=tuple(draft.after or ()),
        after=after,
        needs=draft.needs or _needs(plan_policy is PlanFailurePolicy.CONTINUE),
    )


def _use(draft: UseDraft, key: str, after: tuple[str, ...], policy: StageFailurePolicy, stage: str) -> WorkflowUse:
    keys = [action_key(key, index, hook=action.hook) for index, action in enumerate(draft.actions, 1)]
    given = [action.after for action in draft.actions]
    edges = _edges(given, keys, [action.decided is None for action in draft.actions])
    return WorkflowUse(
        key=key,
        name=draft.name,
        namespace=draft.namespace,
        policy=draft.policy,
        actions=tuple(
            _action(action, place, before, draft, stage)
            for action, place, before in zip(draft.actions, keys, edges, strict=True)
        ),
        after=after,
        needs=_needs(policy is StageFailurePolicy.CONTINUE),
        done=draft.done,
        in_order=all(after is None for after in given),
    )


def _action(draft: ActionDraft, key: str, after: tuple[str, ...], use: UseDraft, stage: str) -> Action:
    return Action(
        key=key,
        name=draft.name,
        type=draft.type,
        operation=draft.operation,
        after=after,
        needs=draft.needs,
        spec={} if draft.decided else _spec(draft, after, use, stage),
        secrets=tuple(draft.secrets),
        undo=draft.undo,
        decided=draft.decided,
    )


def _spec(draft: ActionDraft, after: Sequence[str], use: UseDraft, stage: str) -> dict[str, Any]:
    block = draft.block or {"url": f"http://{use.name}.example/{draft.name}", "method": draft.operation}
    return {
        "v": 1,
        "name": draft.name,
        "stage": stage,
        "workflow": use.name,
        "namespace": NAMESPACE,
        "type": draft.type,
        "operation": draft.operation,
        "policy": use.policy,
        "needs": draft.needs,
        "timeout": 300.0,
        "retry": {"limit": 3, "interval": 5.0, "multiplier": 2.0},
        "idempotent": True,
        "waitReady": False,
        "rollback": False,
        draft.type.block: dict(block),
        "holes": [dict(hole) for hole in draft.holes],
        "after": [local_key(earlier) for earlier in after],
    }


def _edges(given: Sequence[Sequence[str] | None], keys: Sequence[str], live: Sequence[bool]) -> list[tuple[str, ...]]:
    """Edges by full key: as given, else to the live member listed before."""
    by_local = {local_key(key): key for key in keys}
    edges: list[tuple[str, ...]] = []
    before: tuple[str, ...] = ()
    for key, after, lives in zip(keys, given, live, strict=True):
        edges.append(() if not lives else before if after is None else tuple(by_local[name] for name in after))
        before = (key,) if lives else before
    return edges


def _needs(end_is_enough: bool) -> DependsOnPolicy:
    return DependsOnPolicy.FINISHED if end_is_enough else DependsOnPolicy.SUCCEEDED
