"""What the state folder holds, read for showing: executions, plans, records and logs, with errors as the commands have.

Reading needs no lock: files are replaced whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drplan.engine.errors import InputRefused, NotFound, StateUnavailable
from drplan.engine.objects import OnWarning, read_execution
from drplan.engine.store import ENGINE_LOCK, SUFFIX, ExecutionFolder, StateFolder, lock_is_free, read
from drplan.errors import InputProblem, OutOfReach
from drplan.view.details import completed, is_complete
from drplan.view.outline import is_over
from syncer.times import parse_time

Object = dict[str, Any]

LOG_SUFFIX = ".log"
_UNKNOWN = datetime.min.replace(tzinfo=UTC)


@contextmanager
def readable() -> Iterator[None]:
    """Turn errors of the state folder into errors of the commands.

    Raises:
        InputProblem: what was asked for is not there.
        OutOfReach: the folder cannot be read, or a file in it is damaged.
    """
    try:
        yield
    except InputRefused as problem:
        raise InputProblem(str(problem)) from None
    except StateUnavailable as problem:
        raise OutOfReach(str(problem)) from None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The executions and plans of a namespace in a state folder.

    Attributes:
        state: the state folder.
        namespace: the namespace.
    """

    state: Path
    namespace: str

    @property
    def folder(self) -> StateFolder:
        """Where they are."""
        return StateFolder(self.state, self.namespace)

    def execution(self, name: str) -> Object:
        """An execution.

        Raises:
            InputProblem: there is no such execution.
            OutOfReach: it cannot be read.
        """
        with readable():
            found = read_execution(self.execution_folder(name))
            if found is None:
                raise NotFound("execution", name, self.folder.executions)
            return found

    def execution_folder(self, name: str) -> ExecutionFolder:
        """The folder of an execution, existing or not.

        Raises:
            InputProblem: the name is that of another place.
        """
        if "/" in name or name.startswith("."):
            raise InputProblem(f'"{name}" is no name of an execution')
        return self.folder.execution(name)

    def executions(self, warn: OnWarning) -> list[Object]:
        """All executions, newest first.

        Args:
            warn: gets what is wrong with those that cannot be read.

        Raises:
            OutOfReach: the folder cannot be read.
        """
        found = []
        with readable():
            folders = self.folder.list_executions()
        for folder in folders:
            try:
                found.append(read_execution(folder))
            except StateUnavailable as problem:
                warn(f"warning: {problem}")
        return sorted((each for each in found if each is not None), key=age_of, reverse=True)

    def namespaces(self) -> list[str]:
        """The namespaces that have executions."""
        return sorted(path.parent.name for path in self.state.glob("*/executions") if any(path.iterdir()))

    def plan(self, name: str) -> Object | None:
        """A plan with its status; None when it is not there."""
        if "/" in name or name.startswith("."):
            raise InputProblem(f'"{name}" is no name of a plan')
        with readable():
            return read(self.folder.plan(name))

    def records(self, execution: str) -> list[Object]:
        """The records of an execution."""
        with readable():
            files = sorted(self.execution_folder(execution).records.glob(f"*{SUFFIX}"))
            return [found for found in map(read, files) if found is not None]

    def stage_names(self, execution: str) -> list[str]:
        """Names of the stages in the order of the plan as it was when the execution started."""
        with readable():
            snapshot = read(self.execution_folder(execution).snapshot) or {}
        return [stage["name"] for stage in snapshot.get("plan", {}).get("spec", {}).get("stages", ())]

    def in_full(self, name: str) -> Object:
        """An execution with whatever its status leaves out for its size.

        Raises:
            InputProblem: there is no such execution.
            OutOfReach: it cannot be read.
        """
        execution = self.execution(name)
        if is_complete(execution):
            return execution
        return dict(completed(execution, self.records(name), self.stage_names(name)))

    def is_driven(self, execution: str) -> bool:
        """Whether an engine runs an execution at the moment."""
        with readable():
            return lock_is_free(self.execution_folder(execution).path / ENGINE_LOCK) is False

    def is_abandoned(self, execution: Object) -> bool:
        """Whether an execution has not ended and no engine runs it."""
        return not is_over(execution) and not self.is_driven(execution["metadata"]["name"])

    def logs(self, execution: str) -> dict[str, Path]:
        """Files with what was logged, by key of the action (or of the workflow use, for what closed it)."""
        return {
            path.name.removesuffix(LOG_SUFFIX): path
            for path in self.execution_folder(execution).logs.glob(f"*{LOG_SUFFIX}")
        }


def age_of(execution: Mapping[str, Any]) -> tuple[datetime, str, int]:
    """What executions are sorted by: when they began, then the number at the end of their names."""
    metadata, status = execution.get("metadata") or {}, execution.get("status") or {}
    name = metadata.get("name") or ""
    number = name.rpartition("-")[2]
    began = parse_time(status.get("startTime") or metadata.get("creationTimestamp")) or _UNKNOWN
    return began, name.rstrip("0123456789"), int(number) if number.isdecimal() else 0
