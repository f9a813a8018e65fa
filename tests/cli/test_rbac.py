"""`drplan rbac`: which rights it prints for what a plan does, forward and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from drplan.rights.kinds import Kinds
from runner.actions.sockets import DEPLOYER
from support.command import Called, drplan, manifests
from support.plans import http, localization, plan, stage, workflow

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
Rules = dict[str, list[dict[str, Any]]]


def resource(name: str, operation: str, *objects: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An action on objects."""
    block = {"operation": operation, "manifest": yaml.safe_dump_all(objects)}
    return {"name": name, "type": "KubernetesResource", "resource": block, **fields}


def job(name: str, **fields: Any) -> dict[str, Any]:
    """A Job action."""
    block = {key: fields.pop(key) for key in ("namespace",) if key in fields}
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}
    return {"name": name, "type": "Job", "job": {**block, "template": {"spec": {"template": {"spec": pod}}}}, **fields}


def subscription(name: str, *feeds: dict[str, Any], operation: str = "Create", **fields: Any) -> dict[str, Any]:
    """A Subscription action."""
    subscribers = [{"clusterAffinity": {"matchLabels": {"site": "b"}}}]
    block = {"operation": operation, "name": name, "namespace": "apps"}
    if operation != "Delete":
        block["spec"] = {"feeds": list(feeds), "subscribers": subscribers}
    return {"name": name, "type": "Subscription", "subscription": block, **fields}


def feed(kind: str = "Deployment", api_version: str = "apps/v1") -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "namespace": "apps", "name": "web"}


def called(
    folder: Path, *actions: dict[str, Any], others: tuple[dict[str, Any], ...] = (), options: Any = ()
) -> Called:
    written = manifests(folder, plan(stage("one", "w")), workflow("w", *actions), *others)
    return drplan("rbac", "-q", "-f", written, *options)


def rules(folder: Path, *actions: dict[str, Any], others: tuple[dict[str, Any], ...] = (), options: Any = ()) -> Rules:
    """Rules by the namespace in which they hold, `*` for the whole cluster."""
    made = called(folder, *actions, others=others, options=options)
    assert made.code == 0, made.err
    return {
        each["metadata"].get("namespace", "*"): each["rules"]
        for each in made.documents
        if each and each["kind"] in ("Role", "ClusterRole")
    }


def rule(resource: str, *verbs: str, names: tuple[str, ...] = ()) -> dict[str, Any]:
    plural, _, group = resource.partition(".")
    made: dict[str, Any] = {"apiGroups": [group], "resources": [plural], "verbs": list(verbs)}
    return {**made, "resourceNames": list(names)} if names else made


@pytest.mark.parametrize(
    ("operation", "unnamed", "named"),
    [
        ("Create", ["create"], ["get", "delete"]),
        ("Apply", ["create"], ["get", "patch", "delete"]),
        ("Patch", [], ["get", "patch"]),
        ("Delete", ["create"], ["get", "delete"]),
    ],
)
def test_an_operation_needs_its_verbs_and_those_that_undo_it(
    tmp_path: Path, operation: str, unnamed: list[str], named: list[str]
) -> None:
    wanted = [rule("configmaps", *unnamed)] if unnamed else []
    wanted.append(rule("configmaps", *named, names=("settings",)))
    assert rules(tmp_path, resource("do", operation, CONFIG)) == {"dr": wanted}


def test_what_a_custom_rollback_replaces_is_not_granted_and_what_it_does_is(tmp_path: Path) -> None:
    other = {**CONFIG, "metadata": {"name": "other"}}
    action = resource("do", "Create", CONFIG, rollback=resource("undo", "Patch", other))
    assert rules(tmp_path, action)["dr"] == [
        rule("configmaps", "create"),
        rule("configmaps", "get", "patch", names=("other",)),
        rule("configmaps", "get", names=("settings",)),
    ]


def test_hooks_of_a_revert_need_their_rights_where_something_is_undone(tmp_path: Path) -> None:
    hook = resource("hook", "Create", CONFIG, hookType="pre-rollback")
    assert rules(tmp_path, localization("move"), hook)["dr"] == [
        rule("configmaps", "create"),
        rule("configmaps", "get", names=("settings",)),
    ]
    assert called(tmp_path / "none", http("call"), hook).documents == []


