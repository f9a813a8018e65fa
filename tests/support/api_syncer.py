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
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from compiler.model.names import (
    ANNOTATION_FENCE,
    API_VERSION,
    KIND_EXECUTION,
    KIND_RECORD,
    LABEL_EXECUTION,
    LABEL_EXECUTION_UID,
    LABEL_PLAN,
    LABEL_RESULT,
    LABEL_STAGE,
    record_name,
)
from support import plans
from support.api_admin import Administrator, Object, path_of, until
from support.api_faults import Victim
from support.api_proxy import Certificate, Proxy, Upstream
from support.command import ROOT
from support.trees import Argo

ROLE = ROOT / "deploy" / "syncer" / "role.yaml"
RUNNER_ROLE = ROOT / "deploy" / "runner" / "role.yaml"
ACCOUNT = "drplan-syncer"
_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_STOP_SECONDS = 20.0


class SyncerBench:
    """A namespace in which a syncer lives and works: its Lease, its service account, plans and executions."""

    def __init__(self, administrator: Administrator, certificate: Certificate, folder: Path) -> None:
        self.administrator = administrator
        self.namespace = f"syncer-{uuid.uuid4().hex[:8]}"
        self.folder = folder
        self._certificate = certificate
        self._stack = ExitStack()
        self._number = 0

    def __enter__(self) -> SyncerBench:
        ask = self.administrator
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
        self.administrator.delete("Namespace", "", self.namespace)

    # --- the syncer

    def proxy(self) -> Proxy:
        """A proxy to the API server that ends with this."""
        upstream = Upstream(self.administrator.bed.state.port, self.administrator.bed.authority.ca)
        return self._stack.enter_context(Proxy(upstream, self._certificate))

    def start(self, *flags: str, proxy: Proxy | None = None, victim: Victim | None = None) -> Syncer:
        """Start a syncer that works in this namespace only; `victim` gets to know its pid."""
        self._number += 1
        stem = self.folder / f"syncer-{self._number}"
        port = proxy.port if proxy else self.administrator.bed.state.port
        authority = proxy.authority if proxy else self.administrator.bed.authority.ca
        kubeconfig = stem.with_suffix(".kubeconfig")
        kubeconfig.write_text(json.dumps(_kubeconfig(port, authority, self._token)))
        syncer = Syncer(kubeconfig, self.namespace, flags, stem.with_suffix(".log"))
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
        ready = {"status": {"phase": "Ready"}}
        path = _path("drplans", self.namespace) + f"/{name}/status"
        self.administrator.ask("PATCH", path, ready, content_type=_MERGE)

    def execute(self, name: str, *, plan: str = "pay", **spec: Any) -> Object:
        """Create an execution."""
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

        until(lambda: self.exists(name) and uid(), f"{name} to be bound to its Workflow", seconds=60)
        fence = json.loads(self.execution(name)["metadata"]["annotations"][ANNOTATION_FENCE])
        return ArgoRun(self, name, fence["workflow"])

    def submit(self, plan: str) -> ArgoRun:
        """Submit the Workflow of a plan without an execution, as `argo submit` does."""
        from compiler.argo import compile_workflow
        from compiler.graph import build
        from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id
        from compiler.model.plan import DRPlan
        from compiler.model.workflow import DRWorkflow

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


class Syncer:
    """A process."""

    def __init__(self, kubeconfig: Path, namespace: str, flags: tuple[str, ...], log: Path) -> None:
        self.log = log
        self.port = _free_port()
        command = [
            *(sys.executable, "-m", "drplan", "syncer", "--log-level=debug"),
            *(f"--kubeconfig={kubeconfig}", f"--namespace={namespace}", f"--own-namespace={namespace}"),
            f"--metrics-address=127.0.0.1:{self.port}",
            *flags,
        ]
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=inherited, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.pid = self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it as a lost node would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_STOP_SECONDS)

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.wait(60)

    def lines(self) -> list[Object]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@dataclass(frozen=True)
