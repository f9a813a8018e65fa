"""Whichever way people install, they get the same: the real Helm, the real kustomize and `drplan install` agree."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from support.command import ROOT
from support.installing import (
    DEPLOY,
    by_identity,
    drplan_install,
    helm_refuses,
    helm_template,
    kustomize,
    without_namespaces,
)

pytestmark = pytest.mark.bed

PAGE = (ROOT / "docs" / "install.md").read_text()


@pytest.mark.parametrize(
    ("overlay", "options", "values"),
    [
        ("self-signed", [], {}),
        ("cert-manager", ["--webhooks=cert-manager"], {"webhooks": "cert-manager"}),
        ("ha", ["--replicas=2"], {"replicas": 2}),
        ("network-policies", ["--network-policies"], {"networkPolicies": True}),
        ("namespaced", ["--watch-namespace=drplan-plans"], {"watchNamespace": "drplan-plans"}),
    ],
)
def test_an_overlay_is_what_options_and_values_of_the_same_meaning_make(
    overlay: str, options: list[str], values: dict[str, Any]
) -> None:
    built = kustomize(DEPLOY / "overlays" / overlay)

    assert drplan_install(*options) == built
    assert helm_template(values) == without_namespaces(built)


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (["--webhooks=none", "--no-crds"], {"webhooks": "none", "crds": False}),
        (
            [
                *("--webhooks=cert-manager", "--replicas=3", "--network-policies", "--watch-namespace=pay"),
                *("--image=registry.example:5000/dr/drplan@sha256:0a", "--priority-class=system-cluster-critical"),
                *("--log-level=debug", "--runner-namespace=pay", "--runner-namespace=shop"),
            ],
            {
                "webhooks": "cert-manager",
                "replicas": 3,
                "networkPolicies": True,
                "watchNamespace": "pay",
                "image": "registry.example:5000/dr/drplan@sha256:0a",
                "priorityClassName": "system-cluster-critical",
                "logLevel": "debug",
                "runnerNamespaces": ["pay", "shop"],
            },
        ),
        (
            ["--webhooks=none", "--replicas=2", "--watch-namespace=pay"],
            {"webhooks": "none", "replicas": 2, "watchNamespace": "pay"},
        ),
    ],
)
def test_values_of_the_chart_make_what_options_of_the_same_meaning_make(
    options: list[str], values: dict[str, Any]
) -> None:
    installed = drplan_install("--namespace=recovery", *options)

    assert helm_template(values, namespace="recovery") == without_namespaces(installed)


def test_the_kustomization_that_the_docs_show_makes_what_the_options_for_namespace_and_image_make(
    tmp_path: Path,
) -> None:
    # kustomize takes no absolute path for a base.
    base = Path("/".join(".." for _ in tmp_path.parts[1:]), *DEPLOY.parts[1:], "syncer")
    (shown,) = re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE)
    (tmp_path / "kustomization.yaml").write_text(textwrap.dedent(shown).replace("deploy/syncer", str(base)))

    built = kustomize(tmp_path).values()
    for value in built:
        if value["kind"].startswith("ValidatingAdmissionPolicy"):
            # kustomize takes them for namespaced, and the API server passes over it.
            del value["metadata"]["namespace"]
    assert by_identity(built) == drplan_install("--namespace=recovery", "--image=registry.example/drplan:2")


def test_what_the_chart_offers_beyond_the_options_reaches_the_pod() -> None:
    pod_values = {
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "dr", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "imagePullSecrets": [{"name": "registry"}],
    }
    rendered = helm_template({**pod_values, "podAnnotations": {"team": "dr"}, "runner": {"limits": "memory: 1Gi"}})

    template = rendered["Deployment", "drplan-system", "drplan-syncer"]["spec"]["template"]
    assert {key: template["spec"][key] for key in pod_values} == pod_values
    assert template["metadata"]["annotations"] == {"team": "dr"}
    config = rendered["ConfigMap", "drplan-system", "drplan-syncer-config"]["data"]
    assert config["limits"] == "memory: 1Gi"
    assert set(config) == {"image", "imagePullPolicy", "podSpecPatch", "limits"}


@pytest.mark.parametrize("values", [{"webhooks": "certmanager"}, {"replica": 2}, {"runner": {"image": "x"}}])
def test_helm_refuses_values_that_mean_nothing(values: dict[str, Any]) -> None:
    (name,) = values
    assert name in helm_refuses(values)