def test_each_namespace_has_its_role_bound_to_the_account_of_the_plan(tmp_path: Path) -> None:
    elsewhere = {**CONFIG, "metadata": {"name": "settings", "namespace": "elsewhere"}}
    made = called(tmp_path, resource("do", "Create", CONFIG, elsewhere), localization("move")).documents
    places = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in made]
    own, others = "drplan-runner-actions-pay", "drplan-runner-actions-dr-pay"
    assert places == [
        ("Role", "dr", own),
        ("RoleBinding", "dr", own),
        ("Role", "cluster-a", others),
        ("RoleBinding", "cluster-a", others),
        ("Role", "elsewhere", others),
        ("RoleBinding", "elsewhere", others),
    ]
    for binding in made[1::2]:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "drplan-runner", "namespace": "dr"}]
        assert binding["roleRef"]["name"] == binding["metadata"]["name"]


def test_cluster_scoped_objects_have_a_cluster_role_of_the_plan(tmp_path: Path) -> None:
    made = called(
        tmp_path, resource("do", "Create", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "extra"}})
    )
    role, binding = made.documents
    assert (role["kind"], role["metadata"]["name"]) == ("ClusterRole", "drplan-runner-actions-dr-pay")
    assert role["rules"] == [rule("namespaces", "create"), rule("namespaces", "get", "delete", names=("extra",))]
    assert (binding["kind"], binding["roleRef"]["kind"]) == ("ClusterRoleBinding", "ClusterRole")


def test_the_account_is_that_of_the_plan(tmp_path: Path) -> None:
    folder = manifests(
        tmp_path, plan(stage("one", "w"), serviceAccountName="mover"), workflow("w", localization("move"))
    )
    assert drplan("rbac", "-f", folder).documents[1]["subjects"][0]["name"] == "mover"


def test_a_job_is_granted_by_kind_and_its_pods_may_be_listed_when_it_is_waited_for(tmp_path: Path) -> None:
    verbs = rule("jobs.batch", "get", "create", "delete")
    assert rules(tmp_path / "a", job("sync")) == {"default": [rule("pods", "list"), verbs]}
    assert rules(tmp_path / "b", job("sync", namespace="x", waitReady=False)) == {"x": [verbs]}


def test_a_name_that_an_output_gives_restricts_nothing_and_a_namespace_opens_all(tmp_path: Path) -> None:
    named = {**CONFIG, "metadata": {"name": "$(outputs.find.json.name)"}}
    wanted = {"dr": [rule("configmaps", "get", "create", "delete")]}
    assert rules(tmp_path / "a", http("find"), resource("do", "Create", named)) == wanted
    placed = {**CONFIG, "metadata": {"name": "c", "namespace": "$(outputs.find.json.items[1].ns)"}}
    made = called(tmp_path / "b", http("find"), resource("do", "Patch", placed))
    assert made.documents[0]["kind"] == "ClusterRole"
    assert "# in every namespace: that of ConfigMap c is known only when it runs" in made.out


def test_outputs_in_a_rollback_are_as_unknown_as_any_other(tmp_path: Path) -> None:
    named = {**CONFIG, "metadata": {"name": "was-$(outputs.do.object.metadata.uid)"}}
    action = resource("do", "Create", CONFIG, rollback=resource("undo", "Patch", named))
    assert rules(tmp_path, action) == {"dr": [rule("configmaps", "get", "create", "patch")]}


def test_parameters_give_the_names_that_are_granted(tmp_path: Path) -> None:
    named = {**CONFIG, "metadata": {"name": "c-$(params.site)"}}
    action = resource("do", "Patch", named)
    assert rules(tmp_path, action, options=("-p", "site=b")) == {
        "dr": [rule("configmaps", "get", "patch", names=("c-b",))]
    }


