"""Subscriptions as a whole: written, waited for in every cluster that they are bound to, and brought back."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from threading import Event

import pytest

from support.api_actions import KEY, ActionBench
from support.api_admin import Administrator, Object, until
from support.api_faults import answer, asks, drop, hold
from support.api_proxy import Certificate
from support.api_runner import Room
from support.clusternet import feed, manifest
from support.clusternet_actions import ROLLED_OUT, deployment, subscription
from support.clusternet_world import Cluster, Hub, World
from support.rbac_audit import REFUSED
from support.runner_bench import Process

pytestmark = pytest.mark.bed


@pytest.fixture
def bench(room: Room, world: World) -> ActionBench:
    world.allow(room.namespace)
    return ActionBench(room)


@pytest.fixture
def shop(room: Room) -> str:
    """Namespace of what is distributed."""
    return f"{room.namespace}-shop"


@pytest.fixture
def near(world: World) -> Cluster:
    return world.cluster("near", {"zone": "a"})


def web(shop: str) -> dict[str, str]:
    return feed("Deployment", shop, "web", api_version="apps/v1")


def created(bench: ActionBench) -> Object:
    until(lambda: bench.get("Subscription", "web"), "the Subscription")
    found = bench.get("Subscription", "web")
    assert found is not None
    return found


def says(runner: Process, text: str) -> None:
    until(lambda: text in runner.output or not runner.running, f"the runner to say {text!r}")
    assert text in runner.output, runner.output


def test_without_waiting_it_is_enough_that_the_hub_has_it(bench: ActionBench, world: World, shop: str) -> None:
    namespace = bench.room.namespace
    done = bench.forward(subscription("Create", namespace, web(shop), clusters=world.labels))

    assert done.message == f"Subscription {namespace}/web created successfully"
    assert done.state["outputs"]["subscriptionRef"]["uid"] == created(bench)["metadata"]["uid"]
    assert bench.revert(done).message == f"Rolled back: deleted Subscription {namespace}/web"
    assert bench.get("Subscription", "web") is None


def test_it_is_ready_when_its_feed_is_in_every_cluster(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    far = world.cluster("far", {"zone": "b"}, child=1, token_key="child-cluster-token")
    namespace, run = bench.room.namespace, bench.run()
    runner = bench.start(subscription("Create", namespace, web(shop), clusters=world.labels, wait=True), run)
    says(runner, "status.bindingClusters is empty")
    world.bind(namespace, "web", near)
    says(runner, "bound to")
    world.bind(namespace, "web", near, far)
    says(runner, f"Deployment {shop}/web is not there yet")
    near.put(deployment(), namespace=shop, status=ROLLED_OUT)
    far.put(deployment(), namespace=shop, status={**ROLLED_OUT, "availableReplicas": 1})
    says(runner, f"cluster {near.binding}: ready")
    says(runner, f"cluster {far.binding}: Deployment {shop}/web: ")
    assert runner.running
    far.report("Deployment", shop, "web", ROLLED_OUT)

    assert runner.wait() == 0
    assert run.state(KEY)["message"] == f"Subscription {namespace}/web created successfully"


def test_a_rollout_of_before_the_change_is_not_taken_for_ready(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    run = bench.run()
    near.put(deployment(), namespace=shop, status={**ROLLED_OUT, "observedGeneration": 0})
    runner = bench.start(subscription("Create", bench.room.namespace, web(shop), clusters=world.labels, wait=True), run)
    world.bind(bench.room.namespace, "web", near)
    says(runner, f"cluster {near.binding}: Deployment {shop}/web")
    assert runner.running
    near.report("Deployment", shop, "web", ROLLED_OUT)
    assert runner.wait() == 0


def test_a_child_cluster_that_is_away_for_a_while_does_not_end_the_wait(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    near.put(deployment(), namespace=shop, status=ROLLED_OUT)
    near.proxy.fault(asks("*"), answer(503), times=2)
    near.proxy.fault(asks("*"), drop(forwarded=False), times=2)
    quoted = json.dumps({"kind": "Status", "message": f"who is {world.hub.token(0)}?"}).encode()
    near.proxy.fault(asks("*"), answer(401, body=quoted), times=1)
    namespace, run = bench.room.namespace, bench.run()
    runner = bench.start(subscription("Create", namespace, web(shop), clusters=world.labels, wait=True), run)
    world.bind(namespace, "web", near)

    assert runner.wait() == 0, runner.output
    assert near.proxy.count() > 5
    assert "who is ***?" in runner.output
    assert world.hub.token(0) not in runner.output


def test_a_child_cluster_is_asked_for_its_kinds_once(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    namespace, run = bench.room.namespace, bench.run()
    runner = bench.start(subscription("Create", namespace, web(shop), clusters=world.labels, wait=True), run)
    world.bind(namespace, "web", near)
    near.proxy.wait_for(3, "GET", "/deployments/")
    near.put(deployment(), namespace=shop, status=ROLLED_OUT)

    assert runner.wait() == 0
    assert sum(asked.path == "/apis/apps/v1" for asked in near.proxy.asked) == 1


def test_the_secret_of_a_cluster_may_come_later(bench: ActionBench, world: World, shop: str) -> None:
    late = world.cluster("late", {}, token_key="")
    late.put(deployment(), namespace=shop, status=ROLLED_OUT)
    namespace, run = bench.room.namespace, bench.run()
    runner = bench.start(subscription("Create", namespace, web(shop), clusters=world.labels, wait=True), run)
    world.bind(namespace, "web", late)
    says(runner, "Secret")
    late.trust()

    assert runner.wait() == 0


def test_what_clusternet_could_not_do_is_told_with_its_reason(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    namespace, run = bench.room.namespace, bench.run()
    runner = bench.start(subscription("Create", namespace, web(shop), clusters=world.labels, wait=True), run)
    uid = created(bench)["metadata"]["uid"]
    near.describe(uid, phase="Failure", reason="quota exceeded")
    world.bind(namespace, "web", near)

    assert runner.wait() == 2
    state = run.state(KEY)
    assert state["reason"] == "NotReady"
    assert "failed: quota exceeded" in state["message"]
    assert state["outputs"]["subscriptionRef"]["uid"] == uid


def test_a_failure_that_clusternet_mends_by_itself_is_none(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    namespace, run = bench.room.namespace, bench.run()
    near.put(deployment(), namespace=shop, status=ROLLED_OUT)
    runner = bench.start(subscription("Create", namespace, web(shop), clusters=world.labels, wait=True), run)
    uid = created(bench)["metadata"]["uid"]
    near.describe(uid, phase="Failure", reason="connection lost")
    world.bind(namespace, "web", near)
    says(runner, "connection lost")
    near.describe(uid, phase="Success")

    assert runner.wait() == 0


def test_what_a_manifest_holds_is_looked_for_in_the_cluster(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    namespace, run = bench.room.namespace, bench.run()
    held = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": shop}}
    of_manifest = feed("Manifest", namespace, "held", api_version="apps.clusternet.io/v1alpha1")
    runner = bench.start(subscription("Create", namespace, of_manifest, clusters=world.labels, wait=True), run)
    world.bind(namespace, "web", near)
    says(runner, "is not in the hub")
    bench.create(manifest("held", held))
    says(runner, f"Deployment {shop}/web is not there yet")
    near.put(deployment(), namespace=shop, status=ROLLED_OUT)

    assert runner.wait() == 0


def test_a_chart_is_ready_when_its_description_says_so(bench: ActionBench, world: World, near: Cluster) -> None:
    namespace, run = bench.room.namespace, bench.run()
    chart = feed("HelmChart", namespace, "web", api_version="apps.clusternet.io/v1alpha1")
    runner = bench.start(subscription("Create", namespace, chart, clusters=world.labels, wait=True), run)
    uid = created(bench)["metadata"]["uid"]
    world.bind(namespace, "web", near)
    says(runner, f"HelmChart {namespace}/web is not in the hub")
    held = {"repo": "https://charts.example.com", "chart": "web", "targetNamespace": "shop"}
    api_version = chart["apiVersion"]
    bench.create({"apiVersion": api_version, "kind": "HelmChart", "metadata": {"name": "web"}, "spec": held})
    bench.change("HelmChart", "web", {"status": {"phase": "NotFound", "reason": "no route"}}, part="/status")
    says(runner, "has no Description yet: the chart is NotFound: no route")
    near.describe(uid, phase="Installing", charts=[(namespace, "web")])
    says(runner, "is Installing")
    near.describe(uid, phase="Success", charts=[(namespace, "web")])

    assert runner.wait() == 0


def test_time_that_is_over_names_the_cluster_and_what_it_lacks(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    namespace, run = bench.room.namespace, bench.run()
    what = subscription("Create", namespace, web(shop), clusters=world.labels, wait=True, timeout=3.0)
    runner = bench.start(what, run)
    world.bind(namespace, "web", near)

    assert runner.wait() == 3
    state = run.state(KEY)
    assert state["reason"] == "TimedOut"
    assert f"{near.binding}: Deployment {shop}/web is not there yet" in state["message"]


def test_an_applied_subscription_moves_and_moves_back(bench: ActionBench, shop: str) -> None:
    namespace = bench.room.namespace
    bench.forward(subscription("Apply", namespace, web(shop), clusters={"zone": "a"}))
    done = bench.forward(subscription("Apply", namespace, web(shop), clusters={"zone": "b"}))

    assert done.message == f"Subscription {namespace}/web applied successfully"
    assert affinity(bench) == {"zone": "b"}
    assert bench.revert(done).message == f"Rolled back: restored Subscription {namespace}/web"
    assert affinity(bench) == {"zone": "a"}


def test_a_patch_moves_a_subscription_and_leaves_the_rest(bench: ActionBench, shop: str) -> None:
    namespace = bench.room.namespace
    given = subscription("Create", namespace, web(shop), clusters={"zone": "a"}, spec={"priority": 7})
    bench.forward(given)
    uid = created(bench)["metadata"]["uid"]

    done = bench.forward(subscription("Patch", namespace, clusters={"zone": "b"}))

    found = created(bench)
    assert (found["metadata"]["uid"], found["spec"]["priority"], affinity(bench)) == (uid, 7, {"zone": "b"})
    assert found["spec"]["feeds"] == [web(shop)]
    bench.revert(done)
    assert affinity(bench) == {"zone": "a"}


def test_a_replaced_subscription_is_another_object_and_comes_back_as_it_was(bench: ActionBench, shop: str) -> None:
    namespace = bench.room.namespace
    bench.forward(subscription("Create", namespace, web(shop), clusters={"zone": "a"}))
    first = created(bench)["metadata"]["uid"]

    done = bench.forward(subscription("Replace", namespace, web(shop), clusters={"zone": "b"}))

    assert done.message == f"Subscription {namespace}/web replaced successfully"
    assert created(bench)["metadata"]["uid"] != first
    assert affinity(bench) == {"zone": "b"}
    assert bench.revert(done).message == f"Rolled back: created Subscription {namespace}/web again"
    assert affinity(bench) == {"zone": "a"}


def test_a_finalizer_that_nobody_removes_ends_a_replacement_in_time(bench: ActionBench, shop: str) -> None:
    namespace = bench.room.namespace
    bench.forward(subscription("Create", namespace, web(shop), clusters={"zone": "a"}))
    bench.change("Subscription", "web", {"metadata": {"finalizers": ["apps.clusternet.io/finalizer"]}})

    done = bench.forward(subscription("Replace", namespace, web(shop), clusters={"zone": "b"}, timeout=2.0))

    assert (done.code, done.reason) == (3, "TimedOut")
    assert "apps.clusternet.io/finalizer" in done.message
    bench.change("Subscription", "web", {"metadata": {"finalizers": []}})


def test_a_deleted_subscription_is_created_again_by_its_revert(bench: ActionBench, shop: str) -> None:
    namespace = bench.room.namespace
    bench.forward(subscription("Create", namespace, web(shop), clusters={"zone": "a"}))
    done = bench.forward(subscription("Delete", namespace))

    assert done.message == f"Subscription {namespace}/web deleted successfully"
    assert bench.get("Subscription", "web") is None
    assert bench.revert(done).message == f"Rolled back: created Subscription {namespace}/web again"
    assert affinity(bench) == {"zone": "a"}


def test_one_that_was_not_ready_in_time_is_removed_by_its_revert(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    assert near.id
    namespace = bench.room.namespace
    done = bench.forward(subscription("Create", namespace, web(shop), clusters=world.labels, wait=True, timeout=1.0))

    assert done.code == 3
    assert bench.revert(done).message == f"Rolled back: deleted Subscription {namespace}/web"
    assert bench.get("Subscription", "web") is None


def affinity(bench: ActionBench) -> Object:
    labels: Object = created(bench)["spec"]["subscribers"][0]["clusterAffinity"]["matchLabels"]
    return labels


def test_bindings_that_are_not_all_are_all_when_they_stay_so(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    tainted = world.cluster("tainted", {}, taints=[{"key": "broken", "effect": "NoSchedule"}])
    near.put(deployment(), namespace=shop, status=ROLLED_OUT)
    namespace, run = bench.room.namespace, bench.run()
    runner = bench.start(subscription("Create", namespace, web(shop), clusters=world.labels, wait=True), run)
    world.bind(namespace, "web", near)
    says(runner, f"bound to {near.binding}, which may not be all yet")

    assert runner.wait() == 0
    assert tainted.proxy.count() == 0


def test_a_runner_that_is_stopped_while_it_waits_is_gone_on_with(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    namespace, run = bench.room.namespace, bench.run()
    given = subscription("Create", namespace, web(shop), clusters=world.labels, wait=True)
    first = bench.start(given, run)
    uid = created(bench)["metadata"]["uid"]
    world.bind(namespace, "web", near)
    says(first, "is not there yet")
    first.stop()
    assert first.wait() == 143
    near.put(deployment(), namespace=shop, status=ROLLED_OUT)

    assert bench.start(given, run, pod="pod-2").wait() == 0
    assert created(bench)["metadata"]["uid"] == uid


def test_one_that_somebody_deletes_while_it_is_waited_for_is_no_success(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    namespace, run = bench.room.namespace, bench.run()
    runner = bench.start(subscription("Create", namespace, web(shop), clusters=world.labels, wait=True), run)
    world.bind(namespace, "web", near)
    says(runner, "is not there yet")
    bench.delete("Subscription", "web")

    assert runner.wait() == 2
    assert "deleted by somebody else" in run.state(KEY)["message"]


def test_a_hook_is_made_anew_and_removed_after_it_succeeded(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    namespace = bench.room.namespace
    bench.forward(subscription("Create", namespace, web(shop), clusters={"zone": "gone"}))
    old = created(bench)["metadata"]["uid"]
    near.put(deployment(), namespace=shop, status=ROLLED_OUT)
    given = subscription(
        "Create", namespace, web(shop), clusters=world.labels, wait=True, cleanup=["beforeCreate", "onSuccess"]
    )
    run = bench.run()
    runner = bench.start(given, run)
    until(lambda: (bench.get("Subscription", "web") or {}).get("metadata", {}).get("uid") != old, "another one")
    world.bind(namespace, "web", near)

    assert runner.wait() == 0
    assert bench.get("Subscription", "web") is None
    assert run.state(KEY)["outputs"]["subscriptionRef"]["name"] == "web"


def test_a_hook_that_was_not_ready_in_time_is_removed_within_its_timeout(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    assert near.id
    namespace = bench.room.namespace
    done = bench.forward(
        subscription(
            "Create", namespace, web(shop), clusters=world.labels, wait=True, cleanup=["onFailure"], timeout=4.0
        )
    )

    assert (done.code, done.reason) == (3, "TimedOut")
    assert bench.get("Subscription", "web") is None


def test_a_hook_that_clashes_with_somebodys_subscription_removes_nothing(bench: ActionBench, shop: str) -> None:
    namespace = bench.room.namespace
    bench.forward(subscription("Create", namespace, web(shop), clusters={"zone": "a"}))
    uid = created(bench)["metadata"]["uid"]

    done = bench.forward(
        subscription("Create", namespace, web(shop), clusters={"zone": "b"}, cleanup=["onFailure", "onSuccess"])
    )

    assert done.reason == "Conflict"
    assert created(bench)["metadata"]["uid"] == uid


def test_a_right_that_lacks_is_named_at_once(
    administrator: Administrator, certificate: Certificate, hub: Hub, tmp_path: Path
) -> None:
    name = f"impersonation-{uuid.uuid4().hex[:6]}{REFUSED}"
    with (
        Room(administrator, tmp_path, name=name, certificate=certificate) as room,
        World(hub, room.namespace) as world,
    ):
        world.allow(room.namespace, children=False)
        bench, near = ActionBench(room), world.cluster("near", {})
        run = bench.run()
        given = subscription("Create", room.namespace, web("shop"), clusters=world.labels, wait=True)
        runner = bench.start(given, run)
        world.bind(room.namespace, "web", near)

        assert runner.wait() == 4
        state = run.state(KEY)
        assert state["reason"] == "Forbidden"
        assert "not allowed: impersonate users" in state["message"]
        assert state["outputs"]["subscriptionRef"]["name"] == "web"


def test_a_cluster_that_hangs_keeps_no_other_from_being_seen(
    bench: ActionBench, world: World, near: Cluster, shop: str
) -> None:
    far = world.cluster("far", {})
    held = Event()
    far.proxy.fault(asks("*"), hold(held), times=100)
    near.put(deployment(), namespace=shop, status=ROLLED_OUT)
    namespace, run = bench.room.namespace, bench.run()
    given = subscription("Create", namespace, web(shop), clusters=world.labels, wait=True, timeout=5.0)
    runner = bench.start(given, run)
    world.bind(namespace, "web", near, far)
    says(runner, f"cluster {near.binding}: ready")

    assert runner.wait() == 3
    assert f"{far.binding}: no answer yet" in run.state(KEY)["message"]
    held.set()
