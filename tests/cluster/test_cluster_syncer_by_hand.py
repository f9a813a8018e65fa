"""What users do by hand to a run on real Argo, and to its objects, and what the syncer makes of it.

All runs of this module go on side by side, each on a plan of its own, with one syncer; a test looks at how one ended.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compiler.model.names import LABEL_PLAN
from support import command
from support.api_syncer import ACCOUNT, ROLE, condition
from support.argo_runs import Api, site_objects
from support.command import ROOT
from support.rbac_audit import audited
from support.syncer_hands import Hands, lane, phases
from support.syncer_process import Syncer

pytestmark = [pytest.mark.bed, pytest.mark.timeout(600)]

NAMESPACE = "dr-by-hand"
AT_ONCE = 14
"""Many runs only wait most of the time."""

NODE_LABEL = "drplan.test/fits"
_LOST_HISTORY = "drplan_history_lost_total 1.0"

Object = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Where users do something.

    Attributes:
        main: an ordinary namespace.
        narrow: one whose pods find no node as long as no node has a label.
        going: one that is deleted.
        syncer: the syncer, which works in all of them.
        folder: for files.
        kubectl: kubectl without a namespace.
    """

    main: Hands
    narrow: Hands
    going: Hands
    syncer: Syncer
    folder: Path
    kubectl: Callable[..., str]


Row = Callable[[World], None]
ROWS: list[Row] = []


def row(function: Row) -> Row:
    """Have it run beside the others."""
    ROWS.append(function)
    return function


# --- those that wait for a minute come first


@row
def when_its_pods_find_no_node_an_execution_says_so_until_they_do(world: World) -> None:
    hands = world.narrow
    for name in ("waits", "cancelled", "stopped"):
        hands.plan(lane("db", hands.call(name, "promote")), name=name)
    run, cancelled, stopped = (hands.execute(name) for name in ("waits", "cancelled", "stopped"))

    # What never began can be cancelled without waiting for it, and stopped in Argo.
    for each in (cancelled, stopped):
        _until_pod_waits(hands, hands.workflow(each))
    hands.annotate(cancelled, cancel="true")
    assert phases(hands.ended(cancelled)) == {"s1.w1.a1": "Skipped CancelledByUser"}
    hands.argo("stop", hands.workflow(stopped))
    status = hands.ended(stopped)
    assert condition(status, "Succeeded") == ("False", "StoppedInArgo")
    assert phases(status) == {"s1.w1.a1": "Skipped CancelledByUser"}

    hands.until_condition(run, "Stalled", ("True", "PodsUnschedulable"), seconds=120)
    (stalled,) = (each for each in hands.status(run)["conditions"] if each["type"] == "Stalled")
    assert stalled["message"].startswith("the pod of s1.w1 has not begun since ")
    assert "nodes are available" in stalled["message"]

    # What had not begun is what `argo retry` runs, as soon as it may.
    hands.argo("retry", hands.workflow(stopped))
    hands.until(lambda: hands.status(stopped).get("phase") == "Running", "the retry to be seen")
    assert hands.plan_status("stopped")["currentExecution"]["name"] == stopped
    world.kubectl("label", "nodes", "--all", f"{NODE_LABEL}=yes")
    hands.until_condition(run, "Stalled", None)
    assert hands.ended(run)["phase"] == "Succeeded"
    assert hands.ended(stopped, runs=2)["phase"] == "Succeeded"
    assert hands.history("stopped") == [(stopped, "Succeeded")]


@row
def a_namespace_that_is_deleted_takes_even_executions_whose_end_cannot_be_known(world: World) -> None:
    hands = world.going
    for name in ("known", "unknown"):
        hands.plan(lane("db", hands.call(name, "promote")), name=name)
        hands.hold(name, "promote")
    known, unknown = hands.execute("known"), hands.execute("unknown")
    for name in ("known", "unknown"):
        hands.until_asked(name, "promote")
    hands.annotate(unknown, fence="broken by hand")
    world.kubectl("delete", "namespace", hands.namespace, "--wait=false")
    hands.until(lambda: hands.find(known) is None, "the execution whose end is known to go")
    assert hands.find(unknown) is not None
    assert _LOST_HISTORY not in (world.syncer.get("/metrics") or "")
    hands.until(lambda: hands.find(unknown) is None, "the other one to go", seconds=120)
    assert _LOST_HISTORY in (world.syncer.get("/metrics") or "")


