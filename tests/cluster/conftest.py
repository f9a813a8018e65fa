"""A real cluster with Argo Workflows: the bed, or kind where `--kind-bin` names it. No test knows which one it is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bed import build, requirements, versions
from bed.argo import CONTROLLER
from bed.argo import NAMESPACE as ARGO_NAMESPACE
from bed.kind import OWNER_VARIABLE
from bed.places import Places
from support.argo_runs import Api, site_objects
from support.command import ROOT
from support.differential import SERVED
from support.local import wait_until
from support.rbac_audit import audited

IMAGE = ROOT / "dist" / "drplan-image.tar"
SOURCES_OF_IMAGE = (
    *("compiler", "runner", "syncer", "drplan", "templates", "crds"),
    *("deploy/image", "deploy/syncer", "deploy/components", "deploy/runner"),
    *("pyproject.toml", "requirements-runtime.lock", "README.md", "LICENSE"),
)
ARGO_RELEASE = f"https://github.com/argoproj/argo-workflows/releases/download/{versions.ARGO}/install.yaml"


@dataclass(frozen=True)
class Cluster:
    """A cluster, by its kubeconfig.

    Attributes:
        kubeconfig: the kubeconfig.
        kubectl_program: kubectl.
        argo_program: Argo's command line.
        audit_log: what its API server was asked; None where nobody writes that down.
    """

    kubeconfig: Path
    kubectl_program: Path
    argo_program: Path
    audit_log: Path | None = None

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Call kubectl and return what it prints."""
        return self._call(str(self.kubectl_program), *arguments, given=given)

    def argo(self, *arguments: str) -> str:
        """Call Argo's command line and return what it prints."""
        return self._call(str(self.argo_program), *arguments)

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
    audit_log = None
    if options.kind_bin is None:
        _use_the_bed(options)
        audit_log = Places.of(options.cluster_name).audit_log
    options.kind_kubectl_bin = options.kind_kubectl_bin or _program("kubectl")
    kind = request.getfixturevalue("kind_cluster")
    kubectl = Path(options.kind_kubectl_bin)
    made = Cluster(Path(kind.kubeconfig_path), kubectl, Path(_program("argo")), audit_log)
    if "workflows.argoproj.io" not in made.kubectl("get", "crd", "-o", "name"):
        _install_argo(made)
    made.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    for name in ("drplans", "drworkflows", "drplanexecutions", "dractionrecords"):
        wait_until(lambda kind=name: _established(made, f"{kind}.dr.bkbcs.tencent.com"))
    _make_image()
    load = [options.kind_bin, "load", "image-archive", str(IMAGE), "--name", options.cluster_name]
    subprocess.run(load, check=True, timeout=300)
    return made


def _make_image() -> None:
    """Make the image, unless the one that is there was made from just what is there now."""
    digest = hashlib.sha256()
    for path in sorted(path for source in SOURCES_OF_IMAGE for path in (ROOT / source, *(ROOT / source).rglob("*"))):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}:{path.stat().st_size}:".encode())
            digest.update(path.read_bytes())
    made_from = IMAGE.with_suffix(".made-from")
    if IMAGE.exists() and made_from.exists() and made_from.read_text() == digest.hexdigest():
        return
    made_from.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "deploy.image", "--output", str(IMAGE)], cwd=ROOT, check=True, timeout=600)
    made_from.write_text(digest.hexdigest())


def _use_the_bed(options: Any) -> None:
    requirements.check()
    build.build(print)
    options.kind_bin = str(ROOT / "tests" / "tools" / "kind")
    if not options.keep_cluster:
        os.environ[OWNER_VARIABLE] = str(os.getpid())


def _program(name: str) -> str:
    """The bed's program where it is built, else the machine's: on kind nothing need be built."""
    found = shutil.which(name, path=os.pathsep.join([build.search_path(), os.environ["PATH"]]))
    if found is None:
        raise pytest.UsageError(f"{name} is neither on PATH nor built: install it, or run `make bed-build`")
    return found


def _install_argo(cluster: Cluster) -> None:
    """Install Argo's own release, as kind's nodes can pull it."""
    cluster.kubectl("create", "namespace", ARGO_NAMESPACE)
    cluster.kubectl("apply", "-n", ARGO_NAMESPACE, "--server-side", "-f", ARGO_RELEASE)
    cluster.kubectl("rollout", "status", "-n", ARGO_NAMESPACE, f"deployment/{CONTROLLER}", "--timeout=170s")


def _established(cluster: Cluster, name: str) -> bool:
    conditions = cluster.get("crd", name).get("status", {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of its own in which the runner has its rights, gone at the end.

    The test fails when a runner in it was refused something, where the cluster keeps an audit log.
    """
    name = "dr-" + request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")[:40].strip("-")
    cluster.kubectl("create", "namespace", name)
    with ExitStack() as stack:
        stack.callback(cluster.kubectl, "delete", "namespace", name, "--wait=false")
        # Ends before the namespace does: then even what is granted may be refused.
        if cluster.audit_log is not None:
            stack.enter_context(audited(cluster.audit_log, namespace=name))
        cluster.kubectl("apply", "-n", name, "-f", str(ROOT / "deploy" / "runner" / "role.yaml"))
        yield name


@pytest.fixture
def api(cluster: Cluster, namespace: str) -> Api:
    """The API server, for many requests."""
    return Api(cluster.kubeconfig, namespace)


@pytest.fixture
def site(cluster: Cluster, namespace: str) -> str:
    """The address, for pods, of a site that plans call."""
    cluster.kubectl("apply", "-n", namespace, "-f", "-", given=site_objects())
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/site", "--timeout=120s")
    return SERVED
