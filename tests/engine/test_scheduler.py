"""What a Workflow does next: Argo's rules on the forms that we emit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drplan.engine import depends, retries
from drplan.engine.depends import TaskResult
from drplan.engine.nodes import (
    Exit,
    Nodes,
    NodeType,
    Shutdown,
    attempts,
    container_ended,
    container_node,
    pod_ended,
    task_node,
)
from drplan.engine.program import Branch, Container, Lane, Program, Task
from drplan.engine.retries import RetryStrategy
from drplan.engine.scheduler import Start, settle
from syncer.nodes import ArgoPhase

NOW = "2026-01-02T03:04:05Z"
LATER = "2026-01-02T03:04:09Z"

RETRY = retries.parse(
    {"limit": 2, "retryPolicy": "Always", "expression": "lastRetry.exitCode == '143' || lastRetry.exitCode == '75'"}
)


def needs_success(*tasks: str) -> str:
    return " && ".join(f"{task}.Succeeded" for task in tasks)


def needs_the_end(*tasks: str) -> str:
    return " && ".join("(" + " || ".join(f"{task}.{result}" for result in TaskResult) + ")" for task in tasks)


def lane(node: str, *, retry: RetryStrategy | None = RETRY) -> Lane:
    containers = tuple(
        Container(name, (key,), {}, ()) for name, key in (("main", "s1.w1"), ("a-1", "s1.w1.a1"), ("a-2", "s1.w1.a2"))
    )
    return Lane(node, "lane", {}, containers, retry, None)


def program(*tasks: tuple[str, str | None], retry: RetryStrategy | None = RETRY, all_targets: bool = False) -> Program:
    """One DAG of lanes, each with its `depends` text."""
    built = tuple(
        Task(name, depends.parse(text) if text else None, lane(f"wf.{name}", retry=retry)) for name, text in tasks
    )
    depended = {name for task in built if task.depends for name in task.depends.tasks}
    targets = tuple(task.name for task in built if all_targets or task.name not in depended)
    return Program("wf", Branch("wf", "plan", built, targets), "{}", 30)


def end(nodes: Nodes, start: Start, *, failed: int = 0, closed: int = 0, stopped: Shutdown | None = None) -> Nodes:
    """A lane ends: its first action with a code, `main` with another."""
    codes = {"a-1": failed, "a-2": 77 if failed else 0, "main": closed}
    ended = []
    for container in start.lane.containers:
        name = container_node(start.pod, container.name)
        outcome = Exit(codes[container.name], "text" if codes[container.name] else "", stopped=stopped is not None)
        nodes[name] = container_ended(nodes[name], outcome, LATER, stopped)
        ended.append(nodes[name])
    nodes[start.pod] = pod_ended(nodes[start.pod], ended, LATER, exit_code=closed, result=None)
    return nodes


def run(
    workflow: Program,
    fails: dict[str, int] | None = None,
    *,
    parallelism: int = 4,
    closes: dict[str, int] | None = None,
) -> tuple[Nodes, list[str]]:
    """Run a program to its end; lanes end in the order in which they started.

    Args:
        workflow: the program.
        fails: exit code of the first action, by task.
        parallelism: lanes at once.
        closes: exit code of `main`, by pod.
    """
    nodes: Nodes = {}
    order: list[str] = []
    running: list[Start] = []
    while True:
        settled = settle(workflow, nodes, now=NOW, parallelism=parallelism)
        nodes = settled.nodes
        running.extend(settled.starts)
        order.extend(start.pod.removeprefix("wf.") for start in settled.starts)
        if not running:
            return nodes, order
        first = running.pop(0)
        task = first.lane.node.removeprefix("wf.")
        nodes = end(nodes, first, failed=(fails or {}).get(task, 0), closed=(closes or {}).get(first.pod, 0))


def phases(nodes: Nodes, *names: str) -> list[str]:
    return [str(nodes[f"wf.{name}"].phase) for name in names]


def test_a_chain_runs_one_after_the_other() -> None:
    chain = program(("a", None), ("b", needs_success("a")), ("c", needs_success("b")))
    nodes, order = run(chain)
    assert order == ["a(0)", "b(0)", "c(0)"]
    assert nodes["wf"].phase is ArgoPhase.SUCCEEDED


def test_what_needs_success_is_omitted_after_a_failure_to_the_end_of_the_chain() -> None:
    chain = program(("a", None), ("b", needs_success("a")), ("c", needs_success("b")))
    nodes, order = run(chain, {"a": 2})
    assert order == ["a(0)"]
    assert phases(nodes, "a", "b", "c") == ["Failed", "Omitted", "Omitted"]
    assert nodes["wf.b"].type is NodeType.SKIPPED
    assert nodes["wf.b"].message == "omitted: depends condition not met"
    assert nodes["wf"].phase is ArgoPhase.FAILED
    assert nodes["wf"].message == ""


def test_a_task_that_needs_the_end_runs_behind_an_omitted_one() -> None:
    chain = program(("a", None), ("b", needs_success("a")), ("c", needs_the_end("b")), all_targets=True)
    nodes, order = run(chain, {"a": 2})
    assert order == ["a(0)", "c(0)"]
    assert phases(nodes, "a", "b", "c") == ["Failed", "Omitted", "Succeeded"]


@pytest.mark.parametrize(("all_targets", "phase"), [(False, ArgoPhase.SUCCEEDED), (True, ArgoPhase.FAILED)])
def test_a_later_success_hides_a_failure_unless_every_task_is_a_target(all_targets: bool, phase: ArgoPhase) -> None:
    chain = program(("a", None), ("b", needs_the_end("a")), all_targets=all_targets)
    nodes, _ = run(chain, {"a": 2})
    assert nodes["wf"].phase is phase


def test_messages_name_the_container_and_its_exit_code() -> None:
    nodes, _ = run(program(("a", None)), {"a": 2})
    assert nodes["wf.a(0).a-1"].message == "a-1: Error (exit code 2): text"
    assert nodes["wf.a(0)"].message == "a-1: Error (exit code 2): text"
    assert nodes["wf.a"].message == "retryStrategy.expression evaluated to false"


def test_no_more_lanes_run_at_once_than_allowed() -> None:
    wide = program(*((f"t{number}", None) for number in range(7)))
    first = settle(wide, {}, now=NOW, parallelism=3)
    assert [start.pod for start in first.starts] == ["wf.t0(0)", "wf.t1(0)", "wf.t2(0)"]
    assert settle(wide, first.nodes, now=NOW, parallelism=3).starts == ()
    freed = settle(wide, end(first.nodes, first.starts[1]), now=NOW, parallelism=3)
    assert [start.pod for start in freed.starts] == ["wf.t3(0)"]


def test_a_lost_lane_is_tried_again_under_the_next_number() -> None:
    nodes, order = run(program(("a", None), ("b", needs_success("a"))), closes={"wf.a(0)": 75, "wf.a(1)": 143})
    assert order == ["a(0)", "a(1)", "a(2)", "b(0)"]
    assert phases(nodes, "a(0)", "a(1)", "a(2)", "a") == ["Failed", "Failed", "Succeeded", "Succeeded"]
    assert all(nodes[f"wf.a({number})"].retried for number in range(3))


def test_a_lane_that_is_lost_three_times_fails() -> None:
    nodes, order = run(program(("a", None)), closes={f"wf.a({number})": 75 for number in range(3)})
    assert order == ["a(0)", "a(1)", "a(2)"]
    assert nodes["wf.a"].message == "No more retries left"
    assert nodes["wf"].phase is ArgoPhase.FAILED


def test_a_lane_without_retries_has_no_retry_node() -> None:
    nodes, order = run(program(("a", None), retry=None))
    assert order == ["a"]
    assert nodes["wf.a"].type is NodeType.POD
    assert not nodes["wf.a"].retried


def test_nothing_moves_while_suspended() -> None:
    chain = program(("a", None), ("b", needs_success("a")))
    begun = settle(chain, {}, now=NOW, parallelism=4)
    nodes = end(begun.nodes, begun.starts[0])
    suspended = settle(chain, nodes, now=NOW, parallelism=4, suspended=True, shutdown=Shutdown.STOP)
    assert (suspended.nodes, suspended.starts) == (nodes, ())
    assert [start.pod for start in settle(chain, nodes, now=NOW, parallelism=4).starts] == ["wf.b(0)"]


def test_a_stop_after_draining_fails_what_was_next_and_omits_the_rest() -> None:
    chain = program(("a", None), ("b", needs_success("a")), ("c", needs_success("b")))
    begun = settle(chain, {}, now=NOW, parallelism=4)
    stopped = settle(chain, end(begun.nodes, begun.starts[0]), now=LATER, parallelism=4, shutdown=Shutdown.STOP)
    nodes = stopped.nodes
    assert stopped.starts == ()
    assert phases(nodes, "a", "b", "c") == ["Succeeded", "Failed", "Omitted"]
    assert nodes["wf.b(0)"].message == "workflow shutdown with strategy: Stop"
    assert nodes["wf.b"].message == "Stopped with strategy 'Stop'"
    assert nodes["wf.b(0)"].host == ""
    assert nodes["wf"].phase is ArgoPhase.FAILED


def test_a_stop_ends_everything_whatever_it_depends_on() -> None:
    chain = program(("a", None), ("b", needs_the_end("a")), ("c", needs_the_end("b")), all_targets=True)
    stopped = settle(chain, {}, now=NOW, parallelism=1, shutdown=Shutdown.STOP)
    assert phases(stopped.nodes, "a", "b", "c") == ["Failed", "Failed", "Failed"]
    assert stopped.nodes["wf"].fulfilled


def test_what_ran_when_it_was_terminated_says_so_with_two_spaces_and_is_not_tried_again() -> None:
    only = program(("a", None))
    begun = settle(only, {}, now=NOW, parallelism=4)
    killed = end(begun.nodes, begun.starts[0], failed=143, closed=143, stopped=Shutdown.TERMINATE)
    settled = settle(only, killed, now=LATER, parallelism=4, shutdown=Shutdown.TERMINATE)
    assert settled.starts == ()
    assert settled.nodes["wf.a(0).a-1"].message == "workflow shutdown with strategy:  Terminate"
    assert settled.nodes["wf.a"].message == "Stopped with strategy 'Terminate'"
    assert settled.nodes["wf"].phase is ArgoPhase.FAILED


def test_settling_twice_changes_nothing() -> None:
    wide = program(("a", None), ("b", None), ("c", needs_success("a", "b")))
    once = settle(wide, {}, now=NOW, parallelism=4)
    assert settle(wide, once.nodes, now=LATER, parallelism=4) == replace(once, starts=())


# --- any DAG of DAGs


@st.composite
def branches(draw: st.DrawFn, node: str = "wf", depth: int = 2) -> Branch:
    tasks: list[Task] = []
    for number in range(draw(st.integers(1, 4))):
        name = f"t-{number}"
        before = [task.name for task in tasks]
        wanted = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        text = " && ".join(draw(st.sampled_from((needs_success, needs_the_end)))(task) for task in wanted)
        inner = f"{node}.{name}"
        body = draw(branches(inner, depth - 1)) if depth and draw(st.booleans()) else lane(inner)
        tasks.append(Task(name, depends.parse(text) if text else None, body))
    depended = {name for task in tasks if task.depends for name in task.depends.tasks}
    everything = draw(st.booleans())
    return Branch(
        node, "dag", tuple(tasks), tuple(task.name for task in tasks if everything or task.name not in depended)
    )


def every_task(branch: Branch):
    for task in branch.tasks:
        yield branch, task
        if isinstance(task.body, Branch):
            yield from every_task(task.body)


def results_of(branch: Branch, nodes: Nodes) -> dict[str, TaskResult]:
    words = {"Succeeded": TaskResult.SUCCEEDED, "Failed": TaskResult.FAILED, "Omitted": TaskResult.OMITTED}
    found = {task.name: nodes.get(task_node(branch, task)) for task in branch.tasks}
    return {name: words[node.phase] for name, node in found.items() if node is not None and node.fulfilled}


@given(st.data())
def test_every_dag_ends_and_starts_no_task_whose_depends_is_unmet(data: st.DataObject) -> None:
    workflow = Program("wf", data.draw(branches()), "{}", 30)
    parallelism = data.draw(st.integers(1, 3))
    nodes: Nodes = {}
    running: list[Start] = []
    started: set[str] = set()
    shutdown: Shutdown | None = None
    for _ in range(200):
        before = dict(nodes)
        settled = settle(workflow, nodes, now=NOW, parallelism=parallelism, shutdown=shutdown)
        nodes = settled.nodes
        running.extend(settled.starts)
        assert len(running) <= parallelism
        for start in settled.starts:
            assert start.pod not in started
            started.add(start.pod)
        for branch, task in every_task(workflow.root):
            name = task_node(branch, task)
            if name in nodes and name not in before and task.depends is not None:
                met = task.depends.met(results_of(branch, nodes))
                assert met is (nodes[name].phase is not ArgoPhase.OMITTED)
        if not running:
            break
        ended = running.pop(data.draw(st.integers(0, len(running) - 1)))
        failed, closed = data.draw(st.sampled_from([(0, 0), (0, 0), (2, 0), (9, 75)]))
        nodes = end(nodes, ended, failed=failed, closed=closed)
        if shutdown is None and data.draw(st.integers(0, 9)) == 0:
            shutdown = Shutdown.STOP
    assert nodes["wf"].fulfilled
    assert not [name for name, node in nodes.items() if not node.fulfilled]
    for branch, task in every_task(workflow.root):
        holder = nodes.get(branch.node)
        if holder is not None and holder.type is NodeType.DAG:
            assert nodes[task_node(branch, task)].fulfilled


@given(st.data())
def test_a_dag_with_all_tasks_as_targets_is_red_as_soon_as_a_task_is(data: st.DataObject) -> None:
    workflow = Program("wf", data.draw(branches(depth=0)), "{}", 30)
    root = replace(workflow.root, targets=tuple(task.name for task in workflow.root.tasks))
    workflow = replace(workflow, root=root)
    failing = data.draw(st.sets(st.sampled_from([task.name for task in root.tasks])))
    nodes, order = run(workflow, dict.fromkeys(failing, 2))
    ran = {pod.removesuffix("(0)") for pod in order}
    expected = ArgoPhase.FAILED if ran & failing else ArgoPhase.SUCCEEDED
    assert nodes["wf"].phase is expected


def test_attempts_are_found_in_order() -> None:
    nodes, _ = run(program(("a", None)), closes={"wf.a(0)": 75})
    assert [node.name for node in attempts(lane("wf.a"), nodes)] == ["wf.a(0)", "wf.a(1)"]