@row
def one_that_finds_its_plan_busy_waits_for_a_minute_and_is_then_cancelled(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("busy", "promote")), name="busy")
    hands.hold("busy", "promote")
    first = hands.execute("busy")
    hands.until_asked("busy", "promote")
    late, given_up = hands.execute("busy", "busy-late"), hands.execute("busy", "busy-given-up")
    foreign = hands.execute("busy", "busy-foreign")
    for name in (late, given_up, foreign):
        hands.until_condition(name, "Running", ("False", "WaitingForPlan"))
    hands.annotate(given_up, cancel="true")
    hands.until(lambda: hands.status(given_up)["phase"] == "Cancelled", "the one that waits to be cancelled")
    # This is how an older controller leaves behind what it had begun.
    hands.api.patch(f"{hands.api.ours}/drplanexecutions/{foreign}/status", {"status": {"phase": "Running"}})
    assert hands.refused(foreign, "Unknown", "ForeignRun")["phase"] == "Unknown"
    hands.until_told("ForeignRun", foreign)
    hands.refused(late, "Cancelled", "PlanBusy")
    hands.let_go("busy")
    assert hands.ended(first)["phase"] == "Succeeded"
    expected = {(late, "Cancelled"), (given_up, "Cancelled"), (first, "Succeeded")}
    hands.until(lambda: set(hands.history("busy")) == expected, "all to be remembered")


# --- the Workflow


@row
def a_workflow_that_is_deleted_is_lost_and_a_retry_goes_on_from_what_is_recorded(world: World) -> None:
    hands = world.main
    work = lane("work", hands.call("lost", "begin"), hands.call("lost", "work"))
    hands.plan(
        (lane("quick", hands.call("lost", "quick")), work), lane("after", hands.call("lost", "last")), name="lost"
    )
    hands.hold("lost", "work")
    run = hands.execute("lost")
    workflow = hands.workflow(run)
    hands.until_asked("lost", "work")
    hands.until(lambda: phases(hands.status(run))["s1.w1.a1"] == "Succeeded", "the other lane to end")
    hands.kubectl("delete", "workflow", workflow, "--wait=false")
    status = hands.ended(run)
    assert (status["phase"], condition(status, "Succeeded")) == ("Failed", ("False", "WorkflowLost"))
    assert phases(status) == {
        "s1.w1.a1": "Succeeded",
        "s1.w2.a1": "Succeeded",
        "s1.w2.a2": "Unknown",
        "s2.w1.a1": "Skipped WorkflowDeleted",
    }
    hands.until_told("WorkflowLost", run)
    assert hands.argo_workflow(workflow) is None
    hands.annotate(run, retry="1")
    status = hands.ended(run, epoch=2)
    assert set(phases(status).values()) == {"Succeeded"}
    asked = {name: hands.asked("lost", name) for name in ("quick", "begin", "work", "last")}
    assert asked == {"quick": 1, "begin": 1, "work": 2, "last": 1}
    assert hands.history("lost") == [(run, "Succeeded")]


@row
def argo_stop_lets_a_call_in_flight_end_and_cancels_the_rest(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("stop", "work"), hands.call("stop", "rest")), name="stop")
    hands.hold("stop", "work")
    run = hands.execute("stop")
    hands.until_asked("stop", "work")
    hands.argo("stop", hands.workflow(run))
    hands.let_go("stop")
    status = hands.ended(run)
    assert (status["phase"], condition(status, "Succeeded")) == ("Cancelled", ("False", "StoppedInArgo"))
    assert phases(status) == {"s1.w1.a1": "Succeeded", "s1.w1.a2": "Skipped CancelledByUser"}
    assert hands.history("stop") == [(run, "Cancelled")]


