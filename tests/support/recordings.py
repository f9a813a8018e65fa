"""Recordings: what real runs on Argo left behind, kept as files that the fold is tested with.

A folder holds `plan.yaml` (the plan and its workflows), `execution.json` (the DRPlanExecution without its status),
`workflow.json` (the Argo Workflow, `null` when it was deleted) and `records.json` (the DRActionRecords). What differs
from run to run is masked, so that recording again shows what has changed: uids, what is made from them (names, node
ids), and times, which count from a fixed moment in steps of `STEP`.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from compiler.argo.node_ids import fnv1a
from compiler.graph import build
from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id
from compiler.graph.tree import Graph
from compiler.model.execution import DRPlanExecution
from compiler.model.names import (
    ANNOTATION_COMPILED_HASH,
    ANNOTATION_SNAPSHOT_HASH,
    digest,
    record_name,
)
from compiler.model.plan import DRPlan
from compiler.model.workflow import DRWorkflow
from syncer.fold import fold
from syncer.records import by_key

FOLDER = Path(__file__).parents[1] / "recordings"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=5)
LATER = EPOCH + timedelta(hours=1)
"""When recordings are folded: long after every lease."""

Object = dict[str, Any]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NODE_NUMBER = re.compile(r"(?<=-)\d{5,10}(?![0-9a-z])")
_VOLATILE = ("managedFields", "resourceVersion", "resourcesDuration")
_DIGITS = 10


@dataclass(frozen=True)
class Recording:
    """What a run left behind.

    Attributes:
        objects: the plan, then its workflows.
        execution: the DRPlanExecution.
        workflow: the Argo Workflow; None when it was deleted while it ran.
        records: DRActionRecords by key.
    """

    objects: list[Object]
    execution: Object
    workflow: Object | None
    records: Mapping[str, Object]

    @cached_property
    def graph(self) -> Graph:
        """The graph of the run."""
        plan, *workflows = self.objects
        snapshot = Snapshot(
            plan=DRPlan.model_validate(plan),
            workflows=by_id(DRWorkflow.model_validate(each) for each in workflows),
            execution=ExecutionInput.of(DRPlanExecution.model_validate(self.execution)),
        )
        return build(snapshot)

    @property
    def nodes(self) -> dict[str, Object]:
        """Nodes of the Workflow by id, unpacked when they are packed."""
        status = (self.workflow or {}).get("status") or {}
        packed = status.get("compressedNodes")
        found = json.loads(gzip.decompress(base64.b64decode(packed))) if packed else status.get("nodes")
        return dict(found or {})

    def with_nodes(self, nodes: Mapping[str, Object]) -> Recording:
        """The same with other nodes."""
        return self._with_status(nodes=dict(nodes), compressedNodes="")

    def packed(self) -> Recording:
        """The same with its nodes as Argo stores those of a large Workflow: JSON, gzip, base64."""
        text = json.dumps(self.nodes, separators=(",", ":"), sort_keys=True).encode()
        return self._with_status(nodes=None, compressedNodes=base64.b64encode(gzip.compress(text, mtime=0)).decode())

    def _with_status(self, **fields: Any) -> Recording:
        workflow = self.workflow or {}
        status = {name: each for name, each in {**workflow.get("status", {}), **fields}.items() if each}
        return replace(self, workflow={**workflow, "status": status})

    def folded(self, *, without_records: bool = False) -> Object:
        """The status that it folds to, with nothing known from before."""
        return fold(
            self.graph,
            execution=self.execution,
            workflow=self.workflow,
            records={} if without_records else self.records,
            now=LATER,
            lost=self.workflow is None,
        )


def load(folder: Path) -> Recording:
    """Read a recording."""
    execution, workflow, records = (
        json.loads((folder / f"{name}.json").read_text()) for name in ("execution", "workflow", "records")
    )
    objects = list(yaml.safe_load_all((folder / "plan.yaml").read_text()))
    return Recording(objects, execution, workflow, by_key(records))


def save(recording: Recording, folder: Path, *, about: str) -> None:
    """Write a recording, `about` saying in a sentence what happened in it."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = yaml.safe_dump_all(recording.objects, sort_keys=False, width=120)
    (folder / "plan.yaml").write_text(f"# {about}\n---\n{plan}")
    records = [recording.records[key] for key in sorted(recording.records)]
    parts = {"execution": recording.execution, "workflow": recording.workflow, "records": records}
    for name, value in parts.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def masked(recording: Recording) -> Recording:
    """Replace what differs from run to run."""
    execution = _without_volatile({name: each for name, each in recording.execution.items() if name != "status"})
    workflow = _without_volatile(recording.workflow)
    records = _without_volatile([recording.records[key] for key in sorted(recording.records)])
    if workflow:
        workflow["metadata"].pop("generation", None)
        for name in (ANNOTATION_COMPILED_HASH, ANNOTATION_SNAPSHOT_HASH):
            workflow["metadata"]["annotations"][name] = "0" * 64
    _name_holders(records)
    text = json.dumps([execution, workflow, records])
    for mask in (*_identity(recording), _times(recording)):
        text = mask(text)
    execution, workflow, records = json.loads(text)
    return replace(recording, execution=execution, workflow=workflow, records=by_key(records))


def _without_volatile(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_volatile(each) for name, each in value.items() if name not in _VOLATILE}
    return [_without_volatile(each) for each in value] if isinstance(value, list) else value


def _name_holders(records: list[Object]) -> None:
    names: dict[str, str] = {}
    for record in records:
        holder = record["state"].get("holder")
        if holder:
            holder["id"] = names.setdefault(holder["id"], f"holder-{len(names) + 1}")


def _identity(recording: Recording) -> list[Callable[[str], str]]:
    """Masks of the uids, and of all that is made from that of the execution."""
    name, uid = recording.execution["metadata"]["name"], recording.execution["metadata"]["uid"]
    fixed = _fixed_uid(1)
    names = {
        record_name(name, uid, action.key): record_name(name, fixed, action.key) for action in recording.graph.actions()
    }
    names[digest(uid, _DIGITS)] = digest(fixed, _DIGITS)
    names[digest(uid, 8)] = digest(fixed, 8)
    workflow = (recording.workflow or {}).get("metadata", {}).get("name", "")
    numbers = {}
    for node in recording.nodes.values():
        renamed = node["name"].replace(workflow, workflow.replace(digest(uid, 8), digest(fixed, 8)), 1)
        numbers[str(fnv1a(node["name"]))] = str(fnv1a(renamed))
    uids = {uid: fixed}

    def mask_names(text: str) -> str:
        for old, new in names.items():
            text = text.replace(old, new)
        return text

    def mask_numbers(text: str) -> str:
        return _NODE_NUMBER.sub(lambda found: numbers.get(found[0], "0"), text)

    def mask_uids(text: str) -> str:
        return _UID.sub(lambda found: uids.setdefault(found[0], _fixed_uid(len(uids) + 1)), text)

    return [mask_names, mask_numbers, mask_uids]


def _fixed_uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def _times(recording: Recording) -> Callable[[str], str]:
    """A mask of times that keeps their order, as far as they are not in the same step."""
    begin = datetime.fromisoformat(recording.execution["metadata"]["creationTimestamp"])

    def moved(found: re.Match[str]) -> str:
        since = datetime.fromisoformat(found[0]) - begin
        fraction = "." + "0" * (len(found[1]) - 1) if found[1] else ""
        return f"{EPOCH + since // STEP * STEP:%Y-%m-%dT%H:%M:%S}{fraction}Z"

    return lambda text: _TIME.sub(moved, text)
