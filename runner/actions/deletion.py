"""Deleting a Subscription, and with it those that earlier runs of the plan made of it, a cluster each.

Of those only what is recorded to have been made is deleted, by its uid: somebody else may have made one of the same
name since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.actions import children as of_children
from runner.actions import clusters as of_clusters
from runner.actions.children import Child
from runner.actions.per_cluster import known_clusters
from runner.actions.recorded import records_of_plan
from runner.actions.results import Results
from runner.kube.changing import Change, Written
from runner.kube.concluding import NotDone, concluded, succeeded
from runner.kube.engine import Engine
from runner.kube.objects import Ref, object_reference
from runner.kube.selecting import SelectorError
from runner.kube.telling import DONE
from runner.record import Outcome, entry_id
from runner.vocabulary import ClusterExecutionMode, Operation, Reason


def perform(parent: Ref, block: Mapping[str, Any], engine: Engine) -> Outcome:
    """Delete a Subscription and its children.

    Args:
        parent: the Subscription.
        block: the block that names it.
        engine: deletes.
    """
    return concluded(engine, lambda: _delete(parent, block, engine))


def _delete(parent: Ref, block: Mapping[str, Any], engine: Engine) -> Outcome:
    acting = engine.acting
    children = _children(parent, block, engine)
    results = Results(acting, parent, children) if children else None
    changes = [
        Change(Operation.DELETE, of_children.identity(ref)) for ref in (parent, *(each.ref for each in children))
    ]
    of_parent, *of_each = engine.forward(changes)
    if acting.spec.wait_ready:
        engine.wait_gone([written.ref for written in engine.written if written.existed])
    note = "" if acting.spec.wait_ready and of_parent.existed else of_parent.note
    also = f" (and {len(children)} per-cluster {of_children.KIND}{'s' * (len(children) > 1)})" if children else ""
    for child in children:
        assert results is not None
        results.succeed(child, f"child {child.ref.shown} {DONE[Operation.DELETE]}")
    return succeeded(
        f"{of_parent.ref.shown} {DONE[Operation.DELETE]} successfully{also}{note}",
        _outputs(of_parent, of_each),
        {"ref": object_reference(parent)},
        results.clusters if results else (),
    )


def _children(parent: Ref, block: Mapping[str, Any], engine: Engine) -> list[Child]:
    """The children that there are, and those that an attempt of this action that was lost has deleted."""
    records = records_of_plan(engine)
    begun = {entry_id(entry) for entry in engine.acting.before}
    known = of_children.uids(records)
    named = {child.ref.name: child for child in of_children.recorded(parent, records)}
    chosen = {child.ref.name: child for child in _chosen(parent, block, engine)}

    def ours(child: Child) -> bool:
        live = engine.read(lambda: engine.cluster.get(child.ref), f"read {child.ref.shown}")
        return live is not None and (child.ref.name in chosen or live["metadata"]["uid"] in known)

    candidates = {**named, **chosen}
    in_order = [candidates[name] for name in sorted(candidates)]
    return [child for child in in_order if child.ref.identity in begun or ours(child)]


def _chosen(parent: Ref, block: Mapping[str, Any], engine: Engine) -> list[Child]:
    """The children for the clusters that the block itself is for, whoever has made them."""
    spec = block.get("spec") or {}
    mode = engine.acting.spec.raw.get("clusterExecutionMode")
    if mode != ClusterExecutionMode.PER_CLUSTER or not spec.get("subscribers"):
        return []
    try:
        wanted = of_clusters.matching(spec, known_clusters(engine))
    except SelectorError as error:
        raise NotDone(Reason.INVALID_SPEC, f"a subscriber of {parent.shown}: {error}") from error
    return [of_children.child_of(parent, cluster) for cluster in wanted]


def _outputs(parent: Written, children: Sequence[Written]) -> Mapping[str, Any]:
    refs = [object_reference(written.ref) for written in children]
    return {"subscriptionRef": object_reference(parent.ref), **({"subscriptionRefs": refs} if refs else {})}
