"""What `drplan rbac` prints is what runners need, no more and no less, as the API server's audit log tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from drplan.inputs import read
from drplan.rights.kinds import Kinds
from support.api_admin import Administrator, Object
from support.api_runner import ROLE, Room
from support.clusternet_sockets import GROUP
from support.command import drplan, manifests
from support.jobs import POD, Jobs
from support.plans import plan, stage, workflow
from support.rbac_audit import Audit, granted
from support.rights import await_rules

pytestmark = pytest.mark.bed

_OF_OTHERS = {"argoproj.io", "apps.clusternet.io", "clusters.clusternet.io", "dr.bkbcs.tencent.com"}


def config(name: str, namespace: str = "", **data: str) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def action(name: str, operation: str, *objects: Object, **fields: Any) -> Object:
    block = {"operation": operation, "manifest": yaml.safe_dump_all(objects)}
    return {"name": name, "type": "KubernetesResource", "resource": block, **fields}


@pytest.fixture
def elsewhere(administrator: Administrator, room: Room) -> Any:
    """Another namespace that the plan touches."""
    name = f"{room.namespace}-x"
    administrator.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    administrator.delete("Namespace", "", name)


def grants(administrator: Administrator, folder: Path, to: str) -> list[Object]:
    """Apply what `drplan rbac` prints, wait until it is in force, and return the Roles."""
    made = drplan("rbac", "-f", folder)
    assert made.code == 0, made.err
    kinds = Kinds()
    for value in made.documents:
        resource = kinds.find(value["apiVersion"], value["kind"])
        namespace = value["metadata"].get("namespace")
        within = f"/namespaces/{namespace}" if namespace else ""
        administrator.ask("POST", f"/apis/{value['apiVersion']}{within}/{resource.plural}", value)
    roles = [value for value in made.documents if "rules" in value]
    for role in roles:
        await_rules(administrator, role["rules"], to=to, namespace=role["metadata"].get("namespace", ""))
    return roles


def test_with_just_what_is_printed_a_plan_runs_forward_and_back_and_all_of_it_is_used(
    administrator: Administrator, room: Room, elsewhere: str, tmp_path: Path
) -> None:
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 7}
    priority["metadata"] = {"name": f"{room.namespace}-high"}
    job = {"namespace": elsewhere, "template": {"spec": {"template": {"spec": dict(POD)}}}}
    actions = [
        action("made", "Create", config("made"), priority),
        action("applied", "Apply", config("old", to="new"), config("new")),
        action("patched", "Patch", config("patched", elsewhere, to="new")),
        action("deleted", "Delete", config("deleted", elsewhere)),
        {"name": "sync", "type": "Job", "job": job, "waitReady": False},
    ]
    written = [plan(stage("one", "w")), workflow("w", *actions)]
    for each in written:
        each["metadata"]["namespace"] = room.namespace
    folder = manifests(tmp_path / "plan", *written)
    for each, namespace in (("old", room.namespace), ("patched", elsewhere), ("deleted", elsewhere)):
        administrator.create(config(each, a="b"), namespace=namespace)
    roles = grants(administrator, folder, room.namespace)
    audit = Audit(administrator.bed.places.audit_log)

    run, revert = room.run(), room.run("pay-revert-1")
    specs = {each.key: each.spec for each in read([str(folder)]).graph().actions()}
    forward, back = run.pod("forward"), revert.pod("back")
    for key, spec in specs.items():
        assert forward.start(key, spec).wait() == 0, run.state(key)["message"]
    assert administrator.get("ConfigMap", elsewhere, "deleted") is None
    for key, spec in reversed(specs.items()):
        undo = {**spec, "after": []}
        process = back.start(key, undo, "--direction=revert", f"--undo={run.record_name(key)}")
        if spec["type"] == "Job":
            Jobs(run, key, namespace=elsewhere).pods_end()
        assert process.wait() == 0, revert.state(key)["message"]

    names = {each["metadata"]["name"]: each.get("data") for each in administrator.list("ConfigMap", elsewhere)}
    assert {name: names[name] for name in ("patched", "deleted")} == {"patched": {"a": "b"}, "deleted": {"a": "b"}}
    assert [use for use in audit.uses() if use.status == 403] == []
    always = set(granted(ROLE))
    printed = tmp_path / "roles.yaml"
    printed.write_text(yaml.safe_dump_all(roles))
    assert set(audit.used()) - always == set(granted(printed)) - always


def test_it_knows_every_kind_that_kubernetes_serves(administrator: Administrator) -> None:
    kinds = Kinds()
    wrong = []
    for api_version in _versions(administrator):
        if api_version.startswith(f"{GROUP}/"):
            continue
        root = "/apis" if "/" in api_version else "/api"
        for each in administrator.ask("GET", f"{root}/{api_version}")["resources"]:
            if "/" in each["name"]:
                continue
            found = kinds.find(api_version, each["kind"])
            if found.guessed or (found.plural, found.namespaced) != (each["name"], each["namespaced"]):
                wrong.append((api_version, each["kind"], each["name"]))
    assert wrong == []


def _versions(administrator: Administrator) -> list[str]:
    groups = administrator.ask("GET", "/apis")["groups"]
    known = [version["groupVersion"] for group in groups for version in group["versions"]]
    return ["v1", *(version for version in known if version.partition("/")[0] not in _OF_OTHERS)]