@row
def argo_terminate_leaves_a_request_without_an_answer_unknown(world: World) -> None:
    hands = world.main
    hands.plan(
        lane("db", hands.call("terminate", "work", method="POST"), hands.call("terminate", "rest")), name="terminate"
    )
    hands.hold("terminate", "work")
    run = hands.execute("terminate")
    hands.until_asked("terminate", "work")
    hands.argo("terminate", hands.workflow(run))
    status = hands.ended(run)
    assert (status["phase"], condition(status, "Succeeded")) == ("Cancelled", ("False", "StoppedInArgo"))
    assert phases(status) == {"s1.w1.a1": "Unknown", "s1.w1.a2": "Skipped CancelledByUser"}
    assert hands.asked("terminate", "work") == 1


@row
def argo_suspend_pauses_and_argo_resume_goes_on(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("suspend", "work")), lane("app", hands.call("suspend", "last")), name="suspend")
    hands.hold("suspend", "work")
    run = hands.execute("suspend")
    hands.until_asked("suspend", "work")
    hands.argo("suspend", hands.workflow(run))
    hands.until_condition(run, "Paused", ("True", "SuspendedInArgo"))
    assert hands.condition(run, "Running") == ("False", "Paused")
    hands.let_go("suspend")
    hands.until(lambda: phases(hands.status(run))["s1.w1.a1"] == "Succeeded", "what runs to end")
    hands.until_told("Paused", run)
    assert hands.asked("suspend", "last") == 0
    hands.argo("resume", hands.workflow(run))
    hands.until_condition(run, "Paused", ("False", "Resumed"))
    assert hands.ended(run)["phase"] == "Succeeded"
    assert hands.asked("suspend", "last") == 1


@row
def argo_retry_runs_nothing_again_and_the_execution_ends_as_it_had(world: World) -> None:
    hands = world.main
    hands.plan(
        lane("db", hands.call("again", "work", status="403,200")),
        lane("app", hands.call("again", "last")),
        name="again",
    )
    run = hands.execute("again")
    first = hands.ended(run)
    workflow = hands.workflow(run)
    assert phases(first) == {"s1.w1.a1": "Failed", "s2.w1.a1": "Skipped UpstreamFailed"}
    hands.argo("retry", workflow)
    hands.until(lambda: (hands.argo_workflow(workflow) or {})["status"]["phase"] == "Failed", "Argo to end it again")
    hands.until(lambda: "currentExecution" not in hands.plan_status("again"), "the plan to be free")
    hands.until_condition(run, "Recorded", ("True", "Recorded"))
    assert phases(hands.status(run)) == phases(first)
    assert hands.asked("again", "work") == 1
    assert hands.history("again") == [(run, "Failed")]

    # The annotation is what goes on with it: in a Workflow of its own, from what is recorded.
    hands.annotate(run, retry="yes")
    status = hands.ended(run, epoch=2)
    assert set(phases(status).values()) == {"Succeeded"}
    assert hands.asked("again", "work") == 2
    assert hands.history("again") == [(run, "Succeeded")]
    assert hands.workflow(run) == workflow.removesuffix("1") + "2"


@row
def argo_retry_is_refused_while_another_execution_holds_the_plan(world: World) -> None:
    hands = world.main
    hands.plan(
        lane("db", hands.call("taken", "work", status="403,200")),
        lane("app", hands.call("taken", "last")),
        name="taken",
    )
    run = hands.execute("taken")
    assert hands.ended(run)["phase"] == "Failed"
    hands.hold("taken", "last")
    other = hands.execute("taken", "taken-2")
    hands.until_asked("taken", "last")
    # Argo ends again at once what it has nothing to run of, so it is held where it is.
    workflow = hands.workflow(run)
    hands.api.patch(f"{hands.api.argo}/workflows/{workflow}", {"spec": {"suspend": True}})
    hands.argo("retry", workflow)
    hands.until_told("RetryRefused", run)
    hands.until(lambda: (hands.argo_workflow(workflow) or {})["status"]["phase"] == "Failed", "it to be terminated")
    assert hands.status(run)["phase"] == "Failed"
    assert hands.fence(run)["state"] == "Closed"
    hands.let_go("taken")
    assert hands.ended(other)["phase"] == "Succeeded"
    assert hands.history("taken") == [(other, "Succeeded"), (run, "Failed")]


