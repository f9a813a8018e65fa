"""The forward graph: a plan with parameters resolved, conditions decided, mode Delete inferred, edges explicit.

Order of the work: for each stage, for each use of a workflow: resolve its parameters, choose its actions (mode Delete
may replace them), decide each condition, bridge what does not run, render what does. Everything that is wrong is
collected, and refused at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compiler.graph import conditions, order
from compiler.graph.deletion import Listed, listed_actions
from compiler.graph.parameters import Value, execution_ref, resolve, unknown
from compiler.graph.snapshot import DEFAULT_NAMESPACE, Snapshot, WorkflowId, workflow_ref
from compiler.graph.spec import Frame, Scope, output_part, specify, with_after
from compiler.graph.text import Builtin
from compiler.graph.tree import Action, Decided, Graph, Stage, WorkflowUse
from compiler.model.names import (
    RUNNER_SERVICE_ACCOUNT,
    action_key,
    local_key,
    stage_key,
    workflow_key,
)
from compiler.model.phases import (
    DependsOnPolicy,
    HookType,
    OperationType,
    Phase,
    PlanFailurePolicy,
    Reason,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)
from compiler.model.plan import Stage as StageModel
from compiler.model.workflow import DRWorkflow
from compiler.problems import Path, Refused, Severity, Violation

ROLLBACK_HOOKS = frozenset(HookType)


def forward_graph(snapshot: Snapshot) -> Graph:
    """Decide what an Execute runs.

    Raises:
        Refused: the input breaks rules; with all violations of severity error.
    """
    violations = [problem for problem in unknown(snapshot) if problem.severity is Severity.ERROR]
    violations += mode_violations(snapshot)
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
    names = [stage.name for stage in models]
    after = order.edges(names, [stage.depends_on or () for stage in models])
    found = order.cycle(after)
    if found is not None:
        shown = " ".join(names[index] for index in found)
        violations.append(
            Violation(snapshot.plan_ref, ("spec", "stages"), f"cycle detected in stage dependencies: [{shown}]")
        )
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


def _stage_needs(model: StageModel, plan_policy: PlanFailurePolicy) -> DependsOnPolicy:
    if plan_policy is PlanFailurePolicy.STOP:
        return DependsOnPolicy.SUCCEEDED
    return model.depends_on_policy or DependsOnPolicy.FINISHED


def _use(
    snapshot: Snapshot, use: tuple[int, int], stage: str, model: StageModel, violations: list[Violation]
) -> WorkflowUse:
    position, index = use
    reference = model.workflows[index].workflow_ref
    key: WorkflowId = (reference.namespace or snapshot.namespace, reference.name)
    place = workflow_key(stage, index + 1)
    workflow = snapshot.workflows.get(key)
    if workflow is None:
        violations.append(
            Violation(
                snapshot.plan_ref,
                ("spec", "stages", position, "workflows", index),
                f"stage[{position}] '{model.name}' workflow[{index}]: workflow {key[0]}/{key[1]} not found",
            )
        )
        return WorkflowUse(place, key[1], key[0], WorkflowFailurePolicy.FAIL_FAST, ())
    values, problems = resolve(snapshot, use, key, workflow)
    violations.extend(problems)
    builder = UseBuilder(snapshot, place, model.name, key, workflow, values, violations)
    actions = builder.actions()
    return WorkflowUse(
        key=place,
        name=key[1],
        namespace=key[0],
        policy=builder.policy,
        actions=actions,
        in_order=builder.in_order,
    )


@dataclass(slots=True)
class UseBuilder:
    """Builds the actions of one use of a workflow.

    Attributes:
        snapshot: the run.
        place: key of the use.
        stage: name of the stage.
        key: namespace and name of the workflow.
        workflow: the workflow.
        values: its parameters.
        violations: what is wrong is added here.
        in_order: whether listed order holds.
    """

    snapshot: Snapshot
    place: str
    stage: str
    key: WorkflowId
    workflow: DRWorkflow
    values: Mapping[str, Value]
    violations: list[Violation]
    in_order: bool = True

    @property
    def policy(self) -> WorkflowFailurePolicy:
        """Failure policy of the workflow."""
        return self.workflow.spec.failure_policy or WorkflowFailurePolicy.FAIL_FAST

    def refuse(self, path: Path, message: str) -> None:
        """Add a violation of the workflow."""
        self.violations.append(Violation(workflow_ref(self.key), path, message))

    def actions(self) -> tuple[Action, ...]:
        """All actions of the use, in snapshot order."""
        listed = listed_actions(self.workflow, mode=self.snapshot.execution.mode, refuse=self.refuse)
        after = self._edges(listed)
        if after is None:
            return ()
        decided = [entry.decided or self._decide(entry) for entry in listed]
        bridged = order.bridge(after, [end is None for end in decided])
        ancestors = _ancestors(after)
        keys = [action_key(self.place, entry.position) for entry in listed]
        built: dict[int, Action] = {}
        for index, entry in enumerate(listed):
            known = {listed[earlier].action.name: earlier for earlier in ancestors[index]}
            before = tuple(keys[earlier] for earlier in bridged[index])
            built[entry.position] = self._action(entry, keys[index], before, decided[index], known, keys, decided)
        return tuple(built[position] for position in sorted(built))

    def _edges(self, listed: Sequence[Listed]) -> list[list[int]] | None:
        names = [entry.action.name for entry in listed]
        wanted = [entry.action.depends_on or () for entry in listed]
        self.in_order = not any(wanted)
        after = order.edges(names, wanted)
        found = order.cycle(after)
        if found is not None:
            shown = " ".join(names[index] for index in found)
            self.refuse(("spec", "actions"), f"cycle detected in action dependencies: [{shown}]")
            return None
        return after

    def _decide(self, entry: Listed) -> Decided | None:
        action = entry.action
        if action.hook_type in ROLLBACK_HOOKS:
            return Decided(Phase.SKIPPED, Reason.CONDITION_NOT_MET, f"{action.hook_type} hook: runs in a revert only")
        return self.decide_condition(action.when, entry.path)

    def decide_condition(self, when: str | None, path: Path) -> Decided | None:
        """Decide a condition: None when it matches or there is none."""
        if not when or not when.strip():
            return None
        mode = self.snapshot.execution.mode
        try:
            condition = conditions.parse(when)
        except ValueError as problem:
            self.refuse((*path, "when"), str(problem))
            return None
        params = {name: value.content for name, value in self.values.items() if isinstance(value.content, str)}
        if conditions.evaluate(condition, mode=mode, params=params):
            return None
        return Decided(Phase.SKIPPED, Reason.CONDITION_NOT_MET, conditions.explain(condition, text=when, mode=mode))

    def builtins(self, action: str) -> dict[str, str]:
        """Built-ins of an action; those without a value in this run are absent."""
        return builtins(self.snapshot, self.stage, self.key[1], action)

    def _action(
        self,
        entry: Listed,
        key: str,
        after: tuple[str, ...],
        decided: Decided | None,
        known: Mapping[str, int],
        keys: Sequence[str],
        ends: Sequence[Decided | None],
    ) -> Action:
        model = entry.action
        needs = model.depends_on_policy or DependsOnPolicy.FINISHED
        if decided is not None:
            return Action(key, entry.name, model.type, needs=needs, decided=decided)
        live = {name: local_key(keys[index]) for name, index in known.items() if ends[index] is None}
        frame = Frame(self.stage, self.key[1], self.snapshot.namespace, self.policy, needs)
        scope = Scope(self.values, self.builtins(entry.name), _outputs(live, known))
        made = specify(model, ref=workflow_ref(self.key), path=entry.path, frame=frame, scope=scope)
        self.violations.extend(made.violations)
        spec: dict[str, Any] = {**with_after(made.spec, after), "name": entry.name}
        return Action(
            key=key,
            name=entry.name,
            type=model.type,
            operation=made.operation,
            after=after,
            needs=needs,
            spec=spec,
            secrets=made.secrets,
        )


def _outputs(live: Mapping[str, str], known: Mapping[str, int]) -> Any:
    part = output_part(live)

    def output(action: str, path: str) -> Any:
        if action in known and action not in live:
            raise LookupError(f'action "{action}" does not run in this mode, so it has no outputs')
        return part(action, path)

    return output


def builtins(snapshot: Snapshot, stage: str, workflow: str, action: str) -> dict[str, str]:
    """Values of the built-ins for one action; the mode is absent when the execution has none."""
    values = {
        Builtin.PLAN_NAME: snapshot.name,
        Builtin.NAMESPACE: snapshot.namespace or DEFAULT_NAMESPACE,
        Builtin.EXECUTION_NAME: snapshot.execution.name,
        Builtin.STAGE: stage,
        Builtin.WORKFLOW: workflow,
        Builtin.ACTION: action,
    }
    if snapshot.execution.mode:
        values[Builtin.MODE] = snapshot.execution.mode
    return {str(name): value for name, value in values.items()}


def _ancestors(after: Sequence[Sequence[int]]) -> list[set[int]]:
    """For each member all that have run before it."""
    found: list[set[int]] = [set() for _ in after]
    for index in order.topological(after):
        for earlier in after[index]:
            found[index] |= found[earlier] | {earlier}
    return found
