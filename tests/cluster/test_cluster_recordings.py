"""Small plans run on a real Argo, are interfered with, and fold to what is expected.

With `DRPLAN_RECORD=1` (`make recordings`) what each left behind is written below `tests/recordings`, where the tests of
the fold find it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from support import plans, recordings
from support.argo_runs import Api, ArgoRun
from support.differential import SERVED
from support.local import actions
from support.recordings import Recording
from syncer.records import is_started, state_of

RECORD = bool(os.environ.get("DRPLAN_RECORD"))
AT_ONCE = 4
LONGEST = 180.0
POLL = 0.2
LABEL_WORKFLOW = "workflows.argoproj.io/workflow"

Object = dict[str, Any]
Hand = Callable[[Any, ArgoRun], object]


@dataclass(frozen=True)
class Case:
    """A run and what is done to it.

    Attributes:
        about: what happens, in a sentence.
        stages: stages of the plan.
        workflows: its workflows.
        phase: phase that the execution comes to.
        actions: phases of its actions, by their first letters.
        policy: failure policy of the plan.
        during: key of the action during whose call something is done to the Workflow.
        hand: what is done.
        then: what is done when the run has ended.
        settled: whether there is nothing more to wait for; None for the end of the run.
    """

    about: str
    stages: tuple[Object, ...]
    workflows: tuple[Object, ...]
    phase: str
    actions: str
    policy: str = "Stop"
    during: str = ""
    hand: Hand | None = None
    then: Hand | None = None
    settled: Callable[[ArgoRun], bool] | None = None


def call(name: str, *, status: str = "200", delay: float = 0, method: str = "POST", **fields: Any) -> Object:
    return plans.http(name, f"{SERVED}/act/RUN/{name}?status={status}&delay={delay:g}", method=method, **fields)


def workflow(name: str, *members: Object, **spec: Any) -> Object:
    """A workflow whose actions have names that are unique in the plan, for the site."""
    named = [
        {**each, "http": {**each["http"], "url": each["http"]["url"].replace("/RUN/", f"/RUN/{name}.")}}
        for each in members
    ]
    return plans.workflow(name, *named, **spec)


def argo(command: str) -> Hand:
    return lambda cluster, run: cluster.argo(command, "-n", run.namespace, run.name)


def delete_pod(*options: str) -> Hand:
    def delete(cluster: Any, run: ArgoRun) -> None:
        selector = f"{LABEL_WORKFLOW}={run.name}"
        cluster.kubectl("delete", "pod", "-n", run.namespace, "-l", selector, "--wait=false", *options)

    return delete


def retry(cluster: Any, run: ArgoRun) -> None:
    argo("retry")(cluster, run)
    run.again()


def delete_workflow(cluster: Any, run: ArgoRun) -> None:
    cluster.kubectl("delete", "workflow", "-n", run.namespace, run.name)


def is_drained(run: ArgoRun) -> bool:
    assert run.workflow is not None
    nodes = run.workflow["status"].get("nodes", {}).values()
    return bool(run.workflow["spec"].get("suspend")) and all(
        node["phase"] not in ("Pending", "Running") for node in nodes if node["type"] == "Pod"
    )


def long(name: str, delay: float, method: str = "PUT") -> Object:
    return workflow(name, call("begin"), call("work", delay=delay, method=method), call("end"))


def interrupted(phase: str, phases: str, about: str, **fields: Any) -> Case:
    """A lane is in its second action when something happens; another has ended, a stage has not begun."""
    delay, method = fields.pop("delay", 8), fields.pop("method", "PUT")
    return Case(
        about,
        (plans.stage("first", "long", "short", parallel=True), plans.stage("second", "after")),
        (long("long", delay, method), workflow("short", call("only")), workflow("after", call("last"))),
        phase,
        phases,
        during="s1.w1.a2",
        **fields,
    )


CONTINUED = Case(
    "An action fails and everything may go on, except a stage that needs the success of the first.",
    (
        plans.stage("first", "broken", "next"),
        plans.stage("second", "after"),
        plans.stage("third", "needing", dependsOn=["first"], dependsOnPolicy="Succeeded"),
    ),
    (
        workflow("broken", call("fails", status="403"), call("goes-on"), failurePolicy="Continue"),
        workflow("next", call("only")),
        workflow("after", call("last")),
        workflow("needing", call("never")),
    ),
    "Failed",
    "FSSSK",
    policy="Continue",
)

CASES: dict[str, Case] = {
    "succeeded": Case(
        "Two stages, workflows beside each other, an output that a later action uses: all goes well.",
        (plans.stage("prepare", "check", "back-up", parallel=True), plans.stage("switch", "promote")),
        (
            workflow("check", call("is-up", method="GET"), call("report")),
            workflow("back-up", call("take")),
            workflow("promote", call("freeze"), call("move", body="after $(outputs.freeze.json.action)"), call("open")),
        ),
        "Succeeded",
        "SSSSSS",
    ),
    "failed-fail-fast": Case(
        "An action fails under FailFast; a lane beside it finishes its action and starts no other, nor does a stage.",
        (
            plans.stage("both", "broken", "slow", parallel=True, failurePolicy="FailFast"),
            plans.stage("later", "after"),
        ),
        (
            workflow("broken", call("begin"), call("fails", status="403", delay=2), call("never")),
            workflow("slow", call("long", delay=10), call("halted")),
            workflow("after", call("last")),
        ),
        "Failed",
        "SFKSKK",
    ),
    "failed-continue": CONTINUED,
    "retried-lane": interrupted(
        "Succeeded",
        "SSSSS",
        "The pod of a lane is deleted as a drain does; its call ends, and a second pod replays it and goes on.",
        hand=delete_pod(),
    ),
    "deleted-pod": interrupted(
        "Unknown",
        "SUKSK",
        "The pod of a lane is deleted at once while a POST is on its way.",
        delay=40,
        method="POST",
        hand=delete_pod("--force", "--grace-period=0"),
    ),
    "stopped": interrupted(
        "Cancelled", "SSKSK", "`argo stop` while a lane runs; its call still ends.", hand=argo("stop")
    ),
    "terminated": interrupted(
        "Cancelled",
        "SUKSK",
        "`argo terminate` while a POST is on its way that does not end in time.",
        delay=60,
        method="POST",
        hand=argo("terminate"),
    ),
    "suspended": interrupted(
        "Running",
        "SSSSP",
        "`argo suspend` while a lane runs, which comes to its end; the next stage does not begin.",
        hand=argo("suspend"),
        settled=is_drained,
    ),
    "deleted-workflow": interrupted(
        "Failed",
        "SUKSK",
        "The Workflow is deleted while a POST is on its way that does not end in time.",
        delay=60,
        method="POST",
        hand=delete_workflow,
    ),
    "argo-retry": Case(
        "`argo retry` of a failed Workflow: Argo runs nothing again, and at once it is Failed once more.",
        (plans.stage("first", "broken", "fine", parallel=True), plans.stage("second", "after")),
        (
            workflow("broken", call("begin"), call("fails", status="403,200"), call("end")),
            workflow("fine", call("only")),
            workflow("after", call("last")),
        ),
        "Failed",
        "SFKSK",
        then=retry,
    ),
    "chain": Case(
        "Twenty actions are two lanes; the last fails.",
        (plans.stage("only", "many"),),
        (
            workflow(
                "many",
                *(call(f"step-{number}", status="403" if number == 20 else "200") for number in range(1, 21)),
                failurePolicy="Continue",
            ),
        ),
        "Failed",
        19 * "S" + "F",
    ),
    "continued-lane": Case(
        "An action fails under Continue; those behind it take longer than Argo takes to see the failure, and all run.",
        (plans.stage("only", "steps"),),
        (
            workflow(
                "steps",
                call("fails", status="403"),
                *(call(f"step-{number}", delay=2) for number in range(2, 8)),
                failurePolicy="Continue",
            ),
        ),
        "Failed",
        "FSSSSSS",
    ),
    "generic-lanes": Case(
        "One spec is too large to be inline, so two workflows of two actions share a template.",
        (plans.stage("only", "large", "small"),),
        (
            workflow("large", call("load", body="x" * 17_000), call("check")),
            workflow("small", call("first"), call("fails", status="403")),
        ),
        "Failed",
        "SSSF",
    ),
}
LETTERS = {"S": "Succeeded", "F": "Failed", "K": "Skipped", "U": "Unknown", "C": "Cancelled", "P": "Pending"}


PACKED = "compressed"
PACKING = "Its nodes were packed after recording, as Argo packs those of Workflows of 1 MiB and more."


def came_to(status: Object) -> tuple[str, str]:
    """The phase, and the phases of the actions by their first letters."""
    letters = {phase: letter for letter, phase in LETTERS.items()}
    found = actions({"status": status}).values()
    return status["phase"], "".join(letters.get(each["phase"], "?") for each in found)


def objects(name: str, case: Case, namespace: str) -> list[Object]:
    plan = plans.plan(*case.stages, name=name, failurePolicy=case.policy)
    made = [plan, *case.workflows]
    for each in made[1:]:
        for action in each["spec"]["actions"]:
            action["http"]["url"] = action["http"]["url"].replace("/RUN/", f"/{name}/")
            action["retryPolicy"] = {"limit": 0}
    return [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in made]


def drive(cluster: Any, api: Api, name: str, case: Case) -> tuple[ArgoRun, Recording]:
    plan, *workflows = objects(name, case, api.namespace)
    snapshot = Snapshot(
        plan=DRPlan.model_validate(plan),
        workflows=by_id(DRWorkflow.model_validate(each) for each in workflows),
        execution=ExecutionInput(name=f"{name}-run", namespace=api.namespace),
    )
    run = ArgoRun(api, snapshot)
    run.begin()
    if case.hand is not None:
        _wait(name, lambda: run.refresh() or _is_sent(run, case.during))
        case.hand(cluster, run)
    _wait(name, lambda: _is_over(run) if case.settled is None else not run.refresh() and case.settled(run))
    if case.settled is None:
        run.end()
    if case.then is not None:
        case.then(cluster, run)
        _wait(name, lambda: _is_over(run))
        run.end()
    run.fold()
    return run, Recording([plan, *workflows], run.execution, run.workflow, run.records)


def _is_sent(run: ArgoRun, key: str) -> bool:
    return bool(state_of(run.records.get(key, {})).get("sent"))


def _is_over(run: ArgoRun) -> bool:
    """Whether the Workflow has ended or is gone, and no pod will write a record any more."""
    if not run.refresh():
        return False
    open_states = [state for state in map(state_of, run.records.values()) if is_started(state)]
    return all(state["holder"]["released"] for state in open_states)


def _wait(name: str, holds: Callable[[], bool]) -> None:
    until = time.monotonic() + LONGEST
    while not holds():
        assert time.monotonic() < until, f"{name}: in vain after {LONGEST:g} s"
        time.sleep(POLL)


@pytest.mark.bed
@pytest.mark.timeout(900)
def test_recorded_runs_end_as_expected(cluster, api, site):
    with ThreadPoolExecutor(AT_ONCE) as threads:
        driven = dict(zip(CASES, threads.map(lambda each: drive(cluster, api, *each), CASES.items()), strict=True))
    expected = {name: (case.phase, case.actions) for name, case in CASES.items()}
    kept = {name: recordings.masked(recording) for name, (_, recording) in driven.items()}
    if RECORD:
        for name, recording in kept.items():
            recordings.save(recording, recordings.FOLDER / name, about=CASES[name].about)
        packed = kept["failed-continue"].packed()
        recordings.save(packed, recordings.FOLDER / PACKED, about=f"{CONTINUED.about} {PACKING}")
    assert {name: came_to(run.status) for name, (run, _) in driven.items()} == expected
    assert {name: came_to(recording.folded()) for name, recording in kept.items()} == expected