def test_without_a_mode_a_plan_that_depends_on_it_is_granted_every_mode(tmp_path: Path) -> None:
    actions = (
        resource("in", "Patch", CONFIG, when="mode == install"),
        resource("up", "Patch", {**CONFIG, "metadata": {"name": "up"}}, when="mode == upgrade"),
    )
    both, one = (rule("configmaps", "get", "patch", names=names) for names in (("settings", "up"), ("up",)))
    assert rules(tmp_path / "a", *actions) == {"dr": [both]}
    assert rules(tmp_path / "b", *actions, options=("--mode", "upgrade")) == {"dr": [one]}


def test_the_plural_of_a_kind_nobody_knows_is_guessed_and_a_definition_says_it(tmp_path: Path) -> None:
    widget = {"apiVersion": "example.com/v1", "kind": "Proxy", "metadata": {"name": "w"}}
    guess = called(tmp_path / "a", resource("do", "Patch", widget))
    assert guess.documents[0]["rules"] == [rule("proxies.example.com", "get", "patch", names=("w",))]
    assert "# guessed: proxies is the plural of Proxy (example.com/v1)" in guess.out
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "proxys.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Proxy", "plural": "proxys"}},
    }
    told = called(tmp_path / "b", resource("do", "Patch", widget), others=(definition,))
    assert told.documents[0]["rules"] == [rule("proxys.example.com", "get", "patch", names=("w",))]
    assert told.documents[0]["kind"] == "ClusterRole"
    assert "guessed" not in told.out


def test_a_definition_that_the_plan_itself_makes_says_it_as_well(tmp_path: Path) -> None:
    names = {"kind": "Proxy", "plural": "proxys"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names}
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
    definition["metadata"] = {"name": "proxys.example.com"}
    widget = {"apiVersion": "example.com/v1", "kind": "Proxy", "metadata": {"name": "w"}}
    made = rules(tmp_path, resource("do", "Create", definition, widget))
    assert made["dr"][0]["resources"] == ["proxys"]


def test_the_role_that_keeps_what_secrets_were_is_there_as_a_comment_when_secrets_are_changed(tmp_path: Path) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    made = called(tmp_path / "a", resource("do", "Apply", secret))
    comment = made.out[made.out.index("# The plan changes Secrets.") :]
    role, binding = yaml.safe_load_all(
        "".join(line[2:] for line in comment.partition("#\n")[2].splitlines(keepends=True))
    )
    assert (role["metadata"]["name"], role["metadata"]["namespace"]) == ("drplan-runner-secrets", "dr")
    assert role["rules"] == [rule("secrets", "get", "create")]
    assert binding["roleRef"]["name"] == "drplan-runner-secrets"
    assert [each["metadata"]["name"] for each in made.documents if each] == ["drplan-runner-actions-pay"] * 2
    assert "drplan-runner-secrets" not in called(tmp_path / "b", resource("do", "Create", secret)).out


def test_a_subscription_that_is_waited_for_needs_a_look_into_the_child_clusters(tmp_path: Path) -> None:
    made = rules(tmp_path, subscription("web", feed(), waitReady=True))
    assert made["apps"] == [
        rule("subscriptions.apps.clusternet.io", "create"),
        rule("subscriptions.apps.clusternet.io", "get", "delete", names=("web",)),
    ]
    assert made["*"] == [
        rule("secrets", "get", names=(DEPLOYER,)),
        rule("users", "impersonate", names=("clusternet",)),
        rule("descriptions.apps.clusternet.io", "list"),
        rule("userextras/clusternet-token.authentication.k8s.io", "impersonate"),
        rule("managedclusters.clusters.clusternet.io", "list"),
    ]


def test_charts_need_no_look_into_child_clusters_and_manifests_one_at_the_hub(tmp_path: Path) -> None:
    clusternet = "apps.clusternet.io/v1alpha1"
    chart = rules(tmp_path / "a", subscription("web", feed("HelmChart", clusternet), waitReady=True))
    assert [each["resources"] for each in chart["*"]] == [["descriptions"], ["managedclusters"]]
    manifest = rules(tmp_path / "b", subscription("web", feed("Manifest", clusternet), waitReady=True))
    assert rule("manifests.apps.clusternet.io", "get", names=("web",)) in manifest["apps"]
    assert rule("secrets", "get", names=(DEPLOYER,)) in manifest["*"]


