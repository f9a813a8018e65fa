"""The record of an action as an object: how it is made, and every state it passes through. Pure.

A record is the one compare-and-swap cell of its action. What is written into `state` here is what a later attempt, on
another node and perhaps days later, decides by: see `runner.fence.standing` and `runner.fence.claim`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from runner import vocabulary as words
from runner.about import Run
from runner.naming import label_value, record_name, stage_of, workflow_of
from runner.result import Result, clip, exit_code
from runner.spec import Spec
from runner.vocabulary import Direction, ExitCode, RecordPhase

Object = dict[str, Any]

_OF_AN_END = ("reason", "message", "completionTime", "exitCode", "outputs", "values", "clusters")
_OF_A_TRY = ("sent", "retryCount", "startTime")


class Identity(NamedTuple):
    """What every record that this runner makes says about its action.

    Attributes:
        key: key of the action.
        run: the run it belongs to; its execution may have been found by adoption.
        break_glass: whether the run was started without an execution: its records go by the Workflow.
        direction: forward or revert.
        spec: what is to be done.
        spec_hash: hash of the spec.
    """

    key: str
    run: Run
    break_glass: bool
    direction: Direction
    spec: Spec
    spec_hash: str

    def record_of(self, key: str) -> str:
        """Name of the record of an action of the same run."""
        if self.break_glass:
            return record_name(self.run.workflow.name, self.run.workflow.uid, key)
        return record_name(self.run.execution, self.run.uid, key)

    @property
    def name(self) -> str:
        """Name of the record."""
        return self.record_of(self.key)

    @property
    def owner_uids(self) -> frozenset[str]:
        """What the label execution-uid of the objects that this action creates may be: adoption changes it."""
        return frozenset({self.run.uid, self.run.workflow.uid} - {""})

    def labels_of_made(self, epoch: int) -> dict[str, str]:
        """Labels of every object that the action creates: by them it is recognised, and found."""
        run = self.run
        return {
            words.LABEL_PLAN: label_value(run.plan),
            words.LABEL_OPERATION: label_value(run.operation.lower()),
            words.LABEL_EXECUTION: label_value(run.execution or run.workflow.name),
            words.LABEL_EXECUTION_UID: run.uid or run.workflow.uid,
            words.LABEL_EPOCH: str(epoch),
            words.LABEL_KEY: self.key,
            words.LABEL_APP_MANAGED_BY: words.APP_MANAGED_BY,
        }


class Outcome(NamedTuple):
    """How acting ended.

    Attributes:
        phase: a terminal phase.
        code: exit code of the runner.
        reason: why, empty when it Succeeded.
        message: one line for people.
        outputs: outputs for the status.
        values: what later actions can ask for.
        clusters: what it came to in each cluster, for a type that acts once a cluster.
    """

    phase: RecordPhase
    code: ExitCode
    reason: str = ""
    message: str = ""
    outputs: Mapping[str, Any] = {}
    values: Mapping[str, Any] = {}
    clusters: Sequence[Mapping[str, Any]] = ()


class Round(NamedTuple):
    """Which epoch, and which run of it, something is done for."""

    epoch: int
    run: int


def new(identity: Identity, turn: Round, state: Mapping[str, Any]) -> Object:
    """Make the record of an action that has none."""
    run, spec = identity.run, identity.spec
    labels = {
        words.LABEL_PLAN: label_value(run.plan),
        words.LABEL_OPERATION: label_value(run.operation.lower()),
        words.LABEL_STAGE: stage_of(identity.key),
        words.LABEL_WORKFLOW: workflow_of(identity.key),
        words.LABEL_ACTION: label_value(spec.name),
        words.LABEL_KEY: identity.key,
        words.LABEL_TYPE: label_value(spec.type.value),
        words.LABEL_APP_NAME: words.APP_NAME,
        words.LABEL_APP_MANAGED_BY: words.APP_MANAGED_BY,
        words.LABEL_APP_PART_OF: label_value(run.plan),
    }
    if run.uid:
        labels[words.LABEL_EXECUTION] = label_value(run.execution)
        labels[words.LABEL_EXECUTION_UID] = run.uid
    metadata: Object = {"name": identity.name, "namespace": run.namespace, "labels": labels}
    if identity.break_glass:
        metadata["ownerReferences"] = [
            {
                "apiVersion": words.ARGO_API_VERSION,
                "kind": words.KIND_ARGO_WORKFLOW,
                "name": run.workflow.name,
                "uid": run.workflow.uid,
            }
        ]
    record: Object = {
        "apiVersion": words.API_VERSION,
        "kind": words.KIND_RECORD,
        "metadata": metadata,
        "spec": {
            "schemaVersion": words.SCHEMA_VERSION,
            "execution": {"name": run.execution, "uid": run.uid},
            "workflow": {"name": run.workflow.name, "uid": run.workflow.uid},
            "key": identity.key,
            "direction": identity.direction.value,
            "action": {"name": spec.name, "type": spec.type.value, "operation": spec.operation},
            "specHash": identity.spec_hash,
        },
    }
    return with_state(record, {**state, "epoch": turn.epoch, "run": turn.run})


def with_state(record: Mapping[str, Any], state: Mapping[str, Any]) -> Object:
    """Return a record with another state, and the labels that follow from it."""
    metadata = record["metadata"]
    labels = {
        **metadata.get("labels", {}),
        words.LABEL_RESULT: str(state["phase"]),
        words.LABEL_EPOCH: str(state["epoch"]),
    }
    return {**record, "metadata": {**metadata, "labels": labels}, "state": dict(state)}


def holder(identity: str, pod: str, *, attempt: int, at: str) -> Object:
    """Make the holder of a record."""
    return {"id": identity, "pod": pod, "attempt": attempt, "renewTime": at, "released": False}


def started(held_by: Object, *, at: str) -> Object:
    """State of an action that begins for the first time."""
    return {"phase": RecordPhase.STARTED.value, "holder": held_by, "startTime": at, "retryCount": 0}


def skipped(reason: str, message: str, *, at: str) -> Object:
    """State of an action that does not begin."""
    return {
        "phase": RecordPhase.SKIPPED.value,
        "reason": str(reason),
        "message": clip(message, words.MESSAGE_IN_RECORD),
        "completionTime": at,
        "exitCode": int(ExitCode.NOT_RUN),
    }


def taken(record: Mapping[str, Any], turn: Round, held_by: Object, *, at: str, note: str) -> Object:
    """Return a record that this runner makes its own: begun by another, or ended and to be done again.

    What an earlier attempt sent stays known as long as its end is not; what it changed (`before`) stays for ever.
    """
    state = dict(record["state"])
    previous = state.get("holder") or {}
    if RecordPhase(state["phase"]) is RecordPhase.STARTED:
        state = tried(state, start=str(previous.get("renewTime") or at), end=at, message=note)
    else:
        for field in _OF_A_TRY:
            state.pop(field, None)
    for field in _OF_AN_END:
        state.pop(field, None)
    state.update(
        phase=RecordPhase.STARTED.value,
        epoch=turn.epoch,
        run=turn.run,
        holder={**held_by, "attempt": int(previous.get("attempt") or 0) + 1},
    )
    state.setdefault("startTime", at)
    state.setdefault("retryCount", 0)
    return with_state(record, state)


def tried(state: Mapping[str, Any], *, start: str, end: str, message: str) -> Object:
    """Return a state in which one more try is noted; the last few are kept."""
    attempts = list(state.get("attempts") or ())
    number = int(attempts[-1]["n"]) + 1 if attempts else 1
    attempts.append({"n": number, "startTime": start, "completionTime": end, "message": clip(message, 200)})
    return {**state, "attempts": attempts[-words.ATTEMPTS_KEPT :]}


def ended(state: Mapping[str, Any], outcome: Outcome, *, at: str) -> Object:
    """Return a state with the end of its action."""
    kept = {name: value for name, value in state.items() if name not in _OF_AN_END}
    end: Object = {
        "phase": outcome.phase.value,
        "reason": str(outcome.reason),
        "message": clip(outcome.message, words.MESSAGE_IN_RECORD),
        "completionTime": at,
        "exitCode": int(outcome.code),
        "outputs": dict(outcome.outputs),
        "values": dict(outcome.values),
        "clusters": [dict(cluster) for cluster in outcome.clusters],
    }
    return {**kept, **{name: value for name, value in end.items() if value not in ("", {}, [])}}


def with_before(state: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Object:
    """Return a state that holds what existed before a change; an object that it knew has its new entry."""
    return {**state, "before": _merged(state.get("before"), entries)}


def with_after(state: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Object:
    """Return a state that holds what was made of objects; one that it knew has its new entry."""
    return {**state, "after": _merged(state.get("after"), entries)}


def without_before(state: Mapping[str, Any], objects: Collection[tuple[str, ...]]) -> Object:
    """Return a state that has forgotten objects, by their `entry_id`: they were not changed after all."""
    kept = [entry for entry in state.get("before") or () if entry_id(entry) not in objects]
    rest = {name: value for name, value in state.items() if name != "before"}
    return {**rest, "before": kept} if kept else rest


def entry_id(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Which object an entry of `before` or `after` is about, whatever its version and its uid."""
    ref = entry["ref"]
    group = str(ref.get("apiVersion") or "").rpartition("/")[0]
    return group, *(str(ref.get(field) or "") for field in ("kind", "namespace", "name"))


