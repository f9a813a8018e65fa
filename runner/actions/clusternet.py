"""What the actions on Clusternet's objects have in common: the object that a block means, how it is written, its undo.

What Clusternet makes of such an object is not part of the action, but for what `waitReady` asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runner.acting import Acting
from runner.actions.clusters import SUBSCRIPTIONS
from runner.kube.changing import Change, Written
from runner.kube.concluding import concluded, succeeded
from runner.kube.engine import Engine
from runner.kube.objects import Object, object_reference
from runner.kube.readiness import Readiness, readiness
from runner.kube.telling import DONE, rolled_back, values_of
from runner.record import Outcome
from runner.vocabulary import Operation

APPS = SUBSCRIPTIONS

Judge = Callable[[Mapping[str, Any]], Readiness]


def manifest(kind: str, block: Mapping[str, Any], *, namespace: str = "") -> Object:
    """The object that a block means: just what was given, so that a Patch changes nothing else.

    Args:
        kind: its kind.
        block: the block.
        namespace: its namespace where the block names none.
    """
    metadata = {"name": block["name"], "namespace": block.get("namespace") or namespace}
    obj: Object = {
        "apiVersion": APPS,
        "kind": kind,
        "metadata": {name: value for name, value in metadata.items() if value},
    }
    return {**obj, "spec": block["spec"]} if block.get("spec") is not None else obj


def perform(
    kind: str, block: Mapping[str, Any], acting: Acting, *, output: str, judge: Judge | None = readiness
) -> Outcome:
    """Write the object of a block.

    Args:
        kind: its kind.
        block: the block.
        acting: the frame.
        output: name of its reference among the outputs.
        judge: tells whether it is ready; None when its kind has no readiness.
    """
    engine = Engine.of(acting)
    waits = acting.spec.wait_ready

    def outputs(written: Sequence[Written]) -> Mapping[str, Any]:
        return {output: object_reference(written[0].ref)} if written else {}

    def forward() -> Outcome:
        operation = Operation(block["operation"])
        (written,) = engine.forward([Change(operation, manifest(kind, block))], wait_gone=waits)
        if waits and judge is not None and operation is not Operation.DELETE:
            (live,) = engine.wait_ready([written.ref], judge=judge)
            written = written._replace(obj=live)
        message = f"{written.ref.shown} {DONE[operation]} successfully{written.note}"
        return succeeded(message, outputs([written]), values_of(written))

    return concluded(engine, forward, outputs=outputs)


def undo(acting: Acting, forward: Object) -> Outcome:
    """Undo what an action did to its object, from its record."""
    engine = Engine.of(acting)
    return concluded(engine, lambda: succeeded(rolled_back(engine.undo(forward))))
