"""A Subscription action once a cluster: a child each, a result each, and all of them undone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.actions.children import child_name
from support.api_actions import KEY, ActionBench
from support.api_admin import Object, until
from support.api_faults import Victim, answer, asks, kill, nth_write
from support.api_runner import Room, Run
from support.clusternet import ID_LABEL, feed
from support.clusternet_actions import COMPLETE, job, subscription
from support.clusternet_world import Cluster, World
from support.runner_bench import Process

pytestmark = pytest.mark.bed


@pytest.fixture
def bench(room: Room, world: World) -> ActionBench:
    world.allow(room.namespace)
    return ActionBench(room)


@pytest.fixture
def near(world: World) -> Cluster:
    return world.cluster("shop", {"zone": "a"}, namespace="near")


@pytest.fixture
def far(world: World) -> Cluster:
    """A cluster of the same name in another namespace."""
    return world.cluster("shop", {"zone": "b"}, namespace="far", child=1)


def hook(bench: ActionBench, world: World, operation: str = "Create", **options: Any) -> Object:
    """An action that runs a Job in every cluster."""
    given = {"clusters": world.labels, "per_cluster": True, "wait": True, **options}
    namespace = bench.room.namespace
    return subscription(operation, namespace, of_job(bench), **given)


def of_job(bench: ActionBench) -> dict[str, str]:
    return feed("Job", bench.room.namespace, "check", api_version="batch/v1")


def run_job(bench: ActionBench, *clusters: Cluster) -> None:
    """Do what Clusternet and the Job controllers of clusters do."""
    for cluster in clusters:
        cluster.put(job("check"), namespace=bench.room.namespace, status=COMPLETE)


def child(bench: ActionBench, cluster: Cluster, parent: str = "web") -> Object | None:
    return bench.get("Subscription", child_name(parent, cluster.binding))


def by_cluster(run: Run, key: str = KEY) -> dict[str, Object]:
    """What the record says about each cluster, as soon as there is one."""
    until(lambda: run.has_record(key), f"the record of {key}")
    return {entry["cluster"]: entry for entry in run.state(key).get("clusters", ())}


def says(runner: Process, text: str) -> None:
    until(lambda: text in runner.output or not runner.running, f"the runner to say {text!r}")
    assert text in runner.output, runner.output


def test_every_cluster_gets_a_child_of_its_own(bench: ActionBench, world: World, near: Cluster, far: Cluster) -> None:
    other = world.cluster("other", {"of": "nobody"})
    run_job(bench, near, far)
    given = hook(bench, world, clusters={**world.labels, "zone": "a"}, spec={"schedulingStrategy": "Dividing"})
    given["subscription"]["spec"]["subscribers"].append({"clusterAffinity": {"matchLabels": {"zone": "b"}}})
    done = bench.forward(given)

    assert done.message == "all 2 clusters succeeded"
    assert bench.get("Subscription", "web") is None
    assert child(bench, other) is None
    for cluster in (near, far):
        found = child(bench, cluster)
        assert found is not None
        assert found["spec"]["subscribers"] == [
            {"clusterAffinity": {"matchExpressions": [{"key": ID_LABEL, "operator": "In", "values": [cluster.id]}]}}
        ]
        assert found["spec"]["schedulingStrategy"] == "Replication"
        assert found["metadata"]["labels"]["dr.bkbcs.tencent.com/plan"] == "pay"
        entry = by_cluster(done.run)[cluster.binding]
        assert (entry["phase"], entry["clusterID"]) == ("Succeeded", cluster.id)
        assert entry["startTime"] <= entry["completionTime"]
    uids = {reference["uid"] for reference in done.state["outputs"]["subscriptionRefs"]}
    assert uids == {(child(bench, cluster) or {})["metadata"]["uid"] for cluster in (near, far)}


def test_results_are_in_the_lane_and_a_repeated_pod_has_them_too(
    bench: ActionBench, world: World, near: Cluster
) -> None:
    run_job(bench, near)
    run = bench.run()
    for name in ("pod-1", "pod-2"):
        pod = run.pod(name)
        assert pod.start(KEY, bench.placed(hook(bench, world))).wait() == 0
        assert [entry["cluster"] for entry in pod.result(KEY)["clusters"]] == [near.binding]
    assert pod.result(KEY)["replayed"]


def test_one_cluster_that_fails_keeps_no_other_from_its_end(
    bench: ActionBench, world: World, near: Cluster, far: Cluster
) -> None:
    run = bench.run()
    run_job(bench, near)
    far.proxy.fault(asks("*"), answer(503), times=1000)
    runner = bench.start(hook(bench, world, timeout=12.0), run)
    until(lambda: by_cluster(run).get(near.binding, {}).get("phase") == "Succeeded", "the near cluster to be done")
    assert by_cluster(run)[far.binding]["phase"] == "Running"
    assert world.hub.token(0) not in runner.output

    assert runner.wait() == 3
    state = run.state(KEY)
    assert (state["phase"], state["reason"]) == ("Failed", "TimedOut")
    assert "one or more clusters failed (1 of 2)" in state["message"]
    assert far.binding in state["message"]
    assert {name: entry["phase"] for name, entry in by_cluster(run).items()} == {
        near.binding: "Succeeded",
        far.binding: "Failed",
    }
    assert len(state["outputs"]["subscriptionRefs"]) == 2


def test_a_failed_action_is_undone_in_every_cluster(
    bench: ActionBench, world: World, near: Cluster, far: Cluster
) -> None:
    run_job(bench, near)
    done = bench.forward(hook(bench, world, timeout=3.0))
    assert done.phase == "Failed"
    bench.delete("Subscription", child_name("web", far.binding))

    back = bench.revert(done)

    assert (child(bench, near), child(bench, far)) == (None, None)
    assert back.phase == "Succeeded"
    assert f"Rolled back: deleted Subscription {bench.room.namespace}/" in back.message
    entries = by_cluster(back.run)
    assert {name: entry["phase"] for name, entry in entries.items()} == {
        near.binding: "Succeeded",
        far.binding: "Succeeded",
    }
    assert "was gone already" in entries[far.binding]["message"]


def test_one_that_distributes_nothing_is_ready_when_it_is_bound(
    bench: ActionBench, world: World, near: Cluster
) -> None:
    run = bench.run()
    given = subscription(
        "Create", bench.room.namespace, clusters=world.labels, per_cluster=True, wait=True, spec={"feeds": []}
    )
    runner = bench.start(given, run)
    says(runner, "is not bound to the cluster yet")
    world.bind(bench.room.namespace, child_name("web", near.binding), near)

    assert runner.wait() == 0


def test_a_selector_that_matches_nothing_fails_and_tells_what_there_is(
    bench: ActionBench, world: World, near: Cluster
) -> None:
    done = bench.forward(hook(bench, world, clusters={"zone": "nowhere"}))

    assert (done.phase, done.reason) == ("Failed", "NotFound")
    assert "zone=nowhere" in done.message
    assert "there are" in done.message
    assert child(bench, near) is None


def test_what_an_earlier_run_has_left_is_no_result_of_this_one(bench: ActionBench, world: World, near: Cluster) -> None:
    run_job(bench, near)
    first = bench.forward(hook(bench, world))
    assert first.phase == "Succeeded"

    done = bench.forward(hook(bench, world))

    assert (done.phase, done.reason) == ("Failed", "Conflict")
    assert "already exists" in by_cluster(done.run)[near.binding]["message"]
    assert "outputs" not in done.state
    bench.revert(done)
    assert child(bench, near) is not None


def test_a_hook_that_cleans_up_first_runs_again(bench: ActionBench, world: World, near: Cluster) -> None:
    run_job(bench, near)
    given = hook(bench, world, "Apply", cleanup=["beforeCreate"])
    bench.forward(given)
    first = (child(bench, near) or {})["metadata"]
    held = {"metadata": {"finalizers": ["apps.clusternet.io/finalizer"]}}
    bench.change("Subscription", first["name"], held)
    run = bench.run()
    runner = bench.start(given, run)
    says(runner, "apps.clusternet.io/finalizer")
    near.take("Job", bench.room.namespace, "check")
    bench.change("Subscription", first["name"], {"metadata": {"finalizers": []}})
    says(runner, "is not there yet")
    assert (child(bench, near) or {})["metadata"]["uid"] != first["uid"]
    run_job(bench, near)

    assert runner.wait() == 0


def test_a_job_of_another_subscription_is_not_taken_for_ours(bench: ActionBench, world: World, near: Cluster) -> None:
    old = job("check")
    old["metadata"]["annotations"] = {"apps.clusternet.io/owned-by-description": f"{near.namespace}.of-last-month"}
    near.put(old, namespace=bench.room.namespace, status=COMPLETE)
    run = bench.run()
    runner = bench.start(hook(bench, world), run)
    says(runner, "is still that of another Subscription")
    uid = (child(bench, near) or {})["metadata"]["uid"]
    ours = near.describe(uid, phase="Success")["metadata"]["name"]
    note = {"metadata": {"annotations": {"apps.clusternet.io/owned-by-description": f"{near.namespace}.{ours}"}}}
    near.administrator.merge("Job", bench.room.namespace, "check", note)

    assert runner.wait() == 0


def test_a_hook_that_is_removed_after_success_is_still_named(bench: ActionBench, world: World, near: Cluster) -> None:
    run_job(bench, near)
    done = bench.forward(hook(bench, world, cleanup=["onSuccess"]))

    assert done.phase == "Succeeded"
    assert child(bench, near) is None
    assert len(done.state["outputs"]["subscriptionRefs"]) == 1


def test_a_hook_is_removed_where_it_failed_alone(bench: ActionBench, world: World, near: Cluster, far: Cluster) -> None:
    run_job(bench, near)
    done = bench.forward(hook(bench, world, cleanup=["onFailure"], timeout=6.0))

    assert done.phase == "Failed"
    assert child(bench, near) is not None
    assert child(bench, far) is None


def test_deleting_the_parent_deletes_what_earlier_runs_made_of_it(
    bench: ActionBench, world: World, near: Cluster, far: Cluster
) -> None:
    namespace = bench.room.namespace
    run_job(bench, near, far)
    bench.forward(hook(bench, world))
    bench.forward(hook(bench, world, name="other"))
    done = bench.forward(subscription("Delete", namespace))

    assert done.message.startswith(
        f"Subscription {namespace}/web deleted successfully (and 2 per-cluster Subscriptions)"
    )
    assert (child(bench, near), child(bench, far)) == (None, None)
    assert child(bench, near, "other") is not None
    assert {entry["phase"] for entry in by_cluster(done.run).values()} == {"Succeeded"}
    bench.revert(done)
    assert child(bench, near) is not None
    assert child(bench, far) is not None


def test_what_a_revert_has_brought_back_is_deleted_by_the_next_deletion(
    bench: ActionBench, world: World, near: Cluster
) -> None:
    run_job(bench, near)
    bench.forward(hook(bench, world))
    given = subscription("Delete", bench.room.namespace)
    bench.revert(bench.forward(given))
    assert child(bench, near) is not None

    done = bench.forward(given)

    assert "(and 1 per-cluster Subscription)" in done.message
    assert child(bench, near) is None


def test_deleting_leaves_a_child_that_somebody_made_anew(bench: ActionBench, world: World, near: Cluster) -> None:
    run_job(bench, near)
    bench.forward(hook(bench, world))
    made = child(bench, near)
    assert made is not None
    name = made["metadata"]["name"]
    bench.delete("Subscription", name)
    bench.create({**made, "metadata": {"name": name}})

    done = bench.forward(subscription("Delete", bench.room.namespace))

    assert "per-cluster" not in done.message
    assert child(bench, near) is not None


def test_deleting_leaves_alone_what_a_revert_has_undone(bench: ActionBench, world: World, near: Cluster) -> None:
    run_job(bench, near)
    done = bench.forward(hook(bench, world))
    bench.revert(done)

    gone = bench.forward(subscription("Delete", bench.room.namespace, per_cluster=True))

    assert gone.phase == "Succeeded"
    assert "per-cluster" not in gone.message


def test_a_patch_without_clusters_is_for_the_children_that_there_are(
    bench: ActionBench, world: World, near: Cluster
) -> None:
    run_job(bench, near)
    bench.forward(hook(bench, world))
    only = (child(bench, near) or {})["spec"]["subscribers"]
    patch = subscription("Patch", bench.room.namespace, per_cluster=True, spec={"priority": 9})
    done = bench.forward(patch)

    assert done.phase == "Succeeded"
    assert (child(bench, near) or {})["spec"]["priority"] == 9
    assert (child(bench, near) or {})["spec"]["subscribers"] == only
    bench.revert(done)
    assert "priority" not in (child(bench, near) or {})["spec"]


def test_a_hook_of_a_revert_fans_out_and_waits_as_any_other(
    bench: ActionBench, world: World, near: Cluster, far: Cluster
) -> None:
    key, run = "s1.w1.h1", bench.run()
    pod = run.pod("pod-1")
    runner = pod.start(key, bench.placed(hook(bench, world)), "--direction=revert")
    until(lambda: child(bench, near) and child(bench, far), "a child in every cluster")
    run_job(bench, near)
    until(lambda: by_cluster(run, key).get(near.binding, {}).get("phase") == "Succeeded", "the near cluster")
    assert runner.running
    run_job(bench, far)

    assert runner.wait() == 0
    assert {entry["phase"] for entry in by_cluster(run, key).values()} == {"Succeeded"}


@pytest.mark.parametrize("write", [2, 3, 5, 6])
def test_a_runner_that_dies_on_the_way_is_gone_on_with(
    write: int, bench: ActionBench, world: World, near: Cluster, far: Cluster
) -> None:
    run_job(bench, near, far)
    run, proxy, victim = bench.run(), bench.room.proxy(), Victim()
    proxy.fault(nth_write(write), kill(victim, forwarded=True))
    given = hook(bench, world, cleanup=["beforeCreate"])
    bench.start(given, run, port=proxy.port, victim=victim).wait()
    second = bench.start(given, run, pod="pod-2")

    assert second.wait(60) == 0, second.output
    children = bench.administrator.list("Subscription", bench.room.namespace)
    assert {each["metadata"]["name"] for each in children} == {
        child_name("web", cluster.binding) for cluster in (near, far)
    }
    assert {each["phase"] for each in by_cluster(run).values()} == {"Succeeded"}


def test_an_undoing_that_fails_in_one_cluster_is_done_in_the_others(
    bench: ActionBench, world: World, near: Cluster, far: Cluster
) -> None:
    run_job(bench, near, far)
    done, proxy = bench.forward(hook(bench, world)), bench.room.proxy()
    refused = json.dumps({"kind": "Status", "reason": "Invalid", "message": "a webhook says no"}).encode()
    proxy.fault(asks("DELETE", child_name("web", far.binding)), answer(422, body=refused), times=9)

    back = bench.revert(done, port=proxy.port)

    assert back.phase == "Failed"
    assert "one or more clusters failed (1 of 2)" in back.message
    assert (child(bench, near), child(bench, far) is None) == (None, False)
    phases = {name: entry["phase"] for name, entry in by_cluster(back.run).items()}
    assert phases == {near.binding: "Succeeded", far.binding: "Failed"}
    assert "a webhook says no" in by_cluster(back.run)[far.binding]["message"]
    assert bench.revert(done).phase == "Succeeded"
    assert child(bench, far) is None


@pytest.mark.parametrize("write", [2, 3, 4])
def test_an_undoing_that_dies_on_the_way_is_gone_on_with(
    write: int, bench: ActionBench, world: World, near: Cluster, far: Cluster
) -> None:
    run_job(bench, near, far)
    done, run = bench.forward(hook(bench, world)), bench.run()
    proxy, victim = bench.room.proxy(), Victim()
    proxy.fault(nth_write(write), kill(victim, forwarded=True))
    undo = ("--direction=revert", f"--undo={done.run.record_name(KEY)}")
    bench.start(done.spec, run, *undo, port=proxy.port, victim=victim).wait()
    second = bench.start(done.spec, run, *undo, pod="pod-2")

    assert second.wait(60) == 0, second.output
    assert (child(bench, near), child(bench, far)) == (None, None)
    assert {each["phase"] for each in by_cluster(run).values()} == {"Succeeded"}
    assert done.state["undoneBy"]["name"] == run.name


@pytest.mark.parametrize("write", [2, 3, 4, 5])
def test_a_deletion_that_dies_on_the_way_can_be_undone_in_full(
    write: int, bench: ActionBench, world: World, near: Cluster, far: Cluster
) -> None:
    run_job(bench, near, far)
    bench.forward(hook(bench, world))
    run, proxy, victim = bench.run(), bench.room.proxy(), Victim()
    proxy.fault(nth_write(write), kill(victim, forwarded=True))
    given = subscription("Delete", bench.room.namespace)
    bench.start(given, run, port=proxy.port, victim=victim).wait()
    deleted = bench.forward(given, run, pod="pod-2")
    assert deleted.phase == "Succeeded"
    assert (child(bench, near), child(bench, far)) == (None, None)

    assert bench.revert(deleted).phase == "Succeeded"
    assert child(bench, near) is not None
    assert child(bench, far) is not None


def test_the_same_action_done_again_after_a_failure_runs_its_hook_anew(
    bench: ActionBench, world: World, near: Cluster
) -> None:
    run = bench.run()
    given = hook(bench, world, cleanup=["beforeCreate"], timeout=2.0)
    assert bench.start(given, run).wait() == 3
    first = (child(bench, near) or {})["metadata"]["uid"]
    run_job(bench, near)
    run.fence(run=2)

    assert bench.start(given, run, pod="pod-2").wait() == 0
    assert (child(bench, near) or {})["metadata"]["uid"] != first


def test_many_clusters_are_done_at_the_same_time(bench: ActionBench, world: World) -> None:
    many = [world.cluster(f"c{number}", {}) for number in range(20)]
    run_job(bench, many[0])

    done = bench.forward(hook(bench, world))

    assert done.message == "all 20 clusters succeeded", done.output
    assert "pool" not in done.output
    assert {child(bench, cluster) is None for cluster in many} == {False}
    assert bench.revert(done).message == "Rolled back: deleted 20 Subscriptions"
    assert {child(bench, cluster) is None for cluster in many} == {True}