def _merged(known: Sequence[Object] | None, entries: Sequence[Mapping[str, Any]]) -> list[Object]:
    by_id = {entry_id(entry): dict(entry) for entry in (*(known or ()), *entries)}
    return list(by_id.values())


def holder_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """`state.holder` of a record, empty when nobody ever held it."""
    held_by: Mapping[str, Any] = record["state"].get("holder") or {}
    return held_by


def touched(record: Mapping[str, Any]) -> bool:
    """Whether an attempt may have changed something outside: a request was sent, or an object written."""
    state = record["state"]
    return bool(state.get("sent") or state.get("before") or state.get("after"))


def never_began(record: Mapping[str, Any] | None) -> bool:
    """Whether `Skipped` may be written: what has begun is never made Skipped."""
    return record is None or RecordPhase(record["state"]["phase"]) is RecordPhase.SKIPPED


def code_of(record: Mapping[str, Any]) -> ExitCode:
    """Exit code that repeats the end of a record."""
    state = record["state"]
    recorded = state.get("exitCode")
    if recorded in list(ExitCode):
        return ExitCode(recorded)
    return exit_code(RecordPhase(state["phase"]), str(state.get("reason") or ""))


def result_of(record: Mapping[str, Any], *, replayed: bool) -> Result:
    """Result that a record tells; one that is still Started tells that nobody knows."""
    state = record["state"]
    phase = RecordPhase(state["phase"])
    return Result(
        key=record["spec"]["key"],
        phase=RecordPhase.UNKNOWN if phase is RecordPhase.STARTED else phase,
        reason=str(state.get("reason") or ""),
        message=str(state.get("message") or ""),
        start=str(state.get("startTime") or ""),
        completion=str(state.get("completionTime") or ""),
        retry_count=int(state.get("retryCount") or 0),
        record=record["metadata"]["name"],
        replayed=replayed,
        outputs=state.get("outputs") or {},
        values=state.get("values") or {},
        clusters=state.get("clusters") or (),
    )
