"""A run on real Argo in the middle of which everything that carries it is killed ends as one that nothing disturbs."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bed.argo import CONTROLLER
from bed.client import Bed
from support.api_syncer import ACCOUNT, ROLE
from support.argo_runs import Api
from support.syncer_hands import Hands, lane, phases
from support.syncer_process import Syncer
from support.syncer_stories import lasting

pytestmark = [pytest.mark.bed, pytest.mark.timeout(600)]

ACTIONS = ("stop", "promote", "scale", "switch")

Object = dict[str, Any]


class Syncers:
    """Starts syncers with the rights that one is installed with, for a namespace only."""

    def __init__(self, cluster: Any, namespace: str, folder: Path) -> None:
        self._namespace = namespace
        self._folder = folder
        self._stack = ExitStack()
        self._number = 0
        self._stack.callback(cluster.kubectl, "delete", "clusterrolebinding", ACCOUNT)
        cluster.kubectl("apply", "-f", "-", given=ROLE.read_text().replace("drplan-system", namespace))
        token = cluster.kubectl("create", "token", ACCOUNT, "-n", namespace, "--duration=1h").strip()
        given = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
        given["users"] = [{**each, "user": {"token": token}} for each in given["users"]]
        self._kubeconfig = folder / "kubeconfig"
        self._kubeconfig.write_text(json.dumps(given))

    def start(self) -> Syncer:
        """Start one."""
        self._number += 1
        syncer = Syncer(self._kubeconfig, self._namespace, (), self._folder / f"syncer-{self._number}.log")
        self._stack.callback(syncer.kill)
        return syncer

    def close(self) -> None:
        """End all of them."""
        self._stack.close()


@pytest.fixture
def bed(cluster: Any, pytestconfig: pytest.Config) -> Bed:
    """The bed that the cluster is: of another one the programs cannot be killed."""
    if cluster.audit_log is None:
        pytest.skip("only on the test bed can programs of the cluster be killed")
    return Bed.find(pytestconfig.option.cluster_name)


@pytest.fixture
def syncers(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[Syncers]:
    """Syncers that end with the test."""
    made = Syncers(cluster, namespace, tmp_path)
    try:
        yield made
    finally:
        made.close()


def add_plan(hands: Hands, name: str) -> None:
    """Create a plan of three lanes, two of them side by side."""
    calls = {action: hands.call(name, action) for action in ACTIONS}
    db = ("db", calls["stop"], calls["promote"])
    web, dns = ("web", calls["scale"]), ("dns", calls["switch"])
    hands.plan(tuple(lane(*each) for each in (db, web)), lane(*dns), name=name)


def restart(bed: Bed, program: str) -> None:
    """Kill a program of the cluster, and start it again."""
    bed.stop(program, signal.SIGKILL)
    assert bed.start_again(program)
    bed.wait("the API server is ready", bed.kube.ready)


@pytest.mark.usefixtures("site")
def test_a_run_is_the_same_when_syncer_argo_and_api_server_are_killed_in_the_middle_of_it(
    bed: Bed, cluster: Any, namespace: str, api: Api, syncers: Syncers
) -> None:
    hands = Hands(cluster, api, api)
    first = syncers.start()
    for name in ("calm", "storm"):
        add_plan(hands, name)
    expected = hands.ended(hands.execute("calm"))
    assert phases(expected) == dict.fromkeys(phases(expected), "Succeeded")

    hands.hold("storm", "stop")
    run = hands.execute("storm")
    hands.until_asked("storm", "stop")
    hands.until_asked("storm", "scale")
    first.kill()
    restart(bed, "kube-apiserver")
    restart(bed, CONTROLLER)
    second = syncers.start()
    hands.let_go("storm")
    hands.until_asked("storm", "promote")
    restart(bed, CONTROLLER)

    assert lasting(hands.ended(run), "storm") == lasting(expected, "calm")
    assert {action: hands.asked("storm", action) for action in ACTIONS} == dict.fromkeys(ACTIONS, 1)
    assert hands.history("storm") == [(run, "Succeeded")]
    assert "currentExecution" not in hands.plan_status("storm")
    owned = f"dr.bkbcs.tencent.com/execution={run}"
    workflows = cluster.get("workflows.argoproj.io", "-n", namespace, "-l", owned)["items"]
    assert [each["metadata"]["name"] for each in workflows] == [hands.workflow(run)]
    assert second.stop() == 0
