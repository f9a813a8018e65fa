"""Action type KubernetesResource: the objects of a manifest, whatever they are.

Several objects are written in an order in which what others need comes first; deleted in the reverse of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner import manifests
from runner.acting import Acting
from runner.kube.changing import Change, Written
from runner.kube.concluding import concluded, succeeded
from runner.kube.engine import Engine
from runner.kube.objects import object_reference
from runner.kube.telling import listed, rolled_back, values_of
from runner.record import Outcome
from runner.vocabulary import Operation

_NOUN = "resource "


def perform(block: Mapping[str, Any], acting: Acting) -> Outcome:
    """Change the objects of the manifest of a filled block `resource`."""
    engine = Engine.of(acting)
    return concluded(engine, lambda: _forward(block, engine), outputs=_outputs)


def undo(_block: Mapping[str, Any], acting: Acting, forward: Mapping[str, Any]) -> Outcome:
    """Undo what an action did to objects, from its record."""
    engine = Engine.of(acting)
    return concluded(engine, lambda: succeeded(rolled_back(engine.undo(forward), noun=_NOUN)))


def _forward(block: Mapping[str, Any], engine: Engine) -> Outcome:
    operation = Operation(block["operation"])
    wait = engine.acting.spec.wait_ready
    deleting = operation is Operation.DELETE
    documents = manifests.documents(block["manifest"])
    wanted = manifests.in_kind_order(documents, deleting=deleting)
    written = engine.forward([Change(operation, obj) for obj in wanted], wait_gone=wait)
    if wait and not deleting:
        ready = engine.wait_ready([one.ref for one in written])
        written = [one._replace(obj=live) for one, live in zip(written, ready, strict=True)]
    first = written[wanted.index(documents[0])]
    return succeeded(_message(operation, written), _outputs([first]), values_of(first))


def _outputs(written: Sequence[Written]) -> Mapping[str, Any]:
    return {"resourceRef": object_reference(written[0].ref)} if written else {}


def _message(operation: Operation, written: Sequence[Written]) -> str:
    if len(written) == 1:
        return f"Resource {written[0].ref.shown} {operation} successfully{written[0].note}"
    notes = "".join(f"; {one.ref.shown}{one.note}" for one in written if one.note)
    return f"{len(written)} resources {operation} successfully: {listed([one.ref.shown for one in written])}{notes}"
