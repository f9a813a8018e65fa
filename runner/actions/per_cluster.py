"""A Subscription action once a cluster: in all of them at the same time, and each with a result of its own.

No cluster waits for another, and one that fails keeps no other from its end; the action has failed when one has. The
parent that the block describes is never made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from runner.actions import children as of_children
from runner.actions import clusters as of_clusters
from runner.actions import feeds, hook_cleanup, waiting
from runner.actions.bindings import Scheduled
from runner.actions.children import Child
from runner.actions.clusters import CLUSTERS, KIND_CLUSTER, ManagedCluster
from runner.actions.recorded import records_of_plan
from runner.actions.results import Results
from runner.actions.sockets import ways
from runner.actions.waiting import Watch, Watches
from runner.kube.changing import Change, Written
from runner.kube.concluding import NotDone, concluded, succeeded
from runner.kube.engine import Engine
from runner.kube.objects import Ref, object_reference
from runner.kube.readiness import Ready
from runner.kube.selecting import SelectorError
from runner.kube.telling import DONE
from runner.record import Outcome
from runner.vocabulary import Operation, Reason, RecordPhase

AT_ONCE = 12


def perform(parent: Ref, block: Mapping[str, Any], engine: Engine) -> Outcome:
    """Write a Subscription for each cluster that the one of a block is for.

    Args:
        parent: the Subscription that the block describes.
        block: the block.
        engine: looks for the clusters.
    """
    return concluded(engine, lambda: _FanOut(parent, block, engine).run())


def in_each(children: Sequence[Child], act: Callable[[Child], None]) -> None:
    """Do something in all clusters at the same time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(act, children))


def known_clusters(engine: Engine) -> list[ManagedCluster]:
    """All child clusters that the hub knows."""
    listed = engine.read(lambda: engine.cluster.list(CLUSTERS, KIND_CLUSTER), f"list {KIND_CLUSTER}s")
    return [of_clusters.read(each) for each in listed]


class _FanOut:
    def __init__(self, parent: Ref, block: Mapping[str, Any], engine: Engine) -> None:
        self._acting = engine.acting
        self._hub = engine.cluster
        self._way = ways(engine)
        self._operation = Operation(block["operation"])
        self._spec: Mapping[str, Any] = block.get("spec") or {}
        self._cleanup = hook_cleanup.read(self._acting)
        self._clusters = {cluster.binding: cluster for cluster in self._wanted(parent, engine)}
        self._children = [of_children.child_of(parent, cluster) for cluster in self._clusters.values()]
        self._results = Results(self._acting, parent, self._children)
        self._written: dict[str, Written] = {}

    def _wanted(self, parent: Ref, engine: Engine) -> list[ManagedCluster]:
        known = known_clusters(engine)
        if self._operation is Operation.PATCH and not self._spec.get("subscribers"):
            # A patch that says nothing about clusters is for those that there is something to patch in.
            there = {child.cluster for child in of_children.recorded(parent, records_of_plan(engine))}
            wanted = [cluster for cluster in known if cluster.binding in there]
            if not wanted:
                raise NotDone(Reason.NOT_FOUND, f"no earlier run of the plan has made {parent.shown} in any cluster")
            return wanted
        try:
            wanted = of_clusters.matching(self._spec, known)
        except SelectorError as error:
            raise NotDone(Reason.INVALID_SPEC, f"a subscriber of {parent.shown}: {error}") from error
        if not wanted:
            raise NotDone(Reason.NOT_FOUND, of_clusters.no_match(self._spec, known))
        return wanted

    def run(self) -> Outcome:
        in_each(self._children, self._make)
        made = [child for child in self._children if child.cluster in self._written]
        if self._acting.spec.wait_ready:
            self._wait(made)
        else:
            for child in made:
                self._results.succeed(child, f"child {child.ref.shown} {DONE[self._operation]}")
        in_each([child for child in made if self._is_over(child)], self._clear)
        refs = [object_reference(self._written[child.cluster].ref) for child in made]
        outputs = {"subscriptionRefs": refs} if refs else {}
        if self._results.failures:
            return self._results.failed(outputs)
        message = f"all {len(made)} clusters succeeded"
        return succeeded(message, outputs, self._results.values, self._results.clusters)

    def _make(self, child: Child) -> None:
        if not child.cluster_id:
            self._results.fail(child, Reason.NOT_FOUND, f"{KIND_CLUSTER} {child.cluster} has no cluster id yet")
            return
        self._results.begin(child)
        engine = Engine.of(self._acting)

        def forward() -> Outcome:
            self._cleanup.make_room(engine, child.ref)
            change = Change(self._operation, of_children.manifest(child, self._spec))
            (self._written[child.cluster],) = engine.forward([change])
            return succeeded("")

        self._concluded(child, engine, forward)

    def _wait(self, made: Sequence[Child]) -> None:
        """Wait until what was distributed is ready, in each cluster."""
        by_cluster = {child.cluster: child for child in made}
        watches = Watches({name: self._watch(child) for name, child in by_cluster.items()}, say=self._say)

        def ended(name: str) -> None:
            child, verdict = by_cluster[name], watches.verdicts[name]
            if isinstance(verdict, Ready):
                self._results.succeed(child, f"child {child.ref.shown} ready")
            else:
                message = f"waitReady failed for child {child.ref.place}: {waiting.told(verdict)}"
                self._results.fail(child, waiting.reason_of(verdict), message)

        watches.until_ended(self._acting, reserve=self._cleanup.reserve(self._acting), on_end=ended)
        for name in watches.open:
            ended(name)

    def _watch(self, child: Child) -> Watch:
        written = self._written[child.cluster]
        wanted = feeds.read((written.obj or {}).get("spec") or {})
        if not wanted:
            return Scheduled(self._hub, written.ref, child.cluster)
        cluster = self._clusters[child.cluster]
        return feeds.Watch(self._hub, self._way(cluster), cluster=cluster, ref=written.ref, feeds=wanted)

    def _is_over(self, child: Child) -> bool:
        failed = child.cluster in self._results.failures
        return self._cleanup.on_failure if failed else self._cleanup.on_success

    def _clear(self, child: Child) -> None:
        engine = Engine.of(self._acting)

        def clear() -> Outcome:
            self._cleanup.clear(engine, [self._written[child.cluster].ref])
            return succeeded("")

        self._concluded(child, engine, clear)

    def _concluded(self, child: Child, engine: Engine, act: Callable[[], Outcome]) -> None:
        """Act in one cluster, whose failure is its own."""
        outcome = concluded(engine, act)
        if outcome.phase is not RecordPhase.SUCCEEDED:
            self._results.fail(child, outcome.reason, f"child {child.ref.shown}: {outcome.message}")

    def _say(self, text: str) -> None:
        self._acting.console.say(f"waiting for {text}")
