"""The forward graph: what runs, in which order, with which values, and what is refused."""

from __future__ import annotations

import json

import pytest

from compiler.graph import build
from compiler.graph.parameters import resolved_parameters, unknown
from compiler.graph.snapshot import Snapshot
from compiler.model.phases import DependsOnPolicy, Phase, Reason, StageFailurePolicy
from compiler.problems import Refused, Severity
from support.plans import http, localization, plan, snapshot, stage, use, workflow


def refused(made: Snapshot) -> list[str]:
    with pytest.raises(Refused) as caught:
        build(made)
    return [violation.message for violation in caught.value.violations]


def actions(graph):
    return {action.key: action for action in graph.actions()}


def after(graph):
    return {action.key: action.after for action in graph.actions() if action.live}


def test_actions_without_depends_on_run_in_listed_order():
    graph = build(snapshot(plan(stage("s", "w")), workflow("w", http("a"), http("b"), http("c"))))
    assert after(graph) == {"s1.w1.a1": (), "s1.w1.a2": ("s1.w1.a1",), "s1.w1.a3": ("s1.w1.a2",)}
    assert actions(graph)["s1.w1.a3"].spec["after"] == ["a2"]


def test_one_depends_on_makes_the_actions_a_graph():
    graph = build(snapshot(plan(stage("s", "w")), workflow("w", http("a"), http("b"), http("c", dependsOn=["a", "b"]))))
    assert after(graph) == {"s1.w1.a1": (), "s1.w1.a2": (), "s1.w1.a3": ("s1.w1.a1", "s1.w1.a2")}


def test_stages_without_depends_on_run_in_listed_order_and_with_it_as_a_graph():
    listed = build(snapshot(plan(stage("a", "w"), stage("b", "w"), stage("c", "w")), workflow("w", http("x"))))
    assert [one.after for one in listed.stages] == [(), ("s1",), ("s2",)]
    graph = build(
        snapshot(plan(stage("a", "w", dependsOn=["c"]), stage("b", "w"), stage("c", "w")), workflow("w", http("x")))
    )
    assert [one.after for one in graph.stages] == [("s3",), (), ()]


def test_workflows_of_a_stage_run_in_listed_order_unless_parallel():
    manifests = workflow("v", http("x")), workflow("w", http("x"))
    assert [u.after for u in build(snapshot(plan(stage("s", "v", "w")), *manifests)).stages[0].workflows] == [
        (),
        ("s1.w1",),
    ]
    both = build(snapshot(plan(stage("s", "v", "w", parallel=True)), *manifests)).stages[0].workflows
    assert [u.after for u in both] == [(), ()]


def test_a_workflow_may_be_used_twice_with_its_own_values_each_time():
    graph = build(
        snapshot(
            plan(stage("s", use("w", host="one"), use("w", host="two"))),
            workflow("w", http("x", "http://$(params.host)/")),
        )
    )
    assert [action.spec["http"]["url"] for action in graph.actions()] == ["http://one/", "http://two/"]
    assert [action.key for action in graph.actions()] == ["s1.w1.a1", "s1.w2.a1"]


@pytest.mark.parametrize(
    ("plan_policy", "stage_policy", "expected", "needs"),
    [
        (None, None, StageFailurePolicy.STOP, DependsOnPolicy.SUCCEEDED),
        ("Continue", None, StageFailurePolicy.CONTINUE, DependsOnPolicy.FINISHED),
        ("Continue", "FailFast", StageFailurePolicy.FAIL_FAST, DependsOnPolicy.SUCCEEDED),
        ("Stop", "Continue", StageFailurePolicy.CONTINUE, DependsOnPolicy.FINISHED),
    ],
)
def test_the_effective_policy_of_a_stage_is_its_own_else_the_plans(plan_policy, stage_policy, expected, needs):
    fields = {"failurePolicy": stage_policy} if stage_policy else {}
    spec = {"failurePolicy": plan_policy} if plan_policy else {}
    graph = build(snapshot(plan(stage("s", "w", "w", **fields), **spec), workflow("w", http("x"))))
    assert graph.stages[0].policy is expected
    assert graph.stages[0].workflows[1].needs is needs


@pytest.mark.parametrize(
    ("policy", "own", "needs"),
    [
        ("Stop", None, DependsOnPolicy.SUCCEEDED),
        ("Stop", "Finished", DependsOnPolicy.SUCCEEDED),
        ("Continue", None, DependsOnPolicy.FINISHED),
        ("Continue", "Succeeded", DependsOnPolicy.SUCCEEDED),
    ],
)
def test_under_stop_a_stage_needs_success_and_under_continue_the_end(policy, own, needs):
    fields = {"dependsOnPolicy": own} if own else {}
    graph = build(
        snapshot(plan(stage("a", "w"), stage("b", "w", **fields), failurePolicy=policy), workflow("w", http("x")))
    )
    assert graph.stages[1].needs is needs


