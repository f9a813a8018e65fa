"""One use of a workflow in a run: its actions with their ends, their edges and their specs, or only what is wrong.

Both ways begin alike: parameters resolved, actions listed (mode Delete may replace them), conditions decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from compiler.graph import conditions, order
from compiler.graph.deletion import Listed, listed_actions
from compiler.graph.facts import Earlier, texts_of
from compiler.graph.parameters import Value, resolve
from compiler.graph.snapshot import DEFAULT_NAMESPACE, Snapshot, WorkflowId, workflow_ref
from compiler.graph.spec import Frame, Scope, faults, specify, with_after
from compiler.graph.text import Builtin, OutputHole, Part
from compiler.graph.tree import Action, Decided
from compiler.model.names import action_key, local_key, stage_key, workflow_key
from compiler.model.phases import DependsOnPolicy, HookType, Phase, Reason, WorkflowFailurePolicy
from compiler.model.workflow import DRWorkflow
from compiler.problems import Path, Violation

ROLLBACK_HOOKS = frozenset(HookType)


def use_builder(snapshot: Snapshot, use: tuple[int, int], violations: list[Violation]) -> UseBuilder | None:
    """The builder of one use of a workflow; None when there is no such workflow.

    Args:
        snapshot: the run.
        use: 0-based positions of the stage and of the use in it.
        violations: what is wrong is added here.
    """
    position, index = use
    model = snapshot.plan.spec.stages[position]
    reference = model.workflows[index].workflow_ref
    key: WorkflowId = (reference.namespace or snapshot.namespace, reference.name)
    workflow = snapshot.workflows.get(key)
    if workflow is None:
        violations.append(
            Violation(
                snapshot.plan_ref,
                ("spec", "stages", position, "workflows", index),
                f"stage[{position}] '{model.name}' workflow[{index}]: workflow {key[0]}/{key[1]} not found",
            )
        )
        return None
    values, problems = resolve(snapshot, use, key, workflow)
    violations.extend(problems)
    place = workflow_key(stage_key(position + 1), index + 1)
    return UseBuilder(snapshot, place, model.name, key, workflow, values, violations)


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
        found = self._list()
        if found is None:
            return ()
        bridged = order.bridge(found.after, [end is None for end in found.decided])
        built: dict[int, Action] = {}
        for index, entry in enumerate(found.listed):
            before = tuple(found.keys[earlier] for earlier in bridged[index])
            built[entry.position] = self._action(found, index, before)
        return tuple(built[position] for position in sorted(built))

    def check(self) -> None:
        """Add what `actions` finds wrong, without building anything."""
        found = self._list()
        if found is None:
            return
        names = {name for name, value in self.values.items() if isinstance(value.content, str)}
        builtin = self.builtins("").keys()
        for index, entry in enumerate(found.listed):
            if found.decided[index] is not None:
                continue
            block = entry.action.block
            known = texts_of(block) if block is not None else None
            # Most actions name only what has a value that can stand anywhere.
            named = known is not None and known.simple and known.parameters <= names and known.builtins <= builtin
            scope = None if named else self._scope(found, index)
            self.violations.extend(faults(entry.action, ref=workflow_ref(self.key), path=entry.path, scope=scope))

    def _list(self) -> _Found | None:
        listed = listed_actions(self.workflow, mode=self.snapshot.execution.mode, refuse=self.refuse)
        after = self._edges(listed)
        if after is None:
            return None
        decided = [entry.decided or self._decide(entry) for entry in listed]
        return _Found(listed, after, decided, [action_key(self.place, entry.position) for entry in listed])

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

    def _action(self, found: _Found, index: int, after: tuple[str, ...]) -> Action:
        entry, key, decided = found.listed[index], found.keys[index], found.decided[index]
        model = entry.action
        needs = model.depends_on_policy or DependsOnPolicy.FINISHED
        if decided is not None:
            return Action(key, entry.name, model.type, needs=needs, decided=decided)
        frame = Frame(self.stage, self.key[1], self.snapshot.namespace, self.policy, needs)
        made = specify(model, ref=workflow_ref(self.key), path=entry.path, frame=frame, scope=self._scope(found, index))
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

    def _scope(self, found: _Found, index: int) -> Scope:
        return Scope(self.values, self.builtins(found.listed[index].name), partial(found.output, index))


@dataclass(slots=True)
class _Found:
    """The actions of a use as they are listed for a run.

    Attributes:
        listed: the actions.
        after: for each the indexes of those that it waits for.
        decided: for each its end, when it does not run.
        keys: their keys.
    """

    listed: Sequence[Listed]
    after: Sequence[Sequence[int]]
    decided: Sequence[Decided | None]
    keys: Sequence[str]
    _earlier: Earlier | None = None

    def output(self, index: int, action: str, path: str) -> Part:
        """The part for an output of an action that has run before another."""
        if self._earlier is None:
            self._earlier = Earlier.of([entry.action.name for entry in self.listed], self.after)
        source = self._earlier.find(index, action)
        if source is None:
            raise LookupError(f'"{action}" is no action of this workflow that has run before this one')
        if self.decided[source] is not None:
            raise LookupError(f'action "{action}" does not run in this mode, so it has no outputs')
        return OutputHole(local_key(self.keys[source]), path)


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
