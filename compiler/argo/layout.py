"""The layout of a compiled Workflow: which stage, use and lane becomes which task and template.

Pure and made once; every later pass (node ids, budget, templates) walks over it. Only what is live is in it.

Argo takes the phase of a DAG from its leaves, so a success behind a passed failure would turn it green. Every DAG in
which a failure may be passed, by an edge that only needs the end or by a task beside it, is therefore `guarded`: it
names all its tasks as targets and does not fail fast.

A guarded DAG must not hold a bare lane that another of its tasks waits for. Argo makes the waiting task a child of the
lane's Pod node; asked for the ends of a guarded DAG, it follows the children of every target, finds that task beside
the Pod's containers, and goes on from there: through each later stage on as many ways as there are such pods, which
multiplies with every stage. Such a lane gets a DAG of its own, whose ends are its containers. That is why the use is a
chain of one lane (`chained`), or the lane of a longer chain is `wrapped`.

Seen on Argo 3.7.6 with 8 stages of 4 workflows in listed order, all on Continue: with bare lanes the list of ends of
the plan had 73,740 entries that name 120 nodes, 2 MB of text; by that rule four times as many with each stage more;
wrapped it has 159.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.argo.depends import Member, may_pass_failure
from compiler.argo.lanes import Lane, lanes_of
from compiler.graph.tree import Graph, Stage, WorkflowUse
from compiler.model.names import local_key, stage_of, task_name
from compiler.model.phases import WorkflowFailurePolicy
from compiler.problems import InternalError, NothingToRun


@dataclass(frozen=True, slots=True)
class UseLayout:
    """A live workflow use.

    Attributes:
        use: the use.
        task: name of its task in the stage's DAG.
        template: name of the template that is its own: a lane in named form, the chain of its lanes when it is one.
        lanes: its lanes, at least one.
        chained: whether its lanes are tasks of a DAG of their own.
    """

    use: WorkflowUse
    task: str
    template: str
    lanes: tuple[Lane, ...]
    chained: bool

    @property
    def guarded(self) -> bool:
        """Whether a lane of it may run although one before it failed."""
        return len(self.lanes) > 1 and self.use.policy is WorkflowFailurePolicy.CONTINUE

    @property
    def live_actions(self) -> int:
        """How many actions it has."""
        return sum(len(lane.members) for lane in self.lanes)

    def wrapped(self, lane: Lane) -> bool:
        """Whether a lane of its chain has a DAG of its own."""
        return self.guarded and lane.number < len(self.lanes)


@dataclass(frozen=True, slots=True)
class StageLayout:
    """A live stage.

    Attributes:
        stage: the stage.
        task: name of its task in the plan's DAG.
        template: name of its template.
        uses: its live uses, in listed order.
        guarded: whether a use may run although another one failed.
    """

    stage: Stage
    task: str
    template: str
    uses: tuple[UseLayout, ...]
    guarded: bool

    @property
    def live_actions(self) -> int:
        """How many actions it has."""
        return sum(use.live_actions for use in self.uses)


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything live of a graph.

    Attributes:
        graph: the graph.
        stages: its live stages, in listed order.
        guarded: whether a stage may run although another one failed.
    """

    graph: Graph
    stages: tuple[StageLayout, ...]
    guarded: bool

    def uses(self) -> Iterator[UseLayout]:
        """All live uses, in order."""
        for stage in self.stages:
            yield from stage.uses

    def lanes(self) -> Iterator[tuple[UseLayout, Lane]]:
        """All lanes with their uses, in order."""
        for use in self.uses():
            for lane in use.lanes:
                yield use, lane


def lay_out(graph: Graph) -> Layout:
    """Lay a graph out.

    Raises:
        NothingToRun: nothing in it is live.
        InternalError: the graph breaks a promise that compilation relies on.
    """
    live = [stage for stage in graph.stages if stage.live]
    if not live:
        raise NothingToRun(f"plan {graph.namespace}/{graph.plan}: no action is to run, so there is no Workflow")
    _check_edges(live)
    return Layout(graph, tuple(_stage(stage) for stage in live), may_pass_failure(live))


def lane_task(lane: Lane) -> str:
    """Name of a lane's task in the chain of its use, and in the DAG that wraps it."""
    return f"l-{lane.number}"


def _stage(stage: Stage) -> StageLayout:
    live = [use for use in stage.workflows if use.live]
    guarded = may_pass_failure(live)
    awaited = {key for use in live for key in use.after}
    _check_edges(live)
    return StageLayout(
        stage=stage,
        task=task_name(stage.key, stage.name),
        template=f"s-{stage.key[1:]}",
        uses=tuple(_use(use, alone=guarded and use.key in awaited) for use in live),
        guarded=guarded,
    )


def _use(use: WorkflowUse, *, alone: bool) -> UseLayout:
    lanes = lanes_of(use)
    return UseLayout(
        use=use,
        task=task_name(use.key, use.name),
        template=f"w-{stage_of(use.key)[1:]}-{local_key(use.key)[1:]}",
        lanes=lanes,
        chained=alone or len(lanes) > 1,
    )


def _check_edges(live: Sequence[Member]) -> None:
    keys = {member.key for member in live}
    for member in live:
        for earlier in member.after:
            if earlier not in keys:
                raise InternalError(f"{member.key} waits for {earlier}, which is not live beside it")
