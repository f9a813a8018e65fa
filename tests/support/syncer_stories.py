"""Lives of executions that a test disturbs: each story is told to its end, whoever is the syncer at the moment.

scene = Scene(bench, "one", revive=lambda: ...)        # called while something is waited for
STORIES["retry"](scene)
assert scene.end() == calm.end()

A story does what users, Argo and runners would do, and waits for nothing but what the API server holds: the syncer may
die, freeze or be cut off at any moment of it. What a story leaves behind, apart from times and uids, is its `end`; two
tellings of the same story have the same one.
"""

from __future__ import annotations

import difflib
import json
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compiler.model.names import ANNOTATION_FENCE, KIND_PLAN, KIND_RECORD, LABEL_EXECUTION_UID, LABEL_FINAL, LABEL_PLAN
from support.api_admin import until
from support.api_syncer import condition
from support.plans import http, stage, workflow
from support.syncer_runs import ArgoRun

if TYPE_CHECKING:
    from support.api_admin import Object
    from support.api_syncer import SyncerBench

FIRST, SECOND = "s1.w1.a1", "s2.w1.a1"
DONE = {FIRST: "Succeeded", SECOND: "Succeeded"}
STOPPED = "Stopped with strategy 'Stop'"
TERMINATED = "Stopped with strategy 'Terminate'"
SECONDS = 120.0
_SETTLES = 1.0
"""Seconds without a change after which none comes any more."""

_VARIES = re.compile(r"(Time|uid|duration|snapshotRef|workflowRef|resolvedParams|namespace|lastProcessedTrigger)$")


def add_workflows(bench: SyncerBench) -> None:
    """Create the workflows that the plans of all stories use, and a plan of their own."""
    undo = http("undo", method="PUT")
    action = http("act", method="PUT", rollback={"type": "HTTP", "http": undo["http"]})
    # What is as long as this is kept beside the Workflow.
    long = http("act", method="PUT", body="x" * 20_000)
    made = {"one": action, "two": action, "long": long}
    bench.plan(stage("db", "one"), name="first", workflows=[workflow(name, each) for name, each in made.items()])


