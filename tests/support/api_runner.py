"""Real runners at a real API server, with the service account, the Role and the token that they have in a pod.

with Room(administrator, folder, name="dr") as room:
    run = room.run()                                   # an execution, its fence open
    runner = run.pod("pod-1").start(KEY, spec(url=site.url))
    assert runner.wait() == 0
    assert run.record(KEY)["state"]["phase"] == "Succeeded"

A runner's pod is its host name, a lane folder, and, where a test makes one, a Pod object that no node runs.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import urllib3
import yaml

from runner import vocabulary as words
from runner.naming import record_name, workflow_of
from runner.spec import spec_hash
from support.api_admin import AGENT, Administrator, Object, path_of, until
from support.api_faults import Victim
from support.api_proxy import Certificate, Proxy, Upstream
from support.runner_bench import QUICK, ROOT, Process

ACCOUNT = words.RUNNER_SERVICE_ACCOUNT
ROLE = ROOT / "deploy" / "runner" / "role.yaml"
UNHURRIED = {**QUICK, "DRPLAN_API_WAIT": "60s", "DRPLAN_LEASE": "60s"}
"""Waits that no load of the machine comes near; a test that is about one of them sets it."""

_AT_ONCE = 6
_TOKEN_SECONDS = 3600
_AS_POD = ("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"')


class Room:
    """A namespace with the runner's service account and Role, and a folder.

    Args:
        administrator: the API server.
        folder: where lanes, logs and credentials lie.
        name: name of the namespace.
        certificate: what proxies show; without one there are none.
        role: whether the service account has its Role.
    """

    def __init__(
        self,
        administrator: Administrator,
        folder: Path,
        *,
        name: str,
        certificate: Certificate | None = None,
        role: bool = True,
    ) -> None:
        self.administrator = administrator
        self.folder = folder
        self.namespace = name
        self._certificate = certificate
        self._role = role
        self._stack = ExitStack()
        self._started: list[Process] = []

    def __enter__(self) -> Room:
        self.administrator.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        objects = list(yaml.load_all(ROLE.read_text(), yaml.CSafeLoader))
        for value in objects if self._role else objects[:1]:
            self.administrator.create(value, namespace=self.namespace)
        self.account.mkdir()
        self.renew_token()
        authorities = [self.administrator.bed.authority.ca]
        if self._certificate is not None:
            authorities.append(self._certificate.authority)
        (self.account / "ca.crt").write_text("".join(path.read_text() for path in authorities))
        until(self._known, "the service account's token to be known")
        until(lambda: not self._role or self._allowed(), "the service account's Role to be known")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            if process.running:
                process.kill()
        self._stack.close()
        self.administrator.delete("Namespace", "", self.namespace)

    @property
    def account(self) -> Path:
        """Folder with the token and the certificate of the API server."""
        return self.folder / "account"

    @property
    def port(self) -> int:
        """Port of the API server itself."""
        return self.administrator.bed.state.port

    def renew_token(self) -> None:
        """Ask for a token and put it where runners read it, as the kubelet does."""
        path = path_of("ServiceAccount", self.namespace, ACCOUNT) + "/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_SECONDS},
        }
        token = self.administrator.ask("POST", path, request)["status"]["token"]
        aside = self.account / "token.new"
        aside.write_text(token)
        aside.rename(self.account / "token")

    def proxy(self) -> Proxy:
        """Start a proxy that ends with the room."""
        assert self._certificate is not None
        upstream = Upstream(self.port, self.administrator.bed.authority.ca)
        return self._stack.enter_context(Proxy(upstream, self._certificate))

    def run(self, name: str = "pay-execute-1", *, fenced: bool = True) -> Run:
        """Create an execution; its fence is open when it has one."""
        value = {
            "apiVersion": words.API_VERSION,
            "kind": words.KIND_EXECUTION,
            "metadata": {"name": name},
            "spec": {"planRef": "pay", "operationType": "Execute"},
        }
        made = self.administrator.create(value, namespace=self.namespace)
        run = Run(self, name, made["metadata"]["uid"], workflow=f"{name}-e1", workflow_uid=str(uuid.uuid4()))
        if fenced:
            run.fence()
        return run

    def break_glass(self, name: str = "pay-by-hand") -> Run:
        """Create an Argo Workflow that nobody made an execution for."""
        value = {
            "apiVersion": words.ARGO_API_VERSION,
            "kind": words.KIND_ARGO_WORKFLOW,
            "metadata": {"name": name},
            # Suspended: where there is a controller, it is not to run this.
            "spec": {"suspend": True, "entrypoint": "none", "templates": [{"name": "none", "suspend": {}}]},
        }
        made = self.administrator.create(value, namespace=self.namespace)
        return self.break_glass_of(name, uid=made["metadata"]["uid"])

    def break_glass_of(self, name: str, *, uid: str) -> Run:
        """Return the run of an Argo Workflow that is there already, or nowhere."""
        return Run(self, "", "", workflow=name, workflow_uid=uid)

    def started(self, process: Process) -> None:
        """Remember a process, to be ended with the room."""
        self._started.append(process)

    def _known(self) -> bool:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        token = (self.account / "token").read_text()
        headers = {"Authorization": f"Bearer {token}", "User-Agent": AGENT, "Content-Type": "application/json"}
        with urllib3.PoolManager(ca_certs=str(self.account / "ca.crt")) as pool:
            url = f"https://127.0.0.1:{self.port}/apis/authentication.k8s.io/v1/selfsubjectreviews"
            return pool.request("POST", url, body=json.dumps(review), headers=headers).status == 201

    def _allowed(self) -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{self.namespace}:{ACCOUNT}",
                "resourceAttributes": {
                    "namespace": self.namespace,
                    "verb": "get",
                    "group": words.GROUP,
                    "resource": words.EXECUTIONS,
                },
            },
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(self.administrator.ask("POST", path, review)["status"]["allowed"])


class Run:
    """One run: an execution and the Workflow that acts for it; without an execution when it is break-glass."""

    def __init__(self, room: Room, name: str, uid: str, *, workflow: str, workflow_uid: str) -> None:
        self.room = room
        self.name = name
        self.uid = uid
        self.workflow = workflow
        self.workflow_uid = workflow_uid

    def fence(self, **changes: Any) -> None:
        """Write the fence: open, but for `changes`."""
        fence = {
            "v": 1,
            "state": "Open",
            "epoch": 1,
            "run": 1,
            "workflow": self.workflow,
            "workflowUID": self.workflow_uid,
            "halts": [],
            **changes,
        }
        self.annotate(**{words.ANNOTATION_FENCE: json.dumps(fence)})

    def annotate(self, **annotations: str | None) -> None:
        """Set annotations of the execution; None removes one."""
        self.room.administrator.merge(
            words.KIND_EXECUTION, self.room.namespace, self.name, {"metadata": {"annotations": annotations}}
        )

    def pod(
        self,
        name: str,
        *,
        port: int | None = None,
        epoch: int = 1,
        workflow: str | None = None,
        workflow_uid: str | None = None,
        folder: Path | None = None,
    ) -> Pod:
        """Make a pod.

        Args:
            name: its name, without that of the Workflow.
            port: where it asks the API server, when not directly.
            epoch: epoch that its Workflow was compiled for.
            workflow: name of its Workflow, when not this run's.
            workflow_uid: the uid, likewise.
            folder: lane of another pod: for containers of that pod that ask the API server elsewhere.
        """
        run = {
            "namespace": self.room.namespace,
            "plan": "pay",
            "execution": self.name,
            "uid": self.uid,
            "epoch": epoch,
            "operation": "Execute",
            "mode": "",
        }
        bound = f"{workflow or self.workflow}/{workflow_uid or self.workflow_uid}"
        own = f"{self.workflow}-{name}"
        return Pod(self, own, run_file=run, workflow=bound, port=port or self.room.port, folder=folder)

    def record_name(self, key: str) -> str:
        """Name of the record of an action."""
        return record_name(self.name or self.workflow, self.uid or self.workflow_uid, key)

    def record(self, key: str) -> Object:
        """Read the record of an action."""
        found = self.room.administrator.get(words.KIND_RECORD, self.room.namespace, self.record_name(key))
        assert found is not None, f"there is no record of {key}"
        return found

    def state(self, key: str) -> Object:
        """Read the state of an action's record."""
        state: Object = self.record(key)["state"]
        return state

    def has_record(self, key: str) -> bool:
        """Whether an action has a record."""
        return self.room.administrator.get(words.KIND_RECORD, self.room.namespace, self.record_name(key)) is not None

    def change_record(self, key: str, patch: Mapping[str, Any]) -> None:
        """Change the record of an action by a merge patch."""
        self.room.administrator.merge(words.KIND_RECORD, self.room.namespace, self.record_name(key), patch)

    def put_record(self, key: str, what: Mapping[str, Any], **state: Any) -> None:
        """Create the record of an action as another pod would have."""
        phase = state.get("phase", "Started")
        value = {
            "apiVersion": words.API_VERSION,
            "kind": words.KIND_RECORD,
            "metadata": {
                "name": self.record_name(key),
                "labels": {
                    words.LABEL_EXECUTION_UID: self.uid,
                    words.LABEL_STAGE: key.partition(".")[0],
                    words.LABEL_RESULT: phase,
                },
            },
            "spec": {
                "schemaVersion": 1,
                "execution": {"name": self.name, "uid": self.uid},
                "workflow": {"name": self.workflow, "uid": self.workflow_uid},
                "key": key,
                "direction": "Forward",
                "action": {"name": what["name"], "type": what["type"], "operation": what["operation"]},
                "specHash": spec_hash(what),
            },
            "state": {"epoch": 1, "run": 1, "startTime": "2026-01-01T00:00:00.000Z", **state, "phase": phase},
        }
        self.room.administrator.create(value, namespace=self.room.namespace)


