"""Folding ten thousand actions, over Hera's parse of the same status in the same run.

Both start from bytes. The fold decodes the Workflow, finds every node's place, settles 10,000 actions, rolls them up
and writes the whole status; Hera only parses. Of several calls the one that took the least processor time counts, the
one least disturbed. With `--check` a missed limit fails.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from compiler.argo.node_ids import fnv1a
from compiler.graph.tree import Action, Graph, Stage, WorkflowUse
from compiler.model.names import (
    ANNOTATION_FENCE,
    LANE_LENGTH,
    RUNNER_SERVICE_ACCOUNT,
    action_key,
    stage_key,
    task_name,
    workflow_key,
)
from compiler.model.phases import (
    ActionType,
    OperationType,
    PlanFailurePolicy,
    StageFailurePolicy,
    WorkflowFailurePolicy,
)
from syncer.decide.fence import Fence
from syncer.fold import fold

ACTIONS = 10_000
USES_A_STAGE = 50
CALLS = 25
LIMIT = 0.16
LIMITED = ("nodes only, finished",)
"""What the limit is for; the others are for comparison."""

WORKFLOW = "pay-x-1a2b3c4d-e1"
STEPS = ("check-lag", "promote", "switch-dns", "verify")
EXECUTION = {
    "metadata": {
        "name": "pay-execute-1",
        "generation": 1,
        "annotations": {ANNOTATION_FENCE: Fence(WORKFLOW, workflow_uid="u-1").dump()},
    }
}
NOW = datetime(2025, 11, 24, 8, 51, tzinfo=UTC)
TIMES = {"startedAt": "2025-11-24T08:41:02Z", "finishedAt": "2025-11-24T08:41:09Z"}


def plan() -> Graph:
    """Stages of parallel workflow uses of one lane each."""
    lengths = [min(LANE_LENGTH, ACTIONS - done) for done in range(0, ACTIONS, LANE_LENGTH)]
    stages = []
    for number, first in enumerate(range(0, len(lengths), USES_A_STAGE), 1):
        key = stage_key(number)
        uses = tuple(
            use(workflow_key(key, index), length)
            for index, length in enumerate(lengths[first : first + USES_A_STAGE], 1)
        )
        after = (stage_key(number - 1),) if number > 1 else ()
        stages.append(Stage(key, f"tier-{number}", StageFailurePolicy.STOP, uses, parallel=True, after=after))
    return Graph(
        plan="pay",
        namespace="dr",
        operation=OperationType.EXECUTE,
        mode="",
        policy=PlanFailurePolicy.STOP,
        stages=tuple(stages),
        service_account=RUNNER_SERVICE_ACCOUNT,
    )


def use(key: str, length: int) -> WorkflowUse:
    """A workflow use whose actions run one after the other."""
    keys = [action_key(key, index) for index in range(1, length + 1)]
    actions = tuple(
        Action(each, STEPS[index % len(STEPS)], ActionType.HTTP, "POST", after=tuple(keys[max(index - 1, 0) : index]))
        for index, each in enumerate(keys)
    )
    return WorkflowUse(key, f"service-{key.rsplit('w', 1)[-1]}", "dr", WorkflowFailurePolicy.FAIL_FAST, actions)


def nodes(graph: Graph, *, results: bool, running_from: int) -> Iterator[dict[str, Any]]:
    """Nodes as Argo writes them; the last stages still run."""
    yield node(WORKFLOW, "", "DAG", running=running_from < len(graph.stages))
    for number, stage in enumerate(graph.stages):
        running = number >= running_from
        above = f"{WORKFLOW}.{task_name(stage.key, stage.name)}"
        yield node(above, WORKFLOW, "DAG", running=running)
        for each in stage.workflows:
            lane = f"{above}.{task_name(each.key, each.name)}"
            outputs = {} if running else {"outputs": lane_outputs(each, results=results)}
            yield {**node(lane, above, "Retry", running=running), **outputs}
            pod = f"{lane}(0)"
            yield {**node(pod, above, "Pod", running=running), "hostNodeName": "node-1", **outputs}
            for index, action in enumerate(each.actions):
                waits = running and index >= len(each.actions) // 2
                yield node(f"{pod}.{task_name(action.key, action.name)}", pod, "Container", running=waits)


def node(name: str, boundary: str, kind: str, *, running: bool) -> dict[str, Any]:
    """One node."""
    written: dict[str, Any] = {
        "displayName": name.rsplit(".", 1)[-1],
        "id": node_id(name),
        "name": name,
        "nodeFlag": {},
        "phase": "Running" if running else "Succeeded",
        "progress": "0/1" if running else "1/1",
        "templateName": "w-1-1",
        "templateScope": f"local/{WORKFLOW}",
        "type": kind,
        **TIMES,
    }
    if running:
        written["finishedAt"] = None
    if boundary:
        written["boundaryID"] = node_id(boundary)
    return dict(sorted(written.items()))


def node_id(name: str) -> str:
    """Argo's id of a node."""
    return name if name == WORKFLOW else f"{WORKFLOW}-{fnv1a(name)}"


