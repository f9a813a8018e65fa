"""What is decided about Clusternet's objects without asking anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.actions import children, clusternet, clusters, feeds, helm_chart, waiting
from runner.actions.clusters import ManagedCluster
from runner.actions.sockets import NoWay
from runner.actions.waiting import Denied, Watches
from runner.kube.objects import Ref, object_reference
from runner.kube.readiness import Failed, Ready, Waiting
from runner.result import Result, lane_result
from runner.vocabulary import RecordPhase

PARENT = Ref("apps.clusternet.io/v1alpha1", "Subscription", "dr", "web")
NEAR = ManagedCluster("one", "shop", "id-1", {"zone": "a"})
FAR = ManagedCluster("two", "shop", "id-2", {"zone": "b"})
OTHER = ManagedCluster("three", "other", "id-3", {})
ALL = [FAR, NEAR, OTHER]


def spec(*affinities: Any, **more: Any) -> dict[str, Any]:
    return {"subscribers": [{"clusterAffinity": affinity, **more} for affinity in affinities]}


def labels(**wanted: str) -> dict[str, Any]:
    return {"matchLabels": wanted}


def test_clusters_of_any_subscriber_match_once_and_in_order() -> None:
    assert clusters.matching(spec(labels(zone="b"), {}, labels(zone="a")), ALL) == [NEAR, OTHER, FAR]


def test_a_subscriber_without_a_selector_is_for_no_cluster() -> None:
    assert clusters.matching(spec(None), ALL) == []


def test_no_match_names_what_is_asked_for_and_what_there_is() -> None:
    asked = {
        "matchLabels": {"zone": "c"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["x", "y"]}],
    }
    text = clusters.no_match(spec(asked), [NEAR, OTHER])
    assert "(zone=c, tier In [x, y])" in text
    assert "there are 2: one/shop (zone=a); three/other (no labels)" in text


def test_no_match_says_so_when_there_is_no_cluster_at_all() -> None:
    assert "there is none at all" in clusters.no_match(spec(labels(zone="c")), [])


def test_a_cluster_without_an_id_in_its_spec_has_that_of_its_label() -> None:
    metadata = {"namespace": "one", "name": "shop", "labels": {clusters.LABEL_CLUSTER_ID: "id-1"}}
    assert clusters.read({"metadata": metadata}).id == "id-1"


@pytest.mark.parametrize(
    ("bound", "whole"),
    [([], False), (["one/shop"], False), (["one/shop", "two/shop"], True), (["one/shop", "two/shop", "x/y"], False)],
)
def test_bindings_are_whole_when_they_are_just_what_matches(bound: list[str], whole: bool) -> None:
    assert clusters.whole(spec(labels(zone="a"), labels(zone="b")), bound, ALL) is whole


def test_every_subscriber_gets_a_cluster() -> None:
    wanted = spec(labels(zone="a"), labels(zone="b"))
    assert clusters.enough(wanted, ["one/shop"], ALL) == "bound to 0 of at least 1 clusters that match zone=b"
    assert clusters.enough(wanted, ["one/shop", "two/shop"], ALL) == ""


def test_a_subscriber_that_says_how_many_gets_so_many_or_all_that_there_are() -> None:
    two = spec({}, subGroupStrategy={"minClusters": 2})
    assert clusters.enough(two, ["one/shop"], ALL).startswith("bound to 1 of at least 2")
    assert clusters.enough(two, ["one/shop", "two/shop"], ALL) == ""
    nine = spec({}, subGroupStrategy={"minClusters": 9})
    assert clusters.enough(nine, ["one/shop", "two/shop"], ALL).startswith("bound to 2 of at least 3")


def test_a_subscriber_for_which_there_is_no_cluster_is_not_waited_for() -> None:
    assert clusters.enough(spec(labels(zone="a"), labels(zone="nowhere")), ["one/shop"], ALL) == ""


def test_clusters_of_one_name_have_different_children() -> None:
    names = {children.child_of(PARENT, cluster).ref.name for cluster in (NEAR, FAR)}
    assert len(names) == 2
    assert all(name.startswith("web--shop-") for name in names)


def test_names_of_children_stay_different_when_they_are_cut() -> None:
    long = ["a" * 80 + end for end in ("x", "y")]
    names = {children.child_name(parent, "one/" + "b" * 60) for parent in long}
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)


def test_a_child_has_the_spec_of_its_parent_for_one_cluster() -> None:
    given = {
        "feeds": [{"kind": "Job"}],
        "priority": 3,
        "schedulingStrategy": "Dividing",
        "dividingScheduling": {"type": "Static"},
        "schedulingBySubGroup": True,
        "subscribers": [{"clusterAffinity": {}}],
    }
    made = children.manifest(children.child_of(PARENT, NEAR), given)["spec"]
    assert made == {
        "feeds": [{"kind": "Job"}],
        "priority": 3,
        "schedulingStrategy": "Replication",
        "subscribers": [
            {
                "clusterAffinity": {
                    "matchExpressions": [{"key": clusters.LABEL_CLUSTER_ID, "operator": "In", "values": ["id-1"]}]
                }
            }
        ],
    }


def record(*made: tuple[ManagedCluster, str], direction: str = "Forward", **state: Any) -> dict[str, Any]:
    refs = [(children.child_of(PARENT, cluster).ref, uid) for cluster, uid in made]
    return {
        "spec": {"direction": direction},
        "state": {
            "clusters": [{"cluster": cluster.binding, "clusterID": cluster.id} for cluster, _ in made],
            "outputs": {"subscriptionRefs": [object_reference(ref._replace(uid=uid)) for ref, uid in refs]},
            **state,
        },
    }


def test_recorded_children_are_those_of_all_runs_once_and_in_order() -> None:
    records = [record((NEAR, "new"), (FAR, "far")), record((NEAR, "old"))]
    names = [child.ref.name for child in children.recorded(PARENT, records)]
    assert names == sorted(children.child_name("web", cluster.binding) for cluster in (NEAR, FAR))
    assert children.uids(records) == {"new", "far", "old"}


@pytest.mark.parametrize("change", [{"direction": "Revert"}, {"undoneBy": {"name": "back", "uid": "1"}}])
def test_what_is_undone_or_was_made_by_a_revert_is_not_among_them(change: dict[str, Any]) -> None:
    assert children.recorded(PARENT, [record((NEAR, "1"), **change)]) == []


def test_children_of_another_parent_are_not_among_them() -> None:
    other = PARENT._replace(name="other")
    assert children.recorded(other, [record((NEAR, "1"))]) == []


def test_a_run_that_was_lost_is_known_by_what_it_was_about_to_make() -> None:
    ref = children.child_of(PARENT, NEAR).ref
    before = [{"ref": object_reference(ref._replace(uid="of another"))}]
    lost = record((NEAR, "1"), outputs={}, before=before)
    assert [child.cluster for child in children.recorded(PARENT, [lost])] == [NEAR.binding]
    assert children.uids([lost]) == set()


def test_a_manifest_that_holds_nothing_is_told() -> None:
    with pytest.raises(NoWay, match="Manifest empty has no template"):
        feeds.template({"metadata": {"name": "empty"}})


def description(name: str, **status: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "one", "name": name}, "spec": {}, "status": status}


def test_one_description_that_failed_is_a_failure() -> None:
    failed = feeds.failure([description("a", phase="Success"), description("b", phase="Failure", reason="no quota")])
    assert failed == Failed("description one/b failed: no quota")


def test_a_failure_without_a_reason_is_told_as_such() -> None:
    assert feeds.failure([description("a", phase="Failure")]) == Failed(
        "description one/a failed: description deployment failed"
    )


def test_a_chart_that_clusternet_has_not_looked_for_is_waited_for() -> None:
    assert isinstance(helm_chart.found({}), Waiting)
    assert isinstance(helm_chart.found({"status": {"phase": "Found"}}), Ready)


def watches(said: list[str], *names: str) -> Watches:
    return Watches(dict.fromkeys(names), say=said.append)  # type: ignore[arg-type]


def test_a_failure_that_was_just_seen_does_not_end_the_wait() -> None:
    said: list[str] = []
    near = watches(said, "near")
    assert not near.judge("near", Failed("lost"))
    assert near.open == ["near"]
    assert near.judge("near", Ready())
    assert said == ["near: lost", "near: ready"]


def test_a_failure_that_lasts_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FAILURE_LASTS", 0.0)
    near = watches([], "near")
    assert near.judge("near", Failed("lost"))
    assert isinstance(near.verdicts["near"], Failed)


def test_a_right_that_lacks_ends_it_at_once() -> None:
    assert watches([], "near").judge("near", Denied("no right"))


def test_what_is_waited_for_is_said_when_it_changes() -> None:
    said: list[str] = []
    near = watches(said, "near", "far")
    for reason in ("slow", "slow", "slower"):
        near.judge("near", Waiting(reason))
    assert said == ["near: slow", "near: slower"]
    assert near.told(near.open) == "near: slower (and 1 more)"


def test_results_of_clusters_are_in_the_lane_as_long_as_there_is_room() -> None:
    entry = {"cluster": "one/shop", "clusterID": "id-1", "phase": "Failed", "message": "slow " * 20}
    result = Result("s1.w1.a1", RecordPhase.FAILED, "TimedOut", "one or more clusters failed", clusters=[entry])
    (whole,) = json.loads(lane_result([result], 4096))["actions"]
    (cut,) = json.loads(lane_result([result], 300))["actions"]

    assert Result.from_json(whole).clusters == [entry]
    assert "clusters" not in cut
    assert cut["message"] == "one or more clusters failed"


def test_an_object_is_just_what_its_block_gives() -> None:
    made = clusternet.manifest("Subscription", {"name": "web", "spec": {"priority": 1}}, namespace="default")
    assert made["metadata"] == {"name": "web", "namespace": "default"}
    assert made["spec"] == {"priority": 1}
    assert "spec" not in clusternet.manifest("Globalization", {"name": "web"})
