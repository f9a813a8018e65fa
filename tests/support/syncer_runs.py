"""Workflows of a syncer's bench that nobody runs: what Argo and the runners would leave behind, written as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compiler.model.names import (
    ANNOTATION_FENCE,
    API_VERSION,
    KIND_RECORD,
    LABEL_EXECUTION,
    LABEL_EXECUTION_UID,
    LABEL_PLAN,
    LABEL_RESULT,
    LABEL_STAGE,
    record_name,
)
from support.api_admin import Object
from support.trees import Argo

if TYPE_CHECKING:
    from support.api_syncer import SyncerBench


@dataclass(frozen=True)
class ArgoRun:
    """A Workflow that nobody runs, and what its pods would have left."""

    bench: SyncerBench
    execution: str
    name: str

    def get(self) -> Object | None:
        """The Workflow; None when there is none."""
        return self.bench.administrator.get("Workflow", self.bench.namespace, self.name)

    @property
    def spec(self) -> Object:
        """Its spec."""
        found = self.get()
        assert found is not None
        spec: Object = found["spec"]
        return spec

    def argo(self, phase: str, phases: Mapping[str, str] | None = None, message: str = "") -> None:
        """Let it have a status as Argo writes it, with a lane a workflow use."""
        made = Argo(self.name)
        uses: dict[str, dict[str, str]] = {}
        for key, end in (phases or {}).items():
            use, _, local = key.rpartition(".")
            uses.setdefault(use, {})[local] = end
        for use, containers in uses.items():
            ended = "Succeeded" if set(containers.values()) == {"Succeeded"} else "Failed"
            made.lane(use, containers, pod="Running" if "Running" in containers.values() else ended)
        status = made.workflow(phase, message)["status"]
        labels = {"workflows.argoproj.io/completed": "true" if phase in ("Succeeded", "Failed", "Error") else "false"}
        patch = {"metadata": {"labels": labels}, "status": {**status, "message": message or None}}
        self.bench.administrator.merge("Workflow", self.bench.namespace, self.name, patch)

    def change(self, spec: Object) -> None:
        """Merge a patch into its spec, as Argo's commands do."""
        self.bench.administrator.merge("Workflow", self.bench.namespace, self.name, {"spec": spec})

    def copy(self, name: str) -> ArgoRun:
        """Resubmit it under another name."""
        found = self.get()
        assert found is not None
        metadata = {"name": name, "labels": found["metadata"]["labels"]}
        made = {"kind": "Workflow", "metadata": metadata, "spec": found["spec"]}
        self.bench.administrator.create({"apiVersion": found["apiVersion"], **made}, namespace=self.bench.namespace)
        return ArgoRun(self.bench, self.execution, name)

    def delete(self) -> None:
        """Delete it by hand."""
        self.bench.administrator.delete("Workflow", self.bench.namespace, self.name)

    def record(self, key: str, phase: str, **state: Any) -> None:
        """Leave the record of an action as its runner does, or change it."""
        bench, execution = self.bench, self.bench.execution(self.execution)
        uid = execution["metadata"]["uid"]
        name = record_name(self.execution, uid, key)
        workflow = (self.get() or {"metadata": {"uid": "gone"}})["metadata"]["uid"]
        times = {"startTime": "2026-01-01T00:00:00.000Z"}
        if phase != "Started":
            times["completionTime"] = "2026-01-01T00:00:01.000Z"
        written = {"epoch": 1, "run": 1, **times, **state, "phase": phase}
        if bench.administrator.get(KIND_RECORD, bench.namespace, name) is not None:
            patch = {"metadata": {"labels": {LABEL_RESULT: phase}}, "state": written}
            bench.administrator.merge(KIND_RECORD, bench.namespace, name, patch)
            return
        labels = {
            LABEL_EXECUTION: self.execution,
            LABEL_EXECUTION_UID: uid,
            LABEL_PLAN: execution["spec"]["planRef"],
            LABEL_STAGE: key.partition(".")[0],
            LABEL_RESULT: phase,
        }
        value = {
            "apiVersion": API_VERSION,
            "kind": KIND_RECORD,
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "schemaVersion": 1,
                "execution": {"name": self.execution, "uid": uid},
                "workflow": {"name": self.name, "uid": workflow},
                "key": key,
                "direction": "Revert" if execution["spec"]["operationType"] == "Revert" else "Forward",
                "action": {"name": key, "type": "HTTP", "operation": "POST"},
                "specHash": "0" * 64,
            },
            "state": written,
        }
        bench.administrator.create(value, namespace=bench.namespace)

    def record_without_execution(self, key: str, phase: str, *, plan: str = "pay") -> None:
        """Leave the record of an action as its runner does while nobody has made an execution for the Workflow."""
        found = self.get()
        assert found is not None
        uid = found["metadata"]["uid"]
        value = {
            "apiVersion": API_VERSION,
            "kind": KIND_RECORD,
            "metadata": {"name": record_name(self.name, uid, key), "labels": {LABEL_PLAN: plan, LABEL_RESULT: phase}},
            "spec": {
                "schemaVersion": 1,
                "execution": {"name": "", "uid": ""},
                "workflow": {"name": self.name, "uid": uid},
                "key": key,
                "direction": "Forward",
                "action": {"name": key, "type": "HTTP", "operation": "POST"},
                "specHash": "0" * 64,
            },
            "state": {"epoch": 1, "run": 1, "startTime": "2026-01-01T00:00:00.000Z", "phase": phase},
        }
        self.bench.administrator.create(value, namespace=self.bench.namespace)

    def record_state(self, key: str) -> Object:
        """State of the record of an action."""
        uid = self.bench.execution(self.execution)["metadata"]["uid"]
        name = record_name(self.execution, uid, key)
        found = self.bench.administrator.get(KIND_RECORD, self.bench.namespace, name)
        assert found is not None
        state: Object = found["state"]
        return state

    @property
    def fence(self) -> Object:
        """The fence of its execution."""
        fence: Object = json.loads(self.bench.execution(self.execution)["metadata"]["annotations"][ANNOTATION_FENCE])
        return fence