class Pod:
    """A lane: its folder, the name of its pod, and the runners in it."""

    def __init__(
        self, run: Run, name: str, *, run_file: Mapping[str, Any], workflow: str, port: int, folder: Path | None
    ) -> None:
        self.run = run
        self.name = name
        self.folder = folder or run.room.folder / name
        self._port = port
        self._about = run.room.folder / f"{name}-about"
        self._number = 0
        self.folder.mkdir(exist_ok=True)
        self._about.mkdir()
        (self._about / words.ABOUT_RUN).write_text(json.dumps(run_file))
        (self._about / words.ABOUT_WORKFLOW).write_text(workflow)

    def start(
        self,
        key: str,
        what: Mapping[str, Any],
        *flags: str,
        environment: Mapping[str, str] | None = None,
        victim: Victim | None = None,
    ) -> Process:
        """Start the runner of an action; `victim` gets to know its pid."""
        (self.folder / f"{workflow_of(key)}.lock").touch()  # nothing closes this lane, unless the test does
        return self.start_with(key, [f"--spec={json.dumps(what)}", *flags], environment=environment, victim=victim)

    def start_with(
        self,
        key: str,
        flags: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        victim: Victim | None = None,
    ) -> Process:
        """Start a runner with exactly these flags, besides those that every one needs."""
        self._number += 1
        stem = self.run.room.folder / f"{self.name}-{key}-{self._number}"
        log = stem.with_name(stem.name + ".termination")
        arguments = [key, *flags, f"--lane={self.folder}", f"--about={self._about}", f"--termination-log={log}"]
        process = Process(
            arguments,
            {**self._environment, **(environment or {})},
            stem.with_name(stem.name + ".log"),
            log,
            through=[*_AS_POD, self.name],
        )
        if victim is not None:
            victim.pid = process.pid
        self.run.room.started(process)
        return process

    @cached_property
    def _environment(self) -> Mapping[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return {
            **inherited,
            **UNHURRIED,
            words.ENV_SERVICE_ACCOUNT: str(self.run.room.account),
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self._port),
        }

    def result(self, key: str) -> Object:
        """Read the lane file of an action."""
        value: Object = json.loads((self.folder / f"{key}.json").read_text())
        return value

    def has_result(self, key: str) -> bool:
        """Whether an action has left its lane file."""
        return (self.folder / f"{key}.json").exists()

    def exists(self) -> None:
        """Create its Pod object, which no node runs: its runners may be alive, as far as the API server knows."""
        spec = {
            "serviceAccountName": ACCOUNT,
            "automountServiceAccountToken": False,
            "schedulerName": "nobody",
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": "drplan.local/none"}],
        }
        value = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name}, "spec": spec}
        self.run.room.administrator.create(value, namespace=self.run.room.namespace)

    def ends(self, phase: str) -> None:
        """Let its Pod object say that it has ended."""
        administrator, namespace = self.run.room.administrator, self.run.room.namespace
        administrator.merge("Pod", namespace, self.name, {"status": {"phase": phase}}, part="/status")

    def vanishes(self) -> None:
        """Delete its Pod object."""
        self.run.room.administrator.delete("Pod", self.run.room.namespace, self.name)


def at_once(*scenarios: Callable[[], object]) -> None:
    """Run scenarios that are independent of each other at the same time; every failure is told."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ends = [pool.submit(scenario) for scenario in scenarios]
    failures = [error for end in ends if (error := end.exception()) is not None]
    if failures:
        raise BaseExceptionGroup("scenarios failed", failures) if len(failures) > 1 else failures[0]