class Scene:
    """Where a story is told: a plan of its own, in a bench that has the workflows.

    Args:
        bench: the bench.
        name: name of the plan and of its execution.
        revive: called again and again while something is waited for; may start another syncer.
    """

    def __init__(self, bench: SyncerBench, name: str, *, revive: Callable[[], None] = lambda: None) -> None:
        self.bench = bench
        self.name = name
        self._revive = revive
        self._names = [name]

    # --- what a story is told with

    def until(self, there: Callable[[], object], what: str) -> None:
        """Wait until something is true, and have a syncer meanwhile."""

        def met() -> object:
            self._revive()
            return there()

        until(met, f"{self.name}: {what}", seconds=SECONDS)

    def plan(self, *names: str) -> None:
        """Create the plan, of these workflows, and wait until it is found to be valid."""
        if self.bench.administrator.get(KIND_PLAN, self.bench.namespace, self.name) is None:
            db, app = names or ("one", "two")
            self.bench.plan(stage("db", db), stage("app", app), name=self.name, workflows=[])
        self.until(lambda: self.bench.is_ready(self.name), "the plan to be ready")

    def execute(self) -> ArgoRun:
        """Create the plan and an execution; returns its Workflow when that is bound."""
        self.plan()
        self.bench.execute(self.name, plan=self.name)
        return self.bound()

    def revert(self) -> ArgoRun:
        """Create an execution that reverts the first; returns its Workflow when that is bound."""
        name = f"{self.name}-undo"
        self._names.append(name)
        self.bench.revert(name, self.name, plan=self.name)
        return self.bound(name)

    def bound(self, name: str = "", *, epoch: int = 1) -> ArgoRun:
        """The Workflow of an execution, as soon as it is bound to it."""
        name = name or self.name
        self.until(lambda: (fence := self.fence(name)).get("workflowUID") and fence["epoch"] == epoch, "to be bound")
        return ArgoRun(self.bench, name, self.fence(name)["workflow"])

    def adopted(self, name: str) -> None:
        """The execution is one that the syncer has made, of this name."""
        self._names = [name]

    def fence(self, name: str = "") -> Object:
        """The fence of an execution; empty when there is none."""
        name = name or self.name
        if not self.bench.exists(name):
            return {}
        text = (self.bench.execution(name)["metadata"].get("annotations") or {}).get(ANNOTATION_FENCE)
        found: Object = json.loads(text) if text else {}
        return found

    def finish(self, run: ArgoRun, phases: dict[str, str], /, *, message: str = "", **state: Any) -> None:
        """Have the rest of a run happen, and wait until its end is recorded."""
        for key, phase in phases.items():
            run.record(key, phase, **state)
        good = all(phase == "Succeeded" for phase in phases.values())
        run.argo("Succeeded" if good else "Failed", phases, message)
        self.recorded(run.execution, epoch=state.get("epoch", 1), runs=state.get("run", 1))

    def recorded(self, name: str = "", *, epoch: int = 1, runs: int = 1) -> None:
        """Wait until the end of an execution is recorded."""

        def there() -> bool:
            status = self.bench.status(name or self.name)
            shown = status.get("epoch") or 1, status.get("runs") or 1
            return shown == (epoch, runs) and condition(status, "Recorded") is not None

        self.until(there, "to be recorded")

    # --- what comes of it

    def end(self) -> Object:
        """What the story has come to, without what differs from telling to telling."""
        bench = self.bench
        there = [name for name in self._names if bench.exists(name)]
        executions = [self._end_of(bench.execution(name)) for name in there]
        plan = bench.plan_status(self.name)
        uids = {each["metadata"]["uid"] for each in map(bench.execution, there)}
        entries = [
            {field: entry.get(field) for field in ("operationType", "mode", "phase", "message", "reason")}
            for entry in plan.get("executionHistory") or ()
        ]
        return {
            "executions": executions,
            "history": [
                {name: lasting(text, self.name) for name, text in entry.items() if text is not None}
                for entry in entries
            ],
            "plan": (plan.get("phase"), plan.get("currentExecution"), condition(plan, "Executing")),
            "last": lasting(plan.get("lastExecutionRef"), self.name),
            "left": self._left(uids),
        }

    def _end_of(self, execution: Object) -> object:
        metadata, bench = execution["metadata"], self.bench
        fence = self.fence(metadata["name"])
        uid = metadata["uid"]
        runs = [each for each in bench.workflows() if each["metadata"]["labels"].get(LABEL_EXECUTION_UID) == uid]
        maps = [each for each in bench.administrator.list("ConfigMap", bench.namespace) if _is_of(each, uid)]
        records = [each for each in bench.administrator.list(KIND_RECORD, bench.namespace) if _is_of(each, uid)]
        return {
            "status": lasting(execution.get("status") or {}, self.name),
            "fence": (fence["state"], fence["epoch"], fence["run"], [each["scope"] for each in fence["halts"]]),
            "finalizers": metadata.get("finalizers"),
            "workflows": [LABEL_FINAL in each["metadata"]["labels"] for each in runs],
            "records": sorted(
                (
                    each["spec"]["key"],
                    each["state"]["phase"],
                    each["state"].get("reason") or "",
                    "undoneBy" in each["state"],
                )
                for each in records
            ),
            "unowned": [
                each["metadata"]["name"]
                for each in (*runs, *maps, *records)
                if [owner["uid"] for owner in each["metadata"].get("ownerReferences") or ()] != [uid]
            ],
            "maps": len(maps),
        }

    def _left(self, uids: set[str]) -> list[str]:
        """What is left of executions that are gone: nothing should be."""
        bench = self.bench
        return [
            f"{kind} {each['metadata']['name']}"
            for kind in ("Workflow", "ConfigMap", KIND_RECORD)
            for each in bench.administrator.list(kind, bench.namespace)
            if (labels := each["metadata"].get("labels") or {}).get(LABEL_PLAN) == self.name
            and labels.get(LABEL_EXECUTION_UID, "") not in {*uids, ""}
        ]


def lasting(value: object, name: str) -> object:
    """What must be the same in every telling: not its times, nor what is named after its plan or a uid."""
    if isinstance(value, dict):
        return {key: lasting(each, name) for key, each in value.items() if not _VARIES.search(key)}
    if isinstance(value, list):
        return [lasting(each, name) for each in value]
    if isinstance(value, str):
        # Names of Workflows are made of the plan's and a digest; durations stand in messages, too.
        value = re.sub(rf"{re.escape(name)}-[xr]-[0-9a-f]{{8}}", "(workflow)", value).replace(name, "(name)")
        return re.sub(r"\b\d+(\.\d+)?(ms|s|m)\b", "(duration)", value)
    return value


def _is_of(thing: Object, uid: str) -> bool:
    return bool((thing["metadata"].get("labels") or {}).get(LABEL_EXECUTION_UID) == uid)


def settled(scene: Scene) -> Object:
    """The end of a story when nothing changes any more."""
    since, end = time.monotonic(), scene.end()

    def unchanged() -> bool:
        nonlocal since, end
        now = scene.end()
        if now != end:
            since, end = time.monotonic(), now
        return time.monotonic() - since > _SETTLES

    scene.until(unchanged, "nothing to change any more")
    return end


def check_end(scene: Scene, expected: Object) -> None:
    """Check that a story has ended as it should."""
    if scene.end() == expected:
        return
    texts = (json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (expected, settled(scene)))
    if lines := list(difflib.unified_diff(*texts, "undisturbed", scene.name, n=3, lineterm="")):
        raise AssertionError("\n".join(lines))


# --- the stories


def execute(scene: Scene) -> None:
    """All goes well."""
    scene.finish(scene.execute(), DONE)


def fail(scene: Scene) -> None:
    """An action fails, and what comes after it is halted."""
    _failed(scene, scene.execute(), {FIRST: "Failed"})


