"""An installation as people make it: `drplan install`, a run that is reviewed and carried out, `drplan uninstall`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from compiler.model.names import ANNOTATION_CANCEL, ANNOTATION_PAUSE, ANNOTATION_REQUESTED_BY, FINALIZER_EXECUTION
from drplan.install.removal import installed
from drplan.install.settings import NAMESPACE, Settings
from support.api_syncer import ACCOUNT, condition
from support.command import ROOT, Called, drplan, process
from support.local import wait_until
from support.plans import execution, http, plan, stage, workflow
from support.rbac_audit import audited

pytestmark = pytest.mark.bed

Object = dict[str, Any]

KINDS = ("drplans", "drworkflows", "drplanexecutions", "dractionrecords")
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


class Installation:
    """What `drplan install` made of a cluster, for plans of a namespace."""

    def __init__(self, cluster: Any, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.manifests = drplan("install", f"--runner-namespace={namespace}").out

    def apply(self) -> None:
        self.cluster.kubectl("apply", "--server-side", "-f", "-", given=self.manifests)

    def uninstall(self, *options: str) -> Called:
        runners = f"--runner-namespace={self.namespace}"
        return process("uninstall", runners, *options, KUBECONFIG=str(self.cluster.kubeconfig))

    def create(self, made: Object) -> None:
        made = {**made, "metadata": {**made["metadata"], "namespace": self.namespace}}
        self.cluster.kubectl("create", "-f", "-", given=json.dumps(made))

    def execution(self, name: str) -> Object:
        found: Object = self.cluster.get("drplanexecution", name, "-n", self.namespace)
        return found

    def annotate(self, name: str, annotation: str) -> None:
        self.cluster.kubectl("annotate", "drplanexecution", name, "-n", self.namespace, f"{annotation}=true")

    def until_recorded(self, name: str) -> Object:
        def status() -> Object:
            found: Object = self.execution(name).get("status") or {}
            return found

        wait_until(lambda: condition(status(), "Recorded") is not None, seconds=120)
        return status()

    def left(self) -> list[str]:
        """What is still there of all that an installation may consist of."""
        found = []
        for api_version, kind, namespace, name in installed(Settings(runner_namespaces=(self.namespace,))):
            if not api_version.startswith("cert-manager.io/"):
                group, _, _ = api_version.rpartition("/")
                place = ["-n", namespace] if namespace else []
                kinds = f"{kind}.v1.{group}" if group else kind
                found.append(self.cluster.kubectl("get", kinds, name, *place, "-o", "name", "--ignore-not-found"))
        return [each.strip() for each in found if each.strip()]


@pytest.fixture
def installation(cluster: Any, namespace: str, site: str) -> Iterator[Installation]:
    made = Installation(cluster, namespace)
    # The site ran before; all that runs from now on has to do with the least.
    cluster.kubectl("label", "namespace", namespace, RESTRICTED)
    with ExitStack() as stack:
        stack.callback(cluster.kubectl, "apply", "--server-side", "-f", str(ROOT / "crds"))
        stack.callback(made.uninstall, "--force", "--with-plans")
        if cluster.audit_log is not None:
            stack.enter_context(audited(cluster.audit_log, namespace=NAMESPACE, account=ACCOUNT))
        made.apply()
        cluster.kubectl("rollout", "status", "-n", NAMESPACE, "deployment/drplan-syncer", "--timeout=120s")
        yield made


def test_what_is_installed_reviews_and_carries_out_plans_and_goes_without_a_trace(
    installation: Installation, cluster: Any, site: str, tmp_path: Path
) -> None:
    # Applied again: nothing is different.
    cluster.kubectl("diff", "--server-side", "-f", "-", given=installation.manifests)

    # The webhooks are reached through their Service, with a certificate that the API server has come to trust.
    switch = workflow("dns", http("switch", f"{site}/do/switch", method="PUT"))
    installation.create(switch)
    with pytest.raises(AssertionError, match=r"denied the request: validation failed: .*duplicate stage name 'dns'"):
        installation.create(plan(stage("dns", "dns"), stage("dns", "dns")))
    installation.create(plan(stage("dns", "dns")))
    cluster.kubectl("wait", "drplan/pay", "-n", installation.namespace, "--for=condition=Ready", "--timeout=60s")

    installation.create(execution("pay-1"))
    done = installation.until_recorded("pay-1")
    assert done["phase"] == "Succeeded", done
    assert installation.execution("pay-1")["metadata"]["annotations"][ANNOTATION_REQUESTED_BY]

    # While something is not over, nothing goes.
    paused = execution("pay-2")
    paused["metadata"]["annotations"] = {ANNOTATION_PAUSE: "true"}
    installation.create(paused)
    wait_until(lambda: FINALIZER_EXECUTION in installation.execution("pay-2")["metadata"].get("finalizers", ()))
    refused = installation.uninstall()
    assert refused.code == 1
    assert refused.err.startswith(f"DRPlanExecution {installation.namespace}/pay-2 is ")
    assert refused.out == ""
    cluster.kubectl("get", "deployment", "drplan-syncer", "-n", NAMESPACE)

    installation.annotate("pay-2", ANNOTATION_CANCEL)
    assert installation.until_recorded("pay-2")["phase"] == "Cancelled"
    gone = installation.uninstall()
    assert gone.code == 0, gone.err
    assert f"finalizer removed from DRPlanExecution {installation.namespace}/pay-1\n" in gone.out
    assert "which is" not in gone.out
    assert installation.left() == []
    for name in ("pay-1", "pay-2"):
        assert not installation.execution(name)["metadata"].get("finalizers")

    assert installation.uninstall("--with-plans").code == 0
    served = cluster.kubectl("get", "crd", "-o", "name")
    assert [kind for kind in KINDS if f"/{kind}." in served] == []
