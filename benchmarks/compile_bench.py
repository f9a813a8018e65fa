"""How long compiling takes, over Hera's own YAML of the same graph in the same run.

Hera's side is the same graph as Hera's `Workflow`, `DAG`, `Task` and `ContainerSet`, specs inline and without security,
resources and volumes: what one would write by hand. Only its `to_yaml()`, which builds first, is timed, not the making
of the objects. Ours is everything from the decided graph to the YAML of all objects. Interleaved, the least of several.
The second figure is what an action costs in a plan of 10,000 over what it costs in one of 100.
"""

from __future__ import annotations

import gc
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from compiler.argo import RunnerConfig, compile_workflow
from compiler.argo.config import DEFAULT_WORKFLOW_BYTES
from compiler.graph.tree import Action, Graph, Stage, WorkflowUse
from compiler.manifests import to_yaml
from compiler.model.names import action_key, stage_key, workflow_key
from compiler.model.phases import (
    ActionType,
    OperationType,
    PlanFailurePolicy,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)

ROUNDS = 5
SIZES = (100, 400, 1_000, 10_000)
SMALLEST, LARGEST = SIZES[0], SIZES[-1]
COMPARED = 1_000
MOST_OF_HERA = 0.35
MOST_GROWTH = 1.2
USES, ACTIONS = 10, 10

# More than Argo takes, so that the largest plan is compiled and not refused.
CONFIG = RunnerConfig(workflow_bytes=16 * DEFAULT_WORKFLOW_BYTES)


@dataclass(frozen=True)
class Figure:
    """Least times for a size, in milliseconds."""

    actions: int
    compile: float = math.inf
    emit: float = math.inf
    hera: float = math.inf

    @property
    def per_action(self) -> float:
        return (self.compile + self.emit) / self.actions

    @property
    def of_hera(self) -> float:
        return (self.compile + self.emit) / self.hera

    def least(self, other: Figure) -> Figure:
        return Figure(
            self.actions,
            min(self.compile, other.compile),
            min(self.emit, other.emit),
            min(self.hera, other.hera),
        )


def sample(actions: int) -> Graph:
    """A plan with so many actions, ten in a workflow and ten workflows in a stage."""
    stages = tuple(_stage(index) for index in range(1, actions // (USES * ACTIONS) + 1))
    linked = tuple(replace(stage, after=(before.key,)) for before, stage in pairwise(stages))
    return Graph(
        plan="payments",
        namespace="dr",
        operation=OperationType.EXECUTE,
        mode="",
        policy=PlanFailurePolicy.STOP,
        stages=(*stages[:1], *linked),
        service_account="drplan-runner",
    )


def _stage(index: int) -> Stage:
    key = stage_key(index)
    uses = tuple(_use(workflow_key(key, position), position) for position in range(1, USES + 1))
    return Stage(key, f"tier-{index}", StageFailurePolicy.STOP, uses, parallel=True)


def _use(key: str, position: int) -> WorkflowUse:
    actions = tuple(_action(key, index) for index in range(1, ACTIONS + 1))
    return WorkflowUse(key, f"service-{position}", "dr", WorkflowFailurePolicy.FAIL_FAST, actions)


def _action(use: str, index: int) -> Action:
    name = f"step-{index}"
    before = index - 1
    return Action(
        key=action_key(use, index),
        name=name,
        type=ActionType.HTTP,
        operation="PUT",
        after=(action_key(use, before),) if before else (),
        spec={
            "v": 1,
            "name": name,
            "type": "HTTP",
            "operation": "PUT",
            "policy": "FailFast",
            "needs": "Finished",
            "timeout": 300.0,
            "retry": {"limit": 3, "interval": 5.0, "multiplier": 2.0},
            "http": {"url": f"http://site.example/{use}/{name}", "method": "PUT", "body": '{"state": "active"}'},
            "holes": [],
            "after": [f"a{before}"] if before else [],
        },
    )


def hera_workflow(graph: Graph) -> Any:
    """The same graph as somebody would write it with Hera."""
    from hera.workflows import DAG, ContainerNode, ContainerSet, Task, Workflow

    with Workflow(name="payments", namespace=graph.namespace, entrypoint="plan") as workflow:
        for stage in graph.stages:
            for use in stage.workflows:
                with ContainerSet(name=use.key.replace(".", "-")):
                    for action in reversed(use.actions):
                        ContainerNode(
                            name=f"{action.key.rsplit('.', 1)[1]}-{action.name}",
                            image="drplan-runner",
                            command=["drplan-runner"],
                            args=[action.key, f"--spec={json.dumps(action.spec)}"],
                        )
            with DAG(name=stage.key):
                for use in stage.workflows:
                    Task(name=f"{use.key.rsplit('.', 1)[1]}-{use.name}", template=use.key.replace(".", "-"))
        with DAG(name="plan"):
            before = ""
            for stage in graph.stages:
                name = f"{stage.key}-{stage.name}"
                Task(name=name, template=stage.key, depends=f"{before}.Succeeded" if before else None)
                before = name
    return workflow


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds and result of some work, without garbage of what ran before."""
    gc.collect()
    start = time.perf_counter()
    result = work()
    return (time.perf_counter() - start) * 1000, result


def once(graph: Graph, actions: int) -> Figure:
    """One round of one size."""
    compile_time, compiled = timed(lambda: compile_workflow(graph, config=CONFIG))
    emit_time, _ = timed(lambda: to_yaml(compiled.objects))
    if actions > COMPARED:
        return Figure(actions, compile_time, emit_time)
    hera_time, _ = timed(hera_workflow(graph).to_yaml)
    return Figure(actions, compile_time, emit_time, hera_time)


def measure() -> dict[int, Figure]:
    """Every size in every round, the sizes one after the other."""
    graphs = {actions: sample(actions) for actions in SIZES}
    once(graphs[SMALLEST], SMALLEST)
    figures = {actions: Figure(actions) for actions in SIZES}
    for _ in range(ROUNDS):
        for actions, graph in graphs.items():
            figures[actions] = figures[actions].least(once(graph, actions))
    return figures


def main() -> int:
    """Measure, print, and with --check fail when a figure is missed."""
    figures = measure()
    print(f"{'actions':>8}{'compile ms':>12}{'YAML ms':>10}{'Hera ms':>10}{'of Hera':>10}{'µs each':>10}")
    for figure in figures.values():
        hera = "-".rjust(10) * 2 if math.isinf(figure.hera) else f"{figure.hera:>10.0f}{figure.of_hera:>10.2f}"
        print(f"{figure.actions:>8}{figure.compile:>12.1f}{figure.emit:>10.1f}{hera}{figure.per_action * 1000:>10.0f}")
    of_hera = figures[COMPARED].of_hera
    growth = figures[LARGEST].per_action / figures[SMALLEST].per_action
    missed = of_hera > MOST_OF_HERA or growth > MOST_GROWTH
    print(f"of Hera at {COMPARED:,}: {of_hera:.2f} (limit {MOST_OF_HERA})")
    print(f"an action at {LARGEST:,} over one at {SMALLEST}: {growth:.2f} (limit {MOST_GROWTH})")
    print(json.dumps({"of_hera": round(of_hera, 3), "growth": round(growth, 3)}))
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
