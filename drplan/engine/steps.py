"""How a run starts and ends: small steps, each of them one write, each of them picked up if the engine dies behind it.

    created   folder with execution, snapshot and specs (`admission`), at once or not at all
    begin     claim the plan · tree in the status · fence Open · create the Workflow · bind fence and status to it
    (loop)    run it
    close     fence Closed · end records that are still open · final status
    record    the plan's history, the plan is free · what was undone · Recorded

Whether a step is still to be done is read from the objects themselves, never remembered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from compiler.graph.parameters import resolved_parameters
from compiler.graph.tree import Action
from compiler.model.names import ANNOTATION_TRUE, LABEL_FINAL
from compiler.model.phases import FenceState, Phase, RecordPhase
from drplan.engine import store
from drplan.engine.compiled import Compiled, compile_run, created
from drplan.engine.errors import EngineError
from drplan.engine.objects import read_execution
from drplan.engine.run import Run
from drplan.engine.store import Object
from syncer.decide import history
from syncer.decide.fence import Fence
from syncer.decide.finish import Ending, endings, open_records
from syncer.decide.recorded import as_recorded, is_recorded
from syncer.decide.undone import mark
from syncer.records import Record

_LEASE_POLL = 0.5


def begin(run: Run, *, compiled: Compiled | None = None) -> None:
    """Bring a run to where its Workflow exists and is bound.

    Args:
        run: the run.
        compiled: its Workflow, if it was compiled already.
    """
    claim_plan(run)
    fence = run.fence
    if run.workflow is None and not run.lost:
        compiled = compiled or _compile(run)
        keep_specs(run, compiled)
        if not run.status.get("stageStatuses"):
            show_tree(run, compiled)
        if fence is None:
            run.set_fence(Fence(workflow=compiled.name, epoch=run.epoch))
        if compiled.workflow is not None:
            run.create_workflow(created(compiled.workflow, _now()))
    bind(run)


def _compile(run: Run) -> Compiled:
    return compile_run(run.graph, name=run.folder.name, uid=run.uid, epoch=run.epoch, snapshot_hash=run.snapshot.hash())


def claim_plan(run: Run) -> None:
    """Let the execution hold its plan; a plan that is gone cannot be held."""
    target = _target(run)
    _change_plan(run, lambda status: history.claim(status, run.execution, now=_now(), target=target))


def keep_specs(run: Run, compiled: Compiled) -> None:
    """Write the ConfigMaps with the specs of the actions."""
    for config_map in compiled.config_maps:
        path = run.folder.config_map(config_map["metadata"]["name"])
        with store.locked(run.folder.path):
            if store.read(path) is None:
                store.write(path, config_map)


def show_tree(run: Run, compiled: Compiled) -> None:
    """Write the first status: the whole tree, Pending, with what no later fold can find out."""
    identity: Object = {
        "epoch": run.epoch,
        "workflowRef": {"name": compiled.name},
        "snapshotRef": {"name": run.folder.snapshot.name, "chunks": 1, "hash": run.snapshot.hash()},
        "resolvedParams": resolved_parameters(run.snapshot),
    }
    run.change(lambda execution: execution.update(status={**identity, **(execution.get("status") or {})}))
    run.show()


def bind(run: Run) -> None:
    """Bind fence and status to the Workflow that was created."""
    fence = run.fence
    if run.workflow is None or fence is None:
        return
    uid = run.workflow["metadata"]["uid"]
    if fence.workflow_uid != uid:
        run.set_fence(fence.bind(uid))
    run.show()


def close(run: Run) -> None:
    """End a run whose Workflow has ended: nobody may act any more, and every record says how its action ended."""
    fence = run.fence
    if fence is not None and fence.state is not FenceState.CLOSED:
        run.set_fence(fence.close())
    end_records(run)
    run.show()
    if not run.phase.terminal:
        raise EngineError(
            f"execution {run.folder.name}: its Workflow has ended but it is still {run.phase}; "
            "please report this with the execution's folder"
        )


def end_records(run: Run) -> None:
    """End the records of actions that had begun and that nobody will finish any more."""
    while run.records.look() or open_records(run.records.records):
        found = endings(
            run.graph,
            execution=run.execution,
            workflow=run.encoded_workflow(),
            records=run.records.records,
            now=_now(),
            lost=run.lost,
        )
        for ending in found:
            _end_record(run, ending)
        if not found and not run.lost:
            return
        if not found:
            # Without its Workflow nobody knows who still lives: the holders' leases have to run out.
            time.sleep(_LEASE_POLL)


def record(run: Run) -> None:
    """Write the end down where it outlives the execution, and let go of the plan."""
    found = _change_plan(run, lambda status: history.finish(status, run.execution, now=_now()))
    if run.snapshot.revert is not None:
        _mark_reverted(run)
        _mark_undone(run)
    if run.workflow is not None and LABEL_FINAL not in run.workflow["metadata"]["labels"]:
        run.workflow["metadata"]["labels"][LABEL_FINAL] = ANNOTATION_TRUE
        run.save_workflow()
    run.change(lambda execution: _put_recorded(execution, plan_gone=not found))
    run.tell()


def finish(run: Run) -> None:
    """Take whatever steps are left for a run whose Workflow has ended."""
    close(run)
    if not is_recorded(run.execution):
        record(run)


def has_ended(execution: Mapping[str, Any]) -> bool:
    """Whether an execution has its final status; what comes after that may be left to do."""
    return Phase.read((execution.get("status") or {}).get("phase")).terminal


def _put_recorded(execution: Object, *, plan_gone: bool) -> None:
    generation = execution["metadata"].get("generation")
    execution["status"] = as_recorded(execution["status"], plan_gone=plan_gone, generation=generation, now=_now())


def _change_plan(run: Run, change: Callable[[Mapping[str, Any] | None], Object]) -> bool:
    """Change the status of the plan; False when the plan is gone."""
    path = run.state.plan(run.graph.plan)

    def changed(plan: Object) -> Object | None:
        return {**plan, "status": change(plan.get("status"))} if plan else None

    return store.update(path, changed) is not None


def _target(run: Run) -> Object | None:
    revert = run.snapshot.revert
    return None if revert is None else read_execution(run.state.execution(revert.name))


def _mark_reverted(run: Run) -> None:
    """Say on the target that it was reverted, unless it says so of another revert that succeeded."""
    assert run.snapshot.revert is not None
    by = history.reverted_by(run.execution)

    def marked(target: Object) -> Object | None:
        status = history.with_revert(target.get("status"), by) if target else None
        return None if status is None else {**target, "status": status}

    store.update(run.state.execution(run.snapshot.revert.name).execution, marked)


def _mark_undone(run: Run) -> None:
    """Say on the target's records what was undone, or may have been, so that it is not undone twice."""
    assert run.snapshot.revert is not None
    target = run.state.execution(run.snapshot.revert.name)
    by = {"name": run.folder.name, "uid": run.uid}
    for action in run.graph.actions():
        if action.undo is not None:
            record = run.records.records.get(action.key)
            marked = partial(_marked, action=action, record=record, by=by)
            store.update(target.record(action.undo), marked, lock=target.path)


def _marked(found: Object, *, action: Action, record: Record | None, by: Mapping[str, str]) -> Object | None:
    return mark(found, action, record, by=by) if found else None


def _end_record(run: Run, ending: Ending) -> None:
    name = run.records.records[ending.key]["metadata"]["name"]

    def ended(found: Object) -> Object | None:
        still_open = found and found["state"]["phase"] == RecordPhase.STARTED
        return ending.apply(found, now=_now()) if still_open else None

    store.update(run.folder.record(name), ended, lock=run.folder.path)


def _now() -> datetime:
    return datetime.now(UTC)
