"""Ten sequential actions on a real Argo: as one lane, as they are compiled, and with a pod each, in the same run.

Both are timed from the creation of the Workflow to its success. An action of ours is an HTTP call, answered after
0.1 s, with its record, its fence and its result; one of the peer's is a container that sleeps for 0.1 s. It takes the
test bed, so it is made only where that can run; else it says so.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from bed import build, images, lifecycle, requirements  # noqa: E402
from bed.client import Bed  # noqa: E402
from compiler.argo import RunnerConfig  # noqa: E402
from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id  # noqa: E402
from compiler.model.names import ARGO_API_VERSION, KIND_ARGO_WORKFLOW, RUNNER_SERVICE_ACCOUNT  # noqa: E402
from compiler.model.plan import DRPlan  # noqa: E402
from compiler.model.workflow import DRWorkflow  # noqa: E402
from support import plans  # noqa: E402
from support.argo_runs import Api, ArgoRun, site_objects  # noqa: E402
from support.differential import SERVED  # noqa: E402
from syncer.nodes import ArgoPhase, read_workflow  # noqa: E402

BED = "bench"
NAMESPACE = "lanes"
ACTIONS = 10
SECONDS = 0.1
ROUNDS = 3
LIMIT = 8.0
POLL = 0.05
LONGEST = 300.0

Object = dict[str, Any]


def prepare(bed: Bed) -> Api:
    """Bring everything into the bed that the runs need."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        subprocess.run([sys.executable, "-m", "deploy.image", "--output", str(archive)], cwd=ROOT, check=True)
        images.load(bed.places, archive)
    kubectl(bed, "apply", "--server-side", "-f", str(ROOT / "crds"))
    kubectl(bed, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    kubectl(bed, "create", "namespace", NAMESPACE)
    kubectl(bed, "apply", "-n", NAMESPACE, "-f", str(ROOT / "deploy" / "runner" / "role.yaml"))
    kubectl(bed, "apply", "-n", NAMESPACE, "-f", "-", given=site_objects())
    kubectl(bed, "wait", "-n", NAMESPACE, "--for=condition=Ready", "pod/site", "--timeout=120s")
    return Api(bed.places.kubeconfig, NAMESPACE)


def kubectl(bed: Bed, *arguments: str, given: str | None = None) -> None:
    """Call kubectl, which says only what went wrong."""
    environment = {**os.environ, "KUBECONFIG": str(bed.places.kubeconfig)}
    command = [str(build.program("kubectl")), *arguments]
    subprocess.run(command, env=environment, input=given, stdout=subprocess.DEVNULL, text=True, check=True)


def as_a_lane(api: Api, number: int) -> float:
    """Seconds that ten actions of one workflow take."""
    name = f"lane-{number}"
    actions = [
        plans.http(f"step-{index}", f"{SERVED}/act/{name}/step-{index}?delay={SECONDS}")
        for index in range(1, ACTIONS + 1)
    ]
    manifests = [plans.plan(plans.stage("only", "steps"), name=name), plans.workflow("steps", *actions)]
    for manifest in manifests:
        manifest["metadata"]["namespace"] = NAMESPACE
    run = ArgoRun(
        api,
        Snapshot(
            plan=DRPlan.model_validate(manifests[0]),
            workflows=by_id([DRWorkflow.model_validate(manifests[1])]),
            execution=ExecutionInput(name=f"{name}-run", namespace=NAMESPACE),
        ),
    )
    begun = time.perf_counter()
    run.begin()
    return wait(api, run.name, since=begun)


def a_pod_each(api: Api) -> float:
    """Seconds that ten containers take that need nothing and sleep, a pod each."""
    names = [f"step-{index}" for index in range(1, ACTIONS + 1)]
    config = RunnerConfig()
    container = {
        "image": config.image,
        "imagePullPolicy": config.image_pull_policy,
        "command": ["python3.11", "-c", f"import time; time.sleep({SECONDS})"],
    }
    tasks: list[Object] = [{"name": name, "template": name} for name in names]
    for task, before in zip(tasks[1:], names, strict=False):
        task["depends"] = before
    spec = {
        "entrypoint": "plan",
        "serviceAccountName": RUNNER_SERVICE_ACCOUNT,
        "templates": [
            {"name": "plan", "dag": {"tasks": tasks}},
            *({"name": name, "container": container} for name in names),
        ],
    }
    workflow = {
        "apiVersion": ARGO_API_VERSION,
        "kind": KIND_ARGO_WORKFLOW,
        "metadata": {"name": "pods", "namespace": NAMESPACE},
        "spec": spec,
    }
    begun = time.perf_counter()
    api.call("POST", f"{api.argo}/workflows", workflow)
    return wait(api, "pods", since=begun)


def wait(api: Api, name: str, *, since: float) -> float:
    """Seconds until a Workflow has succeeded."""
    while True:
        found = read_workflow(api.call("GET", f"{api.argo}/workflows/{name}"))
        taken = time.perf_counter() - since
        if found.complete:
            if found.status.phase != ArgoPhase.SUCCEEDED:
                raise RuntimeError(f"Workflow {name} ended {found.status.phase}: {found.status.message}")
            return taken
        if taken > LONGEST:
            raise RuntimeError(f"Workflow {name} has not ended after {LONGEST:g} s")
        time.sleep(POLL)


def measure() -> tuple[float, float]:
    """Seconds of a lane (the median of several) and of a pod each."""
    bed = lifecycle.up(BED, owner=os.getpid())
    try:
        api = prepare(bed)
        as_a_lane(api, 0)
        ours = statistics.median(as_a_lane(api, number) for number in range(1, ROUNDS + 1))
        return ours, a_pod_each(api)
    finally:
        lifecycle.down(BED)


def main() -> int:
    """Measure, print, and with --check fail when the limit is missed."""
    title = f"{ACTIONS} actions of {SECONDS:g} s on Argo"
    lacking = requirements.lacking()
    if lacking:
        print(f"{title}: not measured here, the test bed needs {'; and '.join(lacking)}")
        return 0
    ours, peer = measure()
    missed = ours > LIMIT
    print(f"{title:<36}{'s':>8}{'limit':>8}")
    print(f"{'one lane':<36}{ours:>8.1f}{LIMIT:>8.1f}{'  missed' if missed else ''}")
    print(f"{'a pod each':<36}{peer:>8.1f}")
    print(json.dumps({"actions": ACTIONS, "limit": LIMIT, "lane_s": round(ours, 2), "pods_s": round(peer, 2)}))
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
