"""The forward graph: a plan with parameters resolved, conditions decided, mode Delete inferred, edges explicit.

Order of the work: for each stage, for each use of a workflow: resolve its parameters, choose its actions (mode Delete
may replace them), decide each condition, bridge what does not run, render what does. Everything that is wrong is
collected, and refused at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from compiler.graph import conditions, order
from compiler.graph.parameters import execution_ref, unknown
from compiler.graph.snapshot import Snapshot
from compiler.graph.tree import Graph, Stage, WorkflowUse
from compiler.graph.uses import use_builder
from compiler.model.names import (
    RUNNER_SERVICE_ACCOUNT,
    stage_key,
    workflow_key,
)
from compiler.model.phases import (
    DependsOnPolicy,
    HookType,
    OperationType,
    PlanFailurePolicy,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)
from compiler.model.plan import Stage as StageModel
from compiler.problems import Refused, Severity, Violation

ROLLBACK_HOOKS = frozenset(HookType)


def forward_graph(snapshot: Snapshot) -> Graph:
    """Decide what an Execute runs.

    Raises:
        Refused: the input breaks rules; with all violations of severity error.
    """
    violations = input_violations(snapshot)
    plan_policy = snapshot.plan.spec.failure_policy or PlanFailurePolicy.STOP
    stages = [_stage(snapshot, position, plan_policy, violations) for position in range(len(snapshot.plan.spec.stages))]
    linked = _link_stages(snapshot, plan_policy, stages, violations)
    if violations:
        raise Refused(list(dict.fromkeys(violations)))
    return Graph(
        plan=snapshot.name,
        namespace=snapshot.namespace,
        operation=OperationType.EXECUTE,
        mode=snapshot.execution.mode,
        policy=plan_policy,
        stages=linked,
        service_account=snapshot.plan.spec.service_account_name or RUNNER_SERVICE_ACCOUNT,
        description=snapshot.plan.spec.description or "",
    )


def refusals(snapshot: Snapshot) -> list[Violation]:
    """What `forward_graph` refuses an Execute for, found without building what would run: many times faster."""
    violations = input_violations(snapshot)
    for position, stage in enumerate(snapshot.plan.spec.stages):
        for index in range(len(stage.workflows)):
            builder = use_builder(snapshot, (position, index), violations)
            if builder is not None:
                builder.check()
    _stage_edges(snapshot, violations)
    return list(dict.fromkeys(violations))


def input_violations(snapshot: Snapshot) -> list[Violation]:
    """What refuses the execution's own input: a parameter that nothing knows, a mode that is missing."""
    return [found for found in unknown(snapshot) if found.severity is Severity.ERROR] + mode_violations(snapshot)


def mode_violations(snapshot: Snapshot) -> list[Violation]:
    """A plan whose actions are guarded by the mode needs one: without it install and delete would both run."""
    if snapshot.execution.mode:
        return []
    guarded = [
        f"{key[1]}/{action.name}"
        for key, workflow in sorted(snapshot.workflows.items())
        for action in workflow.spec.actions
        if is_guarded(action.when) and action.hook_type not in ROLLBACK_HOOKS
    ]
    if not guarded:
        return []
    return [
        Violation(
            execution_ref(snapshot) if snapshot.execution.name else snapshot.plan_ref,
            ("spec",),
            f"the plan has actions that depend on the mode ({', '.join(guarded[:5])}"
            f"{', …' if len(guarded) > 5 else ''}); give the execution spec.mode: Install, Upgrade, Delete or Rollback",
        )
    ]


def is_guarded(when: str | None) -> bool:
    """Whether a condition looks at the mode (one that does not parse is reported elsewhere)."""
    if not when or not when.strip():
        return False
    try:
        return conditions.needs_mode(conditions.parse(when))
    except ValueError:
        return False


def effective_policy(stage: StageModel, plan_policy: PlanFailurePolicy) -> StageFailurePolicy:
    """Policy of a stage: its own, else the plan's."""
    return stage.failure_policy or StageFailurePolicy(plan_policy)


def _stage(snapshot: Snapshot, position: int, plan_policy: PlanFailurePolicy, violations: list[Violation]) -> Stage:
    model = snapshot.plan.spec.stages[position]
    policy = effective_policy(model, plan_policy)
    key = stage_key(position + 1)
    uses = [_use(snapshot, (position, index), key, model, violations) for index in range(len(model.workflows))]
    after: list[list[int]] = (
        [[] for _ in uses] if model.parallel else order.edges([use.key for use in uses], [()] * len(uses))
    )
    bridged = order.bridge(after, [use.live for use in uses])
    needs = DependsOnPolicy.FINISHED if policy is StageFailurePolicy.CONTINUE else DependsOnPolicy.SUCCEEDED
    linked = [
        replace(use, after=tuple(uses[earlier].key for earlier in before) if use.live else (), needs=needs)
        for use, before in zip(uses, bridged, strict=True)
    ]
    return Stage(
        key=key,
        name=model.name,
        policy=policy,
        workflows=tuple(linked),
        parallel=bool(model.parallel),
        depends_on=tuple(model.depends_on or ()),
    )


def _link_stages(
    snapshot: Snapshot, plan_policy: PlanFailurePolicy, stages: Sequence[Stage], violations: list[Violation]
) -> tuple[Stage, ...]:
    models = snapshot.plan.spec.stages
    after = _stage_edges(snapshot, violations)
    if after is None:
        return tuple(stages)
    bridged = order.bridge(after, [stage.live for stage in stages])
    return tuple(
        replace(
            stage,
            after=tuple(stages[earlier].key for earlier in before) if stage.live else (),
            needs=_stage_needs(model, plan_policy),
        )
        for stage, model, before in zip(stages, models, bridged, strict=True)
    )


def _stage_edges(snapshot: Snapshot, violations: list[Violation]) -> list[list[int]] | None:
    """For each stage the indexes of those that it waits for; None when they form a cycle, which is added."""
    models = snapshot.plan.spec.stages
    names = [stage.name for stage in models]
    after = order.edges(names, [stage.depends_on or () for stage in models])
    found = order.cycle(after)
    if found is None:
        return after
    shown = " ".join(names[index] for index in found)
    violations.append(
        Violation(snapshot.plan_ref, ("spec", "stages"), f"cycle detected in stage dependencies: [{shown}]")
    )
    return None


def _stage_needs(model: StageModel, plan_policy: PlanFailurePolicy) -> DependsOnPolicy:
    if plan_policy is PlanFailurePolicy.STOP:
        return DependsOnPolicy.SUCCEEDED
    return model.depends_on_policy or DependsOnPolicy.FINISHED


def _use(
    snapshot: Snapshot, use: tuple[int, int], stage: str, model: StageModel, violations: list[Violation]
) -> WorkflowUse:
    reference = model.workflows[use[1]].workflow_ref
    builder = use_builder(snapshot, use, violations)
    return WorkflowUse(
        key=workflow_key(stage, use[1] + 1),
        name=reference.name,
        namespace=reference.namespace or snapshot.namespace,
        policy=builder.policy if builder is not None else WorkflowFailurePolicy.FAIL_FAST,
        actions=builder.actions() if builder is not None else (),
        in_order=builder is None or builder.in_order,
    )
