"""Plans on the real Argo with the real image, and their reverts: afterwards the cluster is what it was before.

The two plans of `examples/bcs-drplan`, and one that has all that a plan can have. Clusternet's kinds are defined and
its objects are data: its controllers do not run. The runner has its Role and just what `drplan rbac` prints.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.argo import RunnerConfig
from compiler.graph.snapshot import Snapshot
from drplan.inputs import read
from drplan.targets import revert_snapshot
from support.argo_runs import Api, ArgoRun
from support.cluster_state import State, written_by_runs
from support.clusternet import APPS, KINDS, definition, feed, managed_cluster, subscription
from support.command import ROOT, drplan, manifests
from support.differential import SERVED
from support.local import actions, wait_until
from support.plans import execution, http, plan, stage, workflow

pytestmark = pytest.mark.bed

EXAMPLES = ROOT / "examples" / "bcs-drplan"
MEMBERS = ("clusternet-cluster-a", "clusternet-cluster-b")
SECRETS_ROLE = ROOT / "deploy" / "runner" / "secrets-role.yaml"
CANARY = "canary-3f9d1c7ab2"
LONGEST = 180.0
POLL = 0.2

Object = dict[str, Any]
Grant = Callable[[Path], None]


@pytest.fixture(scope="module")
def clusternet(cluster: Any) -> Iterator[None]:
    """Clusternet's kinds, and two child clusters that are registered."""
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in MEMBERS]
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*map(definition, KINDS), *namespaces]})
    cluster.kubectl("apply", "-f", "-", given=given)
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    labels = {"clusternet.io/created-by": "clusternet-agent"}
    for name in MEMBERS:
        registered = managed_cluster(name.removeprefix("clusternet-"), f"id-of-{name}", labels)
        cluster.kubectl("apply", "-n", name, "-f", "-", given=yaml.safe_dump(registered))
    yield
    cluster.kubectl("delete", "--wait=false", "-f", "-", given=given)


@pytest.fixture
def grant(cluster: Any, namespace: str) -> Iterator[Grant]:
    """Gives the runner what `drplan rbac` prints for the manifests in a folder."""
    granted: list[str] = []

    def grant(folder: Path) -> None:
        printed = drplan("rbac", "-q", "-f", folder)
        assert printed.code == 0, printed.err
        granted.append(printed.out)
        cluster.kubectl("apply", "-f", "-", given=printed.out)

    yield grant
    for roles in granted:
        cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", given=roles)


def run(api: Api, snapshot: Snapshot) -> ArgoRun:
    """Run an execution to its end."""
    made = ArgoRun(api, snapshot)
    made.begin()
    until = time.monotonic() + LONGEST
    while not made.refresh():
        assert time.monotonic() < until, f"{made.name} still runs after {LONGEST:g} s: {made.status.get('message')}"
        time.sleep(POLL)
    made.end()
    return made


def revert(api: Api, target: ArgoRun, name: str) -> ArgoRun:
    """Undo a run."""
    records = target.records.values()
    return run(api, revert_snapshot(target.execution, records, target.snapshot, name=name))


def succeeded(run: ArgoRun) -> dict[str, str]:
    """Messages of the actions of a run, which has succeeded, by name."""
    told = {each["name"]: each.get("message", "") for each in actions(run.execution).values()}
    assert run.status["phase"] == "Succeeded", (run.status["message"], told)
    return told


def assert_same(before: State) -> None:
    """Check that the cluster is what it was, once its controllers have done their part."""
    until = time.monotonic() + 60
    while found := before.differences():
        assert time.monotonic() < until, "\n".join(found)
        time.sleep(1)


def placed(example: str, folder: Path, namespace: str) -> Path:
    """The manifests of an example, in another namespace."""
    made = folder / example
    made.mkdir()
    for path in (EXAMPLES / example).glob("*.yaml"):
        (made / path.name).write_text(path.read_text().replace("namespace: default", f"namespace: {namespace}"))
    return made


def priorities(cluster: Any, name: str) -> dict[str, int]:
    """Priorities of the Localizations of a child cluster."""
    found = cluster.get("localizations", "-n", name)["items"]
    return {each["metadata"]["name"]: each["spec"]["priority"] for each in found}


