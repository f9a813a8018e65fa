"""The reverse graph: what undoes an earlier run, from that run's snapshot and what was recorded of it.

Succeeded, Failed and Unknown actions are undone, in the reverse of the edges that ran; what did not run, or is undone
already, is listed. A custom `rollback` takes the place of its action. Every edge needs success and no policy of the
plan applies: behind a failed undo the rest is skipped, independent branches go on. Rollback hooks stand around the
undoing of their own workflow, and only where something of it is undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compiler.graph import conditions, order
from compiler.graph.deletion import Listed, listed_actions, operation_of
from compiler.graph.forward import forward_graph
from compiler.graph.outputs import look_up
from compiler.graph.parameters import RESERVED_MODE, Value, execution_ref, parameter_id, resolve
from compiler.graph.snapshot import RevertInput, Snapshot, TargetAction, WorkflowId, workflow_ref
from compiler.graph.spec import Frame, Scope, Specified, specify, with_after
from compiler.graph.text import Part
from compiler.graph.tree import Action, Decided, Graph, Stage, WorkflowUse
from compiler.graph.uses import ROLLBACK_HOOKS, builtins
from compiler.model.actions import Action as ActionModel
from compiler.model.names import action_key, local_key
from compiler.model.phases import (
    ActionType,
    DependsOnPolicy,
    HookType,
    HttpMethod,
    Mode,
    Operation,
    OperationType,
    ParameterSource,
    Phase,
    PlanFailurePolicy,
    Reason,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)
from compiler.model.workflow import DRWorkflow
from compiler.problems import Refused, Violation

ROLLBACK = Mode.ROLLBACK.lower()
UNDONE = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.UNKNOWN})
"""Final phases of an action that a revert undoes."""

_CHANGING = frozenset({Operation.APPLY, Operation.PATCH, Operation.REPLACE, Operation.DELETE})


def reverse_graph(snapshot: Snapshot) -> Graph:
    """Decide what a Revert runs.

    Args:
        snapshot: the revert's, with `revert` set.

    Raises:
        Refused: the revert's own parameters are wrong, or a rollback cannot be rendered.
        ValueError: the snapshot has no target.
    """
    if snapshot.revert is None:
        raise ValueError("a snapshot of a Revert needs its target")
    forward = forward_graph(snapshot.revert.snapshot)
    reversal = _Reversal(snapshot, snapshot.revert, [])
    stages = [reversal.stage(position, stage) for position, stage in enumerate(forward.stages)]
    if reversal.violations:
        raise Refused(list(dict.fromkeys(reversal.violations)))
    return replace(
        forward,
        operation=OperationType.REVERT,
        mode=ROLLBACK,
        policy=PlanFailurePolicy.CONTINUE,
        stages=_in_order_of_revert(forward, stages),
        without_way_back=reversal.without_way_back,
    )


def _in_order_of_revert(forward: Graph, stages: Sequence[Stage]) -> tuple[Stage, ...]:
    after = order.reverse(_indexes([stage.key for stage in stages], [stage.after for stage in forward.stages]))
    bridged = order.bridge(after, [stage.live for stage in stages])
    linked = [
        replace(stage, after=tuple(stages[index].key for index in before) if stage.live else ())
        for stage, before in zip(stages, bridged, strict=True)
    ]
    last_first = list(range(len(stages)))[::-1]
    place = {index: position for position, index in enumerate(last_first)}
    flipped = [[place[before] for before in after[index]] for index in last_first]
    return tuple(linked[last_first[position]] for position in order.topological(flipped))


def _indexes(keys: Sequence[str], after: Sequence[Sequence[str]]) -> list[list[int]]:
    index_of = {key: index for index, key in enumerate(keys)}
    return [[index_of[key] for key in before] for before in after]


@dataclass(slots=True)
class _Reversal:
    snapshot: Snapshot
    target: RevertInput
    violations: list[Violation]
    without_way_back: int = 0

    def stage(self, position: int, forward: Stage) -> Stage:
        uses = [self.use((position, index), forward, use) for index, use in enumerate(forward.workflows)]
        after = order.reverse(_indexes([use.key for use in uses], [use.after for use in forward.workflows]))
        bridged = order.bridge(after, [use.live for use in uses])
        linked = tuple(
            replace(use, after=tuple(uses[index].key for index in before) if use.live else ())
            for use, before in zip(uses, bridged, strict=True)
        )
        return replace(
            forward,
            policy=StageFailurePolicy.CONTINUE,
            workflows=linked,
            after=(),
            needs=DependsOnPolicy.SUCCEEDED,
        )

    def use(self, place: tuple[int, int], stage: Stage, forward: WorkflowUse) -> WorkflowUse:
        key: WorkflowId = (forward.namespace, forward.name)
        workflow = self.target.snapshot.workflows[key]
        builder = _Undoing(self, stage.name, key, workflow, forward, self.values(place, key, workflow))
        return replace(
            forward,
            policy=WorkflowFailurePolicy.CONTINUE,
            actions=builder.actions(),
            after=(),
            needs=DependsOnPolicy.SUCCEEDED,
        )

    def values(self, place: tuple[int, int], key: WorkflowId, workflow: DRWorkflow) -> dict[str, Value]:
        values, _ = resolve(self.target.snapshot, place, key, workflow)
        ref = execution_ref(self.snapshot)
        for index, parameter in enumerate(self.snapshot.execution.params):
            read = self.snapshot.manifest_values.get(parameter_id(ParameterSource.EXECUTION, parameter.name))
            text = next((each for each in (read, parameter.value, parameter.default) if each is not None), None)
            if text is not None:
                values[parameter.name] = Value(text, ParameterSource.EXECUTION, ref, ("spec", "params", index))
        values[RESERVED_MODE] = Value(ROLLBACK, ParameterSource.EXECUTION, ref, ("spec", "mode"))
        return values

    def done_to(self, key: str) -> TargetAction:
        return self.target.actions.get(key, TargetAction(Phase.PENDING))


@dataclass(slots=True)
class _Undoing:
    """Builds the undoing of one use of a workflow."""

    reversal: _Reversal
    stage: str
    key: WorkflowId
    workflow: DRWorkflow
    forward: WorkflowUse
    values: Mapping[str, Value]

    def actions(self) -> tuple[Action, ...]:
        listed = {entry.position: entry for entry in self.listed()}
        made = (self.undo(action, listed[_position(action.key)]) for action in self.forward.actions)
        undone = self.linked([action for action in made if action is not None])
        if not any(action.live for action in undone):
            return tuple(undone)
        before = self.hooks(HookType.PRE_ROLLBACK)
        after = self.hooks(HookType.POST_ROLLBACK)
        impossible = next((hook for hook in before if hook.decided and hook.decided.phase is Phase.FAILED), None)
        if impossible is not None:
            cause = Decided(Phase.SKIPPED, Reason.UPSTREAM_FAILED, f"not run: {impossible.key} {Phase.FAILED}")
            rest = [self.ended(action, cause) if action.live else action for action in (*before, *undone, *after)]
            return tuple(rest)
        return self.around(before, undone, after)

    def listed(self) -> list[Listed]:
        mode = self.reversal.target.snapshot.execution.mode
        return listed_actions(self.workflow, mode=mode, refuse=lambda *_: None)

    def undo(self, action: Action, entry: Listed) -> Action | None:
        if entry.action.hook_type in ROLLBACK_HOOKS:
            return None
        done = self.reversal.done_to(action.key)
        decided = self.nothing_to_undo(action, done)
        if decided is not None:
            return self.ended(action, decided)
        try:
            rollback = entry.action.read_rollback()
        except ValueError as problem:
            message = f"the rollback cannot be read: {problem}"
            return self.ended(action, Decided(Phase.FAILED, Reason.NOT_UNDOABLE, message))
        if rollback is not None:
            return self.custom(action, entry, rollback, done)
        return self.automatic(action, entry, done)

    def nothing_to_undo(self, action: Action, done: TargetAction) -> Decided | None:
        if done.undone_by:
            return _nothing(f"already undone by {done.undone_by}")
        if action.decided is not None or done.phase not in UNDONE:
            phase = Phase.SKIPPED if action.decided is not None else done.phase
            return _nothing(f"Original action phase was {phase}, skipped rollback")
        if done.nothing_done:
            return _nothing("nothing had been done")
        return None

    @staticmethod
    def ended(action: Action, decided: Decided) -> Action:
        return Action(action.key, action.name, action.type, operation=action.operation, decided=decided)

    def custom(self, action: Action, entry: Listed, rollback: ActionModel, done: TargetAction) -> Action:
        try:
            made = self.specified(rollback, entry, rollback_of=action.name)
        except LookupError as missing:
            return self.ended(
                action, Decided(Phase.FAILED, Reason.NOT_UNDOABLE, f"the rollback cannot be made: {missing.args[0]}")
            )
        if done.undo_tried_by and not made.spec["idempotent"] and not self.reversal.snapshot.execution.force:
            return self.ended(action, _perhaps_undone(done.undo_tried_by))
        return Action(
            key=action.key,
            name=action.name,
            type=rollback.type,
            operation=made.operation,
            needs=DependsOnPolicy.SUCCEEDED,
            spec={**made.spec, "name": action.name},
            secrets=made.secrets,
            undo=done.record or None,
        )

    def automatic(self, action: Action, entry: Listed, done: TargetAction) -> Action:
        if action.type is ActionType.HTTP:
            self.reversal.without_way_back += not HttpMethod(action.operation).safe
            return self.ended(action, _nothing("No rollback defined for HTTP action"))
        if operation_of(entry.action) in _CHANGING and not done.restorable:
            if done.phase is Phase.FAILED:
                return self.ended(action, _nothing("nothing had been changed"))
            message = f"what existed before {action.operation} was not recorded, so it cannot be brought back"
            return self.ended(action, Decided(Phase.FAILED, Reason.NOT_UNDOABLE, message))
        return replace(
            action,
            after=(),
            needs=DependsOnPolicy.SUCCEEDED,
            spec={
                **action.spec,
                "policy": WorkflowFailurePolicy.CONTINUE,
                "needs": DependsOnPolicy.SUCCEEDED,
                "holes": [],
            },
            secrets=(),
            undo=done.record or None,
        )

    def specified(self, action: ActionModel, entry: Listed, *, rollback_of: str) -> Specified:
        """Render a rollback or a hook with the values of the revert and the outputs of the target."""
        problems: list[LookupError] = []

        def output(name: str, path: str) -> Part:
            try:
                return self.recorded(name, path)
            except LookupError as missing:
                problems.append(missing)
                return ""

        frame = Frame(
            self.stage,
            self.key[1],
            self.reversal.snapshot.namespace,
            WorkflowFailurePolicy.CONTINUE,
            DependsOnPolicy.SUCCEEDED,
            rollback=bool(rollback_of),
        )
        built = builtins(self.reversal.snapshot, self.stage, self.key[1], rollback_of or action.name)
        scope = Scope(self.values, {**built, RESERVED_MODE: ROLLBACK}, output)
        path = (*entry.path, "rollback") if rollback_of else entry.path
        made = specify(action, ref=workflow_ref(self.key), path=path, frame=frame, scope=scope)
        if problems:
            raise problems[0]
        self.reversal.violations.extend(made.violations)
        return made

    def recorded(self, name: str, path: str) -> str:
        for action in self.forward.actions:
            if action.name == name:
                done = self.reversal.done_to(action.key)
                values: dict[str, Any] = {"phase": str(done.phase), **done.values}
                try:
                    return look_up(values, path)
                except LookupError:
                    raise LookupError(f"outputs.{name}.{path} was not recorded") from None
        raise LookupError(f"outputs.{name}.{path}: the workflow has no action {name}")

    def linked(self, undone: Sequence[Action]) -> list[Action]:
        """Link what is undone in the reverse of the edges that ran."""
        position = {action.key: index for index, action in enumerate(undone)}
        ran = {action.key: action.after for action in self.forward.actions}
        after = [[position[key] for key in ran[action.key] if key in position] for action in undone]
        bridged = order.bridge(order.reverse(after), [action.live for action in undone])
        return [
            _after(action, tuple(undone[index].key for index in before)) if action.live else action
            for action, before in zip(undone, bridged, strict=True)
        ]

    def hooks(self, kind: HookType) -> list[Action]:
        """The hooks of one kind, in listed order; one whose condition does not hold is listed and not run."""
        hooks: list[Action] = []
        for index, model in enumerate(self.workflow.spec.actions):
            if model.hook_type != kind:
                continue
            key = action_key(self.forward.key, index + 1, hook=True)
            entry = Listed(index + 1, model.name, model, ("spec", "actions", index))
            hooks.append(self.hook(key, model, entry))
        return hooks

    def hook(self, key: str, model: ActionModel, entry: Listed) -> Action:
        decided = self.condition(model.when)
        if decided is None:
            try:
                made = self.specified(model, entry, rollback_of="")
            except LookupError as missing:
                decided = Decided(Phase.FAILED, Reason.NOT_UNDOABLE, f"the hook cannot be made: {missing.args[0]}")
        if decided is not None:
            return Action(key, model.name, model.type, decided=decided)
        return Action(
            key=key,
            name=model.name,
            type=model.type,
            operation=made.operation,
            needs=DependsOnPolicy.SUCCEEDED,
            spec=made.spec,
            secrets=made.secrets,
        )

    def condition(self, when: str | None) -> Decided | None:
        if not when or not when.strip():
            return None
        condition = conditions.parse(when)
        params = {name: value.content for name, value in self.values.items() if isinstance(value.content, str)}
        if conditions.evaluate(condition, mode=ROLLBACK, params=params):
            return None
        message = conditions.explain(condition, text=when, mode=ROLLBACK)
        return Decided(Phase.SKIPPED, Reason.CONDITION_NOT_MET, message)

    @staticmethod
    def around(before: Sequence[Action], undone: Sequence[Action], after: Sequence[Action]) -> tuple[Action, ...]:
        """Put the hooks around the undoing: all pre-hooks before its first step, all post-hooks behind its last."""
        pre = _chained(before, ())
        last_pre = tuple(action.key for action in pre if action.live)[-1:]
        middle = [_after(action, action.after or last_pre) if action.live else action for action in undone]
        waited_for = {key for action in middle for key in action.after}
        ends = tuple(action.key for action in middle if action.live and action.key not in waited_for)
        return (*pre, *middle, *_chained(after, ends))


def _chained(hooks: Sequence[Action], first_after: tuple[str, ...]) -> list[Action]:
    chained: list[Action] = []
    before = first_after
    for hook in hooks:
        chained.append(_after(hook, before) if hook.live else hook)
        before = (hook.key,) if hook.live else before
    return chained


def _after(action: Action, after: tuple[str, ...]) -> Action:
    return replace(action, after=after, spec=with_after(action.spec, after))


def _nothing(message: str) -> Decided:
    return Decided(Phase.SKIPPED, Reason.NOTHING_TO_UNDO, message)


def _perhaps_undone(revert: str) -> Decided:
    message = f"the undo by {revert} may have happened; look, then revert with --force"
    return Decided(Phase.FAILED, Reason.NOT_UNDOABLE, message)


def _position(key: str) -> int:
    return int(local_key(key)[1:])
