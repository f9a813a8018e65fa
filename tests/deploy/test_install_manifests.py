"""What is installed: rights and names as promised, the least that a pod can have, and a chart that is up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.chart.__main__ import main
from deploy.chart.merging import condition
from deploy.chart.variants import variants
from drplan.install.kustomize import KustomizationError, build
from drplan.install.render import definitions, render
from drplan.install.settings import IMAGE, Settings, Webhooks
from support.command import ROOT, drplan
from support.rbac_audit import Right
from syncer.admission.self_signed import CONFIGURATION, SECRET, SERVICE
from syncer.settings import LEASE, OLDER_LEASE, SYNCER_NAMESPACE

Object = dict[str, Any]

DR, RBAC = "dr.bkbcs.tencent.com", "rbac.authorization.k8s.io"
GRANTED = {
    (DR, "drplans drworkflows", "get list watch"),
    (DR, "drplanexecutions", "get list watch create patch delete"),
    (DR, "drplans/status drworkflows/status drplanexecutions/status", "patch"),
    (DR, "drplanexecutions/finalizers", "update"),
    (DR, "dractionrecords", "get list watch patch delete"),
    ("argoproj.io", "workflows workflowtemplates", "get list watch create patch delete"),
    ("", "configmaps", "get create patch delete"),
    ("", "pods", "get list delete"),
    ("", "namespaces", "get"),
    ("", "serviceaccounts", "get impersonate"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations mutatingwebhookconfigurations", "get patch"),
    ("events.k8s.io", "events", "create patch"),
}
NAMED = {
    "serviceaccounts": ["drplan-runner"],
    "validatingwebhookconfigurations": [CONFIGURATION],
    "mutatingwebhookconfigurations": [CONFIGURATION],
}
GRANTED_AT_HOME = {
    ("coordination.k8s.io", "leases", "get create update"),
    ("", "secrets", "get update"),
}


def rules(objects: list[Object], kind: str) -> list[Object]:
    """Rules of the syncer's Roles of a kind."""
    return [
        rule
        for value in objects
        if value["kind"] == kind and value["metadata"]["name"].startswith("drplan-syncer")
        for rule in value["rules"]
    ]


def rights(given: list[Object]) -> set[Right]:
    return {
        Right(group, resource, verb)
        for rule in given
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def spelled(granted: set[tuple[str, str, str]]) -> set[Right]:
    return {
        Right(group, resource, verb)
        for group, resources, verbs in granted
        for resource in resources.split()
        for verb in verbs.split()
    }


def test_the_syncer_gets_what_it_needs_and_nothing_else() -> None:
    objects = render(Settings())

    everywhere, at_home = rules(objects, "ClusterRole"), rules(objects, "Role")
    assert rights(everywhere) == spelled(GRANTED)
    assert rights(at_home) == spelled(GRANTED_AT_HOME)
    for rule in everywhere:
        for resource in rule["resources"]:
            assert rule.get("resourceNames") == NAMED.get(resource), resource
    named = {
        resource: rule["resourceNames"] for rule in at_home if "resourceNames" in rule for resource in rule["resources"]
    }
    assert named == {"leases": [LEASE, OLDER_LEASE], "secrets": [SECRET]}


@pytest.mark.parametrize("webhooks", [Webhooks.CERT_MANAGER, Webhooks.NONE])
def test_without_a_certificate_of_its_own_the_syncer_has_no_right_to_secrets_or_webhooks(webhooks: Webhooks) -> None:
    objects = render(Settings(webhooks=webhooks))

    everything = rights(rules(objects, "ClusterRole") + rules(objects, "Role"))
    assert {right.resource for right in everything} & {"secrets", *NAMED} == {"serviceaccounts"}


def test_for_one_namespace_the_syncer_has_no_right_elsewhere_but_to_its_webhooks() -> None:
    objects = render(Settings(watch_namespace="pay"))

    bound = [value["roleRef"]["name"] for value in objects if value["kind"] == "ClusterRoleBinding"]
    assert bound == ["drplan-syncer-self-signed"]
    places = {
        value["metadata"]["namespace"]: value["roleRef"]
        for value in objects
        if value["kind"] == "RoleBinding" and value["roleRef"]["kind"] == "ClusterRole"
    }
    assert places == {"pay": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "drplan-syncer"}}
    selectors = [
        webhook["namespaceSelector"]["matchLabels"]
        for value in objects
        if value["kind"].endswith("WebhookConfiguration")
        for webhook in value["webhooks"]
    ]
    assert selectors == [{"kubernetes.io/metadata.name": "pay"}] * 4


