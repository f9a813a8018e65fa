"""The syncer as a process at a real API server, with its service account and Role, and what Argo and runners would do.

with SyncerBench(administrator, certificate, folder) as bench:
    bench.plan(stage("db", "mysql"), workflow("mysql", http("promote")))
    syncer = bench.start()
    bench.execute("pay-1")
    run = bench.bound("pay-1")                      # its Workflow is there and bound
    run.record("s1.w1.a1", "Succeeded")
    run.argo("Succeeded")
    bench.until_phase("pay-1", "Succeeded")

No node runs anything: the status of a Workflow is written by the test, as data that Argo was seen to write.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from compiler.model.names import (
    ANNOTATION_FENCE,
    API_VERSION,
    KIND_EXECUTION,
    KIND_PLAN,
)
from support import plans
from support.api_admin import Administrator, Object, path_of, until
from support.api_faults import Victim
from support.api_proxy import Certificate, Proxy, Upstream
from support.command import ROOT
from support.syncer_process import Starter, Syncer, kubeconfig_of
from support.syncer_runs import ArgoRun

ROLE = ROOT / "deploy" / "syncer" / "role.yaml"
RUNNER_ROLE = ROOT / "deploy" / "runner" / "role.yaml"
ACCOUNT = "drplan-syncer"
_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


class SyncerBench:
    """A namespace in which a syncer lives and works: its Lease, its service account, plans and executions.

    Args:
        administrator: the API server.
        certificate: what proxies show.
        folder: where kubeconfigs and logs are kept.
        zygote: what starts the syncers; None to start each from the command line.
        namespace: a namespace that is there and stays; empty for a new one.
    """

    def __init__(
        self,
        administrator: Administrator,
        certificate: Certificate,
        folder: Path,
        *,
        zygote: Starter | None = None,
        namespace: str = "",
    ) -> None:
        self.administrator = administrator
        self.namespace = namespace or f"syncer-{uuid.uuid4().hex[:8]}"
        self._is_new = not namespace
        self.folder = folder
        self.certificate = certificate
        self._zygote = zygote
        self._stack = ExitStack()
        self._number = 0

    def __enter__(self) -> SyncerBench:
        ask = self.administrator
        if self._is_new:
            ask.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        for value in yaml.load_all(ROLE.read_text(), yaml.CSafeLoader):
            self._grant(value)
        for value in yaml.load_all(RUNNER_ROLE.read_text(), yaml.CSafeLoader):
            ask.create(value, namespace=self.namespace)
        path = path_of("ServiceAccount", self.namespace, ACCOUNT) + "/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        self._token = ask.ask("POST", path, request)["status"]["token"]
        until(self._is_allowed, "the service account's rights to be known")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        for each in self.administrator.list(KIND_EXECUTION, self.namespace):
            self.tear_off_finalizers(each["metadata"]["name"])
        self.administrator.ask("DELETE", f"{_BINDINGS}/{self.namespace}")
        if self._is_new:
            self.administrator.delete("Namespace", "", self.namespace)

    # --- the syncer

    def proxy(self) -> Proxy:
        """A proxy to the API server that ends with this."""
        upstream = Upstream(self.administrator.bed.state.port, self.administrator.bed.authority.ca)
        return self._stack.enter_context(Proxy(upstream, self.certificate))

    def start(self, *flags: str, proxy: Proxy | None = None, victim: Victim | None = None) -> Syncer:
        """Start a syncer that works in this namespace only; `victim` gets to know its pid."""
        self._number += 1
        stem = self.folder / f"syncer-{self._number}"
        port = proxy.port if proxy else self.administrator.bed.state.port
        authority = proxy.authority if proxy else self.administrator.bed.authority.ca
        kubeconfig = stem.with_suffix(".kubeconfig")
        kubeconfig.write_text(json.dumps(kubeconfig_of(port, authority, self._token)))
        syncer = Syncer(kubeconfig, self.namespace, flags, stem.with_suffix(".log"), zygote=self._zygote)
        self._stack.callback(syncer.kill)
        if victim is not None:
            victim.pid = syncer.pid
        return syncer

    def forget_leader(self) -> None:
        """Do what time would: a Lease whose holder was killed expires."""
        for name in (ACCOUNT, "65498215.bkbcs.tencent.com"):
            path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{name}"
            self.administrator.ask("PATCH", path, {"spec": {"holderIdentity": ""}}, content_type=_MERGE)

    # --- plans and executions

    def plan(
        self, *stages: Object, name: str = "pay", workflows: list[Object], ready: bool = True, **spec: Any
    ) -> None:
        """Create a plan and its workflows."""
        for each in workflows:
            self.administrator.ask("POST", _path("drworkflows", self.namespace), _placed(each, self.namespace))
        made = _placed(plans.plan(*stages, name=name, **spec), self.namespace)
        self.administrator.ask("POST", _path("drplans", self.namespace), made)

    def is_ready(self, plan: str = "pay") -> bool:
        """Whether the syncer has found a plan to be valid."""
        return (condition(self.plan_status(plan), "Ready") or ("", ""))[0] == "True"

    def execute(self, name: str, *, plan: str = "pay", **spec: Any) -> Object:
        """Create an execution, as soon as its plan is ready, if there is such a plan."""
        if self.administrator.get(KIND_PLAN, self.namespace, plan) is not None:
            until(lambda: self.is_ready(plan), f"plan {plan} to be ready", seconds=60)
        made = _placed(plans.execution(name, plan=plan, **spec), self.namespace)
        return self.administrator.create(made, namespace=self.namespace)

    def revert(self, name: str, target: str, **spec: Any) -> Object:
        """Create an execution that reverts another."""
        return self.execute(name, operationType="Revert", revertExecutionRef=target, **spec)

    def execution(self, name: str) -> Object:
        """An execution as it is now."""
        found = self.administrator.get(KIND_EXECUTION, self.namespace, name)
        assert found is not None, f"there is no execution {name}"
        return found

    def status(self, name: str) -> Object:
        """Status of an execution."""
        status: Object = self.execution(name).get("status") or {}
        return status

    def plan_status(self, name: str = "pay") -> Object:
        """Status of a plan."""
        path = _path("drplans", self.namespace) + f"/{name}"
        status: Object = self.administrator.ask("GET", path).get("status") or {}
        return status

    def history(self, plan: str = "pay") -> list[tuple[str, str, str]]:
        """Name, operation and phase of what a plan remembers, newest first."""
        entries = self.plan_status(plan).get("executionHistory") or ()
        return [(each["name"], each["operationType"], each["phase"]) for each in entries]

    def annotate(self, name: str, **annotations: str | None) -> None:
        """Set annotations of ours; None removes one."""
        given = {f"dr.bkbcs.tencent.com/{key}": value for key, value in annotations.items()}
        self.administrator.merge(KIND_EXECUTION, self.namespace, name, {"metadata": {"annotations": given}})

    def delete(self, name: str) -> None:
        """Ask for the deletion of an execution."""
        self.administrator.delete(KIND_EXECUTION, self.namespace, name)

    def exists(self, name: str) -> bool:
        """Whether an execution exists."""
        return self.administrator.get(KIND_EXECUTION, self.namespace, name) is not None

    def tear_off_finalizers(self, name: str) -> None:
        """Remove all finalizers of an execution."""
        self.administrator.merge(KIND_EXECUTION, self.namespace, name, {"metadata": {"finalizers": []}})

    def until_phase(self, name: str, phase: str, *, seconds: float = 60.0) -> Object:
        """Wait until an execution has a phase, and for a terminal one until that is recorded."""

        def there() -> bool:
            status = self.status(name)
            if status.get("phase") != phase:
                return False
            begun = bool(status.get("workflowRef"))
            ended = phase not in ("Pending", "Running")
            return not ended or not begun or condition(status, "Recorded") is not None

        try:
            until(there, f"{name} to be {phase}", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: it is {json.dumps(self.execution(name).get('status'))[:2000]}") from None
        return self.status(name)

    # --- what others do

    def bound(self, name: str) -> ArgoRun:
        """The Workflow of an execution, as soon as it is bound to it."""

        def uid() -> str:
            text = (self.execution(name)["metadata"].get("annotations") or {}).get(ANNOTATION_FENCE)
            return str(json.loads(text)["workflowUID"]) if text else ""

        try:
            until(lambda: self.exists(name) and uid(), f"{name} to be bound to its Workflow", seconds=60)
        except AssertionError as error:
            found = self.status(name) if self.exists(name) else "gone"
            raise AssertionError(f"{error}: it is {json.dumps(found)[:2000]}") from None
        fence = json.loads(self.execution(name)["metadata"]["annotations"][ANNOTATION_FENCE])
        return ArgoRun(self, name, fence["workflow"])

    def submit(self, plan: str) -> ArgoRun:
        """Submit the Workflow of a plan without an execution, as `argo submit` does."""
        from compiler.argo import compile_workflow
        from compiler.graph import build
        from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id
        from compiler.model.plan import DRPlan
        from compiler.model.workflow import DRWorkflow

        until(lambda: self.is_ready(plan), f"plan {plan} to be ready", seconds=60)
        found = self.administrator.get(KIND_PLAN, self.namespace, plan)
        workflows = self.administrator.list("DRWorkflow", self.namespace)
        snapshot = Snapshot(
            plan=DRPlan.read(found),
            workflows=by_id(map(DRWorkflow.read, workflows)),
            execution=ExecutionInput(namespace=self.namespace),
        )
        made = compile_workflow(build(snapshot)).workflow
        self.administrator.create(made, namespace=self.namespace)
        return ArgoRun(self, made["metadata"]["name"], made["metadata"]["name"])

    def events(self, name: str) -> set[str]:
        """Reasons of the Events about an object."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        found = self.administrator.ask("GET", path)["items"]
        return {each["reason"] for each in found if each["regarding"]["name"] == name}

    def workflows(self) -> list[Object]:
        """The Workflows there are."""
        return self.administrator.list("Workflow", self.namespace)

    def run_to_end(self, name: str, phases: Mapping[str, str]) -> Object:
        """Have an execution's Workflow run, its actions come to these phases, and wait for the end to be recorded."""
        run = self.bound(name)
        for key, phase in phases.items():
            run.record(key, phase)
        good = all(phase == "Succeeded" for phase in phases.values())
        run.argo("Succeeded" if good else "Failed", phases)
        until(lambda: condition(self.status(name), "Recorded"), f"the end of {name} to be recorded", seconds=60)
        return self.status(name)

    def _grant(self, value: Object) -> None:
        value = json.loads(json.dumps(value).replace('"drplan-system"', json.dumps(self.namespace)))
        kind, name = value["kind"], value["metadata"]["name"]
        if kind == "ClusterRole":
            path = f"{path_of(kind, '', name)}?fieldManager=drplan-tests&force=true"
            self.administrator.ask("PATCH", path, value, content_type="application/apply-patch+yaml")
        elif kind == "ClusterRoleBinding":
            value["metadata"]["name"] = self.namespace
            self.administrator.ask("POST", _BINDINGS, value)
        else:
            self.administrator.create(value, namespace=self.namespace)

    def _is_allowed(self) -> bool:
        attributes = {"verb": "watch", "group": "argoproj.io", "resource": "workflows"}
        user = f"system:serviceaccount:{self.namespace}:{ACCOUNT}"
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(self.administrator.ask("POST", path, review)["status"]["allowed"])


_MERGE = "application/merge-patch+json"


def condition(status: Object, kind: str) -> tuple[str, str] | None:
    """Status and reason of a condition; None when it is not there."""
    for each in status.get("conditions") or ():
        if each["type"] == kind:
            return each["status"], each["reason"]
    return None


def _path(plural: str, namespace: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{plural}"


def _placed(value: Object, namespace: str) -> Object:
    return {**value, "metadata": {**value["metadata"], "namespace": namespace}}
