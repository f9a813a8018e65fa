"""Steps 6 to 9 of the frame: the record is ours; look at the fence again, act, and write the end.

From here on nothing may be dropped: every way out either ends the record, or lets go of it for the next pod, or finds
that somebody else has it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from runner import ending as endings
from runner import holes, support
from runner import record as records_of
from runner.acting import Acting
from runner.console import Console, now
from runner.ending import Ending
from runner.fence import Halted, NoFence
from runner.gatekeeper import Gatekeeper
from runner.holding import Holding, Lost
from runner.record import Identity, Object, Outcome
from runner.records import RecordsError
from runner.result import Result
from runner.settings import Waits
from runner.spec import Output, Secret, SpecError
from runner.stopping import Stop, Stopped
from runner.vocabulary import ActionType, ExitCode, Reason, RecordPhase

if TYPE_CHECKING:
    from runner.server import Server

_LET_GO = 3.0
_ROLLED_BACK = "Rolled back: executed custom {kind}rollback action"
_NOT_ROLLED_BACK = "Custom rollback failed: {why}"


class Performing:
    """An action whose record is ours (or that has none, in a break-glass run without records)."""

    def __init__(
        self,
        *,
        identity: Identity,
        holding: Holding,
        waits: Waits,
        stop: Stop,
        console: Console,
        server: Callable[[], Server],
        result_of: Callable[[str], Result | None],
        forward: Callable[[], Object | None] | None,
        undone: Callable[[], None] | None,
    ) -> None:
        """Prepare; nothing is written yet.

        Args:
            identity: which action of which run this is, and what is to be done.
            holding: its record.
            waits: how long to wait for what.
            stop: whether the runner was told to stop.
            console: where it speaks.
            server: the API server, for actions that need it.
            result_of: result of another action of the workflow by the last segment of its key.
            forward: reads the record of the action that is undone; None unless what it did is to be undone from there.
            undone: notes on the forward record that it was undone; None when nothing is undone.
        """
        self._identity = identity
        self._key = identity.key
        self._spec = identity.spec
        self._holding = holding
        self._waits = waits
        self._stop = stop
        self._console = console
        self._server = server
        self._result_of = result_of
        self._forward = forward
        self._undone = undone

    def recheck(self, gate: Gatekeeper, *, before: Object | None) -> Ending:
        """Step 6: look at the fence once more, now that the record is ours; then act.

        Args:
            gate: the fence.
            before: the record as it was before it became ours, None when there was none.
        """
        self._holding.keep_alive(self._give_up)
        try:
            opened = gate.opened()
        except Stopped:
            return self.stopped()
        except RecordsError as error:
            self.let_go()
            return endings.nothing_done(f"cannot reach the API server: {error}")
        if isinstance(opened, NoFence):
            self.let_go()
            return endings.nothing_done(opened.message)
        return self._halted(opened, before) if isinstance(opened, Halted) else self.run()

    def run(self) -> Ending:
        """Steps 7 to 9."""
        acting = Acting(
            self._identity,
            self._holding,
            server=self._server,
            waits=self._waits,
            stop=self._stop,
            console=self._console,
        )
        start = now()
        try:
            outcome = self._act(acting)
        except Stopped:
            return self.stopped()
        except Lost as lost:
            return _lost(lost)
        except RecordsError as error:
            self.let_go()
            return Ending(ExitCode.NOTHING_DONE, f"stopped acting, the records are out of reach: {error}")
        return self._settle(self._presented(outcome), acting, start)

    def stopped(self) -> Ending:
        """Let go, because the runner was told to stop."""
        self.let_go()
        return Ending(ExitCode.STOPPED, "stopped before it had ended; whoever takes over goes on from its record")

    def let_go(self) -> None:
        """Let go of the record, if that can be done quickly: else the lease runs out."""
        try:
            self._holding.release(until=time.monotonic() + _LET_GO)
        except (RecordsError, Lost) as error:
            self._console.say(f"warning: could not let go of the record: {error}")

    def left_alone(self, halted: Halted) -> Ending:
        """End without touching a record that says that the action has begun."""
        record = self._holding.record
        assert record is not None
        phase = RecordPhase.UNKNOWN if records_of.touched(record) else RecordPhase.CANCELLED
        result = records_of.result_of(record, replayed=False)._replace(
            phase=phase, reason=halted.reason, message=halted.message, completion=now()
        )
        return Ending(ExitCode.NOT_RUN, halted.message, result)

    def _halted(self, halted: Halted, before: Object | None) -> Ending:
        """Halted at the last look: nothing was done yet, so the record says what it would say without us."""
        if before is not None and before["state"]["phase"] == RecordPhase.STARTED:
            self.let_go()
            return self.left_alone(halted)
        if before is None or records_of.never_began(before):
            state = records_of.skipped(halted.reason, halted.message, at=now())
        else:
            state = dict(before["state"])
        try:
            self._holding.put_back(state, until=time.monotonic() + self._waits.last_write)
        except Lost as lost:
            return _lost(lost)
        except RecordsError as error:
            self._console.say(f"warning: the record could not be written: {error}")
        return endings.skipped(self._key, halted, record=self._holding.name)

    def _act(self, acting: Acting) -> Outcome:
        record = self._holding.record
        if record is not None and record["state"].get("sent") and not self._spec.idempotent:
            what = f"{self._spec.type} {self._spec.operation}"
            return _unknown(f"{what} was sent by an attempt that was lost; look at the other side before a retry")
        try:
            filled = holes.fill(self._spec.raw, self._spec.holes, self._part)
        except (holes.Missing, holes.TooLarge) as error:
            large = isinstance(error, holes.TooLarge)
            reason = Reason.OUTPUT_TOO_LARGE if large else Reason.OUTPUT_MISSING
            return Outcome(RecordPhase.FAILED, ExitCode.FAILED, reason, str(error))
        block: dict[str, Any] = filled[self._spec.block_name]
        try:
            return self._perform(block, acting)
        except (Stopped, Lost, RecordsError):
            raise
        except SpecError as error:
            return Outcome(RecordPhase.FAILED, ExitCode.CONFIGURATION, Reason.INVALID_SPEC, str(error))
        except Exception as error:
            self._console.trace()
            return _unknown(f"error in the runner, please report it: {type(error).__name__}: {error}")

    def _perform(self, block: Mapping[str, Any], acting: Acting) -> Outcome:
        performer = support.performer(self._spec.type)
        if self._forward is None:
            return performer.perform(block, acting)
        forward = self._forward()
        if forward is None:
            message = "what the action did was not recorded, so it cannot be undone; look at what it was to change"
            return Outcome(RecordPhase.FAILED, ExitCode.FAILED, Reason.NOT_UNDOABLE, message)
        return performer.undo(block, acting, forward)

    def _part(self, part: Output | Secret) -> str:
        if isinstance(part, Secret):
            return os.environ[part.variable]
        result = self._result_of(part.action)
        if result is None:
            raise holes.Missing(f"output {part.path} is asked of action {part.action}, which has no result")
        return holes.output(result, part.path)

    def _presented(self, outcome: Outcome) -> Outcome:
        """Word the outcome of a rollback as such, and redact it."""
        message = outcome.message
        if self._spec.rollback and outcome.phase is RecordPhase.SUCCEEDED:
            message = _ROLLED_BACK.format(kind="HTTP " if self._spec.type is ActionType.HTTP else "")
        elif self._spec.rollback and outcome.phase is RecordPhase.FAILED:
            message = _NOT_ROLLED_BACK.format(why=message)
        redactor = self._console.redactor
        return outcome._replace(
            message=redactor.text(message),
            outputs=redactor.value(outcome.outputs, names=False),
            values=redactor.value(outcome.values, names=False),
            clusters=redactor.value(outcome.clusters, names=False),
        )

    def _settle(self, outcome: Outcome, acting: Acting, start: str) -> Ending:
        """Step 9."""
        at = now()
        written = True
        try:
            until = time.monotonic() + self._waits.last_write
            self._holding.end(outcome, at=at, last_try=acting.last_try, retries=acting.retries, until=until)
        except Lost as lost:
            return _lost(lost)
        except RecordsError as error:
            written = False
            self._console.say(f"warning: the end could not be recorded: {error}")
        if self._undone and outcome.phase is RecordPhase.SUCCEEDED:
            self._undone()
        record = self._holding.record
        result = Result(
            key=self._key,
            phase=outcome.phase,
            reason=outcome.reason,
            message=outcome.message,
            start=record["state"].get("startTime", start) if record else start,
            completion=at,
            retry_count=acting.retries,
            record=self._holding.name if written else "",
            outputs=outcome.outputs,
            values=outcome.values,
            clusters=outcome.clusters,
        )
        return Ending(outcome.code, outcome.message, result)

    def _give_up(self, lost: Lost) -> NoReturn:
        """Stop at once, whatever the main thread is in: somebody else acts now."""
        ending = _lost(lost)
        self._console.say(ending.message)
        self._console.end(ending.message)
        sys.stderr.flush()
        os._exit(ending.code)


def _unknown(message: str) -> Outcome:
    return Outcome(RecordPhase.UNKNOWN, ExitCode.UNKNOWN, Reason.OUTCOME_UNKNOWN, message)


def _lost(lost: Lost) -> Ending:
    return Ending(ExitCode.NOT_RUN, f"not run to its end here: {lost}")
