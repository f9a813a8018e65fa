"""The nested DAGs of a compiled Workflow: the plan, its stages, and the chains of lanes of workflow uses.

A guarded DAG (see `layout`) names all its tasks as targets and does not fail fast. The template's own `failFast` is
never set: it leaves nested DAGs hanging.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hera.workflows import models

from compiler.argo.depends import depends_text
from compiler.argo.forms import Call, Form, lane_name
from compiler.argo.lanes import Lane
from compiler.argo.layout import Layout, StageLayout, UseLayout, lane_task
from compiler.model.names import ENTRYPOINT, PARAMETER_PREFIX
from compiler.model.phases import DependsOnPolicy, WorkflowFailurePolicy


@dataclass(frozen=True, slots=True)
class _Task:
    """A task of a DAG.

    Attributes:
        name: its name.
        call: what it runs.
        after: names of the tasks that it waits for.
        needs: what those must have come to.
    """

    name: str
    call: Call
    after: tuple[str, ...] = ()
    needs: DependsOnPolicy = DependsOnPolicy.SUCCEEDED


def dag_templates(layout: Layout, form: Form) -> list[models.Template]:
    """All DAGs, from the plan inwards."""
    templates = [_dag(ENTRYPOINT, _plan_tasks(layout), guarded=layout.guarded)]
    for stage in layout.stages:
        templates.append(_dag(stage.template, _stage_tasks(stage, form), guarded=stage.guarded))
        for use in stage.uses:
            if use.chained:
                templates += _chain(use, form)
    return templates


def _plan_tasks(layout: Layout) -> list[_Task]:
    names = {stage.stage.key: stage.task for stage in layout.stages}
    return [
        _Task(stage.task, Call(stage.template), _named(stage.stage.after, names), stage.stage.needs)
        for stage in layout.stages
    ]


def _stage_tasks(stage: StageLayout, form: Form) -> list[_Task]:
    names = {use.use.key: use.task for use in stage.uses}
    return [
        _Task(
            use.task,
            Call(use.template) if use.chained else form.call(use, use.lanes[0]),
            _named(use.use.after, names),
            use.use.needs,
        )
        for use in stage.uses
    ]


def _chain(use: UseLayout, form: Form) -> list[models.Template]:
    """The DAG of a use's lanes, each behind the one before, and the DAGs of those that need one of their own."""
    continues = use.use.policy is WorkflowFailurePolicy.CONTINUE
    needs = DependsOnPolicy.FINISHED if continues else DependsOnPolicy.SUCCEEDED
    names = [lane_task(lane) for lane in use.lanes]
    tasks = [
        _Task(name, _call(use, lane, form), (before,) if before else (), needs)
        for name, lane, before in zip(names, use.lanes, ["", *names], strict=False)
    ]
    wraps = [
        _dag(_wrap_name(use, lane), [_Task(lane_task(lane), form.call(use, lane))], guarded=False)
        for lane in use.lanes
        if use.wrapped(lane)
    ]
    return [_dag(use.template, tasks, guarded=use.guarded), *wraps]


def _call(use: UseLayout, lane: Lane, form: Form) -> Call:
    return Call(_wrap_name(use, lane)) if use.wrapped(lane) else form.call(use, lane)


def _wrap_name(use: UseLayout, lane: Lane) -> str:
    return f"{lane_name(use, lane)}-dag"


def _named(keys: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(names[key] for key in keys)


def _dag(name: str, tasks: Sequence[_Task], *, guarded: bool) -> models.Template:
    dag = models.DAGTemplate(tasks=[_task(task) for task in tasks])
    if guarded:
        dag.fail_fast = False
        dag.target = " ".join(task.name for task in tasks)
    return models.Template(name=name, dag=dag)


def _task(task: _Task) -> models.DAGTask:
    arguments = None
    if task.call.prefix:
        arguments = models.Arguments(parameters=[models.Parameter(name=PARAMETER_PREFIX, value=task.call.prefix)])
    return models.DAGTask(
        name=task.name,
        template=task.call.template,
        arguments=arguments,
        depends=depends_text(task.after, task.needs) if task.after else None,
    )
