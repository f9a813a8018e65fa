"""Before a run: the plan and the execution as objects, and everything that can refuse them.

Nothing is written before all is checked. Then plan, execution and snapshot appear under the lock of the plans, the
execution's folder whole or not at all: two processes that start the same plan at once cannot both get through.
"""

from __future__ import annotations

import contextlib
import getpass
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from compiler.graph import build
from compiler.graph.snapshot import Snapshot
from compiler.graph.target import target_actions
from compiler.model.names import (
    ANNOTATION_CANCEL,
    ANNOTATION_PAUSE,
    ANNOTATION_REQUESTED_BY,
    ANNOTATION_STARTED_UID,
    API_VERSION,
    FINALIZER_EXECUTION,
    KIND_EXECUTION,
    KIND_PLAN,
    LABEL_OPERATION,
    LABEL_PLAN,
    LABEL_PLAN_REF,
    label_value,
)
from compiler.model.phases import (
    ConditionReason,
    ConditionStatus,
    ConditionType,
    Mode,
    OperationType,
    PlanPhase,
)
from drplan import numbering
from drplan.engine import steps, store
from drplan.engine.compiled import Compiled, check, compile_run
from drplan.engine.errors import EngineRunning, InputRefused, NotAllowed, PlanBusy
from drplan.engine.objects import OnWarning, executions_of, read_execution, refuse_missing_records
from drplan.engine.run import Run, put_fence
from drplan.engine.store import EngineLock, ExecutionFolder, Object, StateFolder
from drplan.engine.watch import RecordsWatch
from syncer.decide.fence import Fence
from syncer.decide.outcome import Refuse, Wait
from syncer.decide.recorded import is_recorded, without_recorded
from syncer.decide.retry import graph_of, may_retry
from syncer.decide.start import may_start
from syncer.fold import fold
from syncer.fold.conditions import Wanted, write
from syncer.times import format_time

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
_PLAN_IS_VALID = "Plan is valid and ready to execute"
_RECORDING_WAIT = 10.0
_RECORDING_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Admitted:
    """An execution that may run, and that no other process can run meanwhile.

    Attributes:
        folder: its folder.
        lock: the lock on it, for whoever runs it to release.
        compiled: its Workflow.
    """

    folder: ExecutionFolder
    lock: EngineLock
    compiled: Compiled


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be started.

    Attributes:
        snapshot: plan, workflows and input; for a revert also its target.
        name: name of the execution; empty for the next free one.
        force: whether a revert may be out of order.
        reason: why, for the history.
    """

    snapshot: Snapshot
    name: str = ""
    force: bool = False
    reason: str = ""

    @property
    def plan(self) -> str:
        """Name of the plan."""
        return self.snapshot.plan_ref.name

    @property
    def revert(self) -> bool:
        """Whether it is a revert."""
        return self.snapshot.revert is not None


def admit(state: StateFolder, wish: Wish, *, environment: Mapping[str, str], warn: OnWarning) -> Admitted:
    """Make an execution out of a wish.

    Args:
        state: the namespace.
        wish: what is to be started.
        environment: environment of the runners.
        warn: gets what is wrong in the state folder and concerns other plans only.

    Raises:
        InputRefused: it cannot be started.
        compiler.problems.CompilerError: its plan cannot be compiled.
    """
    check_name("plan", wish.plan)
    if wish.name:
        check_name("execution", wish.name)
        if state.execution(wish.name).path.exists():
            raise NotAllowed(f"execution {wish.name} exists already; choose another --name")
    finish_recording(state, wish.plan, warn)
    given = _up_to_date(state, wish.snapshot)
    while True:
        name = wish.name or next_name(state, wish.plan, revert=wish.revert)
        snapshot = _identified(given, name, force=wish.force)
        compiled = compile_run(
            build(snapshot), name=name, uid=snapshot.execution.uid, epoch=1, snapshot_hash=snapshot.hash()
        )
        check(compiled, environment)
        execution = make_execution(snapshot, wish, now=datetime.now(UTC))
        admitted = _create(state, execution, snapshot, compiled, warn)
        if admitted is not None:
            return admitted
        if wish.name:
            raise NotAllowed(f"execution {wish.name} exists already; choose another --name")


def readmit(
    state: StateFolder, folder: ExecutionFolder, *, environment: Mapping[str, str], warn: OnWarning
) -> Admitted:
    """Let an execution that has ended go on in a new epoch.

    Args:
        state: the namespace.
        folder: folder of the execution.
        environment: environment of the runners.
        warn: gets what is wrong in the state folder and concerns other plans only.

    Raises:
        InputRefused: it may not.
        StateDamaged: the records of what it has done are missing.
        EngineRunning: it is being run.
    """
    lock = EngineLock.take(folder.path, folder.name)
    try:
        run = Run(state, folder)
        if steps.has_ended(run.execution):
            steps.finish(run)
        epoch = run.epoch + 1
        _refuse_retry(state, run)
        refuse_missing_records(folder, run.execution, run.records.records)
        graph = graph_of(run.snapshot, run.records.records, epoch)
        compiled = compile_run(graph, name=folder.name, uid=run.uid, epoch=epoch, snapshot_hash=run.snapshot.hash())
        check(compiled, environment)
        with store.locked(state.plans):
            _refuse_retry(state, run)
            _refuse_busy(state, run.graph.plan, warn, but=folder.name)
            before = run.fence or Fence(workflow="", epoch=run.epoch)

            def opened(execution: Object) -> None:
                for annotation in (ANNOTATION_CANCEL, ANNOTATION_PAUSE):
                    execution["metadata"].setdefault("annotations", {}).pop(annotation, None)
                put_fence(execution, before.next_epoch(compiled.name))
                execution["status"] = fold(
                    graph,
                    execution=execution,
                    workflow=None,
                    records=run.records.records,
                    previous=without_recorded(execution["status"]),
                    now=datetime.now(UTC),
                )

            run.change(opened)
    except BaseException:
        lock.release()
        raise
    return Admitted(folder, lock, compiled)


def check_name(what: str, name: str) -> None:
    """Refuse a name that Kubernetes would not have, and that might lead to another place in the state folder."""
    if not _NAME.match(name):
        raise InputRefused(
            f"{what} name {name!r} must consist of lower-case letters, digits, '-' and '.', start and end with a "
            "letter or digit, and have at most 253 characters"
        )


def next_name(state: StateFolder, plan: str, *, revert: bool) -> str:
    """The next free name for an execution of a plan: `<plan>-execute-<n>`, or `<plan>-revert-<n>`."""
    stored = store.read(state.plan(plan)) or {}
    history = (stored.get("status") or {}).get("executionHistory") or ()
    names = [*(folder.name for folder in state.list_executions()), *(entry["name"] for entry in history)]
    return numbering.next_name(plan, OperationType.REVERT if revert else OperationType.EXECUTE, names)


def finish_recording(state: StateFolder, plan: str, warn: OnWarning) -> None:
    """Finish executions of a plan that have ended but that an engine could not write down before it died.

    Raises:
        PlanBusy: another process is at it, and does not come to an end.
    """
    for folder, _ in executions_of(state, plan, warn):
        until = time.monotonic() + _RECORDING_WAIT
        while True:
            execution = read_execution(folder)
            if execution is None or not steps.has_ended(execution) or is_recorded(execution):
                break
            try:
                lock = EngineLock.take(folder.path, folder.name)
            except EngineRunning:
                if time.monotonic() > until:
                    raise PlanBusy(plan, folder.name) from None
                time.sleep(_RECORDING_POLL)
                continue
            try:
                steps.finish(Run(state, folder))
            finally:
                lock.release()


def make_execution(snapshot: Snapshot, wish: Wish, *, now: datetime) -> Object:
    """The DRPlanExecution of a wish."""
    given = snapshot.execution
    plan = snapshot.plan_ref.name
    spec: Object = {"planRef": plan, "operationType": given.operation.value}
    if given.mode:
        spec["mode"] = next(mode.value for mode in Mode if mode.lower() == given.mode)
    if snapshot.revert is not None:
        spec["revertExecutionRef"] = snapshot.revert.name
    if given.params:
        spec["params"] = snapshot.to_json()["execution"]["params"]
    if wish.force:
        spec["force"] = True
    if wish.reason:
        spec["reason"] = wish.reason
    annotations = {ANNOTATION_STARTED_UID: given.uid}
    with contextlib.suppress(OSError, KeyError):
        annotations[ANNOTATION_REQUESTED_BY] = getpass.getuser()
    return {
        "apiVersion": API_VERSION,
        "kind": KIND_EXECUTION,
        "metadata": {
            "name": given.name,
            "namespace": snapshot.namespace,
            "uid": given.uid,
            "generation": 1,
            "creationTimestamp": format_time(now),
            "labels": {
                LABEL_PLAN: label_value(plan),
                LABEL_PLAN_REF: label_value(plan),
                LABEL_OPERATION: given.operation.lower(),
            },
            "annotations": annotations,
            "finalizers": [FINALIZER_EXECUTION],
        },
        "spec": spec,
    }


def plan_object(snapshot: Snapshot, stored: Object | None, *, now: datetime) -> Object:
    """The plan as it is stored: its spec as given now, its status as it was."""
    given = snapshot.to_json()["plan"]
    before = stored or {}
    known = before.get("metadata") or {}
    generation = known.get("generation", 0)
    if before.get("spec") != given["spec"]:
        generation += 1
    metadata = {
        **given.get("metadata", {}),
        "namespace": snapshot.namespace,
        "uid": known.get("uid") or str(uuid.uuid4()),
        "generation": generation,
        "creationTimestamp": known.get("creationTimestamp") or format_time(now),
    }
    if "resourceVersion" in known:
        metadata["resourceVersion"] = known["resourceVersion"]
    status = dict(before.get("status") or {})
    if status.get("phase") not in (PlanPhase.READY, PlanPhase.EXECUTED):
        status["phase"] = PlanPhase.READY.value
    status["observedGeneration"] = generation
    ready = Wanted(ConditionType.READY, ConditionStatus.TRUE, ConditionReason.VALIDATION_SUCCEEDED, _PLAN_IS_VALID)
    status["conditions"] = write([ready], status.get("conditions") or (), generation=generation, now=now)
    return {"apiVersion": API_VERSION, "kind": KIND_PLAN, "metadata": metadata, "spec": given["spec"], "status": status}


def _up_to_date(state: StateFolder, snapshot: Snapshot) -> Snapshot:
    """The snapshot of a revert with what is recorded now: an earlier revert may have been written down meanwhile."""
    revert = snapshot.revert
    if revert is None:
        return snapshot
    folder = state.execution(revert.name)
    target = read_execution(folder)
    if target is None:
        return snapshot
    records = RecordsWatch(folder.records)
    records.look()
    refuse_missing_records(folder, target, records.records)
    actions = target_actions(target.get("status") or {}, records.records.values())
    return replace(snapshot, revert=replace(revert, actions=actions))


def _identified(snapshot: Snapshot, name: str, *, force: bool) -> Snapshot:
    execution = replace(snapshot.execution, name=name, uid=str(uuid.uuid4()), namespace=snapshot.namespace, force=force)
    return replace(snapshot, execution=execution)


def _create(
    state: StateFolder, execution: Object, snapshot: Snapshot, compiled: Compiled, warn: OnWarning
) -> Admitted | None:
    """Create everything at once; None when the name is taken."""
    folder = state.execution(execution["metadata"]["name"])
    locks: list[EngineLock] = []

    def fill(aside: Path) -> None:
        made = ExecutionFolder(aside)
        locks.append(EngineLock.take(aside, folder.name))
        store.count_up(execution)
        store.write(made.execution, execution)
        store.write(made.snapshot, snapshot.to_json())
        for path in (made.records, made.logs):
            path.mkdir()
        store.sync_folder(aside)

    with store.locked(state.plans):
        path = state.plan(snapshot.plan_ref.name)
        stored = store.read(path)
        now = datetime.now(UTC)
        plan = stored if snapshot.revert is not None else plan_object(snapshot, stored, now=now)
        _refuse_busy(state, snapshot.plan_ref.name, warn)
        _refuse_start(state, execution, plan, now=now)
        if plan is not None and plan != stored:
            store.count_up(plan)
            store.write(path, plan)
        store.sweep(state.executions)
        try:
            made = store.make_folder(folder.path, fill)
        except BaseException:
            _release(locks)
            raise
    if not made:
        _release(locks)
        return None
    return Admitted(folder, locks[0], compiled)


def _release(locks: list[EngineLock]) -> None:
    for lock in locks:
        lock.release()


def _refuse_start(state: StateFolder, execution: Object, plan: Object | None, *, now: datetime) -> None:
    held = ((plan or {}).get("status") or {}).get("currentExecution") or {}
    reference = execution["spec"].get("revertExecutionRef")
    answer = may_start(
        execution,
        plan=plan,
        current=read_execution(state.execution(held["name"])) if held else None,
        target=read_execution(state.execution(reference)) if reference else None,
        now=now,
    )
    if isinstance(answer, Wait) and held:
        raise PlanBusy(execution["spec"]["planRef"], held["name"])
    if isinstance(answer, Refuse | Wait):
        raise NotAllowed(answer.message)


def _refuse_busy(state: StateFolder, plan: str, warn: OnWarning, *, but: str = "") -> None:
    """Refuse while another execution of the plan has not ended, whether it holds the plan already or not."""
    for folder, execution in executions_of(state, plan, warn):
        if folder.name != but and not steps.has_ended(execution):
            raise PlanBusy(plan, folder.name)


def _refuse_retry(state: StateFolder, run: Run) -> None:
    answer = may_retry(run.execution, store.read(state.plan(run.snapshot.plan_ref.name)))
    if isinstance(answer, Refuse):
        raise NotAllowed(answer.message)
