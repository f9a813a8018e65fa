"""A compiled plan, submitted to Argo alone: real pods run it, leave records, and undo it again.

The demo's two sites run in the cluster; their visitors are asked through the API server.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from examples.demo import sites
from support.command import ROOT, drplan
from support.local import actions, phases

PLAN = ROOT / "examples" / "demo" / "plan"
IMAGE = "drplan-runner:0.1.0"
SERVE = """
import sys, threading
from http.server import ThreadingHTTPServer
import sites
handlers = [type("Handler", (sites._Handler,), {"served": site}) for site in sites.pair()]
servers = [ThreadingHTTPServer(("", 8081 + number), handler) for number, handler in enumerate(handlers)]
threading.Thread(target=servers[0].serve_forever, daemon=True).start()
servers[1].serve_forever()
"""


def site_objects() -> str:
    source = {"sites.py": Path(sites.__file__).read_text(), "serve.py": SERVE}
    pod = {
        "containers": [
            {
                "name": "sites",
                "image": IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "command": ["python3.11", "/sites/serve.py"],
                "volumeMounts": [{"name": "sites", "mountPath": "/sites"}],
                "readinessProbe": {"httpGet": {"path": "/health", "port": 8082}, "periodSeconds": 1},
            }
        ],
        "volumes": [{"name": "sites", "configMap": {"name": "sites"}}],
    }
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sites"}, "data": source},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sites", "labels": {"app": "sites"}}, "spec": pod},
    ]
    for number, name in enumerate(("site-a", "site-b")):
        ports = [{"port": 80, "targetPort": 8081 + number}]
        spec = {"selector": {"app": "sites"}, "ports": ports}
        objects.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
    return yaml.safe_dump_all(objects)


def facts(cluster, namespace, site):
    return cluster.raw(f"/api/v1/namespaces/{namespace}/services/{site}:80/proxy/facts")


@pytest.fixture
def two_sites(cluster, namespace):
    cluster.kubectl("apply", "-n", namespace, "-f", "-", given=site_objects())
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/sites", "--timeout=120s")
    return {"siteA": f"http://site-a.{namespace}.svc", "siteB": f"http://site-b.{namespace}.svc"}


@pytest.fixture
def manifests(tmp_path, namespace):
    folder = tmp_path / "plan"
    folder.mkdir()
    for path in PLAN.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text().replace("namespace: default", f"namespace: {namespace}"))
    return folder


def submit(cluster, namespace, compiled, folder):
    path = folder / f"{compiled['metadata']['name']}.json"
    path.write_text(json.dumps(compiled))
    cluster.argo("submit", "-n", namespace, "--wait", "-o", "name", str(path))
    name = compiled["metadata"]["name"]
    workflow, records = folder / f"{name}-workflow.json", folder / f"{name}-records.json"
    workflow.write_text(json.dumps(cluster.get("workflow", name, "-n", namespace)))
    kept = cluster.get("dractionrecords", "-n", namespace)
    kept["items"] = [item for item in kept["items"] if item["spec"]["workflow"]["name"] == name]
    records.write_text(json.dumps(kept))
    return workflow, records


@pytest.mark.bed
def test_a_plan_runs_in_pods_and_is_undone_without_any_execution_object(
    cluster, namespace, two_sites, manifests, tmp_path
):
    given = [argument for name, value in two_sites.items() for argument in ("-p", f"{name}={value}")]
    compiled = drplan("compile", "-f", manifests, *given, "-o", "json").json
    workflow, records = submit(cluster, namespace, compiled, tmp_path)
    assert facts(cluster, namespace, "site-b")["active"]
    assert not facts(cluster, namespace, "site-a")["active"]
    folded = drplan("fold", "-f", manifests, *given, "--workflow", workflow, "--records", records)
    assert folded.code == 0, folded.err
    execution = folded.json
    assert execution["status"]["phase"] == "Succeeded"
    assert sorted(set(phases(execution).values())) == ["Skipped", "Succeeded"]
    assert all(action.get("startTime") for action in actions(execution).values() if action["phase"] == "Succeeded")
    assert len(json.loads(records.read_text())["items"]) == 10

    target = tmp_path / "execution.json"
    target.write_text(json.dumps(execution))
    reverse = drplan("compile", "-f", manifests, "--revert", target, "--records", records, "-o", "json")
    assert reverse.code == 0, reverse.err
    undone, own = submit(cluster, namespace, reverse.json, tmp_path)
    assert facts(cluster, namespace, "site-a")["active"]
    assert not facts(cluster, namespace, "site-b")["active"]
    options = ["--revert", target, "--revert-records", records]
    reverted = drplan("fold", "-f", manifests, "--workflow", undone, "--records", own, *options).json
    expected = "Plan reverted successfully: 3 stage(s) rolled back, 5 action(s) rolled back"
    assert reverted["status"]["message"] == expected
    forward = {
        item["spec"]["key"]: item["state"]
        for item in cluster.get("drr", "-n", namespace)["items"]
        if item["spec"]["direction"] == "Forward"
    }
    assert sum("undoneBy" in state for state in forward.values()) == 5