@pytest.mark.usefixtures("clusternet")
@pytest.mark.timeout(600)
def test_the_examples_are_run_and_undone_and_nothing_of_them_is_left(
    cluster: Any, namespace: str, api: Api, grant: Grant, tmp_path: Path
) -> None:
    install, switchover = (placed(name, tmp_path, namespace) for name in ("install", "switchover"))
    for folder in (install, switchover):
        grant(folder)
    before = State(api)

    installed = run(api, read([str(install)], execution="nginx-install-plan-exec-001").snapshot)
    assert succeeded(installed) == {
        "create-localization-cluster-a": f"Localization {MEMBERS[0]}/nginx-overrides-cluster-a created successfully",
        "create-localization-cluster-a-config": (
            f"Localization {MEMBERS[0]}/nginx-config-overrides-cluster-a created successfully"
        ),
        "create-localization-cluster-b": f"Localization {MEMBERS[1]}/nginx-overrides-cluster-b created successfully",
        "create-localization-cluster-b-config": (
            f"Localization {MEMBERS[1]}/nginx-config-overrides-cluster-b created successfully"
        ),
        "create-nginx-subscription": "Subscription default/nginx-subscription created successfully",
    }
    between = State(api)
    switched = run(api, read([str(switchover)], execution="nginx-switchover-plan-exec-001").snapshot)
    succeeded(switched)
    for name, site in zip(MEMBERS, ("a", "b"), strict=True):
        assert priorities(cluster, name) == {
            f"nginx-overrides-cluster-{site}": 500,
            f"nginx-config-overrides-cluster-{site}": 500,
            f"nginx-replicas-switchover-{site}": 800,
        }
    distributed = cluster.get("subscription", "nginx-subscription", "-n", "default")
    assert [each["name"] for each in distributed["spec"]["feeds"]] == ["nginx", "nginx-config", "nginx"]

    back = revert(api, switched, "nginx-switchover-plan-revert-001")
    assert succeeded(back)["scale-a-to-zero"] == (
        f"Rolled back: deleted Localization {MEMBERS[0]}/nginx-replicas-switchover-a"
    )
    assert_same(between)
    removed = revert(api, installed, "nginx-install-plan-revert-001")
    succeeded(removed)
    message = "Plan reverted successfully: 2 stage(s) rolled back, 5 action(s) rolled back"
    assert removed.status["message"] == message
    assert_same(before)


def config(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def overrides(kind: str, name: str, replicas: int) -> Object:
    """What a Localization or Globalization says."""
    value = f'{{"spec":{{"replicas":{replicas}}}}}'
    override = {"name": "replicas", "type": "MergePatch", "value": value}
    spec = {"priority": 500, "feed": feed("Deployment", "shop", "web", api_version="apps/v1"), "overrides": [override]}
    return {"apiVersion": APPS, "kind": kind, "metadata": {"name": name}, "spec": spec}


def container(code: str) -> Object:
    """A container that runs a piece of Python."""
    command = ["python3.11", "-c", code]
    return {"name": "main", "image": RunnerConfig().image, "imagePullPolicy": "IfNotPresent", "command": command}


def deployment(replicas: int) -> Object:
    """A Deployment whose pods do nothing."""
    labels = {"app": "web"}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container("import time; time.sleep(3600)")]}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def secret(value: str) -> Object:
    encoded = base64.b64encode(value.encode()).decode()
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "password"}, "data": {"password": encoded}}


GADGETS: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gadgets.tests.drplan.local"},
    "spec": {
        "group": "tests.drplan.local",
        "scope": "Namespaced",
        "names": {"kind": "Gadget", "listKind": "GadgetList", "plural": "gadgets", "singular": "gadget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}
GADGET = {"apiVersion": "tests.drplan.local/v1", "kind": "Gadget", "metadata": {"name": "first"}, "spec": {"size": 3}}
BEFORE = (config("settings", color="blue", kept="yes"), config("retired", old="true"), deployment(1), secret(CANARY))
EARLIER = (overrides("Localization", "earlier", 2), subscription("shop", feed("ConfigMap", "shop", "a"), clusters={}))


def resource(name: str, operation: str, *objects: Object, **fields: Any) -> Object:
    """An action on objects."""
    block = {"operation": operation, "manifest": yaml.safe_dump_all(objects)}
    return {"name": name, "type": "KubernetesResource", "resource": block, **fields}


def clusternet_action(name: str, operation: str, obj: Mapping[str, Any], **fields: Any) -> Object:
    """An action on an object of Clusternet."""
    kind = obj["kind"]
    block = {"operation": operation, "name": obj["metadata"]["name"], "spec": obj["spec"]}
    if kind == "Localization":
        block["namespace"] = MEMBERS[0]
    elif kind != "Globalization":
        block["namespace"] = "$(namespace)"
    return {"name": name, "type": kind, f"{kind[0].lower()}{kind[1:]}": block, **fields}


def call(path: str) -> str:
    return f"{SERVED}/act/shop/{path}"


def place_of_job(run: ArgoRun) -> str:
    """Where the Job of a run is."""
    (ref,) = (each["outputs"]["jobRef"] for each in actions(run.execution).values() if each["type"] == "Job")
    return f"{ref['namespace']}/{ref['name']}"


def own_plan() -> list[Object]:
    """A plan with every type of action, and every way back."""
    token = {"Authorization": "Bearer $(params.token)"}
    pod = {"restartPolicy": "Never", "containers": [container("")]}
    job = {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    chart = {"repo": "https://charts.example", "chart": "shop", "version": "1.2.3", "targetNamespace": "shop"}
    handover = overrides("Localization", "handover", 0)
    objects = workflow(
        "objects",
        http("before-undoing", call("before-undoing"), hookType="pre-rollback"),
        resource("define", "Create", GADGET, GADGETS, waitReady=True),
        resource("scale", "Apply", deployment(2), waitReady=True),
        resource("paint", "Patch", config("settings", color="green")),
        resource("retire", "Delete", config("retired"), waitReady=True),
        resource("renew", "Patch", secret("renewed")),
        http(
            "announce",
            call("announce-$(outputs.paint.object.data.color)-$(outputs.define.ref.name)"),
            method="PUT",
            headers=token,
            rollback={"http": {"url": call("withdraw"), "method": "PUT", "headers": token}},
        ),
        http("after-undoing", call("after-undoing"), hookType="post-rollback"),
    )
    clusters = workflow(
        "clusters",
        {"name": "check", "type": "Job", "job": {"namespace": "$(namespace)", "template": job}},
        clusternet_action("everywhere", "Create", overrides("Globalization", "drplan-everywhere", 3)),
        clusternet_action("chart", "Apply", {"kind": "HelmChart", "metadata": {"name": "shop"}, "spec": chart}),
        clusternet_action("more", "Patch", overrides("Localization", "earlier", 7)),
        clusternet_action(
            "distribute", "Replace", subscription("shop", feed("ConfigMap", "shop", "b"), clusters={"site": "b"})
        ),
        clusternet_action(
            "handover",
            "Create",
            handover,
            rollback=resource(
                "give-back",
                "Delete",
                {**handover, "metadata": {"name": "handover", "namespace": MEMBERS[0]}},
            ),
        ),
    )
    parameter = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "site", "key": "token"}}}
    made = plan(stage("all", "objects", "clusters", parallel=True), name="shop", globalParams=[parameter])
    return [made, objects, clusters, execution("shop-1", plan="shop")]


