"""The fold on runs that nobody thought of: always a complete tree, always the same, never back from an end."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.graph.tree import Decided, Graph
from compiler.model.execution import DRPlanExecutionStatus
from compiler.model.phases import (
    DependsOnPolicy,
    OperationType,
    Phase,
    PlanFailurePolicy,
    Reason,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)
from support.graphs import SKIPPED, action, graph, stage, use
from support.trees import NOW, PHANTOM, SIGNALLED, Argo, entry, execution, failed, opened, record
from syncer.fold import fold

IMPOSSIBLE = Decided(Phase.FAILED, Reason.NOT_UNDOABLE, "no before-image")
TERMINAL = ["Succeeded", "Failed", "Skipped", "Cancelled", "Unknown"]
REASONS = ["", *(reason.value for reason in Reason)]
FEW = settings(max_examples=150, deadline=None)


@st.composite
def graphs(draw):
    def actions():
        drafts = []
        for index in range(draw(st.integers(1, 3))):
            decided = draw(st.sampled_from([None, None, None, SKIPPED, IMPOSSIBLE]))
            needs = draw(st.sampled_from(DependsOnPolicy))
            drafts.append(action(f"step-{index}", decided=decided, needs=needs))
        return drafts

    stages = [
        stage(
            *(
                use(*actions(), policy=draw(st.sampled_from(WorkflowFailurePolicy)), done=draw(st.booleans()))
                for _ in range(draw(st.integers(1, 2)))
            ),
            name=f"stage-{index}",
            parallel=draw(st.booleans()),
            policy=draw(st.sampled_from(StageFailurePolicy)),
        )
        for index in range(draw(st.integers(1, 3)))
    ]
    operation = draw(st.sampled_from(OperationType))
    return graph(*stages, policy=draw(st.sampled_from(PlanFailurePolicy)), operation=operation)


CONTAINER_STATES = st.sampled_from(
    ["Running", "Pending", "Succeeded", "Skipped", ("Failed", SIGNALLED), ("Error", "pod deleted"), ("Odd", "")]
    + [failed(code, "text") for code in (0, 1, 2, 3, 4, 5, 64, 65, 75, 77, 137, 143)]
)
NODE_PHASES = st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Error", "Skipped", "Omitted", "", "Odd"])


@st.composite
def workflows(draw, plan: Graph):
    argo = Argo()
    for held, each in plan.workflows():
        kind = draw(st.sampled_from(["nothing", "lane", "lane", "lane", "omitted", "phantom", "stage omitted"]))
        if kind == "lane":
            for attempt in range(draw(st.integers(1, 2))):
                chosen = [one.key.rsplit(".", 1)[-1] for one in each.actions if draw(st.booleans())]
                result = [
                    entry(one.key, draw(st.sampled_from(TERMINAL))) for one in each.actions if draw(st.booleans())
                ]
                argo.lane(
                    each.key,
                    {local: draw(CONTAINER_STATES) for local in chosen},
                    pod=draw(NODE_PHASES),
                    retry=draw(st.sampled_from(["Running", "Failed", "Succeeded"])),
                    attempt=attempt,
                    message=draw(st.sampled_from(["", PHANTOM, SIGNALLED])),
                    result=draw(st.sampled_from([None, result])),
                )
        elif kind == "omitted":
            argo.omitted(each.key)
        elif kind == "phantom":
            argo.phantom(each.key)
        elif kind == "stage omitted":
            argo.omitted(held.key)
    phase = draw(st.sampled_from(["", "Pending", "Running", "Succeeded", "Failed", "Error"]))
    root = draw(st.sampled_from(["", None, "Failed", "Succeeded"]))
    shutdown = draw(st.sampled_from([None, None, "Stop"]))
    return draw(st.sampled_from([None, argo.workflow(phase, root=root, shutdown=shutdown)]))


@st.composite
def record_sets(draw, plan: Graph):
    return {
        one.key: record(
            one.key,
            draw(st.sampled_from([*TERMINAL, "Started"])),
            draw(st.sampled_from(REASONS)),
            draw(st.sampled_from(["", "text"])),
            sent=draw(st.booleans()),
            run=draw(st.integers(1, 2)),
            completionTime=draw(st.sampled_from(["2025-11-24T08:51:01Z", "2025-11-24T08:53:01.5Z", None])),
        )
        for one in plan.actions()
        if draw(st.booleans())
    }


EXECUTIONS = st.sampled_from(
    [
        execution(),
        execution(fence=opened()),
        execution(fence=opened(run=2)),
        execution(fence=opened(), cancel="true"),
        execution(fence=opened().drain(time="2025-11-24T08:52:00Z"), cancel="true"),
        execution(fence=opened().close(time="2025-11-24T08:52:00Z"), cancel="force"),
        execution(fence="no fence"),
    ]
)


@st.composite
def runs(draw):
    plan = draw(graphs())
    return {
        "graph": plan,
        "execution": draw(EXECUTIONS),
        "workflow": draw(workflows(plan)),
        "records": draw(record_sets(plan)),
        "lost": draw(st.sampled_from([False, False, True])),
    }


def do(run, **changes):
    arguments = {**run, "now": NOW, **changes}
    return fold(arguments.pop("graph"), **arguments)


def actions_of(status):
    return {
        each["key"]: each
        for shown in status["stageStatuses"]
        for held in shown["workflowExecutions"]
        for each in held["actionStatuses"]
    }


@FEW
@given(runs())
def test_the_tree_is_always_complete_and_fits_the_api(run):
    status = do(run)
    DRPlanExecutionStatus.model_validate(status)
    assert list(actions_of(status)) == [each.key for each in run["graph"].actions()]
    assert [each["name"] for each in status["stageStatuses"]] == [each.name for each in run["graph"].stages]


@FEW
@given(runs())
def test_the_same_evidence_gives_the_same_status_byte_for_byte(run):
    assert json.dumps(do(run)) == json.dumps(
        do(json.loads(json.dumps({**run, "graph": None})) | {"graph": run["graph"]})
    )


@FEW
@given(runs())
def test_folding_from_its_own_status_changes_nothing(run):
    first = do(run)
    assert do(run, previous=first) == first


@FEW
@given(runs())
def test_a_run_has_ended_only_when_all_its_actions_have(run):
    status = do(run)
    if Phase.read(status["phase"]).terminal:
        assert all(Phase.read(each["phase"]).terminal for each in actions_of(status).values())
        assert "completionTime" in status
        assert status["progress"].split("/")[0] == status["progress"].split("/")[1]


@FEW
@given(runs())
def test_when_nothing_will_act_any_more_everything_has_ended(run):
    workflow = run["workflow"]
    if workflow is not None and workflow["status"]["phase"] in ("Succeeded", "Failed", "Error") and not run["lost"]:
        assert Phase.read(do(run)["phase"]).terminal


@FEW
@given(runs())
def test_green_needs_green_all_the_way(run):
    status = do(run)
    if status["phase"] == "Succeeded":
        assert {each["phase"] for each in actions_of(status).values()} <= {"Succeeded", "Skipped"}
        workflow = run["workflow"]
        if workflow is not None and not run["lost"] and "cancel" not in json.dumps(run["execution"]):
            assert workflow["status"]["phase"] == "Succeeded"


@FEW
@given(runs())
def test_what_did_not_run_says_why(run):
    for each in actions_of(do(run)).values():
        if each["phase"] == "Skipped" and each["key"] not in run["records"]:
            assert each.get("reason") or "startTime" not in each


@FEW
@given(runs(), st.data())
def test_what_has_ended_stays_ended_as_records_grow(run, data):
    later = run["records"]
    keys = sorted(later)
    kept = data.draw(st.sets(st.sampled_from(keys))) if keys else set()
    earlier = {}
    for key, known in later.items():
        started = {**known, "state": {**known["state"], "phase": "Started"}}
        if key in kept:
            earlier[key] = known
        elif data.draw(st.booleans()):
            earlier[key] = started
    before = actions_of(do(run, records=earlier))
    after = actions_of(do(run, records=later))
    for key, each in before.items():
        # Without a Workflow only records tell what has begun, so the first word of one may come late.
        late = run["lost"] or run["workflow"] is None
        begun_late = late and key not in earlier and later.get(key, {}).get("state", {}).get("phase") == "Started"
        if Phase.read(each["phase"]).terminal and not begun_late:
            assert Phase.read(after[key]["phase"]).terminal, (key, each, after[key])
