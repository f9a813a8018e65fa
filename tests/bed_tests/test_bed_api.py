"""The tier *api* for real: up, down, side by side, and nothing left whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import lifecycle, shell, state
from bed.build import program
from bed.client import Bed
from bed.places import Places
from bed.problems import BedProblem
from bed.processes import Identity, below
from bed.state import Tier

TESTS = Path(__file__).parent.parent
OWNER = os.getpid()

pytestmark = pytest.mark.bed


@pytest.fixture
def name(worker_id: str) -> Iterator[str]:
    name = f"api-{worker_id}-{os.getpid()}"
    yield name
    lifecycle.down(name, keep_logs=False)
    assert remains(name) == []


@pytest.fixture
def bed(name: str) -> Bed:
    return lifecycle.up(name, Tier.API, owner=OWNER)


def remains(name: str) -> list[str]:
    """What is left of a bed on the machine, and of any bed in what the machine itself has."""
    places = Places.of(name)
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(places.root) in line]
    # Not `rglob`, which cannot bear that groups of other beds go while it looks.
    corners = [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if Path(folder).name == f"drplan-bed-{name}"]
    interfaces = [found.name for found in Path("/sys/class/net").iterdir() if found.name.startswith("bed")]
    processes = [
        str(found)
        for found in Path("/proc").glob("[0-9]*/cmdline")
        if str(places.root).encode() in (found.read_bytes() if found.exists() else b"")
    ]
    return [*mounts, *corners, *interfaces, *processes, *(["its files"] if places.root.exists() else [])]


def kubectl(bed: Bed, *arguments: str, inside: bool = False) -> str:
    command = [str(program("kubectl")), *arguments]
    done = subprocess.run(
        bed.inside(command) if inside else command,
        env={**os.environ, **shell.variables(bed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_credentials_work_on_the_machine_and_in_the_bed(bed: Bed) -> None:
    kubectl(bed, "create", "configmap", "seen", "--from-literal=by=machine")
    assert kubectl(bed, "get", "configmap", "seen", "-o", "jsonpath={.data.by}", inside=True) == "machine"


def test_two_beds_run_side_by_side_and_know_nothing_of_each_other(name: str) -> None:
    other = f"{name}-b"
    try:
        beds = [lifecycle.up(each, Tier.API, owner=OWNER) for each in (name, other)]
        for each in beds:
            kubectl(each, "create", "configmap", "whose", f"--from-literal=bed={each.places.name}")
        assert [kubectl(each, "get", "configmap", "whose", "-o", "jsonpath={.data.bed}") for each in beds] == [
            name,
            other,
        ]
        lifecycle.down(other, keep_logs=False)
        assert remains(other) == []
        assert kubectl(beds[0], "get", "--raw", "/readyz") == "ok"
    finally:
        lifecycle.down(other, keep_logs=False)


def test_a_bed_that_is_up_stays_as_it_is(bed: Bed) -> None:
    kubectl(bed, "create", "configmap", "kept")
    again = lifecycle.up(bed.places.name, Tier.API, owner=OWNER)
    assert again.state.keeper == bed.state.keeper
    assert "kept" in kubectl(again, "get", "configmaps")


def test_an_api_server_that_was_killed_starts_again_with_what_it_knew(bed: Bed) -> None:
    kubectl(bed, "create", "configmap", "kept")
    bed.stop("kube-apiserver", signal.SIGKILL)
    assert not bed.kube.ready()
    assert bed.programs()["kube-apiserver"]["exit"] == -signal.SIGKILL
    assert bed.start_again("kube-apiserver")
    bed.wait("the API server is ready", bed.kube.ready, needs=["kube-apiserver"])
    assert "kept" in kubectl(bed, "get", "configmaps")


def test_what_a_service_account_was_refused_is_in_the_audit_log(bed: Bed) -> None:
    kubectl(bed, "create", "namespace", "dr")
    kubectl(bed, "create", "serviceaccount", "runner", "--namespace=dr")
    token = kubectl(bed, "create", "token", "runner", "--namespace=dr")
    server = f"--server=https://127.0.0.1:{bed.state.port}", f"--certificate-authority={bed.authority.ca}"
    command = [str(program("kubectl")), *server, f"--token={token}", "get", "--raw", "/api/v1/namespaces/dr/secrets"]
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "forbidden" in asked.stderr
    entries = bed.places.audit_log.read_text().splitlines()
    assert any('"authorization.k8s.io/decision":"forbid"' in entry and "dr:runner" in entry for entry in entries)


def test_a_bed_whose_first_process_was_killed_is_gone_at_once_and_comes_up_anew(bed: Bed) -> None:
    keeper = bed.state.keeper
    assert keeper is not None
    assert len(below(keeper)) >= 4
    assert keeper.end(30)
    assert below(keeper) == {}
    with pytest.raises(BedProblem, match="is not up"):
        Bed.find(bed.places.name)
    again = lifecycle.up(bed.places.name, Tier.API, owner=OWNER)
    assert kubectl(again, "get", "--raw", "/readyz") == "ok"


@pytest.mark.parametrize(
    "when", ["at once", "state.json", "run/keeper.sock", "run/kubeconfig", "log/kube-apiserver.log"]
)
def test_whenever_the_starter_is_killed_the_next_one_has_a_clean_start(name: str, when: str) -> None:
    places = Places.of(name)
    command = [sys.executable, "-m", "bed", "up", "--name", name, "--tier", "api", "--owner", str(OWNER)]
    starter = subprocess.Popen(command, cwd=TESTS, start_new_session=True, stderr=subprocess.DEVNULL)
    while when != "at once" and not (places.root / when).exists():
        assert starter.poll() is None
        time.sleep(0.001)
    Identity.of(starter.pid).end(10)
    starter.wait()
    found = state.load(places)
    bed = lifecycle.up(name, Tier.API, owner=OWNER)
    assert kubectl(bed, "get", "--raw", "/readyz") == "ok"
    assert found is None or found.keeper is None or not found.keeper.alive()


def test_a_bed_ends_with_its_owner_however_that_ends(name: str) -> None:
    owner = subprocess.Popen(["sleep", "600"])
    bed = lifecycle.up(name, Tier.API, owner=owner.pid)
    keeper = bed.state.keeper
    assert keeper is not None
    assert keeper.alive()
    owner.kill()
    owner.wait()
    # Its own logs are all that stays.
    while keeper.alive() or remains(name) != ["its files"] or state.load(bed.places) is not None:
        time.sleep(0.01)
    assert below(keeper) == {}
    assert [path.name for path in bed.places.root.iterdir()] == ["log"]


def test_a_program_that_does_not_come_up_is_told_with_the_end_of_its_log(bed: Bed) -> None:
    bed.start("broken", ["/bin/sh", "-c", "echo cannot find my socks; exit 3"])
    with pytest.raises(BedProblem, match=r"(?s)broken ended with 3 before it is there.*cannot find my socks"):
        bed.wait("it is there", lambda: False, needs=["broken"])


def test_nothing_in_a_bed_reaches_an_address_outside(bed: Bed) -> None:
    routes = subprocess.run(bed.inside(["ip", "route"]), capture_output=True, text=True, check=True).stdout
    assert "default" not in routes


def test_a_process_outside_listens_in_the_bed_without_living_there(bed: Bed) -> None:
    with bed.listen() as listener:
        address, port = listener.getsockname()
        call = bed.inside([sys.executable, "-c", f"import socket; socket.create_connection(({address!r}, {port}))"])
        assert subprocess.run(call, check=False).returncode == 0
        listener.settimeout(10)
        listener.accept()[0].close()
    interfaces = {found.name for found in Path("/sys/class/net").iterdir()}
    assert not any(name.startswith("bed") for name in interfaces)
