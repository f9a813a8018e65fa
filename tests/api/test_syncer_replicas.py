"""Two replicas of the program: one works, and one that was replaced writes nothing, not even what it had begun."""

from __future__ import annotations

import asyncio
import math
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.api_admin import Administrator, Object, until
from support.api_faults import Asked, When, hold
from support.api_proxy import Certificate, Proxy
from support.api_syncer import ACCOUNT, SyncerBench, condition
from support.kube_bench import Bench
from support.syncer_process import Syncer
from support.syncer_stories import DONE, STORIES, Scene, check_end, settled
from syncer.keeping import keep
from syncer.kube.errors import NotLeading
from syncer.observed import Observed
from syncer.settings import OLDER_LEASE
from syncer.writing import Writer

pytestmark = [pytest.mark.bed, pytest.mark.timeout(600)]

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


@dataclass(frozen=True)
class Replica:
    """A syncer and its way to the API server."""

    syncer: Syncer
    proxy: Proxy

    @property
    def leads(self) -> bool:
        """Whether it says so."""
        return "drplan_leader 1.0" in (self.syncer.get("/metrics") or "")


def replica(bench: SyncerBench) -> Replica:
    """Start one."""
    proxy = bench.proxy()
    return Replica(bench.start(proxy=proxy), proxy)


def two(bench: SyncerBench) -> tuple[Replica, Replica]:
    """Start two; the first of them leads."""
    first = replica(bench)
    until(lambda: first.leads, "the first to lead", seconds=60)
    second = replica(bench)
    second.syncer.until_ready()
    return first, second


def holder(bench: SyncerBench, name: str = ACCOUNT) -> str:
    """Who holds a Lease."""
    found = bench.administrator.ask("GET", f"{_LEASES.format(bench.namespace)}/{name}")
    identity: str = found["spec"]["holderIdentity"]
    return identity


def works(asked: Asked) -> bool:
    """Whether a request changes more than who leads, or what people are told."""
    return asked.write > 0 and not any(part in asked.path for part in ("/leases", "/events"))


def test_a_frozen_leader_that_was_replaced_changes_nothing_any_more(bench: SyncerBench) -> None:
    first, second = two(bench)
    names = ("execute", "pause")
    expected = {name: calm(bench, name) for name in names}
    # Each of these is stopped at another write, which has left the leader and not yet arrived.
    created, shown, paused = (Scene(bench, name) for name in ("created", "shown", "paused"))
    run, pausing = shown.execute(), paused.execute()
    pausing.argo("Running")
    paused.until(lambda: bench.status("paused").get("phase") == "Running", "to run")
    created.plan()
    go_on = threading.Event()
    kinds: list[When] = [
        lambda asked: asked.method == "POST" and asked.path.endswith("/workflows"),
        lambda asked: asked.path.endswith("/drplanexecutions/shown/status"),
        lambda asked: asked.path.endswith(f"/workflows/{pausing.name}"),
    ]
    for kind in kinds:
        first.proxy.fault(kind, hold(go_on), times=math.inf)
    armed = len(first.proxy.asked)
    bench.execute("created", plan="created")
    run.record("s1.w1.a1", "Succeeded")
    bench.annotate("paused", pause="true")

    def on_their_way() -> bool:
        return all(any(map(kind, first.proxy.asked[armed:])) for kind in kinds)

    until(on_their_way, "the writes to be on their way", seconds=60)
    first.syncer.freeze()
    until(lambda: second.leads, "the other to lead", seconds=60)

    created.finish(created.bound(), DONE)
    shown.finish(run, DONE)
    paused.until(lambda: pausing.spec.get("suspend"), "the run to pause")
    bench.annotate("paused", pause=None)
    paused.until(lambda: paused.fence()["state"] == "Open" and "suspend" not in pausing.spec, "the run to go on")
    thawed = len(first.proxy.asked)
    go_on.set()
    first.syncer.thaw()
    until(lambda: not first.leads, "the first to know that it does not lead", seconds=60)
    until(lambda: all(each.status for each in first.proxy.asked[:thawed] if each.write), "its writes to be answered")
    assert "suspend" not in pausing.spec
    paused.finish(pausing, DONE)

    # What it had found that it may write, and had not sent yet, comes late and is refused.
    assert {each.status for each in first.proxy.asked[thawed:] if works(each)} <= {409}
    check_end(created, expected["execute"])
    check_end(shown, expected["execute"])
    check_end(paused, expected["pause"])
    assert (second.leads, first.syncer.stop(), second.syncer.stop()) == (True, 0, 0)


def calm(bench: SyncerBench, story: str) -> Object:
    """The end of a story that nothing disturbs."""
    scene = Scene(bench, f"calm-{story}")
    STORIES[story](scene)
    return settled(scene)


def test_a_leader_that_ends_lets_go_of_both_leases_and_the_other_goes_on_with_what_it_had_begun(
    bench: SyncerBench,
) -> None:
    first, second = two(bench)
    expected = calm(bench, "execute")
    scene = Scene(bench, "handed-over")
    run = scene.execute()
    before = holder(bench)
    assert first.syncer.stop() == 0
    assert before not in (holder(bench), holder(bench, OLDER_LEASE))
    until(lambda: second.leads, "the other to lead", seconds=60)
    scene.finish(run, DONE)
    check_end(scene, expected)
    assert second.syncer.stop() == 0
    assert (holder(bench), holder(bench, OLDER_LEASE)) == ("", "")


def test_nothing_is_written_as_long_as_the_older_controller_leads(bench: SyncerBench) -> None:
    spec = {"holderIdentity": "older", "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z"}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": OLDER_LEASE}, "spec": spec}
    path = _LEASES.format(bench.namespace)
    bench.administrator.ask("POST", path, lease)
    waiting = replica(bench)
    waiting.syncer.until_ready()
    waiting.proxy.wait_for(3, "GET", OLDER_LEASE)
    assert not waiting.leads
    assert not any(map(works, waiting.proxy.asked))
    assert condition(bench.plan_status("first"), "Ready") is None
    gone = {"spec": {"holderIdentity": ""}}
    bench.administrator.ask("PATCH", f"{path}/{OLDER_LEASE}", gone, content_type="application/merge-patch+json")
    until(lambda: bench.is_ready("first"), "the plan to be ready", seconds=60)
    assert holder(bench, OLDER_LEASE) == holder(bench)


def test_of_what_is_kept_in_parts_nothing_more_is_written_once_the_lead_is_lost(
    administrator: Administrator, certificate: Certificate, tmp_path: Path
) -> None:
    leads = iter((True, False))

    def check() -> None:
        if not next(leads):
            raise NotLeading("it has another leader by now")

    async def scenario(bench: Bench) -> None:
        async with bench.client() as client:
            writer = Writer(client, Observed(client), check=check)
            parts = [{"metadata": {"name": name, "namespace": bench.namespace}} for name in ("one", "two")]
            with pytest.raises(NotLeading):
                await keep(writer, parts, uid="x-1")

    with Bench(administrator, certificate, tmp_path) as bench:
        asyncio.run(scenario(bench))
        assert administrator.get("ConfigMap", bench.namespace, "one") is not None
        assert administrator.get("ConfigMap", bench.namespace, "two") is None
