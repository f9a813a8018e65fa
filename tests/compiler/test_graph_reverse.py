"""The reverse graph: what is undone, in which order, with which values, and what is only listed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph import build
from compiler.graph.snapshot import Snapshot, TargetAction
from compiler.graph.target import target_actions
from compiler.model.parameters import Parameter
from compiler.model.phases import Phase, Reason
from compiler.problems import Refused
from support.plans import http, localization, plan, revert_of, snapshot, stage, workflow

BACK = {"http": {"url": "http://site.example/back", "method": "POST"}}


def back(name, **fields):
    return http(name, method="POST", rollback=BACK, **fields)


def revert(target, params=None, **actions):
    ends = {key.replace("_", "."): end for key, end in actions.items()}
    return build(revert_of(target, ends, params=params))


def live(graph):
    return {action.key: action.after for action in graph.actions() if action.live}


def listed(graph):
    return {a.key: (a.decided.phase, a.decided.reason, a.decided.message) for a in graph.actions() if a.decided}


def all_of(target, phase=Phase.SUCCEEDED):
    return {action.key: phase for action in build(target).actions() if action.live}


def test_actions_are_undone_in_reverse_and_listed_in_snapshot_order():
    target = snapshot(plan(stage("s", "w")), workflow("w", back("a"), back("b"), back("c")))
    graph = build(revert_of(target, all_of(target)))
    assert live(graph) == {"s1.w1.a1": ("s1.w1.a2",), "s1.w1.a2": ("s1.w1.a3",), "s1.w1.a3": ()}
    assert [action.name for action in graph.actions()] == ["a", "b", "c"]
    assert next(iter(graph.actions())).spec["after"] == ["a2"]


def test_a_graph_of_actions_is_undone_as_parallel_as_it_ran():
    target = snapshot(
        plan(stage("s", "w")), workflow("w", back("a"), back("b", dependsOn=["a"]), back("c", dependsOn=["a"]))
    )
    assert live(build(revert_of(target, all_of(target)))) == {
        "s1.w1.a1": ("s1.w1.a2", "s1.w1.a3"),
        "s1.w1.a2": (),
        "s1.w1.a3": (),
    }


def test_stages_come_in_the_order_of_the_revert():
    manifests = workflow("w", back("x"))
    chain = snapshot(plan(stage("a", "w"), stage("b", "w"), stage("c", "w")), manifests)
    graph = build(revert_of(chain, all_of(chain)))
    assert [(one.name, one.after) for one in graph.stages] == [("c", ()), ("b", ("s3",)), ("a", ("s2",))]
    wide = snapshot(plan(stage("a", "w", dependsOn=["c"]), stage("b", "w"), stage("c", "w")), manifests)
    graph = build(revert_of(wide, all_of(wide)))
    assert [(one.name, one.after) for one in graph.stages] == [("b", ()), ("a", ()), ("c", ("s1",))]


def test_workflows_of_a_parallel_stage_are_undone_in_parallel_and_others_in_reverse():
    for parallel, expected in ((True, [(), ()]), (False, [("s1.w2",), ()])):
        target = snapshot(plan(stage("s", "w", "w", parallel=parallel)), workflow("w", back("x")))
        graph = build(revert_of(target, all_of(target)))
        assert [use.after for use in graph.stages[0].workflows] == expected


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED, Phase.UNKNOWN])
def test_what_has_begun_is_undone(phase):
    target = snapshot(plan(stage("s", "w")), workflow("w", back("a")))
    graph = revert(target, s1_w1_a1=phase)
    (action,) = graph.actions()
    assert action.live
    assert action.undo == "record-s1.w1.a1"
    assert action.spec["rollback"] is True
    assert action.spec["http"]["url"] == "http://site.example/back"


@pytest.mark.parametrize("phase", [Phase.SKIPPED, Phase.PENDING, Phase.CANCELLED])
def test_what_did_not_run_is_listed_and_bridged(phase):
    target = snapshot(plan(stage("s", "w")), workflow("w", back("a"), back("b"), back("c")))
    graph = revert(target, s1_w1_a1=Phase.SUCCEEDED, s1_w1_a2=phase, s1_w1_a3=Phase.SUCCEEDED)
    assert live(graph) == {"s1.w1.a1": ("s1.w1.a3",), "s1.w1.a3": ()}
    message = f"Original action phase was {phase}, skipped rollback"
    assert listed(graph) == {"s1.w1.a2": (Phase.SKIPPED, Reason.NOTHING_TO_UNDO, message)}


def test_what_failed_before_anything_was_done_is_not_undone():
    target = snapshot(plan(stage("s", "w")), workflow("w", back("a")))
    graph = revert(target, s1_w1_a1=TargetAction(Phase.FAILED, reason=Reason.NOTHING_DONE))
    assert listed(graph)["s1.w1.a1"][1:] == (Reason.NOTHING_TO_UNDO, "nothing had been done")


def test_what_is_undone_already_is_not_undone_twice():
    target = snapshot(plan(stage("s", "w")), workflow("w", back("a"), back("b")))
    graph = revert(
        target, s1_w1_a1=Phase.SUCCEEDED, s1_w1_a2=TargetAction(Phase.SUCCEEDED, record="r", undone_by="pay-revert-0")
    )
    assert live(graph) == {"s1.w1.a1": ()}
    assert listed(graph)["s1.w1.a2"][2] == "already undone by pay-revert-0"


def perhaps_undone(target, **execution):
    asked = revert_of(target, {"s1.w1.a1": TargetAction(Phase.SUCCEEDED, record="r", undo_tried_by="pay-revert-0")})
    return build(replace(asked, execution=replace(asked.execution, **execution)))


def test_what_may_be_undone_already_is_undone_again_only_by_force_or_when_that_is_harmless():
    target = snapshot(plan(stage("s", "w")), workflow("w", back("a")))
    assert listed(perhaps_undone(target))["s1.w1.a1"] == (
        Phase.FAILED,
        Reason.NOT_UNDOABLE,
        "the undo by pay-revert-0 may have happened; look, then revert with --force",
    )
    assert live(perhaps_undone(target, force=True)) == {"s1.w1.a1": ()}
    put = {"type": "HTTP", "http": {"url": "http://site.example/back", "method": "PUT"}}
    harmless = snapshot(plan(stage("s", "w")), workflow("w", http("a", method="POST", rollback=put)))
    assert live(perhaps_undone(harmless)) == {"s1.w1.a1": ()}


def test_a_snapshot_keeps_force_and_what_may_be_undone():
    target = snapshot(plan(stage("s", "w")), workflow("w", back("a")))
    asked = revert_of(target, {"s1.w1.a1": TargetAction(Phase.SUCCEEDED, record="r", undo_tried_by="pay-revert-0")})
    forced = replace(asked, execution=replace(asked.execution, force=True))
    for one in (asked, forced):
        again = Snapshot.from_json(one.to_json())
        assert again.execution.force is one.execution.force
        assert again.revert.actions["s1.w1.a1"].undo_tried_by == "pay-revert-0"


def test_http_without_a_rollback_is_skipped_and_counted_unless_it_only_reads():
    target = snapshot(plan(stage("s", "w")), workflow("w", http("a", method="POST"), back("b"), http("c")))
    graph = build(revert_of(target, all_of(target)))
    assert listed(graph)["s1.w1.a1"] == (
        Phase.SKIPPED,
        Reason.NOTHING_TO_UNDO,
        "No rollback defined for HTTP action",
    )
    assert graph.without_way_back == 1


def test_a_change_without_a_before_image_is_not_undoable_and_the_others_are_undone_around_it():
    target = snapshot(
        plan(stage("s", "w")), workflow("w", back("a"), localization("b", operation="Apply"), localization("c"))
    )
    graph = build(revert_of(target, all_of(target)))
    assert listed(graph)["s1.w1.a2"][:2] == (Phase.FAILED, Reason.NOT_UNDOABLE)
    assert live(graph) == {"s1.w1.a1": ("s1.w1.a3",), "s1.w1.a3": ()}
    restorable = revert(target, s1_w1_a2=TargetAction(Phase.SUCCEEDED, record="r", restorable=True))
    assert list(live(restorable)) == ["s1.w1.a2"]


def test_a_custom_rollback_runs_as_the_type_it_names_with_recorded_values_and_outputs():
    rollback = {
        "name": "undo",
        "type": "HTTP",
        "timeout": "10s",
        "http": {
            "url": "http://$(params.host)/$(outputs.find.json.ip)",
            "method": "PUT",
            "body": "$(mode) $(executionName) $(outputs.find.phase) $(action)",
        },
    }
    target = snapshot(
        plan(stage("s", "w"), globalParams=[{"name": "host", "value": "recorded"}]),
        workflow("w", http("find"), localization("move", rollback=rollback)),
    )
    find = TargetAction(Phase.SUCCEEDED, record="r", values={"json": {"ip": "10.0.0.1"}})
    graph = revert(target, s1_w1_a1=find, s1_w1_a2=Phase.SUCCEEDED)
    action = next(found for found in graph.actions() if found.live)
    assert (action.key, action.name, action.type) == ("s1.w1.a2", "move", "HTTP")
    assert action.spec["http"]["url"] == "http://recorded/10.0.0.1"
    assert action.spec["http"]["body"] == "rollback pay-revert-1 Succeeded move"
    assert action.spec["holes"] == []
    assert action.spec["timeout"] == 10.0


def test_parameters_of_the_revert_override_the_recorded_ones():
    target = snapshot(
        plan(stage("s", "w"), globalParams=[{"name": "host", "value": "old"}]),
        workflow("w", http("a", rollback={"http": {"url": "http://$(params.host)/"}})),
    )
    graph = revert(target, {"host": "new"}, s1_w1_a1=Phase.SUCCEEDED)
    assert next(iter(graph.actions())).spec["http"]["url"] == "http://new/"


def test_a_parameter_of_the_revert_takes_the_value_that_was_read_for_it():
    target = snapshot(
        plan(stage("s", "w"), globalParams=[{"name": "host", "value": "old"}]),
        workflow("w", http("a", rollback={"http": {"url": "http://$(params.host)/"}})),
    )
    reference = {"manifestRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "jsonPath": "{.status.podIP}"}}
    base = revert_of(target, {"s1.w1.a1": Phase.SUCCEEDED})
    params = (Parameter.model_validate({"name": "host", "valueFrom": reference}),)
    read = replace(
        base, execution=replace(base.execution, params=params), manifest_values={"Execution/host": "10.0.0.1"}
    )
    assert next(iter(build(read).actions())).spec["http"]["url"] == "http://10.0.0.1/"


def test_a_rollback_that_needs_an_output_that_was_not_recorded_is_not_undoable():
    target = snapshot(
        plan(stage("s", "w")),
        workflow("w", http("a"), http("b", rollback={"http": {"url": "http://$(outputs.a.json.ip)/"}}), back("c")),
    )
    graph = build(revert_of(target, all_of(target)))
    phase, reason, message = listed(graph)["s1.w1.a2"]
    assert (phase, reason) == (Phase.FAILED, Reason.NOT_UNDOABLE)
    assert "outputs.a.json.ip was not recorded" in message
    assert list(live(graph)) == ["s1.w1.a3"]


HOOKED = workflow(
    "w",
    http("check", hookType="pre-rollback"),
    back("a"),
    http("report", hookType="post-rollback"),
    http("drain", hookType="pre-rollback"),
    back("b"),
    http("install-only", hookType="post-rollback", when="mode == install"),
)


def test_hooks_stand_around_the_undoing_in_listed_order():
    target = snapshot(plan(stage("s", "w")), HOOKED, mode="install")
    graph = build(revert_of(target, all_of(target)))
    assert [action.key for action in graph.actions()] == [
        "s1.w1.h1",
        "s1.w1.h4",
        "s1.w1.a2",
        "s1.w1.a5",
        "s1.w1.h3",
        "s1.w1.h6",
    ]
    assert live(graph) == {
        "s1.w1.h1": (),
        "s1.w1.h4": ("s1.w1.h1",),
        "s1.w1.a5": ("s1.w1.h4",),
        "s1.w1.a2": ("s1.w1.a5",),
        "s1.w1.h3": ("s1.w1.a2",),
    }
    assert listed(graph)["s1.w1.h6"][1] is Reason.CONDITION_NOT_MET


def test_hooks_run_only_where_something_is_undone():
    target = snapshot(plan(stage("s", "w")), HOOKED, mode="install")
    graph = revert(target, s1_w1_a2=Phase.SKIPPED, s1_w1_a5=Phase.SKIPPED)
    assert [action.key for action in graph.actions()] == ["s1.w1.a2", "s1.w1.a5"]
    assert not graph.stages[0].live


def test_a_pre_hook_that_cannot_be_made_keeps_its_workflow_from_being_undone():
    hooked = workflow("w", http("h", "http://$(outputs.a.json.ip)/", hookType="pre-rollback"), back("a"))
    target = snapshot(plan(stage("s", "w")), hooked)
    graph = revert(target, s1_w1_a2=Phase.SUCCEEDED)
    assert listed(graph)["s1.w1.h1"][:2] == (Phase.FAILED, Reason.NOT_UNDOABLE)
    assert listed(graph)["s1.w1.a2"] == (Phase.SKIPPED, Reason.UPSTREAM_FAILED, "not run: s1.w1.h1 Failed")


def test_an_inferred_deletion_is_reverted_under_its_own_name():
    target = snapshot(plan(stage("s", "w")), workflow("w", localization("a"), http("b")), mode="delete")
    graph = revert(target, s1_w1_a1=TargetAction(Phase.SUCCEEDED, record="r", restorable=True))
    assert [(a.name, a.live) for a in graph.actions()] == [("delete-a", True), ("b", False)]


def test_a_missing_parameter_of_a_rollback_refuses_the_revert():
    target = snapshot(
        plan(stage("s", "w")), workflow("w", http("a", rollback={"http": {"url": "http://$(params.nosuch)/"}}))
    )
    with pytest.raises(Refused, match="nosuch"):
        revert(target, s1_w1_a1=Phase.SUCCEEDED)


def test_the_snapshot_of_a_revert_survives_json():
    target = snapshot(plan(stage("s", "w")), HOOKED, mode="install")
    made = revert_of(target, all_of(target))
    again = Snapshot.from_json(json.loads(json.dumps(made.to_json())))
    assert build(again) == build(made)


def test_records_are_trusted_more_than_the_status():
    status = {
        "stageStatuses": [
            {
                "workflowExecutions": [
                    {
                        "actionStatuses": [
                            {"key": "s1.w1.a1", "phase": "Failed", "reason": "NothingDone"},
                            {"key": "s1.w1.a2", "phase": "Canceled"},
                            {"key": "s1.w1.a3", "phase": "Unknown"},
                            {
                                "key": "s1.w1.a4",
                                "phase": "Succeeded",
                                "outputs": {"httpResponse": {"statusCode": 201, "body": "x"}},
                            },
                        ]
                    }
                ]
            }
        ]
    }
    records = [
        {
            "metadata": {"name": "r1"},
            "spec": {"key": "s1.w1.a1"},
            "state": {
                "phase": "Succeeded",
                "before": [{"existed": True}],
                "undoneBy": {"name": "r-0"},
                "undoAttempt": {"name": "r-1"},
                "values": {"json": {"ip": "1"}},
                "outputs": {"jobRef": {"name": "j"}},
            },
        },
        {"metadata": {"name": "r3"}, "spec": {"key": "s1.w1.a3"}, "state": {"phase": "Started"}},
    ]
    found = target_actions(status, records)
    assert found["s1.w1.a1"].phase is Phase.SUCCEEDED
    assert found["s1.w1.a1"].restorable
    assert found["s1.w1.a1"].undone_by == "r-0"
    assert found["s1.w1.a1"].undo_tried_by == "r-1"
    assert found["s1.w1.a1"].values == {"message": "", "json": {"ip": "1"}, "ref": {"name": "j"}}
    assert found["s1.w1.a2"].phase is Phase.CANCELLED
    assert found["s1.w1.a3"] == TargetAction(Phase.UNKNOWN, record="r3", values={"message": ""})
    assert found["s1.w1.a4"].values["statusCode"] == 201


@st.composite
def runs(draw):
    size = draw(st.integers(1, 6))
    names = [f"x{index}" for index in range(size)]
    depends = [draw(st.sets(st.sampled_from(names[:index]), max_size=2)) if index else set() for index in range(size)]
    manifest = workflow(
        "w", *(back(name, dependsOn=sorted(before)) for name, before in zip(names, depends, strict=True))
    )
    target = snapshot(plan(stage("a", "w"), stage("b", "w", "w", parallel=draw(st.booleans()))), manifest)
    keys = [action.key for action in build(target).actions()]
    return target, {
        key: draw(st.sampled_from([Phase.SUCCEEDED, Phase.FAILED, Phase.SKIPPED, Phase.UNKNOWN])) for key in keys
    }


@given(runs())
def test_whatever_ran_before_is_undone_after(run):
    target, ends = run
    forward, graph = build(target), build(revert_of(target, ends))

    def ancestors(actions):
        edges = {action.key: action.after for action in actions}

        def reach(key):
            return {up for before in edges.get(key, ()) for up in {before, *reach(before)}}

        return {key: reach(key) for key in edges}

    ran, undone = ancestors(forward.actions()), ancestors(graph.actions())
    undoing = {key for key, end in ends.items() if end is not Phase.SKIPPED}
    assert {action.key for action in graph.actions() if action.live} == undoing
    for key in undoing:
        assert undone[key] == {other for other in undoing if key in ran[other]}
