"""Action type Subscription: what Clusternet distributes to which child clusters, as a whole or a cluster each.

Without `waitReady` it has succeeded when the hub has taken the object. Deleting one also deletes those that earlier
runs of the plan made of it, a cluster each: nobody else would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.acting import Acting
from runner.actions import clusternet, deletion, feeds, hook_cleanup, per_cluster, waiting, way_back
from runner.actions.bindings import Bound
from runner.actions.children import KIND
from runner.actions.hook_cleanup import HookCleanup
from runner.actions.sockets import ways
from runner.actions.waiting import Watches
from runner.kube.answers import KubeError
from runner.kube.changing import Change, Written
from runner.kube.concluding import NotDone, concluded, succeeded
from runner.kube.engine import Engine
from runner.kube.objects import Object, Ref, object_reference, ref_of
from runner.kube.readiness import Ready
from runner.kube.telling import DONE, values_of
from runner.record import Outcome
from runner.vocabulary import ClusterExecutionMode, Operation, Reason

DEFAULT_NAMESPACE = "default"
_OUTPUT = "subscriptionRef"


def perform(block: Mapping[str, Any], acting: Acting) -> Outcome:
    """Write the Subscription of a filled block, or those that it means, a cluster each."""
    engine = Engine.of(acting)
    parent = ref_of(clusternet.manifest(KIND, block, namespace=DEFAULT_NAMESPACE))
    if Operation(block["operation"]) is Operation.DELETE:
        return deletion.perform(parent, block, engine)
    if acting.spec.raw.get("clusterExecutionMode") == ClusterExecutionMode.PER_CLUSTER:
        return per_cluster.perform(parent, block, engine)
    return concluded(engine, lambda: _forward(block, engine, hook_cleanup.read(acting)), outputs=_outputs)


def undo(_block: Mapping[str, Any], acting: Acting, forward: Object) -> Outcome:
    """Undo what an action did, in every cluster."""
    return way_back.undo(acting, forward)


def _forward(block: Mapping[str, Any], engine: Engine, cleanup: HookCleanup) -> Outcome:
    change = Change(Operation(block["operation"]), clusternet.manifest(KIND, block, namespace=DEFAULT_NAMESPACE))
    cleanup.make_room(engine, ref_of(change.obj))
    try:
        (written,) = engine.forward([change])
        if engine.acting.spec.wait_ready:
            written = _ready(written, engine, cleanup)
    except (NotDone, KubeError) as failure:
        if cleanup.on_failure and engine.written:
            _clear_after(failure, engine, cleanup)
        raise
    if cleanup.on_success:
        cleanup.clear(engine, [written.ref])
    message = f"{written.ref.shown} {DONE[change.operation]} successfully{written.note}"
    return succeeded(message, _outputs([written]), values_of(written))


def _outputs(written: Sequence[Written]) -> Mapping[str, Any]:
    return {_OUTPUT: object_reference(written[0].ref)} if written else {}


def _ready(written: Written, engine: Engine, cleanup: HookCleanup) -> Written:
    """Wait until what a Subscription distributes is ready in all clusters that it is bound to."""
    acting, ref = engine.acting, written.ref
    bound = Bound(engine.cluster, ref)
    _await(Watches({ref.shown: bound}, say=acting.console.say), ref, acting, cleanup)
    way, wanted = ways(engine), feeds.read(bound.subscription["spec"])
    watches = {
        cluster.binding: feeds.Watch(engine.cluster, way(cluster), cluster=cluster, ref=ref, feeds=wanted)
        for cluster in bound.clusters
    }
    _await(Watches(watches, say=lambda text: acting.console.say(f"cluster {text}")), ref, acting, cleanup)
    return written._replace(obj=engine.read(lambda: engine.cluster.get(ref), f"read {ref.shown}") or written.obj)


def _await(watches: Watches, ref: Ref, acting: Acting, cleanup: HookCleanup) -> None:
    def ended(name: str) -> None:
        verdict = watches.verdicts[name]
        if not isinstance(verdict, Ready):
            raise NotDone(waiting.reason_of(verdict), f"waitReady failed for {ref.shown}: {watches.told([name])}")

    watches.until_ended(acting, reserve=cleanup.reserve(acting), on_end=ended)
    if watches.open:
        raise NotDone(Reason.TIMED_OUT, f"timeout waiting for {ref.shown} ready: {watches.told(watches.open)}")


def _clear_after(failure: Exception, engine: Engine, cleanup: HookCleanup) -> None:
    """Remove what was made by an action that failed; when that fails too, both are told."""
    try:
        cleanup.clear(engine, [written.ref for written in engine.written])
    except NotDone as second:
        raise NotDone(second.reason, f"{failure}; {second}") from failure