def test_what_a_condition_leaves_out_is_bridged_and_listed_with_its_reason():
    graph = build(
        snapshot(
            plan(stage("s", "w")),
            workflow("w", http("a"), http("b", when="mode == upgrade"), http("c")),
            mode="install",
        )
    )
    left_out = actions(graph)["s1.w1.a2"].decided
    assert (left_out.phase, left_out.reason) == (Phase.SKIPPED, Reason.CONDITION_NOT_MET)
    assert left_out.message == "when not matched: mode=install, expected one of [upgrade]"
    assert after(graph) == {"s1.w1.a1": (), "s1.w1.a3": ("s1.w1.a1",)}


def test_a_workflow_or_stage_of_which_nothing_is_left_is_bridged_too():
    graph = build(
        snapshot(
            plan(stage("a", "w"), stage("b", "v"), stage("c", "w", "v", "w")),
            workflow("w", http("x")),
            workflow("v", http("y", when="mode == delete")),
            mode="install",
        )
    )
    assert [one.after for one in graph.stages] == [(), (), ("s1",)]
    assert [one.live for one in graph.stages] == [True, False, True]
    assert [one.after for one in graph.stages[2].workflows] == [(), (), ("s3.w1",)]


def test_a_condition_over_parameters_needs_no_mode():
    graph = build(
        snapshot(
            plan(stage("s", use("w", tier="test"))), workflow("w", http("a", when="params.tier == prod"), http("b"))
        )
    )
    assert [action.live for action in graph.actions()] == [False, True]


def test_a_guarded_plan_without_a_mode_is_refused():
    messages = refused(snapshot(plan(stage("s", "w")), workflow("w", http("a", when="mode == install"))))
    assert len(messages) == 1
    assert "give the execution spec.mode" in messages[0]


def test_rollback_hooks_never_run_forward():
    graph = build(
        snapshot(
            plan(stage("s", "w")),
            workflow(
                "w", http("h", hookType="pre-rollback", when="mode == rollback"), http("a"), http("n", hookType="note")
            ),
        )
    )
    assert [(action.live, action.after) for action in graph.actions()] == [
        (False, ()),
        (True, ()),
        (True, ("s1.w1.a2",)),
    ]
    assert actions(graph)["s1.w1.a1"].decided.reason is Reason.CONDITION_NOT_MET


def test_parameters_are_taken_by_precedence_and_default_counts_everywhere():
    made = snapshot(
        plan(
            stage("s", {"workflowRef": {"name": "w"}, "params": [{"name": "c", "default": "stage"}]}),
            globalParams=[
                {"name": "b", "default": "plan"},
                {"name": "c", "value": "plan"},
                {"name": "d", "value": "plan"},
            ],
        ),
        workflow(
            "w",
            http("x", "http://$(params.a)/$(params.b)/$(params.c)/$(params.d)"),
            parameters=[{"name": name, "default": "workflow"} for name in "abcd"],
        ),
        params={"d": "execution"},
    )
    (action,) = build(made).actions()
    assert action.spec["http"]["url"] == "http://workflow/plan/stage/execution"


def test_a_workflow_declares_defaults_and_no_values():
    made = snapshot(
        plan(stage("s", "w")),
        workflow("w", http("x", "http://$(params.a)/"), parameters=[{"name": "a", "value": "v", "default": "d"}]),
    )
    assert next(iter(build(made).actions())).spec["http"]["url"] == "http://d/"


def test_an_empty_value_is_a_value():
    made = snapshot(
        plan(stage("s", "w"), globalParams=[{"name": "a", "value": ""}]),
        workflow("w", http("x", "http://h/$(params.a)"), parameters=[{"name": "a", "default": "d"}]),
    )
    assert next(iter(build(made).actions())).spec["http"]["url"] == "http://h/"


def test_built_ins_are_known_in_every_text():
    text = "$(planName) $(namespace) $(executionName) $(stage) $(workflow) $(action) $(mode) $(params.mode)"
    made = snapshot(plan(stage("st", "w")), workflow("w", http("x", body=text)), mode="install")
    assert next(iter(build(made).actions())).spec["http"]["body"] == "pay dr pay-1 st w x install install"


def test_a_missing_parameter_is_refused_with_its_place():
    made = snapshot(plan(stage("s", "w")), workflow("w", http("x", headers={"A": "$(params.nosuch)"})))
    with pytest.raises(Refused) as caught:
        build(made)
    (violation,) = caught.value.violations
    assert violation.path == ("spec", "actions", 0, "http", "headers", "A")
    assert '"nosuch" has no value' in violation.message


