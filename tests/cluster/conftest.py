"""A real cluster with Argo Workflows: the bed, or kind where `--kind-bin` names it. No test knows which one it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bed import build
from support.command import ROOT
from support.local import wait_until

IMAGE = ROOT / "dist" / "drplan-image.tar"


@dataclass(frozen=True)
class Cluster:
    """A cluster, by its kubeconfig."""

    kubeconfig: Path
    kubectl_program: Path

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Call kubectl and return what it prints."""
        return self._call(str(self.kubectl_program), *arguments, given=given)

    def argo(self, *arguments: str) -> str:
        """Call Argo's command line and return what it prints."""
        return self._call(str(build.program("argo")), *arguments)

    def get(self, *arguments: str) -> Any:
        """Get an object or a list as JSON."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def raw(self, path: str) -> Any:
        """Ask a path of the API server."""
        return json.loads(self.kubectl("get", "--raw", path))

    def _call(self, *command: str, given: str | None = None) -> str:
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.kubeconfig.parent / "kubectl-cache"),
        }
        made = subprocess.run(
            command, env=environment, input=given, capture_output=True, text=True, timeout=180, check=False
        )
        if made.returncode:
            raise AssertionError(f"{' '.join(command)}: exit {made.returncode}\n{made.stdout}\n{made.stderr}")
        return made.stdout


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The cluster, with our kinds and our image."""
    options = request.config.option
    if options.kind_bin is None:
        options.kind_bin = str(ROOT / "tests" / "tools" / "kind")
        os.environ["DRPLAN_BED_OWNER"] = str(os.getpid())
        build.build(print)
    if options.kind_kubectl_bin is None:
        options.kind_kubectl_bin = str(build.program("kubectl"))
    kind = request.getfixturevalue("kind_cluster")
    made = Cluster(Path(kind.kubeconfig_path), Path(options.kind_kubectl_bin))
    made.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    for name in ("drplans", "drworkflows", "drplanexecutions", "dractionrecords"):
        wait_until(lambda kind=name: _established(made, f"{kind}.dr.bkbcs.tencent.com"))
    subprocess.run([sys.executable, "-m", "deploy.image", "--output", str(IMAGE)], cwd=ROOT, check=True, timeout=600)
    load = [options.kind_bin, "load", "image-archive", str(IMAGE), "--name", options.cluster_name]
    subprocess.run(load, check=True, timeout=300)
    return made


def _established(cluster: Cluster, name: str) -> bool:
    conditions = cluster.get("crd", name).get("status", {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of its own in which the runner has its rights, gone at the end."""
    name = "dr-" + request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")[:40].strip("-")
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("apply", "-n", name, "-f", str(ROOT / "deploy" / "runner" / "role.yaml"))
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