class ArgoRun:
    """A Workflow that nobody runs, and what its pods would have left."""

    bench: SyncerBench
    execution: str
    name: str

    def get(self) -> Object | None:
        """The Workflow; None when there is none."""
        return self.bench.administrator.get("Workflow", self.bench.namespace, self.name)

    @property
    def spec(self) -> Object:
        """Its spec."""
        found = self.get()
        assert found is not None
        spec: Object = found["spec"]
        return spec

    def argo(self, phase: str, phases: Mapping[str, str] | None = None, message: str = "") -> None:
        """Let it have a status as Argo writes it, with a lane a workflow use."""
        made = Argo(self.name)
        uses: dict[str, dict[str, str]] = {}
        for key, end in (phases or {}).items():
            use, _, local = key.rpartition(".")
            uses.setdefault(use, {})[local] = end
        for use, containers in uses.items():
            ended = "Succeeded" if set(containers.values()) == {"Succeeded"} else "Failed"
            made.lane(use, containers, pod="Running" if "Running" in containers.values() else ended)
        status = made.workflow(phase, message)["status"]
        labels = {"workflows.argoproj.io/completed": "true" if phase in ("Succeeded", "Failed", "Error") else "false"}
        patch = {"metadata": {"labels": labels}, "status": {**status, "message": message or None}}
        self.bench.administrator.merge("Workflow", self.bench.namespace, self.name, patch)

    def change(self, spec: Object) -> None:
        """Merge a patch into its spec, as Argo's commands do."""
        self.bench.administrator.merge("Workflow", self.bench.namespace, self.name, {"spec": spec})

    def copy(self, name: str) -> ArgoRun:
        """Resubmit it under another name."""
        found = self.get()
        assert found is not None
        metadata = {"name": name, "labels": found["metadata"]["labels"]}
        made = {"kind": "Workflow", "metadata": metadata, "spec": found["spec"]}
        self.bench.administrator.create({"apiVersion": found["apiVersion"], **made}, namespace=self.bench.namespace)
        return ArgoRun(self.bench, self.execution, name)

    def delete(self) -> None:
        """Delete it by hand."""
        self.bench.administrator.delete("Workflow", self.bench.namespace, self.name)

    def record(self, key: str, phase: str, **state: Any) -> None:
        """Leave the record of an action as its runner does, or change it."""
        bench, execution = self.bench, self.bench.execution(self.execution)
        uid = execution["metadata"]["uid"]
        name = record_name(self.execution, uid, key)
        workflow = (self.get() or {"metadata": {"uid": "gone"}})["metadata"]["uid"]
        times = {"startTime": "2026-01-01T00:00:00.000Z"}
        if phase != "Started":
            times["completionTime"] = "2026-01-01T00:00:01.000Z"
        written = {"epoch": 1, "run": 1, **times, **state, "phase": phase}
        if bench.administrator.get(KIND_RECORD, bench.namespace, name) is not None:
            patch = {"metadata": {"labels": {LABEL_RESULT: phase}}, "state": written}
            bench.administrator.merge(KIND_RECORD, bench.namespace, name, patch)
            return
        labels = {
            LABEL_EXECUTION: self.execution,
            LABEL_EXECUTION_UID: uid,
            LABEL_PLAN: execution["spec"]["planRef"],
            LABEL_STAGE: key.partition(".")[0],
            LABEL_RESULT: phase,
        }
        value = {
            "apiVersion": API_VERSION,
            "kind": KIND_RECORD,
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "schemaVersion": 1,
                "execution": {"name": self.execution, "uid": uid},
                "workflow": {"name": self.name, "uid": workflow},
                "key": key,
                "direction": "Revert" if execution["spec"]["operationType"] == "Revert" else "Forward",
                "action": {"name": key, "type": "HTTP", "operation": "POST"},
                "specHash": "0" * 64,
            },
            "state": written,
        }
        bench.administrator.create(value, namespace=bench.namespace)

    def record_without_execution(self, key: str, phase: str) -> None:
        """Leave the record of an action as its runner does while nobody has made an execution for the Workflow."""
        found = self.get()
        assert found is not None
        uid = found["metadata"]["uid"]
        value = {
            "apiVersion": API_VERSION,
            "kind": KIND_RECORD,
            "metadata": {"name": record_name(self.name, uid, key), "labels": {LABEL_PLAN: "pay", LABEL_RESULT: phase}},
            "spec": {
                "schemaVersion": 1,
                "execution": {"name": "", "uid": ""},
                "workflow": {"name": self.name, "uid": uid},
                "key": key,
                "direction": "Forward",
                "action": {"name": key, "type": "HTTP", "operation": "POST"},
                "specHash": "0" * 64,
            },
            "state": {"epoch": 1, "run": 1, "startTime": "2026-01-01T00:00:00.000Z", "phase": phase},
        }
        self.bench.administrator.create(value, namespace=self.bench.namespace)

    def record_state(self, key: str) -> Object:
        """State of the record of an action."""
        uid = self.bench.execution(self.execution)["metadata"]["uid"]
        name = record_name(self.execution, uid, key)
        found = self.bench.administrator.get(KIND_RECORD, self.bench.namespace, name)
        assert found is not None
        state: Object = found["state"]
        return state

    @property
    def fence(self) -> Object:
        """The fence of its execution."""
        fence: Object = json.loads(self.bench.execution(self.execution)["metadata"]["annotations"][ANNOTATION_FENCE])
        return fence


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


def _kubeconfig(port: int, authority: Path, token: str) -> Object:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