@row
def a_copy_of_a_workflow_does_nothing_whatever_its_name(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("copy", "work")), name="copy")
    hands.hold("copy", "work")
    run = hands.execute("copy")
    workflow = hands.workflow(run)
    hands.until_asked("copy", "work")
    name = hands.argo("resubmit", workflow, "-o", "name").strip().removeprefix("workflow.argoproj.io/").split("\n")[0]
    hands.until_told("WorkflowNotBound", run)
    assert (hands.argo_workflow(name) or {})["spec"]["shutdown"] == "Terminate"
    hands.let_go("copy")
    assert hands.ended(run)["phase"] == "Succeeded"
    # Argo may call it Succeeded, although its root says that it was stopped.
    hands.until(lambda: _root_of(hands, name).get("phase") == "Failed", f"{name} to end")
    assert hands.asked("copy", "work") == 1


@row
def a_workflow_that_was_replaced_by_one_of_its_name_is_lost(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("replaced", "work")), lane("app", hands.call("replaced", "last")), name="replaced")
    hands.hold("replaced", "work")
    run = hands.execute("replaced")
    workflow = hands.workflow(run)
    hands.until_asked("replaced", "work")
    made = hands.argo_workflow(workflow) or {}
    kept = {name: made["metadata"][name] for name in ("name", "labels", "annotations")}
    hands.kubectl("delete", "workflow", workflow, "--wait=true")
    hands.api.call("POST", f"{hands.api.argo}/workflows", {**made, "metadata": kept, "status": {}})
    hands.let_go("replaced")
    status = hands.ended(run)
    assert condition(status, "Succeeded") == ("False", "WorkflowLost")
    assert phases(status) == {"s1.w1.a1": "Succeeded", "s2.w1.a1": "Skipped WorkflowDeleted"}
    hands.until(lambda: (hands.argo_workflow(workflow) or {})["status"].get("phase") == "Failed", "the new one to end")
    assert hands.asked("replaced", "last") == 0


@row
def a_workflow_in_the_way_stalls_the_execution_until_it_is_deleted(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("way", "work", status="403,200")), name="way")
    run = hands.execute("way")
    assert hands.ended(run)["phase"] == "Failed"
    needed = hands.workflow(run).removesuffix("1") + "2"
    nothing = {"name": "plan", "suspend": {}}
    spec = {"entrypoint": "plan", "templates": [nothing]}
    made = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": needed}, "spec": spec}
    hands.api.call("POST", f"{hands.api.argo}/workflows", made)
    hands.annotate(run, retry="1")
    hands.until_condition(run, "Stalled", ("True", "WorkflowConflict"))
    hands.until_told("WorkflowConflict", run)
    hands.kubectl("delete", "workflow", needed)
    status = hands.ended(run, epoch=2)
    assert (status["phase"], condition(status, "Stalled")) == ("Succeeded", None)


# --- Workflows without an execution


@row
def a_compiled_plan_that_is_submitted_is_adopted_as_soon_as_the_plan_is_free(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("adopt", "work")), name="adopt")
    hands.hold("adopt", "work")
    first = hands.execute("adopt")
    hands.until_asked("adopt", "work")
    compiled = _compiled(world, "adopt")
    path = world.folder / "adopt.json"
    path.write_text(json.dumps(compiled))
    hands.argo("submit", str(path))
    name = compiled["metadata"]["name"]
    hands.until_told("AdoptionRefused", name)
    assert hands.find(name) is None
    hands.let_go("adopt")
    assert hands.ended(first)["phase"] == "Succeeded"
    status = hands.ended(name)
    assert status["phase"] == "Succeeded"
    assert phases(status) == {"s1.w1.a1": "Succeeded"}
    assert hands.history("adopt") == [(name, "Succeeded"), (first, "Succeeded")]
    hands.until_told("Adopted", name)


