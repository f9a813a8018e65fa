"""Runs on a real Argo: the API server as tests call it, and an execution that is driven from outside.

A driver does what the engine does for its own runs: it writes the fence, opens and binds it, posts halts as soon as a
record says Failed, and closes it. What decides is the same pure functions, and so is the fold.
"""

from __future__ import annotations

import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import Configuration
from kubernetes.config import load_kube_config

from compiler.argo import ExecutionRef, RunnerConfig, compile_workflow
from compiler.graph import build
from compiler.graph.parameters import resolved_parameters
from compiler.graph.snapshot import Snapshot
from compiler.model.names import ANNOTATION_FENCE, API_VERSION, LABEL_EXECUTION_UID
from support import plans
from support.differential import SERVED
from support.differential_site import site_source
from syncer.decide.fence import Fence
from syncer.decide.finish import endings
from syncer.decide.halts import halts
from syncer.fold import fold
from syncer.fold.evidence import gather
from syncer.nodes import ArgoPhase, NodeType, read_workflow
from syncer.records import BAD, by_key, state_of

SITE_PORT = 8080
_EXIT_CODE = re.compile(r"\(exit code (\d+)\)")

Object = dict[str, Any]


class Api:
    """The API server that a kubeconfig names."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        found = Configuration()
        load_kube_config(str(kubeconfig), client_configuration=found)
        self._url = found.host
        trusted = ssl.create_default_context(cafile=found.ssl_ca_cert)
        trusted.load_cert_chain(found.cert_file, found.key_file)
        https = urllib.request.HTTPSHandler(context=trusted)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
        self.namespace = namespace
        self.ours = f"/apis/{API_VERSION}/namespaces/{namespace}"
        self.argo = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}"
        self.core = f"/api/v1/namespaces/{namespace}"

    def call(self, method: str, path: str, value: Any = None, *, kind: str = "application/json") -> Any:
        """Make a request."""
        return json.loads(self.text(method, path, value, kind=kind))

    def text(self, method: str, path: str, value: Any = None, *, kind: str = "application/json") -> str:
        """Make a request and return the answer as it is."""
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": kind}, method=method)
        with self._opener.open(request, timeout=60) as answer:
            return str(answer.read(), "utf-8", "replace")

    def find(self, path: str) -> Any:
        """Get an object; None when there is none."""
        try:
            return self.call("GET", path)
        except urllib.error.HTTPError as problem:
            if problem.code != HTTPStatus.NOT_FOUND:
                raise
            return None

    def patch(self, path: str, value: Any) -> Any:
        """Merge a patch."""
        return self.call("PATCH", path, value, kind="application/merge-patch+json")

    def records(self, uid: str) -> dict[str, Object]:
        """Records of an execution by key."""
        found = self.call("GET", f"{self.ours}/dractionrecords?labelSelector={LABEL_EXECUTION_UID}%3D{uid}")
        return dict(by_key(found["items"]))


class ArgoRun:
    """One run on Argo with its execution, driven from outside.

    Attributes:
        execution: the DRPlanExecution as the API server has it.
        snapshot: what it runs.
        workflow: the Workflow as it was seen last; None before it is created, and when it is gone.
        records: its records by key, likewise.
        status: what that folds to.
    """

    def __init__(self, api: Api, snapshot: Snapshot, *, config: RunnerConfig | None = None) -> None:
        self._api = api
        given = snapshot.execution
        made = plans.execution(given.name, plan=snapshot.plan.metadata.name, operationType=given.operation.value)
        made["metadata"]["namespace"] = api.namespace
        if snapshot.revert is not None:
            made["spec"]["revertExecutionRef"] = snapshot.revert.name
        if given.mode:
            made["spec"]["mode"] = given.mode.capitalize()
        if given.params:
            made["spec"]["params"] = [{"name": each.name, "value": each.value} for each in given.params]
        self.execution: Object = api.call("POST", f"{api.ours}/drplanexecutions", made)
        self.snapshot = replace(snapshot, execution=replace(given, uid=self.uid, namespace=api.namespace))
        self.graph = build(self.snapshot)
        self._compiled = compile_workflow(
            self.graph,
            execution=ExecutionRef(given.name, self.uid),
            config=config,
            snapshot_hash=self.snapshot.hash(),
        )
        self.workflow: Object | None = None
        self.records: dict[str, Object] = {}
        self._lost = False
        self.status: Object = {"resolvedParams": resolved_parameters(self.snapshot)}

    @property
    def name(self) -> str:
        """Name of the Workflow."""
        return self._compiled.name

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self._api.namespace

    @property
    def uid(self) -> str:
        """Uid of the execution."""
        return str(self.execution["metadata"]["uid"])

    @property
    def exit_codes(self) -> set[int]:
        """How the containers of its actions ended, which Argo tells in words."""
        nodes = (self.workflow or {})["status"]["nodes"].values()
        ended = [each for each in nodes if each["type"] == NodeType.CONTAINER]
        told = (_EXIT_CODE.search(each.get("message", "")) for each in ended if each["phase"] == ArgoPhase.FAILED)
        codes = {int(each[1]) for each in told if each}
        return codes | {0 for each in ended if each["phase"] == ArgoPhase.SUCCEEDED}

    def begin(self) -> None:
        """Open the fence, create the Workflow, bind the fence to it."""
        fence = Fence(workflow=self.name)
        self._write(fence)
        self.fold()
        for config_map in self._compiled.config_maps:
            self._api.call("POST", f"{self._api.core}/configmaps", config_map)
        self.workflow = self._api.call("POST", f"{self._api.argo}/workflows", self._compiled.workflow)
        self._write(fence.bind(self.workflow["metadata"]["uid"]))
        self.fold()

    def refresh(self) -> bool:
        """Ask for Workflow and records, in this order: when it has ended, so have they; see `look`."""
        workflow = self._api.find(f"{self._api.argo}/workflows/{self.name}")
        return self.look(workflow, self._api.records(self.uid))

    def look(self, workflow: Object | None, records: Mapping[str, Object]) -> bool:
        """See what is new and post halts; whether the run has ended, or the Workflow is gone."""
        self.workflow, self._lost = workflow, workflow is None
        seen, self.records = self.records, dict(records)
        if seen != self.records:
            self._halt()
            self.fold()
        return workflow is None or read_workflow(workflow).complete

    def again(self) -> None:
        """Open the fence for the next run of the same Workflow, which `argo retry` has set going."""
        self._write(self._fence.next_run())

    def end(self) -> None:
        """Close the fence, end records that are still open, and fold for the last time."""
        self._write(self._fence.close())
        found = endings(
            self.graph,
            execution=self.execution,
            workflow=self.workflow,
            records=self.records,
            now=_now(),
            lost=self._lost,
        )
        for ending in found:
            ended = ending.apply(self.records[ending.key], now=_now())
            path = f"{self._api.ours}/dractionrecords/{ended['metadata']['name']}"
            self.records[ending.key] = self._api.call("PUT", path, ended)
        self.fold()
        path = f"{self._api.ours}/drplanexecutions/{self.execution['metadata']['name']}/status"
        self.execution = self._api.patch(path, {"status": self.status})
        assert self.execution["status"] == self.status, "the API server has not kept the status as it is"

    def fold(self) -> None:
        """Fold what was seen last."""
        self.status = fold(
            self.graph,
            execution=self.execution,
            workflow=self.workflow,
            records=self.records,
            previous=self.status,
            now=_now(),
            lost=self._lost,
        )

    @property
    def _fence(self) -> Fence:
        fence = Fence.of(self.execution)
        assert fence is not None
        return fence

    def _halt(self) -> None:
        if not any(state_of(record).get("phase") in BAD for record in self.records.values()):
            return
        fence, now = self._fence, _now()
        seen = gather(self.execution, self.workflow, self.records, now=now)
        missing = halts(
            self.graph,
            records=self.records,
            fence=fence,
            begun=frozenset(seen.places.started_stages()),
            cancelled=False,
            now=now,
        )
        if missing:
            self._write(fence.halt(missing))

    def _write(self, fence: Fence) -> None:
        annotations = {ANNOTATION_FENCE: fence.dump()}
        metadata = {"annotations": annotations, "resourceVersion": self.execution["metadata"]["resourceVersion"]}
        path = f"{self._api.ours}/drplanexecutions/{self.execution['metadata']['name']}"
        self.execution = self._api.patch(path, {"metadata": metadata})


def site_objects() -> str:
    """The site that plans call, as a pod and the service `SERVED`."""
    container = {
        "name": "site",
        "image": RunnerConfig().image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3.11", "/site/site.py"],
        "volumeMounts": [{"name": "site", "mountPath": "/site"}],
        "readinessProbe": {"httpGet": {"path": "/events/none", "port": SITE_PORT}, "periodSeconds": 1},
    }
    volumes = [{"name": "site", "configMap": {"name": "site"}}]
    source = {"site.py": site_source(SITE_PORT)}
    service = {"selector": {"app": "site"}, "ports": [{"port": 80, "targetPort": SITE_PORT}]}
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "site"}, "data": source},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "site", "labels": {"app": "site"}},
            "spec": {"containers": [container], "volumes": volumes},
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVED.removeprefix("http://")}, "spec": service},
    ]
    return str(yaml.safe_dump_all(objects))


def _now() -> datetime:
    return datetime.now(UTC)