@pytest.mark.usefixtures("clusternet", "site")
@pytest.mark.timeout(600)
def test_a_plan_with_all_types_and_ways_back_leaves_the_cluster_as_it_was_and_tells_no_secret(
    cluster: Any, namespace: str, api: Api, grant: Grant, tmp_path: Path
) -> None:
    written = [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in own_plan()]
    folder = manifests(tmp_path / "plan", *written)
    grant(folder)
    cluster.kubectl("apply", "-n", namespace, "-f", str(SECRETS_ROLE))
    token = {**secret(CANARY), "metadata": {"name": "site"}, "stringData": {"token": CANARY}}
    for place, objects in ((namespace, (*BEFORE, token, EARLIER[1])), (MEMBERS[0], EARLIER[:1])):
        cluster.kubectl("apply", "-n", place, "-f", "-", given=yaml.safe_dump_all(objects))
    cluster.kubectl("rollout", "status", "-n", namespace, "deployment/web", "--timeout=120s")
    wait_until(lambda: cluster.get("deployment", "web", "-n", namespace)["status"].get("availableReplicas") == 1)
    before = State(api)

    forward = run(api, read([str(folder)], execution="shop-1").snapshot)
    told = succeeded(forward)
    assert before.differences() != []
    left = api.call("GET", f"{api.core}/configmaps")["items"]
    assert "retired" not in {each["metadata"]["name"] for each in left}
    assert cluster.get("deployment", "web", "-n", namespace)["status"]["availableReplicas"] == 2
    assert cluster.get("gadget", "first", "-n", namespace)["spec"] == {"size": 3}
    assert told["chart"] == f"HelmChart {namespace}/shop applied successfully"
    undone = revert(api, forward, "shop-1-back")
    back = succeeded(undone)
    assert back == {
        "before-undoing": "HTTP GET succeeded with status 200",
        "define": (
            f"Rolled back: deleted 2 resources: Gadget {namespace}/first, "
            "CustomResourceDefinition gadgets.tests.drplan.local"
        ),
        "scale": f"Rolled back: restored Deployment {namespace}/web",
        "paint": f"Rolled back: restored ConfigMap {namespace}/settings",
        "retire": f"Rolled back: created ConfigMap {namespace}/retired again",
        "renew": f"Rolled back: restored Secret {namespace}/password",
        "announce": "Rolled back: executed custom HTTP rollback action",
        "after-undoing": "HTTP GET succeeded with status 200",
        "check": f"Rolled back: deleted Job {place_of_job(forward)}",
        "everywhere": "Rolled back: deleted Globalization drplan-everywhere",
        "chart": f"Rolled back: deleted HelmChart {namespace}/shop",
        "more": f"Rolled back: restored Localization {MEMBERS[0]}/earlier",
        "distribute": f"Rolled back: created Subscription {namespace}/shop again",
        "handover": "Rolled back: executed custom rollback action",
    }
    assert_same(before)
    served = f"{api.core}/services/{SERVED.removeprefix('http://')}:80/proxy"
    asked = [each["action"] for each in api.call("GET", f"{served}/events/shop") if each["what"] == "asked"]
    assert asked == ["announce-green-first", "before-undoing", "withdraw", "after-undoing"]
    found = written_by_runs(api)
    assert "Authorization" in found
    for form in (CANARY, base64.b64encode(CANARY.encode()).decode()):
        assert form not in found