def revert(scene: Scene) -> None:
    """What an execution did is undone."""
    execute(scene)
    scene.finish(scene.revert(), DONE)


def cancel(scene: Scene) -> None:
    """It is cancelled while an action runs, which ends by itself."""
    run = scene.execute()
    run.record(FIRST, "Started", holder={"id": "h", "pod": "p", "attempt": 1})
    run.argo("Running", {FIRST: "Running"})
    scene.bench.annotate(scene.name, cancel="true")
    _drained(scene, run)
    scene.recorded()


def force(scene: Scene) -> None:
    """It is cancelled by force while an action runs, of which nobody knows the end."""
    run = scene.execute()
    run.record(FIRST, "Started", sent=True, holder={"id": "h", "pod": "p", "attempt": 1})
    run.argo("Running", {FIRST: "Running"})
    scene.bench.annotate(scene.name, cancel="force")
    scene.until(lambda: run.spec.get("shutdown") == "Terminate", "the Workflow to be terminated")
    run.argo("Failed", {FIRST: "Failed"}, TERMINATED)
    scene.recorded()


def pause(scene: Scene) -> None:
    """It is paused, and goes on."""
    run = scene.execute()
    run.argo("Running")
    scene.bench.annotate(scene.name, pause="true")
    scene.until(lambda: scene.fence()["state"] == "Paused" and run.spec.get("suspend"), "the run to pause")
    shown = ("True", "PausedByUser")
    scene.until(lambda: condition(scene.bench.status(scene.name), "Paused") == shown, "the pause to be shown")
    scene.bench.annotate(scene.name, pause=None)
    scene.until(lambda: scene.fence()["state"] == "Open" and "suspend" not in run.spec, "the run to go on")
    scene.finish(run, DONE)


def retry(scene: Scene) -> None:
    """It fails, and goes on in a new epoch."""
    _failed(scene, scene.execute(), {FIRST: "Succeeded", SECOND: "Failed"})
    scene.bench.annotate(scene.name, retry="1")
    scene.finish(scene.bound(epoch=2), {SECOND: "Succeeded"}, epoch=2)


def retry_in_argo(scene: Scene) -> None:
    """It fails, and Argo is told to run its Workflow again."""
    run = scene.execute()
    _failed(scene, run, {FIRST: "Failed"})
    run.argo("Running", {FIRST: "Running"})
    scene.until(lambda: (scene.fence()["state"], scene.fence()["run"]) == ("Open", 2), "the fence to open again")
    scene.finish(run, DONE, run=2)


def adopt(scene: Scene) -> None:
    """Its Workflow is submitted without it."""
    scene.plan()
    run = scene.bench.submit(scene.name)
    scene.adopted(run.name)
    run.record_without_execution(FIRST, "Succeeded", plan=scene.name)
    scene.bound(run.name)
    run.record(SECOND, "Succeeded")
    run.argo("Succeeded", DONE)
    scene.recorded(run.name)


def delete(scene: Scene) -> None:
    """It is deleted while an action runs, which ends by itself."""
    run = scene.execute()
    run.record(FIRST, "Started", holder={"id": "h", "pod": "p", "attempt": 1})
    run.argo("Running", {FIRST: "Running"})
    scene.bench.delete(scene.name)
    _drained(scene, run)
    scene.until(lambda: not scene.bench.exists(scene.name), "the execution to go")


def delete_ended(scene: Scene) -> None:
    """It ends, and is deleted."""
    execute(scene)
    scene.bench.delete(scene.name)
    scene.until(lambda: not scene.bench.exists(scene.name), "the execution to go")


def _failed(scene: Scene, run: ArgoRun, phases: dict[str, str]) -> None:
    """Have the last of these actions fail, and the Workflow when that has been dealt with."""
    for key, phase in phases.items():
        failure = {"reason": "HTTPStatus", "message": "500"} if phase == "Failed" else {}
        run.record(key, phase, **failure)
    run.argo("Running", phases)
    scene.until(lambda: scene.fence()["halts"], "what comes after to be halted")
    run.argo("Failed", phases)
    scene.recorded()


def _drained(scene: Scene, run: ArgoRun) -> None:
    """Have the action that runs end by itself, and the Workflow when it is stopped."""
    scene.until(lambda: scene.fence().get("state") == "Draining" and run.spec.get("suspend"), "the run to drain")
    run.record(FIRST, "Succeeded")
    run.argo("Running", {FIRST: "Succeeded"})
    scene.until(lambda: run.spec.get("shutdown") == "Stop", "the Workflow to be stopped")
    run.argo("Failed", {FIRST: "Succeeded"}, STOPPED)


STORIES: dict[str, Callable[[Scene], None]] = {
    "execute": execute,
    "fail": fail,
    "revert": revert,
    "cancel": cancel,
    "force": force,
    "pause": pause,
    "retry": retry,
    "retry-in-argo": retry_in_argo,
    "adopt": adopt,
    "delete": delete,
    "delete-ended": delete_ended,
}
