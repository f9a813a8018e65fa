"""A run as the engine holds it in memory, and the writes that go with it.

Everything here can be rebuilt from the execution's folder; that is what happens when another engine goes on with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import msgspec

from compiler.graph.snapshot import Snapshot
from compiler.graph.tree import Graph
from compiler.model.names import ANNOTATION_FENCE
from compiler.model.phases import Phase
from drplan.engine import store
from drplan.engine.errors import NotFound, StateDamaged
from drplan.engine.nodes import Nodes, Shutdown
from drplan.engine.nodestatus import read_nodes, status
from drplan.engine.objects import read_execution
from drplan.engine.program import Program, read_program
from drplan.engine.store import ExecutionFolder, Object, StateFolder
from drplan.engine.watch import RecordsWatch
from syncer.decide.fence import Fence, FenceError
from syncer.decide.retry import graph_of
from syncer.fold import fold

OnChange = Callable[[Object], None]

_WRITING_SHARE = 10
"""A status that took long to write is not written again before this many times that long."""


class Run:
    """One execution that this process runs.

    Attributes:
        state: the state folder.
        folder: the execution's folder.
        execution: the execution as it was written last.
        snapshot: what it runs.
        records: its records.
    """

    def __init__(self, state: StateFolder, folder: ExecutionFolder, *, on_change: OnChange | None = None) -> None:
        execution = read_execution(folder)
        if execution is None:
            raise NotFound("execution", folder.name, state.executions)
        self.state = state
        self.folder = folder
        self.execution: Object = execution
        self.snapshot = read_snapshot(folder)
        self.records = RecordsWatch(folder.records)
        self.records.look()
        self._workflow = store.read(folder.workflow(self.epoch))
        self._nodes: Nodes = read_nodes(self._workflow) if self._workflow else {}
        self._rendered = True
        self._on_change = on_change
        self._next_save = 0.0
        self._next_show = 0.0

    # --- what it is

    @property
    def uid(self) -> str:
        """Uid of the execution."""
        return str(self.execution["metadata"]["uid"])

    @property
    def status(self) -> Mapping[str, Any]:
        """Status of the execution."""
        return self.execution.get("status") or {}

    @property
    def phase(self) -> Phase:
        """Phase of the execution."""
        return Phase.read(self.status.get("phase"))

    @property
    def epoch(self) -> int:
        """Epoch that is run."""
        return int(self.status.get("epoch") or 1)

    @property
    def fence(self) -> Fence | None:
        """The fence."""
        try:
            return Fence.of(self.execution)
        except FenceError as error:
            raise StateDamaged(self.folder.execution, str(error)) from error

    @property
    def lost(self) -> bool:
        """Whether the Workflow that the execution is bound to is gone."""
        return self._workflow is None and bool((self.status.get("workflowRef") or {}).get("uid"))

    @cached_property
    def graph(self) -> Graph:
        """The decided graph of this epoch."""
        return graph_of(self.snapshot, self.records.records, self.epoch)

    @cached_property
    def program(self) -> Program:
        """The Workflow as a program."""
        assert self._workflow is not None
        return read_program(self._workflow)

    @property
    def nodes(self) -> Nodes:
        """Nodes of the Workflow."""
        return self._nodes

    @nodes.setter
    def nodes(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._rendered = False

    @property
    def workflow(self) -> Object | None:
        """The Workflow, with its nodes as they are; None before it is created, or when nothing is to run."""
        if self._workflow is not None and not self._rendered:
            started = self._workflow["status"]["startedAt"]
            self._workflow["status"] = status(self.program, self._nodes, started=started, shutdown=self.shutdown)
            self._rendered = True
        return self._workflow

    @property
    def workflow_ended(self) -> bool:
        """Whether the Workflow has ended."""
        root = self._nodes.get(self.program.workflow)
        return root is not None and root.fulfilled

    @property
    def suspended(self) -> bool:
        """Whether the Workflow is suspended."""
        return bool(self._workflow and self._workflow["spec"].get("suspend"))

    @property
    def shutdown(self) -> Shutdown | None:
        """How the Workflow is shut down, if it is."""
        wanted = self._workflow["spec"].get("shutdown") if self._workflow else None
        return Shutdown(wanted) if wanted else None

    # --- what is written

    def change(self, change: Callable[[Object], None]) -> None:
        """Change the execution: read, modified and written under the lock, since commands write annotations."""

        def changed(execution: Object) -> Object:
            change(execution)
            return execution

        written = store.update(self.folder.execution, changed)
        assert written is not None
        self.execution = written

    def set_fence(self, fence: Fence) -> None:
        """Write the fence."""
        self.change(lambda execution: put_fence(execution, fence))

    def create_workflow(self, workflow: Object) -> None:
        """Write the Workflow for the first time."""
        self._workflow = workflow
        self.nodes = {}
        self.save_workflow()

    def change_workflow(self, spec: Mapping[str, Any]) -> None:
        """Merge a patch into the spec of the Workflow and write it."""
        assert self._workflow is not None
        for name, value in spec.items():
            if value is None:
                self._workflow["spec"].pop(name, None)
            else:
                self._workflow["spec"][name] = value
        self.save_workflow()

    def save_workflow(self, *, urgent: bool = True) -> bool:
        """Write the Workflow with its nodes as they are.

        Args:
            urgent: whether to write it whatever the last write cost.

        Returns:
            Whether it was done; False means that it has to be done later.
        """
        began = time.monotonic()
        if not urgent and began < self._next_save:
            return False
        workflow = self.workflow
        assert workflow is not None
        path = self.folder.workflow(self.epoch)
        with store.locked(path.parent):
            store.count_up(workflow)
            store.write(path, workflow)
        self._next_save = time.monotonic() + _WRITING_SHARE * (time.monotonic() - began)
        return True

    def show(self, *, now: datetime | None = None, urgent: bool = True) -> bool:
        """Fold everything into the status and write it if it has changed.

        Args:
            now: the time.
            urgent: whether to write it whatever the last write cost.

        Returns:
            Whether it was done; False means that it has to be done later.
        """
        began = time.monotonic()
        if not urgent and began < self._next_show:
            return False
        folded = self.folded(now or datetime.now(UTC))
        if folded != self.status:
            self.change(lambda execution: execution.update(status=folded))
            self.tell()
        self._next_show = time.monotonic() + _WRITING_SHARE * (time.monotonic() - began)
        return True

    def folded(self, now: datetime) -> dict[str, Any]:
        """What is known of the run as a status."""
        before = dict(self.status)
        return fold(
            self.graph,
            execution=self.execution,
            workflow=self.encoded_workflow(),
            records=self.records.records,
            previous=before,
            now=now,
            lost=self.lost,
        )

    def encoded_workflow(self) -> bytes | None:
        """The Workflow as JSON."""
        workflow = self.workflow
        return None if workflow is None else msgspec.json.encode(workflow)

    def tell(self) -> None:
        """Tell whoever watches."""
        if self._on_change is not None:
            self._on_change(self.execution)


def put_fence(execution: Object, fence: Fence) -> None:
    """Put a fence into an execution."""
    execution["metadata"].setdefault("annotations", {})[ANNOTATION_FENCE] = fence.dump()


def read_snapshot(folder: ExecutionFolder) -> Snapshot:
    """Read the snapshot of an execution.

    Raises:
        StateDamaged: it is missing, or no snapshot that this version knows.
    """
    value = store.read(folder.snapshot)
    if value is None:
        raise StateDamaged(folder.snapshot, "is missing")
    try:
        return Snapshot.from_json(value)
    except (ValueError, KeyError, TypeError) as error:
        raise StateDamaged(folder.snapshot, f"is no snapshot ({error})") from error
