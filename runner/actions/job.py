"""Action type Job: creates a Job and, unless `waitReady` is false, waits for its end.

A Job is not made twice: its name follows from the action, and the record tells one that is gone from one that never
was. It does not outlive an action that waits for it either: it gets the action's timeout as its own deadline, should
nobody be left to end it, and when the timeout is over it is deleted with its pods, before the failover moves on. What
a Job and its pods say about themselves is read in `runner.actions.job_end`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from runner.acting import Acting, OutOfTime
from runner.actions import job_end
from runner.kube.answers import KubeError
from runner.kube.changing import Change, Owner, Written
from runner.kube.concluding import NotDone, concluded, succeeded
from runner.kube.engine import Engine
from runner.kube.objects import Object, Ref, being_deleted, object_reference, ref_of
from runner.kube.readiness import Failed, Readiness, Waiting
from runner.kube.telling import rolled_back, values_of
from runner.naming import job_name
from runner.record import Outcome, entry_id
from runner.vocabulary import ExitCode, Operation, Reason, RecordPhase

_API_VERSION, _KIND = "batch/v1", "Job"
_NAMESPACE = "default"
_POD_LABEL = "job-name"
_DEADLINE = "activeDeadlineSeconds"
_TTL = "ttlSecondsAfterFinished"
_KEPT = 60
"""Seconds that a Job which is waited for stays at least, so that whoever takes over still sees how it ended."""
_GRACE = 30
"""Seconds that a pod gets to end when it does not say."""
_CLEARING = 30.0
"""Seconds for deleting a Job, besides those that its pods get to end."""


def perform(block: Mapping[str, Any], acting: Acting) -> Outcome:
    """Create the Job of a filled block, and wait for its end."""
    engine = Engine.of(acting)
    return concluded(engine, lambda: _in_time(manifest(block, acting), engine), outputs=_outputs)


def undo(_block: Mapping[str, Any], acting: Acting, forward: Object) -> Outcome:
    """Delete the Job of an action, with its pods."""
    engine = Engine.of(acting)
    return concluded(engine, lambda: succeeded(rolled_back(engine.undo(forward))))


def manifest(block: Mapping[str, Any], acting: Acting) -> Object:
    """The Job of a filled block."""
    identity, spec = acting.identity, dict(block["template"]["spec"])
    run = identity.run
    name = job_name(acting.spec.name, run.workflow.uid if identity.break_glass else run.uid, identity.key)
    if block.get(_TTL) is not None:
        spec[_TTL] = block[_TTL]
    if acting.spec.wait_ready:
        if spec.get(_DEADLINE) is None:
            spec[_DEADLINE] = math.ceil(acting.spec.timeout)
        if isinstance(spec.get(_TTL), int):
            spec[_TTL] = max(spec[_TTL], _KEPT)
    metadata = {"name": name, "namespace": block.get("namespace") or _NAMESPACE}
    return {"apiVersion": _API_VERSION, "kind": _KIND, "metadata": metadata, "spec": spec}


def _outputs(written: Sequence[Written]) -> Mapping[str, Any]:
    return {"jobRef": object_reference(written[0].ref)} if written else {}


def _in_time(job: Object, engine: Engine) -> Outcome:
    try:
        return _forward(job, engine)
    except OutOfTime:
        message = f"timed out after {engine.acting.spec.timeout:g} s: {engine.doing}"
        raise NotDone(Reason.TIMED_OUT, message + _cleared(job, engine)) from None


def _forward(job: Object, engine: Engine) -> Outcome:
    ref = ref_of(job)
    record = engine.acting.record
    begun = record is None or bool(record["state"].get("sent"))
    live = engine.read(lambda: engine.cluster.get(ref), f"read {ref.shown}")
    if begun and live is None and ref.identity in map(entry_id, engine.acting.after):
        return _vanished(ref)
    if not begun and live is not None and _ours(live, engine) and _spent(live):
        engine.delete_now([ref_of(live)])
    (written,) = engine.forward([Change(Operation.CREATE, job)])
    if not engine.acting.spec.wait_ready:
        message = f"{ref.shown} created successfully{written.note}"
        return succeeded(message, _outputs([written]), values_of(written))
    # Makes the record name the Job now: by that one which is gone is told from one that was not made yet.
    engine.acting.before_call()
    written = written._replace(obj=_awaited(written.ref, engine))
    message = f"{ref.shown} completed successfully{written.note}"
    return succeeded(message, _outputs([written]), values_of(written))


def _spent(job: Mapping[str, Any]) -> bool:
    """Whether a Job that an earlier run of the action left stands in the way of another try."""
    return being_deleted(job) or isinstance(job_end.judge(job), Failed)


def _ours(job: Mapping[str, Any], engine: Engine) -> bool:
    identity = engine.acting.identity
    return Owner(identity.key, identity.owner_uids).has(job)


def _vanished(ref: Ref) -> Outcome:
    message = f"{ref.shown} was made by an earlier attempt and is gone; its end is unknown, so it is not made again"
    return Outcome(RecordPhase.UNKNOWN, ExitCode.UNKNOWN, Reason.OUTCOME_UNKNOWN, message)


def _awaited(ref: Ref, engine: Engine) -> Object:
    """Wait for the end of a Job and return it as it ended."""

    def look() -> tuple[Object, Readiness] | Waiting:
        live = engine.cluster.get(ref)
        if live is None or ref_of(live).uid != ref.uid:
            raise NotDone(Reason.CONFLICT, f"{ref.shown} was deleted by somebody else before it had ended")
        verdict = job_end.judge(live)
        engine.acting.progress(*job_end.completions(live))
        return verdict if isinstance(verdict, Waiting) else (live, verdict)

    found = engine.wait_until(look, doing=f"for the end of {ref.shown}")
    assert not isinstance(found, Waiting)
    live, verdict = found
    if isinstance(verdict, Failed):
        raise NotDone(Reason.JOB_FAILED, f"{ref.shown} failed: {verdict.reason}{_blamed(ref, engine)}")
    return live


def _blamed(ref: Ref, engine: Engine) -> str:
    """Say how the last pod of a Job ended, where that can be read; begins with a separator."""
    selector = f"{_POD_LABEL}={ref.name}"
    try:
        pods = engine.read(
            lambda: engine.cluster.list("v1", "Pod", ref.namespace, selector=selector), f"list the pods of {ref.shown}"
        )
    except (KubeError, OutOfTime) as error:
        return f"; how its pods ended cannot be read: {error}" if str(error) else ""
    told = job_end.last_words(pods, ref.uid)
    return f"; {told}" if told else ""


def _cleared(job: Object, engine: Engine) -> str:
    """Delete a Job whose time is over, with its pods, and say so; begins with a separator."""
    pod = (job["spec"].get("template") or {}).get("spec") or {}
    grace = pod.get("terminationGracePeriodSeconds")
    engine.acting.extend((grace if isinstance(grace, int) else _GRACE) + _CLEARING)
    ref = ref_of(job)
    try:
        live = engine.read(lambda: engine.cluster.get(ref), f"read {ref.shown}")
        if live is None or not _ours(live, engine):
            return ""
        engine.delete_now([ref_of(live)])
    except OutOfTime:
        return f"; {ref.shown} is being deleted, but is not gone yet: {engine.doing}"
    except KubeError as error:
        return f"; {ref.shown} could not be deleted and may go on: {error}"
    return f"; {ref.shown} was deleted with its pods"
