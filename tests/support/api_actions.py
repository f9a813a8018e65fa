"""Actions that change Kubernetes objects, run forward and undone by real runners at a real API server.

bench = ActionBench(room)
bench.grant("configmaps")
forward = bench.forward(resource("Create", manifest))
assert forward.phase == "Succeeded"
bench.revert(forward)
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from support import rights
from support.api_admin import Administrator, Object
from support.api_faults import Victim
from support.api_runner import ACCOUNT, Room, Run
from support.runner_bench import ROOT, Process

KEY = "s1.w1.a1"
VERBS = ("get", "create", "patch", "delete")
RESOURCES = ("configmaps", "secrets", "services", "deployments.apps")
SECRETS_ROLE = ROOT / "deploy" / "runner" / "secrets-role.yaml"
_OF_THE_SERVER = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation")


def action(kind: str, name: str, operation: str, block: Mapping[str, Any], **changes: Any) -> Object:
    """Make the spec of an action; `changes` replaces top-level fields."""
    return {
        "v": 1,
        "name": "change",
        "stage": "db",
        "workflow": "mysql",
        "namespace": "dr",
        "type": kind,
        "operation": operation,
        "after": [],
        "policy": "FailFast",
        "needs": "Finished",
        "timeout": 30.0,
        "retry": {"limit": 2, "interval": 0.05, "multiplier": 2.0},
        "idempotent": True,
        "waitReady": False,
        "rollback": False,
        name: {"operation": operation, **block},
        "holes": [],
        **changes,
    }


def resource(operation: str, *objects: Mapping[str, Any], **changes: Any) -> Object:
    """Make the spec of a KubernetesResource action."""
    manifest = "---\n".join(yaml.dump(dict(one)) for one in objects)
    return action("KubernetesResource", "resource", operation, {"manifest": manifest}, **changes)


@dataclass(frozen=True)
class Done:
    """An action that was run to its end.

    Attributes:
        run: the run that it was part of.
        spec: what it was told to do.
        code: exit code of its runner.
        output: what its runner printed.
    """

    run: Run
    spec: Object
    code: int
    output: str

    @property
    def state(self) -> Object:
        """State of its record."""
        return self.run.state(KEY)

    @property
    def phase(self) -> str:
        """How it ended."""
        return str(self.state["phase"])

    @property
    def reason(self) -> str:
        """Why, for programs."""
        return str(self.state.get("reason", ""))

    @property
    def message(self) -> str:
        """Why, for people."""
        return str(self.state["message"])


def config(name: str = "settings", *, labels: Mapping[str, str] | None = None, **data: str) -> Object:
    """Make a config map."""
    metadata: Object = {"name": name}
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def secret(name: str = "password", **data: str) -> Object:
    """Make a Secret of texts."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}


def deployment(replicas: int = 2) -> Object:
    """Make a deployment; its status is for a test to write, since no controller runs."""
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "drplan.local/web"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def content(obj: Object | None) -> Object | None:
    """Return what of an object does not change by itself, for comparing two states of it."""
    if obj is None:
        return None
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _OF_THE_SERVER}
    return {**obj, "metadata": metadata}


def assert_succeeded(done: Done) -> None:
    """Check that an action ended well; shows all there is to know when it did not."""
    assert (done.code, done.phase) == (0, "Succeeded"), f"{done.state}\n{done.output}"


class ActionBench:
    """A room in which actions are run.

    Attributes:
        room: the room.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self._runs = 0

    @property
    def administrator(self) -> Administrator:
        """The API server."""
        return self.room.administrator

    def granted(self) -> ActionBench:
        """Give the runner rights on objects of some kinds of the room."""
        self.grant(*RESOURCES)
        return self

    def grant(self, *resources: str) -> None:
        """Give the runner the rights that actions need on resources, written as `deployments.apps`; once a room."""
        rules = [rights.rule(resource, *VERBS) for resource in resources]
        rights.grant(self.administrator, *rules, to=self.room.namespace)

    def grant_everywhere(self, *resources: str, verbs: Sequence[str] = VERBS) -> None:
        """Give it those rights on resources without a namespace, or in all of them; once a room."""
        rules = [rights.rule(resource, *verbs) for resource in resources]
        name = f"{rights.NAME}-{self.room.namespace}"
        role = {
            "apiVersion": f"{rights.GROUP}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": rules,
        }
        binding = {
            "apiVersion": f"{rights.GROUP}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": rights.GROUP, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.room.namespace}],
        }
        for value in (role, binding):
            self.administrator.create(value)
        rights.await_rules(self.administrator, rules, to=self.room.namespace, namespace="")

    def grant_secrets_role(self) -> None:
        """Give it the opt-in Role for Secrets."""
        for value in yaml.load_all(SECRETS_ROLE.read_text(), yaml.CSafeLoader):
            self.administrator.create(value, namespace=self.room.namespace)
        namespace = self.room.namespace
        rights.await_rules(self.administrator, [rights.rule("secrets", "create")], to=namespace, namespace=namespace)

    def run(self) -> Run:
        """Make an execution of its own."""
        self._runs += 1
        return self.room.run(f"pay-{self._runs}")

    def placed(self, spec: Mapping[str, Any]) -> Object:
        """Return a spec whose plan is in this room."""
        return {**spec, "namespace": self.room.namespace}

    def start(
        self,
        spec: Mapping[str, Any],
        run: Run,
        *flags: str,
        pod: str = "pod-1",
        port: int | None = None,
        victim: Victim | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """Start the runner of an action."""
        made = run.pod(pod, port=port)
        return made.start(KEY, self.placed(spec), *flags, victim=victim, environment=environment)

    def forward(self, spec: Mapping[str, Any], run: Run | None = None, **options: Any) -> Done:
        """Run an action to its end."""
        run = run or self.run()
        process = self.start(spec, run, **options)
        return Done(run, dict(spec), process.wait(60), process.output)

    def revert(self, forward: Done, run: Run | None = None, **options: Any) -> Done:
        """Undo an action, as a compiled revert does: with its spec, and the name of its record."""
        run = run or self.run()
        flags = ("--direction=revert", f"--undo={forward.run.record_name(KEY)}")
        process = self.start(forward.spec, run, *flags, **options)
        return Done(run, forward.spec, process.wait(60), process.output)

    def get(self, kind: str, name: str) -> Object | None:
        """Read an object of the room."""
        return self.administrator.get(kind, self.room.namespace, name)

    def data(self, name: str = "settings") -> Any:
        """Data of a config map of the room; None when there is none."""
        found = self.get("ConfigMap", name)
        return None if found is None else found.get("data")

    def create(self, value: Mapping[str, Any]) -> Object:
        """Create an object in the room, as somebody else."""
        return self.administrator.create(value, namespace=self.room.namespace)

    def change(self, kind: str, name: str, patch: Mapping[str, Any], *, part: str = "") -> Object:
        """Change an object of the room, as somebody else."""
        return self.administrator.merge(kind, self.room.namespace, name, patch, part=part)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object of the room, as somebody else."""
        self.administrator.delete(kind, self.room.namespace, name)