def lane_outputs(each: WorkflowUse, *, results: bool) -> dict[str, Any]:
    """Outputs of a lane that has ended, its result cut as for a plan of this size."""
    if not results:
        return {"exitCode": "0"}
    actions = [
        {
            "key": action.key,
            "phase": "Succeeded",
            "startTime": "2025-11-24T08:41:05.123Z",
            "completionTime": "2025-11-24T08:41:05.456Z",
        }
        for action in each.actions
    ]
    value = json.dumps({"v": 1, "actions": actions}, separators=(",", ":"))
    return {"exitCode": "0", "parameters": [{"name": "result", "value": value}]}


def records(graph: Graph) -> dict[str, dict[str, Any]]:
    """Records of all actions."""
    return {
        action.key: {
            "spec": {"key": action.key},
            "state": {
                "phase": "Succeeded",
                "message": "HTTP POST succeeded with status 200",
                "epoch": 1,
                "run": 1,
                "startTime": "2025-11-24T08:41:05.123Z",
                "completionTime": "2025-11-24T08:41:05.456Z",
                "outputs": {"httpResponse": {"statusCode": 200}},
            },
        }
        for action in graph.actions()
    }


def status_of(graph: Graph, *, results: bool = False, running_from: int = 1000) -> dict[str, Any]:
    """Status of the Workflow."""
    found = list(nodes(graph, results=results, running_from=running_from))
    phase = found[0]["phase"]
    return {"phase": phase, "progress": "0/1", **TIMES, "nodes": {each["id"]: each for each in found}}


def fold_time(graph: Graph, status: dict[str, Any], known: dict[str, Any]) -> float:
    """Milliseconds of a fold from bytes."""
    workflow = b'{"metadata":{"name":"%s","uid":"u-1"},"spec":{},"status":%s}' % (WORKFLOW.encode(), encode(status))
    return least(lambda: fold(graph, execution=EXECUTION, workflow=workflow, records=known, now=NOW))


def hera_time(status: dict[str, Any]) -> float:
    """Milliseconds of Hera's parse of the same bytes."""
    from hera.workflows.models import WorkflowStatus

    encoded = encode(status)
    return least(lambda: WorkflowStatus.model_validate_json(encoded))


def encode(status: dict[str, Any]) -> bytes:
    """JSON as an API server writes it."""
    return json.dumps(status, separators=(",", ":")).encode()


def least(call: Callable[[], object]) -> float:
    """Least milliseconds of processor time of several calls."""
    times = []
    for _ in range(CALLS):
        start = time.process_time()
        call()
        times.append((time.process_time() - start) * 1000)
    return min(times)


def main() -> int:
    """Measure, print, and with --check fail when the limit is missed."""
    graph = plan()
    half = len(graph.stages) // 2
    cases = {
        "nodes only, finished": (status_of(graph), {}),
        "nodes only, half of it running": (status_of(graph, running_from=half), {}),
        "results of the lanes": (status_of(graph, results=True), {}),
        "records of all actions": (status_of(graph, results=True), records(graph)),
    }
    # The folds first: a syncer never imports Hera, whose garbage would be in their way.
    ours = {name: fold_time(graph, *case) for name, case in cases.items()}
    theirs = {name: hera_time(status) for name, (status, _) in cases.items()}
    print(f"{f'fold of {ACTIONS} actions':<36}{'Hera ms':>9}{'fold ms':>9}{'ratio':>8}{'limit':>8}")
    ratios = {name: ours[name] / theirs[name] for name in cases}
    for name, ratio in ratios.items():
        limit = LIMIT if name in LIMITED else ""
        print(f"{name:<36}{theirs[name]:>9.1f}{ours[name]:>9.1f}{ratio:>8.3f}{limit:>8}")
    print(json.dumps({"actions": ACTIONS, "limit": LIMIT, **{name: round(ratio, 3) for name, ratio in ratios.items()}}))
    missed = any(ratios[name] > LIMIT for name in LIMITED)
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