def test_all_that_is_wrong_is_refused_at_once():
    messages = refused(
        snapshot(
            plan(stage("s", "w")),
            workflow(
                "w",
                http("x", "http://$(params.one)/", when="mode ==", timeout="5"),
                http("y", "http://$(params.a.b)/$(outputs.z.ip)"),
                parameters=[{"name": "n", "type": "number", "default": "many"}, {"name": "r", "required": True}],
            ),
            params={"surplus": "1"},
        )
    )
    for part in [
        '"one" has no value',
        "invalid when",
        "is not a duration",
        "is no placeholder",
        '"z" is no action',
        '"many" is not a number',
        '"r" of workflow w is required',
        '"surplus" is neither',
    ]:
        assert any(part in message for message in messages), part


def test_a_workflow_that_is_not_there_is_refused_with_its_place():
    messages = refused(snapshot(plan(stage("s", "w", "nosuch")), workflow("w", http("x"))))
    assert messages == ["stage[0] 's' workflow[1]: workflow dr/nosuch not found"]


def test_an_unknown_parameter_is_an_error_in_the_execution_and_a_warning_elsewhere():
    made = snapshot(
        plan(stage("s", use("w", one="1")), globalParams=[{"name": "two", "value": "2"}]),
        workflow("w", http("x")),
        params={"three": "3"},
    )
    assert {(v.severity, v.path) for v in unknown(made)} == {
        (Severity.WARNING, ("spec", "stages", 0, "workflows", 0, "params", 0)),
        (Severity.WARNING, ("spec", "globalParams", 0)),
        (Severity.ERROR, ("spec", "params", 0)),
    }


def test_an_output_becomes_a_hole_with_the_local_key_of_its_action():
    graph = build(
        snapshot(
            plan(stage("s", "w")),
            workflow(
                "w", http("find"), http("use", "http://$(outputs.find.json.ip)/x", body="$(outputs.find.statusCode)")
            ),
        )
    )
    spec = actions(graph)["s1.w1.a2"].spec
    assert spec["http"]["url"] == ""
    assert spec["holes"] == [
        {"at": "/http/url", "parts": ["http://", {"output": "a1", "path": "json.ip"}, "/x"]},
        {"at": "/http/body", "parts": [{"output": "a1", "path": "statusCode"}]},
    ]


def test_an_output_can_only_be_taken_from_an_action_that_has_run_before():
    independent = snapshot(
        plan(stage("s", "w")),
        workflow("w", http("a"), http("b", "http://$(outputs.a.json.ip)/"), http("c", dependsOn=["a"])),
    )
    assert any('"a" is no action of this workflow that has run before' in message for message in refused(independent))


def test_an_output_of_an_action_that_does_not_run_is_refused():
    made = snapshot(
        plan(stage("s", "w")),
        workflow("w", http("a", when="mode == delete"), http("b", "http://$(outputs.a.json.ip)/")),
        mode="install",
    )
    assert any("does not run in this mode" in message for message in refused(made))


SECRET = [{"name": "t", "valueFrom": {"secretKeyRef": {"name": "pay-api", "key": "token"}}}]


def test_a_secret_reaches_the_runner_as_a_variable_and_its_value_is_nowhere():
    made = snapshot(
        plan(stage("s", "w"), globalParams=SECRET),
        workflow("w", http("x", headers={"Authorization": "Bearer $(params.t)"}, body="$(params.t)")),
    )
    (action,) = build(made).actions()
    assert [(ref.name, ref.key, ref.variable) for ref in action.secrets] == [("pay-api", "token", "DRPLAN_SECRET_1")]
    assert action.spec["holes"][0]["parts"] == ["Bearer ", {"secret": "DRPLAN_SECRET_1"}]
    assert resolved_parameters(made) == [
        {"name": "t", "secretKeyRef": {"name": "pay-api", "key": "token"}, "source": "Secret"}
    ]


def test_a_secret_is_refused_outside_url_headers_and_body():
    made = snapshot(plan(stage("s", "w"), globalParams=SECRET), workflow("w", localization("$(params.t)")))
    assert any("is a Secret, which only url, headers and body" in message for message in refused(made))


