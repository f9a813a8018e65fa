"""The frame of every action: nine steps between "it is my turn" and an end that can be relied on.

    1, 2  the execution is there, its fence knows this Workflow
    3     the record: an end that holds is replayed
    –     what failed upstream keeps an action that has not begun from beginning
    4     the fence lets it start
    5     the record is ours, by compare-and-swap: before the first side effect, always
    6     the fence once more
    7–9   act, alive and able to lose; write the end

A conflict in 5 leads back to 1. Deciding is in `fence`, `turn` and `record`, waiting for the fence in `gatekeeper`,
everything from 6 on in `performing`. Until step 5 a signal ends the runner with nothing written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runner import ending as endings
from runner import fence as fences
from runner import record as records_of
from runner.about import Run
from runner.console import Console, now
from runner.ending import Ending
from runner.fence import Claim, Fence, Halted, NoFence, Silence, Standing
from runner.gatekeeper import Gatekeeper
from runner.holding import Holding
from runner.lane import Lane
from runner.naming import is_hook_key, within, workflow_of
from runner.patience import Patience
from runner.performing import Performing
from runner.record import Identity, Object, Round
from runner.records import Conflict, Forbidden, Gone, KindUnknown, Records, RecordsError, Unreachable
from runner.result import Result
from runner.settings import Waits
from runner.spec import Spec, spec_hash
from runner.stopping import Stop
from runner.turn import upstream
from runner.undoing import mark_undone
from runner.vocabulary import ActionType, Direction, ExitCode, Reason, RecordPhase

if TYPE_CHECKING:
    from runner.server import Server

_HOLDER_POLL = 2.0


class Frame:
    """One action at its turn."""

    def __init__(
        self,
        *,
        key: str,
        spec: Spec,
        run: Run,
        revert: bool,
        pod: str,
        lane: Lane,
        records: Records,
        waits: Waits,
        stop: Stop,
        console: Console,
        server: Callable[[], Server],
        await_predecessors: Callable[[], bool],
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            key: key of the action.
            spec: what is to be done.
            run: the run it belongs to.
            revert: whether the direction is revert.
            pod: name of the pod, or of the lane of the local engine.
            lane: the folder that the lane shares.
            records: the store.
            waits: how long to wait for what.
            stop: whether the runner was told to stop.
            console: where it speaks.
            server: the API server, for actions that need it.
            await_predecessors: waits until all predecessors in the lane have a result, False when one died.
        """
        self._key = key
        self._spec = spec
        self._run = run
        self._direction = Direction.REVERT if revert else Direction.FORWARD
        self._pod = pod
        self._lane = lane
        self._records = records
        self._waits = waits
        self._stop = stop
        self._console = console
        self._server = server
        self._await_predecessors = await_predecessors
        self._hash = spec_hash(spec.raw)
        self._ask = Patience(waits.api, stop)
        self._gate = Gatekeeper(
            key=key, run=run, records=records, ask=self._ask, waits=waits, stop=stop, console=console
        )
        self._recording = True
        self._silence = Silence()

    def run(self) -> Ending:
        """Go through the steps.

        Raises:
            Stopped: the runner was told to stop, and nothing was written.
        """
        try:
            while (ending := self._once()) is None:
                pass
            return ending
        except Unreachable as error:
            return endings.nothing_done(f"cannot reach the API server: {error}")
        except Forbidden as error:
            message = f"not allowed, nothing was done; apply deploy/runner/role.yaml to the namespace: {error}"
            return endings.refused(self._key, Reason.FORBIDDEN, message)
        except KindUnknown as error:
            message = f"records are required and DRActionRecord is not installed, nothing was done: {error}"
            return endings.refused(self._key, Reason.RECORDS_REQUIRED, message)
        except RecordsError as error:
            message = f"the API server refuses the record, nothing was done: {error}"
            return endings.refused(self._key, Reason.INVALID_SPEC, message)

    def _once(self) -> Ending | None:
        """All steps; None when a conflict leads back to the first."""
        self._gate.look_for_adoption()
        bound = self._gate.bound()
        if isinstance(bound, NoFence):
            return endings.nothing_done(bound.message)
        record = self._fetch()
        if isinstance(bound, Halted):
            return self._halted(record, bound)
        if (ending := self._decided(record, bound)) is not None:
            return ending
        if not _is_started(record) and (cause := self._upstream()) is not None:
            return self._skip(record, Halted(Reason.UPSTREAM_FAILED, cause))
        opened = self._gate.opened(bound)
        if isinstance(opened, NoFence):
            return endings.nothing_done(opened.message)
        if isinstance(opened, Halted):
            return self._halted(record, opened)
        if not _is_started(record) and (cause := self._failed_meanwhile()) is not None:
            return self._skip(record, Halted(Reason.UPSTREAM_FAILED, cause))
        return self._own(record, Round(opened.epoch, opened.run) if opened else Round(self._run.epoch, 1))

    @property
    def _identity(self) -> Identity:
        return Identity(
            key=self._key,
            run=self._gate.run,
            break_glass=self._run.break_glass,
            direction=self._direction,
            spec=self._spec,
            spec_hash=self._hash,
        )

    # Step 3, and what came before

    def _fetch(self) -> Object | None:
        if not self._recording:
            return None
        try:
            return self._ask(lambda: self._records.get(self._identity.name))
        except KindUnknown as error:
            # A lane may be tried again, and without a record nothing would keep a call from being sent again, too.
            if not (self._run.break_glass and self._spec.idempotent):
                raise
            self._recording = False
            self._console.say(f"warning: running without a record, so that it cannot be undone: {error}")
            return None

    def _decided(self, record: Object | None, bound: Fence | None) -> Ending | None:
        """What the record alone decides; also waits for the predecessors of an action that has begun."""
        standing = fences.standing(record, fence=bound, spec_hash=self._hash, idempotent=self._spec.idempotent)
        if record is None:
            return None
        if standing is Standing.CHANGED:
            message = "the action was begun with another spec; one execution cannot run two versions of a plan"
            return endings.refused(self._key, Reason.SPEC_CHANGED, message, record=record["metadata"]["name"])
        if standing is Standing.REPLAY:
            return self._replay(record)
        if standing is Standing.STARTED and not self._await_predecessors():
            return Ending(ExitCode.NOT_RUN, "not run: a predecessor died; the lane decides anew")
        return None

    def _replay(self, record: Object) -> Ending:
        result = records_of.result_of(record, replayed=True)
        self._console.say(f"replayed from its record: {result.phase}")
        if self._spec.undo and result.phase is RecordPhase.SUCCEEDED:
            self._undone()
        return Ending(records_of.code_of(record), result.message, result)

    def _undone(self) -> None:
        # Not to be given up for a signal: what was done must be seen on the forward record.
        patient = Patience(self._waits.api, Stop())
        problem = mark_undone(self._records, self._spec.undo, by=self._gate.run, ask=patient)
        if problem:
            self._console.say(f"warning: {problem}")

    def _upstream(self) -> str | None:
        """Why the action is not run because of what came before it, or None."""
        predecessors: dict[str, Result | None] = {}
        for local in self._spec.after:
            found = self._result_of(local)
            if found is not None or local in self._spec.earlier:
                predecessors[within(self._key, local)] = found
        return upstream(
            policy=self._spec.policy,
            needs=self._spec.needs,
            predecessors=predecessors,
            others=self._lane.results(workflow_of(self._key)).values(),
        )

    def _failed_meanwhile(self) -> str | None:
        """Whether something failed while the fence was waited for; only the lane is asked."""
        others = self._lane.results(workflow_of(self._key)).values()
        return upstream(policy=self._spec.policy, needs=self._spec.needs, predecessors={}, others=others)

    def _result_of(self, local: str) -> Result | None:
        """Result of another action of the workflow: from this lane, or of an earlier lane from its record."""
        key = within(self._key, local)
        if local not in self._spec.earlier:
            return self._lane.result(key)
        if not self._recording:
            raise KindUnknown("a workflow of more than one lane hands its results on in records")
        record = self._ask(lambda: self._records.get(self._identity.record_of(key)))
        return None if record is None else records_of.result_of(record, replayed=True)

    # Not started

    def _halted(self, record: Object | None, halted: Halted) -> Ending | None:
        """An action that must not start; one that was begun elsewhere is waited for, and then left as it is."""
        if record is None or not _is_started(record):
            return self._skip(record, halted)
        claim = self._claim(record)
        if claim is Claim.WAIT:
            self._await_holder(record)
            return None
        performing = self._performing(record)
        if claim is Claim.MINE:
            performing.let_go()
        return performing.left_alone(halted)

    def _skip(self, record: Object | None, halted: Halted) -> Ending | None:
        """Write `Skipped`, unless the action began in an earlier round or the record is not ours to write."""
        name = record["metadata"]["name"] if record else ""
        if halted.ours and self._recording and records_of.never_began(record):
            state = records_of.skipped(halted.reason, halted.message, at=now())
            try:
                name = self._make(record, self._gate.round(), state)["metadata"]["name"]
            except (Conflict, Gone):
                return None
        return endings.skipped(self._key, halted, record=name)

    def _make(self, record: Object | None, turn: Round, state: Mapping[str, Any]) -> Object:
        if record is None:
            made = records_of.new(self._identity, turn, state)
            return self._ask(lambda: self._records.create(made))
        again = records_of.with_state(record, {**record["state"], **state, "epoch": turn.epoch, "run": turn.run})
        return self._ask(lambda: self._records.replace(again))

    # Step 5

    def _own(self, record: Object | None, turn: Round) -> Ending | None:
        if not self._recording:
            return self._performing(None).run()
        if record is not None and _is_started(record) and self._claim(record) is Claim.WAIT:
            self._await_holder(record)
            return None
        self._stop.check()
        held_by = records_of.holder(self._lane.holder(), self._pod, attempt=1, at=now(6))
        try:
            if record is None:
                owned = self._make(None, turn, records_of.started(held_by, at=now()))
            else:
                owned = self._take(record, turn, held_by)
        except (Conflict, Gone):
            return None
        performing = self._performing(owned)
        return performing.recheck(self._gate, before=record)

    def _take(self, record: Object, turn: Round, held_by: Object) -> Object:
        pod = records_of.holder_of(record).get("pod")
        if _is_started(record):
            self._console.say(f"going on with what pod {pod} began")
        taken = records_of.taken(record, turn, held_by, at=now(), note=f"taken over from pod {pod}")
        return self._ask(lambda: self._records.replace(taken))

    def _claim(self, record: Object) -> Claim:
        held_by = records_of.holder_of(record)
        own = self._lane.holder()
        gone = False
        if held_by.get("id") != own and not held_by.get("released"):
            try:
                gone = self._ask(lambda: self._records.pod_gone(str(held_by.get("pod") or "")))
            except (Forbidden, KindUnknown):
                gone = False  # then the lease decides
        silent = self._silence.of(held_by, time.monotonic())
        return fences.claim(held_by, own_id=own, pod_gone=gone, silent=silent, lease=self._waits.lease)

    def _await_holder(self, record: Object) -> None:
        """Wait until the holder has ended, one way or another; what follows is decided from the beginning."""
        held_by = records_of.holder_of(record).get("id")
        self._console.say(f"waiting: pod {records_of.holder_of(record).get('pod')} holds the record")
        found: Object | None = record
        while found is not None and _is_started(found) and records_of.holder_of(found).get("id") == held_by:
            if self._claim(found) is not Claim.WAIT:
                return
            self._stop.sleep(min(_HOLDER_POLL, self._waits.lease / 10))
            found = self._fetch()

    # Step 6 and beyond

    def _performing(self, owned: Object | None) -> Performing:
        return Performing(
            identity=self._identity,
            holding=Holding(self._records, owned, self._waits),
            waits=self._waits,
            stop=self._stop,
            console=self._console,
            server=self._server,
            result_of=self._result_of,
            forward=self._forward_record if self._undoes else None,
            undone=self._undone if self._spec.undo else None,
        )

    @property
    def _undoes(self) -> bool:
        """Whether what an action did is undone from its record; a custom rollback and a hook are ordinary actions."""
        custom = self._spec.rollback or self._spec.type is ActionType.HTTP or is_hook_key(self._key)
        return self._direction is Direction.REVERT and not custom

    def _forward_record(self) -> Object | None:
        name = self._spec.undo
        return self._ask(lambda: self._records.get(name)) if name and self._recording else None


def _is_started(record: Object | None) -> bool:
    return record is not None and record["state"]["phase"] == RecordPhase.STARTED
