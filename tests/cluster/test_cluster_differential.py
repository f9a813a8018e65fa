"""The local engine agrees with Argo: drawn plans run on both, and both executions say the same.

On Argo each run has a DRPlanExecution on the API server. A driver in this test does what the engine does for its own:
it writes the fence, opens and binds it, posts halts as soon as a record says Failed, and closes it; what decides is the
same pure functions, and so is the fold. `DRPLAN_DIFFERENTIAL` says how many plans are drawn, `DRPLAN_DIFFERENTIAL_SEED`
with which seed first.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from compiler.argo import ExecutionRef, compile_workflow
from compiler.graph import build
from compiler.graph.parameters import resolved_parameters
from compiler.model.names import ANNOTATION_FENCE, API_VERSION
from support import plans
from support.differential import SERVED, SITE, LocalRun, differences, masked, normalised, run_locally, site_source
from syncer.decide.fence import Fence
from syncer.decide.finish import endings
from syncer.decide.halts import halts
from syncer.fold import fold
from syncer.fold.evidence import gather
from syncer.nodes import read_workflow
from syncer.records import BAD, by_key, state_of

IMAGE = "drplan-runner:0.1.0"
PORT = 8080
COUNT = int(os.environ.get("DRPLAN_DIFFERENTIAL", "7"))
FIRST_SEED = int(os.environ.get("DRPLAN_DIFFERENTIAL_SEED", "5"))
AT_ONCE_LOCALLY = 4
POLL = 0.3
LONGEST = 600.0
MOST_LANES = 40
"""Lanes of plans that run on Argo at once."""

Object = dict[str, Any]


class Api:
    """The API server, through `kubectl proxy`."""

    def __init__(self, url: str, namespace: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.ours = f"/apis/{API_VERSION}/namespaces/{namespace}"
        self.argo = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}"
        self.core = f"/api/v1/namespaces/{namespace}"

    def call(self, method: str, path: str, value: Any = None, *, kind: str = "application/json") -> Any:
        """Make a request."""
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": kind}, method=method)
        with self._opener.open(request, timeout=60) as answer:
            return json.loads(answer.read())

    def patch(self, path: str, value: Any) -> Any:
        """Merge a patch."""
        return self.call("PATCH", path, value, kind="application/merge-patch+json")


class ArgoRun:
    """One run on Argo with its execution, driven from outside."""

    def __init__(self, api: Api, local: LocalRun, *, namespace: str, site: str) -> None:
        self._api = api
        self.case = local.case
        made = plans.execution(self.case.execution, plan=self.case.name, mode="Install")
        made["metadata"]["namespace"] = namespace
        made["spec"]["params"] = [{"name": SITE, "value": site}]
        self.execution: Object = api.call("POST", f"{api.ours}/drplanexecutions", made)
        uid = self.execution["metadata"]["uid"]
        drawn = self.case.snapshot(site, namespace)
        identified = replace(drawn.execution, name=self.case.execution, uid=uid, namespace=namespace)
        self._snapshot = replace(drawn, execution=identified)
        self._graph = build(self._snapshot)
        self._compiled = compile_workflow(
            self._graph, execution=ExecutionRef(self.case.execution, uid), snapshot_hash=self._snapshot.hash()
        )
        self._workflow: Object | None = None
        self._records: dict[str, Object] = {}
        self.status: Object = {"resolvedParams": resolved_parameters(self._snapshot)}

    @property
    def name(self) -> str:
        """Name of the Workflow."""
        return self._compiled.name

    @property
    def uid(self) -> str:
        """Uid of the execution."""
        return str(self.execution["metadata"]["uid"])

    def begin(self) -> None:
        """Open the fence, create the Workflow, bind the fence to it."""
        fence = Fence(workflow=self.name)
        self._write(fence)
        self._fold()
        for config_map in self._compiled.config_maps:
            self._api.call("POST", f"{self._api.core}/configmaps", config_map)
        self._workflow = self._api.call("POST", f"{self._api.argo}/workflows", self._compiled.workflow)
        self._write(fence.bind(self._workflow["metadata"]["uid"]))
        self._fold()

    def look(self, workflow: Object, records: Mapping[str, Object]) -> bool:
        """See what is new and post halts; whether the Workflow has ended."""
        self._workflow = workflow
        seen, self._records = self._records, dict(records)
        if seen != self._records:
            self._halt()
            self._fold()
        return read_workflow(workflow).complete

    def end(self) -> None:
        """Close the fence, end records that are still open, and fold for the last time."""
        self._write(self._fence.close())
        found = endings(
            self._graph, execution=self.execution, workflow=self._workflow, records=self._records, now=_now()
        )
        for ending in found:
            ended = ending.apply(self._records[ending.key], now=_now())
            path = f"{self._api.ours}/dractionrecords/{ended['metadata']['name']}"
            self._records[ending.key] = self._api.call("PUT", path, ended)
        self._fold()
        path = f"{self._api.ours}/drplanexecutions/{self.case.execution}/status"
        self.execution = self._api.patch(path, {"status": self.status})
        assert self.execution["status"] == self.status, "the API server has not kept the status as it is"

    @property
    def _fence(self) -> Fence:
        fence = Fence.of(self.execution)
        assert fence is not None
        return fence

    def _halt(self) -> None:
        if not any(state_of(record).get("phase") in BAD for record in self._records.values()):
            return
        fence, now = self._fence, _now()
        seen = gather(self.execution, self._workflow, self._records, now=now)
        missing = halts(
            self._graph,
            records=self._records,
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
        path = f"{self._api.ours}/drplanexecutions/{self.case.execution}"
        self.execution = self._api.patch(path, {"metadata": metadata})

    def _fold(self) -> None:
        self.status = fold(
            self._graph,
            execution=self.execution,
            workflow=self._workflow,
            records=self._records,
            previous=self.status,
            now=_now(),
        )


def drive(api: Api, runs: list[ArgoRun]) -> None:
    """Run them all to their ends, at once."""
    for run in runs:
        run.begin()
    live = {run.name: run for run in runs}
    until = time.monotonic() + LONGEST
    while live:
        assert time.monotonic() < until, f"after {LONGEST:g} s these still run: {', '.join(live)}"
        workflows = api.call("GET", f"{api.argo}/workflows")["items"]
        # Read behind the Workflows: when one has ended, so have its records.
        records = api.call("GET", f"{api.ours}/dractionrecords")["items"]
        for workflow in workflows:
            run = live.get(workflow["metadata"]["name"])
            if run is None:
                continue
            own = by_key(each for each in records if each["spec"]["execution"]["uid"] == run.uid)
            if run.look(workflow, own):
                run.end()
                del live[run.name]
        time.sleep(POLL)


def batches(runs: list[ArgoRun]) -> Iterator[list[ArgoRun]]:
    """Runs that fit onto the cluster at once."""
    batch: list[ArgoRun] = []
    for run in runs:
        if sum(each.case.lanes for each in [*batch, run]) > MOST_LANES:
            yield batch
            batch = []
        batch.append(run)
    yield batch


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def api(cluster, namespace) -> Iterator[Api]:
    command = [str(cluster.kubectl_program), "--kubeconfig", str(cluster.kubeconfig), "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            yield Api("http://" + proxy.stdout.readline().split()[-1], namespace)
        finally:
            proxy.terminate()


@pytest.fixture
def site(cluster, namespace) -> str:
    """The address of the site for pods."""
    container = {
        "name": "site",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3.11", "/site/site.py"],
        "volumeMounts": [{"name": "site", "mountPath": "/site"}],
        "readinessProbe": {"httpGet": {"path": "/events/none", "port": PORT}, "periodSeconds": 1},
    }
    volumes = [{"name": "site", "configMap": {"name": "site"}}]
    source = {"site.py": site_source(PORT)}
    service = {"selector": {"app": "site"}, "ports": [{"port": 80, "targetPort": PORT}]}
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
    cluster.kubectl("apply", "-n", namespace, "-f", "-", given=yaml.safe_dump_all(objects))
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/site", "--timeout=120s")
    return SERVED


@pytest.mark.bed
@pytest.mark.timeout(300 + 120 * COUNT)
def test_the_local_engine_and_argo_come_to_the_same_end(cluster, namespace, api, site, tmp_path):
    seeds = range(FIRST_SEED, FIRST_SEED + COUNT)
    with ThreadPoolExecutor(AT_ONCE_LOCALLY) as threads:
        locally = list(threads.map(lambda seed: run_locally(seed, tmp_path, namespace), seeds))
    served = f"{api.core}/services/{SERVED.removeprefix('http://')}:80/proxy"
    for local in locally:
        api.call("PUT", f"{served}/order/{local.case.name}", local.order)
    runs = [ArgoRun(api, local, namespace=namespace, site=site) for local in locally]
    for batch in batches(runs):
        drive(api, batch)
    found = {}
    for local, run in zip(locally, runs, strict=True):
        here, there = local.execution["status"], masked(run.status, site)
        seen = api.call("GET", f"{served}/events/{run.case.name}")
        report = {"objects": run.case.objects, "local": here, "argo": there, "order": local.order, "events": seen}
        (tmp_path / f"{run.case.name}.json").write_text(json.dumps(report, indent=1))
        found[run.case.name] = [
            *differences(normalised(here), normalised(there)),
            *(f"the site waited in vain before {each['action']}" for each in seen if each.get("late")),
        ]
    different = {name: each for name, each in found.items() if each}
    assert not different, "\n".join(
        [f"plans and statuses are in {tmp_path}", *(f"{name}{each}" for name in different for each in different[name])]
    )