@row
def the_templates_that_the_syncer_keeps_can_be_submitted_and_become_executions(world: World) -> None:
    hands = world.main
    guarded = hands.call("menu", "install", when="mode == install"), hands.call("menu", "always")
    hands.plan(lane("db", *guarded), name="menu")
    templates = f"{hands.api.argo}/workflowtemplates?labelSelector={LABEL_PLAN}%3Dmenu"

    def names() -> list[str]:
        return sorted(each["metadata"]["name"] for each in hands.api.call("GET", templates)["items"])

    hands.until(lambda: len(names()) > 1, "a template a mode")
    found = {name.removeprefix("menu-"): name for name in names()}
    ends: dict[str, dict[str, str]] = {}
    for mode in ("install", "upgrade"):
        printed = hands.argo("submit", "--from", f"workflowtemplate/{found[mode]}", "-o", "name")
        run = printed.strip().rpartition("/")[2]
        status = hands.ended(run)
        assert status["phase"] == "Succeeded", status
        ends[mode] = phases(status)
        made = hands.find(run) or {}
        assert (made["spec"]["planRef"], made["spec"]["mode"]) == ("menu", mode.capitalize())
    assert ends == {
        "install": {"s1.w1.a1": "Succeeded", "s1.w1.a2": "Succeeded"},
        "upgrade": {"s1.w1.a1": "Skipped ConditionNotMet", "s1.w1.a2": "Succeeded"},
    }
    assert [phase for _, phase in hands.history("menu")] == ["Succeeded", "Succeeded"]


# --- the execution


@row
def a_copy_of_an_execution_never_runs_unless_that_is_asked_for(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("twice", "work")), name="twice")
    run = hands.execute("twice")
    assert hands.ended(run)["phase"] == "Succeeded"
    restored = hands.execute("twice", "twice-restored", annotations={"started-uid": "of-a-backup"})
    hands.refused(restored, "Cancelled", "RestoredCopy")
    hands.until_told("RestoredCopy", restored)
    hands.delete("drplanexecutions", run)
    hands.until(lambda: hands.find(run) is None, "the execution to go")
    assert (run, "Succeeded") in hands.history("twice")
    hands.execute("twice", run)
    hands.refused(run, "Failed", "NameReused")
    hands.until_told("NameReused", run)
    hands.delete("drplanexecutions", run)
    hands.until(lambda: hands.find(run) is None, "the copy to go")
    hands.execute("twice", run, annotations={"allow-rerun": "true"})
    assert hands.ended(run)["phase"] == "Succeeded"
    assert hands.asked("twice", "work") == 2


@row
def one_that_is_cancelled_before_it_starts_is_remembered_and_does_nothing(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("early", "work")), name="early")
    run = hands.execute("early", annotations={"cancel": "true"})
    hands.until(lambda: hands.history("early") == [(run, "Cancelled")], "the history to tell of it")
    assert hands.status(run)["phase"] == "Cancelled"
    assert hands.condition(run, "Complete") == ("True", "Cancelled")
    assert hands.asked("early", "work") == 0


@row
def a_cancel_lets_what_acts_finish_and_skips_the_rest(world: World) -> None:
    hands = world.main
    hands.plan(
        lane("db", hands.call("cancel", "work"), hands.call("cancel", "rest")),
        lane("app", hands.call("cancel", "last")),
        name="cancel",
    )
    hands.hold("cancel", "work")
    run = hands.execute("cancel")
    hands.until_asked("cancel", "work")
    hands.annotate(run, cancel="true")
    hands.until(lambda: hands.fence(run)["state"] == "Draining", "the run to drain")
    hands.until_condition(run, "Reconciling", ("True", "Draining"))
    hands.let_go("cancel")
    status = hands.ended(run)
    assert status["phase"] == "Cancelled"
    skipped = "Skipped CancelledByUser"
    assert phases(status) == {"s1.w1.a1": "Succeeded", "s1.w1.a2": skipped, "s2.w1.a1": skipped}
    hands.until_told("ExecutionCancelled", run)


@row
def a_forced_cancel_waits_for_nobody(world: World) -> None:
    hands = world.main
    hands.plan(lane("db", hands.call("force", "work", method="POST"), hands.call("force", "rest")), name="force")
    hands.hold("force", "work")
    run = hands.execute("force")
    hands.until_asked("force", "work")
    workflow = hands.workflow(run)
    hands.annotate(run, cancel="force")
    status = hands.ended(run)
    assert status["phase"] == "Cancelled"
    assert phases(status) == {"s1.w1.a1": "Unknown", "s1.w1.a2": "Skipped CancelledByUser"}
    pods = f"{hands.api.core}/pods?labelSelector=workflows.argoproj.io/workflow%3D{workflow}"
    assert hands.api.call("GET", pods)["items"] == []
    assert hands.asked("force", "work") == 1


