"""What refuses an Execute, found with and without building its graph: always the same, in the same order."""

from __future__ import annotations

import gc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.facts import Earlier, Remembered
from compiler.graph.forward import forward_graph, refusals
from compiler.graph.snapshot import Snapshot
from compiler.model.workflow import DRWorkflow
from compiler.problems import Refused, Violation
from support import plans

_NAMES = ("a", "b", "c", "d")
_TEXTS = st.sampled_from(
    [
        "plain",
        "$(params.known)",
        "$(params.unknown)",
        "$(params.secret)",
        "$(params.1bad)",
        "$(mode)",
        "$(planName)$(params.known)",
        "$$(params.unknown)",
        "{{ .params.unknown }}",
        "$(outputs.a.json.x)",
        "$(outputs.b.body)",
        "$(outputs.none.body)",
    ]
)
_WHEN = st.sampled_from([None, "mode == install", "params.known == yes", "params.gone != no", "mode ==", ""])


@st.composite
def _actions(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(_NAMES))
    fields: dict[str, Any] = {}
    if (when := draw(_WHEN)) is not None:
        fields["when"] = when
    if draw(st.booleans()):
        fields["dependsOn"] = draw(st.lists(st.sampled_from([*_NAMES, "none"]), max_size=2))
    if draw(st.booleans()):
        fields["timeout"] = draw(st.sampled_from(["5s", "0s", "soon"]))
    if draw(st.integers(0, 3)) == 0:
        return {"name": name, "type": draw(st.sampled_from(["HTTP", "Job", "Subscription"])), **fields}
    if draw(st.integers(0, 3)) == 0:
        operation = draw(st.sampled_from(["Create", "Patch", "Delete"]))
        return plans.localization(name, operation=operation, **fields)
    headers = {draw(_TEXTS): draw(_TEXTS)} if draw(st.booleans()) else {}
    return plans.http(name, draw(_TEXTS), method="POST", body=draw(_TEXTS), headers=headers, **fields)


@st.composite
def _snapshots(draw: st.DrawFn) -> Snapshot:
    parameters = [
        {"name": "known", "default": "x"},
        {"name": "needed", "required": draw(st.booleans()), "type": "number"},
    ]
    workflows = [
        plans.workflow(name, *draw(st.lists(_actions(), min_size=1, max_size=5)), parameters=parameters)
        for name in ("one", "two")
    ]
    stages = [
        plans.stage(
            name,
            *draw(st.lists(st.sampled_from(["one", "two", "gone"]), min_size=1, max_size=2)),
            dependsOn=draw(st.lists(st.sampled_from(["x", "y"]), max_size=1)),
        )
        for name in ("x", "y")
    ]
    secret = {"name": "secret", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    return plans.snapshot(
        plans.plan(*stages, globalParams=[secret]),
        *workflows,
        mode=draw(st.sampled_from(["", "install", "delete"])),
        params=draw(st.sampled_from([{}, {"needed": "1"}, {"needed": "one"}, {"strange": "x"}])),
    )


def _refused(snapshot: Snapshot) -> list[Violation]:
    try:
        forward_graph(snapshot)
    except Refused as refusal:
        return list(refusal.violations)
    return []


@given(_snapshots())
def test_a_graph_is_refused_for_what_is_found_without_building_it(snapshot: Snapshot) -> None:
    assert refusals(snapshot) == _refused(snapshot)


@given(_snapshots())
def test_a_snapshot_that_was_looked_at_before_is_refused_for_the_same(snapshot: Snapshot) -> None:
    first = refusals(snapshot)
    assert refusals(snapshot) == first


@given(st.lists(st.tuples(st.sampled_from(_NAMES), st.sets(st.integers(0, 20), max_size=3)), max_size=20))
def test_who_ran_before_whom_is_what_can_be_reached(members: list[tuple[str, set[int]]]) -> None:
    names = [name for name, _ in members]
    after = [sorted(each for each in before if each < index) for index, (_, before) in enumerate(members)]
    earlier = Earlier.of(names, after)
    reached: list[set[int]] = []
    for before in after:
        reached.append(set(before).union(*(reached[each] for each in before)))
    for index in range(len(members)):
        for name in _NAMES:
            assert earlier.find(index, name) == max((e for e in reached[index] if names[e] == name), default=None)


def test_what_was_found_of_a_model_is_forgotten_with_it() -> None:
    asked: list[str] = []

    def name_of(workflow: DRWorkflow) -> str:
        asked.append(workflow.metadata.name or "")
        return asked[-1]

    remembered = Remembered(name_of)
    model = DRWorkflow.read(plans.workflow("one", plans.http("a")))
    assert [remembered(model), remembered(model)] == ["one", "one"]
    assert asked == ["one"]
    del model
    gc.collect()
    assert remembered._known == {}
