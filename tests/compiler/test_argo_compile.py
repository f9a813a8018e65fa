"""What a graph compiles to, object by object."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from compiler.argo import ExecutionRef, RunnerConfig, compile_workflow
from compiler.graph.tree import SecretRef
from compiler.manifests import to_yaml
from compiler.model.names import LABEL_ADOPT, record_name
from compiler.model.phases import OperationType
from compiler.problems import NothingToRun
from support.compiled import containers, run_of, spec_of, templates
from support.graphs import SKIPPED, action, graph, stage, uniform, use

PREFIX = "dr.bkbcs.tencent.com/"
EXECUTION = ExecutionRef("pay-execute-1", "0b5bb0e4-7d8c-4b0c-9a51-3f2f9a0d7c11")
SMALL = graph(stage(use("check", "promote")))
SECRETS = [SecretRef("site", "token", "DRPLAN_SECRET_1"), SecretRef("site", "user", "DRPLAN_SECRET_2")]


# --- the same for the whole Workflow


def test_the_same_graph_gives_the_same_bytes() -> None:
    first, second = (compile_workflow(uniform(stages=2, uses=2, actions=3)) for _ in range(2))

    assert to_yaml(first.objects) == to_yaml(second.objects)
    assert first.hash == second.hash


def test_the_hash_on_the_object_is_about_everything_else_in_it() -> None:
    compiled = compile_workflow(SMALL, execution=EXECUTION)
    other = compile_workflow(SMALL, execution=EXECUTION, config=RunnerConfig(ttl_seconds=60))

    assert compiled.workflow["metadata"]["annotations"][PREFIX + "compiled-hash"] == compiled.hash
    assert other.hash != compiled.hash


def test_with_an_execution_names_and_labels_come_from_its_uid() -> None:
    compiled = compile_workflow(SMALL, execution=EXECUTION, epoch=2, snapshot_hash="abc")
    metadata = compiled.workflow["metadata"]
    digest = hashlib.sha256(EXECUTION.uid.encode()).hexdigest()

    assert compiled.name == metadata["name"] == f"pay-x-{digest[:8]}-e2"
    assert metadata["namespace"] == "dr"
    assert metadata["labels"] == {
        "app.kubernetes.io/name": "drplan",
        "app.kubernetes.io/managed-by": "drplan-syncer",
        "app.kubernetes.io/part-of": "pay",
        PREFIX + "plan": "pay",
        PREFIX + "operation": "execute",
        PREFIX + "execution": "pay-execute-1",
        PREFIX + "execution-uid": EXECUTION.uid,
        PREFIX + "epoch": "2",
    }
    assert metadata["annotations"][PREFIX + "snapshot-hash"] == "abc"
    assert run_of(compiled) == {
        "namespace": "dr",
        "plan": "pay",
        "execution": "pay-execute-1",
        "uid": EXECUTION.uid,
        "epoch": 2,
        "operation": "Execute",
        "mode": "",
    }


@pytest.mark.parametrize("execution", [None, ExecutionRef("pay-execute-1", "")], ids=["no execution", "no uid"])
def test_without_a_uid_the_workflow_is_adoptable_and_named_after_its_content(execution: ExecutionRef | None) -> None:
    compiled = compile_workflow(SMALL, execution=execution, epoch=3)
    labels = compiled.workflow["metadata"]["labels"]
    run = run_of(compiled)

    assert re.fullmatch(r"pay-x-[0-9a-f]{8}-e1", compiled.name)
    assert labels[LABEL_ADOPT] == "true"
    assert labels[PREFIX + "epoch"] == "1"
    assert not {PREFIX + "execution", PREFIX + "execution-uid"} & set(labels)
    assert (run["execution"], run["uid"], run["epoch"]) == ("", "", 1)


def test_another_graph_has_another_name() -> None:
    assert compile_workflow(SMALL).name != compile_workflow(graph(stage(use("check", "demote")))).name


def test_a_long_plan_name_leaves_room_for_a_resubmit() -> None:
    compiled = compile_workflow(graph(stage(use("x")), plan="payments.emea." + "x" * 60), execution=EXECUTION, epoch=12)

    assert len(compiled.name) + len("-abcde") <= 63
    assert compiled.name.startswith("payments-emea-xxx")


def test_a_revert_says_so_in_name_title_labels_and_arguments() -> None:
    undo = record_name("pay-execute-1", "uid-1", "s1.w1.a1")
    compiled = compile_workflow(
        graph(
            stage(use(action("notify", hook=True), action("promote", undo=undo))),
            operation=OperationType.REVERT,
        ),
        execution=EXECUTION,
    )
    lane = containers(compiled, "w-1-1")

    assert compiled.name.startswith("pay-r-")
    assert compiled.workflow["metadata"]["labels"][PREFIX + "operation"] == "revert"
    assert compiled.workflow["metadata"]["annotations"]["workflows.argoproj.io/title"] == "Revert pay"
    assert lane["h-1-notify"]["args"][:2] == ["s1.w1.h1", "--direction=revert"]
    assert lane["a-2-promote"]["args"][:3] == ["s1.w1.a2", "--direction=revert", f"--undo={undo}"]
    assert lane["main"]["args"] == ["s1.w1", "--close", "--members=h1,a2", "--limit=16384"]


def test_the_description_tells_what_the_plan_does_and_cannot_be_taken_for_a_reference() -> None:
    described = graph(
        stage(use("check", "promote")), stage(use("x")), mode="install", description="Move {{pay}}\nto B."
    )
    annotations = compile_workflow(described).workflow["metadata"]["annotations"]

    assert annotations["workflows.argoproj.io/title"] == "Execute pay"
    assert annotations["workflows.argoproj.io/description"] == (
        "Move &#123;&#123;pay}}\nto B.\n\nPlan `dr/pay`, mode `install`: 2 stages, 2 workflows, 3 actions."
    )


def test_one_run_of_a_plan_keeps_others_out_and_cleans_up_after_itself() -> None:
    spec = compile_workflow(SMALL, config=RunnerConfig(ttl_seconds=3600)).workflow["spec"]

    assert spec["synchronization"] == {"mutexes": [{"name": "drplan-pay"}]}
    assert spec["podGC"] == {"strategy": "OnWorkflowSuccess", "deleteDelayDuration": "24h"}
    assert spec["ttlStrategy"] == {"secondsAfterCompletion": 3600}
    assert spec["serviceAccountName"] == "drplan-runner"
    assert json.loads(spec["podSpecPatch"]) == {"terminationGracePeriodSeconds": 30}
    assert "activeDeadlineSeconds" not in spec


# --- lanes


def test_a_lane_is_a_pod_with_a_container_an_action_in_their_order_behind_the_one_that_closes_it() -> None:
    lane = templates(compile_workflow(SMALL, execution=EXECUTION))["w-1-1"]

    assert [container["name"] for container in lane["containerSet"]["containers"]] == [
        "main",
        "a-1-check",
        "a-2-promote",
    ]
    assert lane["retryStrategy"] == {
        "limit": 2,
        "retryPolicy": "Always",
        "expression": "lastRetry.status == 'Error' || lastRetry.exitCode == '143' || lastRetry.exitCode == '75'"
        " || lastRetry.exitCode == '137'",
    }
    assert lane["outputs"]["parameters"] == [
        {"name": "result", "valueFrom": {"path": "/lane/result.json", "default": "{}"}}
    ]


def test_an_action_gets_its_key_and_its_spec_and_the_resources_of_a_runner() -> None:
    container = containers(compile_workflow(SMALL), "w-1-1")["a-2-promote"]

    assert container["command"] == ["drplan-runner"]
    assert container["args"][0] == "s1.w1.a2"
    assert spec_of(container) == SMALL.stages[0].workflows[0].actions[1].spec
    assert container["resources"] == {"requests": {"cpu": "2m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}}
    assert "env" not in container


def test_pods_are_restricted() -> None:
    compiled = compile_workflow(SMALL)

    assert compiled.workflow["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in containers(compiled, "w-1-1").values():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_all_containers_of_a_lane_share_memory_and_know_their_run() -> None:
    compiled = compile_workflow(SMALL)
    lane = templates(compiled)["w-1-1"]

    assert lane["containerSet"]["volumeMounts"] == [
        {"name": "lane", "mountPath": "/lane"},
        {"name": "about", "mountPath": "/run/drplan"},
    ]
    assert lane["metadata"]["annotations"] == {
        PREFIX + "run": "{{workflow.parameters.run}}",
        PREFIX + "workflow": "{{workflow.name}}/{{workflow.uid}}",
    }
    shared, about = compiled.workflow["spec"]["volumes"]
    assert shared == {"name": "lane", "emptyDir": {"medium": "Memory", "sizeLimit": "32Mi"}}
    assert {item["path"]: item["fieldRef"]["fieldPath"] for item in about["downwardAPI"]["items"]} == {
        "run": f"metadata.annotations['{PREFIX}run']",
        "workflow": f"metadata.annotations['{PREFIX}workflow']",
    }


def test_only_the_container_that_needs_a_secret_has_it() -> None:
    made = graph(stage(use("check", action("promote", secrets=SECRETS))))
    lane = containers(compile_workflow(made), "w-1-1")

    assert lane["a-2-promote"]["env"] == [
        {"name": "DRPLAN_SECRET_1", "valueFrom": {"secretKeyRef": {"name": "site", "key": "token"}}},
        {"name": "DRPLAN_SECRET_2", "valueFrom": {"secretKeyRef": {"name": "site", "key": "user"}}},
    ]
    assert "env" not in lane["a-1-check"]
    assert "env" not in lane["main"]


def test_the_platforms_configuration_reaches_every_container() -> None:
    config = RunnerConfig(
        image="registry.example/runner:1",
        image_pull_policy="Never",
        environment={"HTTPS_PROXY": "http://proxy.example"},
        requests={"cpu": "5m"},
        close_requests={"cpu": "1m"},
        limits={},
    )
    lane = containers(compile_workflow(SMALL, config=config), "w-1-1")

    for container in lane.values():
        assert container["image"] == "registry.example/runner:1"
        assert container["imagePullPolicy"] == "Never"
        assert container["env"] == [{"name": "HTTPS_PROXY", "value": "http://proxy.example"}]
    assert lane["a-1-check"]["resources"] == {"requests": {"cpu": "5m"}}
    assert lane["main"]["resources"] == {"requests": {"cpu": "1m"}}


def test_a_long_workflow_is_a_chain_of_lanes_that_know_what_lies_in_an_earlier_one() -> None:
    compiled = compile_workflow(graph(stage(use(*(f"step-{index}" for index in range(20))))))
    second = containers(compiled, "w-1-1-l-2")

    assert templates(compiled)["s-1"]["dag"]["tasks"] == [{"name": "w-1-mysql", "template": "w-1-1"}]
    assert templates(compiled)["w-1-1"]["dag"]["tasks"] == [
        {"name": "l-1", "template": "w-1-1-l-1"},
        {"name": "l-2", "template": "w-1-1-l-2", "depends": "l-1.Succeeded"},
    ]
    assert second["main"]["args"][2] == "--members=a17,a18,a19,a20"
    assert spec_of(second["a-17-step-16"])["earlier"] == ["a16"]
    assert "earlier" not in spec_of(second["a-18-step-17"])


def test_braces_and_dollar_signs_of_an_action_reach_the_runner_as_they_were() -> None:
    body = "{{ .Values.x }} {{workflow.name}} {{=1+1}} $(HOME) $$(HOME) }}"
    made = graph(stage(use(action("send", block={"url": "http://x/", "body": body}))))
    container = containers(compile_workflow(made), "w-1-1")["a-1-send"]

    assert spec_of(container)["http"]["body"] == body
    assert not set("$") & set(container["args"][1])
    assert "{{" not in container["args"][1]


def test_what_does_not_run_is_in_no_template() -> None:
    made = graph(stage(use("check", action("promote", decided=SKIPPED), "verify"), use("x", name="done", done=True)))
    compiled = compile_workflow(made)

    assert set(templates(compiled)) == {"plan", "s-1", "w-1-1"}
    assert set(containers(compiled, "w-1-1")) == {"main", "a-1-check", "a-3-verify"}


def test_a_graph_in_which_nothing_runs_has_no_workflow() -> None:
    with pytest.raises(NothingToRun):
        compile_workflow(graph(stage(use(action("check", decided=SKIPPED)))))