@row
def a_pause_holds_what_has_not_begun_until_it_is_taken_back(world: World) -> None:
    hands = world.main
    hands.plan(
        lane("db", hands.call("pause", "work"), hands.call("pause", "rest")),
        lane("app", hands.call("pause", "last")),
        name="pause",
    )
    hands.hold("pause", "work")
    run = hands.execute("pause")
    hands.until_asked("pause", "work")
    hands.annotate(run, pause="true")
    hands.until_condition(run, "Paused", ("True", "PausedByUser"))
    hands.let_go("pause")
    hands.until(lambda: phases(hands.status(run))["s1.w1.a1"] == "Succeeded", "what acts to end")
    assert hands.asked("pause", "rest") == 0
    hands.annotate(run, pause=None)
    hands.until_condition(run, "Paused", ("False", "Resumed"))
    assert hands.ended(run)["phase"] == "Succeeded"
    assert [hands.asked("pause", name) for name in ("work", "rest", "last")] == [1, 1, 1]


@row
def a_revert_runs_although_its_plan_is_gone(world: World) -> None:
    hands = world.main
    undo = {"type": "HTTP", "http": hands.call("gone", "undo")["http"]}
    hands.plan(lane("db", hands.call("gone", "work", rollback=undo)), name="gone")
    run = hands.execute("gone")
    assert hands.ended(run)["phase"] == "Succeeded"
    hands.delete("drplans", "gone")
    hands.delete("drworkflows", "gone-db")
    undone = hands.execute("gone", "gone-undo", operationType="Revert", revertExecutionRef=run)
    status = hands.ended(undone)
    assert status["phase"] == "Succeeded", status
    assert condition(status, "Recorded") == ("True", "PlanGone")
    assert hands.asked("gone", "undo") == 1
    assert hands.status(run)["revertedBy"]["name"] == undone


@row
def a_failure_halts_what_runs_beside_it_and_stages_that_do_not_depend_on_it(world: World) -> None:
    hands = world.main
    hands.hold("halts", "work", "other")
    for name, actions in {
        "fails": [hands.call("halts", "fails", status="403")],
        "beside": [hands.call("halts", "work"), hands.call("halts", "rest")],
        "other": [hands.call("halts", "other"), hands.call("halts", "goes-on")],
        "later": [hands.call("halts", "never")],
    }.items():
        hands.api.call("POST", f"{hands.api.ours}/drworkflows", _placed(lane(f"halts-{name}", *actions), hands))
    stages = [
        {
            "name": "first",
            "workflows": _uses("halts-beside", "halts-fails"),
            "parallel": True,
            "failurePolicy": "FailFast",
        },
        {"name": "other", "workflows": _uses("halts-other")},
        {"name": "later", "workflows": _uses("halts-later"), "dependsOn": ["other"]},
    ]
    hands.plan_of(stages, name="halts")
    run = hands.execute("halts")
    for name in ("work", "other", "fails"):
        hands.until_asked("halts", name)
    hands.until(lambda: {each["scope"] for each in hands.fence(run)["halts"]} >= {"stage", "plan"}, "the halts")
    hands.let_go("halts")
    status = hands.ended(run)
    assert status["phase"] == "Failed"
    assert phases(status) == {
        "s1.w1.a1": "Succeeded",
        "s1.w1.a2": "Skipped Halted",
        "s1.w2.a1": "Failed",
        "s2.w1.a1": "Succeeded",
        "s2.w1.a2": "Succeeded",
        "s3.w1.a1": "Skipped Halted",
    }
    hands.until_told("Halted", run)


# --- the world


def _root_of(hands: Hands, workflow: str) -> Object:
    nodes = (hands.argo_workflow(workflow) or {}).get("status", {}).get("nodes") or {}
    return next((node for node in nodes.values() if node["name"] == workflow), {})


def _until_pod_waits(hands: Hands, workflow: str) -> None:
    pods = f"{hands.api.core}/pods?labelSelector=workflows.argoproj.io/workflow%3D{workflow}"
    hands.until(lambda: hands.api.call("GET", pods)["items"], f"the pod of {workflow}")


