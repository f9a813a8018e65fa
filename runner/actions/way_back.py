"""Undoing a Subscription action from its record, in all clusters at the same time and each for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from runner.acting import Acting
from runner.actions import children
from runner.actions.children import Child
from runner.actions.per_cluster import AT_ONCE
from runner.actions.results import Results
from runner.kube.changing import Undone
from runner.kube.concluding import concluded, succeeded
from runner.kube.engine import Engine
from runner.kube.objects import read_reference
from runner.kube.telling import rolled_back
from runner.record import Object, Outcome, entry_id
from runner.vocabulary import RecordPhase

_PREFIX = "Rolled back: "


def undo(acting: Acting, forward: Object) -> Outcome:
    """Undo what an action did, from its record."""
    state = forward["state"]
    parent = (state.get("values") or {}).get("ref")
    made = children.made_by(read_reference(parent), forward) if parent else []
    if not made:
        engine = Engine.of(acting)
        return concluded(engine, lambda: succeeded(rolled_back(engine.undo(forward))))
    return _Undoing(acting, forward, made).run()


class _Undoing:
    def __init__(self, acting: Acting, forward: Object, made: Sequence[Child]) -> None:
        self._acting = acting
        self._forward = forward
        self._by_ref: Mapping[tuple[str, ...], Child] = {child.ref.identity: child for child in made}
        self._results = Results(acting, read_reference(forward["state"]["values"]["ref"]), made)

    def run(self) -> Outcome:
        units = [entry_id(entry) for entry in self._forward["state"].get("before") or ()]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ends = list(pool.map(self._undo, units))
        undone = [one for _, each in ends for one in each]
        for end, _ in ends:
            if end.phase is not RecordPhase.SUCCEEDED and not self._results.failures:
                return end._replace(clusters=self._results.clusters)
        if self._results.failures:
            return self._results.failed({}, summary=f"{rolled_back(undone)}; one or more clusters failed")
        return succeeded(rolled_back(undone), clusters=self._results.clusters)

    def _undo(self, unit: tuple[str, ...]) -> tuple[Outcome, list[Undone]]:
        """Undo what was done to one object."""
        engine = Engine.of(self._acting)
        undone: list[Undone] = []

        def back() -> Outcome:
            undone.extend(engine.undo(_only(self._forward, unit)))
            return succeeded(rolled_back(undone).removeprefix(_PREFIX))

        child = self._by_ref.get(unit)
        if child is not None:
            self._results.begin(child)
        outcome = concluded(engine, back)
        if child is not None and outcome.phase is RecordPhase.SUCCEEDED:
            self._results.succeed(child, outcome.message)
        elif child is not None:
            self._results.fail(child, outcome.reason, outcome.message)
        return outcome, undone


def _only(record: Mapping[str, Any], unit: tuple[str, ...]) -> Object:
    """A record as it would be of an action that had touched nothing but one object."""
    state = dict(record["state"])
    for name in ("before", "after"):
        state[name] = [entry for entry in state.get(name) or () if entry_id(entry) == unit]
    return {**record, "state": state}
