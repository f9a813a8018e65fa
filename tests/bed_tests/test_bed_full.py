"""The whole bed, under pytest-kind as the suite uses it: pods, services, images from archives, real workflows."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_kind import KindCluster

from bed import lifecycle, requirements
from bed.build import program, search_path
from bed.client import Bed
from bed.images import EXECUTOR_IMAGE
from bed.kind import OWNER_VARIABLE
from bed.network import API_SERVICE, DNS_SERVICE

KIND = Path(__file__).parent.parent / "tools/kind"

pytestmark = pytest.mark.bed


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[KindCluster]:
    name = f"full-{worker_id}-{os.getpid()}"
    folder = tmp_path_factory.mktemp("cluster")
    subprocess.run([sys.executable, "-m", "bed", "build"], cwd=KIND.parents[1], check=True)
    cluster = KindCluster(name, folder / "kubeconfig", kind_path=KIND, kubectl_path=program("kubectl"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECACHEDIR", str(folder))
        patch.setenv(OWNER_VARIABLE, str(os.getpid()))
        try:
            cluster.create()
            yield cluster
            cluster.delete()
        finally:
            lifecycle.down(name, keep_logs=False)


def archive(path: Path, name: str) -> Path:
    """An image whose root has the program that every bed has built, as `docker save` writes it."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as root:
        root.add(program("pause"), "pause")
    config = {
        "architecture": requirements.architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    contents = {"layer.tar": layer.getvalue(), "config.json": json.dumps(config).encode()}
    with tarfile.open(path, "w") as image:
        for file, content in {**contents, "manifest.json": json.dumps(manifest).encode()}.items():
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            image.addfile(entry, io.BytesIO(content))
    return path


def apply(cluster: KindCluster, *objects: dict[str, Any]) -> None:
    listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(listing))


def pod(name: str, image: str) -> dict[str, Any]:
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0},
    }


def test_the_cluster_is_listed_and_its_node_is_ready(cluster: KindCluster) -> None:
    listed = subprocess.run([KIND, "get", "clusters"], capture_output=True, text=True, check=True).stdout
    assert cluster.name in listed.splitlines()
    conditions = json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"][0]["status"]["conditions"]
    assert {each["type"]: each["status"] for each in conditions if each["type"] == "Ready"} == {"Ready": "True"}


def test_a_pod_runs_an_image_that_was_loaded_from_an_archive(cluster: KindCluster, tmp_path: Path) -> None:
    subprocess.run(
        [KIND, "load", "image-archive", archive(tmp_path / "a.tar", "example.test/loaded:1"), "--name", cluster.name],
        check=True,
    )
    apply(cluster, pod("loaded", "example.test/loaded:1"))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/loaded", "--timeout=60s")
    cluster.kubectl("delete", "pod", "loaded")


def test_an_image_is_found_by_its_name_in_the_folder_of_archives(
    cluster: KindCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(tmp_path / "b.tar", "example.test/named:1")
    monkeypatch.setenv("DRPLAN_BED_IMAGES", str(tmp_path))
    cluster.load_docker_image("example.test/named:1")
    with pytest.raises(subprocess.CalledProcessError):
        cluster.load_docker_image("example.test/never-made:1")


def test_services_are_found_by_name_in_the_network_of_the_bed(cluster: KindCluster) -> None:
    bed = Bed.find(cluster.name)
    question = (
        bytes.fromhex("000101000001000000000000") + b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\0\0\1\0\1"
    )
    script = (
        "import socket,sys;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.settimeout(5);"
        f"s.sendto({question!r},({DNS_SERVICE!r},53));sys.stdout.write('.'.join(map(str,s.recv(512)[-4:])))"
    )
    found = subprocess.run(bed.inside([sys.executable, "-c", script]), capture_output=True, text=True, check=True)
    assert found.stdout == API_SERVICE


def test_a_workflow_really_runs(cluster: KindCluster, tmp_path: Path) -> None:
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "executor"}
    subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]
    version = "rbac.authorization.k8s.io/v1"
    metadata = {"name": "executor", "namespace": "default"}
    apply(
        cluster,
        {"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": rules},
        {"apiVersion": version, "kind": "RoleBinding", "metadata": metadata, "roleRef": role, "subjects": subjects},
    )
    workflow = tmp_path / "hello.json"
    container = {"image": EXECUTOR_IMAGE.name, "command": ["/bin/argoexec", "version"]}
    templates = [{"name": "hello", "container": container}]
    spec = {"entrypoint": "hello", "templates": templates}
    value = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "hello"}, "spec": spec}
    workflow.write_text(json.dumps(value))
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig_path), "PATH": search_path()}
    argo = str(program("argo"))
    subprocess.run([argo, "lint", "--offline", "--kinds=workflows", workflow], env=environment, check=True)
    subprocess.run([argo, "submit", "--wait", workflow], env=environment, check=True, timeout=120)
    ended = json.loads(cluster.kubectl("get", "workflow", "hello", "-o", "json"))
    assert ended["status"]["phase"] == "Succeeded"
    logs = subprocess.run([argo, "logs", "hello"], env=environment, capture_output=True, text=True, check=True).stdout
    assert "argoexec: v3.7.6" in logs


def test_a_field_that_argo_does_not_know_is_refused(cluster: KindCluster) -> None:
    template = {"name": "a", "suspend": {}, "suspended": True}
    value = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "odd"},
        "spec": {"entrypoint": "a", "templates": [template]},
    }
    with pytest.raises(subprocess.CalledProcessError):
        cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(value))