def test_a_manifest_reference_needs_a_cluster_or_a_recorded_value():
    reference = {"manifestRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "jsonPath": "{.data.x}"}}
    made = snapshot(
        plan(stage("s", "w"), globalParams=[{"name": "x", "valueFrom": reference}]),
        workflow("w", http("a", "http://$(params.x)/")),
    )
    assert any("-p x=" in message for message in refused(made))
    resolved = Snapshot(made.plan, made.workflows, made.execution, {"Plan/x": "found"})
    assert next(iter(build(resolved).actions())).spec["http"]["url"] == "http://found/"
    assert resolved_parameters(resolved) == [{"name": "x", "value": "found", "source": "Manifest"}]


def test_mode_delete_is_inferred_in_reverse_and_the_rest_does_not_take_part():
    graph = build(
        snapshot(
            plan(stage("s", "w")),
            workflow("w", localization("one"), http("call"), localization("two", operation="Apply", dependsOn=["one"])),
            mode="delete",
        )
    )
    found = actions(graph)
    assert [(a.name, a.live, a.after) for a in graph.actions()] == [
        ("delete-one", True, ("s1.w1.a3",)),
        ("call", False, ()),
        ("delete-two", True, ()),
    ]
    assert found["s1.w1.a1"].operation == "Delete"
    assert "spec" not in found["s1.w1.a1"].spec["localization"]
    assert found["s1.w1.a2"].decided.message == "not part of mode Delete"


def test_mode_delete_never_runs_forward_and_never_deletes_what_was_only_patched():
    assert any(
        "nothing to delete can be derived" in message
        for message in refused(snapshot(plan(stage("s", "w")), workflow("w", http("a")), mode="delete"))
    )
    patched = workflow("w", localization("a"), localization("b", operation="Patch", rollback={}))
    assert any(
        "patches an object" in message for message in refused(snapshot(plan(stage("s", "w")), patched, mode="delete"))
    )


def test_a_workflow_that_says_what_delete_means_is_taken_as_it_is():
    for manifest in (
        workflow("w", http("in", when="mode == install"), http("out", when="mode == delete")),
        workflow("w", localization("a", operation="Delete")),
    ):
        graph = build(snapshot(plan(stage("s", "w")), manifest, mode="delete"))
        assert [action.name for action in graph.actions() if action.live] == [manifest["spec"]["actions"][-1]["name"]]


def test_cycles_are_refused_by_name():
    ring = [stage("a", "w", dependsOn=["b"]), stage("b", "w", dependsOn=["a"])]
    assert "cycle detected in stage dependencies: [a b a]" in refused(snapshot(plan(*ring), workflow("w", http("x"))))
    actions_ring = workflow("w", http("x", dependsOn=["y"]), http("y", dependsOn=["x"]))
    assert "cycle detected in action dependencies: [x y x]" in refused(snapshot(plan(stage("s", "w")), actions_ring))


def test_a_snapshot_survives_json_and_gives_the_same_graph():
    made = snapshot(
        plan(stage("s", use("w", tier="prod")), globalParams=SECRET),
        workflow("w", http("a", headers={"T": "$(params.t)"}), http("b", when="params.tier == prod")),
        mode="install",
    )
    again = Snapshot.from_json(json.loads(json.dumps(made.to_json())))
    assert build(again) == build(made)
    assert again.hash() == made.hash()


def test_the_spec_carries_timing_and_idempotence():
    graph = build(
        snapshot(
            plan(stage("s", "w")),
            workflow(
                "w",
                http("get", timeout="1m30s", retryPolicy={"limit": 1, "interval": "500ms", "backoffMultiplier": "1.5"}),
                http("post", method="POST"),
                http("again", method="POST", idempotent=True),
                {"name": "job", "type": "Job", "job": {"template": {"spec": {"activeDeadlineSeconds": 90}}}},
                {"name": "long", "type": "Job", "job": {"template": {"spec": {}}}},
            ),
        )
    )
    specs = [action.spec for action in graph.actions()]
    assert [spec["timeout"] for spec in specs] == [90.0, 300.0, 300.0, 90.0, 3600.0]
    assert specs[0]["retry"] == {"limit": 1, "interval": 0.5, "multiplier": 1.5}
    assert specs[1]["retry"] == {"limit": 3, "interval": 5.0, "multiplier": 2.0}
    assert [spec["idempotent"] for spec in specs] == [True, False, True, True, True]
    assert [spec["waitReady"] for spec in specs] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("operation", "wait", "expected"),
    [
        ("Apply", True, ["PerCluster"]),
        ("Apply", False, [None]),
        ("Delete", False, ["PerCluster"]),
    ],
)
def test_a_subscription_acts_per_cluster_only_when_it_is_waited_for_or_deleted(operation, wait, expected):
    spec = {
        "feeds": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "namespace": "b"}],
        "subscribers": [{"clusterAffinity": {"matchLabels": {"zone": "a"}}}],
    }
    action = {
        "name": "move",
        "type": "Subscription",
        "subscription": {"name": "app", "operation": operation, "spec": spec},
        "clusterExecutionMode": "PerCluster",
        "waitReady": wait,
    }
    graph = build(snapshot(plan(stage("s", use("w"))), workflow("w", action)))
    assert [action.spec.get("clusterExecutionMode") for action in graph.actions()] == expected