def test_subscriptions_that_are_made_a_cluster_each_have_names_that_nobody_knows_yet(tmp_path: Path) -> None:
    each = subscription("web", feed(), clusterExecutionMode="PerCluster", waitReady=True)
    gone = subscription("web", operation="Delete")
    made = rules(tmp_path / "a", each, {**gone, "name": "gone"})
    assert made["apps"] == [rule("subscriptions.apps.clusternet.io", "get", "create", "delete")]
    alone = rules(tmp_path / "b", gone)
    assert rule("subscriptions.apps.clusternet.io", "get", "delete", names=("web",)) in alone["apps"]


def test_a_cleanup_needs_to_delete(tmp_path: Path) -> None:
    made = rules(tmp_path, subscription("web", operation="Patch", hookCleanup={"onSuccess": True}))
    assert made["apps"] == [rule("subscriptions.apps.clusternet.io", "get", "patch", "delete", names=("web",))]


def test_a_value_that_is_read_from_an_object_needs_the_right_to_read_it(tmp_path: Path) -> None:
    source = {
        "apiVersion": "v1",
        "kind": "Service",
        "namespace": "net",
        "name": "entry",
        "jsonPath": "{.spec.clusterIP}",
    }
    parameter = {"name": "ip", "valueFrom": {"manifestRef": source}}
    written = plan(stage("one", "w"), globalParams=[parameter])
    named = {**CONFIG, "metadata": {"name": "c-$(params.ip)"}}
    folder = manifests(tmp_path, written, workflow("w", resource("do", "Patch", named)))
    made = {each["metadata"]["namespace"]: each["rules"] for each in drplan("rbac", "-q", "-f", folder).documents[::2]}
    assert made == {
        "dr": [rule("configmaps", "get", "patch")],
        "net": [rule("services", "get", names=("entry",))],
    }


def test_a_plan_of_calls_needs_nothing_and_the_output_says_so(tmp_path: Path) -> None:
    made = called(tmp_path, http("call"))
    assert made.code == 0
    assert made.out.endswith(" needs, forward and back: nothing besides what every runner may.\n")
    assert made.documents == []


def test_a_plan_that_is_wrong_is_an_error_with_its_place(tmp_path: Path) -> None:
    named = {**CONFIG, "metadata": {"name": "c-$(params.site)"}}
    made = called(tmp_path, resource("do", "Patch", named))
    assert made.code == 1
    assert "1.yaml:" in made.err
    assert made.out == ""


def test_what_a_manifest_holds_that_only_a_run_can_tell_is_said(tmp_path: Path) -> None:
    whole = {"name": "do", "type": "KubernetesResource"}
    whole["resource"] = {"operation": "Create", "manifest": "$(outputs.find.body)"}
    made = called(tmp_path, http("find"), whole)
    assert "# action do: what its manifest holds is known only when it runs; grant it by hand" in made.out
    partly = {
        **whole,
        "resource": {**whole["resource"], "manifest": f"{yaml.safe_dump(CONFIG)}---\n$(outputs.find.body)"},
    }
    more = called(tmp_path / "more", http("find"), partly)
    assert "# action do: what its manifest holds is known only when it runs; grant it by hand" in more.out
    assert more.documents[0]["rules"][0]["resources"] == ["configmaps"]
    empty = {**whole, "resource": {**whole["resource"], "manifest": f"---\n{yaml.safe_dump(CONFIG)}---\n"}}
    assert "known only" not in called(tmp_path / "empty", empty).out


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    actions = [resource("do", "Apply", CONFIG), localization("move"), job("sync")]
    assert called(tmp_path / "a", *actions).out == called(tmp_path / "b", *actions).out


@pytest.mark.parametrize("kind", ["NetworkPolicy", "Endpoints", "IngressClass", "Gateway", "Job"])
def test_plurals_are_made_as_kubernetes_makes_them(kind: str) -> None:
    wanted = {
        "NetworkPolicy": "networkpolicies",
        "Endpoints": "endpoints",
        "IngressClass": "ingressclasses",
        "Gateway": "gateways",
        "Job": "jobs",
    }
    assert Kinds().find("v1", kind).plural == wanted[kind]


def test_it_is_listed() -> None:
    assert "rbac" in drplan("--help").out