def _uses(*names: str) -> list[Object]:
    return [{"workflowRef": {"name": name}} for name in names]


def _placed(value: Object, hands: Hands) -> Object:
    return {**value, "metadata": {**value["metadata"], "namespace": hands.namespace}}


def _compiled(world: World, plan: str) -> Object:
    """A plan as the command line compiles it from manifests."""
    hands = world.main
    workflows = hands.api.call("GET", f"{hands.api.ours}/drworkflows")["items"]
    used = [each for each in workflows if each["metadata"]["name"].startswith(f"{plan}-")]
    written = [hands.api.call("GET", f"{hands.api.ours}/drplans/{plan}"), *used]
    for each in written:
        each["metadata"] = {name: each["metadata"][name] for name in ("name", "namespace")}
        each.pop("status", None)
    called = command.process("compile", "-f", command.manifests(world.folder / plan, *written), "-o", "json")
    assert called.code == 0, called.err
    return dict(called.json)


@pytest.fixture(scope="module")
def world(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The namespaces and the syncer."""
    folder = tmp_path_factory.mktemp("by-hand")
    own = f"{NAMESPACE}-{uuid.uuid4().hex[:5]}"
    names = {"main": own, "narrow": f"{own}-narrow", "going": f"{own}-going"}
    with ExitStack() as stack:
        for name in names.values():
            cluster.kubectl("create", "namespace", name)
            stack.callback(cluster.kubectl, "delete", "namespace", name, "--wait=false", "--ignore-not-found")
            if cluster.audit_log is not None and name != names["going"]:
                # Where everything goes rights do, too.
                stack.enter_context(audited(cluster.audit_log, namespace=name))
            cluster.kubectl("apply", "-n", name, "-f", str(ROOT / "deploy" / "runner" / "role.yaml"))
        cluster.kubectl("apply", "-n", names["main"], "-f", "-", given=site_objects())
        patch = json.dumps({"nodeSelector": {NODE_LABEL: "yes"}})
        cluster.kubectl(
            *("create", "configmap", "drplan-runner-config", "-n", names["narrow"]),
            f"--from-literal=podSpecPatch={patch}",
        )
        stack.callback(cluster.kubectl, "label", "nodes", "--all", f"{NODE_LABEL}-")
        syncer = _syncer(cluster, names["main"], folder)
        stack.callback(cluster.kubectl, "delete", "clusterrolebinding", ACCOUNT)
        stack.callback(syncer.kill)
        cluster.kubectl("wait", "-n", names["main"], "--for=condition=Ready", "pod/site", "--timeout=120s")
        syncer.until_ready()
        site = Api(cluster.kubeconfig, names["main"])
        hands = {key: Hands(cluster, Api(cluster.kubeconfig, name), site) for key, name in names.items()}
        yield World(**hands, syncer=syncer, folder=folder, kubectl=cluster.kubectl)
        assert syncer.stop() == 0


def _syncer(cluster: Any, namespace: str, folder: Path) -> Syncer:
    """A syncer for all namespaces, with the rights that it is installed with."""
    cluster.kubectl("apply", "-f", "-", given=ROLE.read_text().replace("drplan-system", namespace))
    token = cluster.kubectl("create", "token", ACCOUNT, "-n", namespace, "--duration=1h").strip()
    given = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
    given["users"] = [{**each, "user": {"token": token}} for each in given["users"]]
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(given))
    return Syncer(kubeconfig, namespace, ("--namespace=",), folder / "syncer.log")


@pytest.fixture(scope="module")
def begun(request: pytest.FixtureRequest, world: World) -> Iterator[dict[Row, Future[None]]]:
    """All rows that are to be tested, under way."""
    wanted = [item.callspec.params["done"] for item in request.session.items if item.path == request.path]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {each: threads.submit(each, world) for each in ROWS if each in wanted}


@pytest.mark.parametrize("done", ROWS, ids=lambda function: function.__name__.replace("_", " "))
def test_what_is_done_by_hand_is_answered(done: Row, begun: dict[Row, Future[None]]) -> None:
    begun[done].result()
