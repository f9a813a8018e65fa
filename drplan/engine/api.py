"""The door for the commands: start an execution, go on with it, try it again, cancel it, pause it.

    engine = Engine(Path(".drplan"), "default", on_change=view.update)
    signal.signal(signal.SIGINT, lambda *_: engine.request_cancel())
    execution = engine.start(snapshot)

Every method that runs something returns when it has ended, with the final DRPlanExecution; `on_change` gets every
status on the way. Where another process runs the execution already, `cancel`, `pause` and `resume` leave the wish there
for it, and return the execution as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.graph.snapshot import Snapshot
from compiler.model.names import (
    ANNOTATION_CANCEL,
    ANNOTATION_PAUSE,
    ANNOTATION_TRUE,
    CANCEL_FORCE,
    CANCEL_GRACEFUL,
)
from drplan.engine import steps, store
from drplan.engine.admission import Wish, admit, check_name, readmit
from drplan.engine.compiled import Compiled, check_settings
from drplan.engine.errors import EngineRunning, NotAllowed, NotFound
from drplan.engine.loop import Loop
from drplan.engine.objects import OnWarning, read_execution, refuse_missing_records
from drplan.engine.requests import CancelRequests
from drplan.engine.run import OnChange, Run, read_snapshot
from drplan.engine.store import EngineLock, ExecutionFolder, Object, StateFolder
from syncer.decide.recorded import is_recorded

PARALLELISM = 4
"""How many lanes run at once when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of an execution.

    Attributes:
        execution: the DRPlanExecution.
        records: its DRActionRecords.
        snapshot: what it ran.
    """

    execution: Object
    records: list[Object]
    snapshot: Snapshot


class Engine:
    """Runs executions of one namespace of a state folder.

    Attributes:
        ran: whether it has run any; it leaves those alone that another process runs.
    """

    def __init__(
        self,
        state: Path,
        namespace: str,
        *,
        parallelism: int = PARALLELISM,
        on_change: OnChange | None = None,
        on_warning: OnWarning | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; nothing is read or written yet.

        Args:
            state: the state folder.
            namespace: namespace of plans and executions.
            parallelism: how many lanes run at once.
            on_change: called with the execution after every change of its status.
            on_warning: called with what is wrong in the state folder and concerns other plans only.
            environment: environment variables of the runners, and where Secrets come from; this process's own if None.
        """
        check_name("namespace", namespace)
        self.ran = False
        self._state = StateFolder(state.absolute(), namespace)
        self._parallelism = max(parallelism, 1)
        self._on_change = on_change
        self._warn: OnWarning = on_warning or (lambda _: None)
        self._environment = dict(os.environ if environment is None else environment)
        self._requests = CancelRequests()

    def start(self, snapshot: Snapshot, *, name: str = "", force: bool = False, reason: str = "") -> Object:
        """Run a plan, or undo an execution of it.

        Args:
            snapshot: plan, workflows and input; with a target it is a revert.
            name: name of the execution; the next free one when empty.
            force: whether a revert may be out of order.
            reason: why, for the history.

        Raises:
            InputRefused: it cannot be started; nothing was written.
            compiler.problems.CompilerError: the plan cannot be compiled; nothing was written.
            StateUnavailable: the state folder cannot be read or written.
        """
        wish = Wish(snapshot, name, force, reason)
        admitted = admit(self._state, wish, environment=self._environment, warn=self._warn)
        return self._run(admitted.folder, admitted.lock, admitted.compiled)

    def retry(self, name: str) -> Object:
        """Run what an execution that is Failed, Cancelled or Unknown has not done.

        Raises:
            InputRefused: it may not be retried.
            EngineRunning: it is being run.
        """
        admitted = readmit(self._state, self._folder(name), environment=self._environment, warn=self._warn)
        return self._run(admitted.folder, admitted.lock, admitted.compiled)

    def resume(self, name: str) -> Object:
        """Take a pause back, and go on with an execution that no process runs.

        Raises:
            NotAllowed: it has ended.
            EngineRunning: another process runs it, and it was not paused.
        """
        check_settings(self._environment)
        folder = self._folder(name)
        execution = self._read(folder)
        paused = ANNOTATION_PAUSE in execution["metadata"].get("annotations", {})
        if steps.has_ended(execution) and is_recorded(execution):
            raise NotAllowed(f"execution {name} is {execution['status']['phase']}; there is nothing to go on with")
        if paused:
            execution = self._annotate(folder, ANNOTATION_PAUSE, None)
        ended = self._go_on(folder)
        if ended is None and not paused:
            raise EngineRunning(name)
        return ended or execution

    def cancel(self, name: str, *, force: bool = False) -> Object:
        """Cancel an execution: what acts finishes and nothing else starts; or, forced, end it now.

        Raises:
            NotAllowed: it has ended.
        """
        folder = self._folder(name)
        self._refuse_ended(folder)
        if not self.is_driven(name):
            check_settings(self._environment)
        execution = self._annotate(folder, ANNOTATION_CANCEL, CANCEL_FORCE if force else CANCEL_GRACEFUL)
        return self._go_on(folder) or execution

    def pause(self, name: str) -> Object:
        """Let an execution start nothing further until it is resumed.

        Raises:
            NotAllowed: it has ended.
        """
        folder = self._folder(name)
        self._refuse_ended(folder)
        return self._annotate(folder, ANNOTATION_PAUSE, ANNOTATION_TRUE)

    def request_cancel(self) -> None:
        """Cancel what this engine runs; once more forces it. To be called from a signal handler or another thread."""
        self._requests.ask()

    def is_driven(self, name: str) -> bool:
        """Whether a process runs an execution at the moment."""
        return store.lock_is_free(self._folder(name).path / store.ENGINE_LOCK) is False

    # --- running

    def _run(self, folder: ExecutionFolder, lock: EngineLock, compiled: Compiled | None = None) -> Object:
        """Bring an execution from wherever it is to its end."""
        self.ran = True
        try:
            run = Run(self._state, folder, on_change=self._on_change)
            if not steps.has_ended(run.execution):
                steps.begin(run, compiled=compiled)
                if run.workflow is not None and not run.workflow_ended:
                    self._loop(run).run_to_end()
            steps.finish(run)
            return run.execution
        finally:
            lock.release()

    def _loop(self, run: Run) -> Loop:
        return Loop(run, parallelism=self._parallelism, environment=self._environment, requests=self._requests)

    def _go_on(self, folder: ExecutionFolder) -> Object | None:
        """Run an execution to its end; None when another process does."""
        try:
            lock = EngineLock.take(folder.path, folder.name)
        except EngineRunning:
            return None
        return self._run(folder, lock)

    # --- reading and annotating

    def _folder(self, name: str) -> ExecutionFolder:
        check_name("execution", name)
        folder = self._state.execution(name)
        if not folder.path.is_dir():
            raise NotFound("execution", name, self._state.executions)
        return folder

    def _read(self, folder: ExecutionFolder) -> Object:
        execution = read_execution(folder)
        if execution is None:
            raise NotFound("execution", folder.name, self._state.executions)
        return execution

    def _refuse_ended(self, folder: ExecutionFolder) -> None:
        execution = self._read(folder)
        if steps.has_ended(execution):
            raise NotAllowed(f"execution {folder.name} has ended, it is {execution['status']['phase']}")

    def _annotate(self, folder: ExecutionFolder, name: str, value: str | None) -> Object:
        def annotated(execution: Object) -> Object:
            annotations = execution["metadata"].setdefault("annotations", {})
            if value is None:
                annotations.pop(name, None)
            else:
                annotations[name] = value
            return execution

        written = store.update(folder.execution, annotated)
        assert written is not None
        return written


def recorded(state: Path, namespace: str, name: str) -> Recorded:
    """Read what is recorded of an execution.

    Raises:
        NotFound: there is no such execution.
        StateUnavailable: it cannot be read.
        StateDamaged: the records of what it has done are missing.
    """
    check_name("namespace", namespace)
    check_name("execution", name)
    found = StateFolder(state.absolute(), namespace)
    folder = found.execution(name)
    execution = read_execution(folder)
    if execution is None:
        raise NotFound("execution", name, found.executions)
    read = [store.read(path) for path in sorted(folder.records.glob(f"[!.]*{store.SUFFIX}"))]
    records = [each for each in read if each is not None]
    if steps.has_ended(execution):
        refuse_missing_records(folder, execution, {each["spec"]["key"] for each in records})
    return Recorded(execution, records, read_snapshot(folder))