def test_things_are_called_what_the_syncer_calls_them() -> None:
    named = {
        (value["kind"], value["metadata"].get("namespace"), value["metadata"]["name"]) for value in render(Settings())
    }
    assert {
        ("Namespace", None, SYNCER_NAMESPACE),
        ("Service", SYNCER_NAMESPACE, SERVICE),
        ("Secret", SYNCER_NAMESPACE, SECRET),
        ("ConfigMap", SYNCER_NAMESPACE, "drplan-syncer-config"),
        ("ValidatingWebhookConfiguration", None, CONFIGURATION),
        ("MutatingWebhookConfiguration", None, CONFIGURATION),
    } <= named


def test_everything_says_whose_it_is_so_that_uninstall_finds_it() -> None:
    settings = Settings(
        webhooks=Webhooks.CERT_MANAGER, replicas=2, network_policies=True, watch_namespace="a", runner_namespaces=("b",)
    )
    for value in [*render(settings), *render(Settings())]:
        assert value["metadata"]["labels"]["app.kubernetes.io/name"] == "drplan", value


def test_another_namespace_leaves_no_word_of_the_usual_one() -> None:
    settings = Settings(namespace="recovery", webhooks=Webhooks.CERT_MANAGER, watch_namespace="pay")
    text = yaml.safe_dump_all(render(settings))
    assert SYNCER_NAMESPACE not in text
    assert "drplan-plans" not in text


def test_the_image_is_that_of_this_version() -> None:
    from compiler.argo import RunnerConfig

    assert RunnerConfig().image == IMAGE
    assert yaml.safe_load((ROOT / "deploy/helm/drplan/Chart.yaml").read_text())["version"] == IMAGE.rpartition(":")[2]


def test_the_chart_and_the_definitions_are_what_would_be_written_now() -> None:
    assert main(["--check"]) == 0
    assert definitions().count("\nkind: CustomResourceDefinition\n") == 4


def test_what_no_condition_tells_apart_is_not_written_into_the_chart() -> None:
    every = list(variants())
    some = [variant for variant in every if variant[1] == 2 or variant[3]]
    with pytest.raises(ValueError, match="no condition tells"):
        condition(some, every)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("namePrefix: x-\n", "namePrefix is not understood"),
        ("patches:\n- {target: {kind: Service}, patch: '{spec: {}}'}\n", "neither a JSON patch nor a deletion"),
        (
            "patches:\n- {target: {kind: Service}, patch: '[{op: remove, path: /spec/gone}]'}\n",
            "there is no /spec/gone in Service",
        ),
        (
            "patches:\n- {target: {kind: Service}, patch: '[{op: test, path: /kind, value: Pod}]'}\n",
            "test /kind does not hold",
        ),
    ],
)
def test_a_kustomization_that_only_kustomize_would_understand_is_refused(
    said: str, problem: str, tmp_path: Path
) -> None:
    (tmp_path / "kustomization.yaml").write_text(said)
    with pytest.raises(KustomizationError, match=problem):
        build(ROOT / "deploy" / "syncer", [tmp_path])


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--namespace=", "must not be empty"),
        ("--namespace=Recovery", '"Recovery" is no name of a namespace'),
        ("--watch-namespace=a b", '"a b" is no name of a namespace'),
        ("--runner-namespace=-", '"-" is no name of a namespace'),
        ("--image=a b", '"a b" is no name of an image'),
        ("--replicas=0", "is not in the range"),
        ("--webhooks=certmanager", "'certmanager' is not one of"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_name(option: str, problem: str) -> None:
    called = drplan("install", option)
    assert called.code == 1
    assert called.out == ""
    assert problem in called.err


def test_the_namespace_and_our_kinds_come_before_what_needs_them() -> None:
    kinds = [value["kind"] for value in drplan("install", "--runner-namespace=pay").documents]
    assert kinds[:5] == ["Namespace", *["CustomResourceDefinition"] * 4]
    assert "CustomResourceDefinition" not in kinds[5:]
    assert "CustomResourceDefinition" not in [value["kind"] for value in drplan("install", "--no-crds").documents]
