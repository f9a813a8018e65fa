"""From files and options to a snapshot and its graph: what `compile`, `run`, `graph` and their like start with.

Problems are shown all at once, each with its place. Of a folder with many plans only what the chosen plan needs can
refuse the command, and whatever cannot be read at all, because it might be needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from compiler.graph import build
from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id, used_workflows
from compiler.manifests import Manifests, Problem, load
from compiler.model.names import KIND_EXECUTION, KIND_PLAN, KIND_WORKFLOW
from compiler.model.parameters import Parameter
from compiler.model.phases import OperationType
from compiler.problems import Refused, Severity
from drplan.compiling import shown
from drplan.errors import InputProblem

if TYPE_CHECKING:
    from compiler.graph.tree import Graph
    from compiler.model.execution import DRPlanExecution
    from compiler.model.plan import DRPlan


@dataclass(frozen=True, slots=True)
class Input:
    """What was read and chosen.

    Attributes:
        manifests: everything that was read.
        snapshot: the chosen plan with its workflows and the execution's input.
        warnings: what is doubtful about them.
    """

    manifests: Manifests
    snapshot: Snapshot
    warnings: tuple[Problem, ...]

    def graph(self) -> Graph:
        """Decide the graph.

        Raises:
            InputProblem: the input breaks rules; with file, line and column of each.
        """
        try:
            return build(self.snapshot)
        except Refused as refused:
            raise InputProblem(shown(refused.violations, self.manifests)) from None

    def with_execution(self, execution: ExecutionInput) -> Input:
        """The same for another execution."""
        return replace(self, snapshot=replace(self.snapshot, execution=execution))


def read(
    paths: Sequence[str],
    *,
    plan: str | None = None,
    execution: str | None = None,
    mode: str | None = None,
    params: Mapping[str, str] | None = None,
) -> Input:
    """Read manifests and choose the plan to run.

    Args:
        paths: files and folders; `-` is standard input.
        plan: name of the plan; needed when there are several.
        execution: name of a DRPlanExecution among the manifests that gives plan, mode and parameters.
        mode: mode of the run; overrides the execution's.
        params: parameters; override the execution's.

    Raises:
        InputProblem: a file cannot be read, the plan or one of its workflows breaks rules, or there is no such plan.
    """
    from compiler.rules import check

    manifests = load(paths)
    problems = check(manifests, supplied=params or {})
    chosen = _execution(manifests, execution, problems)
    found = _plan(manifests, plan or (chosen.spec.plan_ref if chosen else None), problems)
    workflows = used_workflows(found, by_id(manifests.workflows().values()))
    relevant = {(KIND_PLAN, found.metadata.name), *((KIND_WORKFLOW, name) for _, name in workflows)}
    if chosen is not None:
        relevant.add((KIND_EXECUTION, chosen.metadata.name))
    mine = [problem for problem in problems if not problem.kind or (problem.kind, problem.name) in relevant]
    _refuse(mine)
    made = _execution_input(found, chosen, mode=mode, params=params or {})
    return Input(
        manifests=manifests,
        snapshot=Snapshot(plan=found, workflows=workflows, execution=made),
        warnings=tuple(problem for problem in mine if problem.severity is Severity.WARNING),
    )


def _refuse(problems: Iterable[Problem]) -> None:
    errors = [str(problem) for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        raise InputProblem(errors)


def _plan(manifests: Manifests, name: str | None, problems: Sequence[Problem]) -> DRPlan:
    plans = list(manifests.plans().values())
    named = [plan for plan in plans if name is None or plan.metadata.name == name]
    if len(named) == 1:
        return named[0]
    _refuse(problems)
    listed = ", ".join(sorted(f"{plan.metadata.namespace or 'default'}/{plan.metadata.name}" for plan in plans))
    if not plans:
        raise InputProblem("the manifests hold no DRPlan; give its file or folder with -f")
    if not named:
        raise InputProblem(f"the manifests hold no DRPlan {name}; they hold: {listed}")
    raise InputProblem(f"the manifests hold several plans ({listed}); choose one with --plan")


def _execution(manifests: Manifests, name: str | None, problems: Sequence[Problem]) -> DRPlanExecution | None:
    if name is None:
        return None
    for execution in manifests.executions().values():
        if execution.metadata.name == name:
            if execution.spec.operation_type is OperationType.REVERT:
                raise InputProblem(f"DRPlanExecution {name} is a Revert; compile it with --revert and its target")
            return execution
    _refuse(problems)
    raise InputProblem(f"the manifests hold no DRPlanExecution {name}")


def _execution_input(
    plan: DRPlan, execution: DRPlanExecution | None, *, mode: str | None, params: Mapping[str, str]
) -> ExecutionInput:
    made = ExecutionInput.of(execution) if execution else ExecutionInput()
    given = parameters(params)
    kept = tuple(parameter for parameter in made.params if parameter.name not in params)
    return replace(
        made,
        namespace=plan.metadata.namespace or made.namespace,
        mode=(mode or made.mode).lower(),
        params=(*kept, *given),
    )


def parameters(values: Mapping[str, str]) -> tuple[Parameter, ...]:
    """Parameters of an execution from `-p name=value`."""
    return tuple(Parameter(name=name, value=value) for name, value in values.items())
